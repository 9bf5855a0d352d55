//! What SQLite's errors mean to the server.

use sqlx::Error;

use crate::store::StoreError;

const SQLITE_CORRUPT: i64 = 11;
const SQLITE_CONSTRAINT: i64 = 19;
const SQLITE_FULL: i64 = 13;
const SQLITE_NOTADB: i64 = 26;
/// A write came back short or not at all: a quota or the limit on a file's size, say. Only "no space left on
/// device" has a code of its own, `SQLITE_FULL`.
const SQLITE_IOERR_WRITE: i64 = 10 | 3 << 8;
/// The file of shared memory cannot grow.
const SQLITE_IOERR_SHMSIZE: i64 = 10 | 19 << 8;

/// An error of a read, or of a statement before its transaction was committed: nothing happened.
pub(super) fn classify(error: Error) -> StoreError {
    let why = error.to_string();
    match &error {
        Error::Database(_) if has_no_room(&error) => StoreError::Full(why),
        // Extended codes carry the primary code in their low byte.
        Error::Database(_) => match code(&error).map(|code| code & 0xff) {
            // Rows behind a head that should have none, say: another review's append is none the worse for it.
            Some(SQLITE_CORRUPT | SQLITE_NOTADB | SQLITE_CONSTRAINT) => {
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

/// An error of a commit. What could not be written did not happen, for the frame that makes a commit is the
/// last to be written; of anything else nobody knows, for that frame may have reached the disk.
pub(super) fn unsettled(error: Error) -> StoreError {
    let why = error.to_string();
    if has_no_room(&error) { StoreError::Full(why) } else { StoreError::UnknownOutcome(why) }
}

fn has_no_room(error: &Error) -> bool {
    code(error).is_some_and(|code| {
        code & 0xff == SQLITE_FULL || code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE
    })
}

fn code(error: &Error) -> Option<i64> {
    error.as_database_error()?.code()?.parse().ok()
}
