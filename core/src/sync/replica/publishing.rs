//! Private drafts on their way to everybody.

use std::collections::BTreeSet;

use super::{EditError, Link, Replica};
use crate::change::{Change, PublishedDecision};
use crate::clock::Millis;
use crate::id::Version;
use crate::review::Comment;

impl Replica {
    /// The drafts that are being published from here, as they will be. They take no more edits, and
    /// [`list_drafts`](Replica::list_drafts) has them again if the review refuses them.
    pub fn publishing(&self) -> Vec<Comment> {
        let named: BTreeSet<_> =
            self.changes().flat_map(|change| change.published().iter().copied()).collect();
        let named = named.into_iter().filter(|id| {
            let confirmed = self.confirmed.comments.get(id);
            confirmed.is_none_or(|draft| draft.published.is_none())
        });
        named.filter_map(|id| self.comment(id)).filter(|draft| draft.removed.is_none()).collect()
    }

    /// The server has lost a part of the review that these are drafts in: a publication that waits has seen nothing of
    /// what comes in its place. Returns whether they have to be opened again at once: what is in flight can be said anew
    /// only once the server has settled it.
    pub fn review_went_back(&mut self) -> bool {
        self.buffer.forget_review();
        if let Some(batch) = &mut self.in_flight {
            batch.changes.forget_review();
        }
        self.lose_published_code();
        self.dirty += 1;
        self.restates() && self.link != Link::Offline
    }

    /// Whether what is in flight says to have seen what is lost. The next opening asks what became of it, and where
    /// nothing did it goes out under another number, as it is kept here.
    pub(super) fn restates(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|batch| {
            let publishes = |change: &Change| matches!(change, Change::DraftsPublished { .. });
            let meant = batch.changes.changes();
            meant.iter().any(publishes) && meant != batch.sent_changes()
        })
    }

    /// Publishes once more what was refused, with those drafts that still are and with what its author sees of the review
    /// by now, and forgets the record. A decision stays about the code that it was made on: where that may be lost, it
    /// is refused with [`EditError::UnknownBase`].
    pub fn retry_publication(
        &mut self,
        now: Millis,
        id: u64,
        decision: Option<PublishedDecision>,
        seen: Option<Version>,
    ) -> Result<(), EditError> {
        let record =
            self.rejected().iter().find(|record| record.id == id).ok_or(EditError::UnknownRejected)?;
        self.check_published_on(record)?;
        let named = record.changes.iter().flat_map(Change::published).copied();
        let drafts = named.filter(|draft| self.is_draft(*draft)).collect();
        self.publish_drafts(now, drafts, decision, seen)?;
        self.discard_rejected(Some(id));
        Ok(())
    }
}
