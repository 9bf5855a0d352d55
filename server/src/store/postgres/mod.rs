//! The store in a PostgreSQL database, which several nodes may share.
//!
//! No lock outlives a call. An append locks the head rows of its reviews, in the order of their ids, looks whether
//! they are where the appenders believe them to be, and writes; so nodes race, and one of them loses. What somebody
//! else has locked is left out of a group, and waited for alone. A commit that gets no answer is [`StoreError::UnknownOutcome`]: appending again waits for the first one's locks, and then sees
//! what became of it.

mod audit;
mod columns;
mod connect;
mod doubt;
mod drafts;
mod error;
mod log;
mod marks;
mod notices;
mod patch_sets;
mod people;
mod reviews;
mod session;
mod snapshots;
mod standbys;
mod turns;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use interline_core::entry::{Answer, EncodedEntry, Head};
use interline_core::id::{ClientId, ReviewId, User, UserId, Version};
use interline_core::review::Marks;
use sqlx::migrate::Migrator;
use tokio::time::timeout;

use super::{
    AppendOutcome, Creation, DraftsOf, Fullness, NewReview, OpenError, PatchSetRow, ReviewAppend, ReviewRow,
    Store, StoreError, StoredSnapshot,
};
pub(crate) use audit::PostgresAudit;
use connect::{Found, address, connect};
use doubt::Doubts;
use log::{Appended, Locked, Losing};
use session::{Pool, Session};
use standbys::Barriers;
use turns::Turns;

/// How long `ping` waits for standbys: as long as somebody who asks whether the node is well.
const STANDBY_PATIENCE: Duration = Duration::from_secs(2);

/// Brings the tables of an older database up to date.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations/postgres");

/// What an operator can choose about a store in PostgreSQL.
#[derive(Clone, Copy, Debug)]
pub struct PostgresOptions {
    /// How long to wait for a database that cannot be reached when the server starts.
    pub patience: Duration,
    /// How many connections there are at most.
    pub connections: u32,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        PostgresOptions { patience: Duration::from_secs(15), connections: 16 }
    }
}

/// The store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Arc<Pool>,
    /// What is read passes them before anybody is told.
    barriers: Barriers,
    /// The release, and where it is.
    described: String,
    identity: String,
    fullness: Fullness,
    turns: Turns,
    doubts: Doubts,
}

impl PostgresStore {
    /// Whether an address can be read; nothing is connected to.
    pub fn check_address(url: &str) -> Result<(), OpenError> {
        address(url).map(drop)
    }

    /// Opens the store in a database that exists, as in `postgres://user:password@host:5432/database`, and brings
    /// its tables up to date.
    pub async fn open(url: &str, options: PostgresOptions) -> Result<PostgresStore, OpenError> {
        let Found { pool, place, release, identity } =
            connect(address(url)?, options.connections, options.patience).await?;
        let pool = Arc::new(pool);
        let barriers = Barriers::start(pool.clone());
        let described = format!("PostgreSQL {release} ({place})");
        let (fullness, doubts) = (Fullness::default(), Doubts::default());
        Ok(PostgresStore { pool, barriers, described, identity, fullness, turns: Turns::new(), doubts })
    }

    async fn append_where(
        &self,
        appends: &[ReviewAppend],
        locked: Locked,
    ) -> Result<Vec<Option<AppendOutcome>>, StoreError> {
        let lost = match self.doubts.are_about(appends) {
            true => Losing::InDoubt,
            false => Losing::Certain,
        };
        let appended = log::append(&self.pool, self.turns.node(), appends, locked, lost).await;
        if let Err(StoreError::UnknownOutcome(_)) = &appended {
            self.doubts.add(appends.iter());
        }
        let Appended { outcomes, won } = self.fullness.watch(appended)?;
        let all = appends.iter().zip(&outcomes);
        let done = all.filter(|(_, outcome)| **outcome == Some(AppendOutcome::Appended));
        self.barriers.appended(done.map(|(append, _)| append));
        let decided = appends.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_some());
        self.doubts.settle(decided.map(|(append, _)| append));
        won.into_iter().for_each(|(review, mark)| self.turns.won(review, mark));
        let all = appends.iter().zip(&outcomes);
        let lost = all.filter(|(_, outcome)| **outcome == Some(AppendOutcome::Lost));
        lost.for_each(|(append, _)| self.turns.lost(append.review));
        Ok(outcomes)
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn describe(&self) -> String {
        self.described.clone()
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }

    async fn create_review(&self, new: NewReview) -> Result<Creation, StoreError> {
        let (creation, found) = self.fullness.watch(reviews::create(&self.pool, new).await)?;
        match &creation {
            Creation::Created(row) | Creation::Existing(row) if found => {
                self.barriers.cover_row(Some(row)).await?;
            }
            _ => {}
        }
        Ok(creation)
    }

    async fn find_review(&self, name: &str) -> Result<Option<ReviewRow>, StoreError> {
        let row = reviews::find(&self.pool, name).await?;
        self.barriers.cover_row(row.as_ref()).await?;
        Ok(row)
    }

    async fn find_log(&self, id: ReviewId) -> Result<Option<ReviewRow>, StoreError> {
        if self.doubts.is_about(id) {
            log::settle(&self.pool, id).await?;
            self.doubts.settle_one(id);
        }
        let row = reviews::find_log(&self.pool, id).await?;
        self.barriers.cover_row(row.as_ref()).await?;
        Ok(row)
    }

    async fn heads(&self, logs: &[ReviewId]) -> Result<HashMap<ReviewId, Head>, StoreError> {
        reviews::heads(&self.pool, logs).await
    }

    async fn open_drafts(&self, of: &DraftsOf) -> Result<ReviewRow, StoreError> {
        let row = self.fullness.watch_failures(drafts::open(&self.pool, of).await)?;
        self.barriers.cover_row(Some(&row)).await?;
        Ok(row)
    }

    async fn list_reviews(&self, after: Option<ReviewId>, limit: u32) -> Result<Vec<ReviewRow>, StoreError> {
        let rows = reviews::list(&self.pool, after, limit).await?;
        self.barriers.cover(rows.iter().map(|row| (row.id, row.head.version))).await?;
        Ok(rows)
    }

    async fn entries(
        &self,
        review: ReviewId,
        after: Version,
        limit: u32,
    ) -> Result<Vec<EncodedEntry>, StoreError> {
        let entries = log::entries(&self.pool, review, after, limit).await?;
        self.barriers.cover(entries.last().map(|last| (review, last.version))).await?;
        Ok(entries)
    }

    async fn kept_after(&self, review: ReviewId) -> Result<Version, StoreError> {
        snapshots::kept_after(&self.pool, review).await
    }

    async fn holds(&self, review: ReviewId, head: Head) -> Result<bool, StoreError> {
        log::holds(&self.pool, review, head).await
    }

    async fn put_snapshot(&self, review: ReviewId, head: Head, state: &str) -> Result<(), StoreError> {
        self.fullness.watch(snapshots::put(&self.pool, review, head, state).await)
    }

    async fn newest_snapshot(
        &self,
        review: ReviewId,
        at_most: Option<Version>,
    ) -> Result<Option<StoredSnapshot>, StoreError> {
        snapshots::newest(&self.pool, review, at_most).await
    }

    async fn trim(&self, review: ReviewId, up_to: Version) -> Result<Version, StoreError> {
        self.fullness.watch_failures(snapshots::trim(&self.pool, review, up_to).await)
    }

    async fn last_answers(
        &self,
        review: ReviewId,
        clients: &[ClientId],
    ) -> Result<HashMap<ClientId, Answer>, StoreError> {
        let answers = log::answers(&self.pool, review, clients).await?;
        // One that is about an entry is there where that is.
        if answers.values().any(|answer| answer.version().is_none()) {
            self.barriers.cover_all().await?;
        }
        let last = answers.values().filter_map(Answer::version).max();
        self.barriers.cover(last.map(|version| (review, version))).await?;
        Ok(answers)
    }

    async fn patch_set(&self, review: ReviewId, number: u32) -> Result<Option<String>, StoreError> {
        patch_sets::code(&self.pool, review, number).await
    }

    async fn line_map(&self, review: ReviewId, number: u32) -> Result<Option<String>, StoreError> {
        patch_sets::line_map(&self.pool, review, number).await
    }

    async fn patch_sets(&self, review: ReviewId) -> Result<Vec<PatchSetRow>, StoreError> {
        let rows = patch_sets::all(&self.pool, review).await?;
        // Whoever adds one again is told that it is there.
        self.barriers.cover_all().await?;
        Ok(rows)
    }

    async fn merge_marks(&self, review: ReviewId, user: &UserId, more: &Marks) -> Result<Marks, StoreError> {
        let merged = marks::merge(&self.pool, review, user, more).await;
        let (marks, found) = self.fullness.watch_failures(merged)?;
        // Who only asks may be told of what is lost with the primary. Who has something to say is told that it is kept.
        if found && *more != Marks::default() {
            self.barriers.cover_all().await?;
        }
        Ok(marks)
    }

    async fn claim_client(&self, client: ClientId, user: &UserId) -> Result<bool, StoreError> {
        self.fullness.watch_failures(people::claim_client(&self.pool, client, user).await)
    }

    async fn put_user(&self, user: &User) -> Result<(), StoreError> {
        self.fullness.watch_failures(people::put_user(&self.pool, user).await)
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        people::users(&self.pool, ids).await
    }

    async fn append(&self, appends: &[ReviewAppend]) -> Result<Vec<AppendOutcome>, StoreError> {
        let outcomes = self.append_where(appends, Locked::Wait).await?;
        Ok(outcomes.into_iter().flatten().collect())
    }

    async fn try_append(&self, appends: &[ReviewAppend]) -> Result<Vec<Option<AppendOutcome>>, StoreError> {
        self.append_where(appends, Locked::Skip).await
    }

    async fn append_within(
        &self,
        append: &ReviewAppend,
        wait: Duration,
    ) -> Result<Option<AppendOutcome>, StoreError> {
        let outcomes = self.append_where(std::slice::from_ref(append), Locked::Within(wait)).await?;
        Ok(outcomes.into_iter().next().flatten())
    }

    fn courtesy(&self, review: ReviewId) -> Duration {
        self.turns.wait(review)
    }

    fn may_lose_its_end(&self) -> bool {
        true
    }

    async fn ping(&self) -> Result<(), StoreError> {
        session::read_now(|| async {
            let mut session = Session::take(&self.pool).await?;
            sqlx::query("SELECT 1 FROM reviews LIMIT 1").execute(&mut *session).await?;
            session.done(())
        })
        .await?;
        // Nothing can be written where no standby answers, nor read that is new.
        let silent = |_| StoreError::Unavailable("no standby confirms what is written".into());
        timeout(STANDBY_PATIENCE, self.barriers.cover_all()).await.map_err(silent)??;
        self.fullness.check()
    }

    async fn close(&self) {
        self.barriers.stop();
        self.pool.close().await;
    }
}
