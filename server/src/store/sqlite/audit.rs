//! A file as it is, for checking.

use std::path::Path;

use async_trait::async_trait;
use interline_core::entry::Head;
use interline_core::id::{ClientId, ReviewId, Version};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Row, SqliteConnection};
use uuid::Uuid;

use super::error::classify;
use super::{FILE, MIGRATIONS, PATIENCE};
use crate::store::audit::{Audit, HeadRow, LISTED, OF_REVIEWS, Orphans, Outside, RawAnswer, RawEntry, audit};
use crate::store::rows::{hash, natural};
use crate::store::{OpenError, ReviewSummary, StoreError, StoredSnapshot};

/// A database in a file.
pub(crate) struct SqliteAudit {
    connection: SqliteConnection,
}

impl SqliteAudit {
    /// Opens the database in a directory, which must be of just this version.
    pub(crate) async fn open(directory: &Path) -> Result<SqliteAudit, OpenError> {
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
            std::cmp::Ordering::Equal => Ok(SqliteAudit { connection }),
            std::cmp::Ordering::Greater => Err(OpenError::TooNew(place)),
            std::cmp::Ordering::Less => {
                Err(failed("an older version of Interline wrote it: start the server on it once".to_owned()))
            }
        }
    }
}

audit!(SqliteAudit, SqliteRow, classify, {
    fn whole(&self) -> &'static str {
        "the database file"
    }

    async fn own_check(&mut self) -> Result<Vec<String>, StoreError> {
        let check = sqlx::AssertSqlSafe(format!("PRAGMA integrity_check({LISTED})"));
        let said: Vec<String> =
            sqlx::query_scalar(check).fetch_all(&mut self.connection).await.map_err(classify)?;
        // A row may be several lines below a heading.
        let lines = said.iter().flat_map(|row| row.lines()).map(str::trim);
        Ok(lines
            .filter(|line| !["", "ok"].contains(line) && !line.starts_with("***"))
            .map(Into::into)
            .collect())
    }

    async fn references(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        sqlx::query_as("SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1 ORDER BY 1")
            .fetch_all(&mut self.connection)
            .await
            .map_err(classify)
    }

    async fn orphans(&mut self) -> Result<Vec<Orphans>, StoreError> {
        let mut orphans = Vec::new();
        for table in OF_REVIEWS {
            let select = sqlx::AssertSqlSafe(format!(
                "SELECT review, count(*) FROM {table} WHERE review NOT IN (SELECT id FROM reviews) \
                     GROUP BY review ORDER BY review LIMIT {LISTED}"
            ));
            let found: Vec<(Vec<u8>, i64)> =
                sqlx::query_as(select).fetch_all(&mut self.connection).await.map_err(classify)?;
            orphans.extend(found.into_iter().map(|(review, rows)| Orphans { table, review, rows }));
        }
        Ok(orphans)
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        sqlx::query("BEGIN").execute(&mut self.connection).await.map_err(classify)?;
        Ok(())
    }
});
