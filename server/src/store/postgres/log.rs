//! Entries and answers.

use std::collections::HashMap;

use interline_core::entry::{Answer, EncodedEntry, Hash, Head};
use interline_core::id::{ClientId, ReviewId, Version};
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::columns::{self, Tip};
use super::error::Result;
use super::patch_sets;
use super::session::{LONG_PATIENCE, PATIENCE, Prepared, Session, read, write};
use super::snapshots::kept_after;
use crate::store::fence::{Fence, asked};
use crate::store::rows::{self, hash, natural};
use crate::store::{AppendOutcome, ReviewAppend, StoreError};

type Stored<T> = std::result::Result<T, StoreError>;

pub(super) async fn entries(
    pool: &PgPool,
    review: ReviewId,
    after: Version,
    limit: u32,
) -> Stored<Vec<EncodedEntry>> {
    // Nothing comes behind a version that no log can reach.
    let Ok(after) = i64::try_from(after) else { return Ok(Vec::new()) };
    let rows = read(PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let rows = sqlx::query(
            "SELECT version, hash, payload, payload_hash IS NOT NULL AS trimmed FROM entries \
             WHERE review = $1 AND version > $2 ORDER BY version LIMIT $3",
        )
        .bind(review.0)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&mut *session)
        .await?;
        session.done(rows)
    })
    .await?;
    // Trimmed entries come before all others.
    if let Some(first) = rows.first()
        && trimmed(first)?
    {
        return Err(StoreError::Trimmed { review, oldest: kept_after(pool, review).await? });
    }
    rows.iter().map(|row| entry(row).map_err(StoreError::from)).collect()
}

fn trimmed(row: &PgRow) -> Result<bool> {
    Ok(row.try_get("trimmed")?)
}

fn entry(row: &PgRow) -> Result<EncodedEntry> {
    let payload: &str = row.try_get("payload")?;
    let (version, link) = (natural(row.try_get("version")?)?, hash(row.try_get("hash")?)?);
    Ok(EncodedEntry { version, hash: link, payload: payload.into() })
}

/// The chain's link at a version, unless the log ends before.
pub(super) async fn link(pool: &PgPool, review: ReviewId, version: Version) -> Stored<Option<Hash>> {
    let Ok(version) = i64::try_from(version) else { return Ok(None) };
    let link: Option<Vec<u8>> = read(PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let link = sqlx::query_scalar("SELECT hash FROM entries WHERE review = $1 AND version = $2")
            .bind(review.0)
            .bind(version)
            .fetch_optional(&mut *session)
            .await?;
        session.done(link)
    })
    .await?;
    link.as_deref().map(hash).transpose()
}

pub(super) async fn holds(pool: &PgPool, review: ReviewId, head: Head) -> Stored<bool> {
    if head.version == 0 {
        return Ok(head.hash == Hash::default());
    }
    Ok(link(pool, review, head.version).await? == Some(head.hash))
}

pub(super) async fn answers(
    pool: &PgPool,
    review: ReviewId,
    clients: &[ClientId],
) -> Stored<HashMap<ClientId, Answer>> {
    let clients: Vec<Uuid> = clients.iter().map(|client| client.0).collect();
    let rows = read(PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let rows = sqlx::query(
            "SELECT client, seq, payload_hash, result FROM answers WHERE review = $1 AND client = ANY($2)",
        )
        .bind(review.0)
        .bind(&clients)
        .fetch_all(&mut *session)
        .await?;
        session.done(rows)
    })
    .await?;
    rows.iter().map(|row| answer(review, row).map_err(StoreError::from)).collect()
}

fn answer(review: ReviewId, row: &PgRow) -> Result<(ClientId, Answer)> {
    let client = ClientId(row.try_get("client")?);
    let (seq, payload_hash) = (row.try_get("seq")?, row.try_get("payload_hash")?);
    Ok((client, rows::answer(review, client, seq, payload_hash, row.try_get("result")?)?))
}

/// Appends, and says what became of each part, and whose mark a review carried that was won.
pub(super) async fn append(
    pool: &PgPool,
    node: i64,
    appends: &[ReviewAppend],
) -> Stored<(Vec<AppendOutcome>, Vec<(ReviewId, Option<i64>)>)> {
    let code = appends.iter().any(|a| a.append.records.iter().any(|record| record.patch_set.is_some()));
    write(if code { LONG_PATIENCE } else { PATIENCE }, || async {
        let mut session = Session::begin(pool).await?;
        let mut tips = lock(&mut session, appends).await?;
        // A statement of its own, so that it sees what was committed while the first one waited for its locks. Who
        // answers a client in a review holds the review's lock.
        let mut fence = raise(&mut session, appends).await?;
        let mut outcomes = Vec::with_capacity(appends.len());
        for append in appends {
            outcomes.push(advance(&mut tips, &mut fence, append));
        }
        let (won, lost): (Vec<_>, Vec<_>) = tips.iter().partition(|(_, tip)| tip.summary.is_some());
        let marks = won.into_iter().map(|(review, tip)| (*review, tip.mark)).collect::<Vec<_>>();
        if marks.is_empty() && lost.is_empty() {
            return session.abandon(Prepared::Nothing((outcomes, marks))).await;
        }
        if !lost.is_empty() {
            let lost: Vec<Uuid> = lost.into_iter().map(|(review, _)| review.0).collect();
            mark(&mut session, node, lost, marks.is_empty()).await?;
        }
        if !marks.is_empty() {
            let done = appends.iter().zip(&outcomes).filter(|(_, o)| **o == AppendOutcome::Appended);
            let done = done.flat_map(|(append, _)| append.parts());
            columns::store(&mut session, done.clone(), &tips).await?;
            patch_sets::insert(&mut session, done).await?;
        }
        Ok(Prepared::Commit(session, (outcomes, marks)))
    })
    .await
}

/// Takes the locks of all reviews, in an order that every node keeps, so that no two wait for each other.
async fn lock<'a>(
    session: &mut PgConnection,
    appends: &[ReviewAppend],
) -> Result<HashMap<ReviewId, Tip<'a>>> {
    let parts = appends.iter().flat_map(ReviewAppend::parts);
    let reviews: Vec<Uuid> = parts.map(|part| part.review.0).collect();
    let rows = sqlx::query(
        "SELECT id, version, hash, lost_by FROM reviews WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE",
    )
    .bind(reviews)
    .fetch_all(session)
    .await?;
    let tip = |row: &PgRow| {
        let head = Head { version: natural(row.try_get("version")?)?, hash: hash(row.try_get("hash")?)? };
        Ok((ReviewId(row.try_get("id")?), Tip { head, summary: None, mark: row.try_get("lost_by")? }))
    };
    rows.iter().map(tip).collect()
}

/// Leaves the mark of a node that has lost races, see [`super::turns`].
async fn mark(session: &mut PgConnection, node: i64, reviews: Vec<Uuid>, nothing_else: bool) -> Result<()> {
    if nothing_else {
        // Nobody misses a mark after a crash.
        sqlx::raw_sql("SET LOCAL synchronous_commit = off").execute(&mut *session).await?;
    }
    sqlx::query("UPDATE reviews SET lost_by = $1 WHERE id = ANY($2)")
        .bind(node)
        .bind(reviews)
        .execute(session)
        .await?;
    Ok(())
}

async fn raise(session: &mut PgConnection, appends: &[ReviewAppend]) -> Result<Fence> {
    let (reviews, clients): (Vec<Uuid>, Vec<Uuid>) =
        asked(appends).into_iter().map(|(review, client)| (review.0, client.0)).unzip();
    let rows = sqlx::query(
        "SELECT answers.review, answers.client, answers.seq \
         FROM unnest($1::uuid[], $2::uuid[]) AS asked (review, client) \
         JOIN answers ON answers.review = asked.review AND answers.client = asked.client",
    )
    .bind(reviews)
    .bind(clients)
    .fetch_all(session)
    .await?;
    let last = |row: &PgRow| {
        let client = (ReviewId(row.try_get("review")?), ClientId(row.try_get("client")?));
        Ok((client, natural(row.try_get("seq")?)?))
    };
    Ok(Fence::new(rows.iter().map(last).collect::<Result<_>>()?))
}

/// Moves the heads of an append's parts, if they are where the appender believes them to be and every record follows
/// its client's last.
fn advance<'a>(
    tips: &mut HashMap<ReviewId, Tip<'a>>,
    fence: &mut Fence,
    append: &'a ReviewAppend,
) -> AppendOutcome {
    let mut answered = Vec::with_capacity(2);
    // The linked one first: where that is lost, the other need not try again.
    for part in append.parts().collect::<Vec<_>>().into_iter().rev() {
        let stands = tips.get(&part.review).is_some_and(|tip| tip.head == part.append.expected);
        match fence.passed(part).filter(|_| stands) {
            Some(passed) => answered.push(passed),
            None if part.review == append.review => return AppendOutcome::Lost,
            None => return AppendOutcome::LinkedLost,
        }
    }
    answered.into_iter().for_each(|passed| fence.move_on(passed));
    for part in append.parts() {
        let Some(tip) = tips.get_mut(&part.review) else { continue };
        if let Some(last) = part.append.records.iter().rev().find_map(|record| record.entry.as_ref()) {
            tip.head = Head { version: last.version, hash: last.hash };
        }
        tip.summary = Some(&part.summary);
    }
    AppendOutcome::Appended
}
