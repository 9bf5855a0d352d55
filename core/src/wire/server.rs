//! What the server sends.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ErrorCode;
use crate::clock::Millis;
use crate::entry::{Answer, Hash, Head, Step};
use crate::id::{ReviewId, Seq, SessionId, User, Version};
use crate::limits::Limits;
use crate::presence::Presence;
use crate::review::{CommentHistory, Marks, Review};

/// A frame from the server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerFrame {
    /// Answers `hello`.
    Welcome(Welcome),
    /// Answers `open`.
    Opened(Box<Opened>),
    /// The next entry of a review's log; for its author, the acknowledgement.
    Entry(EntryFrame),
    /// What became of a batch that is no entry, or of one that was sent again.
    Answer {
        /// In which review.
        review: ReviewId,
        /// What became of it.
        answer: Answer,
    },
    /// A batch was not taken. It consumed no seq.
    Refused(Refused),
    /// Somebody came or moved.
    Presence {
        /// In which review.
        review: ReviewId,
        /// Who and where.
        presence: Presence,
    },
    /// Somebody went.
    Gone {
        /// From which review.
        review: ReviewId,
        /// Whose session.
        session: SessionId,
    },
    /// Answers `history`.
    History(HistoryFrame),
    /// Answers `marks`; and tells the user's other sessions.
    Marks {
        /// In which review.
        review: ReviewId,
        /// As it came, for the session that sent some.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nonce: Option<u64>,
        /// All that this user has read and viewed.
        marks: Marks,
    },
    /// Something that the client sent cannot be done.
    Error(ErrorFrame),
    /// Answers `ping`.
    Pong {
        /// As it came.
        nonce: u64,
    },
    /// The server is about to stop; everything acknowledged is durable.
    Draining {
        /// When to connect again, in milliseconds; each client adds its own jitter.
        reconnect_after_ms: u64,
    },
}

/// The connection is ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Welcome {
    /// The protocol of this connection.
    pub protocol: u32,
    /// This connection's name.
    pub session: SessionId,
    /// Who the server takes the user for.
    pub user: User,
    /// The server's clock.
    pub now: Millis,
    /// What the server accepts.
    pub limits: Limits,
}

/// A review is open. Entries behind `head` follow in order, as they come.
///
/// | `snapshot` | `steps` | what the client gets |
/// |---|---|---|
/// | absent | absent | the entries from its version up to `head` follow first |
/// | absent | present | `steps` take it from its version to `head` |
/// | present | present | the whole review; `steps` hold what happened to the comments in flight |
/// | present | absent | the whole review; what was in flight is settled: see `last` |
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Opened {
    /// What the client asked for.
    pub requested: String,
    /// Its id.
    pub review: ReviewId,
    /// Where the log ends: with a snapshot, what it is a snapshot of; without, the entries from the client's
    /// version up to this one follow first.
    pub head: Head,
    /// The whole review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Review>,
    /// What happened since the client's version, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Step>>,
    /// [`Review::digest`] at `head`; absent where entries follow, for they carry checksums of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<u32>,
    /// The last answer that the client got in this review, if it ever got one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Answer>,
    /// The newest version of those in `known` at which this log has that very link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Version>,
    /// The names of everybody who took part.
    pub users: Vec<User>,
    /// Everybody who is here, this session left out.
    pub presence: Vec<Presence>,
}

impl Opened {
    /// A review by its id, and where its log ends; no more than that.
    pub fn new(review: ReviewId, head: Head) -> Opened {
        Opened {
            requested: review.to_string(),
            review,
            head,
            snapshot: None,
            steps: None,
            digest: None,
            last: None,
            held: None,
            users: Vec::new(),
            presence: Vec::new(),
        }
    }
}

/// An entry of a log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EntryFrame {
    /// Whose log.
    pub review: ReviewId,
    /// The chain's link at this entry.
    pub hash: Hash,
    /// The [`Entry`](crate::entry::Entry), byte for byte as it was hashed.
    pub entry: Box<RawValue>,
}

/// How a comment's text came to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HistoryFrame {
    /// Of which review.
    pub review: ReviewId,
    /// As it came.
    pub nonce: u64,
    /// As much of it as one frame takes.
    pub history: CommentHistory,
}

/// A batch was not taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refused {
    /// For which review it was.
    pub review: ReviewId,
    /// Its number.
    pub seq: Seq,
    /// Why.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// Whether the same bytes may be taken later.
    pub retryable: bool,
    /// When to try again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// Something cannot be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrorFrame {
    /// What is wrong.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// Whether the same thing may work later.
    pub retryable: bool,
    /// What an `open` asked for, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested: Option<String>,
    /// Which review it is about, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewId>,
    /// That of the `history` which it answers, if it answers one: then it says nothing about taking part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u64>,
}

impl ErrorFrame {
    /// An error about no review in particular.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> ErrorFrame {
        ErrorFrame {
            code,
            message: message.into(),
            retryable: code.retryable(),
            requested: None,
            review: None,
            nonce: None,
        }
    }
}
