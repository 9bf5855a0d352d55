//! What SQLite's errors mean to the server.

use sqlx::Error;

use crate::store::StoreError;

const SQLITE_CORRUPT: i64 = 11;
const SQLITE_CONSTRAINT: i64 = 19;
const SQLITE_FULL: i64 = 13;
const SQLITE_NOTADB: i64 = 26;

/// An error of a read, or of a statement before its transaction was committed: nothing happened.
pub(super) fn classify(error: Error) -> StoreError {
    let why = error.to_string();
    match error {
        Error::Database(database) => {
            // Extended codes carry the primary code in their low byte.
            let code: Option<i64> = database.code().and_then(|code| code.parse().ok());
            match code.map(|code| code & 0xff) {
                Some(SQLITE_FULL) => StoreError::Full(why),
                // Rows behind a head that should have none, say: another review's append is none the worse for it.
                Some(SQLITE_CORRUPT | SQLITE_NOTADB | SQLITE_CONSTRAINT) => {
                    StoreError::Corrupt { review: None, what: why }
                }
                _ => StoreError::Unavailable(why),
            }
        }
        Error::ColumnDecode { .. } | Error::Decode(_) | Error::TypeNotFound { .. } => {
            StoreError::Corrupt { review: None, what: why }
        }
        _ => StoreError::Unavailable(why),
    }
}

/// An error of a commit: whatever it says, the last frame may have reached the disk.
pub(super) fn unknown(error: Error) -> StoreError {
    StoreError::UnknownOutcome(error.to_string())
}
