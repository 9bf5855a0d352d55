//! The code under review.

use interline_core::id::ReviewId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};

use super::error::classify;
use super::transaction::Transaction;
use crate::store::rows::{hash, natural};
use crate::store::{PatchSetRow, ReviewAppend, StoreError};

pub(super) async fn code(
    readers: &SqlitePool,
    review: ReviewId,
    number: u32,
) -> Result<Option<String>, StoreError> {
    sqlx::query_scalar("SELECT diff FROM patch_sets WHERE review = ? AND number = ?")
        .bind(review.0)
        .bind(number)
        .fetch_optional(readers)
        .await
        .map_err(classify)
}

pub(super) async fn line_map(
    readers: &SqlitePool,
    review: ReviewId,
    number: u32,
) -> Result<Option<String>, StoreError> {
    let found: Option<Option<String>> =
        sqlx::query_scalar("SELECT line_map FROM patch_sets WHERE review = ? AND number = ?")
            .bind(review.0)
            .bind(number)
            .fetch_optional(readers)
            .await
            .map_err(classify)?;
    Ok(found.flatten())
}

pub(super) async fn all(readers: &SqlitePool, review: ReviewId) -> Result<Vec<PatchSetRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT number, patch_sets.key AS key, length(CAST(diff AS BLOB)) AS bytes, \
         COALESCE(patch_sets.body_hash, reviews.body_hash) AS body_hash \
         FROM patch_sets JOIN reviews ON reviews.id = review WHERE review = ? ORDER BY number",
    )
    .bind(review.0)
    .fetch_all(readers)
    .await
    .map_err(classify)?;
    rows.iter().map(row).collect()
}

fn row(row: &SqliteRow) -> Result<PatchSetRow, StoreError> {
    Ok(PatchSetRow {
        number: row.try_get("number").map_err(classify)?,
        key: row.try_get("key").map_err(classify)?,
        body_hash: hash(row.try_get("body_hash").map_err(classify)?)?,
        bytes: natural(row.try_get("bytes").map_err(classify)?)?,
    })
}

/// Stores the patch sets that appends speak of.
pub(super) async fn insert(
    transaction: &mut Transaction,
    appends: impl Iterator<Item = &ReviewAppend>,
) -> Result<(), StoreError> {
    for append in appends {
        for new in append.append.records.iter().filter_map(|record| record.patch_set.as_ref()) {
            sqlx::query(
                "INSERT INTO patch_sets (review, number, diff, line_map, body_hash, key) \
                 VALUES (?, ?, ?, ?, ?, ?)",
            )
            .bind(append.review.0)
            .bind(new.number)
            .bind(&*new.code_json)
            .bind(&*new.map_json)
            .bind(&new.body_hash.0[..])
            .bind(&new.key)
            .execute(&mut **transaction)
            .await
            .map_err(classify)?;
        }
    }
    Ok(())
}
