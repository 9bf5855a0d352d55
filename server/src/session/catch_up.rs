//! Opening a review: joining its room, and before that whatever a client that was away for long has to catch up
//! on.
//!
//! The entries that a room keeps at hand come from it in pieces, older ones from the store; each waits for the
//! socket. Only a client that is nearly there joins, at an exact version, so there is no gap and the room never
//! waits.

use std::sync::Arc;

use bytestring::ByteString;
use interline_core::entry::{EncodedEntry, Head};
use interline_core::id::{ReviewId, SessionId};
use interline_core::wire::{ErrorCode, entry_frame};
use tokio::sync::oneshot;

use super::outbox::Ended;
use super::{OpenReviews, Outbox, Principal};
use crate::room::{Behind, Failure, Join, Joining, RoomHandle};
use crate::store::{Store, StoreError};

/// Entries read at once.
const PAGE: u32 = 200;

/// A review that is being opened.
pub(super) struct Opening {
    pub(super) store: Arc<dyn Store>,
    pub(super) room: RoomHandle,
    pub(super) principal: Principal,
    pub(super) requested: String,
    pub(super) have: Option<Head>,
    pub(super) outbox: Outbox,
    pub(super) open: OpenReviews,
}

/// Why it is not opened.
enum Stopped {
    Failed(Failure),
    /// The session has ended; there is nobody to tell.
    Ended,
}

impl From<Ended> for Stopped {
    fn from(_: Ended) -> Stopped {
        Stopped::Ended
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Stopped {
        Stopped::Failed(error.into())
    }
}

impl Opening {
    pub(super) async fn run(self) {
        let id = self.room.id();
        if let Err(Stopped::Failed(failure)) = self.catch_up(id).await {
            // First this, so that the client can try again as soon as it hears of it.
            self.open.borrow_mut().remove(&id);
            self.outbox.push(failure.frame(Some(id), Some(self.requested)));
        }
    }

    async fn catch_up(&self, id: ReviewId) -> Result<(), Stopped> {
        let mut have = self.have.filter(|have| have.version > 0);
        let mut told = None;
        loop {
            let behind = match self.join(have, told.clone()).await {
                Joining::Joined => return Ok(()),
                Joining::Failed(failure) => return Err(Stopped::Failed(failure)),
                Joining::Behind(behind) => behind,
            };
            let Behind { opened, told: sessions, mut entries } = behind;
            if let (Some(at), true) = (have, entries.is_empty()) {
                // Entries that were read here are of this log; what the client says it has may not be.
                if told.is_none() && !self.holds(id, at).await? {
                    let message = "this log does not contain what the client says it has";
                    return Err(Stopped::Failed(Failure::new(ErrorCode::HistoryLost, message)));
                }
                entries = self.older(id, at).await?;
            }
            if told.is_none() {
                self.outbox.push_bulk(opened).await?;
                told = Some(sessions);
            }
            for (head, frame) in entries {
                self.outbox.push_bulk(frame).await?;
                have = Some(head);
            }
            self.outbox.flush_bulk().await?;
        }
    }

    /// Whether the log goes through a head.
    async fn holds(&self, id: ReviewId, head: Head) -> Result<bool, StoreError> {
        let entry = self.store.entries(id, head.version - 1, 1).await?.into_iter().next();
        Ok(entry.is_some_and(|entry| head_of(&entry) == head))
    }

    async fn older(&self, id: ReviewId, at: Head) -> Result<Vec<(Head, ByteString)>, StoreError> {
        let page = self.store.entries(id, at.version, PAGE).await?;
        Ok(page.iter().map(|entry| (head_of(entry), entry_frame(id, entry).into())).collect())
    }

    /// Sends a join and waits for what becomes of it.
    async fn join(&self, have: Option<Head>, told: Option<Vec<SessionId>>) -> Joining {
        let (reply, joining) = oneshot::channel();
        let join = Join {
            session: self.principal.session,
            client: self.principal.client,
            user: self.principal.user.clone(),
            requested: self.requested.clone(),
            have,
            told,
            outbox: self.outbox.clone(),
            reply,
        };
        self.room.join(join, joining).await
    }
}

fn head_of(entry: &EncodedEntry) -> Head {
    Head { version: entry.version, hash: entry.hash }
}
