//! The codes of everything that can go wrong between a client and a server.

use serde::{Deserialize, Serialize};

/// A stable code; its text on the wire is its name in snake case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not a frame of this protocol.
    BadFrame,
    /// A frame whose name this server does not know.
    UnknownFrame,
    /// A binary frame; the protocol is text.
    BinaryFrame,
    /// A frame over the limit.
    FrameTooLarge,
    /// The client speaks another protocol.
    UpgradeRequired,
    /// Another frame came before `hello`, or none in time.
    HelloExpected,
    /// `hello` came twice.
    HelloTwice,
    /// The client id belongs to another user.
    ClientTaken,
    /// There is no such review.
    UnknownReview,
    /// There is no such comment.
    UnknownComment,
    /// The log does not reach to such a version.
    UnknownVersion,
    /// What a version was made of is not kept any more.
    VersionNotKept,
    /// The session has not opened the review.
    NotOpen,
    /// The session has opened the review already.
    AlreadyOpen,
    /// The session has too many reviews open.
    TooManyOpen,
    /// The log does not contain what the client says it has.
    HistoryLost,
    /// The seq was used for another batch.
    SeqReused,
    /// A batch before this one is missing.
    SeqGap,
    /// The batch was made against a version that it cannot be transformed from.
    BadBase,
    /// The batch is empty, too large, or not a batch.
    BadBatch,
    /// A position or path that cannot be.
    BadPresence,
    /// The store failed. Nothing happened, nothing is lost.
    StoreFailed,
    /// Too much at once.
    Overloaded,
    /// The client read too slowly and was cut off.
    TooSlow,
    /// The server is stopping.
    Draining,
    /// An operator has closed the session.
    SessionClosed,
    /// A defect of the server.
    Internal,
    /// A code that this software does not know; `retryable` beside it says what it needs to know.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// Whether the same thing may work later.
    pub fn retryable(self) -> bool {
        use ErrorCode::*;
        matches!(self, StoreFailed | Overloaded | TooSlow | Draining | Internal | NotOpen)
    }
}
