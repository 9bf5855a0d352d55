//! The log of a review that several nodes write to.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::faulty::Fault;
use crate::set_up::{Nodes, SOON, arrives, until};
use crate::support::{Client, comment, edit, entry, head};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_takes_arrives_at_the_other() {
    let Some(nodes) = Nodes::start(2).await else { return };
    let [a, b] = [0, 1].map(|n| &nodes.node(n).server);
    let review = a.review("pr").await;
    let (mut ann, mut bo) = (a.client(1).await, b.client(2).await);
    ann.open("pr", None).await;
    bo.open("pr", None).await;
    let mut took = Vec::new();
    for round in 0..20 {
        // The text grows by one at each end in turn.
        ann.submit(&review, &batch(round, 1)).await;
        assert_eq!(entry(&ann.next().await).0, 2 * round + 2);
        let (version, time) = arrives(&mut bo).await;
        assert_eq!(version, 2 * round + 2);
        took.push(time);
        bo.submit(&review, &batch(round, 2)).await;
        assert_eq!(entry(&bo.next().await).0, 2 * round + 3);
        let (version, time) = arrives(&mut ann).await;
        assert_eq!(version, 2 * round + 3);
        took.push(time);
    }
    took.sort();
    println!("arrival at the other node: median {:?}, slowest {:?}", took[20], took[39]);
    // By the tail check alone it would take seconds.
    assert!(took[35] < SOON, "{took:?}");
    assert!(
        nodes.node(0).count("interline_heard_total").await >= 20
            && nodes.node(1).count("interline_heard_total").await >= 20
    );
    assert_eq!(nodes.node(0).count("interline_dropped_total").await, 0);
    let shown = [a.get("/api/reviews/pr").await.json(), b.get("/api/reviews/pr").await.json()];
    assert_eq!((&shown[0]["version"], &shown[0]["hash"]), (&41.into(), &shown[1]["hash"]));
    assert_eq!(shown[0]["comments"], shown[1]["comments"]);
    let names: Vec<_> = shown[0]["users"].as_array().unwrap().iter().map(|user| &user["id"]).collect();
    assert_eq!(names, ["user-1", "user-2"], "authors on the other node have names too");
}

/// Somebody's batch of a round: their comment.
fn batch(round: u64, who: u64) -> Value {
    comment(round + 1, 1, 1_000 * who + round, "said")
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_writers_at_two_nodes_and_one_comment() {
    const WRITERS: u64 = 50;
    const EDITS: u64 = 6;
    let Some(nodes) = Nodes::start(2).await else { return };
    let nodes = Arc::new(nodes);
    let review = nodes.node(0).server.review("pr").await;
    let mut first = nodes.node(0).server.client(1).await;
    first.open("pr", None).await;
    first.submit(&review, &comment(1, 1, 7, "")).await;
    first.next().await;
    let began = Instant::now();
    let writers = (0..WRITERS).map(|n| {
        let (nodes, review) = (nodes.clone(), review.clone());
        tokio::spawn(async move {
            let node = &nodes.node((n % 2) as usize).server;
            let mut client = node.client(10 + n).await;
            write(&mut client, &review, EDITS).await
        })
    });
    let slowest: Vec<Duration> = join_all(writers).await.into_iter().map(Result::unwrap).collect();
    let slowest = slowest.into_iter().max().unwrap();
    let commits = nodes.store.commits.load(Ordering::Relaxed);
    println!(
        "{} edits in {:?}, slowest answer {slowest:?}, {commits} appends",
        WRITERS * EDITS,
        began.elapsed()
    );
    assert!(slowest < Duration::from_secs(8), "a writer starves: {slowest:?}");
    let last = 2 + WRITERS * EDITS;
    for n in [0, 1] {
        let server = &nodes.node(n).server;
        until("both have all", async || server.get("/api/reviews/pr").await.json()["version"] == last).await;
        let shown = server.get("/api/reviews/pr").await.json();
        let text = shown["comments"][0]["text"].as_str().unwrap();
        assert_eq!(text.len() as u64, WRITERS * EDITS, "every edit once");
    }
}

/// Puts one character at a time at the start of a comment; the longest that one took.
async fn write(client: &mut Client, review: &str, edits: u64) -> Duration {
    let opened = client.open("pr", None).await;
    let (mut at, mut slowest) = (opened["head"]["version"].as_u64().unwrap(), Duration::ZERO);
    let text = &opened["snapshot"]["comments"].as_object().unwrap().values().next().unwrap()["text"];
    let mut length = text.as_str().unwrap().len();
    for seq in 1..=edits {
        let began = Instant::now();
        let batch = edit(seq, at, 7, "x", length);
        client.submit(review, &batch).await;
        loop {
            let frame = client.next().await;
            if let Some(refused) = frame.get("refused") {
                assert_eq!(refused["retryable"], true, "{frame}");
                client.submit(review, &batch).await;
                continue;
            }
            let (version, entry_seq) = entry(&frame);
            assert_eq!(version, at + 1, "no gap, no doubling");
            (at, length) = (version, length + 1);
            let user = &frame["entry"]["entry"]["client"];
            if entry_seq == seq && *user == client.id() {
                break;
            }
        }
        slowest = slowest.max(began.elapsed());
    }
    slowest
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_goes_on_at_a_node_that_is_behind() {
    let Some(nodes) = Nodes::start(2).await else { return };
    let [a, b] = [0, 1].map(|n| nodes.node(n));
    let review = a.server.review("pr").await;
    // Both have it loaded, and B hears nothing from here on.
    let (mut ann, mut bo) = (a.server.client(1).await, b.server.client(2).await);
    ann.open("pr", None).await;
    bo.open("pr", None).await;
    for round in 0..30 {
        b.proxy.partition();
        ann.submit(&review, &comment(round + 1, 1, 100 + round, "said")).await;
        let said = ann.next().await;
        // She is at B at once, with what she has, and says the same again.
        let mut moved = b.server.client(1).await;
        let opened = moved.open("pr", Some(head(&said))).await;
        assert_eq!(opened["head"]["version"], round + 2);
        moved.submit(&review, &comment(round + 1, 1, 100 + round, "said")).await;
        let answer = moved.next().await;
        let version = &answer["answer"]["answer"]["result"]["committed"]["version"];
        assert_eq!(version, round + 2, "the first answer again: {answer}");
        assert_eq!(arrives(&mut bo).await.0, round + 2, "everybody else at B has it by then as well");
        if round % 10 == 0 {
            b.proxy.heal();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_last_message_is_made_up_for() {
    let Some(nodes) = Nodes::start(2).await else { return };
    let [a, b] = [0, 1].map(|n| nodes.node(n));
    let review = a.server.review("pr").await;
    let (mut ann, mut bo) = (a.server.client(1).await, b.server.client(2).await);
    ann.open("pr", None).await;
    bo.open("pr", None).await;
    // Nobody says anything of what goes straight into the log.
    let silent = nodes.store.clone();
    silent.faults.lock().unwrap().push_back(Fault::SilentlyDone);
    a.proxy.down();
    ann.submit(&review, &comment(1, 1, 5, "unheard")).await;
    assert_eq!(entry(&ann.next().await).0, 2);
    let (version, took) = arrives(&mut bo).await;
    assert_eq!(version, 2);
    assert!(took < Duration::from_secs(5), "the tail check: {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_entry_arrives_as_well() {
    let Some(nodes) = Nodes::start(2).await else { return };
    let [a, b] = [0, 1].map(|n| &nodes.node(n).server);
    let review = a.review("pr").await;
    let (mut ann, mut bo) = (a.client(1).await, b.client(2).await);
    ann.open("pr", None).await;
    bo.open("pr", None).await;
    let changes: Vec<Value> =
        (1..=6).map(|n| comment(1, 1, n, &"long ".repeat(2_500))["changes"][0].clone()).collect();
    ann.submit(&review, &json!({ "seq": 1, "base": 1, "changes": changes })).await;
    let (version, took) = arrives(&mut bo).await;
    assert_eq!(version, 2);
    assert!(took < SOON, "announced, and read from the store: {took:?}");
}
