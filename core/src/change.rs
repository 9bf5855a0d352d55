//! What a client asks for: changes, handed in together as a batch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::HlcTime;
use crate::id::{CommentId, Seq, Version};
use crate::review::{FieldValue, Place};
use crate::text::TextOp;

/// The changes that a client submits together, once.
///
/// At most one [`TextEdited`](Change::TextEdited) per comment, none beside the comment's own
/// [`CommentAdded`](Change::CommentAdded); later changes assume the earlier ones.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The client's number for it: the last one plus 1.
    pub seq: Seq,
    /// The version that the changes were made against.
    pub base: Version,
    /// In the order in which they were made; never empty.
    pub changes: Vec<Change>,
}

/// One mutation, as its author asks for it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// A new comment, on a line or as a reply.
    CommentAdded {
        /// Made up by the author; never used before.
        comment: CommentId,
        /// Where it goes.
        place: Place,
        /// Its first text.
        text: String,
        /// When, on the author's clock.
        at: HlcTime,
    },
    /// An edit of a comment's text as it was at the batch's base.
    TextEdited {
        /// Which comment.
        comment: CommentId,
        /// What happened to it.
        op: TextOp,
    },
    /// New values of some fields of one entity.
    FieldsChanged {
        /// Whose fields.
        entity: Entity,
        /// The changed ones alone, by name.
        fields: BTreeMap<String, FieldWrite>,
        /// When, on the author's clock.
        at: HlcTime,
    },
    /// The comment goes; a tombstone stays.
    CommentRemoved {
        /// Which comment.
        comment: CommentId,
    },
}

/// What has fields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    /// The review itself.
    Review,
    /// One of its comments.
    Comment(CommentId),
}

/// A value written to a field by somebody who had seen its value as of `seen`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldWrite {
    /// What it shall be.
    pub value: FieldValue,
    /// The version the author saw when they acted; catching up never raises it.
    pub seen: Version,
}

impl Change {
    /// The comment whose thread it adds to, if it is a reply.
    pub fn root(&self) -> Option<CommentId> {
        match self {
            Change::CommentAdded { place: Place::Reply(root), .. } => Some(*root),
            _ => None,
        }
    }

    /// The comment that the change is about.
    pub fn comment(&self) -> Option<CommentId> {
        match self {
            Change::CommentAdded { comment, .. }
            | Change::TextEdited { comment, .. }
            | Change::CommentRemoved { comment }
            | Change::FieldsChanged { entity: Entity::Comment(comment), .. } => Some(*comment),
            Change::FieldsChanged { entity: Entity::Review, .. } => None,
        }
    }
}
