//! What clients send.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock::Millis;
use crate::entry::Head;
use crate::id::{ClientId, CommentId, ReviewId, Seq, User, Version};
use crate::presence::PresenceUpdate;
use crate::review::Marks;

/// A frame from a client.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientFrame {
    /// The first frame of a connection, and only that.
    Hello(Hello),
    /// Takes part in a review.
    Open(Open),
    /// Hands in a batch.
    Submit(Submit),
    /// Tells where the user is.
    Presence {
        /// In which review.
        review: ReviewId,
        /// Where.
        update: PresenceUpdate,
    },
    /// Asks how a comment's text came to be.
    History(HistoryRequest),
    /// Tells what the user has read and viewed; asks what else they have.
    Marks {
        /// In which review.
        review: ReviewId,
        /// Comes back with the answer.
        nonce: u64,
        /// What the server may not have yet.
        marks: Marks,
    },
    /// Takes no part in a review any longer.
    Leave {
        /// Which one.
        review: ReviewId,
    },
    /// Asks for a `pong`.
    Ping {
        /// Comes back with it.
        nonce: u64,
    },
}

/// Who connects.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`PROTOCOL`](super::PROTOCOL) of the client.
    pub protocol: u32,
    /// The local replica's id. Belongs to the user who first used it.
    pub client: ClientId,
    /// Who it is; a guest says so themselves.
    pub user: User,
    /// The client's clock, from which the server works out the skew.
    pub now: Millis,
}

/// Which review to open, and what of it is here already.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// The review's id, or the key it was created with.
    pub review: String,
    /// Where the log ends here; absent for a first open, and where what is here cannot be continued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<Head>,
    /// The replica's id, where it is not the connection's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The batch that has been sent and not been answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<InFlightRef>,
    /// Links of the log: where it ended here, and those that entries of this replica's own had, newest first, at most [`Open::MAX_KNOWN`]: sent
    /// without `have`, to learn which of them this log still has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<Head>,
    /// The user's private drafts in that review are meant, a log of their own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drafts: bool,
}

impl Open {
    /// The most links in `known`.
    pub const MAX_KNOWN: usize = 64;
}

/// A batch in flight, as the server has to know of it to say what happened meanwhile.
///
/// Either the server sends every edit of `comments` one by one, so that the batch can be carried over them, or it
/// settles `seq` first: the batch's answer, if it ever had one, or else that it is durably void.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InFlightRef {
    /// Its number.
    pub seq: Seq,
    /// The version that it was made against.
    pub base: Version,
    /// The comments that it is about.
    pub comments: Vec<CommentId>,
}

/// Which part of a comment's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryRequest {
    /// Of which review.
    pub review: ReviewId,
    /// Of which comment.
    pub comment: CommentId,
    /// Only what came after this version; 0 for all that is kept.
    #[serde(default)]
    pub after: Version,
    /// Comes back with the answer.
    pub nonce: u64,
}

/// A batch on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// For which review.
    pub review: ReviewId,
    /// A [`Batch`](crate::change::Batch), byte for byte as it was frozen: its hash tells a resend from
    /// another batch under the same seq.
    pub batch: Box<RawValue>,
}
