//! What happened between two versions of a log, as steps: for a replica that was away.
//!
//! A comment that a batch in flight touches gets every edit by itself, for the batch and what is buffered behind
//! it have to be carried over them one at a time. Everywhere else a run of edits is squashed into one, and of a
//! field's values the last one counts: what this costs follows what changed, not how often.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::Entity;
use crate::entry::{Entry, Fact, Step};
use crate::id::CommentId;
use crate::id::UserId;
use crate::review::{ConflictId, Delta};
use crate::text::{TextOp, squash};

/// Gathers entries into the steps of a catch-up.
#[derive(Debug, Default)]
pub struct CatchUp {
    touched: BTreeSet<CommentId>,
    /// Beside a snapshot only what happened to touched comments is told, and what no state tells: that somebody wrote
    /// without having seen what was there.
    touched_only: bool,
    /// The comments that came meanwhile, where those are not told of.
    unknown: BTreeSet<CommentId>,
    /// What was replaced by something later is `None`.
    steps: Vec<Option<Step>>,
    /// The edits of an untouched comment so far, and where the last of them stands.
    runs: BTreeMap<CommentId, (usize, Vec<TextOp>)>,
    /// Where the last value of a field stands.
    fields: BTreeMap<(Entity, String), usize>,
    /// Where it stands that a user's value of a field was last overwritten unseen.
    overwritten: BTreeMap<(Entity, String, UserId), usize>,
    /// What came to a set and went from it so far, and where the last of that stands.
    sets: BTreeMap<(Entity, String), (usize, Delta)>,
    /// Where a user's last decision stands.
    decisions: BTreeMap<UserId, usize>,
    /// Where it stands that a conflict was raised and joined.
    conflicts: BTreeMap<ConflictId, Vec<usize>>,
}

impl CatchUp {
    /// A catch-up of everything, for a replica with these comments in flight.
    pub fn new(touched: impl IntoIterator<Item = CommentId>) -> CatchUp {
        CatchUp { touched: touched.into_iter().collect(), ..CatchUp::default() }
    }

    /// What goes beside a snapshot: the steps of the comments in flight, and of others what was overwritten unseen or
    /// put on the same line.
    pub fn beside_snapshot(touched: impl IntoIterator<Item = CommentId>) -> CatchUp {
        CatchUp { touched_only: true, ..CatchUp::new(touched) }
    }

    /// Takes in the next entry of the log.
    pub fn push(&mut self, entry: &Entry) {
        for fact in &entry.facts {
            self.take(entry, fact);
        }
    }

    fn take(&mut self, entry: &Entry, fact: &Fact) {
        let touched = fact.comment().is_some_and(|id| self.touched.contains(&id));
        if self.touched_only && !touched && !self.is_news(fact) {
            if let Fact::CommentAdded { comment, .. } = fact {
                self.unknown.insert(*comment);
            }
            return;
        }
        let at = self.steps.len();
        match fact {
            Fact::TextEdited { comment, op, .. } if !touched => {
                let (last, ops) = self.runs.entry(*comment).or_insert((at, Vec::new()));
                if let Some(earlier) = self.steps.get_mut(*last) {
                    *earlier = None;
                }
                *last = at;
                ops.push(op.clone());
            }
            Fact::FieldSet { entity, field, unseen, .. } => {
                let field = (*entity, field.clone());
                // A write over somebody's unseen value is news for them, whatever came later but for the same once more.
                let before = match unseen {
                    None => self.fields.insert(field, at),
                    Some(user) => {
                        self.fields.remove(&field);
                        self.overwritten.insert((field.0, field.1, user.clone()), at)
                    }
                };
                if let Some(earlier) = before.and_then(|before| self.steps.get_mut(before)) {
                    *earlier = None;
                }
            }
            Fact::SetChanged { entity, field, delta } => {
                let (last, whole) =
                    self.sets.entry((*entity, field.clone())).or_insert((at, Delta::default()));
                if let Some(earlier) = self.steps.get_mut(*last) {
                    *earlier = None;
                }
                *last = at;
                *whole = std::mem::take(whole).join(delta);
            }
            Fact::DecisionSet { .. } => {
                let before = self.decisions.insert(entry.author.clone(), at);
                if let Some(earlier) = before.and_then(|before| self.steps.get_mut(before)) {
                    *earlier = None;
                }
            }
            Fact::ConflictRaised(conflict) => self.conflicts.entry(conflict.id).or_default().push(at),
            Fact::ConflictJoined { conflict, .. } => self.conflicts.entry(*conflict).or_default().push(at),
            // Whoever was away meanwhile need not hear that there was one.
            Fact::ConflictSettled { conflict, .. } => {
                for before in self.conflicts.remove(conflict).into_iter().flatten() {
                    self.steps[before] = None;
                }
            }
            _ => {}
        }
        let Entry { version, author, client, seq, at, .. } = entry;
        let (version, author, client, seq, at) = (*version, author.clone(), *client, *seq, *at);
        self.steps.push(Some(Step { version, author, client, seq, at, fact: fact.clone() }));
    }

    /// Whether a fact says of somebody's own what the state afterwards does not.
    fn is_news(&self, fact: &Fact) -> bool {
        match fact {
            Fact::FieldSet { entity: Entity::Comment(id), unseen: Some(_), .. } => !self.unknown.contains(id),
            Fact::FieldSet { unseen, .. } => unseen.is_some(),
            Fact::CommentAdded { beside, .. } => !beside.is_empty(),
            _ => false,
        }
    }

    /// The steps, in order; `None` where a squash would be larger than any op may be: a snapshot serves then.
    pub fn finish(mut self) -> Option<Vec<Step>> {
        for (at, ops) in self.runs.into_values() {
            let squashed = squash(ops.iter()).ok()??;
            if let Some(Some(Step { fact: Fact::TextEdited { op, .. }, .. })) = self.steps.get_mut(at) {
                *op = squashed;
            }
        }
        for (at, whole) in self.sets.into_values() {
            if let Some(Some(Step { fact: Fact::SetChanged { delta, .. }, .. })) = self.steps.get_mut(at) {
                *delta = whole;
            }
        }
        Some(self.steps.into_iter().flatten().collect())
    }
}
