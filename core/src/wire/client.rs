//! What clients send.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock::Millis;
use crate::entry::Head;
use crate::id::{ClientId, ReviewId, User};
use crate::presence::PresenceUpdate;

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
    /// Where the log ends here; absent for a first open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<Head>,
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
