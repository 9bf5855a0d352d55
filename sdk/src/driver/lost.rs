//! Reviews that the server does not know any more, and what their keys lead to since.
//!
//! The copy that is here stays, and opens by its id. A key that led to it is asked of the server at every opening: it may
//! have been given to another review. Where the server knows no review of that key either, or does not answer, the key
//! opens the copy as before.

use interline_core::sync::ResyncReason;

use super::{Driver, answer};
use crate::error::OpenError;
use crate::lock::lock;
use crate::shared::Reply;
use crate::slot::{Held, Slot};

impl Driver {
    /// The server does not know a review of which a copy is here.
    pub(super) fn review_lost(&mut self, slot: &Slot) {
        let renewed = slot.with(|inner, now| {
            let before = inner.replica.client();
            inner.review_lost(now);
            inner.replica.client() != before
        });
        lock(&self.shared.counters).counted.renewals += u64::from(renewed);
        self.went_back(slot);
        let keys = &mut lock(&self.shared.state).keys;
        let led_here = keys.extract_if(.., |key, id| *id == slot.id && key.parse() != Ok(slot.id));
        self.lost_keys.extend(led_here);
    }

    /// The server has lost a part of a review, or all of it: a publication on its way there has to be settled first.
    pub(super) fn went_back(&mut self, slot: &Slot) {
        if let Some(drafts) = slot.went_back() {
            self.resync(&drafts, ResyncReason::Gap);
        }
    }

    /// Answers those whose review the server did not open: with the copy that their key led to, if it has lost that.
    pub(super) fn not_heard_of(&self, key: &str, waiting: Vec<Reply>, error: &OpenError) {
        let copy = self.lost_keys.get(key).and_then(|id| self.shared.find(&id.to_string()));
        // Drafts are there without the server.
        let drafts = || self.shared.find(key).filter(|held| held.drafts_of().is_some());
        let copy = copy.or_else(drafts);
        for reply in waiting {
            let copy = copy.as_ref().map(|held| Held::new(held.slot()));
            answer(reply, copy.ok_or_else(|| error.clone()));
        }
    }
}
