//! What the slots of a review and of its user's drafts know of each other: how much is not durable on the server.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use interline_core::id::ReviewId;
use interline_core::sync::{Event as Change, Unsynced};

use crate::event::Event;
use crate::slot::{Inner, Slot};

/// What is not durable of drafts. Numbered: where two threads tell it, the later one counts.
pub(crate) type Told = (u64, Unsynced);

impl Slot {
    /// The slot of the user's private drafts in this review, if it is open.
    pub(crate) fn open_drafts(&self) -> Option<Arc<Slot>> {
        if self.drafts_of().is_some() { None } else { self.shared.entered(&self.beside.to_string()) }
    }

    /// The server has lost a part of this review: what waits to be published in it has seen nothing of what is there now.
    /// Returns the drafts where they have to be opened again for that.
    pub(crate) fn went_back(&self) -> Option<Arc<Slot>> {
        let drafts = self.open_drafts()?;
        drafts.with(|inner, _| inner.replica.review_went_back()).then_some(drafts)
    }

    /// How much of these drafts is not durable, for the review that they are drafts in. Called under the slot's lock.
    pub(crate) fn count_drafts(&self, inner: &Inner) -> Option<(ReviewId, Told)> {
        let of = inner.replica.drafts_of()?;
        let number = self.shared.told.fetch_add(1, Ordering::Relaxed) + 1;
        Some((of, (number, inner.replica.unsynced())))
    }

    /// Tells the review, if it is open.
    pub(crate) fn tell_review(&self, of: ReviewId, told: Told) {
        if let Some(review) = self.shared.entered(&of.to_string()) {
            review.with(|inner, _| inner.drafts_are(told));
        }
    }

    /// One of the two has been opened.
    pub(crate) fn meet(&self) {
        let drafts = self.open_drafts();
        let drafts = drafts.as_deref().unwrap_or(self);
        if let Some((of, told)) = drafts.read(|inner| drafts.count_drafts(inner)) {
            drafts.tell_review(of, told);
        }
    }
}

impl Inner {
    /// How much is not durable on the server, the user's drafts counted in.
    pub(crate) fn unsynced(&self) -> Unsynced {
        self.with_drafts(self.replica.unsynced())
    }

    /// The same, where so much of it is not drafts.
    pub(crate) fn with_drafts(&self, own: Unsynced) -> Unsynced {
        let (_, drafts) = self.drafts;
        let since = [own.since, drafts.since].into_iter().flatten().min();
        Unsynced { count: own.count + drafts.count, of: own.of + drafts.of, since }
    }

    fn drafts_are(&mut self, told: Told) {
        if told.0 > self.drafts.0 {
            self.drafts = told;
            let unsynced = self.unsynced();
            self.emit(Event::Unsynced(unsynced));
        }
    }

    /// Whether this is about an edit that goes on in the review by itself: that is no news.
    pub(crate) fn is_carried_over(&self, change: &Change) -> bool {
        let drafts = self.replica.drafts_of().is_some();
        matches!(change, Change::Rejected(rejected) if drafts && rejected.is_late())
    }
}
