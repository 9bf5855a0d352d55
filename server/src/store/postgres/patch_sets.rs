//! The code under review.

use interline_core::id::ReviewId;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::error::Result;
use super::session::{LONG_PATIENCE, PATIENCE, Pool, Session, read};
use crate::store::rows::{hash, natural};
use crate::store::{PatchSetRow, ReviewAppend, StoreError};

type Stored<T> = std::result::Result<T, StoreError>;

pub(super) async fn code(pool: &Pool, review: ReviewId, number: u32) -> Stored<Option<String>> {
    read(LONG_PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let diff = sqlx::query_scalar("SELECT diff FROM patch_sets WHERE review = $1 AND number = $2")
            .bind(review.0)
            .bind(i64::from(number))
            .fetch_optional(&mut *session)
            .await?;
        session.done(diff)
    })
    .await
}

pub(super) async fn line_map(pool: &Pool, review: ReviewId, number: u32) -> Stored<Option<String>> {
    let found: Option<Option<String>> = read(LONG_PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let map = sqlx::query_scalar("SELECT line_map FROM patch_sets WHERE review = $1 AND number = $2")
            .bind(review.0)
            .bind(i64::from(number))
            .fetch_optional(&mut *session)
            .await?;
        session.done(map)
    })
    .await?;
    Ok(found.flatten())
}

pub(super) async fn all(pool: &Pool, review: ReviewId) -> Stored<Vec<PatchSetRow>> {
    let rows = read(PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let rows = sqlx::query(
            "SELECT number, patch_sets.key AS key, octet_length(diff)::bigint AS bytes, \
             COALESCE(patch_sets.body_hash, reviews.body_hash) AS body_hash \
             FROM patch_sets JOIN reviews ON reviews.id = review WHERE review = $1 ORDER BY number",
        )
        .bind(review.0)
        .fetch_all(&mut *session)
        .await?;
        session.done(rows)
    })
    .await?;
    rows.iter().map(|found| row(review, found).map_err(StoreError::from)).collect()
}

fn row(review: ReviewId, row: &PgRow) -> Result<PatchSetRow> {
    let number: i64 = row.try_get("number")?;
    let strange = |_| StoreError::corrupt(review, format!("a patch set {number}"));
    Ok(PatchSetRow {
        number: u32::try_from(number).map_err(strange)?,
        key: row.try_get("key")?,
        body_hash: hash(row.try_get("body_hash")?)?,
        bytes: natural(row.try_get("bytes")?)?,
    })
}

/// Stores the patch sets that appends speak of; the reviews' locks are held.
pub(super) async fn insert(
    session: &mut PgConnection,
    appends: impl Iterator<Item = &ReviewAppend>,
) -> Result<()> {
    for append in appends {
        for new in append.append.records.iter().filter_map(|record| record.patch_set.as_ref()) {
            sqlx::query(
                "INSERT INTO patch_sets (review, number, diff, line_map, body_hash, key) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(append.review.0)
            .bind(i64::from(new.number))
            .bind(&*new.code_json)
            .bind(&*new.map_json)
            .bind(&new.body_hash.0[..])
            .bind(&new.key)
            .execute(&mut *session)
            .await?;
        }
    }
    Ok(())
}
