//! Entries and answers.

use std::collections::HashMap;

use interline_core::entry::{Answer, EncodedEntry, Hash, Head};
use interline_core::id::{ClientId, ReviewId, Version};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqlitePool};

use super::error::classify;
use super::fence::raise;
use super::snapshots::kept_after;
use super::transaction::Transaction;
use super::{ROWS, patch_sets};
use crate::store::fence::{self, Fence};
use crate::store::rows::{self, hash, integer, natural};
use crate::store::{AppendOutcome, ReviewAppend, StoreError};

pub(super) async fn entries(
    readers: &SqlitePool,
    review: ReviewId,
    after: Version,
    limit: u32,
) -> Result<Vec<EncodedEntry>, StoreError> {
    // Nothing comes behind a version that no log can reach.
    let Ok(after) = i64::try_from(after) else { return Ok(Vec::new()) };
    let rows = sqlx::query(
        "SELECT version, hash, payload, payload_hash IS NOT NULL AS trimmed FROM entries \
         WHERE review = ? AND version > ? ORDER BY version LIMIT ?",
    )
    .bind(review.0)
    .bind(after)
    .bind(limit)
    .fetch_all(readers)
    .await
    .map_err(classify)?;
    // Trimmed entries come before all others.
    if let Some(first) = rows.first()
        && first.try_get::<bool, _>("trimmed").map_err(classify)?
    {
        return Err(StoreError::Trimmed { review, oldest: kept_after(readers, review).await? });
    }
    rows.iter().map(entry).collect()
}

/// The chain's link at a version, unless the log ends before.
pub(super) async fn link(
    readers: &SqlitePool,
    review: ReviewId,
    version: Version,
) -> Result<Option<Hash>, StoreError> {
    let Ok(version) = i64::try_from(version) else { return Ok(None) };
    let link: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT hash FROM entries WHERE review = ? AND version = ?")
            .bind(review.0)
            .bind(version)
            .fetch_optional(readers)
            .await
            .map_err(classify)?;
    link.as_deref().map(hash).transpose()
}

pub(super) async fn holds(readers: &SqlitePool, review: ReviewId, head: Head) -> Result<bool, StoreError> {
    if head.version == 0 {
        return Ok(head.hash == Hash::default());
    }
    Ok(link(readers, review, head.version).await? == Some(head.hash))
}

fn entry(row: &SqliteRow) -> Result<EncodedEntry, StoreError> {
    let payload: &str = row.try_get("payload").map_err(classify)?;
    Ok(EncodedEntry {
        version: natural(row.try_get("version").map_err(classify)?)?,
        hash: hash(row.try_get("hash").map_err(classify)?)?,
        payload: payload.into(),
    })
}

pub(super) async fn last_answers(
    readers: &SqlitePool,
    review: ReviewId,
    clients: &[ClientId],
) -> Result<HashMap<ClientId, Answer>, StoreError> {
    let mut answers = HashMap::with_capacity(clients.len());
    for clients in clients.chunks(ROWS) {
        let mut select = QueryBuilder::<Sqlite>::new(
            "SELECT client, seq, payload_hash, result FROM answers WHERE review = ",
        );
        select.push_bind(review.0).push(" AND client IN (");
        let mut list = select.separated(", ");
        for client in clients {
            list.push_bind(client.0);
        }
        select.push(")");
        let query = select.build().persistent(clients.len() == 1);
        for row in query.fetch_all(readers).await.map_err(classify)? {
            let client = ClientId(row.try_get("client").map_err(classify)?);
            let seq = row.try_get("seq").map_err(classify)?;
            let payload_hash = row.try_get("payload_hash").map_err(classify)?;
            let result = row.try_get("result").map_err(classify)?;
            answers.insert(client, rows::answer(review, client, seq, payload_hash, result)?);
        }
    }
    Ok(answers)
}

pub(super) async fn append(
    writer: &SqlitePool,
    appends: &[ReviewAppend],
) -> Result<Vec<AppendOutcome>, StoreError> {
    let mut transaction = Transaction::begin(writer).await?;
    let mut fence = raise(&mut transaction, appends).await?;
    let mut outcomes = Vec::with_capacity(appends.len());
    for append in appends {
        outcomes.push(settle(&mut transaction, &mut fence, append).await?);
    }
    let done = || {
        let appended = appends.iter().zip(&outcomes).filter(|(_, o)| **o == AppendOutcome::Appended);
        appended.flat_map(|(append, _)| append.parts())
    };
    insert_entries(&mut transaction, done()).await?;
    insert_answers(&mut transaction, done()).await?;
    patch_sets::insert(&mut transaction, done()).await?;
    transaction.commit().await?;
    Ok(outcomes)
}

/// Moves the heads of an append's parts, or none of them.
async fn settle(
    transaction: &mut Transaction,
    fence: &mut Fence,
    append: &ReviewAppend,
) -> Result<AppendOutcome, StoreError> {
    // Nobody else writes meanwhile, so what is so stays so.
    if let Some(linked) = &append.linked
        && (fence.passed(linked).is_none() || !stands(transaction, linked).await?)
    {
        return Ok(AppendOutcome::LinkedLost);
    }
    let Some(answered) = fence.passed(append) else { return Ok(AppendOutcome::Lost) };
    if advance(transaction, append).await? == AppendOutcome::Lost {
        return Ok(AppendOutcome::Lost);
    }
    fence.move_on(answered);
    if let Some(linked) = &append.linked {
        if advance(transaction, linked).await? == AppendOutcome::Lost {
            // Half of it must not be committed: the transaction goes with the error.
            return Err(StoreError::corrupt(linked.review, "its head moved within a transaction"));
        }
        fence.move_on(fence.passed(linked).unwrap_or_default());
    }
    Ok(AppendOutcome::Appended)
}

/// Whether a head is where the appender believes it to be.
async fn stands(transaction: &mut Transaction, append: &ReviewAppend) -> Result<bool, StoreError> {
    let expected = append.append.expected;
    let found = sqlx::query("SELECT 1 FROM reviews WHERE id = ? AND version = ? AND hash = ?")
        .bind(append.review.0)
        .bind(integer(expected.version)?)
        .bind(&expected.hash.0[..])
        .fetch_optional(&mut **transaction)
        .await
        .map_err(classify)?;
    Ok(found.is_some())
}

/// Moves a head, if it is where the appender believes it to be.
async fn advance(transaction: &mut Transaction, append: &ReviewAppend) -> Result<AppendOutcome, StoreError> {
    let expected = append.append.expected;
    let last = append.append.records.iter().rev().find_map(|record| record.entry.as_ref());
    let (version, hash) = last.map_or((expected.version, expected.hash), |entry| (entry.version, entry.hash));
    let moved = sqlx::query(
        "UPDATE reviews SET version = ?, hash = ?, title = ?, status = ?, comments = ? \
         WHERE id = ? AND version = ? AND hash = ?",
    )
    .bind(integer(version)?)
    .bind(&hash.0[..])
    .bind(&append.summary.title)
    .bind(&append.summary.status)
    .bind(append.summary.comments)
    .bind(append.review.0)
    .bind(integer(expected.version)?)
    .bind(&expected.hash.0[..])
    .execute(&mut **transaction)
    .await
    .map_err(classify)?;
    Ok(if moved.rows_affected() == 1 { AppendOutcome::Appended } else { AppendOutcome::Lost })
}

async fn insert_entries(
    transaction: &mut Transaction,
    appends: impl Iterator<Item = &ReviewAppend>,
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for append in appends {
        for entry in append.append.records.iter().filter_map(|record| record.entry.as_ref()) {
            rows.push((append.review, integer(entry.version)?, entry));
        }
    }
    for rows in rows.chunks(ROWS) {
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO entries (review, version, hash, payload) ");
        insert.push_values(rows, |mut values, (review, version, entry)| {
            values.push_bind(review.0).push_bind(*version);
            values.push_bind(&entry.hash.0[..]).push_bind(&*entry.payload);
        });
        insert.build().persistent(rows.len() == 1).execute(&mut **transaction).await.map_err(classify)?;
    }
    Ok(())
}

async fn insert_answers<'a>(
    transaction: &mut Transaction,
    appends: impl Iterator<Item = &'a ReviewAppend>,
) -> Result<(), StoreError> {
    // Only a client's last answer counts.
    let last = fence::last_answers(appends);
    let mut rows = Vec::with_capacity(last.len());
    for ((review, client), answer) in last {
        let result =
            serde_json::to_string(&answer.result).map_err(|error| StoreError::corrupt(review, error))?;
        rows.push((review, client, integer(answer.seq)?, answer.payload, result));
    }
    for rows in rows.chunks(ROWS) {
        let mut insert =
            QueryBuilder::<Sqlite>::new("INSERT INTO answers (review, client, seq, payload_hash, result) ");
        insert.push_values(rows, |mut values, (review, client, seq, payload, result)| {
            values.push_bind(review.0).push_bind(client.0).push_bind(*seq);
            values.push_bind(&payload.0[..]).push_bind(result);
        });
        insert.push(
            " ON CONFLICT (review, client) DO UPDATE SET seq = excluded.seq, \
             payload_hash = excluded.payload_hash, result = excluded.result",
        );
        insert.build().persistent(rows.len() == 1).execute(&mut **transaction).await.map_err(classify)?;
    }
    Ok(())
}
