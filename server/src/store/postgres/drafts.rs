//! Logs of private drafts.

use interline_core::id::ReviewId;

use super::error::Result;
use super::reviews::find_log;
use super::session::{PATIENCE, Pool, Prepared, Session, write};
use crate::store::rows::{first_of_drafts, integer};
use crate::store::{DraftsOf, ReviewRow, StoreError};

type Stored<T> = std::result::Result<T, StoreError>;

/// Finds one, and makes it if there is none yet.
pub(super) async fn open(pool: &Pool, of: &DraftsOf) -> Stored<ReviewRow> {
    let id = of.review.drafts_of(&of.owner);
    let found = match find_log(pool, id).await? {
        Some(found) => Some(found),
        None => {
            let _place = pool.aside().await?;
            let attempt = || write(PATIENCE, || create(pool, of));
            match attempt().await {
                // Twice does no harm.
                Err(StoreError::UnknownOutcome(_)) => attempt().await?,
                settled => settled?,
            }
            find_log(pool, id).await?
        }
    };
    let row = found.ok_or_else(|| StoreError::corrupt(id, "it was made, and is not there"))?;
    if row.drafts.as_ref() == Some(of) { Ok(row) } else { Err(not_these(id)) }
}

fn not_these(id: ReviewId) -> StoreError {
    StoreError::corrupt(id, "its head row says that it is something else")
}

async fn create(pool: &Pool, of: &DraftsOf) -> Result<Prepared<()>> {
    let (id, entry, summary) = first_of_drafts(of);
    let mut session = Session::begin(pool).await?;
    let made = sqlx::query(
        "INSERT INTO reviews (id, body_hash, created_at, version, hash, title, status, comments, drafts_of, owner) \
         VALUES ($1, $2, 0, $3, $2, $4, $5, 0, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(id.0)
    .bind(&entry.hash.0[..])
    .bind(integer(entry.version)?)
    .bind(&summary.title)
    .bind(&summary.status)
    .bind(of.review.0)
    .bind(of.owner.as_str())
    .execute(&mut *session)
    .await?;
    if made.rows_affected() == 0 {
        return session.abandon(Prepared::Nothing(())).await;
    }
    sqlx::query("INSERT INTO entries (review, version, hash, payload) VALUES ($1, $2, $3, $4)")
        .bind(id.0)
        .bind(integer(entry.version)?)
        .bind(&entry.hash.0[..])
        .bind(&*entry.payload)
        .execute(&mut *session)
        .await?;
    Ok(Prepared::Commit(session, ()))
}
