//! Head rows.

use std::collections::HashMap;
use std::str::FromStr;

use interline_core::entry::Head;
use interline_core::id::ReviewId;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, QueryBuilder, Row, Sqlite, SqlitePool};
use tracing::error;
use uuid::Uuid;

use super::ROWS;
use super::error::classify;
use super::transaction::Transaction;
use crate::store::rows::{EndColumns, FirstRows, HeadColumns, integer};
use crate::store::{Creation, NewReview, ReviewRow, StoreError};

const SELECT_BY_ID: &str = "SELECT id, key, created_at, version, hash, title, status, comments, body_hash, \
    drafts_of, owner FROM reviews WHERE id = ?";
const SELECT_REVIEW: &str = "SELECT id, key, created_at, version, hash, title, status, comments, body_hash, \
    drafts_of, owner FROM reviews WHERE id = ? AND drafts_of IS NULL";
const SELECT_BY_KEY: &str = "SELECT id, key, created_at, version, hash, title, status, comments, body_hash, \
    drafts_of, owner FROM reviews WHERE key = ? AND drafts_of IS NULL";
// Ids are made in the order of time.
const SELECT_PAGE: &str = "SELECT id, key, created_at, version, hash, title, status, comments, body_hash, \
    drafts_of, owner FROM reviews WHERE id < ? AND drafts_of IS NULL ORDER BY id DESC LIMIT ?";

pub(super) async fn create(writer: &SqlitePool, new: NewReview) -> Result<Creation, StoreError> {
    let FirstRows { diff, entry, row } = FirstRows::of(&new)?;
    let mut transaction = Transaction::begin(writer).await?;
    if let Some(key) = &new.key {
        let found =
            sqlx::query(SELECT_BY_KEY).bind(key).fetch_optional(&mut *transaction).await.map_err(classify)?;
        if let Some(found) = found {
            let found = HeadColumns::from_row(&found).map_err(classify)?;
            let same = found.was_created_by(&new)?;
            transaction.abandon().await?;
            return Ok(if same { Creation::Existing(found.row()?) } else { Creation::KeyInUse });
        }
    }
    sqlx::query(
        "INSERT INTO reviews (id, key, body_hash, created_at, version, hash, title, status, comments) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(new.id.0)
    .bind(&new.key)
    .bind(&new.body_hash.0[..])
    .bind(integer(new.at)?)
    .bind(integer(entry.version)?)
    .bind(&entry.hash.0[..])
    .bind(&row.summary.title)
    .bind(&row.summary.status)
    .bind(row.summary.comments)
    .execute(&mut *transaction)
    .await
    .map_err(classify)?;
    sqlx::query("INSERT INTO patch_sets (review, number, diff) VALUES (?, 1, ?)")
        .bind(new.id.0)
        .bind(&diff)
        .execute(&mut *transaction)
        .await
        .map_err(classify)?;
    sqlx::query("INSERT INTO entries (review, version, hash, payload) VALUES (?, ?, ?, ?)")
        .bind(new.id.0)
        .bind(integer(entry.version)?)
        .bind(&entry.hash.0[..])
        .bind(&*entry.payload)
        .execute(&mut *transaction)
        .await
        .map_err(classify)?;
    transaction.commit().await?;
    Ok(Creation::Created(row))
}

pub(super) async fn find(readers: &SqlitePool, name: &str) -> Result<Option<ReviewRow>, StoreError> {
    // A key never reads as an id: they are told apart when a review is created.
    let query = match ReviewId::from_str(name) {
        Ok(id) => sqlx::query(SELECT_REVIEW).bind(id.0),
        Err(_) => sqlx::query(SELECT_BY_KEY).bind(name.to_owned()),
    };
    query.fetch_optional(readers).await.map_err(classify)?.as_ref().map(row).transpose()
}

pub(super) async fn find_log(readers: &SqlitePool, id: ReviewId) -> Result<Option<ReviewRow>, StoreError> {
    let found = sqlx::query(SELECT_BY_ID).bind(id.0).fetch_optional(readers).await.map_err(classify)?;
    found.as_ref().map(row).transpose()
}

pub(super) async fn heads(
    readers: &SqlitePool,
    logs: &[ReviewId],
) -> Result<HashMap<ReviewId, Head>, StoreError> {
    let mut heads = HashMap::with_capacity(logs.len());
    for logs in logs.chunks(ROWS) {
        let mut select = QueryBuilder::<Sqlite>::new("SELECT id, version, hash FROM reviews WHERE id IN (");
        let mut list = select.separated(", ");
        for log in logs {
            list.push_bind(log.0);
        }
        select.push(")");
        let query = select.build_query_as::<EndColumns>().persistent(logs.len() == 1);
        heads.extend(
            query.fetch_all(readers).await.map_err(classify)?.into_iter().filter_map(EndColumns::head),
        );
    }
    Ok(heads)
}

pub(super) async fn list(
    readers: &SqlitePool,
    after: Option<ReviewId>,
    limit: u32,
) -> Result<Vec<ReviewRow>, StoreError> {
    let mut after = after.map_or(Uuid::max(), |id| id.0);
    let mut reviews = Vec::new();
    loop {
        let lacking = limit - reviews.len() as u32;
        let rows =
            sqlx::query(SELECT_PAGE).bind(after).bind(lacking).fetch_all(readers).await.map_err(classify)?;
        for found in &rows {
            after = found.try_get("id").map_err(classify)?;
            match row(found) {
                Ok(row) => reviews.push(row),
                // The others are none the worse for it.
                Err(error) => error!(review = %after, %error, "a review cannot be listed"),
            }
        }
        if rows.len() < lacking as usize || reviews.len() == limit as usize {
            return Ok(reviews);
        }
    }
}

fn row(row: &SqliteRow) -> Result<ReviewRow, StoreError> {
    HeadColumns::from_row(row).map_err(classify)?.row()
}
