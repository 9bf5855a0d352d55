//! Who is here, for other nodes and after a glance: kept for seconds, never needed for correctness.
//!
//! Rooms tell the [`Board`] where their members are and never wait for it. One task carries the board over to a
//! [`PresenceStore`] and says again every few seconds what still holds; what nobody says again expires.

mod board;
mod memory;
mod redis;

use std::time::Duration;

use async_trait::async_trait;
use interline_core::clock::Millis;
use interline_core::id::{ClientId, ReviewId, SessionId, User};
use interline_core::presence::Presence;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::redis::RedisPresence;
pub use board::Board;
pub use memory::MemoryPresence;

/// How long what was said of somebody holds.
pub const TTL: Duration = Duration::from_secs(9);
/// How often it is said again.
pub const HEARTBEAT: Duration = Duration::from_secs(3);
/// How often it is looked whether it can be read, and has not been lost: then it is said again at once.
pub const LOOK: Duration = Duration::from_millis(500);

/// A connection of a client, as other nodes see it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Which connection.
    pub session: SessionId,
    /// Whose it is.
    pub user: User,
    /// From which local replica.
    pub client: ClientId,
    /// To which node.
    pub node: Uuid,
    /// The reviews that it has open.
    pub reviews: Vec<ReviewId>,
    /// When it began.
    pub since: Millis,
}

/// One thing to be remembered or forgotten.
#[derive(Clone, PartialEq, Debug)]
pub enum PresenceWrite {
    /// Somebody is here, and there.
    Put(ReviewId, Presence),
    /// They are gone.
    Remove(ReviewId, SessionId),
    /// A connection is up.
    PutSession(SessionRecord),
    /// It is gone.
    RemoveSession(SessionId),
}

impl PresenceWrite {
    /// Whether something is forgotten.
    fn forgets(&self) -> bool {
        matches!(self, PresenceWrite::Remove(..) | PresenceWrite::RemoveSession(_))
    }
}

/// The presence store cannot be reached.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the presence store is not available: {0}")]
pub struct PresenceError(pub String);

/// Where presence is kept. Everything in it expires by itself.
#[async_trait]
pub trait PresenceStore: Send + Sync + 'static {
    /// For people: which kind it is, and where.
    fn describe(&self) -> String;

    /// Writes, all in one go; what is put holds for `ttl`, which is no shorter than that of what holds already.
    async fn write(&self, writes: &[PresenceWrite], ttl: Duration) -> Result<(), PresenceError>;

    /// Everybody who is in a review, in the order of their sessions' ids.
    async fn list(&self, review: ReviewId) -> Result<Vec<Presence>, PresenceError>;

    /// Every connection, in the order of their ids.
    async fn list_sessions(&self) -> Result<Vec<SessionRecord>, PresenceError>;

    /// One connection.
    async fn session(&self, session: SessionId) -> Result<Option<SessionRecord>, PresenceError>;

    /// Leaves a mark of this node's, for as long.
    async fn mark(&self, _ttl: Duration) -> Result<(), PresenceError> {
        Ok(())
    }

    /// Whether that is still there, and with it, most likely, all else that was written. Whoever cannot read what
    /// nodes have to cannot read that.
    async fn is_marked(&self) -> Result<bool, PresenceError> {
        Ok(true)
    }

    /// Waits until there is another connection than the last so many; how many there were.
    async fn connected_again(&self, _connections: u64) -> u64 {
        std::future::pending().await
    }

    /// Remembers where somebody is.
    async fn put(&self, review: ReviewId, presence: Presence, ttl: Duration) -> Result<(), PresenceError> {
        self.write(&[PresenceWrite::Put(review, presence)], ttl).await
    }

    /// Forgets somebody.
    async fn remove(&self, review: ReviewId, session: SessionId) -> Result<(), PresenceError> {
        self.write(&[PresenceWrite::Remove(review, session)], TTL).await
    }

    /// Remembers a connection.
    async fn put_session(&self, record: SessionRecord, ttl: Duration) -> Result<(), PresenceError> {
        self.write(&[PresenceWrite::PutSession(record)], ttl).await
    }

    /// Forgets a connection.
    async fn remove_session(&self, session: SessionId) -> Result<(), PresenceError> {
        self.write(&[PresenceWrite::RemoveSession(session)], TTL).await
    }
}
