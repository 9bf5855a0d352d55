//! Sessions over a real socket.

use serde_json::{Value, json};

use super::support::{Running, comment, edit, entry, head, id};

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_reaches_everybody_and_survives() {
    let server = Running::start().await;
    let review = server.review("pr-1").await;
    let (mut ann, mut bo) = (server.client(1).await, server.client(2).await);
    let opened = ann.open("pr-1", None).await;
    assert_eq!((&opened["requested"], &opened["review"]), (&"pr-1".into(), &review.clone().into()));
    assert_eq!((&opened["head"]["version"], &opened["snapshot"]["version"]), (&1.into(), &1.into()));
    bo.open(&review, None).await;

    ann.submit(&review, &comment(1, 1, 10, "hello")).await;
    let (hers, his) = (ann.next().await, bo.next().await);
    assert_eq!(hers, his, "one encoding for all");
    assert_eq!(entry(&hers), (2, 1));
    // Both edit the same version: both edits stand.
    ann.submit(&review, &edit(2, 2, 10, "a", 5)).await;
    bo.submit(&review, &edit(1, 2, 10, "b", 5)).await;
    for client in [&mut ann, &mut bo] {
        assert_eq!(entry(&client.next().await).0, 3);
        assert_eq!(entry(&client.next().await).0, 4);
    }
    let directory = server.stop().await;
    let draining = ann.next().await;
    assert!(draining.get("draining").is_some(), "{draining}");
    assert_eq!(ann.closed().await, 1001);

    let server = Running::start_in(directory).await;
    let mut cy = server.client(3).await;
    let opened = cy.open("pr-1", None).await;
    let text = opened["snapshot"]["comments"][id(10)]["text"].as_str().unwrap().to_owned();
    assert!(text == "abhello" || text == "bahello", "{text}");
    assert_eq!(opened["users"].as_array().unwrap().len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_gets_the_same_answer() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    let batch = comment(1, 1, 10, "once");
    ann.submit(&review, &batch).await;
    let first = ann.next().await;
    assert_eq!(entry(&first), (2, 1));
    let acknowledged = head(&first);
    ann.submit(&review, &batch).await;
    let answer = ann.next().await;
    assert_eq!(
        answer["answer"]["answer"]["result"],
        json!({ "committed": { "version": 2, "hash": acknowledged["hash"] } })
    );
    // Also over another connection, and another server.
    ann.close().await;
    let server = Running::start_in(server.stop().await).await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    ann.submit(&review, &batch).await;
    assert_eq!(ann.next().await["answer"]["answer"], answer["answer"]["answer"]);
    // Other bytes under the same seq are another batch, and a gap is a gap.
    ann.submit(&review, &comment(1, 1, 11, "twice")).await;
    assert_eq!(ann.next().await["refused"]["code"], "seq_reused");
    ann.submit(&review, &comment(3, 1, 11, "later")).await;
    assert_eq!(ann.next().await["refused"]["code"], "seq_gap");
    // A batch of which nothing can happen is answered, and answered alike again.
    let rejected = edit(2, 2, 99, "x", 0);
    for _ in 0..2 {
        ann.submit(&review, &rejected).await;
        let answer = ann.next().await;
        assert_eq!(answer["answer"]["answer"]["seq"], 2);
        assert_eq!(
            answer["answer"]["answer"]["result"]["rejected"][0]["outcome"]["rejected"],
            "unknown_comment"
        );
    }
    let shown = server.get("/api/reviews/pr").await.json();
    assert_eq!((&shown["version"], shown["comments"].as_array().unwrap().len()), (&2.into(), 1));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_resumes_from_what_it_has() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    // Something that makes the review larger than what happens next.
    ann.submit(&review, &comment(1, 1, 90, &"long ".repeat(1_000))).await;
    let first = head(&ann.next().await);
    ann.submit(&review, &comment(2, 2, 10, "")).await;
    let second = head(&ann.next().await);
    // More than the room keeps at hand, and more than an outbox holds.
    const EDITS: u64 = 1_500;
    for n in 0..EDITS {
        ann.submit(&review, &edit(n + 3, n + 3, 10, "x", n as usize)).await;
        assert_eq!(entry(&ann.next().await), (n + 4, n + 3));
    }
    let last = EDITS + 3;
    // From far behind by steps, what happened to one text squashed into one.
    for (have, from) in [(first.clone(), 3), (second.clone(), last)] {
        let mut bo = server.client(2).await;
        let opened = bo.open("pr", Some(have)).await;
        assert!(opened.get("snapshot").is_none());
        assert_eq!(opened["head"]["version"], last);
        let steps = opened["steps"].as_array().unwrap();
        assert_eq!(
            (steps[0]["version"].as_u64(), steps.last().unwrap()["version"].as_u64()),
            (Some(from), Some(last))
        );
        assert!(steps.len() <= 2, "{steps:?}");
        bo.send(json!({ "ping": { "nonce": 7 } })).await;
        assert_eq!(bo.next().await, json!({ "pong": { "nonce": 7 } }));
        bo.close().await;
    }
    let mut bo = server.client(2).await;
    bo.open("pr", Some(first.clone())).await;
    // Live entries come behind what was missed.
    ann.submit(&review, &edit(EDITS + 3, last, 10, "y", EDITS as usize)).await;
    assert_eq!(entry(&bo.next().await).0, last + 1);
    bo.close().await;
    for (version, hash) in [(1, "ab".repeat(32)), (last, "ab".repeat(32)), (last + 9, "ab".repeat(32))] {
        let mut bo = server.client(2).await;
        let have = json!({ "version": version, "hash": hash });
        bo.send(json!({ "open": { "review": "pr", "have": have } })).await;
        let frame = bo.next().await;
        assert_eq!(frame["error"]["code"], "history_lost", "{version}");
        assert_eq!(
            (&frame["error"]["requested"], &frame["error"]["retryable"]),
            (&"pr".into(), &false.into())
        );
        // It can still be opened afresh.
        assert!(bo.open("pr", None).await.get("snapshot").is_some());
    }
    // A batch made long ago is carried over everything since, also by a server that was not there.
    let server = Running::start_in(server.stop().await).await;
    let mut cy = server.client(3).await;
    cy.open("pr", None).await;
    cy.submit(&review, &edit(1, 3, 10, "z", 0)).await;
    assert_eq!(entry(&cy.next().await), (last + 2, 1));
    let shown = server.get("/api/reviews/pr").await.json();
    let comments = shown["comments"].as_array().unwrap();
    let text = comments.iter().find(|comment| comment["id"] == id(10)).unwrap()["text"].as_str().unwrap();
    assert_eq!((text.len() as u64, text.matches('z').count()), (EDITS + 2, 1));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_have_no_gap_while_clients_come_and_go() {
    const WRITERS: u64 = 6;
    const BATCHES: u64 = 150;
    let server = std::sync::Arc::new(Running::start().await);
    let review = server.review("pr").await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (server, review) = (server.clone(), review.clone());
        tasks.spawn(async move {
            let mut client = server.client(writer).await;
            let mut at = client.open("pr", None).await["head"]["version"].as_u64().unwrap();
            for seq in 1..=BATCHES {
                client.submit(&review, &comment(seq, at, 1_000 * (writer + 1) + seq, "x")).await;
                loop {
                    let frame = client.next().await;
                    assert_eq!(entry(&frame).0, at + 1);
                    at += 1;
                    if frame["entry"]["entry"]["client"] == id(writer) {
                        assert_eq!(entry(&frame).1, seq);
                        break;
                    }
                }
            }
        });
    }
    for reader in 0..4 {
        let server = server.clone();
        tasks.spawn(async move {
            let mut have: Option<Value> = None;
            let mut at = 0;
            while at < WRITERS * BATCHES + 1 {
                let mut client = server.client(100 + reader).await;
                let opened = client.open("pr", have.clone()).await;
                if have.is_none() {
                    at = opened["head"]["version"].as_u64().unwrap();
                    have = Some(opened["head"].clone());
                }
                // A different number of entries each time, then gone without a word.
                for _ in 0..(at * 7 + reader * 13) % 90 {
                    if at == WRITERS * BATCHES + 1 {
                        break;
                    }
                    let frame = client.next().await;
                    assert_eq!(entry(&frame).0, at + 1);
                    at += 1;
                    have = Some(head(&frame));
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let shown = server.get("/api/reviews/pr").await.json();
    assert_eq!(shown["comments"].as_array().unwrap().len() as u64, WRITERS * BATCHES);
    std::sync::Arc::into_inner(server).unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_comes_moves_and_goes() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    let mut bo = server.client(2).await;
    let opened = bo.open("pr", None).await;
    assert_eq!(opened["presence"][0]["user"]["id"], "user-1");
    let came = ann.presence().await;
    assert_eq!(
        (&came["presence"]["presence"]["user"]["id"], &came["presence"]["presence"]["active"]),
        (&"user-2".into(), &true.into())
    );
    // Of a burst only some are told, the last among them.
    for line in 1..=100 {
        let update = json!({ "active": true, "place": { "file": "file.txt", "line": line, "side": "head" } });
        bo.send(json!({ "presence": { "review": review, "update": update } })).await;
    }
    let mut told = 0;
    loop {
        let moved = ann.presence().await;
        told += 1;
        if moved["presence"]["presence"]["place"]["line"] == 100 {
            break;
        }
    }
    assert!(told < 50, "{told} of 100");
    // Leaving and breaking off look alike to others.
    bo.send(json!({ "leave": { "review": review } })).await;
    let gone = ann.presence().await;
    assert_eq!(gone["gone"]["session"], came["presence"]["presence"]["session"]);
    bo.open("pr", None).await;
    ann.presence().await;
    drop(bo);
    assert!(ann.presence().await.get("gone").is_some());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_an_error_and_never_an_empty_review() {
    let server = Running::start().await;
    let (broken, fine) = (server.review("broken").await, server.review("fine").await);
    let directory = server.stop().await;
    let file = directory.path().join("interline.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let broken_id = uuid::Uuid::parse_str(&broken).unwrap();
    let tamper = "UPDATE entries SET payload = replace(payload, 'A review', 'B review') WHERE review = ?";
    assert_eq!(sqlx::query(tamper).bind(broken_id).execute(&pool).await.unwrap().rows_affected(), 1);
    pool.close().await;

    let server = Running::start_in(directory).await;
    let mut client = server.client(1).await;
    client.send(json!({ "open": { "review": "broken" } })).await;
    let frame = client.next().await;
    assert_eq!(frame["error"]["code"], "internal");
    assert!(frame["error"]["message"].as_str().unwrap().contains(&broken), "{frame}");
    let shown = server.get("/api/reviews/broken").await;
    assert_eq!((shown.status, &shown.json()["code"]), (500, &"internal".into()));
    client.open("fine", None).await;
    client.submit(&fine, &comment(1, 1, 10, "works")).await;
    assert_eq!(entry(&client.next().await), (2, 1));
    server.stop().await;
}
