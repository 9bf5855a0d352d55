//! What users have read and viewed.

use interline_core::id::{ReviewId, UserId};
use interline_core::review::Marks;
use sqlx::SqlitePool;

use super::error::classify;
use super::transaction::Transaction;
use crate::store::{StoreError, rows};

const SELECT: &str = "SELECT marks FROM marks WHERE review = ? AND user_id = ?";

pub(super) async fn merge(
    readers: &SqlitePool,
    writer: &SqlitePool,
    review: ReviewId,
    user: &UserId,
    more: &Marks,
) -> Result<Marks, StoreError> {
    let found: Option<String> = sqlx::query_scalar(SELECT)
        .bind(review.0)
        .bind(user.as_str())
        .fetch_optional(readers)
        .await
        .map_err(classify)?;
    // Most calls only ask.
    let mut marks = read(review, found)?;
    if merged(&mut marks, more) {
        return Ok(marks);
    }
    let mut transaction = Transaction::begin(writer).await?;
    let found: Option<String> = sqlx::query_scalar(SELECT)
        .bind(review.0)
        .bind(user.as_str())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(classify)?;
    let mut marks = read(review, found)?;
    marks.merge(more);
    let json = serde_json::to_string(&marks).map_err(|error| StoreError::corrupt(review, error))?;
    sqlx::query(
        "INSERT INTO marks (review, user_id, marks) VALUES (?, ?, ?) \
         ON CONFLICT (review, user_id) DO UPDATE SET marks = excluded.marks",
    )
    .bind(review.0)
    .bind(user.as_str())
    .bind(json)
    .execute(&mut *transaction)
    .await
    .map_err(classify)?;
    transaction.commit().await?;
    Ok(marks)
}

/// Merges, and says whether that changed nothing.
fn merged(marks: &mut Marks, more: &Marks) -> bool {
    let before = marks.clone();
    marks.merge(more);
    *marks == before
}

fn read(review: ReviewId, found: Option<String>) -> Result<Marks, StoreError> {
    found.map_or_else(|| Ok(Marks::default()), |json| rows::marks(review, &json))
}
