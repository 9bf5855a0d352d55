//! What a review's log is made of: the sequencer's complete output for one batch.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::change::{Change, Entity};
use crate::clock::{Millis, Stamp};
use crate::hex::hex_bytes;
use crate::id::{ClientId, CommentId, Seq, UserId, Version};
use crate::review::{FieldValue, Place};
use crate::text::TextOp;

/// The format of entries that this software writes. It reads every one up to this.
pub const ENTRY_FORMAT: u32 = 1;

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
    },
    /// The code under review, from now on.
    PatchSetAdded {
        /// Counted from 1.
        number: u32,
    },
    /// A comment came.
    CommentAdded {
        /// Its id.
        comment: CommentId,
        /// Where it is; an anchor carries its line's hash.
        place: Place,
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
    },
    /// A comment became a tombstone.
    CommentRemoved {
        /// Which comment.
        comment: CommentId,
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
            | (Fact::CommentRemoved { comment }, Change::CommentRemoved { comment: of }) => comment == of,
            (
                Fact::FieldSet { entity, field, value, .. },
                Change::FieldsChanged { entity: of, fields, .. },
            ) => entity == of && fields.get(field).is_some_and(|write| write.value == *value),
            _ => false,
        }
    }

    /// The comment that it is about.
    pub fn comment(&self) -> Option<CommentId> {
        match self {
            Fact::CommentAdded { comment, .. }
            | Fact::TextEdited { comment, .. }
            | Fact::CommentRemoved { comment }
            | Fact::FieldSet { entity: Entity::Comment(comment), .. } => Some(*comment),
            Fact::FieldSet { entity: Entity::Review, .. }
            | Fact::ReviewCreated { .. }
            | Fact::PatchSetAdded { .. } => None,
        }
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
        self.change == change && matches!(self.outcome, Outcome::Rejected(_))
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
    /// An earlier change of the batch that this one needs was rejected, or breaks a rule of batches.
    #[error("a change that this one depends on was rejected")]
    DependsOnRejected,
    /// A second text edit of one comment in a batch, or one beside its own `comment_added`.
    #[error("a batch takes one edit per comment")]
    SecondEdit,
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

/// A SHA-256 digest; 64 lowercase hexadecimal digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Hash(pub [u8; 32]);

hex_bytes!(Hash, 32);

impl Hash {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    /// The next link of a log's chain: SHA-256 over this link and the digest of the next payload. Covering
    /// digests rather than payloads lets a payload be erased while the chain still verifies.
    pub fn chain(self, payload: &[u8]) -> Hash {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.0);
        bytes[32..].copy_from_slice(&Hash::of(payload).0);
        Hash::of(&bytes)
    }
}

/// Where a log ends: how many entries it has, and the link of its chain there. The empty log's link is all zeros.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The last entry's version, 0 for the empty log.
    pub version: Version,
    /// The chain's link at that version.
    pub hash: Hash,
}

/// An entry as it is stored and sent: its bytes are made once and never again.
#[derive(Clone, PartialEq, Debug)]
pub struct EncodedEntry {
    /// Its place in the log.
    pub version: Version,
    /// The chain's link at that place.
    pub hash: Hash,
    /// The entry in JSON.
    pub payload: std::sync::Arc<str>,
}

/// Stored bytes that are not an entry this software can read.
#[derive(Debug, thiserror::Error)]
#[error("entry {version} cannot be read: {why}")]
pub struct UnreadableEntry {
    /// Its place in the log.
    pub version: Version,
    /// What is wrong.
    pub why: String,
}

impl EncodedEntry {
    /// Encodes an entry behind a link of the chain.
    pub fn new(entry: &Entry, previous: Hash) -> EncodedEntry {
        let payload = serde_json::to_string(entry).unwrap_or_default();
        debug_assert!(!payload.is_empty(), "an entry is plain data and always encodes");
        EncodedEntry {
            version: entry.version,
            hash: previous.chain(payload.as_bytes()),
            payload: payload.into(),
        }
    }

    /// Decodes it.
    pub fn decode(&self) -> Result<Entry, UnreadableEntry> {
        let unreadable = |why: String| UnreadableEntry { version: self.version, why };
        let entry: Entry =
            serde_json::from_str(&self.payload).map_err(|error| unreadable(error.to_string()))?;
        if entry.format > ENTRY_FORMAT {
            return Err(unreadable(format!("format {} is newer than this software", entry.format)));
        }
        if entry.version != self.version {
            return Err(unreadable(format!("it calls itself {}", entry.version)));
        }
        Ok(entry)
    }
}
