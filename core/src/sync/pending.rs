//! Changes that are not confirmed yet: what is in flight, or what is buffered behind it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::change::{Change, Entity};
use crate::clock::Stamp;
use crate::id::{ClientId, CommentId, UserId, Version};
use crate::limits::Limits;
use crate::review::{Comment, Fields, Place, Register, Removal};
use crate::text::{OpError, Text, TextOp, transform};

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
            Change::TextEdited { comment, op } => self.push_edit(comment, op, limits),
            Change::FieldsChanged { entity, fields, at } => {
                // The same fields alone: `at` is when all of them were written.
                let same = self.changes.iter_mut().find(|earlier| match earlier {
                    Change::FieldsChanged { entity: e, fields: f, .. } => {
                        *e == entity && f.keys().eq(fields.keys())
                    }
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

    /// Field writes no longer claim to have seen anything.
    pub fn forget_seen(&mut self) {
        for change in &mut self.changes {
            if let Change::FieldsChanged { fields, .. } = change {
                fields.values_mut().for_each(|write| write.seen = 0);
            }
        }
    }

    fn push_edit(&mut self, id: CommentId, op: TextOp, limits: &Limits) -> Result<(), OpError> {
        for earlier in self.changes.iter_mut().rev() {
            match earlier {
                Change::CommentAdded { comment, text, .. } if *comment == id => {
                    let mut folded = Text::new(std::mem::take(text));
                    let applied = folded.apply(&op);
                    *text = folded.as_str().to_owned();
                    return applied;
                }
                Change::TextEdited { comment, op: first } if *comment == id => {
                    let both = first.compose(&op)?;
                    // Half, for it may still grow while it is carried over what others do.
                    if both.components() <= limits.op_components / 2 {
                        *first = both;
                        return Ok(());
                    }
                    // Too large for one batch: it goes with the next.
                    break;
                }
                _ => {}
            }
        }
        self.changes.push(Change::TextEdited { comment: id, op });
        Ok(())
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

    /// Takes as many changes as one batch may have, from the front: never two edits of one comment.
    pub fn take_batch(&mut self, limits: &Limits) -> Pending {
        let mut edited = BTreeSet::new();
        // Half a frame leaves room for what the frame wraps around the changes.
        let mut bytes = limits.frame_bytes / 2;
        let mut count = 0;
        for change in self.changes.iter().take(limits.batch_changes.max(1)) {
            let second = matches!(change, Change::TextEdited { comment, .. } if !edited.insert(*comment));
            let size = serde_json::to_string(change).map_or(usize::MAX, |json| json.len());
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
            if let Change::TextEdited { comment, op: mine } = change
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
            Change::TextEdited { comment, op } if *comment == id => Some(op),
            _ => None,
        })
    }

    /// Whether anything in it is about a comment.
    pub fn touches(&self, id: CommentId) -> bool {
        self.changes.iter().any(|change| change.comment() == Some(id))
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

    /// The version that was seen when a field was written, if it is written in it.
    pub fn seen(&self, of: Entity, field: &str) -> Option<Version> {
        self.changes.iter().find_map(|change| match change {
            Change::FieldsChanged { entity, fields, .. } if *entity == of => Some(fields.get(field)?.seen),
            _ => None,
        })
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

    /// Shows a comment as it is with these changes on top.
    pub fn overlay(
        &self,
        id: CommentId,
        base: Option<Comment>,
        me: &UserId,
        client: ClientId,
    ) -> Option<Comment> {
        let mut view = base;
        for change in self.changes.iter().filter(|change| change.comment() == Some(id)) {
            match (change, &mut view) {
                (Change::CommentAdded { place, text, at, .. }, None) => {
                    let created = Stamp { at: *at, client };
                    view = Some(Comment::new(id, me.clone(), place.clone(), created, 0, text));
                }
                (Change::TextEdited { op, .. }, Some(comment)) => {
                    let applied = comment.text.apply(op);
                    debug_assert!(applied.is_ok(), "a pending edit fits what it was made on");
                }
                (Change::CommentRemoved { .. }, Some(comment)) => {
                    comment.removed.get_or_insert(Removal { version: 0, by: me.clone() });
                }
                (Change::FieldsChanged { .. }, Some(comment)) => {
                    self.overlay_fields(Entity::Comment(id), &mut comment.fields, me);
                }
                _ => {}
            }
        }
        view
    }

    /// Shows the fields of an entity as they are with these changes on top.
    pub fn overlay_fields(&self, of: Entity, base: &mut Fields, me: &UserId) {
        for change in &self.changes {
            if let Change::FieldsChanged { entity, fields, .. } = change
                && *entity == of
            {
                for (name, write) in fields {
                    let (value, by) = (write.value.clone(), me.clone());
                    base.set(name, Register { value, version: 0, stamp: None, by });
                }
            }
        }
    }
}
