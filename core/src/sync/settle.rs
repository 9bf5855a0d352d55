//! From a judged batch to an entry: what the registers decide, and what the tip becomes.

use std::cell::Cell;

use super::plan::{Planned, Planner};
use super::sequencer::{Sequencer, Submission};
use crate::change::{Entity, FieldWrite};
use crate::clock::{HlcTime, Millis, Stamp};
use crate::entry::{AnswerResult, ENTRY_FORMAT, Entry, Fact, Outcome, Verdict};
use crate::review::{FoldError, Register, Review};

/// What the sequencer makes of a batch.
pub(super) enum Sequenced {
    /// This entry, unless every change is rejected, and this answer.
    As(Option<Entry>, AnswerResult),
    /// Nothing: too much has happened since its base.
    TooFar,
}

impl Sequencer {
    /// Makes the entry of a batch and applies it to the tip; no entry where every change is rejected.
    pub(super) fn entry(
        &mut self,
        now: Millis,
        submission: &Submission,
        older: &[Entry],
    ) -> Result<Sequenced, FoldError> {
        let Submission { client, user, batch, skew, .. } = submission;
        let planner = Planner {
            tip: &self.tip,
            tip_chars: self.tip_chars,
            grown: Cell::new(0),
            worked: Cell::new(0),
            history: &self.history,
            older,
            patch_sets: &self.patch_sets,
            limits: &self.limits,
            user,
            client: *client,
            skew: *skew,
            now,
        };
        let Some(plan) = planner.plan(batch) else { return Ok(Sequenced::TooFar) };
        let rejected = |(change, reason): (usize, _)| Verdict { change, outcome: Outcome::Rejected(reason) };
        if plan.iter().all(Result::is_err) {
            let reasons = plan.into_iter().filter_map(Result::err).enumerate();
            return Ok(Sequenced::As(None, AnswerResult::Rejected(reasons.map(rejected).collect())));
        }
        let version = self.tip.version + 1;
        let mut entry = Entry {
            format: ENTRY_FORMAT,
            version,
            author: user.clone(),
            client: *client,
            seq: batch.seq,
            at: now,
            facts: Vec::new(),
            verdicts: Vec::new(),
        };
        for (change, planned) in plan.into_iter().enumerate() {
            match planned {
                Err(reason) => entry.verdicts.push(rejected((change, reason))),
                Ok(planned) => self.settle(&mut entry, change, planned, *skew)?,
            }
        }
        self.tip.version = version;
        self.tip_chars = self.tip_chars.saturating_add_signed(grown(&entry.facts));
        let verdicts = entry.verdicts.clone();
        Ok(Sequenced::As(Some(entry), AnswerResult::Committed { version, hash: None, verdicts }))
    }

    /// Turns a planned change into facts and applies them to the tip.
    fn settle(
        &mut self,
        entry: &mut Entry,
        change: usize,
        planned: Planned,
        skew: i64,
    ) -> Result<(), FoldError> {
        let fact = match planned {
            Planned::Nothing => return Ok(()),
            Planned::Fact(fact) => fact,
            Planned::Edit(comment, op) => {
                let checksum = self.tip.edit(comment, &op, entry.version)?.checksum();
                entry.facts.push(Fact::TextEdited { comment, op, checksum });
                return Ok(());
            }
            Planned::Fields(entity, fields, at) => {
                for (field, write) in fields {
                    let at = at.corrected(skew, entry.at);
                    match self.decide(entry, entity, &field, write, at) {
                        Decision::Same => {}
                        Decision::Loses(outcome) => entry.verdicts.push(Verdict { change, outcome }),
                        Decision::Wins(fact) => {
                            self.tip.apply_fact(entry.version, &entry.author, entry.at, &fact)?;
                            entry.facts.push(fact);
                        }
                    }
                }
                return Ok(());
            }
        };
        self.tip.apply_fact(entry.version, &entry.author, entry.at, &fact)?;
        entry.facts.push(fact);
        Ok(())
    }

    /// Last writer wins, where "last" first of all means: had seen the other's value.
    fn decide(&self, entry: &Entry, entity: Entity, field: &str, write: FieldWrite, at: HlcTime) -> Decision {
        let current = self.tip.holder(entity).and_then(|(_, fields)| fields.register(field));
        let mut stamp = Stamp { at, client: entry.client };
        let mut unseen = None;
        if let Some(Register { value, version, stamp: Some(standing), by }) = current {
            if *value == write.value {
                return Decision::Same;
            }
            let saw_it = *version <= write.seen || standing.client == entry.client;
            if !saw_it && stamp <= *standing {
                let outcome =
                    Outcome::Superseded { field: field.to_owned(), by: by.clone(), value: value.clone() };
                return Decision::Loses(outcome);
            }
            if stamp <= *standing {
                stamp.at = standing.at.next();
            }
            unseen = (!saw_it).then(|| by.clone());
        }
        Decision::Wins(Fact::FieldSet { entity, field: field.to_owned(), value: write.value, stamp, unseen })
    }
}
/// How long all texts of a review are together, in scalars.
pub(super) fn chars(review: &Review) -> usize {
    review.comments.values().map(|comment| comment.text.len()).sum()
}

/// By how much facts make them longer.
pub(super) fn grown(facts: &[Fact]) -> isize {
    let by = |fact: &Fact| match fact {
        Fact::CommentAdded { text, .. } => text.chars().count() as isize,
        Fact::TextEdited { op, .. } => op.target_len() as isize - op.base_len() as isize,
        _ => 0,
    };
    facts.iter().map(by).sum()
}

enum Decision {
    Same,
    Wins(Fact),
    Loses(Outcome),
}
