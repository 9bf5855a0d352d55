//! What `/metrics` says of what has happened.

use serde_json::json;

use super::faulty::Fault;
use super::support::{Running, comment, entry, error, hello};

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted_once() {
    let (server, store) = Running::faulty().await;
    let review = server.review("pr").await;
    let response = server.get("/metrics").await;
    assert_eq!(response.status, 200);
    assert!(response.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    assert_eq!(server.metric("interline_sessions").await, 0.0);
    assert_eq!(server.metric("interline_redis_up").await, 1.0, "none is wanted");

    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    for said in 1..=3 {
        ann.submit(&review, &comment(said, 1, 100 + said, "said")).await;
        assert_eq!(entry(&ann.next().await).0, said + 1);
    }
    for (name, expected) in [
        ("interline_sessions", 1.0),
        ("interline_rooms", 1.0),
        ("interline_degraded", 0.0),
        ("interline_opens_total", 1.0),
        ("interline_resyncs_total", 0.0),
        ("interline_batches_total", 3.0),
        ("interline_changes_total", 3.0),
        ("interline_appends_total{outcome=\"appended\"}", 3.0),
        ("interline_appends_total{outcome=\"lost\"}", 0.0),
        ("interline_append_seconds_count", 3.0),
        ("interline_commit_appends_sum", 3.0),
        ("interline_unknown_outcomes_total", 0.0),
    ] {
        assert_eq!(server.metric(name).await, expected, "{name}");
    }
    let hello = hello(1).to_string().len() as f64;
    assert!(server.metric("interline_received_bytes_total").await > hello);
    assert!(server.metric("interline_sent_bytes_total").await > hello);

    // What the store does not take, and what it says nothing of.
    store.faults.lock().unwrap().push_back(Fault::Full);
    ann.submit(&review, &comment(4, 1, 104, "said")).await;
    assert_eq!(ann.next().await["refused"]["code"], "store_failed");
    assert_eq!(server.metric("interline_appends_total{outcome=\"failed\"}").await, 1.0);
    assert_eq!(server.metric("interline_refused_batches_total{code=\"store_failed\"}").await, 1.0);
    store.faults.lock().unwrap().push_back(Fault::Silent);
    ann.submit(&review, &comment(4, 1, 104, "said")).await;
    assert_eq!(entry(&ann.next().await).0, 5);
    assert_eq!(server.metric("interline_unknown_outcomes_total").await, 1.0);
    assert_eq!(server.metric("interline_appends_total{outcome=\"appended\"}").await, 4.0);

    // What is no frame, and what is opened again from nothing.
    ann.send(json!({ "nonsense": {} })).await;
    assert_eq!(error(&mut ann).await, "unknown_frame");
    assert_eq!(server.metric("interline_errors_total{code=\"unknown_frame\"}").await, 1.0);
    ann.send(json!({ "leave": { "review": review } })).await;
    ann.open("pr", None).await;
    assert_eq!(server.metric("interline_resyncs_total").await, 1.0);
    assert_eq!(server.metric("interline_opens_total").await, 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_in_one_process_count_for_themselves() {
    let (one, other) = (Running::start().await, Running::start().await);
    let _ann = one.client(1).await;
    assert_eq!(one.metric("interline_sessions").await, 1.0);
    assert_eq!(other.metric("interline_sessions").await, 0.0);
    assert_eq!(other.metric("interline_received_bytes_total").await, 0.0);
}
