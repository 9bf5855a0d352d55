//! A database as it is, for checking.

use std::cmp::Ordering;

use async_trait::async_trait;
use interline_core::entry::Head;
use interline_core::id::{ClientId, ReviewId, Version};
use sqlx::postgres::PgRow;
use sqlx::{ConnectOptions, PgConnection, Row};
use uuid::Uuid;

use super::MIGRATIONS;
use super::connect::{address, place};
use super::error::classified;
use crate::store::audit::{Audit, HeadRow, LISTED, OF_REVIEWS, Orphans, Outside, RawAnswer, RawEntry, audit};
use crate::store::rows::{hash, natural};
use crate::store::{OpenError, ReviewSummary, StoreError, StoredSnapshot};

/// A database in PostgreSQL. It may be a standby.
pub(crate) struct PostgresAudit {
    connection: PgConnection,
}

impl PostgresAudit {
    /// Opens a database, which must be of just this version.
    pub(crate) async fn open(url: &str) -> Result<PostgresAudit, OpenError> {
        let options = address(url)?.options([("default_transaction_read_only", "on")]);
        let place = place(&options);
        let failed = |why: String| OpenError::Failed { place: place.clone(), why };
        let mut connection = options.connect().await.map_err(|error| failed(error.to_string()))?;
        let applied: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .fetch_one(&mut connection)
            .await
            .map_err(|error| failed(format!("it is no database of Interline's ({error})")))?;
        let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
        match applied.cmp(&known) {
            Ordering::Equal => Ok(PostgresAudit { connection }),
            Ordering::Greater => Err(OpenError::TooNew(place)),
            Ordering::Less => {
                Err(failed("an older version of Interline wrote it: start the server on it once".to_owned()))
            }
        }
    }
}

audit!(PostgresAudit, PgRow, classified, {
    fn whole(&self) -> &'static str {
        "the database"
    }

    async fn own_check(&mut self) -> Result<Vec<String>, StoreError> {
        // Pages and indices are for PostgreSQL's own tools, `pg_amcheck` and `pg_checksums`.
        Ok(Vec::new())
    }

    async fn references(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        // All of them refer to reviews: see below.
        Ok(Vec::new())
    }

    async fn orphans(&mut self) -> Result<Vec<Orphans>, StoreError> {
        let mut orphans = Vec::new();
        for table in OF_REVIEWS {
            let select = sqlx::AssertSqlSafe(format!(
                "SELECT review, count(*) FROM {table} \
                 WHERE NOT EXISTS (SELECT FROM reviews WHERE id = review) \
                 GROUP BY review ORDER BY review LIMIT {LISTED}"
            ));
            let found: Vec<(Uuid, i64)> =
                sqlx::query_as(select).fetch_all(&mut self.connection).await.map_err(classified)?;
            let orphan =
                |(review, rows): (Uuid, i64)| Orphans { table, review: review.into_bytes().to_vec(), rows };
            orphans.extend(found.into_iter().map(orphan));
        }
        Ok(orphans)
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .execute(&mut self.connection)
            .await
            .map_err(classified)?;
        Ok(())
    }
});
