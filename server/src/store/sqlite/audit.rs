//! A database as it is, for checking: read-only, row by row, nothing brought up to date and nothing believed.

use std::path::Path;

use interline_core::entry::{Hash, Head};
use interline_core::id::{ClientId, ReviewId, Seq, Version};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Row, SqliteConnection};
use uuid::Uuid;

use super::error::classify;
use super::reviews::{hash, natural};
use super::{FILE, MIGRATIONS, PATIENCE};
use crate::store::{OpenError, ReviewSummary, StoreError, StoredSnapshot};

/// Damage that SQLite's own check lists at most, and reviews without a head row.
const FILE_PROBLEMS: u32 = 20;

/// The tables whose rows belong to reviews.
const OF_REVIEWS: [&str; 4] = ["entries", "answers", "snapshots", "patch_sets"];

/// A head row.
pub(crate) struct HeadRow {
    pub(crate) head: Head,
    pub(crate) trimmed_to: Version,
    pub(crate) created_at: u64,
    pub(crate) summary: ReviewSummary,
}

/// Rows of a review that has no head row.
pub(crate) struct Orphans {
    pub(crate) table: &'static str,
    /// What stands there for a review's id; damaged, it need not be one.
    pub(crate) review: Vec<u8>,
    pub(crate) rows: i64,
}

/// Entries that no log can have.
pub(crate) struct Outside {
    pub(crate) rows: i64,
    pub(crate) lowest: i64,
    pub(crate) highest: i64,
}

/// An entry, trimmed or not.
pub(crate) struct RawEntry {
    pub(crate) version: Version,
    pub(crate) hash: Hash,
    pub(crate) payload: String,
    /// Of a trimmed entry.
    pub(crate) payload_hash: Option<Hash>,
}

/// A client's last answer.
pub(crate) struct RawAnswer {
    pub(crate) client: ClientId,
    pub(crate) seq: Seq,
    pub(crate) result: String,
}

/// A database that is being checked. A server may use it meanwhile.
pub(crate) struct Audit {
    connection: SqliteConnection,
}

impl Audit {
    /// Opens the database in a directory, which must be of just this version.
    pub(crate) async fn open(directory: &Path) -> Result<Audit, OpenError> {
        let file = directory.join(FILE);
        let place = file.display().to_string();
        let failed = |why: String| OpenError::Failed { place: place.clone(), why };
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(false)
            .read_only(true)
            .busy_timeout(PATIENCE);
        let mut connection = options.connect().await.map_err(|error| failed(error.to_string()))?;
        let applied: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .fetch_one(&mut connection)
            .await
            .map_err(|error| failed(format!("it is no database of Interline's ({error})")))?;
        let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
        match applied.cmp(&known) {
            std::cmp::Ordering::Equal => Ok(Audit { connection }),
            std::cmp::Ordering::Greater => Err(OpenError::TooNew(place)),
            std::cmp::Ordering::Less => {
                Err(failed("an older version of Interline wrote it: start the server on it once".to_owned()))
            }
        }
    }

    /// What SQLite's own check says of the file, indices and constraints included.
    pub(crate) async fn file(&mut self) -> Result<Vec<String>, StoreError> {
        let check = sqlx::AssertSqlSafe(format!("PRAGMA integrity_check({FILE_PROBLEMS})"));
        let said: Vec<String> =
            sqlx::query_scalar(check).fetch_all(&mut self.connection).await.map_err(classify)?;
        // A row may be several lines below a heading.
        let lines = said.iter().flat_map(|row| row.lines()).map(str::trim);
        Ok(lines
            .filter(|line| !["", "ok"].contains(line) && !line.starts_with("***"))
            .map(Into::into)
            .collect())
    }

    /// The tables with rows that refer to rows that are not there, and how many those are.
    pub(crate) async fn references(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        sqlx::query_as("SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1 ORDER BY 1")
            .fetch_all(&mut self.connection)
            .await
            .map_err(classify)
    }

    /// Rows of reviews that have no head row, whatever the schema says of references.
    pub(crate) async fn orphans(&mut self) -> Result<Vec<Orphans>, StoreError> {
        let mut orphans = Vec::new();
        for table in OF_REVIEWS {
            let select = sqlx::AssertSqlSafe(format!(
                "SELECT review, count(*) FROM {table} WHERE review NOT IN (SELECT id FROM reviews) \
                 GROUP BY review ORDER BY review LIMIT {FILE_PROBLEMS}"
            ));
            let found: Vec<(Vec<u8>, i64)> =
                sqlx::query_as(select).fetch_all(&mut self.connection).await.map_err(classify)?;
            orphans.extend(found.into_iter().map(|(review, rows)| Orphans { table, review, rows }));
        }
        Ok(orphans)
    }

    /// The review behind another, in the order of their ids.
    pub(crate) async fn next(&mut self, after: Option<ReviewId>) -> Result<Option<ReviewId>, StoreError> {
        let id: Option<Uuid> =
            sqlx::query_scalar("SELECT id FROM reviews WHERE ? OR id > ? ORDER BY id LIMIT 1")
                .bind(after.is_none())
                .bind(after.map_or(Uuid::nil(), |id| id.0))
                .fetch_optional(&mut self.connection)
                .await
                .map_err(classify)?;
        Ok(id.map(ReviewId))
    }

    /// From now on everything is read as of one moment, until [`Audit::end`].
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        sqlx::query("BEGIN").execute(&mut self.connection).await.map_err(classify)?;
        Ok(())
    }

    /// Ends what [`Audit::begin`] began.
    pub(crate) async fn end(&mut self) -> Result<(), StoreError> {
        sqlx::query("ROLLBACK").execute(&mut self.connection).await.map_err(classify)?;
        Ok(())
    }

    pub(crate) async fn head(&mut self, review: ReviewId) -> Result<Option<HeadRow>, StoreError> {
        let row = sqlx::query(
            "SELECT version, hash, trimmed_to, created_at, title, status, comments FROM reviews WHERE id = ?",
        )
        .bind(review.0)
        .fetch_optional(&mut self.connection)
        .await
        .map_err(classify)?;
        row.map(|row| {
            let head = Head { version: version(&row)?, hash: digest(&row, "hash")? };
            let trimmed_to = natural(row.try_get("trimmed_to").map_err(classify)?)?;
            let created_at = natural(row.try_get("created_at").map_err(classify)?)?;
            let summary = ReviewSummary {
                title: row.try_get("title").map_err(classify)?,
                status: row.try_get("status").map_err(classify)?,
                comments: row.try_get("comments").map_err(classify)?,
            };
            Ok(HeadRow { head, trimmed_to, created_at, summary })
        })
        .transpose()
    }

    /// Entries at versions that are none of 1 up to that of the head row.
    pub(crate) async fn outside(
        &mut self,
        review: ReviewId,
        head: Version,
    ) -> Result<Option<Outside>, StoreError> {
        let (rows, lowest, highest): (i64, Option<i64>, Option<i64>) = sqlx::query_as(
            "SELECT count(*), min(version), max(version) FROM entries \
             WHERE review = ? AND version NOT BETWEEN 1 AND ?",
        )
        .bind(review.0)
        .bind(i64::try_from(head).unwrap_or(i64::MAX))
        .fetch_one(&mut self.connection)
        .await
        .map_err(classify)?;
        Ok(lowest.zip(highest).map(|(lowest, highest)| Outside { rows, lowest, highest }))
    }

    /// Entries behind a version.
    pub(crate) async fn entries(
        &mut self,
        review: ReviewId,
        after: Version,
        limit: u32,
    ) -> Result<Vec<RawEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT version, hash, payload, payload_hash FROM entries \
             WHERE review = ? AND version > ? ORDER BY version LIMIT ?",
        )
        .bind(review.0)
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(&mut self.connection)
        .await
        .map_err(classify)?;
        let read = |row: &SqliteRow| {
            let payload_hash: Option<&[u8]> = row.try_get("payload_hash").map_err(classify)?;
            Ok(RawEntry {
                version: version(row)?,
                hash: digest(row, "hash")?,
                payload: row.try_get("payload").map_err(classify)?,
                payload_hash: payload_hash.map(hash).transpose()?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// The versions of all snapshots, in order.
    pub(crate) async fn snapshots(&mut self, review: ReviewId) -> Result<Vec<Version>, StoreError> {
        let versions: Vec<i64> =
            sqlx::query_scalar("SELECT version FROM snapshots WHERE review = ? ORDER BY version")
                .bind(review.0)
                .fetch_all(&mut self.connection)
                .await
                .map_err(classify)?;
        versions.into_iter().map(natural).collect()
    }

    /// A snapshot that there is.
    pub(crate) async fn snapshot(
        &mut self,
        review: ReviewId,
        at: Version,
    ) -> Result<StoredSnapshot, StoreError> {
        let row = sqlx::query(
            "SELECT version, hash, state_hash, state FROM snapshots WHERE review = ? AND version = ?",
        )
        .bind(review.0)
        .bind(i64::try_from(at).unwrap_or(i64::MAX))
        .fetch_one(&mut self.connection)
        .await
        .map_err(classify)?;
        let head = Head { version: version(&row)?, hash: digest(&row, "hash")? };
        let state = row.try_get("state").map_err(classify)?;
        Ok(StoredSnapshot { head, state, state_hash: digest(&row, "state_hash")? })
    }

    /// The number of the first patch set behind another, in the order of their numbers.
    pub(crate) async fn next_patch_set(
        &mut self,
        review: ReviewId,
        after: Option<i64>,
    ) -> Result<Option<i64>, StoreError> {
        sqlx::query_scalar(
            "SELECT number FROM patch_sets WHERE review = ? AND (? OR number > ?) ORDER BY number LIMIT 1",
        )
        .bind(review.0)
        .bind(after.is_none())
        .bind(after)
        .fetch_optional(&mut self.connection)
        .await
        .map_err(classify)
    }

    /// A patch set that there is, as it is stored.
    pub(crate) async fn patch_set(&mut self, review: ReviewId, number: i64) -> Result<String, StoreError> {
        sqlx::query_scalar("SELECT diff FROM patch_sets WHERE review = ? AND number = ?")
            .bind(review.0)
            .bind(number)
            .fetch_one(&mut self.connection)
            .await
            .map_err(classify)
    }

    /// Last answers, in the order of their clients, behind one if it is given.
    pub(crate) async fn answers(
        &mut self,
        review: ReviewId,
        after: Option<ClientId>,
        limit: u32,
    ) -> Result<Vec<RawAnswer>, StoreError> {
        let rows = sqlx::query(
            "SELECT client, seq, payload_hash, result FROM answers WHERE review = ? AND (? OR client > ?) \
             ORDER BY client LIMIT ?",
        )
        .bind(review.0)
        .bind(after.is_none())
        .bind(after.map_or(Uuid::nil(), |client| client.0))
        .bind(limit)
        .fetch_all(&mut self.connection)
        .await
        .map_err(classify)?;
        let read = |row: &SqliteRow| {
            digest(row, "payload_hash")?;
            Ok(RawAnswer {
                client: ClientId(row.try_get("client").map_err(classify)?),
                seq: natural(row.try_get("seq").map_err(classify)?)?,
                result: row.try_get("result").map_err(classify)?,
            })
        };
        rows.iter().map(read).collect()
    }
}

fn version(row: &SqliteRow) -> Result<Version, StoreError> {
    natural(row.try_get("version").map_err(classify)?)
}

fn digest(row: &SqliteRow, column: &str) -> Result<Hash, StoreError> {
    hash(row.try_get(column).map_err(classify)?)
}
