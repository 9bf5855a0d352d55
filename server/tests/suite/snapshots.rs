//! Snapshots, and the trimming that they allow.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use interline_core::entry::{Hash, Head};
use interline_core::review::Review;
use interline_server::store::{AppendOutcome, ReviewRow, SNAPSHOT_FORMAT, SnapshotState, Store, StoreError};

use super::Backend;
use super::material::{append, client, create, head_after};

/// A review with so many entries of one client behind its first; every head, the empty log's first.
pub(crate) async fn long(store: &dyn Store, entries: u64) -> (ReviewRow, Vec<Head>) {
    let mut row = create(store, None).await;
    let mut heads = vec![Head::default(), row.head];
    let from: Vec<_> = (1..=entries).map(|seq| (client(1), seq)).collect();
    let request = append(&row, &from);
    assert_eq!(store.append(std::slice::from_ref(&request)).await.unwrap(), [AppendOutcome::Appended]);
    let encoded = request.append.records.iter().map(|record| record.entry.as_ref().unwrap());
    heads.extend(encoded.map(|entry| Head { version: entry.version, hash: entry.hash }));
    row.head = head_after(&request);
    (row, heads)
}

/// The review as of a version; its entries are empty.
pub(crate) async fn state(store: &dyn Store, row: &ReviewRow, version: u64) -> String {
    let mut review = Review::new(row.id);
    let entries = store.entries(row.id, 0, 1).await.unwrap();
    review.apply(&entries[0].decode().unwrap()).unwrap();
    review.version = version;
    let state = SnapshotState { format: SNAPSHOT_FORMAT, review, authors: BTreeSet::new() };
    serde_json::to_string(&state).unwrap()
}

pub(super) async fn a_log_holds_its_heads(store: &dyn Store) {
    let (row, heads) = long(store, 3).await;
    for head in &heads {
        assert!(store.holds(row.id, *head).await.unwrap(), "{head:?}");
        assert!(!store.holds(row.id, Head { hash: Hash::of(b"other"), ..*head }).await.unwrap());
    }
    for version in [5, 1 << 40, u64::MAX] {
        assert!(!store.holds(row.id, Head { version, ..row.head }).await.unwrap());
    }
    let other = create(store, None).await;
    assert!(!store.holds(other.id, heads[2]).await.unwrap());
}

pub(super) async fn the_newest_snapshot_is_found(store: &dyn Store) {
    let (row, heads) = long(store, 9).await;
    assert_eq!(store.newest_snapshot(row.id, None).await.unwrap(), None);
    for version in [4, 8] {
        let state = state(store, &row, version).await;
        store.put_snapshot(row.id, heads[version as usize], &state).await.unwrap();
    }
    let found = async |at_most| store.newest_snapshot(row.id, at_most).await.unwrap();
    let newest = found(None).await.unwrap();
    assert_eq!((newest.head, newest.read(row.id).unwrap().review.version), (heads[8], 8));
    assert_eq!(found(Some(8)).await.unwrap().head, heads[8]);
    assert_eq!(found(Some(7)).await.unwrap().head, heads[4]);
    assert_eq!(found(Some(3)).await, None);
    assert_eq!(found(Some(u64::MAX)).await.unwrap().head, heads[8]);
    let other = create(store, None).await;
    assert!(newest.read(other.id).is_err(), "it is another review's");
    // Once more at the same place: a damaged one is replaced.
    store.put_snapshot(row.id, heads[8], "{}").await.unwrap();
    assert!(found(None).await.unwrap().read(row.id).is_err());
    store.put_snapshot(row.id, heads[8], &newest.state).await.unwrap();
    assert_eq!(found(None).await, Some(newest.clone()));
    // None is kept that the log does not go through.
    for head in [Head { hash: heads[3].hash, ..heads[5] }, Head { version: 99, ..heads[5] }] {
        let error = store.put_snapshot(row.id, head, &newest.state).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { review, .. } if review == Some(row.id)), "{error}");
    }
    assert_eq!(found(None).await, Some(newest));
}

pub(super) async fn trimming_stops_at_a_snapshot(store: &dyn Store) {
    let (row, heads) = long(store, 999).await;
    let other = create(store, None).await;
    let whole = store.entries(row.id, 0, 2_000).await.unwrap();
    assert_eq!(store.trim(row.id, 900).await.unwrap(), 0, "there is no snapshot");
    for version in [300, 600, 990] {
        let state = state(store, &row, version).await;
        store.put_snapshot(row.id, heads[version as usize], &state).await.unwrap();
    }
    let late = state(store, &row, 500).await;
    assert_eq!(store.trim(row.id, 299).await.unwrap(), 0);
    assert_eq!(store.entries(row.id, 0, 2_000).await.unwrap(), whole);
    assert_eq!(store.trim(row.id, 700).await.unwrap(), 600);
    assert_eq!(store.kept_after(row.id).await.unwrap(), 600);
    assert_eq!(store.kept_after(other.id).await.unwrap(), 0);
    // Nothing that is kept is any different.
    assert_eq!(store.entries(row.id, 600, 2_000).await.unwrap(), whole[600..]);
    assert_eq!(store.entries(row.id, 1_000, 10).await.unwrap(), []);
    for after in [0, 1, 300, 599] {
        let error = store.entries(row.id, after, 1).await.unwrap_err();
        let told = matches!(error, StoreError::Trimmed { review, oldest: 600 } if review == row.id);
        assert!(told && !error.retryable(), "{error}");
    }
    for head in &heads {
        assert!(store.holds(row.id, *head).await.unwrap(), "receipts stay good: {head:?}");
    }
    assert!(!store.holds(row.id, Head { version: 5, ..heads[6] }).await.unwrap());
    let oldest = store.newest_snapshot(row.id, Some(989)).await.unwrap().unwrap();
    assert_eq!(oldest.head, heads[600], "what is kept begins with a snapshot");
    assert_eq!(store.newest_snapshot(row.id, Some(599)).await.unwrap(), None);
    // One that is taken late is of no use, and takes the place of none.
    store.put_snapshot(row.id, heads[500], &late).await.unwrap();
    assert_eq!(store.newest_snapshot(row.id, Some(599)).await.unwrap(), None);
    assert_eq!(store.newest_snapshot(row.id, Some(989)).await.unwrap().unwrap().head, heads[600]);
    // Again, and further; never back.
    assert_eq!(store.trim(row.id, 700).await.unwrap(), 600);
    assert_eq!(store.trim(row.id, u64::MAX).await.unwrap(), 990);
    assert_eq!(store.trim(row.id, 700).await.unwrap(), 990);
    // The log goes on, and who was answered still is.
    assert_eq!(store.append(&[append(&row, &[(client(1), 1)])]).await.unwrap(), [AppendOutcome::Lost]);
    assert_eq!(
        store.append(&[append(&row, &[(client(1), 1_000)])]).await.unwrap(),
        [AppendOutcome::Appended]
    );
    assert_eq!(store.entries(row.id, 990, 100).await.unwrap().len(), 11);
}

pub(super) async fn appends_get_their_turn_between_trims(store: Arc<dyn Store>) {
    let (row, heads) = long(&*store, 5_000).await;
    let other = create(&*store, None).await;
    let state = state(&*store, &row, 5_000).await;
    store.put_snapshot(row.id, heads[5_000], &state).await.unwrap();
    let trim = tokio::spawn({
        let (store, id) = (store.clone(), row.id);
        async move { store.trim(id, 5_000).await.unwrap() }
    });
    // As soon as the first piece is gone.
    let begun = async {
        while store.kept_after(row.id).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), begun).await.unwrap();
    store.append(&[append(&other, &[(client(1), 1)])]).await.unwrap();
    let then = store.kept_after(row.id).await.unwrap();
    assert!(then < 5_000, "the append had to wait for all of it");
    assert_eq!(trim.await.unwrap(), 5_000);
}

pub(super) async fn snapshots_are_there_after_reopening(backend: &dyn Backend) {
    let store = backend.open().await;
    let (row, heads) = long(&*store, 20).await;
    let state = state(&*store, &row, 10).await;
    store.put_snapshot(row.id, heads[10], &state).await.unwrap();
    store.trim(row.id, 10).await.unwrap();
    store.close().await;
    assert!(store.newest_snapshot(row.id, None).await.is_err(), "a closed store is no empty store");
    drop(store);

    let store = backend.open().await;
    assert_eq!(store.newest_snapshot(row.id, None).await.unwrap().unwrap().head, heads[10]);
    assert_eq!(store.kept_after(row.id).await.unwrap(), 10);
    assert!(matches!(store.entries(row.id, 9, 1).await, Err(StoreError::Trimmed { oldest: 10, .. })));
    assert_eq!(store.entries(row.id, 10, 100).await.unwrap().len(), 11);
    store.close().await;
}
