//! Coming back: what is unread since the last visit, and which files were viewed. This user's own on all their
//! devices, and nobody else's business.

use std::collections::BTreeSet;

use interline_core::id::CommentId;

use crate::error::EditError;
use crate::review::Review;

impl Review {
    /// The threads with a comment of somebody else's that this user has not read, by their roots.
    pub fn unread(&self) -> BTreeSet<CommentId> {
        self.slot().read(|inner| inner.replica.unread())
    }

    /// This user has read a thread as it is now. Works without a connection, as [`set_viewed`](Review::set_viewed).
    pub fn mark_read(&self, thread: CommentId) -> Result<(), EditError> {
        self.marked(|review| {
            review.slot().edit_if(|replica, _| replica.mark_read(thread).map(|()| ((), false)))
        })
    }

    /// The files that this user has viewed and whose diff has not changed since.
    pub fn viewed(&self) -> BTreeSet<String> {
        self.slot().read(|inner| inner.replica.viewed())
    }

    /// This user has viewed a file as it is in the newest patch set, or takes that back. It is saved here, and sent
    /// when there is a connection; [`synced`](Review::synced) does not wait for it.
    pub fn set_viewed(&self, file: &str, viewed: bool) -> Result<(), EditError> {
        self.marked(|review| {
            review.slot().edit_if(|replica, now| replica.set_viewed(now, file, viewed).map(|()| ((), false)))
        })
    }

    fn marked(&self, mark: impl FnOnce(&Review) -> Result<(), EditError>) -> Result<(), EditError> {
        mark(self)?;
        self.wake();
        Ok(())
    }
}
