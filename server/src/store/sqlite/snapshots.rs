//! Snapshots, and the payloads that they make dispensable.

use interline_core::entry::{EncodedEntry, Hash, Head};
use interline_core::id::{ReviewId, Version};
use sqlx::{Row, SqlitePool};
use tracing::error;

use super::error::classify;
use super::log;
use super::transaction::Transaction;
use crate::store::rows::{hash, integer, natural};
use crate::store::snapshot::check_chain;
use crate::store::{StoreError, StoredSnapshot, dispensable};

/// Entries trimmed in one transaction: appends wait for a few milliseconds at most.
const TRIM: u32 = 256;

pub(super) async fn put(
    writer: &SqlitePool,
    review: ReviewId,
    head: Head,
    state: &str,
) -> Result<(), StoreError> {
    // Large states take a while: not while the one writing connection is held.
    let state_hash = Hash::of(state.as_bytes());
    let version = integer(head.version)?;
    let mut transaction = Transaction::begin(writer).await?;
    let written = sqlx::query(
        "INSERT INTO snapshots (review, version, hash, state_hash, state) \
         SELECT review, version, hash, ?, ? FROM entries WHERE review = ? AND version = ? AND hash = ? \
         ON CONFLICT (review, version) DO UPDATE \
         SET hash = excluded.hash, state_hash = excluded.state_hash, state = excluded.state",
    )
    .bind(&state_hash.0[..])
    .bind(state)
    .bind(review.0)
    .bind(version)
    .bind(&head.hash.0[..])
    .execute(&mut *transaction)
    .await
    .map_err(classify)?;
    if written.rows_affected() == 0 {
        transaction.abandon().await?;
        let what = format!("its log does not go through the snapshot that was taken at {}", head.version);
        return Err(StoreError::corrupt(review, what));
    }
    let versions: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM snapshots WHERE review = ? ORDER BY version")
            .bind(review.0)
            .fetch_all(&mut *transaction)
            .await
            .map_err(classify)?;
    let versions = versions.into_iter().map(natural).collect::<Result<Vec<_>, _>>()?;
    let trimmed: i64 = sqlx::query_scalar("SELECT trimmed_to FROM reviews WHERE id = ?")
        .bind(review.0)
        .fetch_one(&mut *transaction)
        .await
        .map_err(classify)?;
    for version in dispensable(&versions, natural(trimmed)?) {
        sqlx::query("DELETE FROM snapshots WHERE review = ? AND version = ?")
            .bind(review.0)
            .bind(integer(version)?)
            .execute(&mut *transaction)
            .await
            .map_err(classify)?;
    }
    transaction.commit().await
}

pub(super) async fn newest(
    readers: &SqlitePool,
    review: ReviewId,
    at_most: Option<Version>,
) -> Result<Option<StoredSnapshot>, StoreError> {
    let at_most = i64::try_from(at_most.unwrap_or(Version::MAX)).unwrap_or(i64::MAX);
    // There are few of them: their number grows with the logarithm of the log's length.
    let versions: Vec<i64> = sqlx::query_scalar(
        "SELECT version FROM snapshots WHERE review = ? AND version <= ? ORDER BY version DESC",
    )
    .bind(review.0)
    .bind(at_most)
    .fetch_all(readers)
    .await
    .map_err(classify)?;
    let mut damage = None;
    for version in versions {
        match at(readers, review, version).await {
            Ok(Some(snapshot)) => return Ok(Some(snapshot)),
            // Gone since, for a newer one made it superfluous.
            Ok(None) => {}
            Err(StoreError::Corrupt { what, .. }) => {
                error!(%review, version, why = %what, "a snapshot cannot be read");
                damage = Some(StoreError::corrupt(review, what));
            }
            Err(error) => return Err(error),
        }
    }
    damage.map_or(Ok(None), Err)
}

/// The snapshot that was taken at a version.
async fn at(
    readers: &SqlitePool,
    review: ReviewId,
    version: i64,
) -> Result<Option<StoredSnapshot>, StoreError> {
    let row = sqlx::query("SELECT hash, state_hash, state FROM snapshots WHERE review = ? AND version = ?")
        .bind(review.0)
        .bind(version)
        .fetch_optional(readers)
        .await
        .map_err(classify)?;
    let Some(row) = row else { return Ok(None) };
    let head = Head { version: natural(version)?, hash: hash(row.try_get("hash").map_err(classify)?)? };
    let state_hash = hash(row.try_get("state_hash").map_err(classify)?)?;
    Ok(Some(StoredSnapshot { head, state: row.try_get("state").map_err(classify)?, state_hash }))
}

pub(super) async fn kept_after(readers: &SqlitePool, review: ReviewId) -> Result<Version, StoreError> {
    let trimmed: Option<i64> = sqlx::query_scalar("SELECT trimmed_to FROM reviews WHERE id = ?")
        .bind(review.0)
        .fetch_optional(readers)
        .await
        .map_err(classify)?;
    natural(trimmed.unwrap_or(0))
}

pub(super) async fn trim(
    readers: &SqlitePool,
    writer: &SqlitePool,
    review: ReviewId,
    up_to: Version,
) -> Result<Version, StoreError> {
    let mut at = kept_after(readers, review).await?;
    let newest: Option<i64> =
        sqlx::query_scalar("SELECT max(version) FROM snapshots WHERE review = ? AND version <= ?")
            .bind(review.0)
            .bind(i64::try_from(up_to).unwrap_or(i64::MAX))
            .fetch_one(readers)
            .await
            .map_err(classify)?;
    let Some(newest) = newest else { return Ok(at) };
    let end = natural(newest)?;
    if end <= at {
        return Ok(at);
    }
    // First the older snapshots: nothing could be folded onto them any more.
    sqlx::query("DELETE FROM snapshots WHERE review = ? AND version < ?")
        .bind(review.0)
        .bind(newest)
        .execute(writer)
        .await
        .map_err(classify)?;
    let mut link = link_at(readers, review, at).await?;
    while at < end {
        let mut page = match log::entries(readers, review, at, TRIM).await {
            // Another node is trimming as well, and has come further.
            Err(StoreError::Trimmed { oldest, .. }) => return Ok(oldest),
            page => page?,
        };
        page.retain(|entry| entry.version <= end);
        (at, link) = check_chain(review, (at, link), &page)?;
        erase(writer, review, &page).await?;
    }
    Ok(at)
}

async fn erase(writer: &SqlitePool, review: ReviewId, page: &[EncodedEntry]) -> Result<(), StoreError> {
    let digests: Vec<Hash> = page.iter().map(|entry| Hash::of(entry.payload.as_bytes())).collect();
    let mut transaction = Transaction::begin(writer).await?;
    for (entry, digest) in page.iter().zip(digests) {
        sqlx::query(
            "UPDATE entries SET payload = '', payload_hash = ? \
             WHERE review = ? AND version = ? AND payload_hash IS NULL",
        )
        .bind(&digest.0[..])
        .bind(review.0)
        .bind(integer(entry.version)?)
        .execute(&mut *transaction)
        .await
        .map_err(classify)?;
    }
    let last = page.last().map_or(0, |entry| entry.version);
    sqlx::query("UPDATE reviews SET trimmed_to = max(trimmed_to, ?) WHERE id = ?")
        .bind(integer(last)?)
        .bind(review.0)
        .execute(&mut *transaction)
        .await
        .map_err(classify)?;
    transaction.commit().await
}

/// The chain's link at a version.
async fn link_at(readers: &SqlitePool, review: ReviewId, version: Version) -> Result<Hash, StoreError> {
    if version == 0 {
        return Ok(Hash::default());
    }
    let link = log::link(readers, review, version).await?;
    link.ok_or_else(|| StoreError::corrupt(review, format!("entry {version} is gone")))
}
