//! What outlives a process: a replica's record, the frozen batch in it, and what the server refused.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::clock::{Hlc, Millis};
use crate::entry::{Head, Reason};
use crate::id::{ClientId, CommentId, Seq, UserId, Version};
use crate::review::Review;
use crate::sync::Pending;

/// A batch that will never change again: what is sent is these bytes, each time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Frozen {
    /// The client's number for it.
    pub seq: Seq,
    /// The version that its changes were made against.
    pub base: Version,
    /// The [`Batch`] in JSON.
    pub payload: Arc<str>,
}

/// A replica as it is saved.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Saved {
    /// The format of this record; 1.
    pub format: u32,
    /// Whose replica.
    pub client: ClientId,
    /// Its user.
    pub user: UserId,
    /// The confirmed review.
    pub confirmed: Review,
    /// Where the log ended.
    pub head: Head,
    /// What was in flight.
    pub in_flight: Option<SavedInFlight>,
    /// What was done since.
    pub buffer: Pending,
    /// When the oldest of that was done.
    pub buffered_since: Option<Millis>,
    /// The next batch's number.
    pub next_seq: Seq,
    /// The replica's clock.
    pub clock: Hlc,
    /// What the server refused and nobody has discarded.
    pub rejected: Vec<Rejected>,
}

/// A batch in flight as it is saved.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SavedInFlight {
    /// The bytes to send.
    pub frozen: Frozen,
    /// The changes as of the saved confirmed review.
    pub changes: Pending,
    /// When the oldest of them was made.
    pub since: Millis,
}

/// A refused change with everything that fell with it. Kept until it is discarded.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Rejected {
    /// The comment it was about, if any.
    pub comment: Option<CommentId>,
    /// Why; `None` where this replica had to start over from the server's state.
    pub reason: Option<Reason>,
    /// The comment's text as the server had it.
    pub base: Option<String>,
    /// The comment's text as it was meant to be.
    pub mine: Option<String>,
    /// What was refused.
    pub changes: Vec<Change>,
}
