//! What was typed and is not sent yet: no failure of the local store loses it, and nobody has to ask for it.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use interline::store::{Confirmed, Owner, Record, Scope};
use interline::{ClientId, CommentId, Event, FileStore, MemoryStore, Store, UserId};
use support::flaky::Flaky;
use support::{Server, away, builder, line, synced, until};

fn text(server: &Server, comment: CommentId) -> String {
    server.world().committed("pr-1").comments[&comment].text.as_str().to_owned()
}

#[tokio::test]
async fn a_list_that_fails_costs_nothing() {
    let server = Server::start().await;
    let store = Flaky::default();
    let id = server.world().committed("pr-1").id.to_string();
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    // By its id, so that the store does not know the name.
    let review = client.open(&id).await.unwrap();
    let comment = review.comment(line(), "x").unwrap();
    synced(&review).await;
    away(&server, &client).await;
    comment.insert(1, " offline").unwrap();
    client.closed().await.unwrap();
    server.world().away = false;
    store.lists.store(1, Ordering::SeqCst);
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    assert_eq!(review.get(comment.id()).unwrap().text(), "x offline", "it is the copy that was here");
    review.comment(line(), "another").unwrap();
    synced(&review).await;
    assert_eq!(text(&server, comment.id()), "x offline");
    assert!(review.rejected().is_empty());
    client.closed().await.unwrap();
}

#[tokio::test]
async fn what_is_pending_in_a_review_that_nobody_opens_goes_out() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.comment(line(), "x").unwrap();
    synced(&review).await;
    away(&server, &client).await;
    comment.insert(1, " offline").unwrap();
    let id = review.id();
    client.closed().await.unwrap();
    // Begins without a connection, and opens another review.
    let client = builder(&server, "ann").store(store.clone()).build().await.unwrap();
    assert_eq!(client.unsynced().await.unwrap().reviews[&id].count, 1);
    server.world().away = false;
    client.reconnect();
    client.connected().await.unwrap();
    let _two = client.open("pr-2").await.unwrap();
    until("it is sent", || text(&server, comment.id()) == "x offline").await;
    until("it is left again", || server.world().present("pr-1").is_empty()).await;
    assert_eq!(client.unsynced().await.unwrap().count, 0);
    client.closed().await.unwrap();
}

#[tokio::test]
async fn closing_does_not_wait_for_what_cannot_be_sent() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    away(&server, &client).await;
    review.comment(line(), "offline").unwrap();
    client.closed().await.unwrap();
    server.world().away = false;
    server.world().mischief.full = u32::MAX;
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    until("it was tried", || server.world().mischief.full < u32::MAX).await;
    let closed = client.closed();
    tokio::time::timeout(Duration::from_secs(5), closed).await.expect("in time").unwrap();
}

#[tokio::test]
async fn closing_tries_again_to_save() {
    let server = Server::start().await;
    let store = Flaky::default();
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.comment(line(), "x").unwrap();
    synced(&review).await;
    until("saved", || review.is_saved()).await;
    away(&server, &client).await;
    store.saves.store(2, Ordering::SeqCst);
    comment.insert(1, " offline").unwrap();
    client.closed().await.unwrap();
    assert!(review.is_saved() && store.saves.load(Ordering::SeqCst) == 0);
    server.world().away = false;
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    synced(&review).await;
    assert_eq!(text(&server, comment.id()), "x offline");
    client.closed().await.unwrap();
}

#[tokio::test]
async fn closing_says_what_was_not_saved() {
    let server = Server::start().await;
    let store = Flaky::default();
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    synced(&review).await;
    until("saved", || review.is_saved()).await;
    store.saves.store(u32::MAX, Ordering::SeqCst);
    review.comment(line(), "never saved").unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(20), client.closed()).await.expect("in time");
    assert_eq!(closed.unwrap_err().to_string(), "an I/O error");
    assert!(!review.is_saved());
}

#[tokio::test]
async fn what_an_ended_client_left_that_cannot_be_read_is_told_and_kept() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let mut events = review.events();
    let owner = Owner { server: server.url.clone(), user: UserId::new("ann").unwrap() };
    let other = store.client_id(&owner, ClientId(uuid::Uuid::now_v7())).await.unwrap();
    let scope = Scope { owner, client: other };
    let pending = "{\"format\":2,what I typed".to_owned();
    let record =
        Record { pending: pending.clone(), ledger: None, confirmed: Confirmed::Same, precious: true };
    store.save(&scope, review.id(), &record).await.unwrap();
    store.release(&scope).await;
    client.reconnect();
    let told = async {
        loop {
            match futures_util::StreamExt::next(&mut events).await {
                Some(Event::Problem(problem)) => return problem,
                event => assert!(event.is_some(), "it goes on"),
            }
        }
    };
    let problem = tokio::time::timeout(Duration::from_secs(5), told).await.expect("in time");
    assert_eq!((problem.code.as_ref(), problem.retryable), ("local_copy_unreadable", false));
    until("the slot is given back", || store.hold(&scope).now_or_never().is_some_and(|held| held.is_ok()))
        .await;
    store.release(&scope).await;
    let kept = client.unreadable().await.unwrap();
    assert!(kept.iter().any(|one| one.review == Some(review.id()) && one.bytes == pending.as_bytes()));
    assert_eq!(client.analytics().finished, 0, "nothing was removed");
    client.closed().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_of_an_ended_client_is_told() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let client = builder(&server, "ann").store_dir(folder.path()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let second = builder(&server, "ann").store_dir(folder.path()).connect().await.unwrap();
    let typed = second.open("pr-1").await.unwrap();
    away(&server, &second).await;
    typed.comment(line(), "offline").unwrap();
    let name = format!("{}.redb", second.id());
    second.closed().await.unwrap();
    let folders = std::fs::read_dir(folder.path()).unwrap().map(|folder| folder.unwrap().path());
    let mut files =
        folders.filter(|path| path.is_dir()).flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let path = files.find_map(|file| {
        let path = file.unwrap().path();
        path.to_string_lossy().ends_with(&name).then_some(path)
    });
    std::fs::write(path.unwrap(), "no database").unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let _observer = review.observe(move |event| {
        if let Event::Problem(problem) = event {
            let _ = tell.send(problem.clone());
        }
    });
    server.world().away = false;
    client.reconnect();
    let problem = tokio::time::timeout(Duration::from_secs(5), told.recv()).await.expect("in time").unwrap();
    assert_eq!(problem.code, "store_unreadable");
    let aside = FileStore::open(folder.path()).unwrap().quarantined().unwrap();
    assert_eq!(aside.len(), 1);
    let kept = client.unreadable().await.unwrap();
    let databases: Vec<_> = kept.iter().filter(|one| one.name == "database").collect();
    assert_eq!((databases.len(), databases[0].review, databases[0].at), (1, None, aside[0].at));
    assert_eq!(databases[0].file.as_ref(), Some(&aside[0].path));
    client.closed().await.unwrap();
}

#[tokio::test]
async fn what_the_local_store_has_lost_is_saved_anew_at_once() {
    let server = Server::start().await;
    let store = Flaky::default();
    let with = || builder(&server, "ann").store(store.clone());
    let client = with().connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.comment(line(), "acknowledged").unwrap();
    synced(&review).await;
    away(&server, &client).await;
    comment.insert(12, ", and typed offline").unwrap();
    until("it is saved", || review.is_saved()).await;

    // Somebody clears it, and nobody types any more.
    let scope = Scope {
        owner: Owner { server: server.url.clone(), user: client.user().id.clone() },
        client: client.id(),
    };
    store.inner.remove(&scope, review.id()).await.unwrap();
    store.saves.store(1, Ordering::SeqCst);
    store.lost.notify_one();
    until("it is tried", || store.saves.load(Ordering::SeqCst) == 0).await;
    assert!(!review.is_saved(), "nothing of it is there");
    until("it is saved again", || review.is_saved()).await;
    client.closed().await.unwrap();

    let client = with().build().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    assert_eq!(review.comments()[0].text, "acknowledged, and typed offline");
    assert_eq!(review.unsynced().count, 1);
}
