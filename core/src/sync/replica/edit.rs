//! What a person does here: checked against what they see, applied at once.

use std::collections::BTreeMap;

use super::{Event, Origin, Replica};
use crate::change::{Change, Entity, FieldWrite};
use crate::clock::Millis;
use crate::id::CommentId;
use crate::review::{FieldSpec, FieldValue, Place, Policy, Status, spec};
use crate::sync::decide::saw_more;
use crate::text::{OpError, TextOp, diff, normalize};

/// Why an edit cannot be made. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The review has not been loaded.
    #[error("the review has not been loaded yet")]
    NotLoaded,
    /// There is no such comment here.
    #[error("there is no such comment")]
    UnknownComment,
    /// A comment with this id exists already.
    #[error("a comment with this id exists already")]
    DuplicateComment,
    /// The comment was removed.
    #[error("the comment was removed")]
    CommentRemoved,
    /// The draft was published: the comment in the review is what there is to edit.
    #[error("the draft was published")]
    Published,
    /// Drafts are published from a replica of drafts, each once, and something has to be.
    #[error("this cannot be published")]
    BadPublication,
    /// No more can be published at once.
    #[error("at most {max} drafts can be published at once")]
    TooManyDrafts {
        /// The most that the server takes.
        max: usize,
    },
    /// Only the comment's author may do this.
    #[error("only its author may do this")]
    NotAllowed,
    /// The text would become too long.
    #[error("a comment takes at most {max} characters")]
    TextTooLong {
        /// The most that the server takes, in Unicode scalars.
        max: usize,
    },
    /// The edit has too many parts for one op; make it in several.
    #[error("an edit takes at most {max} parts")]
    OpTooLarge {
        /// The most components that the server takes.
        max: usize,
    },
    /// No diff has such a line or path.
    #[error("there can be no such line or path")]
    BadPlace,
    /// There is no such conflict, or it is over.
    #[error("the conflict is not open")]
    UnknownConflict,
    /// The conflict has no such side, or ends in another way.
    #[error("the conflict cannot be settled like this")]
    BadResolution,
    /// The note is too long.
    #[error("a note takes at most {max} characters")]
    NoteTooLong {
        /// The most that the server takes, in Unicode scalars.
        max: usize,
    },
    /// A decision can be about code that is here, and about none that is not.
    #[error("there is no patch set {number} here: the newest is {newest}")]
    UnknownPatchSet {
        /// The one that was named.
        number: u32,
        /// The newest that is here; they are counted from 1.
        newest: u32,
    },
    /// There is no such refused change.
    #[error("there is no such refused change")]
    UnknownRejected,
    /// The server does not know the review any more, so that nothing can be done or tried again there. What is here
    /// can still be read and exported.
    #[error("the server does not know this review any more")]
    ReviewLost,
    /// What a refused change was made on is not known to be here, so that nobody can tell what it would do now. It stays
    /// kept.
    #[error("what this was made on is not known any more")]
    UnknownBase,
    /// There is no such field on this entity.
    #[error("there is no such field")]
    UnknownField,
    /// The field takes other values.
    #[error("the field does not take this value")]
    BadValue,
    /// The range does not lie within the text.
    #[error(transparent)]
    Op(#[from] OpError),
}

impl Replica {
    /// Adds a comment under a fresh id.
    pub fn add_comment(
        &mut self,
        now: Millis,
        comment: CommentId,
        place: Place,
        text: &str,
    ) -> Result<(), EditError> {
        self.loaded()?;
        let text = normalize(text);
        self.check_length(text.chars().count())?;
        if self.exists(comment) {
            return Err(EditError::DuplicateComment);
        }
        match &place {
            Place::Reply(root) if self.drafts_of().is_some() => self.check_drafted_reply(*root)?,
            Place::Reply(root) => self.talked_about(*root)?,
            Place::Line(anchor) if !anchor.is_possible() => return Err(EditError::BadPlace),
            Place::Line(_) => {}
        }
        let at = self.clock.tick(now);
        let seen = Some(self.head.version);
        self.push(now, Change::CommentAdded { comment, place, text, at, seen })?;
        let by = self.user.clone();
        self.emit(Event::CommentAdded { comment, by, origin: Origin::Local });
        Ok(())
    }

    /// Edits a comment's text as it is shown.
    pub fn edit_text(&mut self, now: Millis, comment: CommentId, op: TextOp) -> Result<(), EditError> {
        self.edit_by(now, comment, op, false)
    }

    fn edit_by(&mut self, now: Millis, comment: CommentId, op: TextOp, whole: bool) -> Result<(), EditError> {
        if op.is_identity() {
            return self.check_edit(comment, &op);
        }
        let before = self.comment(comment).map(|shown| shown.text);
        let (apart, settles) = (Vec::new(), None);
        self.push_edit(now, Change::TextEdited { comment, op: op.clone(), apart, whole, settles })?;
        // Keystrokes meet only what their author had not seen for long: with a connection, nothing.
        if (whole || !self.is_online()) && self.confirmed.comments.contains_key(&comment) {
            self.seal(comment);
        }
        if let Some(before) = before {
            self.undo_edited(now, comment, &op, &before);
        }
        Ok(())
    }

    fn check_edit(&self, comment: CommentId, op: &TextOp) -> Result<(), EditError> {
        let len = self.text_len(comment)?;
        if op.base_len() != len {
            return Err(OpError::Length { expected: op.base_len(), found: len }.into());
        }
        if op.target_len() > len {
            self.check_length(op.target_len())?;
        }
        let max = self.limits.op_components;
        if op.components() > max {
            return Err(EditError::OpTooLarge { max });
        }
        Ok(())
    }

    /// Makes an edit that is not to be undone as one of its own.
    pub(super) fn push_edit(&mut self, now: Millis, edit: Change) -> Result<(), EditError> {
        let Change::TextEdited { comment, op, .. } = &edit else { return Ok(()) };
        let (comment, op) = (*comment, op.clone());
        self.check_edit(comment, &op)?;
        self.push(now, edit)?;
        let by = self.user.clone();
        self.emit(Event::TextEdited { comment, op, by, origin: Origin::Local });
        Ok(())
    }

    /// Replaces `delete` scalars at `at` of a comment's text by `insert`.
    pub fn replace_text(
        &mut self,
        now: Millis,
        comment: CommentId,
        at: usize,
        delete: usize,
        insert: &str,
    ) -> Result<(), EditError> {
        let op = TextOp::replace(self.text_len(comment)?, at, delete, &normalize(insert))?;
        self.edit_text(now, comment, op)
    }

    /// Gives a comment a whole new text; only what differs becomes an edit. Where somebody else rewrites the same words
    /// at that time, both are merged, and a conflict is open.
    pub fn set_text(&mut self, now: Millis, comment: CommentId, text: &str) -> Result<(), EditError> {
        self.standing(comment)?;
        let shown = self.comment(comment).ok_or(EditError::UnknownComment)?;
        self.edit_by(now, comment, diff(shown.text.as_str(), &normalize(text)), true)
    }

    /// What there is to know of a field or a set that may be changed now.
    pub(super) fn writable(&self, entity: Entity, field: &str) -> Result<&'static FieldSpec, EditError> {
        self.has_fields()?;
        if let Entity::Comment(comment) = entity {
            self.talked_about(comment)?;
        }
        let holder = self.holder(entity).ok_or(EditError::UnknownComment)?;
        spec(holder, field).ok_or(EditError::UnknownField)
    }

    /// Writes a field.
    pub fn set_field(
        &mut self,
        now: Millis,
        entity: Entity,
        field: &str,
        value: FieldValue,
    ) -> Result<(), EditError> {
        let spec = self.writable(entity, field)?;
        if !spec.takes(&value) {
            return Err(EditError::BadValue);
        }
        let same = self.field(entity, field).as_ref() == Some(&value);
        if same && self.is_said(entity, spec) {
            return Ok(());
        }
        let write = self.write_of(entity, spec, value.clone());
        let fields = BTreeMap::from([(field.to_owned(), write)]);
        let at = self.clock.tick(now);
        self.push(now, Change::FieldsChanged { entity, fields, at })?;
        if !same {
            let (field, by) = (field.to_owned(), self.user.clone());
            self.emit(Event::FieldChanged { entity, field, value: Some(value), by, origin: Origin::Local });
        }
        Ok(())
    }

    /// Whether nothing is left to say of the value that is shown. What people decide they may say once more: whoever
    /// else stands for it then, or having seen more than when they said it.
    fn is_said(&self, entity: Entity, spec: &FieldSpec) -> bool {
        if spec.policy != Policy::UserGuided
            || self.layers().any(|layer| layer.written(entity, spec.name).is_some())
        {
            return true;
        }
        let stands = self.confirmed.holder(entity).and_then(|(_, fields)| fields.register(spec.name));
        stands.is_none_or(|stands| {
            let before = stands.seen.unwrap_or_default();
            let code = stands.patch_set == Some(self.confirmed.patch_set);
            stands.by == self.user && code && !saw_more(self.head.version, before, stands.version)
        })
    }

    /// A write of a field by somebody who sees what is shown here.
    pub(super) fn write_of(&self, entity: Entity, spec: &FieldSpec, value: FieldValue) -> FieldWrite {
        // What is pending here hides what others write meanwhile: nothing newer was seen than when it was made.
        if let Some(first) = self.layers().find_map(|layer| layer.written(entity, spec.name)) {
            return FieldWrite { value, ..first.clone() };
        }
        let write = FieldWrite::new(value, self.head.version);
        if spec.policy != Policy::UserGuided {
            return write;
        }
        let unset = (spec.name == Status::FIELD).then(|| Status::default().into());
        let was = self.field(entity, spec.name).or(unset);
        FieldWrite { was, patch_set: Some(self.confirmed.patch_set), ..write }
    }

    /// Removes a comment of one's own.
    pub fn remove_comment(&mut self, now: Millis, comment: CommentId) -> Result<(), EditError> {
        self.standing(comment)?;
        if self.confirmed.comments.get(&comment).is_some_and(|shown| shown.author != self.user) {
            return Err(EditError::NotAllowed);
        }
        let seen = Some(self.head.version);
        self.push(now, Change::CommentRemoved { comment, seen })?;
        let by = self.user.clone();
        self.emit(Event::CommentRemoved { comment, by, origin: Origin::Local });
        Ok(())
    }

    pub(super) fn push(&mut self, now: Millis, change: Change) -> Result<(), EditError> {
        if self.lost {
            // It could never be sent. Whoever types it still has it, and can export what is here.
            return Err(EditError::ReviewLost);
        }
        self.told(now);
        self.buffer.push(change, &self.limits)?;
        self.batcher.edited(now);
        self.dirty += 1;
        self.tell_unsynced();
        Ok(())
    }

    pub(super) fn loaded(&self) -> Result<(), EditError> {
        if self.is_loaded() { Ok(()) } else { Err(EditError::NotLoaded) }
    }

    fn check_length(&self, chars: usize) -> Result<(), EditError> {
        let max = self.limits.comment_chars;
        if chars > max { Err(EditError::TextTooLong { max }) } else { Ok(()) }
    }
}
