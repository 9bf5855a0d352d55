//! Private drafts that wait in a local store: damaged ones, and those of a client that has ended.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use interline::store::{Confirmed, Owner, Record, Scope};
use interline::{Client, ClientId, CommentId, Drafts, MemoryStore, Review, Store, UserId};
use support::flaky::Flaky;
use support::{Server, away, builder, line, synced, until};

/// A client of Ann's on a store; what it opens is saved.
async fn begin(server: &Server, store: impl Store + Clone) -> (Client, Review, Drafts) {
    let client = builder(server, "ann").store(store).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let drafts = review.drafts().await.unwrap();
    until("it is saved", || review.is_saved() && drafts.log().is_saved()).await;
    (client, review, drafts)
}

fn draft(server: &Server, id: CommentId) -> Option<String> {
    let world = server.world();
    world.drafts("pr-1", "ann").comments.get(&id).map(|draft| draft.text.as_str().to_owned())
}

fn published(server: &Server, id: CommentId) -> Option<String> {
    let world = server.world();
    world.committed("pr-1").comments.get(&id).map(|comment| comment.text.as_str().to_owned())
}

/// Two drafts that were written offline, by a client that ended: their confirmed part is damaged then, and their record
/// is changed. The server has never heard of them.
async fn damaged(
    server: &Server,
    store: &MemoryStore,
    change: impl FnOnce(String) -> String,
) -> [CommentId; 2] {
    let client = builder(server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    until("it is saved", || review.is_saved()).await;
    away(server, &client).await;
    let drafts = review.drafts().await.unwrap();
    let written = ["one", "two"].map(|text| drafts.add(line(), text).unwrap().id());
    let scope = Scope {
        owner: Owner { server: server.url.clone(), user: UserId::new("ann").unwrap() },
        client: client.id(),
    };
    let log = drafts.log().id();
    until("it is saved", || drafts.log().is_saved()).await;
    client.closed().await.unwrap();
    store.hold(&scope).await.unwrap();
    let stored = store.load(&scope, log).await.unwrap().unwrap();
    let confirmed = Confirmed::Whole("{\"format\":3,".into());
    let (pending, ledger) = (change(stored.pending), stored.ledger);
    store.save(&scope, log, &Record { pending, ledger, confirmed, precious: true }).await.unwrap();
    store.release(&scope).await;
    written
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_drafts_that_no_server_has_seen_go_out_by_themselves() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let [one, two] = damaged(&server, &store, |pending| pending).await;
    // Without a connection they are shown as they were.
    let client = builder(&server, "ann").store(store.clone()).build().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let drafts = review.drafts().await.unwrap();
    assert_eq!(drafts.list().iter().map(|draft| draft.text.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    client.closed().await.unwrap();
    drop((client, review, drafts));

    // Nobody opens the review, nor its drafts.
    server.world().away = false;
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let there = || server.world().has_drafts("pr-1", "ann") && draft(&server, two).is_some();
    until("they are there", there).await;
    assert_eq!((draft(&server, one).as_deref(), draft(&server, two).as_deref()), (Some("one"), Some("two")));
    let review = client.open("pr-1").await.unwrap();
    let drafts = review.drafts().await.unwrap();
    synced(&review).await;
    assert!(drafts.rejected().is_empty() && drafts.list().len() == 2);
    assert_eq!(client.unsynced().await.unwrap().count, 0);
    client.closed().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_that_does_not_say_of_what_goes_out_where_the_review_is_in_the_store() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let older = |pending: String| {
        let mut record: serde_json::Value = serde_json::from_str(&pending).unwrap();
        assert!(record.as_object_mut().unwrap().remove("drafts_of").is_some());
        record.to_string()
    };
    let [one, two] = damaged(&server, &store, older).await;
    server.world().away = false;
    let client = builder(&server, "ann").store(store).connect().await.unwrap();
    let there = || server.world().has_drafts("pr-1", "ann") && draft(&server, two).is_some();
    until("they are there", there).await;
    assert_eq!(draft(&server, one).as_deref(), Some("one"));
    client.closed().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_living_client_sends_the_drafts_of_one_that_ended_under_its_id() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let (living, review, drafts) = begin(&server, store.clone()).await;
    let (ended, its_review, its_drafts) = begin(&server, store.clone()).await;
    let (ended_id, log) = (ended.id(), drafts.log().id());
    assert_ne!(ended_id, living.id());
    let known = its_drafts.add(line(), "known").unwrap().id();
    synced(&its_review).await;
    away(&server, &ended).await;
    its_drafts.get(known).unwrap().insert(5, ", edited").unwrap();
    let new = its_drafts.add(line(), "new").unwrap().id();
    let shown = its_drafts.add(line(), "for everybody").unwrap().id();
    its_drafts.publish(&[shown], None).unwrap();
    ended.closed().await.unwrap();
    drop((ended, its_review, its_drafts));

    server.world().away = false;
    let finished = || {
        living.reconnect();
        living.analytics().finished == 2
    };
    until("its review and its drafts are run to their end", finished).await;
    assert_eq!(
        (
            draft(&server, known).as_deref(),
            draft(&server, new).as_deref(),
            published(&server, shown).as_deref()
        ),
        (Some("known, edited"), Some("new"), Some("for everybody"))
    );
    let authors: Vec<ClientId> =
        server.world().log_of(log).iter().skip(1).map(|entry| entry.client).collect();
    assert!(authors.len() >= 2 && authors.iter().all(|author| *author == ended_id), "{authors:?}");
    until("the living one has them", || drafts.list().len() == 2).await;
    assert!(drafts.rejected().is_empty() && review.rejected().is_empty());
    assert_eq!(living.unsynced().await.unwrap().ended_clients, 0);
    living.closed().await.unwrap();
}

/// A draft that a client of this store edited offline before it ended, with a comment in the review beside that;
/// meanwhile another device has published it.
async fn published_behind_its_back(
    server: &Server,
    store: impl Store + Clone,
) -> (CommentId, CommentId, ClientId) {
    let (_desk, at_desk, desk) = begin(server, MemoryStore::new()).await;
    let late = desk.add(line(), "Please rename this").unwrap().id();
    synced(&at_desk).await;
    // The first client of the store is who lives on later; the second ends.
    let (first, first_review, first_drafts) = begin(server, store.clone()).await;
    let (ended, review, drafts) = begin(server, store).await;
    let id = ended.id();
    until("it is there", || drafts.get(late).is_ok()).await;
    first.closed().await.unwrap();
    drop((first, first_review, first_drafts));
    away(server, &ended).await;
    drafts.get(late).unwrap().insert(18, ", and that").unwrap();
    let beside = review.comment(line(), "beside").unwrap().id();
    ended.closed().await.unwrap();
    server.world().away = false;
    until("the desk is back", || desk.is_online()).await;
    desk.publish_all(None).unwrap();
    synced(&at_desk).await;
    (late, beside, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn late_edits_of_a_client_that_ended_go_on_in_the_comment_once_the_review_is_open() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let (late, beside, _) = published_behind_its_back(&server, store.clone()).await;
    let living = builder(&server, "ann").store(store).connect().await.unwrap();
    until("what it wrote in the review is there", || published(&server, beside).is_some()).await;
    until("the review is done", || living.analytics().finished == 1).await;
    assert_eq!(published(&server, late).as_deref(), Some("Please rename this"), "it waits in the store");
    let review = living.open("pr-1").await.unwrap();
    let whole = || published(&server, late).as_deref() == Some("Please rename this, and that");
    until("it goes on", whole).await;
    until("nothing of it is left", || living.analytics().finished == 2).await;
    assert!(review.rejected().is_empty());
    assert_eq!(living.unsynced().await.unwrap().ended_clients, 0);
    let writes = server.world().log("pr-1").iter().filter(|entry| entry.client == living.id()).count();
    assert_eq!(writes, 1, "once, by who lives");
    living.closed().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn late_edits_of_a_client_that_ended_are_not_put_into_its_review_that_is_removed_next() {
    let server = Server::start().await;
    let store = Flaky::default();
    let (late, beside, ended) = published_behind_its_back(&server, store.clone()).await;
    // The ended client's copy of the review stays open behind its last save, while its drafts are looked at.
    *store.slow.lock().unwrap() = Some(ended);
    let living = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    until("what it wrote in the review is there", || published(&server, beside).is_some()).await;
    let review = living.open("pr-1").await.unwrap();
    let carried = || review.get(late).is_ok_and(|comment| comment.text().ends_with("that"));
    until("it is carried over", carried).await;
    *store.slow.lock().unwrap() = None;
    until("nothing of it is left", || living.analytics().finished == 2).await;
    synced(&review).await;
    assert_eq!(published(&server, late).as_deref(), Some("Please rename this, and that"));
    let edits = server.world().log("pr-1");
    let edit = edits.iter().rfind(|entry| entry.facts.iter().any(|fact| fact.comment() == Some(late)));
    assert_eq!(edit.unwrap().client, living.id(), "by who lives");
    living.closed().await.unwrap();
}
