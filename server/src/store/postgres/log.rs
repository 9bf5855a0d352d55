//! Entries and answers.

use std::collections::HashMap;
use std::time::Duration;

use interline_core::entry::{Answer, EncodedEntry, Hash, Head};
use interline_core::id::{ClientId, ReviewId, Version};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::columns::{self, Tip};
use super::error::Result;
use super::patch_sets;
use super::session::{LONG_PATIENCE, PATIENCE, Pool, Prepared, Session, read, write};
use super::snapshots::kept_after;
use crate::store::fence::{Fence, asked};
use crate::store::rows::{self, hash, natural};
use crate::store::{AppendOutcome, ReviewAppend, StoreError};

type Stored<T> = std::result::Result<T, StoreError>;

pub(super) async fn entries(
    pool: &Pool,
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
pub(super) async fn link(pool: &Pool, review: ReviewId, version: Version) -> Stored<Option<Hash>> {
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

pub(super) async fn holds(pool: &Pool, review: ReviewId, head: Head) -> Stored<bool> {
    if head.version == 0 {
        return Ok(head.hash == Hash::default());
    }
    Ok(link(pool, review, head.version).await? == Some(head.hash))
}

pub(super) async fn answers(
    pool: &Pool,
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

/// What to do about reviews that somebody else has locked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Locked {
    /// Wait for them. One that is not there is lost.
    Wait,
    /// The same, but for so long at most: then all are left out.
    Within(Duration),
    /// Leave them out, and those that are not there as well: nobody has said which is which.
    Skip,
}

/// What losing means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Losing {
    /// Somebody else was first.
    Certain,
    /// Perhaps an attempt before has happened, and it is what was first: see [`super::doubt`].
    InDoubt,
}

/// What became of appends.
pub(super) struct Appended {
    /// Of each part; nothing of one that was left out.
    pub(super) outcomes: Vec<Option<AppendOutcome>>,
    /// Whose mark a review carried that was won.
    pub(super) won: Vec<(ReviewId, Option<i64>)>,
}

/// Appends.
pub(super) async fn append(
    pool: &Pool,
    node: i64,
    appends: &[ReviewAppend],
    locked: Locked,
    losing: Losing,
) -> Stored<Appended> {
    let code = appends.iter().any(|a| a.append.records.iter().any(|record| record.patch_set.is_some()));
    write(if code { LONG_PATIENCE } else { PATIENCE }, || async {
        let mut session = match locked {
            Locked::Within(wait) => Session::begin_within(pool, wait).await?,
            Locked::Wait | Locked::Skip => Session::begin(pool).await?,
        };
        let mut tips = match lock(&mut session, appends, locked).await {
            Err(trouble) if trouble.is_locked() && matches!(locked, Locked::Within(_)) => {
                let outcomes = vec![None; appends.len()];
                return session.abandon(Prepared::Nothing(Appended { outcomes, won: Vec::new() })).await;
            }
            tips => tips?,
        };
        if let Locked::Within(_) = locked {
            session.wait_as_ever().await?;
        }
        // A statement of its own, so that it sees what was committed while the first one waited for its locks. Who
        // answers a client in a review holds the review's lock.
        let mut fence = raise(&mut session, appends).await?;
        let mut outcomes = Vec::with_capacity(appends.len());
        for append in appends {
            let there = locked != Locked::Skip || append.parts().all(|part| tips.contains_key(&part.review));
            outcomes.push(there.then(|| advance(&mut tips, &mut fence, append)));
        }
        let of = |wanted: &dyn Fn(AppendOutcome) -> bool| {
            let those = appends.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_some_and(wanted));
            those.flat_map(|(append, _)| append.parts()).collect::<Vec<_>>()
        };
        let done = of(&|outcome| outcome == AppendOutcome::Appended);
        let won = tips.iter().filter(|(_, tip)| tip.summary.is_some());
        let won = won.map(|(review, tip)| (*review, tip.mark)).collect::<Vec<_>>();
        let mut lost = of(&|outcome| outcome != AppendOutcome::Appended);
        lost.retain(|part| tips.get(&part.review).is_some_and(|tip| tip.summary.is_none()));
        if won.is_empty() && lost.is_empty() {
            return session.abandon(Prepared::Nothing(Appended { outcomes, won })).await;
        }
        if !lost.is_empty() {
            let lost: Vec<Uuid> = lost.into_iter().map(|part| part.review.0).collect();
            // Nobody misses a mark after a crash. One that is to stand behind what is in doubt has to be waited for.
            if won.is_empty() && losing == Losing::Certain {
                sqlx::raw_sql("SET LOCAL synchronous_commit = off").execute(&mut *session).await?;
            }
            mark(&mut session, node, lost).await?;
        }
        if !won.is_empty() {
            columns::store(&mut session, done.iter().copied(), &tips).await?;
            patch_sets::insert(&mut session, done.iter().copied()).await?;
        }
        Ok(Prepared::Commit(session, Appended { outcomes, won }))
    })
    .await
}

/// Takes the locks of all reviews, in an order that every node keeps, so that no two wait for each other.
async fn lock<'a>(
    session: &mut PgConnection,
    appends: &[ReviewAppend],
    locked: Locked,
) -> Result<HashMap<ReviewId, Tip<'a>>> {
    let parts = appends.iter().flat_map(ReviewAppend::parts);
    let reviews: Vec<Uuid> = parts.map(|part| part.review.0).collect();
    let sql = match locked {
        Locked::Wait | Locked::Within(_) => {
            "SELECT id, version, hash, lost_by FROM reviews WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE"
        }
        Locked::Skip => {
            "SELECT id, version, hash, lost_by FROM reviews WHERE id = ANY($1) ORDER BY id \
             FOR NO KEY UPDATE SKIP LOCKED"
        }
    };
    let rows = sqlx::query(sql).bind(reviews).fetch_all(session).await?;
    let tip = |row: &PgRow| {
        let head = Head { version: natural(row.try_get("version")?)?, hash: hash(row.try_get("hash")?)? };
        Ok((ReviewId(row.try_get("id")?), Tip { head, summary: None, mark: row.try_get("lost_by")? }))
    };
    rows.iter().map(tip).collect()
}

/// Leaves the mark of a node that has lost races, see [`super::turns`].
async fn mark(session: &mut PgConnection, node: i64, reviews: Vec<Uuid>) -> Result<()> {
    sqlx::query("UPDATE reviews SET lost_by = $1 WHERE id = ANY($2)")
        .bind(node)
        .bind(reviews)
        .execute(session)
        .await?;
    Ok(())
}

/// Waits until what is in a log is where commits have to be, on standbys as well: by a commit that changes nothing.
pub(super) async fn settle(pool: &Pool, review: ReviewId) -> Stored<()> {
    write(PATIENCE, || async {
        let mut session = Session::begin(pool).await?;
        let touch = sqlx::query("UPDATE reviews SET lost_by = lost_by WHERE id = $1").bind(review.0);
        touch.execute(&mut *session).await?;
        Ok(Prepared::Commit(session, ()))
    })
    .await
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
