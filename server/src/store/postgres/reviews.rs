//! Head rows.

use std::collections::HashMap;
use std::str::FromStr;

use interline_core::entry::Head;
use interline_core::id::ReviewId;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row};
use tracing::error;
use uuid::Uuid;

use super::error::Result;
use super::session::{LONG_PATIENCE, PATIENCE, Pool, Prepared, Session, read, write};
use crate::store::rows::{EndColumns, FirstRows, HeadColumns, integer};
use crate::store::{Creation, NewReview, ReviewRow, StoreError};

type Stored<T> = std::result::Result<T, StoreError>;

const SELECT_BY_ID: &str = "SELECT id, key, created_at, version, hash, title, status, comments, body_hash, \
    drafts_of, owner FROM reviews WHERE id = $1";
const SELECT_REVIEW: &str = "SELECT id, key, created_at, version, hash, title, status, comments, body_hash, \
    drafts_of, owner FROM reviews WHERE id = $1 AND drafts_of IS NULL";
const SELECT_BY_KEY: &str = "SELECT id, key, created_at, version, hash, title, status, comments, body_hash, \
    drafts_of, owner FROM reviews WHERE key = $1 AND drafts_of IS NULL";
// Ids are made in the order of time.
const SELECT_PAGE: &str = "SELECT id, key, created_at, version, hash, title, status, comments, body_hash, \
    drafts_of, owner FROM reviews WHERE id < $1 AND drafts_of IS NULL ORDER BY id DESC LIMIT $2";

/// Creates a review; also whether what came of it was found there, and not committed now.
pub(super) async fn create(pool: &Pool, new: NewReview) -> Stored<(Creation, bool)> {
    let rows = FirstRows::of(&new)?;
    let attempt = || write(LONG_PATIENCE, || begin_with(pool, &new, &rows));
    match attempt().await {
        // Once more tells: where the first time did happen, the id is there.
        Err(StoreError::UnknownOutcome(_)) => attempt().await,
        settled => settled,
    }
}

async fn begin_with(pool: &Pool, new: &NewReview, rows: &FirstRows) -> Result<Prepared<(Creation, bool)>> {
    let FirstRows { diff, entry, row } = rows;
    let mut session = Session::begin(pool).await?;
    // Waits for others who are creating one by the same key.
    let inserted = sqlx::query(
        "INSERT INTO reviews (id, key, body_hash, created_at, version, hash, title, status, comments) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0) ON CONFLICT DO NOTHING",
    )
    .bind(new.id.0)
    .bind(&new.key)
    .bind(&new.body_hash.0[..])
    .bind(integer(new.at)?)
    .bind(integer(entry.version)?)
    .bind(&entry.hash.0[..])
    .bind(&row.summary.title)
    .bind(&row.summary.status)
    .execute(&mut *session)
    .await?;
    if inserted.rows_affected() == 0 {
        let creation = existing(&mut session, new).await?;
        return session.abandon(Prepared::Nothing((creation, true))).await;
    }
    sqlx::query("INSERT INTO patch_sets (review, number, diff) VALUES ($1, 1, $2)")
        .bind(new.id.0)
        .bind(diff)
        .execute(&mut *session)
        .await?;
    sqlx::query("INSERT INTO entries (review, version, hash, payload) VALUES ($1, $2, $3, $4)")
        .bind(new.id.0)
        .bind(integer(entry.version)?)
        .bind(&entry.hash.0[..])
        .bind(&*entry.payload)
        .execute(&mut *session)
        .await?;
    Ok(Prepared::Commit(session, (Creation::Created(row.clone()), false)))
}

/// What is in the way of a review that is to be created.
async fn existing(session: &mut PgConnection, new: &NewReview) -> Result<Creation> {
    let by_id = sqlx::query_as(SELECT_BY_ID).bind(new.id.0).fetch_optional(&mut *session).await?;
    let found: Option<HeadColumns> = by_id;
    // Ids are never made twice: it is this one, of an attempt whose outcome nobody told.
    if let Some(found) = found {
        return Ok(Creation::Created(found.row()?));
    }
    let by_key = sqlx::query_as(SELECT_BY_KEY).bind(&new.key).fetch_optional(session).await?;
    let found: Option<HeadColumns> = by_key;
    let gone = || StoreError::Unavailable("a review that was in the way is gone".into());
    let found = found.ok_or_else(gone)?;
    match found.was_created_by(new)? {
        true => Ok(Creation::Existing(found.row()?)),
        false => Ok(Creation::KeyInUse),
    }
}

pub(super) async fn find(pool: &Pool, name: &str) -> Stored<Option<ReviewRow>> {
    // What PostgreSQL takes for no text is nobody's key.
    if name.contains('\0') {
        return Ok(None);
    }
    let found: Option<HeadColumns> = read(PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        // A key never reads as an id: they are told apart when a review is created.
        let query = match ReviewId::from_str(name) {
            Ok(id) => sqlx::query_as(SELECT_REVIEW).bind(id.0),
            Err(_) => sqlx::query_as(SELECT_BY_KEY).bind(name.to_owned()),
        };
        let found = query.fetch_optional(&mut *session).await?;
        session.done(found)
    })
    .await?;
    found.map(HeadColumns::row).transpose()
}

pub(super) async fn find_log(pool: &Pool, id: ReviewId) -> Stored<Option<ReviewRow>> {
    let found: Option<HeadColumns> = read(PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let found = sqlx::query_as(SELECT_BY_ID).bind(id.0).fetch_optional(&mut *session).await?;
        session.done(found)
    })
    .await?;
    found.map(HeadColumns::row).transpose()
}

pub(super) async fn heads(pool: &Pool, logs: &[ReviewId]) -> Stored<HashMap<ReviewId, Head>> {
    let logs: Vec<Uuid> = logs.iter().map(|log| log.0).collect();
    let found: Vec<EndColumns> = read(PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let query = sqlx::query_as("SELECT id, version, hash FROM reviews WHERE id = ANY($1)").bind(&logs);
        let found = query.fetch_all(&mut *session).await?;
        session.done(found)
    })
    .await?;
    Ok(found.into_iter().filter_map(EndColumns::head).collect())
}

pub(super) async fn list(pool: &Pool, after: Option<ReviewId>, limit: u32) -> Stored<Vec<ReviewRow>> {
    let mut after = after.map_or(Uuid::max(), |id| id.0);
    let mut reviews = Vec::new();
    loop {
        let lacking = limit - reviews.len() as u32;
        let rows = page(pool, after, lacking).await?;
        for found in &rows {
            after = id(found)?;
            match head(found) {
                Ok(row) => reviews.push(row),
                // The others are none the worse for it.
                Err(error) => error!(review = %after, ?error, "a review cannot be listed"),
            }
        }
        if rows.len() < lacking as usize || reviews.len() == limit as usize {
            return Ok(reviews);
        }
    }
}

async fn page(pool: &Pool, after: Uuid, limit: u32) -> Stored<Vec<PgRow>> {
    read(PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let query = sqlx::query(SELECT_PAGE).bind(after).bind(i64::from(limit));
        let rows = query.fetch_all(&mut *session).await?;
        session.done(rows)
    })
    .await
}

fn id(row: &PgRow) -> Result<Uuid> {
    Ok(row.try_get("id")?)
}

fn head(row: &PgRow) -> Result<ReviewRow> {
    Ok(HeadColumns::from_row(row)?.row()?)
}
