//! What appends write, column by column: three tables in one statement, however many rows there are.

use std::collections::HashMap;

use interline_core::entry::Head;
use interline_core::id::ReviewId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::error::Result;
use crate::store::fence::last_answers;
use crate::store::rows::integer;
use crate::store::{ReviewAppend, ReviewSummary, StoreError};

/// Where a log ends, and in the end what lists show of it, if that moves.
pub(super) struct Tip<'a> {
    pub(super) head: Head,
    pub(super) summary: Option<&'a ReviewSummary>,
    /// Of the node that has lost a race for it, unless somebody else has won since.
    pub(super) mark: Option<i64>,
}

#[derive(Default)]
struct Entries<'a> {
    review: Vec<Uuid>,
    version: Vec<i64>,
    hash: Vec<&'a [u8]>,
    payload: Vec<&'a str>,
}

#[derive(Default)]
struct Answers<'a> {
    review: Vec<Uuid>,
    client: Vec<Uuid>,
    seq: Vec<i64>,
    payload_hash: Vec<&'a [u8]>,
    result: Vec<String>,
}

#[derive(Default)]
struct Heads<'a> {
    id: Vec<Uuid>,
    version: Vec<i64>,
    hash: Vec<&'a [u8]>,
    title: Vec<&'a str>,
    status: Vec<&'a str>,
    comments: Vec<i64>,
}

impl<'a> Entries<'a> {
    fn of(appends: impl Iterator<Item = &'a ReviewAppend>) -> Result<Entries<'a>> {
        let mut columns = Entries::default();
        for append in appends {
            for entry in append.append.records.iter().filter_map(|record| record.entry.as_ref()) {
                columns.review.push(append.review.0);
                columns.version.push(integer(entry.version)?);
                columns.hash.push(&entry.hash.0);
                columns.payload.push(&entry.payload);
            }
        }
        Ok(columns)
    }
}

impl<'a> Answers<'a> {
    fn of(appends: impl Iterator<Item = &'a ReviewAppend>) -> Result<Answers<'a>> {
        let mut columns = Answers::default();
        for ((review, client), answer) in last_answers(appends) {
            let result = serde_json::to_string(&answer.result);
            columns.review.push(review.0);
            columns.client.push(client.0);
            columns.seq.push(integer(answer.seq)?);
            columns.payload_hash.push(&answer.payload.0);
            columns.result.push(result.map_err(|error| StoreError::corrupt(review, error))?);
        }
        Ok(columns)
    }
}

impl<'a> Heads<'a> {
    fn of(tips: &'a HashMap<ReviewId, Tip<'a>>) -> Result<Heads<'a>> {
        let mut columns = Heads::default();
        for (review, Tip { head, summary, .. }) in tips {
            let Some(summary) = summary else { continue };
            columns.id.push(review.0);
            columns.version.push(integer(head.version)?);
            columns.hash.push(&head.hash.0);
            columns.title.push(&summary.title);
            columns.status.push(&summary.status);
            columns.comments.push(i64::from(summary.comments));
        }
        Ok(columns)
    }
}

/// Writes what was won; the reviews' locks are held.
pub(super) async fn store<'a>(
    session: &mut PgConnection,
    appends: impl Iterator<Item = &'a ReviewAppend> + Clone,
    tips: &HashMap<ReviewId, Tip<'_>>,
) -> Result<()> {
    let (entries, answers) = (Entries::of(appends.clone())?, Answers::of(appends)?);
    let heads = Heads::of(tips)?;
    let expected = heads.id.len() as u64;
    let moved = sqlx::query(
        "WITH added AS (\
           INSERT INTO entries (review, version, hash, payload) \
           SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::text[])\
         ), answered AS (\
           INSERT INTO answers (review, client, seq, payload_hash, result) \
           SELECT * FROM unnest($5::uuid[], $6::uuid[], $7::bigint[], $8::bytea[], $9::text[]) \
           ON CONFLICT (review, client) DO UPDATE SET seq = excluded.seq, \
             payload_hash = excluded.payload_hash, result = excluded.result\
         ) \
         UPDATE reviews SET version = moved.version, hash = moved.hash, title = moved.title, \
           status = moved.status, comments = moved.comments, lost_by = NULL \
         FROM unnest($10::uuid[], $11::bigint[], $12::bytea[], $13::text[], $14::text[], $15::bigint[]) \
           AS moved (id, version, hash, title, status, comments) \
         WHERE reviews.id = moved.id",
    )
    .bind(entries.review)
    .bind(entries.version)
    .bind(entries.hash)
    .bind(entries.payload)
    .bind(answers.review)
    .bind(answers.client)
    .bind(answers.seq)
    .bind(answers.payload_hash)
    .bind(answers.result)
    .bind(heads.id)
    .bind(heads.version)
    .bind(heads.hash)
    .bind(heads.title)
    .bind(heads.status)
    .bind(heads.comments)
    .execute(session)
    .await?
    .rows_affected();
    match moved == expected {
        true => Ok(()),
        false => Err(StoreError::Unavailable(format!("{moved} of {expected} heads moved")).into()),
    }
}
