//! Snapshots and trimming by a running server.

use std::ops::RangeInclusive;
use std::time::Duration;

use interline_server::store::keeper::SNAPSHOT_EVERY;
use interline_server::store::{SqliteStore, Store, StoreError};

use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::support::{Client, Running, comment, config, edit, entry};

const EDITS: u64 = 2_100;

/// The review, but for the server's address.
async fn show(server: &Running) -> Value {
    let mut shown = server.get("/api/reviews/pr").await.json();
    assert_eq!(shown["comments"][0]["text"].as_str().unwrap().len(), EDITS as usize - 1);
    shown["url"].take();
    shown
}

/// A comment, and letters in it.
async fn write(ann: &mut Client, review: &str, seqs: RangeInclusive<u64>) {
    for seq in seqs {
        let batch = match seq {
            1 => comment(1, 1, 10, ""),
            seq => edit(seq, seq, 10, "x", seq as usize - 2),
        };
        ann.submit(review, &batch).await;
        assert_eq!(entry(&ann.next().await), (seq + 1, seq));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_trims_what_it_need_not_keep() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.keep_entries = Some(1_000);
    let server = Running::with(config, directory).await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    write(&mut ann, &review, 1..=EDITS).await;
    let shown = show(&server).await;
    // Stopping waits for what is being trimmed.
    let directory = server.stop().await;
    let store = SqliteStore::open(directory.path()).await.unwrap();
    let id = review.parse().unwrap();
    let kept_after = store.kept_after(id).await.unwrap();
    assert!((1..=EDITS + 1 - 1_000).contains(&kept_after), "{kept_after}");
    assert!(matches!(store.entries(id, kept_after - 1, 1).await, Err(StoreError::Trimmed { .. })));
    assert!(store.newest_snapshot(id, None).await.unwrap().unwrap().head.version > EDITS - 1_000);
    store.close().await;
    let mut said = Vec::new();
    let summary = interline_server::verify::verify(directory.path(), &[], &mut said).await.unwrap();
    assert_eq!((summary.problems, summary.entries), (0, EDITS + 1), "{}", String::from_utf8_lossy(&said));
    let server = Running::start_in(directory).await;
    assert!(show(&server).await == shown, "it is what it was");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_trimmed_behind_a_snapshot_that_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.keep_entries = Some(1_000);
    let server = Running::with(config, directory).await;
    let review = server.review("pr").await;
    let id: interline_core::id::ReviewId = review.parse().unwrap();
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    // As far as would be trimmed in the end, so that no snapshot of that is taken later.
    write(&mut ann, &review, 1..=EDITS - 1_000).await;
    let file = server.directory.path().join("interline.db");
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let damaged = async {
        let newest = "SELECT coalesce(max(version), 0) FROM snapshots WHERE review = ?1";
        let newest = async |connection: &mut SqliteConnection| {
            sqlx::query_scalar::<_, i64>(newest).bind(id.0).fetch_one(connection).await.unwrap() as u64
        };
        // None is on its way any more that is due by now.
        while newest(&mut connection).await + SNAPSHOT_EVERY.start() <= EDITS - 1_000 + 1 {
            tokio::task::yield_now().await;
        }
        let damage = "UPDATE snapshots SET state = '{}' WHERE review = ?1";
        sqlx::query(damage).bind(id.0).execute(&mut connection).await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(10), damaged).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    write(&mut ann, &review, EDITS - 1_000 + 1..=EDITS).await;
    // Stopping waits for what would be trimmed.
    let directory = server.stop().await;
    let store = SqliteStore::open(directory.path()).await.unwrap();
    assert_eq!(store.kept_after(id).await.unwrap(), 0, "the log is whole");
    store.close().await;
    let server = Running::start_in(directory).await;
    show(&server).await;
    server.stop().await;
}
