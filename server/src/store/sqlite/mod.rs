//! The store in one SQLite file. One connection writes, a few read; WAL keeps them out of each other's way,
//! and `synchronous=FULL` makes a commit mean what it says.

mod audit;
mod drafts;
mod error;
mod fence;
mod file_size;
mod log;
mod marks;
mod patch_sets;
mod people;
mod reviews;
mod snapshots;
mod transaction;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use interline_core::entry::{Answer, EncodedEntry, Head};
use interline_core::id::{ClientId, ReviewId, User, UserId, Version};
use interline_core::review::Marks;
use sqlx::SqlitePool;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use uuid::Uuid;

use super::{
    AppendOutcome, Creation, DraftsOf, Fullness, NewReview, OpenError, PatchSetRow, ReviewAppend, ReviewRow,
    Store, StoreError, StoredSnapshot,
};
pub(crate) use audit::SqliteAudit;
use error::classify;

/// Rows of one statement: SQLite takes 32,766 parameters.
const ROWS: usize = 1_000;
/// The file in the data directory.
pub(crate) const FILE: &str = "interline.db";
/// Reads under way at once.
const READERS: u32 = 4;
/// How long a statement waits for a lock, and a call for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// The size of a page, as SQLite has it unless told otherwise.
const PAGE_BYTES: u64 = 4_096;

/// Brings the tables of an older database up to date.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations/sqlite");

/// What an operator can choose about a store in a SQLite file.
#[derive(Clone, Copy, Debug, Default)]
pub struct SqliteOptions {
    /// How large the database file may become, in bytes. One that is larger already grows no further.
    pub max_bytes: Option<u64>,
}

/// The store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    file: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
    fullness: Fullness,
    identity: Uuid,
}

impl SqliteStore {
    /// Opens the store in a directory, or makes one there, and brings its tables up to date.
    pub async fn open(directory: &Path) -> Result<SqliteStore, OpenError> {
        SqliteStore::open_with(directory, SqliteOptions::default()).await
    }

    /// The same, as an operator wants it.
    pub async fn open_with(directory: &Path, choices: SqliteOptions) -> Result<SqliteStore, OpenError> {
        let file = directory.join(FILE);
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let failed = |why: String| OpenError::Failed { place: file.display().to_string(), why };
        file_size::outlive_the_file_size_limit().map_err(|error| failed(error.to_string()))?;
        let pool = |connections, options| {
            let pool = SqlitePoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE);
            // A connection that was closed for idleness would have to warm its cache again.
            pool.idle_timeout(None).max_lifetime(None).test_before_acquire(false).connect_with(options)
        };
        let mut writing = options.clone();
        if let Some(bytes) = choices.max_bytes {
            writing = writing.pragma("max_page_count", (bytes / PAGE_BYTES).max(1).to_string());
        }
        let writer = pool(1, writing).await.map_err(|error| failed(error.to_string()))?;
        MIGRATIONS.run(&writer).await.map_err(|error| match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => {
                OpenError::TooNew(file.display().to_string())
            }
            error => failed(error.to_string()),
        })?;
        let readers = options.create_if_missing(false).read_only(true);
        let readers = pool(READERS, readers).await.map_err(|error| failed(error.to_string()))?;
        Ok(SqliteStore { file, writer, readers, fullness: Fullness::default(), identity: Uuid::new_v4() })
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn describe(&self) -> String {
        format!("SQLite ({})", self.file.display())
    }

    /// Another one each time that it is opened: nobody shares it, and whatever was in the file would be in its copies.
    fn identity(&self) -> String {
        self.identity.to_string()
    }

    async fn create_review(&self, new: NewReview) -> Result<Creation, StoreError> {
        self.fullness.watch(reviews::create(&self.writer, new).await)
    }

    async fn find_review(&self, name: &str) -> Result<Option<ReviewRow>, StoreError> {
        reviews::find(&self.readers, name).await
    }

    async fn find_log(&self, id: ReviewId) -> Result<Option<ReviewRow>, StoreError> {
        reviews::find_log(&self.readers, id).await
    }

    async fn heads(&self, logs: &[ReviewId]) -> Result<HashMap<ReviewId, Head>, StoreError> {
        reviews::heads(&self.readers, logs).await
    }

    async fn open_drafts(&self, of: &DraftsOf) -> Result<ReviewRow, StoreError> {
        self.fullness.watch_failures(drafts::open(&self.readers, &self.writer, of).await)
    }

    async fn list_reviews(&self, after: Option<ReviewId>, limit: u32) -> Result<Vec<ReviewRow>, StoreError> {
        reviews::list(&self.readers, after, limit).await
    }

    async fn entries(
        &self,
        review: ReviewId,
        after: Version,
        limit: u32,
    ) -> Result<Vec<EncodedEntry>, StoreError> {
        log::entries(&self.readers, review, after, limit).await
    }

    async fn kept_after(&self, review: ReviewId) -> Result<Version, StoreError> {
        snapshots::kept_after(&self.readers, review).await
    }

    async fn holds(&self, review: ReviewId, head: Head) -> Result<bool, StoreError> {
        log::holds(&self.readers, review, head).await
    }

    async fn put_snapshot(&self, review: ReviewId, head: Head, state: &str) -> Result<(), StoreError> {
        self.fullness.watch(snapshots::put(&self.writer, review, head, state).await)
    }

    async fn newest_snapshot(
        &self,
        review: ReviewId,
        at_most: Option<Version>,
    ) -> Result<Option<StoredSnapshot>, StoreError> {
        snapshots::newest(&self.readers, review, at_most).await
    }

    async fn trim(&self, review: ReviewId, up_to: Version) -> Result<Version, StoreError> {
        self.fullness.watch_failures(snapshots::trim(&self.readers, &self.writer, review, up_to).await)
    }

    async fn last_answers(
        &self,
        review: ReviewId,
        clients: &[ClientId],
    ) -> Result<HashMap<ClientId, Answer>, StoreError> {
        log::last_answers(&self.readers, review, clients).await
    }

    async fn patch_set(&self, review: ReviewId, number: u32) -> Result<Option<String>, StoreError> {
        patch_sets::code(&self.readers, review, number).await
    }

    async fn line_map(&self, review: ReviewId, number: u32) -> Result<Option<String>, StoreError> {
        patch_sets::line_map(&self.readers, review, number).await
    }

    async fn patch_sets(&self, review: ReviewId) -> Result<Vec<PatchSetRow>, StoreError> {
        patch_sets::all(&self.readers, review).await
    }

    async fn merge_marks(&self, review: ReviewId, user: &UserId, more: &Marks) -> Result<Marks, StoreError> {
        self.fullness.watch_failures(marks::merge(&self.readers, &self.writer, review, user, more).await)
    }

    async fn claim_client(&self, client: ClientId, user: &UserId) -> Result<bool, StoreError> {
        self.fullness.watch_failures(people::claim_client(&self.readers, &self.writer, client, user).await)
    }

    async fn put_user(&self, user: &User) -> Result<(), StoreError> {
        self.fullness.watch_failures(people::put_user(&self.readers, &self.writer, user).await)
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        people::users(&self.readers, ids).await
    }

    async fn append(&self, appends: &[ReviewAppend]) -> Result<Vec<AppendOutcome>, StoreError> {
        self.fullness.watch(log::append(&self.writer, appends).await)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM reviews LIMIT 1").execute(&self.readers).await.map_err(classify)?;
        self.fullness.check()
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod fullness_tests;
#[cfg(test)]
mod migration_tests;
#[cfg(test)]
mod tests;
