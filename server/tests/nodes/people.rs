//! Who is here, on whichever node.

use std::cell::Cell;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::set_up::{Nodes, SOON, until};
use crate::support::{Client, Running, id};

/// How soon those at a node that was cut off are seen again elsewhere: it is connected within 1.5 s, and looks within
/// another. Others, who were there all the time, look after up to 4 s.
const BACK: Duration = Duration::from_secs(3);

/// The next word about somebody: where they are, or nothing if they are gone.
async fn word_of(client: &mut Client, user: &str, session: Option<&str>) -> Option<Value> {
    loop {
        let frame = client.presence().await;
        if let Some(gone) = frame.get("gone") {
            if session == gone["session"].as_str() {
                return None;
            }
        } else if frame["presence"]["presence"]["user"]["id"] == user {
            return Some(frame["presence"]["presence"].clone());
        }
    }
}

async fn moves(client: &mut Client, review: &str, line: u32) {
    let update = json!({ "place": { "file": "file.txt", "line": line }, "active": true });
    client.send(json!({ "presence": { "review": review, "update": update } })).await;
}

/// Waits until whoever opens the review at a node is not told of a user.
async fn gone_at(server: &Running, user: &str) {
    let number = Cell::new(100);
    until("they are not there any more", async || {
        number.set(number.get() + 1);
        let opened = server.client(number.get()).await.open("pr", None).await;
        opened["presence"].as_array().unwrap().iter().all(|there| there["user"]["id"] != user)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_on_other_nodes_are_seen() {
    let Some(nodes) = Nodes::start(2).await else { return };
    let [a, b] = [0, 1].map(|n| &nodes.node(n).server);
    let review = a.review("pr").await;
    let mut ann = a.client(1).await;
    ann.open("pr", None).await;
    let mut bo = b.client(2).await;
    bo.open("pr", None).await;
    // Whoever comes later hears of who was there, and the other way round.
    word_of(&mut ann, "user-2", None).await.unwrap();
    let hers = async || {
        let listed = b.get("/api/sessions").await.json()["sessions"].as_array().unwrap().clone();
        listed.into_iter().find(|record| record["user"]["id"] == "user-1")
    };
    until("she is on record", async || hers().await.is_some()).await;
    let session = hers().await.unwrap()["session"].as_str().unwrap().to_owned();
    let began = Instant::now();
    moves(&mut ann, &review, 2).await;
    loop {
        let now = word_of(&mut bo, "user-1", None).await.unwrap();
        assert_eq!(now["session"], *session);
        if now["place"]["line"] == 2 {
            break;
        }
    }
    println!("seen after {:?}", began.elapsed());
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    // A third hears of both at once, in `opened`.
    let mut cy = b.client(3).await;
    let opened = cy.open("pr", None).await;
    assert_eq!(opened["presence"].as_array().unwrap().len(), 2, "{opened}");
    let left = Instant::now();
    ann.send(json!({ "leave": { "review": review } })).await;
    assert_eq!(word_of(&mut bo, "user-1", Some(&session)).await, None);
    assert!(left.elapsed() < SOON, "{:?}", left.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_falls_silent_takes_its_people_along_within_the_time_to_live() {
    let Some(nodes) = Nodes::start(2).await else { return };
    let [a, b] = [0, 1].map(|n| nodes.node(n));
    a.server.review("pr").await;
    let mut bo = b.server.client(2).await;
    bo.open("pr", None).await;
    let mut ann = a.server.client(1).await;
    ann.open("pr", None).await;
    let session = word_of(&mut bo, "user-1", None).await.unwrap()["session"].as_str().unwrap().to_owned();
    let records = async || b.server.get("/api/sessions").await.json()["sessions"].as_array().unwrap().len();
    until("both are listed", async || records().await == 2).await;
    a.proxy.partition();
    let began = Instant::now();
    gone_at(&b.server, "user-1").await;
    println!("gone after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    while word_of(&mut bo, "user-1", Some(&session)).await.is_some() {}
    until("its record too", async || {
        let listed = b.server.get("/api/sessions").await.json();
        listed["sessions"].as_array().unwrap().iter().all(|record| record["session"] != *session)
    })
    .await;
    // At home she never was away.
    let home = a.server.get("/api/sessions").await.json();
    assert_eq!(home["sessions"].as_array().unwrap().len(), 1, "what this node knows by itself: {home}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_opens_a_review_a_moment_after_somebody_at_another_node_sees_them() {
    let Some(nodes) = Nodes::start(2).await else { return };
    let [a, b] = [0, 1].map(|n| &nodes.node(n).server);
    for round in 0..8 {
        let key = format!("pr-{round}");
        a.review(&key).await;
        let (mut ann, mut bo) = (a.client(1).await, b.client(2).await);
        ann.open(&key, None).await;
        let began = Instant::now();
        let opened = bo.open(&key, None).await;
        // Nobody moves: what she has said was said before his node listened, or is on record only afterwards.
        if opened["presence"].as_array().unwrap().is_empty() {
            word_of(&mut bo, "user-1", None).await.unwrap();
        }
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_each_other_at_a_node_that_is_cut_off_and_are_seen_again_soon_after() {
    let Some(nodes) = Nodes::start(2).await else { return };
    let [a, b] = [0, 1].map(|n| nodes.node(n));
    let review = a.server.review("pr").await;
    let mut bo = b.server.client(2).await;
    bo.open("pr", None).await;
    let (mut ann, mut cy) = (a.server.client(1).await, a.server.client(3).await);
    ann.open("pr", None).await;
    cy.open("pr", None).await;
    let her = word_of(&mut bo, "user-1", None).await.unwrap();
    let session = her["session"].as_str().unwrap();
    let records = async || b.server.get("/api/sessions").await.json()["sessions"].as_array().unwrap().len();
    until("all are on record", async || records().await == 3).await;
    // Longer than what is kept of anybody lives.
    a.proxy.partition();
    let (cut_off, mut line) = (Instant::now(), 0);
    for _ in 0..3 {
        line += 1;
        let began = Instant::now();
        moves(&mut ann, &review, line).await;
        while word_of(&mut cy, "user-1", None).await.unwrap()["place"]["line"] != line {}
        moves(&mut cy, &review, line).await;
        while word_of(&mut ann, "user-3", None).await.unwrap()["place"]["line"] != line {}
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    }
    gone_at(&b.server, "user-1").await;
    println!("gone elsewhere after {:?}", cut_off.elapsed());
    while word_of(&mut bo, "user-1", Some(session)).await.is_some() {}
    a.proxy.heal();
    let healed = Instant::now();
    // Where she is by now, without another move. What she had said right before is on the way still, and may come first.
    let again = loop {
        let word = word_of(&mut bo, "user-1", None).await.unwrap();
        if word["place"]["line"] == line {
            break word;
        }
        assert!(healed.elapsed() < BACK, "{word}");
    };
    println!("there again after {:?}", healed.elapsed());
    assert!(healed.elapsed() < BACK, "{:?}", healed.elapsed());
    assert_eq!(again["session"], her["session"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_node_lists_all_sessions_and_closes_them() {
    let Some(nodes) = Nodes::start(2).await else { return };
    let [a, b] = [0, 1].map(|n| &nodes.node(n).server);
    let review = a.review("pr").await;
    let (mut ann, mut bo) = (a.client(1).await, b.client(2).await);
    ann.open("pr", None).await;
    bo.open("pr", None).await;
    let listed = async || b.get("/api/sessions").await.json()["sessions"].as_array().unwrap().clone();
    let both = async || {
        let reviews: Vec<Value> =
            listed().await.into_iter().map(|record| record["reviews"].clone()).collect();
        reviews == [json!([review]), json!([review])]
    };
    until("both are listed, with what they have open", both).await;
    let sessions = listed().await;
    assert_ne!(sessions[0]["node"], sessions[1]["node"]);
    let of = |user: &str| {
        let record = sessions.iter().find(|record| record["user"]["id"] == user).unwrap();
        format!("/api/sessions/{}", record["session"].as_str().unwrap())
    };
    // One of the other node's, then one of its own.
    for (path, client) in [(of("user-1"), &mut ann), (of("user-2"), &mut bo)] {
        assert_eq!(b.ask("DELETE", &path, &[], b"").await.status, 204);
        assert_eq!(client.next().await["error"]["code"], "session_closed");
        assert_eq!(client.closed().await, 4002);
        until("it is not listed", async || b.ask("DELETE", &path, &[], b"").await.status == 404).await;
    }
    for path in [format!("/api/sessions/{}", id(99)), "/api/sessions/nobody".to_owned()] {
        let answer = b.ask("DELETE", &path, &[], b"").await;
        assert_eq!((answer.status, answer.json()["code"].clone()), (404, "not_found".into()));
    }
    let elsewhere = b.ask("DELETE", &of("user-1"), &[("Origin", "http://evil.example")], b"").await;
    assert_eq!(elsewhere.status, 403, "no page from elsewhere closes anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_can_ask_about_is_neither_closed_nor_unknown() {
    let Some(nodes) = Nodes::start(2).await else { return };
    let [a, b] = [0, 1].map(|n| nodes.node(n));
    a.server.review("pr").await;
    let (mut ann, mut bo) = (a.server.client(1).await, b.server.client(2).await);
    ann.open("pr", None).await;
    bo.open("pr", None).await;
    let listed = async || b.server.get("/api/sessions").await.json()["sessions"].as_array().unwrap().clone();
    until("both are listed", async || listed().await.len() == 2).await;
    let sessions = listed().await;
    let of = |user: &str| {
        let record = sessions.iter().find(|record| record["user"]["id"] == user).unwrap();
        format!("/api/sessions/{}", record["session"].as_str().unwrap())
    };
    let delete = async |path: &str| {
        let answer = b.server.ask("DELETE", path, &[], b"").await;
        (answer.status, if answer.status == 204 { Value::Null } else { answer.json()["code"].clone() })
    };
    // Her node does not hear that it is to close it, and while that is waited for Redis goes.
    a.proxy.partition();
    let published = b.count("interline_published_total").await;
    let going = async {
        until("it is asked for", async || b.count("interline_published_total").await > published).await;
        b.proxy.down();
    };
    let path = of("user-1");
    let (closing, ()) = tokio::join!(delete(&path), going);
    assert_eq!(closing, (503, "sessions_not_known".into()));
    let began = Instant::now();
    assert_eq!(delete(&path).await, (503, "sessions_not_known".into()));
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    // Its own it knows.
    assert_eq!(delete(&of("user-2")).await, (204, Value::Null));
    assert_eq!(bo.closed().await, 4002);
    a.proxy.heal();
    b.proxy.heal();
    until("it can be closed again", async || delete(&path).await.0 == 204).await;
    assert_eq!(ann.closed().await, 4002);
}
