//! Head rows and patch sets.

use std::str::FromStr;

use interline_core::entry::{ENTRY_FORMAT, EncodedEntry, Entry, Fact, Hash, Head};
use interline_core::id::{ClientId, ReviewId, UserId};
use interline_core::review::Status;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};
use tracing::error;
use uuid::Uuid;

use super::error::classify;
use super::transaction::Transaction;
use crate::store::{Creation, NewReview, ReviewRow, ReviewSummary, SYSTEM, StoreError};

const SELECT_BY_ID: &str = "SELECT id, key, created_at, version, hash, title, status, comments, body_hash \
    FROM reviews WHERE id = ?";
const SELECT_BY_KEY: &str = "SELECT id, key, created_at, version, hash, title, status, comments, body_hash \
    FROM reviews WHERE key = ?";
// Ids are made in the order of time.
const SELECT_PAGE: &str = "SELECT id, key, created_at, version, hash, title, status, comments, body_hash \
    FROM reviews WHERE id < ? ORDER BY id DESC LIMIT ?";

pub(super) async fn create(writer: &SqlitePool, new: NewReview) -> Result<Creation, StoreError> {
    // Large diffs take a while: not while the one writing connection is held.
    let diff = encode(&new)?;
    let mut transaction = Transaction::begin(writer).await?;
    if let Some(key) = &new.key {
        let found =
            sqlx::query(SELECT_BY_KEY).bind(key).fetch_optional(&mut *transaction).await.map_err(classify)?;
        if let Some(found) = found {
            let body_hash = hash(found.try_get("body_hash").map_err(classify)?)?;
            let same = body_hash == new.body_hash;
            transaction.abandon().await?;
            return Ok(if same { Creation::Existing(row(&found)?) } else { Creation::KeyInUse });
        }
    }
    let entry = first_entry(&new)?;
    let summary =
        ReviewSummary { title: new.title, status: Status::default().name().to_owned(), comments: 0 };
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
    .bind(&summary.title)
    .bind(&summary.status)
    .bind(summary.comments)
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
    let head = Head { version: entry.version, hash: entry.hash };
    Ok(Creation::Created(ReviewRow { id: new.id, key: new.key, created_at: new.at, head, summary }))
}

fn encode(new: &NewReview) -> Result<String, StoreError> {
    serde_json::to_string(&new.patch_set).map_err(|error| StoreError::corrupt(new.id, error))
}

fn first_entry(new: &NewReview) -> Result<EncodedEntry, StoreError> {
    let entry = Entry {
        format: ENTRY_FORMAT,
        version: 1,
        author: UserId::new(SYSTEM).map_err(|error| StoreError::corrupt(new.id, error))?,
        client: ClientId(Uuid::nil()),
        seq: 0,
        at: new.at,
        facts: vec![Fact::ReviewCreated { title: new.title.clone() }, Fact::PatchSetAdded { number: 1 }],
        verdicts: Vec::new(),
    };
    Ok(EncodedEntry::new(&entry, Hash::default()))
}

pub(super) async fn find(readers: &SqlitePool, name: &str) -> Result<Option<ReviewRow>, StoreError> {
    // A key never reads as an id: they are told apart when a review is created.
    let query = match ReviewId::from_str(name) {
        Ok(id) => sqlx::query(SELECT_BY_ID).bind(id.0),
        Err(_) => sqlx::query(SELECT_BY_KEY).bind(name.to_owned()),
    };
    query.fetch_optional(readers).await.map_err(classify)?.as_ref().map(row).transpose()
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

pub(super) async fn patch_set(
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

fn row(row: &SqliteRow) -> Result<ReviewRow, StoreError> {
    let id = ReviewId(row.try_get("id").map_err(classify)?);
    let version = natural(row.try_get("version").map_err(classify)?)?;
    let head = Head { version, hash: hash(row.try_get("hash").map_err(classify)?)? };
    let summary = ReviewSummary {
        title: row.try_get("title").map_err(classify)?,
        status: row.try_get("status").map_err(classify)?,
        comments: row.try_get("comments").map_err(classify)?,
    };
    let created_at = natural(row.try_get("created_at").map_err(classify)?)?;
    Ok(ReviewRow { id, key: row.try_get("key").map_err(classify)?, created_at, head, summary })
}

/// SQLite's integers are signed.
pub(super) fn integer(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value)
        .map_err(|_| StoreError::Corrupt { review: None, what: format!("{value} is too large") })
}

pub(super) fn natural(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value)
        .map_err(|_| StoreError::Corrupt { review: None, what: format!("{value} is negative") })
}

pub(super) fn hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    let wrong = |_| StoreError::Corrupt { review: None, what: format!("a hash of {} bytes", bytes.len()) };
    bytes.try_into().map(Hash).map_err(wrong)
}
