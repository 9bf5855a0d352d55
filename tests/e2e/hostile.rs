//! Whatever comes in, the answer is a typed error or a close code of the protocol, and nobody else notices.

use anyhow::{Context, Result};
use interline_tests::raw::{Next, Raw, hello};
use interline_tests::server::Server;
use serde_json::{Value, json};
use uuid::Uuid;

const LIMIT: usize = 262_144;

/// Opens a review as a fresh client; the connection and the review's id.
async fn open(server: &Server, key: &str) -> Result<(Raw, String)> {
    let id = server.create_review(key)?;
    let mut raw = Raw::hello(server.url(), "mallory").await?;
    raw.send(&json!({"open": {"review": key}})).await?;
    let opened = raw.expect("opened").await?;
    assert_eq!(opened["review"], json!(id));
    Ok((raw, id))
}

fn add(comment: Uuid, text: &str) -> Value {
    let line = json!({"patch_set": 1, "file": "src/lib.rs", "side": "head", "line": 3});
    json!({"comment_added": {"comment": comment, "place": {"line": line}, "text": text, "at": {"ms": 1}}})
}

fn submit(review: &str, seq: u64, base: u64, changes: Value) -> Value {
    json!({"submit": {"review": review, "batch": {"seq": seq, "base": base, "changes": changes}}})
}

#[tokio::test]
async fn frames_that_are_none_are_told_so_and_the_connection_goes_on() -> Result<()> {
    let server = Server::start()?;
    let (mut raw, id) = open(&server, "frames").await?;
    let table = [
        ("nonsense", "bad_frame"),
        ("", "bad_frame"),
        ("[]", "bad_frame"),
        ("{}", "bad_frame"),
        ("null", "bad_frame"),
        (r#"{"ping":{}}"#, "bad_frame"),
        (r#"{"ping":{"nonce":1,"extra":2}}"#, "bad_frame"),
        (r#"{"ping":{"nonce":1},"open":{"review":"x"}}"#, "bad_frame"),
        (r#"{"destroy":{"everything":true}}"#, "unknown_frame"),
        (r#"{"open":{"review":"no-such-review"}}"#, "unknown_review"),
        (r#"{"open":{"review":""}}"#, "unknown_review"),
        (r#"{"open":{"review":"00000000-0000-0000-0000-000000000000"}}"#, "unknown_review"),
        (r#"{"open":{"review":"frames"}}"#, "already_open"),
    ];
    for (frame, code) in table {
        raw.send_text(frame.to_owned()).await?;
        let error = raw.expect("error").await.with_context(|| format!("after {frame}"))?;
        assert_eq!(error["code"], json!(code), "{frame}");
    }
    raw.send(&hello(Uuid::now_v7(), "mallory")).await?;
    assert_eq!(raw.expect("error").await?["code"], json!("hello_twice"));
    raw.send(&submit(&id, 1, 1, json!([add(Uuid::now_v7(), "still here")]))).await?;
    raw.expect("entry").await?;
    Ok(())
}

#[tokio::test]
async fn too_many_bad_frames_end_the_connection() -> Result<()> {
    let server = Server::start()?;
    let mut raw = Raw::hello(server.url(), "mallory").await?;
    for _ in 0..32 {
        // The connection may be gone before all of them are sent.
        let _ = raw.send_text("nonsense".to_owned()).await;
    }
    assert_eq!(raw.closed().await?.0, Some(4001));
    Ok(())
}

#[tokio::test]
async fn a_connection_begins_with_hello() -> Result<()> {
    let server = Server::start()?;
    let user = json!({"id": "x", "display_name": "x"});
    let client = Uuid::now_v7();
    let table = [
        (json!({"ping": {"nonce": 1}}), "hello_expected"),
        (json!({"hello": {"protocol": 99, "client": client, "user": user, "now": 0}}), "upgrade_required"),
        (
            json!({"hello": {"protocol": 2, "client": client, "user": {"id": "", "display_name": "x"}, "now": 0}}),
            "bad_frame",
        ),
        (json!({"hello": {"protocol": 2, "client": "x", "user": user, "now": 0}}), "bad_frame"),
        (json!({"hello": {"protocol": 2, "client": client, "user": user, "now": -1}}), "bad_frame"),
    ];
    for (frame, code) in table {
        let mut raw = Raw::connect(server.url()).await?;
        raw.send(&frame).await?;
        assert_eq!(raw.closed().await?, (Some(1008), Some(code.to_owned())), "{frame}");
    }
    let mut raw = Raw::connect(server.url()).await?;
    assert_eq!(raw.closed().await?, (Some(1008), Some("hello_expected".to_owned())), "silence");
    Ok(())
}

#[tokio::test]
async fn a_client_id_belongs_to_one_user() -> Result<()> {
    let server = Server::start()?;
    let client = Uuid::now_v7();
    let mut ann = Raw::connect(server.url()).await?;
    ann.send(&hello(client, "ann")).await?;
    ann.expect("welcome").await?;
    let mut mallory = Raw::connect(server.url()).await?;
    mallory.send(&hello(client, "mallory")).await?;
    assert_eq!(mallory.closed().await?, (Some(1008), Some("client_taken".to_owned())));
    Ok(())
}

#[tokio::test]
async fn sizes_are_limited_at_their_edge() -> Result<()> {
    let server = Server::start()?;
    let mut raw = Raw::connect(server.url()).await?;
    raw.send_text(format!("{}{}", " ".repeat(4_097), hello(Uuid::now_v7(), "m"))).await?;
    assert_eq!(raw.closed().await?.0, Some(1009), "before hello");

    let (mut raw, _) = open(&server, "sizes").await?;
    let ping = r#"{"ping":{"nonce":1}}"#;
    raw.send_text(format!("{}{ping}", " ".repeat(LIMIT - ping.len()))).await?;
    raw.expect("pong").await?;
    raw.send_text(format!("{}{ping}", " ".repeat(LIMIT + 1 - ping.len()))).await?;
    assert_eq!(raw.closed().await?.0, Some(1009), "after hello");

    let mut raw = Raw::hello(server.url(), "mallory").await?;
    raw.send_binary(vec![0, 159, 146, 150]).await?;
    assert_eq!(raw.closed().await?, (Some(1003), Some("binary_frame".to_owned())));
    Ok(())
}

#[tokio::test]
async fn bad_batches_are_refused_and_consume_no_seq() -> Result<()> {
    let server = Server::start()?;
    let (mut raw, id) = open(&server, "batches").await?;
    let fine = || json!([add(Uuid::now_v7(), "x")]);
    let table = [
        (submit(&id, 1, 99, fine()), "bad_base"),
        (submit(&id, 2, 1, fine()), "seq_gap"),
        (submit(&id, 0, 1, fine()), "seq_reused"),
        (submit(&id, 1, 1, json!([])), "bad_batch"),
        (submit(&id, 1, 1, json!([{"destroyed": {}}])), "bad_batch"),
        (
            submit(
                &id,
                1,
                1,
                json!([{"text_edited": {"comment": Uuid::now_v7(), "op": [-9223372036854775808i64]}}]),
            ),
            "bad_batch",
        ),
        (
            submit(
                &id,
                1,
                1,
                json!([{"text_edited": {"comment": Uuid::now_v7(), "op": [18446744073709551615u64, 6]}}]),
            ),
            "bad_batch",
        ),
        (submit("00000000-0000-0000-0000-000000000000", 1, 1, fine()), "not_open"),
    ];
    for (frame, code) in table {
        raw.send(&frame).await?;
        let refused = raw.expect("refused").await?;
        assert_eq!(refused["code"], json!(code), "{frame}");
    }
    raw.send(&submit(&id, 1, 1, fine())).await?;
    assert_eq!(raw.expect("entry").await?["entry"]["seq"], json!(1));
    Ok(())
}

#[tokio::test]
async fn bad_changes_are_rejected_one_by_one() -> Result<()> {
    let server = Server::start()?;
    let (mut raw, id) = open(&server, "changes").await?;
    let (fine, absent) = (Uuid::now_v7(), Uuid::now_v7());
    let edit = json!({"text_edited": {"comment": absent, "op": [3]}});
    raw.send(&submit(&id, 1, 1, json!([add(fine, "fine"), edit]))).await?;
    let entry = raw.expect("entry").await?;
    let verdict = json!([{"change": 1, "outcome": {"rejected": "unknown_comment"}}]);
    assert_eq!(entry["entry"]["verdicts"], verdict);

    let edit = json!({"text_edited": {"comment": fine, "op": [3]}});
    let bad = submit(&id, 2, 2, json!([edit]));
    raw.send(&bad).await?;
    let first = raw.expect("answer").await?;
    assert_eq!(first["answer"]["result"]["rejected"][0]["outcome"]["rejected"], json!("does_not_fit"));
    raw.send(&bad).await?;
    assert_eq!(raw.expect("answer").await?, first, "a resend gets the first answer");
    Ok(())
}

#[tokio::test]
async fn a_batch_sent_twice_happens_once_even_across_a_kill() -> Result<()> {
    let mut server = Server::start()?;
    let id = server.create_review("twice")?;
    let client = Uuid::now_v7();
    let batch = submit(&id, 1, 1, json!([add(Uuid::now_v7(), "once")]));
    let mut hash = Value::Null;
    for round in 0..3 {
        let mut raw = Raw::connect(server.url()).await?;
        raw.send(&hello(client, "ann")).await?;
        raw.expect("welcome").await?;
        raw.send(&json!({"open": {"review": id}})).await?;
        raw.expect("opened").await?;
        raw.send(&batch).await?;
        match round {
            0 => {
                let frame = raw.expect("entry").await?;
                assert_eq!(frame["entry"]["version"], json!(2));
                hash = frame["hash"].clone();
            }
            _ => assert_eq!(
                raw.expect("answer").await?["answer"]["result"],
                json!({"committed": {"version": 2, "hash": hash}})
            ),
        }
        server.kill()?;
        server.restart()?;
    }
    assert_eq!(server.review(&id)?["comments"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn attacks_do_not_reach_others() -> Result<()> {
    let server = Server::start()?;
    let (mut victim, id) = open(&server, "others").await?;
    for attack in ["nonsense", r#"{"submit":{"review":1}}"#, "{\"open\":{\"review\":\"others\"}}"] {
        let mut attacker = Raw::hello(server.url(), "attacker").await?;
        attacker.send_text(attack.to_owned()).await?;
        let _ = attacker.next().await?;
        attacker.send_binary(vec![1; 100]).await?;
        attacker.closed().await?;
    }
    victim.send(&submit(&id, 1, 1, json!([add(Uuid::now_v7(), "fine")]))).await?;
    victim.expect("entry").await?;
    match victim.send(&json!({"ping": {"nonce": 5}})).await.map(|()| victim.next()) {
        Ok(next) => assert!(matches!(next.await?, Next::Frame(_))),
        Err(error) => panic!("the victim was cut off: {error}"),
    }
    Ok(())
}

#[tokio::test]
async fn a_history_that_is_not_the_servers_is_noticed() -> Result<()> {
    let server = Server::start()?;
    let (mut raw, id) = open(&server, "lost").await?;
    raw.send(&json!({"leave": {"review": id}})).await?;
    for version in [1, 7, u64::MAX] {
        let head = json!({"version": version, "hash": "ab".repeat(32)});
        raw.send(&json!({"open": {"review": id, "have": head}})).await?;
        assert_eq!(raw.expect("error").await?["code"], json!("history_lost"));
    }
    Ok(())
}
