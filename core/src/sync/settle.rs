//! From a judged batch to an entry: what the registers decide, and what the tip becomes.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::saw_more;
use super::plan::{Planned, Planner};
use super::sequencer::{Past, Sequencer, Submission};
use crate::change::{Entity, FieldWrite};
use crate::clock::{HlcTime, Millis, Stamp};
use crate::entry::{AnswerResult, ENTRY_FORMAT, Entry, Fact, Outcome, Verdict};
use crate::id::{CommentId, Version};
use crate::review::{Delta, Dot, FoldError, Register, Review};
use crate::text::Text;

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
        past: &Past,
    ) -> Result<Sequenced, FoldError> {
        let Submission { client, user, batch, skew, .. } = submission;
        let planner = Planner { older: &past.entries, ..Planner::new(self, now, user, *client, *skew) };
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
        self.backs.clear();
        let kept = self.tip.conflicts.chars();
        for (change, planned) in plan.into_iter().enumerate() {
            match planned {
                Err(reason) => entry.verdicts.push(rejected((change, reason))),
                Ok(planned) => {
                    let Past { entries: older, texts, .. } = past;
                    let mut made = Made { entry: &mut entry, change, skew: *skew, older, texts };
                    self.settle(&mut made, planned)?;
                }
            }
        }
        self.tip.version = version;
        self.count_chars(&entry.facts, kept);
        let verdicts = entry.verdicts.clone();
        Ok(Sequenced::As(Some(entry), AnswerResult::Committed { version, hash: None, verdicts }))
    }

    /// Facts have been applied to the tip, whose open conflicts had `kept` scalars before.
    pub(super) fn count_chars(&mut self, facts: &[Fact], kept: usize) {
        self.tip_chars = self.tip_chars.saturating_add_signed(grown(facts));
        self.tip_chars = (self.tip_chars + self.tip.conflicts.chars()).saturating_sub(kept);
    }

    /// Turns a planned change into facts and applies them to the tip.
    pub(super) fn settle(&mut self, made: &mut Made<'_>, planned: Planned) -> Result<(), FoldError> {
        match planned {
            Planned::Nothing => Ok(()),
            Planned::Fact(fact) => self.add(made, fact),
            Planned::Publication(comments) => self.add(made, Fact::DraftsPublished { comments }),
            Planned::Edit(edit) => self.edit(made, edit),
            Planned::Removal(comment, unseen) => self.remove(made, comment, unseen),
            Planned::Fields(entity, fields, at) => {
                for (field, write) in fields {
                    self.write(made, entity, &field, write, at)?;
                }
                Ok(())
            }
            Planned::Set(entity, field, add, remove) => self.change_set(made, entity, field, add, remove),
            Planned::Decision(value, status, note, at) => self.decide(made, value, status, note, at),
            Planned::End(conflict, write, at) => self.end(made, *conflict, write, at),
            Planned::Ended(settlement) => {
                made.tell(Outcome::AlreadySettled(settlement));
                Ok(())
            }
        }
    }

    /// A fact happens.
    pub(super) fn add(&mut self, made: &mut Made<'_>, fact: Fact) -> Result<(), FoldError> {
        let Entry { version, author, at, .. } = &*made.entry;
        self.tip.apply_fact(*version, author, *at, &fact)?;
        made.entry.facts.push(fact);
        Ok(())
    }

    /// Last writer wins, where "last" first of all means: had seen the other's value.
    pub(super) fn last_wins(
        &mut self,
        made: &mut Made<'_>,
        entity: Entity,
        field: &str,
        write: FieldWrite,
        at: HlcTime,
    ) -> Result<(), FoldError> {
        let at = made.corrected(at);
        match self.last(made.entry, entity, field, write, at) {
            Last::Same => {}
            Last::Loses(outcome) => made.tell(outcome),
            Last::Wins(fact) => self.add(made, fact)?,
        }
        Ok(())
    }

    pub(super) fn last(
        &self,
        entry: &Entry,
        entity: Entity,
        field: &str,
        write: FieldWrite,
        at: HlcTime,
    ) -> Last {
        let current = self.tip.holder(entity).and_then(|(_, fields)| fields.register(field));
        let FieldWrite { value, seen, patch_set, .. } = write;
        // Only what people settle conflicts about keeps what its author had seen.
        let told = patch_set.is_some();
        let mut stamp = Stamp { at, client: entry.client };
        let mut unseen = None;
        if let Some(standing) = current
            && let Some(stood) = standing.stamp
        {
            if standing.value == value {
                // Said of other code, or by somebody who knows more: whoever gates on it wants to know.
                let before = standing.seen.unwrap_or_default();
                let other_code = standing.patch_set != patch_set && seen >= before;
                if !told || !(other_code || saw_more(seen, before, standing.version)) {
                    return Last::Same;
                }
                stamp.at = stamp.at.max(stood.at.next());
                let with = self.beside(&entry.author, entity, field, &value);
                let (field, seen) = (field.to_owned(), Some(seen));
                let set = Fact::FieldSet { entity, field, value, stamp, unseen, seen, patch_set, with };
                return Last::Wins(set);
            }
            let saw_it = standing.version <= seen || stood.client == entry.client;
            let mine = Register::new(value.clone(), entry.version, Some(stamp), entry.author.clone());
            let wins = *standing.join(&mine) == mine;
            if !saw_it && !wins {
                let (field, by, value) = (field.to_owned(), standing.by.clone(), standing.value.clone());
                return Last::Loses(Outcome::Superseded { field, by, value });
            }
            if !wins {
                stamp.at = stood.at.next();
            }
            unseen = (!saw_it).then(|| standing.by.clone());
        }
        let with = self.beside(&entry.author, entity, field, &value);
        let (field, seen) = (field.to_owned(), told.then_some(seen));
        Last::Wins(Fact::FieldSet { entity, field, value, stamp, unseen, seen, patch_set, with })
    }

    /// What comes to a set, and what goes.
    fn change_set(
        &mut self,
        made: &mut Made<'_>,
        entity: Entity,
        field: String,
        add: BTreeSet<String>,
        remove: BTreeMap<String, Version>,
    ) -> Result<(), FoldError> {
        let (version, client) = (made.entry.version, made.entry.client);
        let mut delta = Delta::default();
        let there = self.tip.sets_of(entity).and_then(|sets| sets.get(&field));
        for (element, seen) in remove {
            // What the author saw, and what this very client added since.
            let is_seen = |dot: &&Dot| dot.version <= seen || dot.client == client;
            let dots = there.into_iter().flat_map(|there| there.dots(&element)).filter(is_seen);
            let dots: BTreeSet<Dot> = dots.copied().collect();
            if !dots.is_empty() {
                delta.removed.insert(element, dots);
            }
        }
        for element in add {
            // Said again it is a new addition, which nobody has seen yet; one of a client's is enough.
            let older = |dot: &&Dot| dot.client == client && dot.version < version;
            let dots = there.into_iter().flat_map(|there| there.dots(&element)).filter(older);
            let dots: BTreeSet<Dot> = dots.copied().collect();
            if !dots.is_empty() {
                delta.removed.insert(element.clone(), dots);
            }
            delta.added.insert(element, BTreeSet::from([Dot { version, client }]));
        }
        if delta.is_empty() { Ok(()) } else { self.add(made, Fact::SetChanged { entity, field, delta }) }
    }
}

/// An entry that is being made, and the change that is at it.
pub(super) struct Made<'a> {
    pub(super) entry: &'a mut Entry,
    pub(super) change: usize,
    /// Server time minus the author's, in milliseconds.
    pub(super) skew: i64,
    /// What there is of the past beside what the sequencer has, and the texts right before it.
    pub(super) older: &'a [Entry],
    pub(super) texts: &'a BTreeMap<CommentId, Text>,
}

impl Made<'_> {
    /// Tells the author what became of the change.
    pub(super) fn tell(&mut self, outcome: Outcome) {
        self.entry.verdicts.push(Verdict { change: self.change, outcome });
    }

    /// When something happened on the author's clock, on the server's.
    pub(super) fn corrected(&self, at: HlcTime) -> HlcTime {
        at.corrected(self.skew, self.entry.at)
    }
}

/// How long all texts of a review are together, in scalars; those that open conflicts keep are among them.
pub(super) fn chars(review: &Review) -> usize {
    let comments: usize = review.comments.values().map(|comment| comment.text.len()).sum();
    comments + review.conflicts.chars()
}

/// By how much facts make them longer.
fn grown(facts: &[Fact]) -> isize {
    let by = |fact: &Fact| match fact {
        Fact::CommentAdded { text, .. } => text.chars().count() as isize,
        Fact::TextEdited { op, .. } => op.target_len() as isize - op.base_len() as isize,
        _ => 0,
    };
    facts.iter().map(by).sum()
}

/// What becomes of a write where the last writer wins.
pub(super) enum Last {
    Same,
    Wins(Fact),
    Loses(Outcome),
}
