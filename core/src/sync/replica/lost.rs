//! The server does not know the review any more: it was restored from a copy that is older than the review.

use std::collections::BTreeSet;

use super::{Cause, Event, Replica};
use crate::clock::Millis;
use crate::id::{ClientId, CommentId};
use crate::review::Review;
use crate::wire::ErrorCode;

impl Replica {
    /// The server knows no such review, and this replica has one that it once had. What was pending, and what was
    /// acknowledged of this user's, is set aside as [`Cause::HistoryLost`]. Nothing is sent until the server knows the
    /// review again, and then under another id; what is here can still be read.
    ///
    /// Told again, it sets aside what was done since, and nothing twice.
    pub fn review_lost(&mut self, now: Millis, fresh: ClientId) {
        self.told(now);
        let first = !std::mem::replace(&mut self.lost, true);
        let (pending, _) = self.take_pending();
        if first {
            let touched: BTreeSet<_> = pending.edited().into_iter().chain(pending.added()).collect();
            self.recover_all(&touched);
            // What an undo would take back is not there any more.
            self.undo.clear();
            (self.client, self.next_seq) = (fresh, 1);
            self.ledger_dirty = true;
        }
        self.set_aside_all(Cause::HistoryLost, pending);
        self.offline();
        self.dirty += 1;
        if first {
            self.emit(Event::Stuck(ErrorCode::UnknownReview));
        }
    }

    /// Offers everything that the server had of this user's as drafts, but for comments that are set aside with what
    /// is pending in them.
    fn recover_all(&mut self, touched: &BTreeSet<CommentId>) {
        let nothing = Review::new(self.confirmed.id);
        let old = std::mem::replace(&mut self.confirmed, nothing);
        let edited = self.receipts.iter().flat_map(|receipt| receipt.comments.iter().copied());
        let added = old.comments.values().filter(|comment| comment.author == self.user);
        let mine: BTreeSet<_> = edited.chain(added.map(|comment| comment.id)).collect();
        for was in mine.difference(touched).filter_map(|id| old.comments.get(id)) {
            self.recover_text(was);
        }
        self.recover_fields(crate::change::Entity::Review, &old.fields, |_| true);
        self.confirmed = old;
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
