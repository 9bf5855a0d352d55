//! What a replica tells of itself.

use serde::{Deserialize, Serialize};

use super::Rejected;
use crate::change::Entity;
use crate::clock::Millis;
use crate::id::{CommentId, UserId};
use crate::review::{Conflict, FieldValue, Settlement, Status};
use crate::text::TextOp;
use crate::wire::ErrorCode;

/// Who caused an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// This replica's user, here.
    Local,
    /// Somebody else, or this user elsewhere.
    Remote,
    /// A refused change was taken back.
    Rollback,
}

/// What changed, in terms of what this replica shows.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Everything may have: the review was loaded.
    Loaded,
    /// A comment came.
    CommentAdded {
        /// Which.
        comment: CommentId,
        /// Whose change it was.
        by: UserId,
        /// Who caused the event.
        origin: Origin,
    },
    /// A comment went.
    CommentRemoved {
        /// Which.
        comment: CommentId,
        /// Whose change it was.
        by: UserId,
        /// Who caused the event.
        origin: Origin,
    },
    /// The code under review has changed: comments may stand elsewhere.
    PatchSetAdded {
        /// The newest patch set's number.
        number: u32,
    },
    /// Two people commented on the same line without having seen each other's: it may be the same remark. One of the
    /// two is this user's.
    SameLine {
        /// The one that came later into the log.
        comment: CommentId,
        /// The one that came before it.
        other: CommentId,
    },
    /// What this user has read or viewed has changed, here or on another device.
    Marks,
    /// Drafts were published, or with [`Origin::Rollback`] were not after all. In a log of drafts alone.
    DraftsPublished {
        /// Which; none where it was only a decision.
        comments: Vec<CommentId>,
        /// Who caused the event.
        origin: Origin,
    },
    /// A removal was taken back.
    CommentRestored {
        /// Which.
        comment: CommentId,
    },
    /// A text changed.
    TextEdited {
        /// Whose text.
        comment: CommentId,
        /// Applies to the text as it was shown before this event.
        op: TextOp,
        /// Whose change it was.
        by: UserId,
        /// Who caused the event.
        origin: Origin,
    },
    /// A field has another value.
    FieldChanged {
        /// Whose field.
        entity: Entity,
        /// Which.
        field: String,
        /// Its value now; `None` if it is unset again.
        value: Option<FieldValue>,
        /// Whose change it was.
        by: UserId,
        /// Who caused the event.
        origin: Origin,
    },
    /// A field written here keeps a concurrent write's value.
    Superseded {
        /// Whose field.
        entity: Entity,
        /// Which.
        field: String,
        /// The value that stands.
        value: FieldValue,
        /// Whose it is.
        by: UserId,
    },
    /// A field written here was overwritten by somebody who had not seen it.
    Overwritten {
        /// Whose field.
        entity: Entity,
        /// Which.
        field: String,
        /// The value that stands.
        value: FieldValue,
        /// Whose it is.
        by: UserId,
    },
    /// Something came to a set or went from it.
    SetChanged {
        /// Whose set.
        entity: Entity,
        /// Which.
        field: String,
        /// Whose change it was.
        by: UserId,
        /// Who caused the event.
        origin: Origin,
    },
    /// A reviewer decided.
    Decided {
        /// What.
        value: Status,
        /// Who.
        by: UserId,
        /// Who caused the event.
        origin: Origin,
    },
    /// A conflict is open, or has got another side.
    Conflict(Box<Conflict>),
    /// A conflict is over.
    ConflictSettled(Box<Settlement>),
    /// What was done here would have settled a conflict; somebody else was first, and what they said stands.
    AlreadySettled(Settlement),
    /// Something is not on the server, or not as it was meant: see its cause.
    Rejected(Rejected),
    /// What can be undone or redone in a comment's text has changed.
    Undoable {
        /// Whose text.
        comment: CommentId,
    },
    /// How much is not durable on the server has changed.
    Unsynced(Unsynced),
    /// Who is here, or where they are, has changed.
    Presence,
    /// A batch will never be taken as it is, or the server does not know the review any more (`unknown_review`);
    /// somebody has to decide.
    Stuck(ErrorCode),
}

impl Event {
    /// Whether it tells of a change of what is shown.
    pub(super) fn is_shown(&self) -> bool {
        matches!(
            self,
            Event::CommentAdded { .. }
                | Event::CommentRemoved { .. }
                | Event::CommentRestored { .. }
                | Event::PatchSetAdded { .. }
                | Event::TextEdited { .. }
                | Event::FieldChanged { .. }
                | Event::SetChanged { .. }
                | Event::Decided { .. }
                | Event::DraftsPublished { .. }
        )
    }
}

/// How much of what was done here is not durable on the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Unsynced {
    /// How many changes.
    pub count: usize,
    /// The most there were since the last time that there was none: `of - count` of them are durable.
    pub of: usize,
    /// When the oldest of them was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Millis>,
}
