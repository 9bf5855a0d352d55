//! Logs of private drafts.

use interline_core::id::ReviewId;
use sqlx::SqlitePool;

use super::error::classify;
use super::reviews::find_log;
use super::transaction::Transaction;
use crate::store::rows::{first_of_drafts, integer};
use crate::store::{DraftsOf, ReviewRow, StoreError};

/// Finds one, and makes it if there is none yet.
pub(super) async fn open(
    readers: &SqlitePool,
    writer: &SqlitePool,
    of: &DraftsOf,
) -> Result<ReviewRow, StoreError> {
    let id = of.review.drafts_of(&of.owner);
    let found = match find_log(readers, id).await? {
        Some(found) => Some(found),
        None => {
            create(writer, of).await?;
            find_log(readers, id).await?
        }
    };
    let row = found.ok_or_else(|| StoreError::corrupt(id, "it was made, and is not there"))?;
    if row.drafts.as_ref() == Some(of) { Ok(row) } else { Err(not_these(id)) }
}

fn not_these(id: ReviewId) -> StoreError {
    StoreError::corrupt(id, "its head row says that it is something else")
}

/// Twice does no harm.
async fn create(writer: &SqlitePool, of: &DraftsOf) -> Result<(), StoreError> {
    let (id, entry, summary) = first_of_drafts(of);
    let mut transaction = Transaction::begin(writer).await?;
    let made = sqlx::query(
        "INSERT INTO reviews (id, body_hash, created_at, version, hash, title, status, comments, drafts_of, owner) \
         VALUES (?, ?, 0, ?, ?, ?, ?, 0, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(id.0)
    .bind(&entry.hash.0[..])
    .bind(integer(entry.version)?)
    .bind(&entry.hash.0[..])
    .bind(&summary.title)
    .bind(&summary.status)
    .bind(of.review.0)
    .bind(of.owner.as_str())
    .execute(&mut *transaction)
    .await
    .map_err(classify)?;
    if made.rows_affected() == 0 {
        return transaction.abandon().await;
    }
    sqlx::query("INSERT INTO entries (review, version, hash, payload) VALUES (?, ?, ?, ?)")
        .bind(id.0)
        .bind(integer(entry.version)?)
        .bind(&entry.hash.0[..])
        .bind(&*entry.payload)
        .execute(&mut *transaction)
        .await
        .map_err(classify)?;
    transaction.commit().await
}
