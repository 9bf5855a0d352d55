//! What PostgreSQL's errors mean to the server.

use std::borrow::Cow;

use sqlx::Error;

use crate::store::StoreError;

/// What stops a call before anything of it is committed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The database, or the way to it.
    Database(Error),
    /// What was read, or was to be written.
    Store(StoreError),
    /// The address has come to lead to another server than the one that was read from.
    Elsewhere,
}

pub(super) type Result<T> = std::result::Result<T, Trouble>;

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Database(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        Trouble::Store(error)
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> StoreError {
        match trouble {
            Trouble::Database(error) => classify(&error),
            Trouble::Store(error) => error,
            Trouble::Elsewhere => StoreError::Unavailable("the database is another server by now".into()),
        }
    }
}

impl Trouble {
    /// Whether the same call may well work at once: the transaction was in another's way, its connection broke before
    /// there was anything to commit, or there was none to be had, as while the database is started again.
    pub(super) fn passes(&self) -> bool {
        match self {
            Trouble::Database(error) => was_in_the_way(error) || is_connection_lost(error),
            Trouble::Store(_) => false,
            Trouble::Elsewhere => true,
        }
    }

    /// Whether somebody else has kept a lock for longer than one may wait.
    pub(super) fn is_locked(&self) -> bool {
        matches!(self, Trouble::Database(error) if code(error).as_deref() == Some("55P03"))
    }
}

/// What became of a COMMIT that failed.
pub(super) fn unsettled(error: Error) -> Trouble {
    // PostgreSQL rolls back whatever is in another's way. Of anything else nobody knows: the commit may have
    // reached the disk, and only the answer has not come back.
    match was_in_the_way(&error) {
        true => Trouble::Database(error),
        false => Trouble::Store(StoreError::UnknownOutcome(error.to_string())),
    }
}

/// The meaning of an error of a read.
pub(super) fn classified(error: Error) -> StoreError {
    classify(&error)
}

/// An error of a read, or of a statement before its transaction was committed: nothing happened.
fn classify(error: &Error) -> StoreError {
    let why = error.to_string();
    match error {
        Error::Database(_) => match code(error).as_deref().unwrap_or_default() {
            // No room on the disk, no memory.
            "53100" | "53200" => StoreError::Full(why),
            // Damaged pages and indices. Then values that cannot be stored, and rows behind a head that should have
            // none, say: another review's append is none the worse for them.
            "XX001" | "XX002" => StoreError::Corrupt { review: None, what: why },
            code if ["22", "23"].iter().any(|class| code.starts_with(class)) => {
                StoreError::Corrupt { review: None, what: why }
            }
            _ => StoreError::Unavailable(why),
        },
        Error::ColumnDecode { .. } | Error::Decode(_) | Error::TypeNotFound { .. } => {
            StoreError::Corrupt { review: None, what: why }
        }
        _ => StoreError::Unavailable(why),
    }
}

/// A deadlock, or transactions that cannot be put in an order: PostgreSQL has rolled this one back.
fn was_in_the_way(error: &Error) -> bool {
    matches!(code(error).as_deref(), Some("40001" | "40P01"))
}

/// The connection is gone, or is about to: the server stops or stopped, or somebody ended the session.
fn is_connection_lost(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::PoolTimedOut => true,
        _ => code(error).is_some_and(|code| {
            code.starts_with("08") || ["57P01", "57P02", "57P03", "25P03"].contains(&&*code)
        }),
    }
}

pub(super) fn code(error: &Error) -> Option<Cow<'_, str>> {
    error.as_database_error()?.code()
}
