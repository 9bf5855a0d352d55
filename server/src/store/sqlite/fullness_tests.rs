//! A database that cannot grow.

use interline_core::diff::PatchSet;
use interline_core::entry::{Answer, AnswerResult, ENTRY_FORMAT, Entry, Hash};
use interline_core::sync::{Append, Record};
use uuid::Uuid;

use super::*;
use crate::store::ReviewSummary;

fn new_review(lines: usize) -> NewReview {
    let diff = format!(
        "--- a/f\n+++ b/f\n@@ -0,0 +1,{lines} @@\n{}",
        "+xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".repeat(lines)
    );
    NewReview {
        id: ReviewId(Uuid::now_v7()),
        key: None,
        title: "t".into(),
        status_policy: Default::default(),
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

/// An append of one entry with a text of so many bytes.
fn append(row: &ReviewRow, seq: u64, bytes: usize) -> ReviewAppend {
    let client = ClientId(Uuid::from_u128(1));
    let (version, author) = (row.head.version + 1, UserId::new("ann").unwrap());
    let verdicts = Vec::new();
    let entry = Entry { format: ENTRY_FORMAT, version, author, client, seq, at: 1, facts: vec![], verdicts };
    let mut entry = EncodedEntry::new(&entry, row.head.hash);
    // The store does not look into it.
    entry.payload = "x".repeat(bytes).into();
    let result: AnswerResult =
        serde_json::from_str(&format!(r#"{{"committed":{{"version":{version}}}}}"#)).unwrap();
    let answer = Answer { seq, payload: Hash::of(b""), result };
    let record = Record { entry: Some(entry), ..Record::new(client, answer) };
    let append = Append { expected: row.head, records: vec![record] };
    let summary = ReviewSummary { title: String::new(), status: String::new(), comments: 0 };
    ReviewAppend { review: row.id, append, summary, linked: None }
}

/// Takes room, and gives it back.
async fn ballast(store: &SqliteStore, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&store.writer).await.unwrap();
}

#[tokio::test]
async fn a_bounded_database_refuses_and_goes_on_once_there_is_room() {
    const MIB: u64 = 1 << 20;
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions { max_bytes: Some(2 * MIB) };
    let store = SqliteStore::open_with(directory.path(), options).await.unwrap();
    let Creation::Created(row) = store.create_review(new_review(1)).await.unwrap() else { panic!() };
    ballast(&store, "CREATE TABLE ballast (b BLOB); INSERT INTO ballast VALUES (zeroblob(1500000))").await;
    let (large, small) = (append(&row, 1, 700_000), append(&row, 1, 10));
    for _ in 0..3 {
        let error = store.append(std::slice::from_ref(&large)).await.unwrap_err();
        assert!(matches!(error, StoreError::Full(_)) && error.retryable(), "{error}");
        assert!(matches!(store.ping().await, Err(StoreError::Full(_))));
        assert_eq!(store.find_review(&row.id.to_string()).await.unwrap().as_ref(), Some(&row));
        assert_eq!(store.last_answer(row.id, ClientId(Uuid::from_u128(1))).await.unwrap(), None);
    }
    // What fits is taken, and what did not fit before once something has gone.
    let other = new_review(1);
    assert!(matches!(store.create_review(other).await.unwrap(), Creation::Created(_)));
    store.ping().await.unwrap();
    ballast(&store, "DELETE FROM ballast").await;
    assert_eq!(store.append(&[large]).await.unwrap(), [AppendOutcome::Appended]);
    assert_eq!(store.append(&[small]).await.unwrap(), [AppendOutcome::Lost]);
    store.close().await;
    let file = std::fs::metadata(directory.path().join(FILE)).unwrap();
    assert!(file.len() <= 2 * MIB, "{}", file.len());

    // A higher limit holds as soon as the server is started with it.
    let options = SqliteOptions { max_bytes: Some(8 * MIB) };
    let store = SqliteStore::open_with(directory.path(), options).await.unwrap();
    ballast(&store, "INSERT INTO ballast VALUES (zeroblob(4000000))").await;
    let lower = SqliteOptions { max_bytes: Some(MIB) };
    let crowded = SqliteStore::open_with(directory.path(), lower).await.unwrap();
    let head = crowded.find_review(&row.id.to_string()).await.unwrap().unwrap();
    assert!(matches!(crowded.append(&[append(&head, 2, 2_000_000)]).await, Err(StoreError::Full(_))));
    crowded.close().await;
    store.close().await;
}
