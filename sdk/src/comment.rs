//! A comment of an open review.

use interline_core::change::Entity;
use interline_core::clock::Millis;
use interline_core::id::{CommentId, UserId, Version};
use interline_core::review::{self, Anchor, CommentHistory, FieldValue, Place};
use interline_core::sync::{EditError as InvalidEdit, Replica};
use interline_core::text::TextOp;

use crate::error::{EditError, HistoryError};
use crate::history;
use crate::place::{CommentPlace, place_of};
use crate::presence::{PresenceUpdate, TextSelection};
use crate::review::Review;

/// A comment. A handle: it can be cloned, and stays valid while others edit or remove the comment.
///
/// Offsets and lengths count Unicode scalars of the text as it is shown at the time of the call.
#[derive(Clone)]
pub struct Comment {
    pub(crate) review: Review,
    pub(crate) id: CommentId,
}

/// A comment as it is shown.
#[derive(Clone, PartialEq, Debug)]
pub struct CommentData {
    /// Which comment.
    pub id: CommentId,
    /// The root of its thread: its own id, unless it is a reply.
    pub thread: CommentId,
    /// Where its thread sits: the anchor of `place`.
    pub anchor: Anchor,
    /// How its thread came there.
    pub place: CommentPlace,
    /// Who wrote it first.
    pub author: UserId,
    /// Its text.
    pub text: String,
    /// When it was written.
    pub created_at: Millis,
    /// Whether its thread is settled.
    pub resolved: bool,
    /// Whether it was removed.
    pub removed: bool,
    /// Whether something of it is not durable on the server.
    pub pending: bool,
}

/// A thread: its root, and the replies in the one order that every replica computes alike.
#[derive(Clone, PartialEq, Debug)]
pub struct Thread {
    /// The root's id.
    pub id: CommentId,
    /// Where it sits.
    pub anchor: Anchor,
    /// Whether it is settled.
    pub resolved: bool,
    /// The root first.
    pub comments: Vec<CommentData>,
}

impl Comment {
    /// Its id.
    pub fn id(&self) -> CommentId {
        self.id
    }

    /// The review that it is part of.
    pub fn review(&self) -> &Review {
        &self.review
    }

    /// As it is shown now; fails where it never came to be, because the server refused it.
    pub fn data(&self) -> Result<CommentData, EditError> {
        self.review.comment_data(self.id).ok_or(InvalidEdit::UnknownComment.into())
    }

    /// Its text; empty where it never came to be.
    pub fn text(&self) -> String {
        self.shown().map(|comment| comment.text.as_str().to_owned()).unwrap_or_default()
    }

    /// Inserts at an offset.
    pub fn insert(&self, at: usize, text: &str) -> Result<(), EditError> {
        self.edit(|replica, now| replica.replace_text(now, self.id, at, 0, text))
    }

    /// Deletes `length` scalars from an offset on.
    pub fn delete(&self, at: usize, length: usize) -> Result<(), EditError> {
        self.edit(|replica, now| replica.replace_text(now, self.id, at, length, ""))
    }

    /// Replaces what lies between two offsets.
    pub fn replace(&self, from: usize, to: usize, text: &str) -> Result<(), EditError> {
        let Some(length) = to.checked_sub(from) else {
            let out = interline_core::text::OpError::OutOfRange { position: to, len: from };
            return Err(InvalidEdit::Op(out).into());
        };
        self.edit(|replica, now| replica.replace_text(now, self.id, from, length, text))
    }

    /// Replaces the whole text; only what differs becomes an edit.
    pub fn set_text(&self, text: &str) -> Result<(), EditError> {
        self.edit(|replica, now| replica.set_text(now, self.id, text))
    }

    /// Applies an op that was made for the text as it is shown.
    pub fn apply(&self, op: TextOp) -> Result<(), EditError> {
        self.edit(|replica, now| replica.edit_text(now, self.id, op))
    }

    /// Makes an op from the text as it is shown, and applies it to that very text: where the text has changed
    /// meanwhile, an op is made once more.
    pub fn apply_with<E: From<EditError>>(
        &self,
        mut make: impl FnMut(&str) -> Result<TextOp, E>,
    ) -> Result<(), E> {
        loop {
            let text = self.shown()?.text;
            let op = make(text.as_str())?;
            let applied = self.edit(|replica, now| {
                let same = replica.comment(self.id).is_some_and(|comment| comment.text == text);
                if same { replica.edit_text(now, self.id, op).map(|()| true) } else { Ok(false) }
            })?;
            if applied {
                return Ok(());
            }
        }
    }

    /// Takes back the latest edit of the text that was made here; what others wrote stays. `false` if there is none.
    /// With a store this reaches back to before a restart.
    pub fn undo(&self) -> Result<bool, EditError> {
        self.review.slot().edit_if(|replica, now| replica.undo(now, self.id).map(|done| (done, done)))
    }

    /// Makes the latest undone edit once more. `false` if there is none.
    pub fn redo(&self) -> Result<bool, EditError> {
        self.review.slot().edit_if(|replica, now| replica.redo(now, self.id).map(|done| (done, done)))
    }

    /// Whether there is something to undo.
    pub fn can_undo(&self) -> bool {
        self.review.slot().read(|inner| inner.replica.can_undo(self.id))
    }

    /// Whether there is something to redo.
    pub fn can_redo(&self) -> bool {
        self.review.slot().read(|inner| inner.replica.can_redo(self.id))
    }

    /// How its text came to be, as [`Review::history`] tells it.
    pub async fn history(&self) -> Result<CommentHistory, HistoryError> {
        self.review.history(self.id).await
    }

    /// Its text as it was at a version of the review.
    pub async fn text_at(&self, version: Version) -> Result<String, HistoryError> {
        let text = self.history().await?.text_at(version).map_err(history::broken)?;
        text.ok_or(HistoryError::NotKept(version))
    }

    /// Gives it the text again that it had at a version of the review. An edit like any other: it can be undone, and
    /// what others write meanwhile stays.
    pub async fn restore(&self, version: Version) -> Result<(), HistoryError> {
        let text = self.text_at(version).await?;
        Ok(self.set_text(&text)?)
    }

    /// Adds a comment to its thread.
    pub fn reply(&self, text: &str) -> Result<Comment, EditError> {
        self.review.add(Place::Reply(self.root()?), text)
    }

    /// Settles its thread.
    pub fn resolve(&self) -> Result<(), EditError> {
        self.set_resolved(true)
    }

    /// Takes its thread up again.
    pub fn reopen(&self) -> Result<(), EditError> {
        self.set_resolved(false)
    }

    /// Removes it. Only its author may.
    pub fn remove(&self) -> Result<(), EditError> {
        self.edit(|replica, now| replica.remove_comment(now, self.id))
    }

    /// Tells the others that this user's caret or selection is here, as [`Review::update_presence`] does. In a draft,
    /// only that they are writing on its line.
    pub fn select(&self, anchor: usize, head: usize) -> Result<(), EditError> {
        let Anchor { file, side, line, patch_set, .. } = self.data()?.anchor;
        self.review.update_presence(PresenceUpdate {
            file: Some(file),
            line: Some(line),
            side: Some(side),
            patch_set: Some(patch_set),
            selection: Some(TextSelection { comment: self.id, anchor, head }),
            writing: false,
            active: true,
        });
        Ok(())
    }

    fn set_resolved(&self, resolved: bool) -> Result<(), EditError> {
        let root = Entity::Comment(self.root()?);
        self.edit(|replica, now| replica.set_field(now, root, "resolved", FieldValue::Flag(resolved)))
    }

    pub(crate) fn root(&self) -> Result<CommentId, EditError> {
        self.shown().map(|comment| root_of(&comment))
    }

    fn shown(&self) -> Result<review::Comment, EditError> {
        let comment = self.review.slot().read(|inner| inner.replica.comment(self.id));
        comment.ok_or(InvalidEdit::UnknownComment.into())
    }

    fn edit<R>(
        &self,
        edit: impl FnOnce(&mut Replica, Millis) -> Result<R, InvalidEdit>,
    ) -> Result<R, EditError> {
        self.review.slot().edit(edit)
    }
}

fn root_of(comment: &review::Comment) -> CommentId {
    match &comment.place {
        Place::Line(_) => comment.id,
        Place::Reply(root) => *root,
    }
}

/// What is to be told of a comment; nothing where its thread is not there.
pub(crate) fn data(replica: &Replica, comment: &review::Comment) -> Option<CommentData> {
    match &comment.place {
        Place::Line(_) => data_in(replica, comment, comment),
        Place::Reply(root) => data_in(replica, comment, &replica.comment(*root)?),
    }
}

/// What is to be told of a comment in the thread of `root`.
pub(crate) fn data_in(
    replica: &Replica,
    comment: &review::Comment,
    root: &review::Comment,
) -> Option<CommentData> {
    let place = place_of(replica, root)?;
    Some(CommentData {
        id: comment.id,
        thread: root.id,
        anchor: place.anchor.clone(),
        place,
        author: comment.author.clone(),
        text: comment.text.as_str().to_owned(),
        created_at: comment.created.at.ms,
        resolved: root.resolved(),
        removed: comment.removed.is_some(),
        pending: replica.is_pending(comment.id),
    })
}
