//! Databases in files that were damaged, and what is saved of them.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the suite")]
#[path = "store/mod.rs"]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{begin, client, entries, keystroke, owner, record, review, stored};
use interline::store::{Confirmed, Scope};
use interline::{FileStore, Store};

/// Where a database says how it was left, and what it says there while it is open.
const STATE: usize = 9;
const OPEN: u8 = 2;

fn open(dir: &Path) -> Arc<dyn Store> {
    Arc::new(FileStore::open(dir).unwrap())
}

/// A file of Ann's as it is after her process was killed, with two reviews in it, of which the second was typed into
/// since.
async fn killed() -> (tempfile::TempDir, Scope, PathBuf, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let ann = begin(&store, &owner("ann")).await;
    for n in [1, 2] {
        store.save(&ann, review(n), &record(n as u64)).await.unwrap();
    }
    for n in 1..=3 {
        store
            .save(&ann, review(2), &keystroke(&format!("typed {n}"), Confirmed::Behind(entries(n..=n))))
            .await
            .unwrap();
    }
    let folder = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let path = files.find(|path| path.extension().unwrap() == "redb").unwrap();
    // What a process that ends suddenly leaves is what is in the file at that moment.
    let bytes = fs::read(&path).unwrap();
    store.release(&ann).await;
    assert_eq!((bytes[STATE] & OPEN, fs::read(&path).unwrap()[STATE] & OPEN), (OPEN, 0));
    (dir, ann, path, bytes)
}

/// Where a text is in a file, each time.
fn places(bytes: &[u8], text: &[u8]) -> Vec<usize> {
    bytes.windows(text.len()).enumerate().filter(|(_, part)| *part == text).map(|(at, _)| at).collect()
}

#[tokio::test]
async fn a_killed_client_that_is_not_damaged_goes_on() {
    let (dir, ann, path, bytes) = killed().await;
    fs::write(&path, &bytes).unwrap();
    let store = open(dir.path());
    assert_eq!(begin(&store, &ann.owner).await, ann);
    assert_eq!(store.load(&ann, review(2)).await.unwrap().unwrap().pending, "typed 3");
}

#[tokio::test]
async fn what_a_killed_client_left_is_saved_from_a_damaged_file() {
    for damaged in ["confirmed 1", "confirmed 2", "ledger 1", "pending 1"] {
        let (dir, ann, path, mut bytes) = killed().await;
        let text = match damaged {
            "pending 1" => record(1).pending,
            text => text.to_owned(),
        };
        let places = places(&bytes, text.as_bytes());
        assert!(!places.is_empty());
        places.into_iter().for_each(|at| bytes[at] ^= 1);
        fs::write(&path, &bytes).unwrap();

        let store = FileStore::open(dir.path()).unwrap();
        assert_eq!(store.client_id(&ann.owner, client(99)).await.unwrap(), client(99), "{damaged}");
        let aside = store.quarantined().unwrap();
        let reviews = if damaged == "pending 1" { 1 } else { 2 };
        let reports: Vec<_> = store.reports().iter().map(ToString::to_string).collect();
        assert!(reports[0].contains(&format!("of {reviews} reviews")), "{reports:?}");
        assert_eq!(
            store.orphans(&ann.owner).await.unwrap().as_slice(),
            std::slice::from_ref(&ann),
            "{damaged}"
        );
        store.hold(&ann).await.unwrap();
        let second = store.load(&ann, review(2)).await.unwrap().unwrap();
        assert_eq!(
            (&*second.pending, second.ledger),
            ("typed 3", stored(2).ledger),
            "{damaged}: the last of it"
        );
        let first = store.load(&ann, review(1)).await.unwrap().map(|found| (found.pending, found.ledger));
        let ledger = stored(1).ledger.filter(|_| damaged != "ledger 1");
        assert_eq!(first, (reviews == 2).then(|| (stored(1).pending, ledger)), "{damaged}");
        // The file itself is kept, but for where it says which of its last two states is the newer.
        let kept = fs::read(&aside[0].path).unwrap();
        assert!(kept.len() == bytes.len() && kept[4096..] == bytes[4096..], "{damaged}");
    }
}
