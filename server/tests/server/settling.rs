//! Seqs that have to be settled before a review can be opened.

use std::collections::BTreeSet;
use std::sync::Arc;

use interline_core::entry::Head;
use interline_core::id::ReviewId;
use interline_core::review::Review;
use interline_server::store::{SNAPSHOT_FORMAT, SnapshotState, Store};
use serde_json::{Value, json};

use super::opening::edited;
use super::support::{Running, comment, edit, entry, id};
use crate::faulty::{Fault, Faulty};

/// Takes a snapshot at a version and lets go of what comes before.
pub(super) async fn trim(store: &Arc<Faulty>, review: &str, version: u64) {
    let id: ReviewId = review.parse().unwrap();
    let (mut state, mut head, mut authors) = (Review::new(id), Head::default(), BTreeSet::new());
    for encoded in store.entries(id, 0, version as u32).await.unwrap() {
        let entry = encoded.decode().unwrap();
        state.apply(&entry).unwrap();
        authors.insert(entry.author);
        head = Head { version: encoded.version, hash: encoded.hash };
    }
    let state = SnapshotState { format: SNAPSHOT_FORMAT, review: state, authors };
    store.put_snapshot(id, head, &serde_json::to_string(&state).unwrap()).await.unwrap();
    assert_eq!(store.trim(id, version).await.unwrap(), version);
}

fn open(have: &Value, seq: u64, base: u64) -> Value {
    json!({ "review": "pr", "have": have, "in_flight": { "seq": seq, "base": base, "comments": [id(10)] } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_needs_what_was_trimmed_is_void() {
    let (server, store) = Running::faulty().await;
    let (review, _, heads) = edited(&server, 20).await;
    trim(&store, &review, 15).await;
    // The room that saw them all has them at hand; one that is loaded now has not.
    let server = Running::start_in(server.stop().await).await;
    // Nothing in flight, and nothing to go on from.
    let mut bo = server.client(2).await;
    let opened = bo.open("pr", Some(heads[5].clone())).await;
    assert!(opened["snapshot"]["version"] == 23 && opened.get("steps").is_none());
    bo.close().await;
    // What is in flight can still be carried over what is kept.
    let mut bo = server.client(2).await;
    let opened = bo.ask_to_open(open(&heads[15], 1, 15)).await["opened"].clone();
    assert!(opened.get("snapshot").is_none() && opened.get("last").is_none());
    for version in 16..=23 {
        assert_eq!(entry(&bo.next().await).0, version);
    }
    bo.close().await;
    // One entry earlier it cannot, wherever the client itself is.
    for (have, held) in [(5, 5), (20, 14)] {
        let mut bo = server.client(2).await;
        let opened = bo.ask_to_open(open(&heads[have], 1, held)).await["opened"].clone();
        assert!(opened["snapshot"]["version"] == 23 && opened.get("steps").is_none());
        assert_eq!((&opened["last"]["seq"], &opened["last"]["result"]), (&1.into(), &"void".into()));
        // However late the batch comes.
        bo.submit(&review, &edit(1, 14, 10, "late", 11)).await;
        assert_eq!(bo.next().await["refused"]["code"], "seq_reused");
        bo.close().await;
    }
    let mut bo = server.client(2).await;
    bo.open("pr", None).await;
    bo.submit(&review, &edit(2, 23, 10, "b", 20)).await;
    assert_eq!(entry(&bo.next().await), (24, 2));
    // A batch that comes without any of this is refused for good.
    bo.submit(&review, &edit(3, 14, 10, "late", 11)).await;
    let refused = bo.next().await["refused"].clone();
    assert_eq!((&refused["code"], &refused["retryable"]), (&"bad_base".into(), &false.into()));
    bo.submit(&review, &edit(3, 15, 10, "late", 12)).await;
    assert_eq!(entry(&bo.next().await), (25, 3));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_committed_keeps_its_answer() {
    let (server, store) = Running::faulty().await;
    let (review, _ann, heads) = edited(&server, 20).await;
    let mut bo = server.client(2).await;
    bo.open("pr", None).await;
    bo.submit(&review, &edit(1, 10, 10, "b", 7)).await;
    let committed = bo.next().await;
    assert_eq!(entry(&committed), (24, 1));
    bo.close().await;
    trim(&store, &review, 22).await;
    for open in [
        open(&heads[10], 1, 10),
        json!({ "review": "pr", "in_flight": open(&heads[10], 1, 10)["in_flight"] }),
    ] {
        let mut bo = server.client(2).await;
        let opened = bo.ask_to_open(open).await["opened"].clone();
        assert!(opened["snapshot"]["version"] == 24 && opened.get("steps").is_none());
        assert_eq!(
            opened["last"]["result"],
            json!({ "committed": { "version": 24, "hash": committed["entry"]["hash"] } })
        );
        bo.close().await;
    }
    // A seq that cannot come next is left alone; the last answer tells.
    let mut bo = server.client(2).await;
    let opened = bo.ask_to_open(open(&heads[10], 3, 10)).await["opened"].clone();
    assert_eq!(opened["last"]["seq"], 1);
    bo.submit(&review, &edit(2, 24, 10, "b", 21)).await;
    assert_eq!(entry(&bo.next().await), (25, 2));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seq_is_settled_behind_the_append_that_is_under_way() {
    let (server, store) = Running::faulty().await;
    let review = server.review("pr").await;
    let in_flight = json!({ "seq": 1, "base": 1, "comments": [id(10)] });
    let open = json!({ "review": "pr", "in_flight": in_flight });
    // The append is lost, for what nobody was told of has happened; so is the next, and the last is not.
    for (client, fault) in [(2, Fault::SilentlyDone), (3, Fault::Silent)] {
        store.faults.lock().unwrap().push_back(fault);
        let mut bo = server.client(client).await;
        let opened = bo.ask_to_open(open.clone()).await["opened"].clone();
        assert_eq!(
            (&opened["last"]["seq"], &opened["last"]["result"]),
            (&1.into(), &"void".into()),
            "{fault:?}"
        );
        bo.submit(&review, &comment(1, 1, 10, "late")).await;
        assert_eq!(bo.next().await["refused"]["code"], "seq_reused");
    }
    // A batch that is under way on another connection gets its own answer.
    let (mut here, mut there) = (server.client(4).await, server.client(4).await);
    here.open("pr", None).await;
    here.submit(&review, &comment(1, 1, 10, "in time")).await;
    let committed = here.next().await;
    let opened = there.ask_to_open(open.clone()).await["opened"].clone();
    assert_eq!(opened["last"]["result"]["committed"]["version"], entry(&committed).0);
    assert_eq!(opened["snapshot"]["version"], entry(&committed).0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_settles_nothing() {
    let (server, store) = Running::faulty().await;
    let review = server.review("pr").await;
    let in_flight = json!({ "seq": 1, "base": 1, "comments": [id(10)] });
    let open = json!({ "review": "pr", "in_flight": in_flight });
    store.faults.lock().unwrap().push_back(Fault::Full);
    let mut bo = server.client(2).await;
    let error = bo.ask_to_open(open.clone()).await["error"].clone();
    assert_eq!((&error["code"], &error["retryable"]), (&"store_failed".into(), &true.into()));
    assert_eq!((&error["requested"], &error["review"]), (&"pr".into(), &review.clone().into()));
    // The batch may still come, and then has its own answer.
    bo.open("pr", None).await;
    bo.submit(&review, &comment(1, 1, 10, "after all")).await;
    assert_eq!(entry(&bo.next().await), (2, 1));
    bo.close().await;
    let mut bo = server.client(2).await;
    let opened = bo.ask_to_open(open.clone()).await["opened"].clone();
    assert_eq!(opened["last"]["result"]["committed"]["version"], 2);
    // One of which nobody knows whether it happened reloads the review.
    store.faults.lock().unwrap().extend([Fault::Silent; 9]);
    let mut cy = server.client(3).await;
    let error = cy.ask_to_open(open.clone()).await["error"].clone();
    assert_eq!((&error["code"], &error["retryable"]), (&"store_failed".into(), &true.into()));
    store.faults.lock().unwrap().clear();
    let opened = cy.ask_to_open(open).await["opened"].clone();
    assert_eq!(opened["last"]["result"], "void");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_only_so_many_seqs_settled() {
    const AT_ONCE: u64 = 64;
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mut bo = server.client(2).await;
    let open = |seq: u64| {
        let in_flight = json!({ "seq": seq, "base": 1, "comments": [id(10)] });
        json!({ "review": "pr", "in_flight": in_flight })
    };
    let began = std::time::Instant::now();
    let mut settled = 0;
    let refused = loop {
        let frame = bo.ask_to_open(open(settled + 1)).await;
        if frame.get("error").is_some() {
            break frame["error"].clone();
        }
        settled += 1;
        assert_eq!(
            (&frame["opened"]["last"]["seq"], &frame["opened"]["last"]["result"]),
            (&settled.into(), &"void".into())
        );
        // As time passes there may be more: one a second.
        assert!(settled <= AT_ONCE + began.elapsed().as_secs(), "{settled}");
        bo.send(json!({ "leave": { "review": review } })).await;
    };
    assert!(settled >= AT_ONCE, "{settled}");
    assert_eq!((&refused["code"], &refused["retryable"]), (&"overloaded".into(), &true.into()));
    assert_eq!((&refused["requested"], &refused["review"]), (&"pr".into(), &review.clone().into()));
    // Nothing was settled, whoever has nothing in flight is let in, and later so is this.
    let opened = bo.open("pr", None).await;
    assert_eq!(opened["last"]["seq"], settled);
    bo.send(json!({ "leave": { "review": review } })).await;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while bo.ask_to_open(open(settled + 1)).await.get("error").is_some() {
        assert!(std::time::Instant::now() < until, "it is never settled");
    }
    // Others have their own.
    let mut cy = server.client(3).await;
    assert_eq!(cy.ask_to_open(open(1)).await["opened"]["last"]["result"], "void");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_while_a_seq_is_settled_is_forgotten() {
    let (server, store) = Running::faulty().await;
    let review = server.review("pr").await;
    store.faults.lock().unwrap().push_back(Fault::Silent);
    let in_flight = json!({ "seq": 1, "base": 1, "comments": [id(10)] });
    let mut bo = server.client(2).await;
    bo.send(json!({ "open": { "review": "pr", "in_flight": in_flight } })).await;
    bo.send(json!({ "leave": { "review": review } })).await;
    bo.send(json!({ "ping": { "nonce": 1 } })).await;
    let frame = bo.next().await;
    assert!(frame.get("pong").is_some() || frame.get("opened").is_some(), "{frame}");
    bo.close().await;
    let mut bo = server.client(2).await;
    assert!(bo.open("pr", None).await.get("snapshot").is_some());
    server.stop().await;
}
