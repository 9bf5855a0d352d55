//! What users have read and viewed.

use interline_core::id::{ReviewId, UserId};
use interline_core::review::Marks;

use super::error::Result;
use super::session::{PATIENCE, Pool, Prepared, Session, read, write};
use crate::store::{StoreError, rows};

type Stored<T> = std::result::Result<T, StoreError>;

/// What there is with more of it, and whether all of that was there already.
pub(super) async fn merge(
    pool: &Pool,
    review: ReviewId,
    user: &UserId,
    more: &Marks,
) -> Stored<(Marks, bool)> {
    let found: Option<String> = read(PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let found = sqlx::query_scalar("SELECT marks FROM marks WHERE review = $1 AND user_id = $2")
            .bind(review.0)
            .bind(user.as_str())
            .fetch_optional(&mut *session)
            .await?;
        session.done(found)
    })
    .await?;
    // Most calls only ask.
    let marks = found.map(|json| rows::marks(review, &json)).transpose()?.unwrap_or_default();
    let mut merged = marks.clone();
    merged.merge(more);
    if merged == marks {
        return Ok((marks, true));
    }
    let _place = pool.aside().await?;
    let attempt = || write(PATIENCE, || written(pool, review, user, more));
    let written = match attempt().await {
        // Merged twice they are the same.
        Err(StoreError::UnknownOutcome(_)) => attempt().await?,
        settled => settled?,
    };
    Ok((written, false))
}

async fn written(pool: &Pool, review: ReviewId, user: &UserId, more: &Marks) -> Result<Prepared<Marks>> {
    let encoded =
        |marks: &Marks| serde_json::to_string(marks).map_err(|error| StoreError::corrupt(review, error));
    let mut session = Session::begin(pool).await?;
    // There has to be a row to lock. Waits for others who are at it.
    sqlx::query("INSERT INTO marks (review, user_id, marks) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(review.0)
        .bind(user.as_str())
        .bind(encoded(&Marks::default())?)
        .execute(&mut *session)
        .await?;
    let found: String =
        sqlx::query_scalar("SELECT marks FROM marks WHERE review = $1 AND user_id = $2 FOR UPDATE")
            .bind(review.0)
            .bind(user.as_str())
            .fetch_one(&mut *session)
            .await?;
    let mut marks = rows::marks(review, &found)?;
    marks.merge(more);
    sqlx::query("UPDATE marks SET marks = $3 WHERE review = $1 AND user_id = $2")
        .bind(review.0)
        .bind(user.as_str())
        .bind(encoded(&marks)?)
        .execute(&mut *session)
        .await?;
    Ok(Prepared::Commit(session, marks))
}
