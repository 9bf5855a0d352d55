//! The review model, and the fold that makes it: a review at version v is its entries 1..=v, applied in order.

mod anchor;
mod comment;
mod digest;
mod field;
mod history;
mod patch_sets;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use anchor::{Anchor, LineHash, Place, Side};
pub use comment::{Comment, Removal};
pub use field::{FIELDS, FieldSpec, FieldValue, Fields, Holder, Policy, Register, Status, ValueSpec, spec};
pub use history::{CommentHistory, Edited};
pub use patch_sets::PatchSets;

use crate::change::Entity;
use crate::clock::Millis;
use crate::entry::{Entry, Fact};
use crate::id::{CommentId, ReviewId, UserId, Version};
use crate::text::{OpError, Text, TextOp};

/// A review as of a version: what `snapshot` carries and what REST shows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Review {
    /// Which review.
    pub id: ReviewId,
    /// How many entries have been applied.
    pub version: Version,
    /// When it was created, on the server's clock.
    pub created_at: Millis,
    /// The number of the code's newest state, counted from 1; 0 before there is one.
    pub patch_set: u32,
    /// `title`, `status` and what else reviews have.
    pub fields: Fields,
    /// Every comment that ever was, removed ones included.
    pub comments: BTreeMap<CommentId, Comment>,
}

/// An entry that does not follow from the review it is applied to: two replicas would differ.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A gap, or an entry twice.
    #[error("entry {found} cannot follow version {at}")]
    OutOfOrder {
        /// The review's version.
        at: Version,
        /// The entry's.
        found: Version,
    },
    /// It speaks of a comment that is not there, or adds one that is.
    #[error("entry {version} does not fit comment {comment}")]
    Comment {
        /// The entry's version.
        version: Version,
        /// The comment's id.
        comment: CommentId,
    },
    /// Its op does not fit the text.
    #[error("entry {version} does not fit the text of {comment}: {error}")]
    Text {
        /// The entry's version.
        version: Version,
        /// The comment's id.
        comment: CommentId,
        /// How it does not fit.
        error: OpError,
    },
    /// The text afterwards is not the one the sequencer had.
    #[error("after entry {version} the text of {comment} differs from the server's")]
    Checksum {
        /// The entry's version.
        version: Version,
        /// The comment's id.
        comment: CommentId,
    },
}

impl Review {
    /// The review before its first entry.
    pub fn new(id: ReviewId) -> Review {
        Review {
            id,
            version: 0,
            created_at: 0,
            patch_set: 0,
            fields: Fields::default(),
            comments: BTreeMap::new(),
        }
    }

    /// Applies the next entry. After an error the review must not be used any further: it is reloaded.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), FoldError> {
        let version = entry.version;
        if Some(version) != self.version.checked_add(1) {
            return Err(FoldError::OutOfOrder { at: self.version, found: version });
        }
        for fact in &entry.facts {
            self.apply_fact(version, &entry.author, entry.at, fact)?;
        }
        self.version = version;
        Ok(())
    }

    pub(crate) fn apply_fact(
        &mut self,
        version: Version,
        by: &UserId,
        at: Millis,
        fact: &Fact,
    ) -> Result<(), FoldError> {
        match fact {
            Fact::ReviewCreated { title } => {
                self.created_at = at;
                self.fields.create("title", FieldValue::Text(title.clone()), by);
            }
            Fact::PatchSetAdded { number } => self.patch_set = *number,
            Fact::CommentAdded { comment, place, text, created } => {
                let fresh = Comment::new(*comment, by.clone(), place.clone(), *created, version, text);
                if self.comments.insert(*comment, fresh).is_some() {
                    return Err(FoldError::Comment { version, comment: *comment });
                }
            }
            Fact::TextEdited { comment, op, checksum } => {
                let text = self.edit(*comment, op, version)?;
                if text.checksum() != *checksum {
                    return Err(FoldError::Checksum { version, comment: *comment });
                }
            }
            Fact::FieldSet { entity, field, value, stamp, .. } => {
                let fields = match entity {
                    Entity::Review => &mut self.fields,
                    Entity::Comment(comment) => &mut self.comment_mut(*comment, version)?.fields,
                };
                fields.set(
                    field,
                    Register { value: value.clone(), version, stamp: Some(*stamp), by: by.clone() },
                );
            }
            Fact::CommentRemoved { comment } => {
                self.comment_mut(*comment, version)?
                    .removed
                    .get_or_insert(Removal { version, by: by.clone() });
            }
        }
        Ok(())
    }

    /// Applies an op to a comment's text and lends the result.
    pub(crate) fn edit(
        &mut self,
        comment: CommentId,
        op: &TextOp,
        version: Version,
    ) -> Result<&Text, FoldError> {
        let text = &mut self.comment_mut(comment, version)?.text;
        text.apply(op).map_err(|error| FoldError::Text { version, comment, error })?;
        Ok(text)
    }

    fn comment_mut(&mut self, comment: CommentId, version: Version) -> Result<&mut Comment, FoldError> {
        self.comments.get_mut(&comment).ok_or(FoldError::Comment { version, comment })
    }

    /// What the review is called.
    pub fn title(&self) -> &str {
        match self.fields.value("title") {
            Some(FieldValue::Text(title)) => title,
            _ => "",
        }
    }

    /// The review's decision; `pending` until somebody decides.
    pub fn status(&self) -> Status {
        self.fields.value("status").and_then(Status::from_value).unwrap_or_default()
    }

    /// The fields of an entity, and which kind of holder it is.
    pub fn holder(&self, entity: Entity) -> Option<(Holder, &Fields)> {
        match entity {
            Entity::Review => Some((Holder::Review, &self.fields)),
            Entity::Comment(id) => self.comments.get(&id).map(|comment| (comment.holder(), &comment.fields)),
        }
    }

    /// The root of a comment's thread: itself unless it is a reply.
    pub fn thread_of(&self, comment: &Comment) -> CommentId {
        match &comment.place {
            Place::Line(_) => comment.id,
            Place::Reply(root) => *root,
        }
    }
}
