//! What only SQLite can do wrong.

use interline_core::diff::PatchSet;
use interline_core::entry::Hash;
use interline_core::id::ReviewId;
use uuid::Uuid;

use super::*;

fn new_review(lines: usize) -> NewReview {
    let diff = format!(
        "--- a/f\n+++ b/f\n@@ -0,0 +1,{lines} @@\n{}",
        "+xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".repeat(lines)
    );
    NewReview {
        id: ReviewId(Uuid::now_v7()),
        key: None,
        title: "t".into(),
        patch_set: PatchSet::parse(diff.as_bytes()).unwrap(),
        body_hash: Hash::of(b""),
        at: 1,
    }
}

#[tokio::test]
async fn a_full_disk_is_told_apart_and_leaves_nothing_half_done() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&store.writer).await.unwrap();
    let limit = |pages: i64| sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
    sqlx::query(limit(pages + 10)).execute(&store.writer).await.unwrap();
    let new = new_review(10_000);
    let error = store.create_review(new.clone()).await.unwrap_err();
    assert!(matches!(error, StoreError::Full(_)) && error.retryable(), "{error}");
    assert_eq!(store.find_review(&new.id.to_string()).await.unwrap(), None);
    sqlx::query(limit(1 << 30)).execute(&store.writer).await.unwrap();
    assert!(matches!(store.create_review(new).await.unwrap(), Creation::Created(_)));
}

#[tokio::test]
async fn a_newer_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
        VALUES (9999, 'later', TRUE, x'00', 0)",
    )
    .execute(&store.writer)
    .await
    .unwrap();
    store.close().await;
    let error = SqliteStore::open(directory.path()).await.unwrap_err();
    assert!(matches!(error, OpenError::TooNew(_)), "{error}");
}

#[tokio::test]
async fn commits_are_synced() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&store.writer).await.unwrap();
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&store.writer).await.unwrap();
    assert_eq!((synchronous, journal.as_str()), (2, "wal"));
}
