//! What a review's log is made of: the sequencer's complete output for one batch.

use serde::{Deserialize, Serialize};

pub use crate::chain::{EncodedEntry, Hash, Head, UnreadableEntry};
use crate::change::{Change, Entity};
use crate::clock::{Millis, Stamp};
use crate::id::{ClientId, CommentId, ReviewId, Seq, UserId, Version};
use crate::review::{
    Conflict, ConflictId, ConflictSide, Delta, FieldValue, How, Move, Place, Settlement, Standing, Status,
    StatusPolicy,
};
use crate::text::TextOp;

/// The format of entries that this software writes. It reads every one up to this.
pub const ENTRY_FORMAT: u32 = 2;

/// One step of a review's history. Everything that can be derived is in it: who applies it decides nothing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// [`ENTRY_FORMAT`] of the software that wrote it.
    pub format: u32,
    /// Its place in the log, counted from 1.
    pub version: Version,
    /// Whose batch it was.
    pub author: UserId,
    /// From which client.
    pub client: ClientId,
    /// That client's number for it.
    pub seq: Seq,
    /// When the sequencer took it, on the server's clock.
    pub at: Millis,
    /// What happened, in order.
    pub facts: Vec<Fact>,
    /// What became of changes that were not simply accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<Verdict>,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fact {
    /// The first fact of every log.
    ReviewCreated {
        /// What the review is called.
        title: String,
        /// What happens when two people move its status.
        #[serde(default, skip_serializing_if = "StatusPolicy::is_usual")]
        status_policy: StatusPolicy,
    },
    /// The first fact of a log of private drafts, in the place of `review_created`.
    DraftsOpened {
        /// The review that they are drafts in.
        review: ReviewId,
        /// Whose they are.
        owner: UserId,
    },
    /// The code under review, from now on.
    PatchSetAdded {
        /// Counted from 1.
        number: u32,
        /// Where comments stand from now on; those that are not listed stand as before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        moves: Vec<Move>,
    },
    /// A comment came.
    CommentAdded {
        /// Its id.
        comment: CommentId,
        /// Where it is; an anchor carries its line's hash.
        place: Place,
        /// How it came there, if it was written on an older patch set than the newest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        standing: Option<Box<Standing>>,
        /// Other people's threads on the same lines that its author had not seen.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        beside: Vec<CommentId>,
        /// Its first text.
        text: String,
        /// Orders it among its neighbours.
        created: Stamp,
    },
    /// A comment's text changed.
    TextEdited {
        /// Which comment.
        comment: CommentId,
        /// Transformed: applies to the text right before this entry.
        op: TextOp,
        /// [`Text::checksum`](crate::text::Text::checksum) of the text after it.
        checksum: u32,
    },
    /// A field has a new value.
    FieldSet {
        /// Whose field.
        entity: Entity,
        /// Which one.
        field: String,
        /// Its value from now on.
        value: FieldValue,
        /// Decides against concurrent writes.
        stamp: Stamp,
        /// Set when its author had not seen the value it replaces, and whose value that was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unseen: Option<UserId>,
        /// The version its author had seen, where people settle conflicts about the field.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Version>,
        /// The code they had seen, likewise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        patch_set: Option<u32>,
        /// Who stands for that value beside its author, likewise: see [`Register::with`](crate::review::Register).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        with: Vec<ConflictSide>,
    },
    /// A comment became a tombstone.
    CommentRemoved {
        /// Which comment.
        comment: CommentId,
    },
    /// A tombstone is a comment again, with all that was done to its text meanwhile.
    CommentRestored {
        /// Which comment.
        comment: CommentId,
    },
    /// Elements of a set came and went.
    SetChanged {
        /// Whose set.
        entity: Entity,
        /// Which one.
        field: String,
        /// Exactly what came and went.
        delta: Delta,
    },
    /// The author's own decision.
    DecisionSet {
        /// What it is.
        value: Status,
        /// The code that they had seen.
        patch_set: u32,
        /// The version that they had seen.
        seen: Version,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// Decides between the author's own clients.
        stamp: Stamp,
    },
    /// Two people wrote what only a person can settle. Until somebody does, what stands stands.
    ConflictRaised(Box<Conflict>),
    /// Somebody who did not know of an open conflict wrote as well, or wrote anew.
    ConflictJoined {
        /// Which conflict.
        conflict: ConflictId,
        /// In place of that user's side before, if there is one.
        side: Box<ConflictSide>,
        /// The text now, where it is about a text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        merged: Option<String>,
    },
    /// A conflict is over.
    ConflictSettled {
        /// Which conflict.
        conflict: ConflictId,
        /// What it was about.
        entity: Entity,
        /// Which field of that.
        field: String,
        /// How it ended.
        how: How,
        /// What the field is. Of a text the edit beside it tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<FieldValue>,
    },
    /// Drafts became comments of the review that they are drafts in; in a log of drafts alone.
    DraftsPublished {
        /// Which; none where it was only a decision.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        comments: Vec<CommentId>,
    },
}

impl Fact {
    /// Whether it may be what became of a change.
    pub(crate) fn is_of(&self, change: &Change) -> bool {
        match (self, change) {
            (
                Fact::CommentAdded { comment, text, .. },
                Change::CommentAdded { comment: of, text: written, .. },
            ) => comment == of && text == written,
            (Fact::TextEdited { comment, .. }, Change::TextEdited { comment: of, .. })
            | (Fact::CommentRemoved { comment }, Change::CommentRemoved { comment: of, .. }) => comment == of,
            (
                Fact::FieldSet { entity, field, value, .. },
                Change::FieldsChanged { entity: of, fields, .. },
            ) => entity == of && fields.get(field).is_some_and(|write| write.value == *value),
            (Fact::FieldSet { entity: Entity::Review, field, value, .. }, Change::Decided { status, .. }) => {
                field == Status::FIELD && status.value == *value
            }
            (Fact::DecisionSet { value, .. }, Change::Decided { status, .. }) => {
                Status::from_value(&status.value) == Some(*value)
            }
            (
                Fact::FieldSet { entity, field, value, .. },
                Change::ConflictSettled { entity: of, field: named, write, .. },
            ) => entity == of && field == named && write.value == *value,
            (Fact::CommentRestored { comment }, Change::ConflictSettled { entity, .. }) => {
                *entity == Entity::Comment(*comment)
            }
            (
                Fact::SetChanged { entity, field, delta },
                Change::SetChanged { entity: of, field: named, add, remove },
            ) => {
                let asked = delta.added.keys().all(|one| add.contains(one))
                    && delta.removed.keys().all(|one| remove.contains_key(one) || add.contains(one));
                entity == of && field == named && asked
            }
            (Fact::DraftsPublished { comments }, Change::DraftsPublished { comments: named, .. }) => {
                comments == named
            }
            // Which conflicts a change meets, only the server can know.
            (
                Fact::ConflictRaised(_) | Fact::ConflictJoined { .. } | Fact::ConflictSettled { .. },
                change,
            ) => !matches!(change, Change::CommentAdded { .. } | Change::SetChanged { .. }),
            _ => false,
        }
    }

    /// The drafts that it publishes.
    pub fn published(&self) -> &[CommentId] {
        match self {
            Fact::DraftsPublished { comments } => comments,
            _ => &[],
        }
    }

    /// The comments that it places elsewhere.
    pub fn moves(&self) -> &[Move] {
        match self {
            Fact::PatchSetAdded { moves, .. } => moves,
            _ => &[],
        }
    }

    /// The comment that it is about.
    pub fn comment(&self) -> Option<CommentId> {
        match self {
            Fact::CommentAdded { comment, .. }
            | Fact::TextEdited { comment, .. }
            | Fact::CommentRemoved { comment }
            | Fact::CommentRestored { comment }
            | Fact::SetChanged { entity: Entity::Comment(comment), .. }
            | Fact::FieldSet { entity: Entity::Comment(comment), .. } => Some(*comment),
            Fact::FieldSet { entity: Entity::Review, .. }
            | Fact::SetChanged { entity: Entity::Review, .. }
            | Fact::DecisionSet { .. }
            | Fact::ConflictRaised(_)
            | Fact::ConflictJoined { .. }
            | Fact::ConflictSettled { .. }
            | Fact::ReviewCreated { .. }
            | Fact::DraftsOpened { .. }
            | Fact::DraftsPublished { .. }
            | Fact::PatchSetAdded { .. } => None,
        }
    }

    /// Whether it says that a conflict came, grew or went.
    pub(crate) fn is_of_a_conflict(&self) -> bool {
        use Fact::{ConflictJoined, ConflictRaised, ConflictSettled};
        matches!(self, ConflictRaised(_) | ConflictJoined { .. } | ConflictSettled { .. })
    }

    /// Whether it is about conflicts, decisions or sets: what a review holds beside fields and comments.
    pub(crate) fn is_beside(&self) -> bool {
        let beside =
            matches!(self, Fact::SetChanged { entity: Entity::Review, .. } | Fact::DecisionSet { .. });
        beside || self.is_of_a_conflict()
    }
}

/// One fact by itself, with the entry that it comes from: what a catch-up is made of. Text edits of several
/// entries may be squashed into one, which then stands at the last of them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// The entry's place in the log.
    pub version: Version,
    /// Whose batch it was.
    pub author: UserId,
    /// From which client.
    pub client: ClientId,
    /// That client's number for it.
    pub seq: Seq,
    /// When the sequencer took it.
    pub at: Millis,
    /// What happened.
    pub fact: Fact,
}

/// What became of one change of a batch, where it was not simply accepted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Which change, counted from 0.
    pub change: usize,
    /// What became of it.
    pub outcome: Outcome,
}

impl Verdict {
    /// Whether it is that nothing of a change happened.
    pub fn rejects(&self, change: usize) -> bool {
        let nothing = matches!(self.outcome, Outcome::Rejected(_) | Outcome::AlreadySettled(_));
        self.change == change && nothing
    }

    /// Whether it can be about one of the changes of that batch.
    pub(crate) fn is_of(&self, changes: &[Change]) -> bool {
        changes.get(self.change).is_some_and(|change| match &self.outcome {
            Outcome::AlreadySettled(over) => change.settles() == Some(over.conflict),
            _ => true,
        })
    }
}

/// The ways in which a change is not simply accepted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// A field keeps a concurrent write's value.
    Superseded {
        /// Which field.
        field: String,
        /// Whose value stands.
        by: UserId,
        /// The value that stands.
        value: FieldValue,
    },
    /// It met what somebody else wrote, and a conflict is open now.
    Conflict {
        /// Which field; `text` for a text, `removed` for a removal.
        field: String,
        /// Which conflict.
        conflict: ConflictId,
    },
    /// The conflict that it would have settled is over: nothing of the change happened, and nothing had to.
    AlreadySettled(Box<Settlement>),
    /// Nothing of the change happened.
    Rejected(Reason),
}

/// Why a change cannot happen. Serialised by its code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no such comment, at least not at the batch's base.
    #[error("there is no such comment")]
    UnknownComment,
    /// A comment with this id exists already.
    #[error("a comment with this id exists already")]
    DuplicateComment,
    /// The comment was removed, and the author of the change had seen that.
    #[error("the comment was removed")]
    CommentRemoved,
    /// The diff carries no such line.
    #[error("the diff carries no such line")]
    UnknownLine,
    /// The line reads otherwise than the author saw it.
    #[error("the line is not the one that was commented on")]
    LineDiffers,
    /// The op is for a text of another length than the comment had at the batch's base.
    #[error("the edit does not fit the text it was made for")]
    DoesNotFit,
    /// The text holds a carriage return or a NUL.
    #[error("text must end its lines with LF alone and hold no NUL")]
    BadText,
    /// The text would become too long.
    #[error("the comment would become too long")]
    TextTooLong,
    /// Too many components in an op.
    #[error("the edit has too many parts")]
    OpTooLarge,
    /// No further comment fits in the review.
    #[error("the review has too many comments")]
    TooManyComments,
    /// All texts of the review together would become too long.
    #[error("the review has too much text")]
    ReviewTooLarge,
    /// There is no such field on this entity.
    #[error("there is no such field")]
    UnknownField,
    /// The field takes other values.
    #[error("the field does not take this value")]
    BadValue,
    /// The author may not do this.
    #[error("only its author may do this")]
    NotAllowed,
    /// There is no such conflict, nor was there one lately.
    #[error("there is no such conflict")]
    UnknownConflict,
    /// The note is too long.
    #[error("the note is too long")]
    NoteTooLong,
    /// The set has as many elements as it may have.
    #[error("the set takes no further element")]
    SetFull,
    /// An earlier change of the batch that this one needs was rejected, or breaks a rule of batches.
    #[error("a change that this one depends on was rejected")]
    DependsOnRejected,
    /// A second text edit of one comment in a batch, or one beside its own `comment_added`.
    #[error("a batch takes one edit per comment")]
    SecondEdit,
    /// The draft was published: the comment in the review is what there is to edit.
    #[error("the draft was published")]
    Published,
}

/// The last answer that a client got in a review: what a resend of the same batch gets again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Which batch.
    pub seq: Seq,
    /// The hash of its bytes.
    pub payload: Hash,
    /// What became of it.
    pub result: AnswerResult,
}

impl Answer {
    /// The version that it names, of a batch that is an entry.
    pub fn version(&self) -> Option<Version> {
        match self.result {
            AnswerResult::Committed { version, .. } => Some(version),
            _ => None,
        }
    }
}

/// What became of a batch.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerResult {
    /// It is an entry.
    Committed {
        /// Where.
        version: Version,
        /// The chain's link there; absent in answers that were written before it was kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hash: Option<Hash>,
        /// What became of changes that were not simply accepted, as in the entry.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        verdicts: Vec<Verdict>,
    },
    /// Every change of it was rejected; the log holds nothing of it.
    Rejected(Vec<Verdict>),
    /// Its author asked for the seq to be settled before the batch came: it will never be taken.
    Void,
}
