//! What a client gets that has been away.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::support::{Client, Running, comment, edit, entry, head, id};

/// A review with a long comment, and a short one that is edited so many times; the heads behind each entry, the
/// empty log's first.
pub(super) async fn edited(server: &Running, edits: u64) -> (String, Client, Vec<Value>) {
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    let first = ann.open("pr", None).await["head"].clone();
    let mut heads = vec![json!({ "version": 0, "hash": "0".repeat(64) }), first];
    ann.submit(&review, &comment(1, 1, 90, &"long ".repeat(2_000))).await;
    heads.push(head(&ann.next().await));
    ann.submit(&review, &comment(2, 2, 10, "")).await;
    heads.push(head(&ann.next().await));
    for n in 0..edits {
        ann.submit(&review, &edit(n + 3, n + 3, 10, "x", n as usize)).await;
        heads.push(head(&ann.next().await));
    }
    (review, ann, heads)
}

fn in_flight(seq: u64, base: u64, comments: &[u64]) -> Value {
    let comments: Vec<_> = comments.iter().map(|comment| id(*comment)).collect();
    json!({ "seq": seq, "base": base, "comments": comments })
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lacks_little_gets_entries() {
    let server = Running::start().await;
    let (_, ann, heads) = edited(&server, 300).await;
    drop(ann);
    // Both from a room that has them at hand, and from one that was just loaded.
    let directory = {
        let mut bo = server.client(2).await;
        let opened = bo.open("pr", Some(heads[303 - 256].clone())).await;
        assert!(opened.get("snapshot").is_none() && opened.get("steps").is_none());
        for version in 303 - 255..=303 {
            assert_eq!(entry(&bo.next().await).0, version);
        }
        drop(bo);
        server.stop().await
    };
    let server = Running::start_in(directory).await;
    for lacks in [1, 10, 256] {
        let mut bo = server.client(2).await;
        let opened = bo.open("pr", Some(heads[303 - lacks].clone())).await;
        assert!(opened.get("snapshot").is_none() && opened.get("steps").is_none(), "{lacks}");
        assert_eq!(opened["head"], heads[303]);
        assert!(opened.get("last").is_none(), "it never submitted anything");
        for version in 304 - lacks..=303 {
            assert_eq!(entry(&bo.next().await).0, version as u64);
        }
        bo.close().await;
    }
    let mut bo = server.client(2).await;
    let opened = bo.open("pr", Some(heads[303 - 257].clone())).await;
    assert_eq!(opened["steps"].as_array().unwrap().len(), 1, "one more is too many");
    // Whoever has been here is told the last answer, however little they lack.
    let mut ann = server.client(1).await;
    for have in [&heads[303], &heads[300], &heads[1]] {
        let opened = ann.open("pr", Some(have.clone())).await;
        assert_eq!(opened["last"]["seq"], 302);
        assert_eq!(opened["last"]["result"]["committed"]["version"], 303);
        assert_eq!(opened["last"]["result"]["committed"]["hash"], heads[303]["hash"]);
        ann.close().await;
        ann = server.client(1).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lacks_more_gets_steps() {
    let server = Running::start().await;
    let (review, mut ann, heads) = edited(&server, 300).await;
    ann.submit(&review, &comment(303, 303, 11, "new")).await;
    let at = head(&ann.next().await);
    // Nothing in flight: all edits in one.
    let mut bo = server.client(2).await;
    let opened = bo.open("pr", Some(heads[3].clone())).await;
    let steps = opened["steps"].as_array().unwrap();
    assert_eq!((steps.len(), &opened["head"]), (2, &at));
    assert!(opened.get("snapshot").is_none());
    let op = &steps[0]["fact"]["text_edited"]["op"];
    assert_eq!((&steps[0]["version"], op), (&303.into(), &json!(["x".repeat(300)])));
    assert_eq!(steps[1]["fact"]["comment_added"]["comment"], id(11));
    // What comes next comes by itself.
    ann.submit(&review, &edit(304, 304, 10, "y", 300)).await;
    assert_eq!(entry(&bo.next().await).0, 305);
    bo.close().await;

    // A batch of the edited comment in flight: every edit by itself, which is more than the whole review; so
    // beside that the edits of this comment alone.
    let mut bo = server.client(2).await;
    let open = json!({ "review": "pr", "have": heads[3], "in_flight": in_flight(1, 3, &[10]) });
    let opened = bo.ask_to_open(open).await["opened"].clone();
    assert_eq!(opened["snapshot"]["version"], 305);
    let steps = opened["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 301);
    for (n, step) in steps.iter().enumerate() {
        assert_eq!(step["version"], if n < 300 { n + 4 } else { 305 });
        assert_eq!(step["fact"]["text_edited"]["comment"], id(10));
    }
    assert!(opened.get("last").is_none(), "nothing was settled");
    bo.submit(&review, &edit(1, 3, 10, "z", 0)).await;
    assert_eq!(entry(&bo.next().await), (306, 1), "the batch still comes");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_follows_what_is_missing() {
    let (server, store) = Running::faulty().await;
    let (review, ann, heads) = edited(&server, 600).await;
    drop(ann);
    // A room that is loaded anew has nothing at hand.
    server.vacated().await;
    let mut bo = server.client(2).await;
    bo.open("pr", None).await;
    for (lacks, read) in [(10, 10), (256, 256), (257, 257), (500, 500)] {
        let before = store.read.load(Ordering::Relaxed);
        let mut cy = server.client(3).await;
        let opened = cy.open("pr", Some(heads[603 - lacks].clone())).await;
        assert_eq!((opened.get("steps").is_some(), &opened["review"]), (lacks > 256, &review.clone().into()));
        assert_eq!(store.read.load(Ordering::Relaxed) - before, read);
        cy.close().await;
    }
    // Nor does whoever lacks nothing, or everything, cost a read.
    let before = store.read.load(Ordering::Relaxed);
    server.client(4).await.open("pr", None).await;
    server.client(4).await.open("pr", Some(heads[603].clone())).await;
    assert_eq!(store.read.load(Ordering::Relaxed), before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_steps_would_be_larger_the_whole_review_comes() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    let have = ann.open("pr", None).await["head"].clone();
    ann.submit(&review, &comment(1, 1, 10, "")).await;
    ann.next().await;
    // All of the text there is, and besides it who wrote it, from where, when.
    for n in 0..300 {
        ann.submit(&review, &edit(n + 2, n + 2, 10, "x", n as usize)).await;
        assert_eq!(entry(&ann.next().await).0, n + 3);
    }
    for in_flight in [None, Some(in_flight(1, 1, &[99]))] {
        let mut bo = server.client(2).await;
        let mut open = json!({ "review": "pr", "have": have });
        if let Some(in_flight) = in_flight {
            open["in_flight"] = in_flight;
        }
        let opened = bo.ask_to_open(open).await["opened"].clone();
        assert_eq!((&opened["steps"], &opened["snapshot"]["version"]), (&json!([]), &302.into()));
        assert!(opened.get("last").is_none(), "nothing had to be settled");
        bo.close().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn far_behind_the_whole_review_comes_and_what_is_in_flight_is_settled() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    let have = ann.open("pr", None).await["head"].clone();
    ann.submit(&review, &comment(1, 1, 10, "")).await;
    ann.next().await;
    // More than is read for one client.
    for n in 0..4_096u64 {
        ann.submit(&review, &edit(n + 2, n + 2, 10, "x", n as usize)).await;
        assert_eq!(entry(&ann.next().await).0, n + 3);
    }
    let mut bo = server.client(2).await;
    let opened = bo.open("pr", Some(have.clone())).await;
    assert!(opened.get("steps").is_none() && opened["snapshot"]["version"] == 4_098);
    assert!(opened.get("last").is_none());
    bo.close().await;
    // A batch about no comment needs no steps.
    let mut bo = server.client(2).await;
    let open = json!({ "review": "pr", "have": have, "in_flight": in_flight(1, 1, &[]) });
    let opened = bo.ask_to_open(open).await["opened"].clone();
    assert!(opened["steps"] == json!([]) && opened["snapshot"]["version"] == 4_098);
    assert!(opened.get("last").is_none());
    bo.close().await;
    let mut bo = server.client(2).await;
    let open = json!({ "review": "pr", "have": have, "in_flight": in_flight(1, 1, &[10]) });
    let opened = bo.ask_to_open(open).await["opened"].clone();
    assert!(opened.get("steps").is_none() && opened["snapshot"]["version"] == 4_098);
    assert_eq!((&opened["last"]["seq"], &opened["last"]["result"]), (&1.into(), &"void".into()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_opened_as_another_client_of_the_same_user() {
    let server = Running::start().await;
    let (one, two) = (server.review("one").await, server.review("two").await);
    let mut ann = server.client(1).await;
    for (name, client) in [("one", 101), ("two", 102)] {
        let opened = ann.ask_to_open(json!({ "review": name, "client": id(client) })).await;
        assert!(opened.get("opened").is_some(), "{opened}");
    }
    for (review, client) in [(&one, 101), (&two, 102)] {
        let batch = comment(1, 1, 10, "mine");
        ann.submit(review, &batch).await;
        let frame = ann.next().await;
        assert_eq!((&frame["entry"]["review"], entry(&frame)), (&review.as_str().into(), (2, 1)));
        assert_eq!(frame["entry"]["entry"]["client"], id(client));
        ann.submit(review, &batch).await;
        assert_eq!(ann.next().await["answer"]["answer"]["seq"], 1);
    }
    let again = ann.ask_to_open(json!({ "review": "one", "client": id(103) })).await;
    assert_eq!(again["error"]["code"], "already_open");
    ann.close().await;
    // It is the same client whichever way it says so.
    let mut again = server.client(1).await;
    let opened = again.ask_to_open(json!({ "review": "one", "client": id(101) })).await;
    assert_eq!(opened["opened"]["last"]["seq"], 1);
    // Nobody else can.
    let mut bo = server.client(2).await;
    let taken = bo.ask_to_open(json!({ "review": "one", "client": id(101) })).await;
    assert_eq!(
        (&taken["error"]["code"], &taken["error"]["requested"]),
        (&"client_taken".into(), &"one".into())
    );
    assert!(bo.ask_to_open(json!({ "review": "one" })).await.get("opened").is_some());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_opens_reviews_as_so_many_clients_at_once() {
    const AT_ONCE: u64 = 64;
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mut bo = server.client(2).await;
    let leave = json!({ "leave": { "review": review } });
    let began = std::time::Instant::now();
    let mut named = 0;
    let refused = loop {
        let frame = bo.ask_to_open(json!({ "review": "pr", "client": id(1_000 + named) })).await;
        if frame.get("error").is_some() {
            break frame["error"].clone();
        }
        named += 1;
        // As time passes there may be more: one in ten seconds.
        assert!(named <= AT_ONCE + began.elapsed().as_secs() / 10, "{named}");
        bo.send(leave.clone()).await;
    };
    assert!(named >= AT_ONCE, "{named}");
    assert_eq!((&refused["code"], &refused["retryable"]), (&"overloaded".into(), &true.into()));
    assert_eq!((&refused["requested"], &refused["review"]), (&"pr".into(), &review.clone().into()));
    // Those that it has named, and its own, are not counted again.
    let again = json!({ "review": "pr", "client": id(1_000) });
    for open in [again, json!({ "review": "pr" })] {
        assert!(bo.ask_to_open(open).await.get("opened").is_some());
        bo.send(leave.clone()).await;
    }
    // Nobody owns the one that was refused, and others have their own.
    let mut cy = server.client(3).await;
    let opened = cy.ask_to_open(json!({ "review": "pr", "client": id(1_000 + named) })).await;
    assert!(opened.get("opened").is_some(), "{opened}");
    server.stop().await;
}
