//! What a client asks for: changes, handed in together as a batch.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::HlcTime;
use crate::id::{CommentId, Seq, Version};
use crate::review::{ConflictId, FieldValue, Place, Status};
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
        /// The version the author saw when they wrote it, where that is older than the batch's base.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Version>,
    },
    /// An edit of a comment's text as it was at the batch's base.
    TextEdited {
        /// Which comment.
        comment: CommentId,
        /// What happened to it.
        op: TextOp,
        /// What was typed without knowing of others' edits that the base holds, oldest first; at most
        /// [`Apart::MOST`]. Only the sequencer looks at it: `op` has been carried over those edits already.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        apart: Vec<Apart>,
        /// It is somebody's whole new text, not keystrokes that others watch.
        #[serde(default, skip_serializing_if = "is_false")]
        whole: bool,
        /// The text conflict that it settles.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        settles: Option<ConflictId>,
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
        /// The version the author saw when they acted; absent for the batch's base.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Version>,
    },
    /// Elements of a set come and go.
    SetChanged {
        /// Whose set.
        entity: Entity,
        /// Which one.
        field: String,
        /// What comes.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        add: BTreeSet<String>,
        /// What goes, as far as it was there at the version beside it: what the author saw when they acted.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        remove: BTreeMap<String, Version>,
    },
    /// The author's own decision, which the review's status is to follow.
    Decided {
        /// The decision, as a write of the review's status.
        status: FieldWrite,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// When, on the author's clock.
        at: HlcTime,
    },
    /// A conflict about a field, or about a removed comment, is over. One about a text is settled by an edit.
    ConflictSettled {
        /// Which conflict.
        conflict: ConflictId,
        /// What it is about.
        entity: Entity,
        /// Which field of that.
        field: String,
        /// What the field shall be, whatever the sides say.
        write: FieldWrite,
        /// When, on the author's clock.
        at: HlcTime,
    },
    /// Drafts become comments of the review, with the author's decision if they make one: all of it or nothing.
    /// In a log of drafts alone, where it comes in a batch by itself. Not both parts are absent.
    DraftsPublished {
        /// Which drafts, as they are by then.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        comments: Vec<CommentId>,
        /// What the author thinks of the change.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decision: Option<PublishedDecision>,
        /// The version of the review, not of the log of drafts, that the author saw when they published.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Version>,
        /// When, on the author's clock.
        at: HlcTime,
    },
}

/// A decision that goes with published drafts, as [`Change::Decided`] says it: versions and patch sets are the
/// review's, not those of the log of drafts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedDecision {
    /// The decision, as a write of the review's status.
    pub status: FieldWrite,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What somebody typed before they knew of others' edits: the op as they made it, on the text as they saw it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apart {
    /// The version whose text they saw, with what they had on its way themselves not in it.
    pub seen: Version,
    /// Everything they had done to it, on its way or not.
    pub authored: TextOp,
    /// The very text that `authored` is for, where its author has been told of all that happened since at once and both
    /// rewrote the same words: the single edits in between may not be kept any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

impl PublishedDecision {
    /// The same by somebody who has seen nothing of what is there.
    pub fn unseen(self) -> PublishedDecision {
        PublishedDecision { status: FieldWrite { seen: 0, ..self.status }, ..self }
    }
}

impl Apart {
    /// The most in one edit.
    pub const MOST: usize = 4;
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
    /// The value they saw, where people settle conflicts about the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<FieldValue>,
    /// The code they saw, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_set: Option<u32>,
}

impl FieldWrite {
    /// A write by somebody who had seen that version.
    pub fn new(value: FieldValue, seen: Version) -> FieldWrite {
        FieldWrite { value, seen, was: None, patch_set: None }
    }
}

impl Batch {
    /// The oldest version that any of its edits was made on: what happened since, they may be in conflict with.
    pub fn seen(&self) -> Version {
        self.changes.iter().filter_map(Change::seen).min().unwrap_or(self.base).min(self.base)
    }
}

impl Change {
    /// Keystrokes in a comment's text.
    pub fn edit(comment: CommentId, op: TextOp) -> Change {
        Change::TextEdited { comment, op, apart: Vec::new(), whole: false, settles: None }
    }

    /// The conflict that it settles.
    pub fn settles(&self) -> Option<ConflictId> {
        match self {
            Change::TextEdited { settles, .. } => *settles,
            Change::ConflictSettled { conflict, .. } => Some(*conflict),
            _ => None,
        }
    }

    /// The comment whose thread it adds to, if it is a reply.
    pub fn root(&self) -> Option<CommentId> {
        match self {
            Change::CommentAdded { place: Place::Reply(root), .. } => Some(*root),
            _ => None,
        }
    }

    /// The drafts that it publishes.
    pub fn published(&self) -> &[CommentId] {
        match self {
            Change::DraftsPublished { comments, .. } => comments,
            _ => &[],
        }
    }

    /// Whether it writes words of a comment's.
    pub fn is_text(&self) -> bool {
        matches!(self, Change::TextEdited { .. } | Change::CommentAdded { .. })
    }

    /// The comment that the change is about.
    pub fn comment(&self) -> Option<CommentId> {
        match self {
            Change::CommentAdded { comment, .. }
            | Change::TextEdited { comment, .. }
            | Change::CommentRemoved { comment, .. }
            | Change::FieldsChanged { entity: Entity::Comment(comment), .. }
            | Change::SetChanged { entity: Entity::Comment(comment), .. }
            | Change::ConflictSettled { entity: Entity::Comment(comment), .. } => Some(*comment),
            Change::FieldsChanged { entity: Entity::Review, .. }
            | Change::SetChanged { entity: Entity::Review, .. }
            | Change::ConflictSettled { entity: Entity::Review, .. }
            | Change::DraftsPublished { .. }
            | Change::Decided { .. } => None,
        }
    }

    /// What it writes to a field.
    pub(crate) fn write(&self, of: Entity, field: &str) -> Option<&FieldWrite> {
        match self {
            Change::FieldsChanged { entity, fields, .. } if *entity == of => fields.get(field),
            Change::Decided { status, .. } if of == Entity::Review && field == Status::FIELD => Some(status),
            Change::ConflictSettled { entity, field: named, write, .. }
                if *entity == of && named == field =>
            {
                Some(write)
            }
            _ => None,
        }
    }

    /// The oldest version that its author says to have seen, where that decides what it meets.
    fn seen(&self) -> Option<Version> {
        match self {
            Change::TextEdited { apart, .. } => apart.iter().map(|part| part.seen).min(),
            Change::CommentRemoved { seen, .. } => *seen,
            _ => None,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
