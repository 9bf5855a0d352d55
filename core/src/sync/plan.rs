//! What the sequencer makes of a batch: which changes can happen, and as what.
//!
//! First every change is judged by itself against the tip of the log. Then rejections spread: a rejected edit
//! or a rejected new comment takes every other change of that comment with it, for applying the rest alone
//! would leave fragments of what somebody typed.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use crate::change::{Batch, Change, Entity, FieldWrite};
use crate::clock::{HlcTime, Millis, Stamp};
use crate::entry::{Entry, Fact, Reason};
use crate::id::{ClientId, CommentId, UserId, Version};
use crate::limits::Limits;
use crate::review::{Anchor, Comment, Holder, PatchSets, Place, Review, spec};
use crate::sync::History;
use crate::text::{Step, TextOp, transform};

/// The most components that carrying a batch to the tip may step over: some tens of milliseconds in which nobody
/// else's batch is taken. Single edits come nowhere near; what does is settled, and rebased by its author.
const MAX_WORK: usize = 1 << 20;

/// What a change that can happen becomes.
pub(super) enum Planned {
    /// This fact.
    Fact(Fact),
    /// This edit, transformed to the tip; its checksum is known once it is applied.
    Edit(CommentId, TextOp),
    /// Writes that the registers decide on when it is applied.
    Fields(Entity, BTreeMap<String, FieldWrite>, HlcTime),
    /// Nothing: it has happened already.
    Nothing,
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
        match change {
            Change::CommentAdded { comment, place, text, at } => {
                self.check_text(text)?;
                if self.tip.comments.contains_key(comment) || added.contains_key(comment) {
                    return Err(Reason::DuplicateComment);
                }
                if self.tip.comments.len() + added.len() >= self.limits.review_comments {
                    return Err(Reason::TooManyComments);
                }
                self.check_growth(text.chars().count())?;
                let place = self.check_place(base, place, added)?;
                let holder = if matches!(place, Place::Line(_)) { Holder::Thread } else { Holder::Reply };
                added.insert(*comment, holder);
                let created = self.stamp(*at);
                Ok(Planned::Fact(Fact::CommentAdded {
                    comment: *comment,
                    place,
                    text: text.clone(),
                    created,
                }))
            }
            Change::TextEdited { comment, op } => {
                if added.contains_key(comment) || !edited.insert(*comment) {
                    return Err(Reason::SecondEdit);
                }
                self.transformed(base, *comment, op).map(|op| Planned::Edit(*comment, op))
            }
            Change::FieldsChanged { entity, fields, at } => {
                let holder = match entity {
                    Entity::Review => Holder::Review,
                    Entity::Comment(id) => match added.get(id) {
                        Some(holder) => *holder,
                        None => self.seen_comment(base, *id)?.holder(),
                    },
                };
                for (name, write) in fields {
                    let spec = spec(holder, name).ok_or(Reason::UnknownField)?;
                    if !spec.takes(&write.value) || write.seen > base {
                        return Err(Reason::BadValue);
                    }
                }
                Ok(Planned::Fields(*entity, fields.clone(), *at))
            }
            Change::CommentRemoved { comment } => {
                if added.contains_key(comment) {
                    return Ok(Planned::Fact(Fact::CommentRemoved { comment: *comment }));
                }
                let target = self.comment(base, *comment)?;
                if target.author != *self.user {
                    return Err(Reason::NotAllowed);
                }
                Ok(match target.removed {
                    Some(_) => Planned::Nothing,
                    None => Planned::Fact(Fact::CommentRemoved { comment: *comment }),
                })
            }
        }
    }

    /// A comment that the author can have known at the batch's base.
    fn comment(&self, base: Version, id: CommentId) -> Result<&Comment, Reason> {
        self.tip.comments.get(&id).filter(|comment| comment.added <= base).ok_or(Reason::UnknownComment)
    }

    /// A comment that the author knew and did not know to be removed.
    fn seen_comment(&self, base: Version, id: CommentId) -> Result<&Comment, Reason> {
        let comment = self.comment(base, id)?;
        match &comment.removed {
            Some(removal) if removal.version <= base => Err(Reason::CommentRemoved),
            _ => Ok(comment),
        }
    }

    fn check_text(&self, text: &str) -> Result<(), Reason> {
        if text.contains(['\r', '\0']) {
            return Err(Reason::BadText);
        }
        if text.chars().count() > self.limits.comment_chars { Err(Reason::TextTooLong) } else { Ok(()) }
    }

    fn check_place(
        &self,
        base: Version,
        place: &Place,
        added: &BTreeMap<CommentId, Holder>,
    ) -> Result<Place, Reason> {
        match place {
            Place::Reply(root) => {
                let holder = match added.get(root) {
                    Some(holder) => *holder,
                    None => self.seen_comment(base, *root)?.holder(),
                };
                // A reply goes to the root: threads have one level.
                if holder == Holder::Thread { Ok(place.clone()) } else { Err(Reason::UnknownComment) }
            }
            Place::Line(anchor) => {
                let Anchor { patch_set, file, side, line, hash } = anchor;
                let found =
                    self.patch_sets.line_hash(*patch_set, file, *side, *line).ok_or(Reason::UnknownLine)?;
                if hash.is_some_and(|seen| seen != found) {
                    return Err(Reason::LineDiffers);
                }
                Ok(Place::Line(Anchor { hash: Some(found), ..anchor.clone() }))
            }
        }
    }

    /// Carries an edit over everything that happened to its comment since the batch's base, one entry at a time.
    fn transformed(&self, base: Version, id: CommentId, op: &TextOp) -> Result<TextOp, Reason> {
        let comment = self.seen_comment(base, id)?;
        if op.components() > self.limits.op_components {
            return Err(Reason::OpTooLarge);
        }
        if op.steps().any(|step| matches!(step, Step::Insert(text, _) if text.contains(['\r', '\0']))) {
            return Err(Reason::BadText);
        }
        let older =
            self.older.iter().filter(|entry| entry.version > base && entry.version <= self.history.oldest());
        let older = older.flat_map(|entry| &entry.facts).filter_map(|fact| match fact {
            Fact::TextEdited { comment, op, .. } if *comment == id => Some(op),
            _ => None,
        });
        let mut op = op.clone();
        for past in older.chain(self.history.since(id, base)) {
            let worked = self.worked.get() + past.components() + op.components();
            self.worked.set(worked);
            if worked > MAX_WORK {
                return Err(Reason::OpTooLarge);
            }
            op = transform(past, &op).map_err(|_| Reason::DoesNotFit)?.1;
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
    fn check_growth(&self, chars: usize) -> Result<(), Reason> {
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

/// Takes back what depends on a rejected edit or a rejected new comment, before or after it in the batch.
fn spread(changes: &[Change], plan: &mut [Result<Planned, Reason>]) {
    let mut poisoned = BTreeSet::new();
    for (change, judged) in changes.iter().zip(plan.iter()) {
        if judged.is_err() && matches!(change, Change::TextEdited { .. } | Change::CommentAdded { .. }) {
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
