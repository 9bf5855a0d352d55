//! Clients that do what no client should.

use std::time::Duration;

use interline_core::entry::Hash;
use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tokio_tungstenite::tungstenite::Message;

use super::support::{Running, comment, entry, error, hello, id};

#[tokio::test(flavor = "multi_thread")]
async fn bad_frames_cost_their_sender_an_answer_and_others_nothing() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let (mut ann, mut mallory) = (server.client(1).await, server.client(2).await);
    ann.open("pr", None).await;
    mallory.submit(&review, &comment(1, 1, 10, "not open")).await;
    let refused = mallory.next().await;
    assert_eq!(
        (&refused["refused"]["code"], &refused["refused"]["retryable"]),
        (&"not_open".into(), &true.into())
    );
    mallory.open("pr", None).await;
    for (frame, code) in [
        ("nonsense".to_owned(), "bad_frame"),
        (json!({ "destroy": {} }).to_string(), "unknown_frame"),
        (hello(2).to_string(), "hello_twice"),
        (json!({ "open": { "review": "pr" } }).to_string(), "already_open"),
        (json!({ "open": { "review": "absent" } }).to_string(), "unknown_review"),
        (json!({ "submit": { "review": review, "batch": {} } }).to_string(), "bad_batch"),
        (json!({ "leave": { "review": id(77) } }).to_string(), "not_open"),
        (
            json!({ "presence": { "review": review, "update": { "active": true,
            "selection": { "comment": id(1), "version": 99, "anchor": 0, "head": 0 } } } })
            .to_string(),
            "bad_presence",
        ),
        (
            json!({ "presence": { "review": review, "update": { "active": true,
            "place": { "file": "x".repeat(5_000) } } } })
            .to_string(),
            "bad_presence",
        ),
        (
            json!({ "presence": { "review": review, "update": { "active": true,
            "place": { "file": "src/lib.rs", "line": 1, "patch_set": 0 } } } })
            .to_string(),
            "bad_presence",
        ),
    ] {
        mallory.send_text(&frame).await;
        assert_eq!(error(&mut mallory).await, code, "{frame}");
    }
    for (batch, code) in [
        (json!({ "seq": 1, "base": 1, "changes": [{ "explode": {} }] }), "bad_batch"),
        (json!({ "seq": 1, "base": 1, "changes": [] }), "bad_batch"),
        (
            json!({ "seq": 1, "base": 9, "changes": [{ "comment_removed": { "comment": id(1) } }] }),
            "bad_base",
        ),
    ] {
        mallory.submit(&review, &batch).await;
        let frame = mallory.next().await;
        assert_eq!(
            (&frame["refused"]["code"], &frame["refused"]["seq"]),
            (&code.into(), &1.into()),
            "{frame}"
        );
    }
    // None of it used up the seq, and both go on.
    mallory.submit(&review, &comment(1, 1, 10, "sorry")).await;
    assert_eq!(entry(&mallory.next().await), (2, 1));
    assert_eq!(entry(&ann.next().await), (2, 1));
    for _ in 0..20 {
        mallory.send_text("[]").await;
    }
    assert_eq!(mallory.closed().await, 4001);
    ann.submit(&review, &comment(1, 2, 11, "still here")).await;
    assert_eq!(entry(&ann.next().await), (3, 1));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_looked_up_before_it_is_refused() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    ann.submit(&review, &comment(1, 1, 10, "a")).await;
    assert_eq!(entry(&ann.next().await), (2, 1));
    // The seq is used, with other bytes.
    let strange = |seq: u64| json!({ "seq": seq, "base": 1, "changes": [{ "explode": {} }] });
    ann.submit(&review, &strange(1)).await;
    assert_eq!(ann.next().await["refused"]["code"], "seq_reused");
    ann.submit(&review, &strange(3)).await;
    assert_eq!(ann.next().await["refused"]["code"], "seq_gap");
    ann.submit(&review, &strange(2)).await;
    let refused = ann.next().await["refused"].clone();
    assert_eq!(refused["code"], "bad_batch");
    assert!(refused["message"].as_str().unwrap().contains("explode"), "{refused}");
    // It was settled as void: nothing else can be said of it.
    ann.send(json!({ "leave": { "review": review } })).await;
    let in_flight = json!({ "seq": 2, "base": 1, "comments": [] });
    ann.ask_to_open(json!({ "review": "pr", "in_flight": in_flight })).await;
    ann.submit(&review, &strange(2)).await;
    assert_eq!(ann.next().await["refused"]["code"], "seq_reused");
    ann.submit(
        &review,
        &json!({ "seq": 3, "base": 2, "changes": [{ "comment_removed": { "comment": id(9) } }] }),
    )
    .await;
    assert_eq!(ann.next().await["answer"]["answer"]["seq"], 3);
    ann.close().await;

    // A release that could read it has answered it: those very bytes get that answer again.
    let directory = server.stop().await;
    let file = directory.path().join("interline.db");
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let read_once = Hash::of(strange(3).to_string().as_bytes());
    let done = sqlx::query("UPDATE answers SET payload_hash = ? WHERE seq = 3")
        .bind(&read_once.0[..])
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(done.rows_affected(), 1);
    sqlx::Connection::close(connection).await.unwrap();
    let server = Running::start_in(directory).await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    ann.submit(&review, &strange(3)).await;
    let answer = ann.next().await["answer"]["answer"].clone();
    assert_eq!((&answer["seq"], &answer["result"]["rejected"][0]["change"]), (&3.into(), &0.into()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_no_client_sends_end_the_session() {
    let server = Running::start().await;
    let mut client = server.client(1).await;
    client.message(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(error(&mut client).await, "binary_frame");
    assert_eq!(client.closed().await, 1003);

    let mut client = server.client(1).await;
    client.send_text(&" ".repeat(200 * 1024)).await;
    assert_eq!(error(&mut client).await, "bad_frame");
    client.send_text(&" ".repeat(256 * 1024 + 1)).await;
    assert_eq!(error(&mut client).await, "frame_too_large");
    assert_eq!(client.closed().await, 1009);

    let mut client = server.connect().await;
    client.send_text(&" ".repeat(5 * 1024)).await;
    assert_eq!(error(&mut client).await, "frame_too_large");
    assert_eq!(client.closed().await, 1009);

    let mut client = server.client(1).await;
    assert_eq!(client.close().await, 1000, "a close is answered");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_frames_end_the_session() {
    let server = Running::start().await;
    let (whole, pieces) = (&b"\x81\x81\0\0\0\0\xff"[..], &b"\x01\x81\0\0\0\0\xff\x80\x80\0\0\0\0"[..]);
    for not_text in [whole, pieces] {
        let mut client = server.client(1).await;
        client.raw(not_text).await;
        assert_eq!(error(&mut client).await, "bad_frame");
        assert_eq!(client.closed().await, 1007);
    }
    let (reserved_bit, opcode) = (&b"\xc1\x80\0\0\0\0"[..], &b"\x83\x80\0\0\0\0"[..]);
    let mut mute = Vec::new();
    for garbage in [reserved_bit, opcode, b"\x81\x01x", b"\x80\x80\0\0\0\0"] {
        let mut client = server.client(1).await;
        client.raw(garbage).await;
        assert_eq!(client.closed().await, 1002, "{garbage:?}");
        mute.push(client);
    }
    // Bytes that cannot be got past keep no thread busy, though the client stays.
    for _ in 0..50 {
        if server.get("/healthz").await.json()["sessions"] == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(server.get("/healthz").await.json()["sessions"], 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hello_comes_first_and_is_checked() {
    let server = Running::start().await;
    let mut client = server.connect().await;
    client.send(json!({ "ping": { "nonce": 1 } })).await;
    assert_eq!(error(&mut client).await, "hello_expected");
    assert_eq!(client.closed().await, 1008);

    let mut silent = server.connect().await;
    assert_eq!(error(&mut silent).await, "hello_expected");
    assert_eq!(silent.closed().await, 1008);

    for changed in [json!(1), json!(3), json!(0)] {
        let mut newer = hello(1);
        newer["hello"]["protocol"] = changed;
        newer["hello"]["compression"] = json!("zstd");
        let mut client = server.connect().await;
        client.send(newer).await;
        assert_eq!(error(&mut client).await, "upgrade_required");
        assert_eq!(client.closed().await, 1008);
    }

    let mut system = hello(1);
    system["hello"]["user"]["id"] = json!("system");
    let mut client = server.connect().await;
    client.send(system).await;
    assert_eq!(error(&mut client).await, "bad_frame");
    assert_eq!(client.closed().await, 1008);

    server.client(1).await.close().await;
    let mut thief = hello(1);
    thief["hello"]["user"]["id"] = json!("somebody else");
    let mut client = server.connect().await;
    client.send(thief).await;
    assert_eq!(error(&mut client).await, "client_taken");
    assert_eq!(client.closed().await, 1008);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_cut_off_and_nobody_waits_for_it() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    let mut slow = server.client(2).await;
    slow.open("pr", None).await;
    // Far more than sockets and the outbox hold, none of it read.
    let text = "x".repeat(30 * 1024);
    let began = std::time::Instant::now();
    ann.submit(&review, &comment(1, 1, 10, &text)).await;
    assert_eq!(entry(&ann.next().await).0, 2);
    for n in 2..1_200 {
        let op = json!([text, -(text.len() as i64)]);
        let change = json!({ "text_edited": { "comment": id(10), "op": op } });
        ann.submit(&review, &json!({ "seq": n, "base": n, "changes": [change] })).await;
        assert_eq!(entry(&ann.next().await).0, n + 1);
    }
    assert!(began.elapsed() < Duration::from_secs(60));
    for _ in 0..100 {
        if server.get("/healthz").await.json()["sessions"] == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(server.get("/healthz").await.json()["sessions"], 1);
    server.stop().await;
}
