//! Snapshots, and the payloads that they make dispensable.
//!
//! Several nodes may be at it at once. What must not happen is that the snapshot which trimming relies on is thinned
//! out meanwhile, so whoever deletes or trims holds the review's lock and looks at what is there by then.

use interline_core::entry::{EncodedEntry, Hash, Head};
use interline_core::id::{ReviewId, Version};
use sqlx::PgConnection;

use super::error::Result;
use super::log;
use super::session::{LONG_PATIENCE, PATIENCE, Pool, Prepared, Session, read, write};
use crate::store::rows::{hash, integer, natural};
use crate::store::snapshot::check_chain;
use crate::store::{StoreError, StoredSnapshot, dispensable};

type Stored<T> = std::result::Result<T, StoreError>;

/// Entries trimmed in one transaction: appends to the review wait for a few milliseconds at most.
const TRIM: u32 = 256;

pub(super) async fn put(pool: &Pool, review: ReviewId, head: Head, state: &str) -> Stored<()> {
    let state_hash = Hash::of(state.as_bytes());
    let version = integer(head.version)?;
    let written = write(LONG_PATIENCE, || async {
        let mut session = Session::begin(pool).await?;
        let written = sqlx::query(
            "INSERT INTO snapshots (review, version, hash, state_hash, state) \
             SELECT review, version, hash, $1, $2 FROM entries WHERE review = $3 AND version = $4 AND hash = $5 \
             ON CONFLICT (review, version) DO UPDATE \
             SET hash = excluded.hash, state_hash = excluded.state_hash, state = excluded.state",
        )
        .bind(&state_hash.0[..])
        .bind(state)
        .bind(review.0)
        .bind(version)
        .bind(&head.hash.0[..])
        .execute(&mut *session)
        .await?;
        if written.rows_affected() == 0 {
            return session.abandon(Prepared::Nothing(false)).await;
        }
        // Only now: appends do not wait while a large state is on its way.
        let trimmed_to = natural(lock(&mut session, review).await?.unwrap_or(0))?;
        let versions: Vec<i64> =
            sqlx::query_scalar("SELECT version FROM snapshots WHERE review = $1 ORDER BY version")
                .bind(review.0)
                .fetch_all(&mut *session)
                .await?;
        let versions = versions.into_iter().map(natural).collect::<Stored<Vec<_>>>()?;
        let gone = dispensable(&versions, trimmed_to);
        let gone = gone.into_iter().map(integer).collect::<Stored<Vec<_>>>()?;
        if !gone.is_empty() {
            sqlx::query("DELETE FROM snapshots WHERE review = $1 AND version = ANY($2)")
                .bind(review.0)
                .bind(gone)
                .execute(&mut *session)
                .await?;
        }
        Ok(Prepared::Commit(session, true))
    })
    .await?;
    if written {
        return Ok(());
    }
    let what = format!("its log does not go through the snapshot that was taken at {}", head.version);
    Err(StoreError::corrupt(review, what))
}

/// Takes a review's lock, if there is such a review; up to where it is trimmed.
async fn lock(session: &mut PgConnection, review: ReviewId) -> Result<Option<i64>> {
    let query = sqlx::query_scalar("SELECT trimmed_to FROM reviews WHERE id = $1 FOR NO KEY UPDATE");
    Ok(query.bind(review.0).fetch_optional(session).await?)
}

pub(super) async fn newest(
    pool: &Pool,
    review: ReviewId,
    at_most: Option<Version>,
) -> Stored<Option<StoredSnapshot>> {
    let at_most = i64::try_from(at_most.unwrap_or(Version::MAX)).unwrap_or(i64::MAX);
    let row: Option<(i64, Vec<u8>, Vec<u8>, String)> = read(LONG_PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let row = sqlx::query_as(
            "SELECT version, hash, state_hash, state FROM snapshots \
             WHERE review = $1 AND version <= $2 ORDER BY version DESC LIMIT 1",
        )
        .bind(review.0)
        .bind(at_most)
        .fetch_optional(&mut *session)
        .await?;
        session.done(row)
    })
    .await?;
    let Some((version, link, state_hash, state)) = row else { return Ok(None) };
    let head = Head { version: natural(version)?, hash: hash(&link)? };
    Ok(Some(StoredSnapshot { head, state, state_hash: hash(&state_hash)? }))
}

pub(super) async fn kept_after(pool: &Pool, review: ReviewId) -> Stored<Version> {
    let trimmed: Option<i64> = read(PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let trimmed = sqlx::query_scalar("SELECT trimmed_to FROM reviews WHERE id = $1")
            .bind(review.0)
            .fetch_optional(&mut *session)
            .await?;
        session.done(trimmed)
    })
    .await?;
    natural(trimmed.unwrap_or(0))
}

pub(super) async fn trim(pool: &Pool, review: ReviewId, up_to: Version) -> Stored<Version> {
    let mut at = kept_after(pool, review).await?;
    let Some(end) = begin_trim(pool, review, up_to).await?.filter(|end| *end > at) else { return Ok(at) };
    let mut link = link_at(pool, review, at).await?;
    while at < end {
        let mut page = match log::entries(pool, review, at, TRIM).await {
            // Another node is trimming as well, and has come further.
            Err(StoreError::Trimmed { oldest, .. }) => return Ok(oldest),
            page => page?,
        };
        page.retain(|entry| entry.version <= end);
        (at, link) = check_chain(review, (at, link), &page)?;
        if !erase(pool, review, &page, end).await? {
            // Another node found the snapshot superfluous: the next that is taken starts again.
            return kept_after(pool, review).await;
        }
    }
    Ok(at)
}

/// Finds the snapshot that what is kept is to begin with. Those before it go at once: soon nothing can be folded onto
/// them.
async fn begin_trim(pool: &Pool, review: ReviewId, up_to: Version) -> Stored<Option<Version>> {
    let up_to = i64::try_from(up_to).unwrap_or(i64::MAX);
    let newest: Option<i64> = write(PATIENCE, || async {
        let mut session = Session::begin(pool).await?;
        let Some(trimmed_to) = lock(&mut session, review).await? else {
            return session.abandon(Prepared::Nothing(None)).await;
        };
        let newest: Option<i64> =
            sqlx::query_scalar("SELECT max(version) FROM snapshots WHERE review = $1 AND version <= $2")
                .bind(review.0)
                .bind(up_to)
                .fetch_one(&mut *session)
                .await?;
        let Some(newest) = newest.filter(|newest| *newest > trimmed_to) else {
            return session.abandon(Prepared::Nothing(None)).await;
        };
        sqlx::query("DELETE FROM snapshots WHERE review = $1 AND version < $2")
            .bind(review.0)
            .bind(newest)
            .execute(&mut *session)
            .await?;
        Ok(Prepared::Commit(session, Some(newest)))
    })
    .await?;
    newest.map(natural).transpose()
}

/// Lets go of payloads, if the snapshot that stands for them is still there.
async fn erase(pool: &Pool, review: ReviewId, page: &[EncodedEntry], snapshot: Version) -> Stored<bool> {
    let digests: Vec<Hash> = page.iter().map(|entry| Hash::of(entry.payload.as_bytes())).collect();
    let versions = page.iter().map(|entry| integer(entry.version)).collect::<Stored<Vec<i64>>>()?;
    let last = versions.last().copied().unwrap_or(0);
    let snapshot = integer(snapshot)?;
    write(PATIENCE, || async {
        let mut session = Session::begin(pool).await?;
        lock(&mut session, review).await?;
        let there: Option<i64> =
            sqlx::query_scalar("SELECT version FROM snapshots WHERE review = $1 AND version = $2")
                .bind(review.0)
                .bind(snapshot)
                .fetch_optional(&mut *session)
                .await?;
        if there.is_none() {
            return session.abandon(Prepared::Nothing(false)).await;
        }
        sqlx::query(
            "UPDATE entries SET payload = '', payload_hash = trimmed.digest \
             FROM unnest($2::bigint[], $3::bytea[]) AS trimmed (version, digest) \
             WHERE review = $1 AND entries.version = trimmed.version AND payload_hash IS NULL",
        )
        .bind(review.0)
        .bind(&versions)
        .bind(digests.iter().map(|digest| &digest.0[..]).collect::<Vec<_>>())
        .execute(&mut *session)
        .await?;
        sqlx::query("UPDATE reviews SET trimmed_to = greatest(trimmed_to, $2) WHERE id = $1")
            .bind(review.0)
            .bind(last)
            .execute(&mut *session)
            .await?;
        Ok(Prepared::Commit(session, true))
    })
    .await
}

/// The chain's link at a version.
async fn link_at(pool: &Pool, review: ReviewId, version: Version) -> Stored<Hash> {
    if version == 0 {
        return Ok(Hash::default());
    }
    let link = log::link(pool, review, version).await?;
    link.ok_or_else(|| StoreError::corrupt(review, format!("entry {version} is gone")))
}
