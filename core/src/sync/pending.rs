//! Changes that are not confirmed yet: what is in flight, or what is buffered behind it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::change::{Apart, Change, Entity, FieldWrite, PublishedDecision};
use crate::clock::Stamp;
use crate::id::{ClientId, CommentId, UserId, Version};
use crate::limits::Limits;
use crate::review::{
    Comment, Conflict, ConflictId, Delta, Dot, Fields, Place, Register, Removal, Sets, Status,
};
use crate::text::{OpError, Text, TextOp, squash, transform};

/// Changes in the order in which they were made, each assuming those before it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pending {
    changes: Vec<Change>,
}

impl Pending {
    /// The changes.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Adds a change, as part of an earlier one where a batch wants that: edits of one comment compose, and
    /// fold into its own `comment_added`; a field written twice keeps its last value.
    pub fn push(&mut self, change: Change, limits: &Limits) -> Result<(), OpError> {
        match change {
            Change::TextEdited { .. } => self.push_edit(change, limits),
            Change::SetChanged { entity, field, add, remove } => {
                self.push_set(entity, field, add, remove);
                Ok(())
            }
            Change::Decided { .. } => {
                // The latest decision is the one; it stands where it was made.
                self.changes.retain(|earlier| !matches!(earlier, Change::Decided { .. }));
                self.changes.push(change);
                Ok(())
            }
            Change::FieldsChanged { entity, fields, at } => {
                // In place of the last write of any of them, if that is of the same alone: `at` is when all of them
                // were written, and what is behind it would hide it.
                let writes =
                    |earlier: &&mut Change| fields.keys().any(|name| earlier.write(entity, name).is_some());
                let last = self.changes.iter_mut().rev().find(writes);
                let same = last.filter(|last| match last {
                    Change::FieldsChanged { fields: f, .. } => f.keys().eq(fields.keys()),
                    _ => false,
                });
                let change = Change::FieldsChanged { entity, fields, at };
                match same {
                    Some(earlier) => *earlier = change,
                    None => self.changes.push(change),
                }
                Ok(())
            }
            other => {
                self.changes.push(other);
                Ok(())
            }
        }
    }

    /// Adds a change as it is: one that does not compose goes with the next batch.
    pub fn push_behind(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// The changes, by themselves.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// The edit of a comment has become a fact; says whether it was this one.
    pub fn confirm_edit(&mut self, id: CommentId, op: &TextOp) -> bool {
        let mine = |change: &Change| matches!(change, Change::TextEdited { comment, .. } if *comment == id);
        let Some(at) = self.changes.iter().position(mine) else { return false };
        let same = matches!(&self.changes[at], Change::TextEdited { op: mine, .. } if mine == op);
        if same {
            self.changes.remove(at);
        }
        same
    }

    /// A new comment has become a fact; says whether it was this one.
    pub fn confirm_added(&mut self, id: CommentId, text: &str) -> bool {
        let mine = |change: &Change| matches!(change, Change::CommentAdded { comment, text: mine, .. } if *comment == id && mine == text);
        let at = self.changes.iter().position(mine);
        at.map(|at| self.changes.remove(at)).is_some()
    }

    /// Nothing here claims any more to have seen anything but what is in sets by a version that the log still has: there
    /// nobody is asked whether what was not seen may go, it stays.
    pub fn forget_seen(&mut self, held: Version) {
        for change in &mut self.changes {
            match change {
                Change::FieldsChanged { fields, .. } => fields.values_mut().for_each(|write| write.seen = 0),
                Change::Decided { status: write, .. } | Change::ConflictSettled { write, .. } => {
                    write.seen = 0;
                }
                Change::SetChanged { remove, .. } => {
                    remove.values_mut().for_each(|seen| *seen = (*seen).min(held));
                }
                Change::TextEdited { apart, .. } => apart.clear(),
                Change::CommentAdded { seen, .. } | Change::CommentRemoved { seen, .. } => *seen = None,
                // What that had seen is the review's: see there.
                Change::DraftsPublished { .. } => {}
            }
        }
        self.forget_review();
    }

    /// Nothing of the review behind a log of drafts counts as seen by what is to be published in it.
    pub fn forget_review(&mut self) {
        for change in &mut self.changes {
            if let Change::DraftsPublished { decision, seen, .. } = change {
                *decision = decision.take().map(PublishedDecision::unseen);
                *seen = None;
            }
        }
    }

    /// Changes that are handed in against a version need not say that their author saw just that.
    pub fn based_on(&mut self, base: Version) {
        for change in &mut self.changes {
            if let Change::CommentAdded { seen, .. } = change {
                seen.take_if(|seen| *seen >= base);
            }
        }
    }

    fn push_edit(&mut self, change: Change, limits: &Limits) -> Result<(), OpError> {
        let Change::TextEdited { comment: id, op, apart, whole, settles } = &change else {
            self.changes.push(change);
            return Ok(());
        };
        // What settles a conflict happens as a whole or not at all.
        let alone = settles.is_some();
        for earlier in self.changes.iter_mut().rev() {
            match earlier {
                Change::CommentAdded { comment, text, .. } if comment == id => {
                    let mut folded = Text::new(std::mem::take(text));
                    let applied = folded.apply(op);
                    *text = folded.as_str().to_owned();
                    return applied;
                }
                Change::TextEdited { comment, op: first, apart: told, whole: all, settles: None }
                    if comment == id && !alone =>
                {
                    let both = first.compose(op)?;
                    // Half, for it may still grow while it is carried over what others do.
                    if both.components() <= limits.op_components / 2 {
                        (*first, *all) = (both, *all || *whole);
                        if let Some(newer) = apart.first() {
                            told.retain(|part| part.seen < newer.seen);
                            told.extend(apart.iter().cloned());
                            told.truncate(Apart::MOST);
                        }
                        return Ok(());
                    }
                    // Too large for one batch: it goes with the next.
                    break;
                }
                Change::TextEdited { comment, .. } if comment == id => break,
                _ => {}
            }
        }
        self.changes.push(change);
        Ok(())
    }

    /// An edit that would settle a conflict, and behind it what leaves the text as it was before that: neither happens.
    /// `text` is what they begin with. Says which conflict is open again.
    pub fn unsettle(&mut self, id: CommentId, mut text: Text) -> Option<ConflictId> {
        let mine = |change: &Change| matches!(change, Change::TextEdited { comment, .. } if *comment == id);
        let edits: Vec<usize> = (0..self.changes.len()).filter(|at| mine(&self.changes[*at])).collect();
        let [earlier @ .., settling, back] = &edits[..] else { return None };
        let Change::TextEdited { settles: Some(conflict), .. } = self.changes[*settling] else { return None };
        let apply = |at: &usize, text: &mut Text| match &self.changes[*at] {
            Change::TextEdited { op, .. } => text.apply(op).ok(),
            _ => None,
        };
        earlier.iter().try_for_each(|at| apply(at, &mut text))?;
        let mut after = text.clone();
        [settling, back].into_iter().try_for_each(|at| apply(at, &mut after))?;
        if after != text {
            return None;
        }
        self.changes.remove(*back);
        self.changes.remove(*settling);
        Some(conflict)
    }

    /// Says more simply what is done to a comment's text, where that is one edit; one that does nothing goes.
    pub fn simplify(&mut self, id: CommentId, limits: &Limits, simpler: impl FnOnce(&TextOp) -> TextOp) {
        let mine = |change: &Change| matches!(change, Change::TextEdited { comment, .. } if *comment == id);
        let mut edits = self.changes.iter().enumerate().filter(|(_, change)| mine(change));
        let (Some((at, _)), None) = (edits.next(), edits.next()) else { return };
        if let Change::TextEdited { op, .. } = &mut self.changes[at] {
            let simpler = simpler(op);
            if simpler.is_identity() {
                self.changes.remove(at);
            } else if simpler.components() <= limits.op_components / 2 {
                *op = simpler;
            }
        }
    }

    /// What comes to a set after all takes the place of what went, and the other way round.
    fn push_set(
        &mut self,
        of: Entity,
        named: String,
        add: BTreeSet<String>,
        remove: BTreeMap<String, Version>,
    ) {
        let earlier = self.changes.iter_mut().find_map(|change| match change {
            Change::SetChanged { entity, field, add, remove } if *entity == of && *field == named => {
                Some((add, remove))
            }
            _ => None,
        });
        let Some((added, removed)) = earlier else {
            self.changes.push(Change::SetChanged { entity: of, field: named, add, remove });
            return;
        };
        for element in &add {
            removed.remove(element);
        }
        for element in remove.keys() {
            added.remove(element);
        }
        added.extend(add);
        removed.extend(remove);
    }

    /// Says of a comment's edits what they were made on: its text at `seen` and, on that, what is `before` these.
    pub fn seal(&mut self, id: CommentId, seen: Version, before: Vec<TextOp>) {
        let mut all = before;
        for change in &mut self.changes {
            let Change::TextEdited { comment, op, apart, .. } = change else { continue };
            if *comment != id {
                continue;
            }
            all.push(op.clone());
            // What cannot be said as one operation is not said.
            let Ok(Some(authored)) = squash(all.iter()) else { return };
            apart.retain(|part| part.seen < seen);
            if apart.len() < Apart::MOST {
                apart.push(Apart { seen, authored, base: None });
            }
        }
    }

    /// Says of all of a comment's edits at once which text they were made on. Says whether it does: not where a batch has
    /// no room for that.
    pub fn seal_on(&mut self, id: CommentId, on: Apart, limits: &Limits) -> bool {
        let seen = on.seen;
        let mut edits = self
            .changes
            .iter_mut()
            .filter(|change| matches!(change, Change::TextEdited { comment, .. } if *comment == id));
        let Some(first) = edits.next() else { return false };
        let mut sealed = first.clone();
        let Change::TextEdited { apart, .. } = &mut sealed else { return false };
        apart.retain(|part| part.seen < seen);
        apart.push(on);
        if apart.len() > Apart::MOST || size(&sealed) > limits.frame_bytes / 2 {
            return false;
        }
        *first = sealed;
        for later in edits {
            if let Change::TextEdited { apart, .. } = later {
                apart.retain(|part| part.seen < seen);
            }
        }
        true
    }

    /// Whether an edit of a comment's says what it was made on.
    pub fn is_sealed(&self, id: CommentId) -> bool {
        let sealed = |change: &Change| matches!(change, Change::TextEdited { comment, apart, .. } if *comment == id && !apart.is_empty());
        self.changes.iter().any(sealed)
    }

    /// Edits that were made on a version's text say nothing of it once that is their batch's base, or once the next
    /// entry was their author's own.
    pub fn unseal(&mut self, id: Option<CommentId>, from: Version) {
        for change in &mut self.changes {
            if let Change::TextEdited { comment, apart, .. } = change
                && id.is_none_or(|id| id == *comment)
            {
                apart.retain(|part| part.seen != from);
            }
        }
    }

    /// Takes as many changes as one batch may have, from the front: never two edits of one comment.
    pub fn take_batch(&mut self, limits: &Limits) -> Pending {
        let mut edited = BTreeSet::new();
        // Half a frame leaves room for what the frame wraps around the changes.
        let mut bytes = limits.frame_bytes / 2;
        let mut count = 0;
        if let Some(first @ Change::TextEdited { .. }) = self.changes.first_mut()
            && size(first) > bytes
            && let Change::TextEdited { apart, settles, .. } = first
            && !apart.is_empty()
        {
            // What it was made on does not fit beside what it does. Unsaid, nothing would tell what its author had not
            // seen of a conflict: that stays open.
            (*apart, *settles) = (Vec::new(), None);
        }
        for change in self.changes.iter().take(limits.batch_changes.max(1)) {
            let second = matches!(change, Change::TextEdited { comment, .. } if !edited.insert(*comment));
            let size = size(change);
            // A publication comes by itself: it is two reviews' business.
            if matches!(change, Change::DraftsPublished { .. }) {
                count = count.max(1);
                break;
            }
            if second || (count > 0 && size > bytes) {
                break;
            }
            bytes = bytes.saturating_sub(size);
            count += 1;
        }
        Pending { changes: self.changes.drain(..count).collect() }
    }

    /// Carries the edits of a comment over a confirmed op, and the op over them, one at a time.
    pub fn carry(&mut self, id: CommentId, op: &TextOp) -> Result<TextOp, OpError> {
        let mut op = op.clone();
        for change in &mut self.changes {
            if let Change::TextEdited { comment, op: mine, .. } = change
                && *comment == id
            {
                let (over, carried) = transform(&op, mine)?;
                (op, *mine) = (over, carried);
            }
        }
        Ok(op)
    }

    /// The edits of a comment, oldest first.
    pub fn edits(&self, id: CommentId) -> impl DoubleEndedIterator<Item = &TextOp> {
        self.changes.iter().filter_map(move |change| match change {
            Change::TextEdited { comment, op, .. } if *comment == id => Some(op),
            _ => None,
        })
    }

    /// Whether anything in it is about a comment.
    pub fn touches(&self, id: CommentId) -> bool {
        self.changes.iter().any(|change| change.comment() == Some(id) || change.published().contains(&id))
    }

    /// The comments that it adds.
    pub fn added(&self) -> impl Iterator<Item = CommentId> {
        self.changes.iter().filter_map(|change| match change {
            Change::CommentAdded { comment, .. } => Some(*comment),
            _ => None,
        })
    }

    /// The comments whose text it edits.
    pub fn edited(&self) -> BTreeSet<CommentId> {
        let edits = self.changes.iter().filter(|change| matches!(change, Change::TextEdited { .. }));
        edits.filter_map(Change::comment).collect()
    }

    /// The first write of a field, if it is written here: what its author had seen, everything behind it had.
    pub fn written(&self, of: Entity, field: &str) -> Option<&FieldWrite> {
        self.changes.iter().find_map(|change| change.write(of, field))
    }

    /// The conflicts that it settles.
    pub fn settles(&self) -> impl Iterator<Item = ConflictId> {
        self.changes.iter().filter_map(Change::settles)
    }

    /// Shows the sets of an entity as they are with these changes on top; what is added here goes by `me`.
    pub fn overlay_sets(&self, of: Entity, base: &mut Sets, client: ClientId) {
        for change in &self.changes {
            let Change::SetChanged { entity, field, add, remove } = change else { continue };
            if *entity != of {
                continue;
            }
            let mut delta = Delta::default();
            for element in add {
                delta.added.insert(element.clone(), BTreeSet::from([Dot { version: 0, client }]));
            }
            for element in remove.keys() {
                let there = base.get(field).into_iter().flat_map(|there| there.dots(element));
                delta.removed.insert(element.clone(), there.copied().collect());
            }
            base.apply(field, &delta);
        }
    }

    /// Takes out every change of some comments, and of replies to them; `fallen` grows by those replies.
    pub fn remove(&mut self, fallen: &mut BTreeSet<CommentId>) -> Vec<Change> {
        for change in &self.changes {
            if let Change::CommentAdded { comment, place: Place::Reply(root), .. } = change
                && fallen.contains(root)
            {
                fallen.insert(*comment);
            }
        }
        let falls = |change: &mut Change| change.comment().is_some_and(|id| fallen.contains(&id));
        self.changes.extract_if(.., falls).collect()
    }

    /// Takes out every edit of a comment's text, and nothing else that is about it.
    pub fn remove_edits(&mut self, id: CommentId) -> Vec<Change> {
        let edit =
            |change: &mut Change| matches!(change, Change::TextEdited { comment, .. } if *comment == id);
        self.changes.extract_if(.., edit).collect()
    }

    /// Shows a comment as it is with these changes on top.
    pub fn overlay(
        &self,
        id: CommentId,
        base: Option<Comment>,
        me: &UserId,
        client: ClientId,
    ) -> Option<Comment> {
        let mut view = base;
        let about = |change: &&Change| change.comment() == Some(id) || change.published().contains(&id);
        for change in self.changes.iter().filter(about) {
            match (change, &mut view) {
                (Change::DraftsPublished { .. }, Some(comment)) => {
                    comment.published.get_or_insert(0);
                }
                (Change::CommentAdded { place, text, at, .. }, None) => {
                    let created = Stamp { at: *at, client };
                    view = Some(Comment::new(id, me.clone(), place.clone(), created, 0, text));
                }
                (Change::TextEdited { op, .. }, Some(comment)) => {
                    let applied = comment.text.apply(op);
                    debug_assert!(applied.is_ok(), "a pending edit fits what it was made on");
                }
                (Change::CommentRemoved { .. }, Some(comment)) => {
                    comment.removed.get_or_insert(Removal { version: 0, by: me.clone(), at: 0 });
                }
                (Change::FieldsChanged { .. }, Some(comment)) => {
                    self.overlay_fields(Entity::Comment(id), &mut comment.fields, me);
                }
                (Change::SetChanged { .. }, Some(comment)) => {
                    self.overlay_sets(Entity::Comment(id), &mut comment.sets, client);
                }
                _ => {}
            }
        }
        view
    }

    /// Shows the fields of an entity as they are with these changes on top.
    pub fn overlay_fields(&self, of: Entity, base: &mut Fields, me: &UserId) {
        let set = |base: &mut Fields, name: &str, write: &FieldWrite| {
            base.set(name, Register::new(write.value.clone(), 0, None, me.clone()));
        };
        for change in &self.changes {
            match change {
                Change::FieldsChanged { entity, fields, .. } if *entity == of => {
                    fields.iter().for_each(|(name, write)| set(base, name, write));
                }
                Change::Decided { status, .. } if of == Entity::Review => set(base, Status::FIELD, status),
                Change::ConflictSettled { entity, field, write, .. }
                    if *entity == of && field != Conflict::REMOVED && field != Conflict::TEXT =>
                {
                    set(base, field, write);
                }
                _ => {}
            }
        }
    }
}

/// How long a change is as it is sent, in bytes.
fn size(change: &Change) -> usize {
    serde_json::to_string(change).map_or(usize::MAX, |json| json.len())
}
