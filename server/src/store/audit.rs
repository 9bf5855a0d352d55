//! A database as it is, for checking: read-only, row by row, nothing brought up to date and nothing believed.

use async_trait::async_trait;
use interline_core::entry::{Hash, Head};
use interline_core::id::{ClientId, ReviewId, Seq, Version};

use super::{ReviewSummary, StoreError, StoredSnapshot};

/// Reviews without a head row, and damage that SQLite's own check lists, at most.
pub(super) const LISTED: u32 = 20;

/// The tables whose rows belong to reviews.
pub(super) const OF_REVIEWS: [&str; 5] = ["entries", "answers", "snapshots", "patch_sets", "marks"];

/// A head row.
pub(crate) struct HeadRow {
    pub(crate) head: Head,
    pub(crate) trimmed_to: Version,
    pub(crate) created_at: u64,
    pub(crate) summary: ReviewSummary,
    /// Of a log of private drafts: the review that they are drafts in, and whose they are.
    pub(crate) drafts_of: Option<ReviewId>,
    pub(crate) owner: Option<String>,
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
#[async_trait]
pub(crate) trait Audit: Send {
    /// What all of it is called.
    fn whole(&self) -> &'static str;

    /// What the database's own check says of the whole.
    async fn own_check(&mut self) -> Result<Vec<String>, StoreError>;

    /// The tables with rows that refer to rows that are not there, and how many those are.
    async fn references(&mut self) -> Result<Vec<(String, i64)>, StoreError>;

    /// Rows of reviews that have no head row, whatever the schema says of references.
    async fn orphans(&mut self) -> Result<Vec<Orphans>, StoreError>;

    /// The review behind another, in the order of their ids.
    async fn next(&mut self, after: Option<ReviewId>) -> Result<Option<ReviewId>, StoreError>;

    /// From now on everything is read as of one moment, until [`Audit::end`].
    async fn begin(&mut self) -> Result<(), StoreError>;

    /// Ends what [`Audit::begin`] began.
    async fn end(&mut self) -> Result<(), StoreError>;

    /// A review's head row.
    async fn head(&mut self, review: ReviewId) -> Result<Option<HeadRow>, StoreError>;

    /// Entries at versions that are none of 1 up to that of the head row.
    async fn outside(&mut self, review: ReviewId, head: Version) -> Result<Option<Outside>, StoreError>;

    /// Entries behind a version.
    async fn entries(
        &mut self,
        review: ReviewId,
        after: Version,
        limit: u32,
    ) -> Result<Vec<RawEntry>, StoreError>;

    /// The versions of all snapshots, in order.
    async fn snapshots(&mut self, review: ReviewId) -> Result<Vec<Version>, StoreError>;

    /// A snapshot that there is.
    async fn snapshot(&mut self, review: ReviewId, at: Version) -> Result<StoredSnapshot, StoreError>;

    /// The number of the first patch set behind another, in the order of their numbers.
    async fn next_patch_set(
        &mut self,
        review: ReviewId,
        after: Option<i64>,
    ) -> Result<Option<i64>, StoreError>;

    /// A patch set that there is, as it is stored.
    async fn patch_set(&mut self, review: ReviewId, number: i64) -> Result<String, StoreError>;

    /// Where the lines of the patch set before are in one, as it is stored.
    async fn line_map(&mut self, review: ReviewId, number: i64) -> Result<String, StoreError>;

    /// Last answers, in the order of their clients, behind one if it is given.
    async fn answers(
        &mut self,
        review: ReviewId,
        after: Option<ClientId>,
        limit: u32,
    ) -> Result<Vec<RawAnswer>, StoreError>;
}

/// Implements [`Audit`] for a kind of database, by what only that kind has, for a type with a `connection`.
macro_rules! audit {
    ($audit:ty, $row:ty, $classify:path, { $($own:tt)* }) => {
        #[async_trait]
        impl Audit for $audit {
            $($own)*

            async fn end(&mut self) -> Result<(), StoreError> {
                sqlx::query("ROLLBACK").execute(&mut self.connection).await.map_err($classify)?;
                Ok(())
            }

            async fn next(&mut self, after: Option<ReviewId>) -> Result<Option<ReviewId>, StoreError> {
                let id: Option<Uuid> =
                    sqlx::query_scalar("SELECT id FROM reviews WHERE $1 OR id > $2 ORDER BY id LIMIT 1")
                        .bind(after.is_none())
                        .bind(after.map_or(Uuid::nil(), |id| id.0))
                        .fetch_optional(&mut self.connection)
                        .await
                        .map_err($classify)?;
                Ok(id.map(ReviewId))
            }

            async fn head(&mut self, review: ReviewId) -> Result<Option<HeadRow>, StoreError> {
                let row = sqlx::query(
                    "SELECT version, hash, trimmed_to, created_at, title, status, comments, drafts_of, owner \
                     FROM reviews WHERE id = $1",
                )
                .bind(review.0)
                .fetch_optional(&mut self.connection)
                .await
                .map_err($classify)?;
                row.map(|row| {
                    let version = natural(row.try_get("version").map_err($classify)?)?;
                    let head = Head { version, hash: hash(row.try_get("hash").map_err($classify)?)? };
                    let trimmed_to = natural(row.try_get("trimmed_to").map_err($classify)?)?;
                    let created_at = natural(row.try_get("created_at").map_err($classify)?)?;
                    let comments: i64 = row.try_get("comments").map_err($classify)?;
                    let summary = ReviewSummary {
                        title: row.try_get("title").map_err($classify)?,
                        status: row.try_get("status").map_err($classify)?,
                        comments: u32::try_from(comments)
                            .map_err(|_| StoreError::corrupt(review, format!("{comments} comments")))?,
                    };
                    let drafts_of: Option<Uuid> = row.try_get("drafts_of").map_err($classify)?;
                    let drafts_of = drafts_of.map(ReviewId);
                    let owner = row.try_get("owner").map_err($classify)?;
                    Ok(HeadRow { head, trimmed_to, created_at, summary, drafts_of, owner })
                })
                .transpose()
            }

            async fn outside(
                &mut self,
                review: ReviewId,
                head: Version,
            ) -> Result<Option<Outside>, StoreError> {
                let (rows, lowest, highest): (i64, Option<i64>, Option<i64>) = sqlx::query_as(
                    "SELECT count(*), min(version), max(version) FROM entries \
                     WHERE review = $1 AND version NOT BETWEEN 1 AND $2",
                )
                .bind(review.0)
                .bind(i64::try_from(head).unwrap_or(i64::MAX))
                .fetch_one(&mut self.connection)
                .await
                .map_err($classify)?;
                Ok(lowest.zip(highest).map(|(lowest, highest)| Outside { rows, lowest, highest }))
            }

            async fn entries(
                &mut self,
                review: ReviewId,
                after: Version,
                limit: u32,
            ) -> Result<Vec<RawEntry>, StoreError> {
                let rows = sqlx::query(
                    "SELECT version, hash, payload, payload_hash FROM entries \
                     WHERE review = $1 AND version > $2 ORDER BY version LIMIT $3",
                )
                .bind(review.0)
                .bind(i64::try_from(after).unwrap_or(i64::MAX))
                .bind(i64::from(limit))
                .fetch_all(&mut self.connection)
                .await
                .map_err($classify)?;
                let read = |row: &$row| {
                    let payload_hash: Option<&[u8]> = row.try_get("payload_hash").map_err($classify)?;
                    Ok(RawEntry {
                        version: natural(row.try_get("version").map_err($classify)?)?,
                        hash: hash(row.try_get("hash").map_err($classify)?)?,
                        payload: row.try_get("payload").map_err($classify)?,
                        payload_hash: payload_hash.map(hash).transpose()?,
                    })
                };
                rows.iter().map(read).collect()
            }

            async fn snapshots(&mut self, review: ReviewId) -> Result<Vec<Version>, StoreError> {
                let versions: Vec<i64> =
                    sqlx::query_scalar("SELECT version FROM snapshots WHERE review = $1 ORDER BY version")
                        .bind(review.0)
                        .fetch_all(&mut self.connection)
                        .await
                        .map_err($classify)?;
                versions.into_iter().map(natural).collect()
            }

            async fn snapshot(
                &mut self,
                review: ReviewId,
                at: Version,
            ) -> Result<StoredSnapshot, StoreError> {
                let row = sqlx::query(
                    "SELECT version, hash, state_hash, state FROM snapshots WHERE review = $1 AND version = $2",
                )
                .bind(review.0)
                .bind(i64::try_from(at).unwrap_or(i64::MAX))
                .fetch_one(&mut self.connection)
                .await
                .map_err($classify)?;
                let version = natural(row.try_get("version").map_err($classify)?)?;
                    let head = Head { version, hash: hash(row.try_get("hash").map_err($classify)?)? };
                let state = row.try_get("state").map_err($classify)?;
                let state_hash = hash(row.try_get("state_hash").map_err($classify)?)?;
                Ok(StoredSnapshot { head, state, state_hash })
            }

            async fn next_patch_set(
                &mut self,
                review: ReviewId,
                after: Option<i64>,
            ) -> Result<Option<i64>, StoreError> {
                sqlx::query_scalar(
                    "SELECT number FROM patch_sets WHERE review = $1 AND ($2 OR number > $3) ORDER BY number LIMIT 1",
                )
                .bind(review.0)
                .bind(after.is_none())
                .bind(after)
                .fetch_optional(&mut self.connection)
                .await
                .map_err($classify)
            }

            async fn patch_set(&mut self, review: ReviewId, number: i64) -> Result<String, StoreError> {
                sqlx::query_scalar("SELECT diff FROM patch_sets WHERE review = $1 AND number = $2")
                    .bind(review.0)
                    .bind(number)
                    .fetch_one(&mut self.connection)
                    .await
                    .map_err($classify)
            }

            async fn line_map(&mut self, review: ReviewId, number: i64) -> Result<String, StoreError> {
                sqlx::query_scalar(
                    "SELECT COALESCE(line_map, '') FROM patch_sets WHERE review = $1 AND number = $2",
                )
                .bind(review.0)
                .bind(number)
                .fetch_one(&mut self.connection)
                .await
                .map_err($classify)
            }

            async fn answers(
                &mut self,
                review: ReviewId,
                after: Option<ClientId>,
                limit: u32,
            ) -> Result<Vec<RawAnswer>, StoreError> {
                let rows = sqlx::query(
                    "SELECT client, seq, payload_hash, result FROM answers WHERE review = $1 AND ($2 OR client > $3) \
                     ORDER BY client LIMIT $4",
                )
                .bind(review.0)
                .bind(after.is_none())
                .bind(after.map_or(Uuid::nil(), |client| client.0))
                .bind(i64::from(limit))
                .fetch_all(&mut self.connection)
                .await
                .map_err($classify)?;
                let read = |row: &$row| {
                    hash(row.try_get("payload_hash").map_err($classify)?)?;
                    Ok(RawAnswer {
                        client: ClientId(row.try_get("client").map_err($classify)?),
                        seq: natural(row.try_get("seq").map_err($classify)?)?,
                        result: row.try_get("result").map_err($classify)?,
                    })
                };
                rows.iter().map(read).collect()
            }
        }
    };
}

pub(super) use audit;
