//! What saving a key press costs beside a confirmed review of 4,000 comments.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the suite")]
#[path = "store/mod.rs"]
mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{begin, entries, keystroke, owner, review};
use interline::store::{Confirmed, Record};
use interline::{FileStore, Store};

/// About what a comment of a line or two takes in JSON, in bytes.
const COMMENT: usize = 400;

async fn median(rounds: u64, mut save: impl AsyncFnMut(u64)) -> Duration {
    let mut took = Vec::new();
    for n in 0..rounds {
        let begun = Instant::now();
        save(n).await;
        took.push(begun.elapsed());
    }
    took.sort();
    took[took.len() / 2]
}

#[tokio::test]
async fn a_key_press_costs_what_it_is_worth() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(FileStore::open(dir.path()).unwrap());
    let ann = begin(&store, &owner("ann")).await;
    let all = "x".repeat(COMMENT * 4_000);
    let whole = |n: u64| Record {
        confirmed: Confirmed::Whole(all.clone()),
        ..keystroke(&format!("key press {n}"), Confirmed::Same)
    };
    let large = median(50, async |n| store.save(&ann, review(1), &whole(n)).await.unwrap()).await;
    let same = |n: u64| keystroke(&format!("key press {n}"), Confirmed::Same);
    let pending = median(200, async |n| store.save(&ann, review(1), &same(n)).await.unwrap()).await;
    let behind = |n: u64| keystroke(&format!("key press {n}"), Confirmed::Behind(entries(n..=n)));
    let entry = median(200, async |n| store.save(&ann, review(1), &behind(n)).await.unwrap()).await;
    println!("median of a save: {pending:?} pending alone, {entry:?} with an entry, {large:?} all of it");
    assert!(pending < large && entry < large);
}
