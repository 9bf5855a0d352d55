//! The store in files where files may not grow: a limit that the system sets, on a process of its own.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]
#![cfg(unix)]

#[allow(dead_code, reason = "shared with the suite")]
#[path = "store/mod.rs"]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use common::{begin, client, keystroke, owner, record, review, stored};
use interline::store::{Confirmed, Record, Scope};
use interline::{FileStore, Store, StoreErrorKind};

/// Names the folder in which the child process saves.
const CHILD: &str = "INTERLINE_TEST_FULL_IN";
/// The most that a file may be, as `ulimit` counts it: 4 or 8 MiB.
const BLOCKS: u32 = 8_192;
/// Less than a database takes that has nothing in it: 200 or 400 KiB.
const FEW_BLOCKS: u32 = 400;
const LARGE: usize = 200_000;

/// A review that is 200 kB.
fn large(n: u128, precious: bool) -> Record {
    let confirmed = Confirmed::Whole(n.to_string().repeat(LARGE / n.to_string().len()));
    Record { pending: format!("pending {n}"), ledger: None, confirmed, precious }
}

/// Runs one of the tests below in a process whose files may not grow any further than that.
fn limited(test: &str, dir: &Path, blocks: u32) {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, dir)
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("it was full"), "{said}");
}

/// The store of the child process, if this is it.
fn child() -> Option<Arc<dyn Store>> {
    std::env::var_os(CHILD).map(|dir| Arc::new(FileStore::open(dir).unwrap()) as Arc<dyn Store>)
}

/// How many of these reviews have their confirmed part.
async fn whole(store: &dyn Store, scope: &Scope, reviews: impl Iterator<Item = u128>) -> Vec<u128> {
    let mut whole = Vec::new();
    for n in reviews {
        let found = store.load(scope, review(n)).await.unwrap().unwrap();
        assert_eq!(found.pending, format!("pending {n}"), "what is pending is small, and stays");
        if found.confirmed.is_some() {
            whole.push(n);
        }
        store.left(scope, review(n));
    }
    whole
}

#[tokio::test]
async fn child_of_caches() {
    let Some(store) = child() else { return };
    let ann = begin(&store, &owner("ann")).await;
    // One that is precious and one that is open: they never go.
    store.save(&ann, review(1), &large(1, true)).await.unwrap();
    store.left(&ann, review(1));
    store.save(&ann, review(2), &large(2, false)).await.unwrap();
    for n in 3..=90 {
        store.save(&ann, review(n), &large(n, false)).await.unwrap();
        store.left(&ann, review(n));
    }
    let left = whole(&*store, &ann, 1..=90).await;
    assert!(left.len() > 3 && left.len() < 50, "{left:?}");
    assert_eq!(left[..2], [1, 2]);
    assert_eq!(left[2..], (90 - left.len() as u128 + 3..=90).collect::<Vec<_>>(), "the latest are left");
    println!("it was full");
}

#[tokio::test]
async fn child_of_precious() {
    let Some(store) = child() else { return };
    let ann = begin(&store, &owner("ann")).await;
    let mut saved = 0;
    let error = loop {
        match store.save(&ann, review(saved + 1), &large(saved + 1, true)).await {
            Ok(()) => saved += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
    assert!(saved > 5, "{saved}");
    assert_eq!(store.load(&ann, review(saved + 1)).await.unwrap(), None, "wholly or not at all");
    assert_eq!(whole(&*store, &ann, 1..=saved).await, (1..=saved).collect::<Vec<_>>());
    // There is room again once something is done with.
    store.remove(&ann, review(1)).await.unwrap();
    store.save(&ann, review(2), &keystroke("pending 2", Confirmed::Same)).await.unwrap();
    assert_eq!(whole(&*store, &ann, 2..=saved).await, (2..=saved).collect::<Vec<_>>());
    println!("it was full");
}

#[tokio::test]
async fn caches_make_room() {
    let dir = tempfile::tempdir().unwrap();
    limited("child_of_caches", dir.path(), BLOCKS);
    // What it left opens where there is no limit.
    let store: Arc<dyn Store> = Arc::new(FileStore::open(dir.path()).unwrap());
    let ann = begin(&store, &owner("ann")).await;
    assert_eq!(store.list(&ann).await.unwrap().len(), 90);
    assert!(store.reports().is_empty());
}

#[tokio::test]
async fn nothing_precious_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    limited("child_of_precious", dir.path(), BLOCKS);
    let store: Arc<dyn Store> = Arc::new(FileStore::open(dir.path()).unwrap());
    let ann = begin(&store, &owner("ann")).await;
    let kept: Vec<_> = store.list(&ann).await.unwrap();
    assert!(kept.len() >= 5 && store.reports().is_empty());
    for id in kept {
        assert!(store.load(&ann, id).await.unwrap().unwrap().confirmed.is_some());
    }
}

/// The files in the one folder below this one, by name.
fn files(dir: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn child_of_damage() {
    let Some(store) = child() else { return };
    for _ in 0..2 {
        let error = store.client_id(&owner("ann"), client(99)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
        assert!(error.to_string().contains("what is pending in it could not be saved"), "{error}");
    }
    // Whoever looks for orphans is told as well, once.
    for told in [1, 0] {
        assert!(store.orphans(&owner("ann")).await.unwrap().is_empty());
        let reports: Vec<_> = store.reports().iter().map(|report| report.kind()).collect();
        assert_eq!(reports, vec![StoreErrorKind::Full; told]);
    }
    println!("it was full");
}

#[tokio::test]
async fn a_damaged_database_waits_for_space() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(FileStore::open(dir.path()).unwrap());
    let ann = begin(&store, &owner("ann")).await;
    for n in [1, 2] {
        store.save(&ann, review(n), &record(n as u64)).await.unwrap();
    }
    store.release(&ann).await;
    let path = files(dir.path()).into_iter().find(|path| path.extension().unwrap() == "redb").unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(11).position(|part| part == b"confirmed 1").unwrap();
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let before = files(dir.path());

    limited("child_of_damage", dir.path(), FEW_BLOCKS);
    let store = FileStore::open(dir.path()).unwrap();
    assert!(store.quarantined().unwrap().is_empty(), "it stays where it is");
    let left = files(dir.path());
    assert!(before.iter().all(|path| left.contains(path)));
    assert!(left.iter().all(|path| path.extension().unwrap() != "new"), "{left:?}");

    // With space it is done at the next start.
    assert_eq!(store.client_id(&ann.owner, client(99)).await.unwrap(), client(99));
    assert_eq!((store.reports().len(), store.quarantined().unwrap().len()), (1, 1));
    assert_eq!(store.orphans(&ann.owner).await.unwrap().as_slice(), std::slice::from_ref(&ann));
    store.hold(&ann).await.unwrap();
    for n in [1, 2] {
        let found = store.load(&ann, review(n)).await.unwrap().unwrap();
        assert_eq!((found.pending, found.ledger), (stored(n as u64).pending, stored(n as u64).ledger));
    }
}
