//! What clients see of a store that fails.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use interline_server::Timing;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::{Running, comment, timing};
use crate::faulty::Fault;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_refuses_and_takes_the_same_batch_later() {
    let (server, store) = Running::faulty().await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    store.faults.lock().unwrap().push_back(Fault::Full);
    let batch = comment(1, 1, 10, "kept");
    ann.submit(&review, &batch).await;
    let refused = ann.next().await["refused"].clone();
    assert_eq!((&refused["code"], &refused["retryable"]), (&"store_failed".into(), &true.into()));
    assert!(refused["retry_after_ms"].is_u64());
    ann.submit(&review, &batch).await;
    assert_eq!(ann.next().await["entry"]["entry"]["version"], 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_an_answer_happens_once() {
    let (server, store) = Running::faulty().await;
    let review = server.review("pr").await;
    let (mut ann, mut bo) = (server.client(1).await, server.client(2).await);
    ann.open("pr", None).await;
    bo.open("pr", None).await;
    for (seq, fault) in [(1, Fault::SilentlyDone), (2, Fault::Silent), (3, Fault::SilentlyDone)] {
        store.faults.lock().unwrap().push_back(fault);
        ann.submit(&review, &comment(seq, seq, 10 + seq, "once")).await;
        assert_eq!(bo.next().await["entry"]["entry"]["version"], seq + 1);
        assert_eq!(ann.next().await["entry"]["entry"]["seq"], seq);
        if fault == Fault::SilentlyDone {
            // The log had it already, so the batch gets the answer of one that was sent again.
            assert_eq!(ann.next().await["answer"]["answer"]["result"]["committed"]["version"], seq + 1);
        }
    }
    let shown = server.get("/api/reviews/pr").await.json();
    assert_eq!((&shown["version"], shown["comments"].as_array().unwrap().len()), (&4.into(), 3));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_never_settled_reloads_the_review() {
    let (server, store) = Running::faulty().await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    // As often as the committer tries.
    store.faults.lock().unwrap().extend([Fault::Silent; 8]);
    store.faults.lock().unwrap().push_front(Fault::SilentlyDone);
    let batch = comment(1, 1, 10, "once");
    ann.submit(&review, &batch).await;
    let error = ann.next().await["error"].clone();
    assert_eq!((&error["code"], &error["review"]), (&"store_failed".into(), &review.clone().into()));
    let opened = ann.open("pr", None).await;
    assert_eq!(opened["head"]["version"], 2);
    ann.submit(&review, &batch).await;
    assert_eq!(ann.next().await["answer"]["answer"]["result"]["committed"]["version"], 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_last_answer_cannot_be_read_is_not_let_in() {
    let (server, store) = Running::faulty().await;
    server.review("pr").await;
    let mut ann = server.client(1).await;
    store.no_answers.store(true, Ordering::Relaxed);
    ann.send(json!({ "open": { "review": "pr" } })).await;
    let error = ann.next().await["error"].clone();
    assert_eq!((&error["code"], &error["retryable"]), (&"store_failed".into(), &true.into()));
    store.no_answers.store(false, Ordering::Relaxed);
    ann.open("pr", None).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_has_one_deadline() {
    let stop = Duration::from_secs(2);
    let (server, store) = Running::faulty_with(Timing { stop, ..timing() }).await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    store.faults.lock().unwrap().push_back(Fault::Stuck);
    ann.submit(&review, &comment(1, 1, 10, "never")).await;
    ann.send(json!({ "ping": { "nonce": 1 } })).await;
    ann.next().await;
    // Nor does this request ever end.
    let mut request = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /api/reviews?title=A HTTP/1.1\r\nHost: {}\r\nContent-Length: 9\r\n\r\n",
        server.address
    );
    request.write_all(head.as_bytes()).await.unwrap();
    let began = Instant::now();
    server.stop().await;
    assert!(began.elapsed() < stop + Duration::from_secs(1), "{:?}", began.elapsed());
}
