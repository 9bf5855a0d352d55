//! What can go wrong, narrow per operation. Every error has a stable code and says whether a retry makes sense.

use std::borrow::Cow;

use interline_core::entry::Reason;
use interline_core::id::{BadName, Version};
use interline_core::sync::{Cause, EditError as InvalidEdit, Rejected};
use interline_core::text::units::UnitError;
use interline_core::wire::ErrorCode;
use serde::Serialize;

use crate::connection::DisconnectReason;
use crate::store::{StoreError, StoreErrorKind};

/// The code of whatever fails because the client was closed.
const CLOSED: Cow<'static, str> = Cow::Borrowed("closed");
/// The code of whatever fails because somebody else has the local store.
const TAKEN_OVER: Cow<'static, str> = Cow::Borrowed("taken_over");

/// What every error of this crate can tell a program.
pub trait Coded {
    /// A stable name of what went wrong, in snake case.
    fn code(&self) -> Cow<'static, str>;

    /// Whether trying the same thing again later can help.
    fn is_retryable(&self) -> bool;
}

/// A client cannot be built.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BuildError {
    /// The address is not one of a server.
    #[error("`{0}` is not the address of a server, such as http://127.0.0.1:8080")]
    BadUrl(String),
    /// No user was given.
    #[error("a client needs a user")]
    NoUser,
    /// The user's id or name cannot be.
    #[error("a user's id or name {0}")]
    BadUser(#[from] BadName),
    /// The local store failed.
    #[error("the local store failed: {0}")]
    Store(#[from] StoreError),
    /// There was no connection at the first try.
    #[error("{reason}: {message}")]
    Disconnected {
        /// Why.
        reason: DisconnectReason,
        /// For people.
        message: String,
    },
}

/// A review cannot be opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
    /// There is no copy here, and no connection to get one.
    #[error("{reason}: {message}")]
    Disconnected {
        /// Why there is no connection.
        reason: DisconnectReason,
        /// For people.
        message: String,
    },
    /// The server does not open it: there is no such review, or it cannot now.
    #[error("{}", .0.message)]
    Server(Problem),
    /// The copy in the local store could not be read. It is left as it is.
    #[error("the local store failed: {0}")]
    Store(#[from] StoreError),
}

/// An edit cannot be made. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The client was closed: nothing would save or send it.
    #[error("the client was closed")]
    Closed,
    /// Another client has taken over this one's local store: nothing would save or send it.
    #[error("another client has taken over this one's local store")]
    TakenOver,
    /// It does not fit what is shown here.
    #[error(transparent)]
    Invalid(#[from] InvalidEdit),
}

/// Not everything is durable. What is not is in the local store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// The client was closed before.
    #[error("the client was closed before everything was synced")]
    Closed,
    /// Another client has taken over this one's local store, or newer software has.
    #[error("another client has taken over this one's local store")]
    TakenOver,
    /// The server will never take what is in flight. [`Review::reload`](crate::Review::reload) starts over. With
    /// [`ErrorCode::UnknownReview`]: the server does not know the review any more, and what it had of this user's is in
    /// [`Review::rejected`](crate::Review::rejected).
    #[error("the server will not take what is pending here ({})", .0.code())]
    Stuck(ErrorCode),
}

/// A comment's history cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
    /// The review is not open at the server now: only that knows its history.
    #[error("there is no connection to ask for the history")]
    Offline,
    /// The server did not answer in time.
    #[error("the server did not answer in time")]
    TimedOut,
    /// The server does not tell it.
    #[error("{}", .0.message)]
    Server(Problem),
    /// The server keeps no text of that version, or there is no such version yet.
    #[error("no text is kept of version {0}")]
    NotKept(Version),
    /// The text that was found cannot be put in the place of the present one.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// The code under review cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// The server cannot be reached.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The server did not answer in time.
    #[error("the server did not answer in time")]
    TimedOut,
    /// The server has no such code, or cannot tell it.
    #[error("{}", .0.message)]
    Server(Problem),
    /// What answered does not speak as a server does.
    #[error("the server's answer cannot be read (status {status})")]
    BadAnswer {
        /// Its status.
        status: u16,
    },
}

/// Something went wrong that no call can answer for: it arrives as [`Event::Problem`](crate::Event::Problem).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A stable name, in snake case: the server's, or that of a store's error.
    pub code: Cow<'static, str>,
    /// For people.
    pub message: String,
    /// Whether it may go away by itself.
    pub retryable: bool,
}

impl Problem {
    /// What a store said that no call failed for.
    pub(crate) fn of(error: &StoreError) -> Problem {
        Problem { code: error.code(), message: error.to_string(), retryable: error.is_retryable() }
    }
}

impl Coded for BuildError {
    fn code(&self) -> Cow<'static, str> {
        match self {
            BuildError::BadUrl(_) => "bad_url".into(),
            BuildError::NoUser | BuildError::BadUser(_) => "bad_user".into(),
            BuildError::Store(error) => error.code(),
            BuildError::Disconnected { reason, .. } => reason.code().into(),
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            BuildError::Disconnected { reason, .. } => reason.is_retryable(),
            BuildError::Store(error) => error.is_retryable(),
            _ => false,
        }
    }
}

impl Coded for OpenError {
    fn code(&self) -> Cow<'static, str> {
        match self {
            OpenError::Closed => CLOSED,
            OpenError::Disconnected { reason, .. } => reason.code().into(),
            OpenError::Server(problem) => problem.code(),
            OpenError::Store(error) => error.code(),
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            OpenError::Closed => false,
            OpenError::Disconnected { reason, .. } => reason.is_retryable(),
            OpenError::Server(problem) => problem.retryable,
            OpenError::Store(error) => error.is_retryable(),
        }
    }
}

impl Coded for SyncError {
    fn code(&self) -> Cow<'static, str> {
        match self {
            SyncError::Closed => CLOSED,
            SyncError::TakenOver => TAKEN_OVER,
            SyncError::Stuck(code) => code.code(),
        }
    }

    fn is_retryable(&self) -> bool {
        false
    }
}

impl Coded for HistoryError {
    fn code(&self) -> Cow<'static, str> {
        match self {
            HistoryError::Closed => CLOSED,
            HistoryError::Offline => "offline".into(),
            HistoryError::TimedOut => "timed_out".into(),
            HistoryError::Server(problem) => problem.code(),
            HistoryError::NotKept(_) => "not_kept".into(),
            HistoryError::Edit(error) => error.code(),
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            HistoryError::Offline | HistoryError::TimedOut => true,
            HistoryError::Closed | HistoryError::NotKept(_) => false,
            HistoryError::Server(problem) => problem.retryable,
            HistoryError::Edit(error) => error.is_retryable(),
        }
    }
}

impl Coded for CodeError {
    fn code(&self) -> Cow<'static, str> {
        match self {
            CodeError::Unreachable(_) => "server_unavailable".into(),
            CodeError::TimedOut => "timed_out".into(),
            CodeError::Server(problem) => problem.code(),
            CodeError::BadAnswer { .. } => "bad_answer".into(),
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            CodeError::Unreachable(_) | CodeError::TimedOut => true,
            CodeError::Server(problem) => problem.retryable,
            CodeError::BadAnswer { status } => *status >= 500,
        }
    }
}

impl Coded for Problem {
    fn code(&self) -> Cow<'static, str> {
        self.code.clone()
    }

    fn is_retryable(&self) -> bool {
        self.retryable
    }
}

impl Coded for StoreError {
    fn code(&self) -> Cow<'static, str> {
        let code = match self.kind() {
            StoreErrorKind::Failed => "store_failed",
            StoreErrorKind::Full => "store_full",
            StoreErrorKind::Unreadable => "store_unreadable",
            StoreErrorKind::Newer => "store_newer",
            StoreErrorKind::InUse => "store_in_use",
        };
        code.into()
    }

    fn is_retryable(&self) -> bool {
        matches!(self.kind(), StoreErrorKind::Failed | StoreErrorKind::Full | StoreErrorKind::InUse)
    }
}

impl Coded for EditError {
    fn code(&self) -> Cow<'static, str> {
        match self {
            EditError::Closed => CLOSED,
            EditError::TakenOver => TAKEN_OVER,
            EditError::Invalid(error) => error.code(),
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, EditError::Invalid(error) if error.is_retryable())
    }
}

impl Coded for InvalidEdit {
    fn code(&self) -> Cow<'static, str> {
        let code = match self {
            InvalidEdit::NotLoaded => "not_loaded",
            InvalidEdit::UnknownComment => "unknown_comment",
            InvalidEdit::DuplicateComment => "duplicate_comment",
            InvalidEdit::CommentRemoved => "comment_removed",
            InvalidEdit::Published => "published",
            InvalidEdit::BadPublication => "bad_publication",
            InvalidEdit::TooManyDrafts { .. } => "too_many_drafts",
            InvalidEdit::NotAllowed => "not_allowed",
            InvalidEdit::TextTooLong { .. } => "text_too_long",
            InvalidEdit::OpTooLarge { .. } => "op_too_large",
            InvalidEdit::BadPlace => "bad_place",
            InvalidEdit::UnknownConflict => "unknown_conflict",
            InvalidEdit::BadResolution => "bad_resolution",
            InvalidEdit::NoteTooLong { .. } => "note_too_long",
            InvalidEdit::UnknownPatchSet { .. } => "unknown_patch_set",
            InvalidEdit::UnknownRejected => "unknown_rejected",
            InvalidEdit::ReviewLost => "review_lost",
            InvalidEdit::UnknownBase => "unknown_base",
            InvalidEdit::UnknownField => "unknown_field",
            InvalidEdit::BadValue => "bad_value",
            InvalidEdit::Op(_) => "out_of_range",
        };
        code.into()
    }

    fn is_retryable(&self) -> bool {
        matches!(self, InvalidEdit::NotLoaded)
    }
}

impl Coded for UnitError {
    fn code(&self) -> Cow<'static, str> {
        let code = match self {
            UnitError::OutOfRange { .. } | UnitError::Op(_) => "out_of_range",
            UnitError::InsideSurrogatePair { .. } => "inside_surrogate_pair",
            UnitError::Unordered { .. } => "unordered",
        };
        code.into()
    }

    fn is_retryable(&self) -> bool {
        false
    }
}

impl Coded for ErrorCode {
    fn code(&self) -> Cow<'static, str> {
        word(self)
    }

    fn is_retryable(&self) -> bool {
        self.retryable()
    }
}

impl Coded for Reason {
    fn code(&self) -> Cow<'static, str> {
        word(self)
    }

    fn is_retryable(&self) -> bool {
        false
    }
}

impl Coded for Rejected {
    /// The server's reason where it refused; else the word for its [`Cause`].
    fn code(&self) -> Cow<'static, str> {
        match self.cause {
            Cause::Refused(reason) => reason.code(),
            cause => word(&cause),
        }
    }

    fn is_retryable(&self) -> bool {
        false
    }
}

/// The word that stands for a plain variant on the wire.
fn word(value: &impl Serialize) -> Cow<'static, str> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word.into(),
        _ => "internal".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_words_of_the_wire() {
        assert_eq!(ErrorCode::UnknownReview.code(), "unknown_review");
        assert_eq!(Reason::ReviewTooLarge.code(), "review_too_large");
        assert_eq!(EditError::from(InvalidEdit::TextTooLong { max: 1 }).code(), "text_too_long");
    }
}
