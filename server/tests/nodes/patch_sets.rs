//! New states of the code, added at one node of several.

use std::time::Instant;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::set_up::{Nodes, SOON, until};
use crate::support::{Running, comment, entry, hello, id};

/// The line that comments are on is one further down than in the code that a review begins with.
fn next(first: &str) -> String {
    format!("--- a/file.txt\n+++ b/file.txt\n@@ -1,2 +1,3 @@\n+{first}\n same\n-old\n+new\n")
}

/// It is gone.
const GONE: &str = "--- a/file.txt\n+++ b/file.txt\n@@ -1,2 +1,2 @@\n same\n-old\n+otherwise\n";

async fn add(server: &Running, diff: &str) -> (u16, u64) {
    let response = server.post("/api/reviews/pr/patchsets", diff.as_bytes()).await;
    let number = response.json()["number"].as_u64();
    (response.status, number.unwrap_or_else(|| panic!("{}", response.body)))
}

/// Where an entry's only comment was placed, and how it came there.
fn placed(frame: &Value) -> Value {
    let fact = &frame["entry"]["entry"]["facts"][0]["comment_added"];
    json!([fact["place"]["line"]["patch_set"], fact["place"]["line"]["line"], fact["standing"]["state"]])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_places_comments_by_code_that_another_one_took() {
    let Some(nodes) = Nodes::start(2).await else { return };
    let [a, b] = [0, 1].map(|n| &nodes.node(n).server);
    let review = a.review("pr").await;
    let (mut ann, mut bo) = (a.client(1).await, b.client(2).await);
    ann.open("pr", None).await;
    bo.open("pr", None).await;
    ann.submit(&review, &comment(1, 1, 10, "here")).await;
    for client in [&mut ann, &mut bo] {
        assert_eq!(entry(&client.next().await).0, 2);
    }
    // Whoever looks at a file hears at either node that it has changed.
    let viewed = json!({"viewed": true, "patch_set": 1, "at": {"at": {"ms": 5}, "client": id(1)}});
    let marks = json!({"review": review, "nonce": 1, "marks": {"viewed": {"file.txt": viewed}}});
    ann.send(json!({ "marks": marks })).await;
    assert!(ann.next().await.get("marks").is_some());
    // So does whoever has another device at the other node, of what is marked at either.
    let mut phone = b.connect().await;
    let mut hello = hello(3);
    hello["hello"]["user"] = json!({"id": "user-1", "display_name": "User 1"});
    phone.send(hello).await;
    assert!(phone.next().await.get("welcome").is_some());
    phone.open("pr", None).await;
    let read = json!({"review": review, "nonce": 2, "marks": {"read": {id(10): 2}}});
    phone.send(json!({ "marks": read })).await;
    let all = phone.next().await["marks"]["marks"].clone();
    assert_eq!((&all["read"][id(10)], &all["viewed"]["file.txt"]["viewed"]), (&2.into(), &true.into()));
    assert_eq!(ann.next().await, json!({"marks": {"review": review, "marks": all}}));
    drop(phone);

    let began = Instant::now();
    assert_eq!(add(b, &next("first")).await, (201, 2));
    let (here, there) = (ann.next().await, bo.next().await);
    assert!(began.elapsed() < SOON, "by the tail check alone it would take seconds");
    assert_eq!((entry(&here).0, &here), (3, &there));
    let moved = &here["entry"]["entry"]["facts"][0]["patch_set_added"]["moves"][0];
    assert_eq!((moved["anchor"]["line"].as_u64(), moved["comment"].as_str()), (Some(3), Some(&*id(10))));
    assert_eq!(ann.next().await["marks"]["marks"]["viewed"]["file.txt"]["changed"], true);

    // Ann wrote before she saw it: her node knows the code, and where lines are in it.
    ann.submit(&review, &comment(2, 2, 11, "late")).await;
    for client in [&mut ann, &mut bo] {
        assert_eq!(placed(&client.next().await), json!([2, 3, "moved"]));
    }

    // The next one is made at her node, of code that came from the other; and back again.
    assert_eq!(add(a, GONE).await, (201, 3));
    for client in [&mut ann, &mut bo] {
        let frame = client.next().await;
        assert_eq!(frame["entry"]["entry"]["facts"][0]["patch_set_added"]["number"], 3, "{frame}");
    }
    ann.next().await;
    bo.submit(&review, &comment(1, 2, 12, "later")).await;
    for client in [&mut ann, &mut bo] {
        assert_eq!(placed(&client.next().await), json!([2, 3, "outdated"]));
    }
    let shown = async || [a.get("/api/reviews/pr").await.json(), b.get("/api/reviews/pr").await.json()];
    // Names of people at the other node are asked for once they have written.
    let named = |shown: &Value| shown["comments"][2]["author"]["display_name"] == "User 2";
    until("both know Bo's name", async || shown().await.iter().all(named)).await;
    let shown = shown().await;
    assert_eq!(shown[0]["hash"], shown[1]["hash"]);
    assert_eq!(shown[0]["comments"], shown[1]["comments"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hears_nothing_places_comments_by_the_newest_code_as_well() {
    let Some(nodes) = Nodes::start(2).await else { return };
    let [a, b] = [0, 1].map(|n| nodes.node(n));
    let review = a.server.review("pr").await;
    let (mut ann, mut bo) = (a.server.client(1).await, b.server.client(2).await);
    ann.open("pr", None).await;
    bo.open("pr", None).await;
    a.proxy.partition();
    for round in 0..5 {
        assert_eq!(add(&b.server, &next(&round.to_string())).await, (201, round + 2));
        // Her node has heard of it by looking, or its append is lost to it.
        ann.submit(&review, &comment(round + 1, 1, 100 + round, "said")).await;
        let added = ann.next().await;
        assert_eq!(added["entry"]["entry"]["facts"][0]["patch_set_added"]["number"], round + 2, "{added}");
        assert_eq!(placed(&ann.next().await), json!([round + 2, 3, "moved"]));
    }
    // And so does whoever adds one there: it is behind the other node's.
    assert_eq!(add(&b.server, &next("more")).await, (201, 7));
    assert_eq!(add(&a.server, GONE).await, (201, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn patch_sets_at_two_nodes_at_once_get_numbers_of_their_own() {
    const EACH: u64 = 6;
    let Some(nodes) = Nodes::start(2).await else { return };
    let review = nodes.node(0).server.review("pr").await;
    let (mut ann, mut bo) = (nodes.node(0).server.client(1).await, nodes.node(1).server.client(2).await);
    ann.open("pr", None).await;
    bo.open("pr", None).await;
    let nodes = &nodes;
    let of = |n: usize| async move {
        let mut numbers = Vec::new();
        for round in 0..EACH {
            let diff = next(&format!("{n} {round}"));
            let (status, number) = add(&nodes.node(n).server, &diff).await;
            assert_eq!(status, 201);
            numbers.push(number);
        }
        numbers
    };
    let mut numbers: Vec<u64> = join_all([of(0), of(1)]).await.concat();
    numbers.sort_unstable();
    assert_eq!(numbers, (2..2 + 2 * EACH).collect::<Vec<_>>());
    // Everybody sees all of them, in one order, and comments go where the newest has their line.
    ann.submit(&review, &comment(1, 1, 10, "on the first")).await;
    for client in [&mut ann, &mut bo] {
        for version in 2..2 + 2 * EACH {
            assert_eq!(entry(&client.next().await).0, version);
        }
        assert_eq!(placed(&client.next().await), json!([1 + 2 * EACH, 3, "moved"]));
    }
    for n in [0, 1] {
        let server = &nodes.node(n).server;
        until("it is there", async || {
            server.get("/api/reviews/pr").await.json()["patch_set"] == 1 + 2 * EACH
        })
        .await;
    }
}
