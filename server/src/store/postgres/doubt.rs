//! Logs of which nobody knows what became of a commit.
//!
//! It may be on the primary's disk and on no standby's: a session that is ended while its commit waits for a standby
//! leaves it so. Whoever finds it by then must not rely on it before a standby has it, too. That takes a commit of
//! one's own that waits for the standby, for what a primary has written is replicated in order.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use interline_core::id::ReviewId;

use crate::store::ReviewAppend;

/// The logs that are in doubt at this node.
#[derive(Debug, Default)]
pub(super) struct Doubts(Mutex<HashSet<ReviewId>>);

impl Doubts {
    /// An append has got no answer to its commit.
    pub(super) fn add<'a>(&self, appends: impl Iterator<Item = &'a ReviewAppend>) {
        self.lock().extend(appends.flat_map(ReviewAppend::parts).map(|part| part.review));
    }

    /// Something behind that has been committed, and waited for.
    pub(super) fn settle<'a>(&self, appends: impl Iterator<Item = &'a ReviewAppend>) {
        let mut doubts = self.lock();
        for part in appends.flat_map(ReviewAppend::parts) {
            doubts.remove(&part.review);
        }
    }

    pub(super) fn settle_one(&self, review: ReviewId) {
        self.lock().remove(&review);
    }

    pub(super) fn is_about(&self, review: ReviewId) -> bool {
        self.lock().contains(&review)
    }

    /// Whether they are about any part of these.
    pub(super) fn are_about(&self, appends: &[ReviewAppend]) -> bool {
        let doubts = self.lock();
        !doubts.is_empty()
            && appends.iter().flat_map(ReviewAppend::parts).any(|part| doubts.contains(&part.review))
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<ReviewId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
