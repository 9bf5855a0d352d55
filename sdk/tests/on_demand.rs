//! What waits to be tried again is tried when somebody says so: time stands still here, so nothing comes of waiting.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::sync::atomic::Ordering;

use support::flaky::Flaky;
use support::{Server, Time, builder, line, synced, until};

#[tokio::test]
async fn a_connection() {
    let server = Server::start().await;
    let (clock, time) = Time::new();
    let client = builder(&server, "ann").clock(time).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.comment(line(), "x").unwrap();
    synced(&review).await;
    clock.stop();
    server.cut();
    until("it is noticed", || !client.connection().is_connected()).await;
    comment.insert(1, "y").unwrap();
    client.reconnect();
    synced(&review).await;
    assert_eq!(server.world().committed("pr-1").comments[&comment.id()].text.as_str(), "xy");
}

#[tokio::test]
async fn an_answer() {
    let server = Server::start().await;
    let (clock, time) = Time::new();
    let client = builder(&server, "ann").clock(time).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.comment(line(), "x").unwrap();
    synced(&review).await;
    clock.stop();
    server.world().mischief.lose = true;
    let before = server.world().submitted.len();
    comment.insert(1, "y").unwrap();
    // Nor does it wait for typing to rest.
    review.flush();
    until("it is sent", || server.world().submitted.len() == before + 1).await;
    // Less than the least that a batch waits for its answer, and more than what counts as under way.
    clock.pass(500);
    client.reconnect();
    synced(&review).await;
    let world = server.world();
    let [first, again] = &world.submitted[before..] else { panic!("{:?}", &world.submitted[before..]) };
    assert_eq!(first, again);
    assert_eq!(client.analytics().retries, 1);
}

#[tokio::test]
async fn a_save() {
    let server = Server::start().await;
    let (clock, time) = Time::new();
    let store = Flaky::default();
    let client = builder(&server, "ann").clock(time).store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.comment(line(), "x").unwrap();
    synced(&review).await;
    until("it is saved", || review.is_saved()).await;
    clock.stop();
    store.saves.store(1, Ordering::SeqCst);
    comment.insert(1, "y").unwrap();
    until("a save has failed", || client.analytics().failed_saves == 1).await;
    client.reconnect();
    synced(&review).await;
    assert_eq!(server.world().committed("pr-1").comments[&comment.id()].text.as_str(), "xy");
}
