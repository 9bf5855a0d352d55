//! Owners, clients and their slots.

use std::sync::Arc;

use interline::store::{Owner, Scope};
use interline::{Store, StoreErrorKind, UserId};

use super::{Open, begin, client, keystroke, owner, record, review, stored};
use interline::store::{Confirmed, Record};

pub async fn keys_lead_to_reviews(open: Open<'_>) {
    let store = open().await;
    let ann = begin(&store, &owner("ann")).await.owner;
    assert_eq!(store.resolve(&ann, "pr-1").await.unwrap(), None);
    for (key, id) in [("pr-1", 1), ("pr-2", 2), ("", 3), ("ключ 🔑", 4), ("pr-1", 5), ("pr-1", 5)] {
        store.remember(&ann, key, review(id)).await.unwrap();
    }
    for (key, id) in [("pr-1", 5), ("pr-2", 2), ("", 3), ("ключ 🔑", 4)] {
        assert_eq!(store.resolve(&ann, key).await.unwrap(), Some(review(id)), "{key}");
    }
}

pub async fn owners_do_not_see_one_another(open: Open<'_>) {
    let store = open().await;
    let elsewhere = Owner { server: "http://127.0.0.1:8081".into(), ..owner("ann") };
    // Server and user do not run into one another either.
    let shifted = Owner { server: "http://127.0.0.1:808".into(), user: UserId::new("0ann").unwrap() };
    let mut scopes = Vec::new();
    for (n, owner) in [owner("ann"), owner("bo"), elsewhere, shifted].into_iter().enumerate() {
        let scope = begin(&store, &owner).await;
        assert_eq!(store.load(&scope, review(1)).await.unwrap(), None);
        assert_eq!(store.resolve(&owner, "pr-1").await.unwrap(), None);
        store.save(&scope, review(1), &record(n as u64)).await.unwrap();
        store.remember(&owner, "pr-1", review(n as u128)).await.unwrap();
        assert!(scopes.iter().all(|before: &Scope| before.client != scope.client));
        scopes.push(scope);
    }
    store.remove(&scopes[3], review(1)).await.unwrap();
    for (n, scope) in scopes.iter().enumerate().take(3) {
        assert_eq!(store.load(scope, review(1)).await.unwrap(), Some(stored(n as u64)));
        assert_eq!(store.resolve(&scope.owner, "pr-1").await.unwrap(), Some(review(n as u128)));
    }
}

pub async fn a_client_goes_on_where_the_one_before_it_stopped(open: Open<'_>) {
    let store = open().await;
    let ann = begin(&store, &owner("ann")).await;
    store.save(&ann, review(1), &record(3)).await.unwrap();
    store.remember(&ann.owner, "pr-1", review(1)).await.unwrap();
    store.release(&ann).await;
    let again = begin(&store, &owner("ann")).await;
    assert_eq!(again, ann, "the same store");
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(stored(3)));
    for _ in 0..2 {
        store.release(&ann).await;
    }
    let store = open().await;
    assert_eq!(begin(&store, &owner("ann")).await, ann, "another store");
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(stored(3)));
    assert_eq!(store.resolve(&ann.owner, "pr-1").await.unwrap(), Some(review(1)));
    drop(store);
    assert_eq!(begin(&open().await, &owner("ann")).await, ann, "without a goodbye");
}

pub async fn a_client_that_names_itself_keeps_to_itself(open: Open<'_>) {
    let store = open().await;
    let bot = Scope { owner: owner("ann"), client: client(7) };
    store.hold(&bot).await.unwrap();
    store.save(&bot, review(1), &record(3)).await.unwrap();
    let other = open().await;
    for taker in [&store, &other] {
        assert_eq!(taker.hold(&bot).await.unwrap_err().kind(), StoreErrorKind::InUse, "it lives once");
    }
    store.release(&bot).await;
    let next = begin(&store, &owner("ann")).await;
    assert_ne!(next.client, bot.client);
    assert_eq!(store.load(&next, review(1)).await.unwrap(), None);
    assert!(store.orphans(&owner("ann")).await.unwrap().is_empty(), "it comes back by itself");
    drop(store);
    other.hold(&bot).await.unwrap();
    assert_eq!(other.load(&bot, review(1)).await.unwrap(), Some(stored(3)));
}

pub async fn each_living_client_has_a_slot_to_itself(open: Open<'_>) {
    let (a, b, c) = (open().await, open().await, open().await);
    let mut scopes = Vec::new();
    for (n, store) in [&a, &b, &c].into_iter().enumerate() {
        let scope = begin(store, &owner("ann")).await;
        assert!(!scopes.contains(&scope), "{n}");
        store.save(&scope, review(1), &record(n as u64)).await.unwrap();
        scopes.push(scope);
    }
    // The one that is free is taken, with what was left in it; the first of several.
    b.release(&scopes[1]).await;
    let next = open().await;
    assert_eq!(begin(&next, &owner("ann")).await, scopes[1]);
    assert_eq!(next.load(&scopes[1], review(1)).await.unwrap(), Some(stored(1)));
    a.release(&scopes[0]).await;
    c.release(&scopes[2]).await;
    // Two clients on one store are two clients as well.
    assert_eq!(begin(&b, &owner("ann")).await, scopes[0]);
    assert_eq!(begin(&b, &owner("ann")).await, scopes[2]);
    assert!(!scopes.contains(&begin(&b, &owner("ann")).await));
}

pub async fn an_empty_slot_is_not_taken_under_its_id(open: Open<'_>) {
    let store = open().await;
    let ann = begin(&store, &owner("ann")).await;
    store.save(&ann, review(1), &record(1)).await.unwrap();
    store.remove(&ann, review(1)).await.unwrap();
    store.release(&ann).await;
    let next = begin(&store, &owner("ann")).await;
    assert_ne!(next, ann, "how far it had numbered its batches is not known");
    store.save(&next, review(1), &record(2)).await.unwrap();
    store.release(&next).await;
    assert_eq!(begin(&open().await, &owner("ann")).await, next);
}

/// Clients of these that have ended and left something behind.
async fn left_behind(store: &Arc<dyn Store>, precious: &[bool]) -> Vec<Scope> {
    let mut scopes = Vec::new();
    for precious in precious {
        let scope = begin(store, &owner("ann")).await;
        store.save(&scope, review(1), &Record { precious: *precious, ..record(1) }).await.unwrap();
        scopes.push(scope);
    }
    for scope in &scopes {
        store.release(scope).await;
    }
    scopes
}

pub async fn orphans_are_run_to_the_end_under_their_own_id(open: Open<'_>) {
    let store = open().await;
    let scopes = left_behind(&store, &[true, true, false, true]).await;
    let (here, other) = (open().await, open().await);
    assert_eq!(begin(&here, &owner("ann")).await, scopes[0]);
    assert_eq!(here.orphans(&owner("ann")).await.unwrap(), [scopes[1].clone(), scopes[3].clone()]);
    assert!(here.orphans(&owner("bo")).await.unwrap().is_empty());
    // One living client takes it, and no other can.
    let orphan = &scopes[1];
    here.hold(orphan).await.unwrap();
    assert_eq!(other.hold(orphan).await.unwrap_err().kind(), StoreErrorKind::InUse);
    assert_eq!(other.orphans(&owner("ann")).await.unwrap(), [scopes[3].clone()]);
    assert_eq!(here.list(orphan).await.unwrap(), [review(1)]);
    assert_eq!(here.load(orphan, review(1)).await.unwrap(), Some(stored(1)));
    here.save(orphan, review(1), &Record { precious: false, ..keystroke("done", Confirmed::Same) })
        .await
        .unwrap();
    here.remove(orphan, review(1)).await.unwrap();
    here.release(orphan).await;
    assert_eq!(other.orphans(&owner("ann")).await.unwrap(), [scopes[3].clone()]);
    // Nobody begins under the id of what is done with.
    let later = [begin(&other, &owner("ann")).await, begin(&other, &owner("ann")).await];
    assert_eq!(later, [scopes[2].clone(), scopes[3].clone()]);
    assert!(!scopes.contains(&begin(&other, &owner("ann")).await));
}

pub async fn whoever_holds_nothing_gets_nothing(open: Open<'_>) {
    let (store, other) = (open().await, open().await);
    let ann = begin(&store, &owner("ann")).await;
    store.save(&ann, review(1), &record(1)).await.unwrap();
    assert!(other.load(&ann, review(1)).await.is_err(), "not held there");
    assert!(other.save(&ann, review(1), &record(2)).await.is_err());
    assert!(other.list(&ann).await.is_err() && other.remove(&ann, review(1)).await.is_err());
    other.release(&ann).await;
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(stored(1)), "nor given back there");
    store.release(&ann).await;
    assert!(
        store.save(&ann, review(1), &record(2)).await.is_err(),
        "its records may be somebody else's by now"
    );
    assert_eq!(begin(&other, &owner("ann")).await, ann);
    assert_eq!(other.load(&ann, review(1)).await.unwrap(), Some(stored(1)));
}
