//! What nodes tell each other: the entries that they have appended, who moved where, which sessions to close.
//!
//! All of it is only quick. A message may be lost, come twice, early or late: what a room has missed it notices by
//! version, and reads from the store. Nothing here ever waits for anybody.

mod closing;
mod local;
mod news;
mod publisher;
mod redis;
mod subscription;

use std::sync::Arc;

use async_trait::async_trait;
use interline_core::id::{ReviewId, SessionId};

pub use self::redis::RedisFanout;
use crate::link::LinkError;
pub use local::LocalFanout;
pub use news::News;
use subscription::Inbox;
pub use subscription::Subscription;

/// Called with each session that some node wants closed: says whether it was this node's, and is closed.
pub type Close = Box<dyn Fn(SessionId) -> bool + Send + Sync>;

/// What nodes say that were asked to close a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closed {
    /// It is closed, says the node that had it.
    Done,
    /// None of the nodes has it; one that cannot be reached may have.
    Nobodys,
    /// Not all of them have answered, or not all that there are may have been asked.
    NotSaid,
}

/// How nodes tell each other things.
#[async_trait]
pub trait Fanout: Send + Sync + 'static {
    /// For people: which kind it is, and where.
    fn describe(&self) -> String;

    /// Whether other nodes may write to the same logs. If not, nobody looks into the store for what they wrote.
    fn is_shared(&self) -> bool;

    /// Why what is said is not heard, for people, as far as is known; nothing while it is.
    fn trouble(&self) -> Option<String>;

    /// Whether what is said is heard, as far as is known.
    fn is_healthy(&self) -> bool {
        self.trouble().is_none()
    }

    /// Tells all other nodes that have a review loaded. Never waits: what there is no place for is not said.
    fn publish(&self, review: ReviewId, news: News);

    /// Hears what other nodes say of a review, for as long as what is returned lives. One at a time.
    fn subscribe(&self, review: ReviewId) -> Subscription;

    /// Asks all nodes to close a session, and waits a moment for what they say.
    async fn close(&self, session: SessionId) -> Result<Closed, LinkError>;

    /// Waits until everything that was to be said is said, or cannot be.
    async fn flush(&self);
}

/// The fan-out of a node that is the only one.
pub fn local() -> Arc<dyn Fanout> {
    Arc::new(LocalFanout)
}
