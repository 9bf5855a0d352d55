//! Undo and redo of this replica's own text edits, comment by comment, across what others do meanwhile.

use std::collections::BTreeMap;

use super::{EditError, Event, Replica};
use crate::change::Change;
use crate::clock::Millis;
use crate::id::CommentId;
use crate::review::Review;
use crate::sync::Pending;
use crate::text::undo::{Rebase, kept};
use crate::text::{Step, Text, TextOp, UndoStack, diff, squash};

/// A text in which there is something to undo.
pub(super) struct Before {
    shown: Text,
    pending: Option<TextOp>,
}

/// In how many comments edits can be undone; the one edited longest ago is forgotten first.
const COMMENTS: usize = 16;

impl Replica {
    /// Takes back the latest edit that was made here of a comment's text; what others wrote stays. `false` if there
    /// is nothing to undo.
    pub fn undo(&mut self, now: Millis, comment: CommentId) -> Result<bool, EditError> {
        self.go(now, comment, UndoStack::undo)
    }

    /// Makes the latest undone edit of a comment's text once more. `false` if there is none.
    pub fn redo(&mut self, now: Millis, comment: CommentId) -> Result<bool, EditError> {
        self.go(now, comment, UndoStack::redo)
    }

    /// Whether there is something to undo.
    pub fn can_undo(&self, comment: CommentId) -> bool {
        self.undo.get(&comment).is_some_and(UndoStack::can_undo)
    }

    /// Whether there is something to redo.
    pub fn can_redo(&self, comment: CommentId) -> bool {
        self.undo.get(&comment).is_some_and(UndoStack::can_redo)
    }

    fn go(
        &mut self,
        now: Millis,
        comment: CommentId,
        step: fn(&mut UndoStack, &Text) -> Option<TextOp>,
    ) -> Result<bool, EditError> {
        self.standing(comment)?;
        let shown = self.comment(comment).ok_or(EditError::UnknownComment)?.text;
        let Some(stack) = self.undo.get_mut(&comment) else { return Ok(false) };
        let before = stack.clone();
        let Some(op) = step(stack, &shown) else { return Ok(false) };
        let back = inserted(&op);
        if let Err(error) = self.push_edit(now, Change::edit(comment, op)) {
            self.undo.insert(comment, before);
            return Err(error);
        }
        self.simplify(comment, &back);
        if self.buffer.is_empty() {
            self.batcher.taken();
        }
        self.tell_unsynced();
        self.emit(Event::Undoable { comment });
        Ok(true)
    }

    /// What was typed and undone before anybody heard of it never happened. As a deletion and an insertion of the same
    /// words it would bring them back where somebody else deletes them meanwhile.
    pub(super) fn simplify(&mut self, comment: CommentId, back: &[String]) {
        let Some(confirmed) = self.confirmed.comments.get(&comment) else { return };
        let mut base = confirmed.text.clone();
        let flight = self.in_flight.iter().flat_map(|batch| batch.changes.edits(comment));
        if flight.into_iter().any(|op| base.apply(op).is_err()) {
            return;
        }
        if let Some(conflict) = self.buffer.unsettle(comment, base.clone()) {
            self.meant.remove(&conflict);
            self.tell_conflict(conflict);
        }
        self.buffer.simplify(comment, &self.limits, |op| kept(op, base.as_str(), back));
    }

    pub(super) fn undoable(&self) -> impl Iterator<Item = CommentId> {
        self.undo.keys().copied()
    }

    pub(super) fn undo_edited(&mut self, now: Millis, comment: CommentId, op: &TextOp, before: &Text) {
        self.undo_recent.retain(|id| *id != comment);
        self.undo_recent.push_back(comment);
        if self.undo_recent.len() > COMMENTS
            && let Some(oldest) = self.undo_recent.pop_front()
        {
            self.undo.remove(&oldest);
        }
        self.undo.entry(comment).or_default().edited(now, op, before);
        self.emit(Event::Undoable { comment });
    }

    /// Somebody else's op, before and after it was carried over what is pending here, which was this before.
    pub(super) fn undo_carried(
        &mut self,
        comment: CommentId,
        op: &TextOp,
        shown: &TextOp,
        pending: Option<TextOp>,
    ) {
        let carried = pending.as_ref().and_then(|_| self.pending_edit(comment));
        let Some(stack) = self.undo.get_mut(&comment) else { return };
        let confirmed = self.confirmed.comments.get(&comment);
        match (&pending, &carried, confirmed) {
            (Some(pending), Some(carried), Some(confirmed)) => {
                stack.rebased(&Rebase { op, confirmed: &confirmed.text, pending, shown, carried });
            }
            _ => stack.remote(shown),
        }
    }

    /// Everything pending in a comment's text as one op, if there is anything to undo or to redo in it.
    pub(super) fn undoable_edit(&self, comment: CommentId) -> Option<TextOp> {
        if self.undo.contains_key(&comment) { self.pending_edit(comment) } else { None }
    }

    fn pending_edit(&self, comment: CommentId) -> Option<TextOp> {
        squash(self.layers().flat_map(|layer| layer.edits(comment))).ok().flatten()
    }

    /// What was buffered of these comments is in flight now.
    pub(super) fn undo_frozen(&mut self, changes: &Pending) {
        for comment in changes.edited() {
            if self.buffer.edits(comment).next().is_some() {
                // A part of it stays behind: which steps are whose cannot be told.
                self.undo.remove(&comment);
            } else if let Some(stack) = self.undo.get_mut(&comment) {
                stack.frozen();
            }
        }
        for comment in changes.added() {
            if let Some(stack) = self.undo.get_mut(&comment) {
                stack.frozen();
            }
        }
    }

    /// What was in flight is confirmed.
    pub(super) fn undo_landed(&mut self) {
        self.undo.values_mut().for_each(UndoStack::confirmed);
    }

    /// What was in flight of one comment is confirmed.
    pub(super) fn undo_confirmed(&mut self, comment: CommentId) {
        self.undo.entry(comment).and_modify(UndoStack::confirmed);
    }

    /// What was shown has been taken back.
    pub(super) fn undo_forgotten(&mut self, comment: CommentId) {
        self.undo.remove(&comment);
    }

    /// The texts in which there is something to undo, before the confirmed review is replaced.
    pub(super) fn undo_before(&self) -> BTreeMap<CommentId, Before> {
        let before =
            |id| Some((id, Before { shown: self.comment(id)?.text, pending: self.pending_edit(id) }));
        self.undoable().filter_map(before).collect()
    }

    /// The confirmed review was this one, and is another. What is still pending has been carried there.
    pub(super) fn undo_replaced(&mut self, old: &Review, before: &BTreeMap<CommentId, Before>) {
        for comment in self.undoable().collect::<Vec<_>>() {
            let (was, is) = (old.comments.get(&comment), self.confirmed.comments.get(&comment));
            let (Some(before), Some(after)) = (before.get(&comment), self.comment(comment)) else {
                self.undo_forgotten(comment);
                continue;
            };
            let shown = diff(before.shown.as_str(), after.text.as_str());
            let carried = self.pending_edit(comment);
            let Some(stack) = self.undo.get_mut(&comment) else { continue };
            match (was.zip(is), &before.pending, &carried) {
                (Some((was, is)), _, _) if was.text == is.text && shown.is_identity() => {}
                (Some((was, is)), Some(pending), Some(carried)) => {
                    let (op, confirmed) = (&diff(was.text.as_str(), is.text.as_str()), &was.text);
                    stack.rebased(&Rebase { op, confirmed, pending, shown: &shown, carried });
                }
                (_, None, None) => stack.remote(&shown),
                // What was pending is gone, and what it did with it.
                _ => self.undo_forgotten(comment),
            }
        }
    }
}

/// The texts that an op inserts.
pub(super) fn inserted(op: &TextOp) -> Vec<String> {
    let text = |step| if let Step::Insert(text, _) = step { Some(text.to_owned()) } else { None };
    op.steps().filter_map(text).collect()
}
