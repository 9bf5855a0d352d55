//! Snapshots and trimming by a running server.

use interline_server::store::{SqliteStore, Store, StoreError};

use serde_json::Value;

use super::support::{Running, comment, config, edit, entry};

const EDITS: u64 = 2_100;

/// The review, but for the server's address.
async fn show(server: &Running) -> Value {
    let mut shown = server.get("/api/reviews/pr").await.json();
    assert_eq!(shown["comments"][0]["text"].as_str().unwrap().len(), EDITS as usize - 1);
    shown["url"].take();
    shown
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
    for seq in 1..=EDITS {
        let batch = match seq {
            1 => comment(1, 1, 10, ""),
            seq => edit(seq, seq, 10, "x", seq as usize - 2),
        };
        ann.submit(&review, &batch).await;
        assert_eq!(entry(&ann.next().await), (seq + 1, seq));
    }
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
