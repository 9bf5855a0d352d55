//! What every store has to do, on each of them.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "store/mod.rs"]
mod common;

use std::sync::Arc;

use common::{begin, client, owner, review, saved};
use interline::store::{Owner, Scope};
use interline::{FileStore, MemoryStore, Store, UserId};

/// Opens a store on the same records, again and again.
type Open<'a> = &'a dyn Fn() -> Arc<dyn Store>;

async fn replicas_come_back_as_they_were_saved(open: Open<'_>) {
    let store = open();
    let ann = begin(&store, &owner("ann")).await;
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), None);
    assert!(store.list(&ann).await.unwrap().is_empty());
    for (id, seq) in [(review(9), 1), (review(1), 1), (review(1), 2), (review(u128::MAX), 1)] {
        store.save(&ann, id, &saved(&ann, id, seq)).await.unwrap();
    }
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(saved(&ann, review(1), 2)));
    assert_eq!(store.load(&ann, review(9)).await.unwrap(), Some(saved(&ann, review(9), 1)));
    assert_eq!(store.list(&ann).await.unwrap(), [review(1), review(9), review(u128::MAX)]);
    store.remove(&ann, review(9)).await.unwrap();
    store.remove(&ann, review(9)).await.unwrap();
    assert_eq!(store.load(&ann, review(9)).await.unwrap(), None);
    assert_eq!(store.list(&ann).await.unwrap(), [review(1), review(u128::MAX)]);
}

async fn keys_lead_to_reviews(open: Open<'_>) {
    let store = open();
    let ann = begin(&store, &owner("ann")).await.owner;
    assert_eq!(store.resolve(&ann, "pr-1").await.unwrap(), None);
    for (key, id) in [("pr-1", 1), ("pr-2", 2), ("", 3), ("ключ 🔑", 4), ("pr-1", 5), ("pr-1", 5)] {
        store.remember(&ann, key, review(id)).await.unwrap();
    }
    for (key, id) in [("pr-1", 5), ("pr-2", 2), ("", 3), ("ключ 🔑", 4)] {
        assert_eq!(store.resolve(&ann, key).await.unwrap(), Some(review(id)), "{key}");
    }
}

async fn owners_do_not_see_one_another(open: Open<'_>) {
    let store = open();
    let elsewhere = Owner { server: "http://127.0.0.1:8081".into(), ..owner("ann") };
    // Server and user do not run into one another either.
    let shifted = Owner { server: "http://127.0.0.1:808".into(), user: UserId::new("0ann").unwrap() };
    let mut scopes = Vec::new();
    for (n, owner) in [owner("ann"), owner("bo"), elsewhere, shifted].into_iter().enumerate() {
        let scope = begin(&store, &owner).await;
        assert_eq!(store.load(&scope, review(1)).await.unwrap(), None);
        assert_eq!(store.resolve(&owner, "pr-1").await.unwrap(), None);
        store.save(&scope, review(1), &saved(&scope, review(1), n as u64 + 1)).await.unwrap();
        store.remember(&owner, "pr-1", review(n as u128)).await.unwrap();
        assert!(scopes.iter().all(|before: &Scope| before.client != scope.client));
        scopes.push(scope);
    }
    store.remove(&scopes[3], review(1)).await.unwrap();
    for (n, scope) in scopes.iter().enumerate().take(3) {
        let found = store.load(scope, review(1)).await.unwrap();
        assert_eq!(found, Some(saved(scope, review(1), n as u64 + 1)));
        assert_eq!(store.resolve(&scope.owner, "pr-1").await.unwrap(), Some(review(n as u128)));
    }
}

async fn a_client_goes_on_where_the_one_before_it_stopped(open: Open<'_>) {
    let store = open();
    let ann = begin(&store, &owner("ann")).await;
    store.save(&ann, review(1), &saved(&ann, review(1), 3)).await.unwrap();
    store.remember(&ann.owner, "pr-1", review(1)).await.unwrap();
    store.release(&ann).await;
    let again = begin(&store, &owner("ann")).await;
    assert_eq!(again, ann, "the same store");
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(saved(&ann, review(1), 3)));
    for _ in 0..2 {
        store.release(&ann).await;
    }
    let store = open();
    assert_eq!(begin(&store, &owner("ann")).await, ann, "another store");
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(saved(&ann, review(1), 3)));
    assert_eq!(store.resolve(&ann.owner, "pr-1").await.unwrap(), Some(review(1)));
    drop(store);
    assert_eq!(begin(&open(), &owner("ann")).await, ann, "without a goodbye");
}

async fn a_client_that_names_itself_keeps_to_itself(open: Open<'_>) {
    let store = open();
    let bot = Scope { owner: owner("ann"), client: client(7) };
    store.hold(&bot).await.unwrap();
    store.save(&bot, review(1), &saved(&bot, review(1), 3)).await.unwrap();
    store.release(&bot).await;
    let other = begin(&store, &owner("ann")).await;
    assert_ne!(other.client, bot.client);
    assert_eq!(store.load(&other, review(1)).await.unwrap(), None);
    drop(store);
    let store = open();
    store.hold(&bot).await.unwrap();
    assert_eq!(store.load(&bot, review(1)).await.unwrap(), Some(saved(&bot, review(1), 3)));
}

async fn saves_at_the_same_time_all_arrive(open: Open<'_>) {
    let store = open();
    let ann = begin(&store, &owner("ann")).await;
    let saves = (1..=20).map(|n| {
        let (store, ann) = (Arc::clone(&store), ann.clone());
        tokio::spawn(async move {
            for seq in 1..=3 {
                store.save(&ann, review(n), &saved(&ann, review(n), seq)).await.unwrap();
            }
        })
    });
    for save in saves.collect::<Vec<_>>() {
        save.await.unwrap();
    }
    assert_eq!(store.list(&ann).await.unwrap(), (1..=20).map(review).collect::<Vec<_>>());
    for n in 1..=20 {
        assert_eq!(store.load(&ann, review(n)).await.unwrap().unwrap().next_seq, 3);
    }
}

macro_rules! on_each {
    ($($test:ident)*) => {
        mod memory {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let store = MemoryStore::new();
                super::$test(&|| Arc::new(store.clone())).await;
            })*
        }
        mod file {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let dir = tempfile::tempdir().unwrap();
                super::$test(&|| Arc::new(FileStore::open(dir.path()).unwrap())).await;
            })*
        }
    };
}

on_each! {
    replicas_come_back_as_they_were_saved
    keys_lead_to_reviews
    owners_do_not_see_one_another
    a_client_goes_on_where_the_one_before_it_stopped
    a_client_that_names_itself_keeps_to_itself
    saves_at_the_same_time_all_arrive
}
