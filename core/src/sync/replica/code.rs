//! Since when the log is known to have each patch set. Its number alone does not tell which code it is: a server that
//! was set back gives it to other code.

use super::{EditError, Rejected, Replica};
use crate::change::Change;
use crate::id::Version;
use crate::review::{Place, Review};

/// Of how many patch sets that is known at most, the newest: their number is whatever a server says.
const KEPT: u32 = 64;

impl Replica {
    /// The confirmed review has come to a version, maybe with patch sets that were not known here.
    pub(super) fn learn_code(&mut self, version: Version) {
        let review = &self.confirmed;
        self.code.retain(|number, _| *number <= review.patch_set);
        let next = self.code.last_key_value().map_or(1, |(number, _)| number + 1);
        for number in next.max(review.patch_set.saturating_sub(KEPT - 1))..=review.patch_set {
            let known = had_code(review, number).min(version);
            self.code.insert(number, known);
            self.ledger_dirty = true;
        }
        while self.code.len() > KEPT as usize {
            self.code.pop_first();
        }
    }

    /// The log that was here is lost behind a version: what came with that, the log does not have.
    pub(super) fn lose_code(&mut self, held: Version) {
        self.code.retain(|_, version| *version <= held);
        // Of drafts, those versions are of another log.
        let drafts = self.drafts_of().is_some();
        for rejected in &mut self.rejected {
            rejected.grounds.code = rejected.grounds.code.filter(|version| !drafts && *version <= held);
            for change in &mut rejected.changes {
                // What a conflict is called by may be the name of another one by now.
                if let Change::ConflictSettled { write, .. } = change {
                    write.seen = write.seen.min(held);
                }
            }
        }
        self.ledger_dirty = true;
    }

    /// The review behind this log of drafts has lost a part of its log: nobody knows here of which code.
    pub(super) fn lose_published_code(&mut self) {
        for rejected in &mut self.rejected {
            self.ledger_dirty |= rejected.grounds.code.take().is_some();
        }
    }

    /// A version by which the log had the code that a decision among some changes was made on.
    pub(super) fn code_of(&self, changes: &[Change]) -> Option<Version> {
        changes.iter().find_map(|change| match change {
            Change::Decided { status, .. } => self.code.get(&status.patch_set?).copied(),
            // What its author saw of the review had it.
            Change::DraftsPublished { decision: Some(_), seen, .. } => *seen,
            _ => None,
        })
    }

    /// A decision that was to be published with drafts is about the code that it was made on, and about no other.
    pub(super) fn check_published_on(&self, rejected: &Rejected) -> Result<(), EditError> {
        let decision = rejected.changes.iter().find_map(|change| match change {
            Change::DraftsPublished { decision, .. } => decision.as_ref(),
            _ => None,
        });
        decision.map_or(Ok(()), |decision| self.decided_on(decision.status.patch_set, rejected).map(drop))
    }

    /// The patch set that a decision can be about that was made on one of this number.
    pub(super) fn decided_on(
        &self,
        number: Option<u32>,
        rejected: &Rejected,
    ) -> Result<Option<u32>, EditError> {
        // A review begins with its first.
        let first = number.unwrap_or(self.confirmed.patch_set) <= 1;
        if first || (number.is_some() && rejected.grounds.code.is_some()) {
            return Ok(number);
        }
        Err(EditError::UnknownBase)
    }
}

/// The oldest version of what a review has on this code or on newer.
fn had_code(review: &Review, number: u32) -> Version {
    let comments = review.comments.values().filter_map(|comment| match &comment.place {
        Place::Line(anchor) if anchor.patch_set >= number => Some(comment.added),
        _ => None,
    });
    comments.min().unwrap_or(Version::MAX)
}
