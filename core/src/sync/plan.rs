//! What the sequencer makes of a batch: which changes can happen, and as what.
//!
//! First every change is judged by itself against the tip of the log. Then rejections spread: a rejected edit
//! or a rejected new comment takes every other change of that comment with it, for applying the rest alone
//! would leave fragments of what somebody typed.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::meet::{Clash, Meeting};
use super::sequencer::Sequencer;
use crate::change::{Apart, Batch, Change, Entity, FieldWrite};
use crate::clock::{HlcTime, Millis, Stamp};
use crate::entry::{Entry, Fact, Reason};
use crate::id::{ClientId, CommentId, UserId, Version};
use crate::limits::Limits;
use crate::review::{
    Comment, Conflict, ConflictId, FieldSpec, FieldValue, Holder, PatchSets, Place, Policy, Review,
    Settlement, Status, spec,
};
use crate::sync::History;
use crate::sync::history::Past;
use crate::text::{Step, TextOp, three_way, transform};

/// The most components that carrying a batch to the tip may step over: some tens of milliseconds in which nobody
/// else's batch is taken. Single edits come nowhere near; what does is settled, and rebased by its author.
const MAX_WORK: usize = 1 << 20;

/// What a change that can happen becomes. What it meets at the tip is seen when it is applied there.
pub(super) enum Planned {
    /// This fact.
    Fact(Fact),
    /// This edit, transformed to the tip; its checksum is known once it is applied.
    Edit(Edit),
    /// A removal, and the latest edit of somebody else's that its author had not seen.
    Removal(CommentId, Option<Clash>),
    /// Writes that the registers decide on.
    Fields(Entity, BTreeMap<String, FieldWrite>, HlcTime),
    /// What comes to a set, and what goes as of which version.
    Set(Entity, String, BTreeSet<String>, BTreeMap<String, Version>),
    /// A reviewer's own decision, and the status it proposes.
    Decision(Status, FieldWrite, Option<String>, HlcTime),
    /// The end of a conflict that is open.
    End(Box<Conflict>, FieldWrite, HlcTime),
    /// The end of one that is over.
    Ended(Box<Settlement>),
    /// Drafts that are published.
    Publication(Vec<CommentId>),
    /// Nothing: it has happened already.
    Nothing,
}

/// An edit of a text, transformed to the tip.
pub(super) struct Edit {
    pub(super) comment: CommentId,
    pub(super) op: TextOp,
    /// The text that it was made on is this version's.
    pub(super) seen: Version,
    /// The rewrite of the same words that its author had not seen.
    pub(super) clash: Option<Clash>,
    /// The open conflict that it settles.
    pub(super) settles: Option<ConflictId>,
}

/// Everything that a plan is made from.
pub(super) struct Planner<'a> {
    pub(super) tip: &'a Review,
    /// How long all its texts are together.
    pub(super) tip_chars: usize,
    /// How much longer the batch makes them, as far as it has been judged.
    pub(super) grown: Cell<usize>,
    /// How many components transforming it has stepped over.
    pub(super) worked: Cell<usize>,
    pub(super) history: &'a History,
    /// Entries older than `history` and newer than the batch's base.
    pub(super) older: &'a [Entry],
    pub(super) patch_sets: &'a PatchSets,
    pub(super) limits: &'a Limits,
    pub(super) user: &'a UserId,
    pub(super) client: ClientId,
    /// Server time minus the author's, in milliseconds.
    pub(super) skew: i64,
    pub(super) now: Millis,
}

impl<'a> Planner<'a> {
    /// Plans at the tip, for somebody whose clock is off by `skew`; `older` are no entries.
    pub(super) fn new(
        at: &'a Sequencer,
        now: Millis,
        user: &'a UserId,
        client: ClientId,
        skew: i64,
    ) -> Planner<'a> {
        Planner {
            tip: &at.tip,
            tip_chars: at.tip_chars,
            grown: Cell::new(0),
            worked: Cell::new(0),
            history: &at.history,
            older: &[],
            patch_sets: &at.patch_sets,
            limits: &at.limits,
            user,
            client,
            skew,
            now,
        }
    }
}

impl Planner<'_> {
    /// Judges every change of a batch; `None` where carrying it to the tip would hold everybody else up.
    pub(super) fn plan(&self, batch: &Batch) -> Option<Vec<Result<Planned, Reason>>> {
        let mut added = BTreeMap::new();
        let mut edited = BTreeSet::new();
        let mut plan = Vec::with_capacity(batch.changes.len());
        for change in &batch.changes {
            plan.push(self.judge(batch.base, change, &mut added, &mut edited));
        }
        spread(&batch.changes, &mut plan);
        (self.worked.get() <= MAX_WORK).then_some(plan)
    }

    fn judge(
        &self,
        base: Version,
        change: &Change,
        added: &mut BTreeMap<CommentId, Holder>,
        edited: &mut BTreeSet<CommentId>,
    ) -> Result<Planned, Reason> {
        if self.tip.drafts.is_some() {
            self.check_draft(change)?;
        }
        match change {
            Change::DraftsPublished { comments, .. } => self.publication(base, comments),
            Change::CommentAdded { comment, place, text, at, seen } => {
                let place = |added: &_| match &self.tip.drafts {
                    Some(_) => self.drafted(place),
                    None => self.placed(base, *seen, place, added),
                };
                self.added(*comment, text, self.stamp(*at), added, place)
            }
            Change::TextEdited { comment, op, apart, whole, settles } => {
                if added.contains_key(comment) || !edited.insert(*comment) {
                    return Err(Reason::SecondEdit);
                }
                if let Some(id) = settles
                    && let Some(over) = self.tip.conflicts.settlement(*id)
                {
                    return Ok(Planned::Ended(Box::new(over.clone())));
                }
                let about = |open: &Conflict| {
                    open.entity == Entity::Comment(*comment) && open.field == Conflict::TEXT
                };
                if settles.is_some_and(|id| !self.tip.conflicts.get(id).is_some_and(about)) {
                    return Err(Reason::UnknownConflict);
                }
                let mut meeting = Meeting::new(self.user, self.client, *whole || settles.is_some(), self.now);
                let seen = self.met_apart(base, *comment, apart, &mut meeting)?;
                let op = self.transformed(base, seen, *comment, op, &mut meeting)?;
                if let Some(clash) = &meeting.clash {
                    // What is kept of a conflict counts like all other texts.
                    let theirs = self.tip.comments.get(comment).map_or(0, |there| there.text.len());
                    self.check_growth(clash.chars() + theirs + op.target_len())?;
                }
                let (comment, clash, settles) = (*comment, meeting.clash, *settles);
                Ok(Planned::Edit(Edit { comment, op, seen, clash, settles }))
            }
            Change::FieldsChanged { entity, fields, at } => {
                let holder = self.entity(base, *entity, added)?;
                for (name, write) in fields {
                    self.check_write(base, spec(holder, name).ok_or(Reason::UnknownField)?, write)?;
                }
                Ok(Planned::Fields(*entity, fields.clone(), *at))
            }
            Change::SetChanged { entity, field, add, remove } => {
                let holder = self.entity(base, *entity, added)?;
                let spec = spec(holder, field).ok_or(Reason::UnknownField)?;
                let Policy::AddRemove { max } = spec.policy else { return Err(Reason::UnknownField) };
                let taken = add.iter().chain(remove.keys()).all(|element| spec.takes_element(element));
                if !taken || remove.values().any(|seen| *seen > base) || add.is_empty() && remove.is_empty() {
                    return Err(Reason::BadValue);
                }
                let there = self.tip.sets_of(*entity).and_then(|sets| sets.get(field));
                let fresh = add.iter().filter(|one| there.is_none_or(|there| !there.contains(one))).count();
                if fresh > 0 && there.map_or(0, |there| there.len()) + fresh > max || remove.len() > max {
                    return Err(Reason::SetFull);
                }
                Ok(Planned::Set(*entity, field.clone(), add.clone(), remove.clone()))
            }
            Change::Decided { status, note, at } => self.decision(base, status, note.as_deref(), *at),
            Change::ConflictSettled { conflict, entity, field, write, at } => {
                if let Some(over) = self.tip.conflicts.settlement(*conflict) {
                    return Ok(Planned::Ended(Box::new(over.clone())));
                }
                let open = self.tip.conflicts.get(*conflict).ok_or(Reason::UnknownConflict)?;
                if open.entity != *entity || open.field != *field || open.id.version > base {
                    return Err(Reason::UnknownConflict);
                }
                match (field.as_str(), &write.value) {
                    (Conflict::REMOVED, FieldValue::Flag(_)) if write.seen <= base => {}
                    // No edit can settle it any more. Whether that is so the tip says.
                    (Conflict::TEXT, FieldValue::Flag(true)) if write.seen <= base => {}
                    (Conflict::REMOVED | Conflict::TEXT, _) => return Err(Reason::BadValue),
                    _ => {
                        let holder = self.tip.holder(*entity).ok_or(Reason::UnknownComment)?.0;
                        self.check_write(base, spec(holder, field).ok_or(Reason::UnknownField)?, write)?;
                    }
                }
                Ok(Planned::End(Box::new(open.clone()), write.clone(), *at))
            }
            Change::CommentRemoved { comment, seen } => {
                if added.contains_key(comment) {
                    return Ok(Planned::Fact(Fact::CommentRemoved { comment: *comment }));
                }
                let target = self.comment(base, *comment)?;
                if target.author != *self.user {
                    return Err(Reason::NotAllowed);
                }
                let seen = seen.unwrap_or(base);
                if seen > base {
                    return Err(Reason::BadValue);
                }
                let unseen = self.past(*comment, seen).filter(|past| past.author != self.user).last();
                let clash = unseen.map(|past| Clash::with(past, seen));
                Ok(match target.removed {
                    Some(_) => Planned::Nothing,
                    None => Planned::Removal(*comment, clash.or_else(|| self.last_edit_unseen(target, seen))),
                })
            }
        }
    }

    pub(super) fn decision(
        &self,
        base: Version,
        status: &FieldWrite,
        note: Option<&str>,
        at: HlcTime,
    ) -> Result<Planned, Reason> {
        let spec = spec(Holder::Review, Status::FIELD).ok_or(Reason::UnknownField)?;
        self.check_write(base, spec, status)?;
        let value = Status::from_value(&status.value).ok_or(Reason::BadValue)?;
        if let Some(note) = note {
            self.check_text(note)?;
            if note.chars().count() > self.limits.note_chars {
                return Err(Reason::NoteTooLong);
            }
        }
        Ok(Planned::Decision(value, status.clone(), note.map(str::to_owned), at))
    }

    /// What kind of thing has the fields that the author means; one they can have known.
    fn entity(
        &self,
        base: Version,
        entity: Entity,
        added: &BTreeMap<CommentId, Holder>,
    ) -> Result<Holder, Reason> {
        let Entity::Comment(id) = entity else { return Ok(Holder::Review) };
        match added.get(&id) {
            Some(holder) => Ok(*holder),
            None => Ok(self.talked_about(base, id)?.holder()),
        }
    }

    pub(super) fn check_write(
        &self,
        base: Version,
        spec: &FieldSpec,
        write: &FieldWrite,
    ) -> Result<(), Reason> {
        let was = write.was.as_ref().is_none_or(|was| spec.takes(was));
        let patch_set = write.patch_set.is_none_or(|number| number <= self.tip.patch_set);
        let takes = spec.takes(&write.value) && was && patch_set && write.seen <= base;
        if takes { Ok(()) } else { Err(Reason::BadValue) }
    }

    /// The edits of a comment behind a version, as far as they are here.
    pub(super) fn past(&self, id: CommentId, since: Version) -> impl Iterator<Item = Past<'_>> {
        let older = self
            .older
            .iter()
            .filter(move |entry| entry.version > since && entry.version <= self.history.oldest());
        older.filter_map(move |entry| Past::of(entry, id)).chain(self.history.past(id, since))
    }

    /// The version behind which every edit is here.
    fn covered(&self) -> Version {
        self.older.first().map_or(self.history.oldest(), |entry| entry.version.saturating_sub(1))
    }

    /// The last edit of a text, where that is somebody else's, unseen, and all that is kept of what happened to it.
    fn last_edit_unseen(&self, comment: &Comment, seen: Version) -> Option<Clash> {
        let edited = comment.edited.as_ref().filter(|_| seen < self.covered())?;
        let unseen = edited.by != *self.user && edited.version > seen;
        let (with, version, at) = (edited.by.clone(), edited.version, edited.at);
        unseen.then_some(Clash { with, version, at, had_seen: None, seen, authored: None, base: None })
    }

    /// Holds what somebody typed without knowing of others' edits against those. Returns the oldest version that they
    /// had seen.
    fn met_apart(
        &self,
        base: Version,
        id: CommentId,
        apart: &[Apart],
        meeting: &mut Meeting<'_>,
    ) -> Result<Version, Reason> {
        let mut ends = apart.iter().skip(1).map(|part| part.seen);
        if apart.len() > Apart::MOST || apart.iter().any(|part| part.seen > base) {
            return Err(Reason::BadValue);
        }
        // Comparing too much is given up: it must not keep the edit from being taken.
        let mut budget = MAX_WORK / 2;
        for Apart { seen, authored, base: told } in apart {
            let end = ends.next().unwrap_or(base);
            let added = self.comment(base, id)?.added;
            if end < *seen || added > *seen {
                return Err(Reason::BadValue);
            }
            if authored.components() > Limits::LOG_OP_COMPONENTS {
                return Err(Reason::OpTooLarge);
            }
            if has_bad_text(authored) {
                return Err(Reason::BadText);
            }
            if let Some(told) = told {
                self.met_text(id, *seen, authored, told, meeting)?;
                continue;
            }
            // What is not known any more cannot be compared.
            if *seen < self.covered() {
                continue;
            }
            let mut mine = authored.clone();
            for past in self.past(id, *seen).take_while(|past| past.version <= end) {
                // From here on what was authored has a part of the author's own in it that the text has as well.
                if past.client == self.client {
                    break;
                }
                let Some(left) = budget.checked_sub(past.op.components() + mine.components()) else { break };
                budget = left;
                meeting.meet(past, &mine, *seen, authored);
                mine = transform(past.op, &mine).map_err(|_| Reason::DoesNotFit)?.1;
            }
        }
        Ok(apart.first().map_or(base, |part| part.seen))
    }

    /// Holds what somebody made of a text, of which they say what it was, against what is there now. So it is done where
    /// they have not been told edit by edit what became of it: those edits may not be kept any more.
    fn met_text(
        &self,
        id: CommentId,
        seen: Version,
        authored: &TextOp,
        told: &str,
        meeting: &mut Meeting<'_>,
    ) -> Result<(), Reason> {
        if told.contains(['\r', '\0']) {
            return Err(Reason::BadText);
        }
        let Some(there) = self.tip.comments.get(&id).filter(|_| meeting.clash.is_none()) else {
            return Ok(());
        };
        let three_way = three_way(told, authored, there.text.as_str()).map_err(|_| Reason::DoesNotFit)?;
        if !three_way.overlap {
            return Ok(());
        }
        // Whoever edited it last has left it as it is. What is not kept any more is old.
        let kept = seen >= self.covered();
        let counts = |past: &Past<'_>| if kept { meeting.counts(past) } else { meeting.is_others(past) };
        let last = self.past(id, seen).filter(counts).last();
        let last = last.map(|past| Clash::with(past, seen)).or_else(|| self.last_edit_unseen(there, seen));
        let (authored, base) = (Some(authored.clone()), Some(told.to_owned()));
        meeting.clash = last.map(|clash| Clash { authored, base, ..clash });
        Ok(())
    }

    fn work(&self, past: &TextOp, op: &TextOp) -> Result<(), Reason> {
        let worked = self.worked.get() + past.components() + op.components();
        self.worked.set(worked);
        if worked > MAX_WORK { Err(Reason::OpTooLarge) } else { Ok(()) }
    }

    /// A comment that the author can have known at the batch's base.
    pub(super) fn comment(&self, base: Version, id: CommentId) -> Result<&Comment, Reason> {
        self.tip.comments.get(&id).filter(|comment| comment.added <= base).ok_or(Reason::UnknownComment)
    }

    /// A comment that the author knew and did not know to be removed.
    pub(super) fn seen_comment(&self, base: Version, id: CommentId) -> Result<&Comment, Reason> {
        let comment = self.comment(base, id)?;
        match &comment.removed {
            Some(removal) if removal.version <= base => Err(Reason::CommentRemoved),
            _ => Ok(comment),
        }
    }

    pub(super) fn check_text(&self, text: &str) -> Result<(), Reason> {
        if text.contains(['\r', '\0']) {
            return Err(Reason::BadText);
        }
        if text.chars().count() > self.limits.comment_chars { Err(Reason::TextTooLong) } else { Ok(()) }
    }

    /// Carries an edit over everything that happened to its comment since the batch's base, one entry at a time. Its
    /// author has not seen more of the review than `seen`.
    fn transformed(
        &self,
        base: Version,
        seen: Version,
        id: CommentId,
        op: &TextOp,
        meeting: &mut Meeting<'_>,
    ) -> Result<TextOp, Reason> {
        // Who typed before they knew of a removal typed in what is there for them.
        self.comment(base, id)?;
        let comment = self.seen_comment(seen, id)?;
        if op.components() > self.limits.op_components {
            return Err(Reason::OpTooLarge);
        }
        if has_bad_text(op) {
            return Err(Reason::BadText);
        }
        let authored = op;
        let mut op = op.clone();
        for past in self.past(id, base) {
            self.work(past.op, &op)?;
            meeting.meet(past, &op, base, authored);
            op = transform(past.op, &op).map_err(|_| Reason::DoesNotFit)?.1;
            if op.components() > Limits::LOG_OP_COMPONENTS {
                return Err(Reason::OpTooLarge);
            }
        }
        if op.base_len() != comment.text.len() {
            return Err(Reason::DoesNotFit);
        }
        if op.target_len() > self.limits.comment_chars && op.target_len() > op.base_len() {
            return Err(Reason::TextTooLong);
        }
        self.check_growth(op.target_len().saturating_sub(op.base_len()))?;
        Ok(op)
    }

    /// Keeps a review loadable: its snapshot is one frame.
    pub(super) fn check_growth(&self, chars: usize) -> Result<(), Reason> {
        let grown = self.grown.get() + chars;
        if chars > 0 && self.tip_chars + grown > self.limits.review_chars {
            return Err(Reason::ReviewTooLarge);
        }
        self.grown.set(grown);
        Ok(())
    }

    /// The final stamp of something that happened at a reading of the author's clock.
    pub(super) fn stamp(&self, at: HlcTime) -> Stamp {
        Stamp { at: at.corrected(self.skew, self.now), client: self.client }
    }
}

fn has_bad_text(op: &TextOp) -> bool {
    op.steps().any(|step| matches!(step, Step::Insert(text, _) if text.contains(['\r', '\0'])))
}

/// Takes back what depends on a rejected edit or a rejected new comment, before or after it in the batch.
fn spread(changes: &[Change], plan: &mut [Result<Planned, Reason>]) {
    let mut poisoned = BTreeSet::new();
    for (change, judged) in changes.iter().zip(plan.iter()) {
        if judged.is_err() && change.is_text() {
            poisoned.extend(change.comment());
        }
    }
    // Threads have one level, so a new comment that falls with its root takes nothing further with it but its
    // own changes: two rounds are enough.
    for _ in 0..2 {
        for (change, judged) in changes.iter().zip(plan.iter_mut()) {
            let root = match change {
                Change::CommentAdded { place: Place::Reply(root), .. } => Some(*root),
                _ => None,
            };
            let falls = [change.comment(), root].into_iter().flatten().any(|id| poisoned.contains(&id));
            if falls && judged.is_ok() {
                *judged = Err(Reason::DependsOnRejected);
                if matches!(change, Change::CommentAdded { .. }) {
                    poisoned.extend(change.comment());
                }
            }
        }
    }
}
