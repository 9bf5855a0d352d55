//! What can go wrong with the store.

use std::time::Duration;

use interline_core::id::{ReviewId, Version};
use interline_core::wire::ErrorCode;

/// A store error. None of them may be mistaken for an empty result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached or is busy; nothing happened.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// There is no room; nothing happened.
    #[error("the store is full: {0}")]
    Full(String),
    /// The connection failed while committing: it may have happened. Only appending again tells.
    #[error("the store failed while committing: {0}")]
    UnknownOutcome(String),
    /// What is stored cannot be what was written.
    #[error("the store is corrupt: {what}{}", .review.map(|id| format!(" (review {id})")).unwrap_or_default())]
    Corrupt {
        /// Which review it is about, if one.
        review: Option<ReviewId>,
        /// What is wrong.
        what: String,
    },
    /// Entries that were asked for are not kept any longer; a snapshot has what came of them.
    #[error("review {review} keeps only the entries behind version {oldest}")]
    Trimmed {
        /// Whose entries.
        review: ReviewId,
        /// Every entry behind this version is there.
        oldest: Version,
    },
}

impl StoreError {
    /// A review that cannot be what was written.
    pub fn corrupt(review: ReviewId, what: impl ToString) -> StoreError {
        StoreError::Corrupt { review: Some(review), what: what.to_string() }
    }

    /// The same, met while reading a review.
    pub fn about(self, id: ReviewId) -> StoreError {
        match self {
            StoreError::Corrupt { review: None, what } => StoreError::corrupt(id, what),
            error => error,
        }
    }

    /// Whether the same call may work later.
    pub fn retryable(&self) -> bool {
        !matches!(self, StoreError::Corrupt { .. } | StoreError::Trimmed { .. })
    }

    /// Its code on the wire.
    pub fn code(&self) -> ErrorCode {
        match self {
            StoreError::Corrupt { .. } => ErrorCode::Internal,
            StoreError::Trimmed { .. } => ErrorCode::BadBase,
            _ => ErrorCode::StoreFailed,
        }
    }
}

/// Why a store cannot be opened; one line for people.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its migrations are newer than this software's.
    #[error("{0} was written by a newer version of Interline: use that version, or another database")]
    TooNew(String),
    /// What says where it is cannot be read.
    #[error("--database-url cannot be used ({0}): give it as in postgres://user:password@host:5432/database")]
    BadAddress(String),
    /// Nothing answers there, or nothing that takes writes.
    #[error(
        "cannot reach PostgreSQL at {place} ({why}; tried for {} s): start it, or correct --database-url",
        .waited.as_secs_f32()
    )]
    Unreachable {
        /// Where it should be.
        place: String,
        /// What became of the last attempt.
        why: String,
        /// For how long it was tried.
        waited: Duration,
    },
    /// Anything else.
    #[error("cannot open {place}: {why}")]
    Failed {
        /// Where it is.
        place: String,
        /// What is wrong.
        why: String,
    },
}
