//! The server does not know the review any more: it was restored from a copy that is older than the review.

use std::collections::BTreeSet;

use super::{Cause, Event, Replica};
use crate::clock::Millis;
use crate::id::ClientId;
use crate::wire::ErrorCode;

impl Replica {
    /// The server knows no such review, and this replica has one that it once had. What was pending, and what was
    /// acknowledged of this user's, is set aside as [`Cause::HistoryLost`]. Nothing is sent until the server knows the
    /// review again, and then under another id; what is here can still be read, and no edit is taken.
    ///
    /// Told again, it sets aside what an earlier release has taken since, and nothing twice.
    pub fn review_lost(&mut self, now: Millis, fresh: ClientId) {
        self.told(now);
        let first = !std::mem::replace(&mut self.lost, true);
        let (pending, _) = self.take_pending();
        if first {
            let touched: BTreeSet<_> = pending.edited().into_iter().chain(pending.added()).collect();
            self.recover_all(&touched);
            // What an undo would take back is not there any more.
            self.undo.clear();
            self.go_by(fresh);
        }
        self.set_aside_all(Cause::HistoryLost, pending);
        self.offline();
        self.dirty += 1;
        if first {
            self.emit(Event::Stuck(ErrorCode::UnknownReview));
        }
    }

    /// Whether the server, when it was last asked, did not know the review any more.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// The server has opened the review: it knows it, or knows it again.
    pub(super) fn found(&mut self) {
        if std::mem::take(&mut self.lost) {
            self.ledger_dirty = true;
            self.dirty += 1;
        }
    }
}
