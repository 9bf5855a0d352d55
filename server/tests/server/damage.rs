//! A damaged review is refused, by its id and with the reason; all others are served.

use std::fs::File;
use std::os::unix::fs::FileExt;

use interline_server::store::Store;
use serde_json::{Value, json};

use super::data::{Data, EDITS};
use super::support::{Running, comment, head};

/// What a server says of the damaged review: what it is, or the error. Of the others it must say nothing bad.
async fn served(data: Data) -> Result<Value, Value> {
    let server = Running::start_in(data.directory).await;
    let mut ann = server.client(1).await;
    ann.send(json!({ "open": { "review": "damaged" } })).await;
    let frame = ann.next().await;
    let shown = server.get("/api/reviews/damaged").await;
    // Another review is opened, written to and read.
    let opened = ann.open("good", None).await;
    let id = opened["review"].as_str().unwrap().to_owned();
    ann.submit(&id, &comment(1, 1, 20, "still here")).await;
    assert_eq!(head(&ann.next().await)["version"], 2);
    let good = server.get("/api/reviews/good").await;
    assert!(good.status == 200 && good.body.contains("still here"), "{}", good.body);
    assert_eq!(server.get("/readyz").await.status, 200);
    server.stop().await;
    match frame.get("opened") {
        Some(opened) => {
            assert_eq!(shown.status, 200);
            Ok(opened.clone())
        }
        None => {
            assert_eq!((shown.status, &shown.json()["retryable"]), (500, &json!(false)), "{}", shown.body);
            Err(frame["error"].clone())
        }
    }
}

fn text(opened: &Value) -> String {
    let comments = opened["snapshot"]["comments"].as_object().unwrap();
    comments.values().next().unwrap()["text"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_review_is_refused_by_name() {
    // Without its snapshot the whole log is read.
    let whole = Data::new().await;
    whole.damage("DELETE FROM snapshots WHERE review = ?1").await;
    let mut trimmed = Data::new().await;
    trimmed.trim().await;
    for (data, sql, why) in [
        (
            &whole,
            "UPDATE entries SET payload = replace(payload, 'user-1', 'user-2') WHERE review = ?1 AND version = 7",
            "the chain of hashes breaks at entry 7",
        ),
        (
            &whole,
            "UPDATE entries SET hash = zeroblob(32) WHERE review = ?1 AND version = 7",
            "breaks at entry 7",
        ),
        (&whole, "UPDATE entries SET hash = x'00' WHERE review = ?1 AND version = 7", "a hash of 1 bytes"),
        (&whole, "DELETE FROM entries WHERE review = ?1 AND version = 41", "its log ends early, at 40"),
        (&whole, "DELETE FROM entries WHERE review = ?1 AND version = 7", "breaks at entry 8"),
        (&whole, "DELETE FROM entries WHERE review = ?1", "its log ends early, at 0"),
        (&whole, "UPDATE reviews SET hash = zeroblob(32) WHERE id = ?1", "its log and its head row differ"),
        (&whole, "DELETE FROM patch_sets WHERE review = ?1", "patch set 1 is gone"),
        // The only snapshots of a log whose start was trimmed.
        (
            &trimmed,
            "UPDATE snapshots SET state = '{}' WHERE review = ?1",
            "no snapshot can be used and its log begins behind version 41",
        ),
        (&trimmed, "DELETE FROM snapshots WHERE review = ?1", "no snapshot can be used"),
    ] {
        let copy = data.copy();
        copy.damage(sql).await;
        let error = served(copy).await.expect_err(sql);
        let message = error["message"].as_str().unwrap();
        assert_eq!(error["code"], "internal");
        assert!(message.contains(why), "{sql}: {message}");
        let named = error["review"] == data.review.as_str() || message.contains(&data.review);
        assert!(named, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_head_row_hides_no_other() {
    let data = Data::new().await;
    for sql in
        ["UPDATE reviews SET hash = x'00' WHERE id = ?1", "UPDATE reviews SET version = -1 WHERE id = ?1"]
    {
        let copy = data.copy();
        copy.damage(sql).await;
        let (summary, said) = copy.verify(&[]).await;
        assert!(summary.problems == 1 && said.starts_with(&format!("review {}: ", data.review)), "{said}");
        let server = Running::start_in(copy.directory).await;
        assert_eq!(server.get("/api/reviews/damaged").await.status, 500);
        for query in ["", "?limit=1"] {
            let listed = server.get(&format!("/api/reviews{query}")).await.json();
            let keys: Vec<_> = listed["reviews"].as_array().unwrap().iter().map(|r| &r["key"]).collect();
            assert_eq!(keys, ["good"], "{listed}");
        }
        server.client(1).await.open("good", None).await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_costs_nothing_but_time() {
    let data = Data::new().await;
    let whole = "x".repeat(EDITS as usize - 1);
    assert_eq!(text(&served(data.copy()).await.unwrap()), whole);
    for sql in [
        "UPDATE snapshots SET state = replace(state, 'xxxx', 'yyyy') WHERE review = ?1",
        "UPDATE snapshots SET state = '' WHERE review = ?1",
        "UPDATE snapshots SET hash = zeroblob(32) WHERE review = ?1",
        "UPDATE snapshots SET hash = x'' WHERE review = ?1",
        "UPDATE snapshots SET version = 40 WHERE review = ?1",
        "UPDATE snapshots SET version = 99 WHERE review = ?1",
    ] {
        let copy = data.copy();
        copy.damage(sql).await;
        let opened = served(copy).await.expect(sql);
        assert_eq!((text(&opened), &opened["head"]["version"]), (whole.clone(), &json!(EDITS + 1)), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_snapshot_stands_in_for_one_that_cannot_be_read() {
    // The entries up to the older one are gone: from their start nothing can be folded.
    let mut data = Data::new().await;
    data.trim().await;
    let whole = "x".repeat(2 * EDITS as usize - 1);
    for sql in [
        "UPDATE snapshots SET hash = x'' WHERE review = ?1 AND version > 41",
        "UPDATE snapshots SET state_hash = x'00' WHERE review = ?1 AND version > 41",
        "UPDATE snapshots SET state = CAST(x'ff' AS TEXT) WHERE review = ?1 AND version > 41",
        "UPDATE snapshots SET state = '{' WHERE review = ?1 AND version > 41",
    ] {
        let copy = data.copy();
        copy.damage(sql).await;
        let opened = served(copy).await.expect(sql);
        assert_eq!((text(&opened), &opened["head"]["version"]), (whole.clone(), &json!(2 * EDITS + 1)));
    }
    let copy = data.copy();
    copy.damage("UPDATE snapshots SET hash = x'' WHERE review = ?1").await;
    let error = served(copy).await.expect_err("none is left");
    assert_eq!(error["code"], "internal");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_what_is_loaded() {
    let data = Data::new().await;
    let store = data.store().await;
    let snapshot = store.newest_snapshot(data.id(), None).await.unwrap().unwrap();
    assert_eq!(snapshot.head.version, EDITS + 1, "taken when the server stopped");
    // Otherwise nobody would notice that every entry was folded.
    let other = snapshot.state.replacen("xxxx", "xxyx", 1);
    store.put_snapshot(data.id(), snapshot.head, &other).await.unwrap();
    store.close().await;
    assert!(text(&served(data).await.unwrap()).contains('y'));
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_pages_of_the_file_are_one_reviews_trouble() {
    const PAGE: usize = 4_096;
    let server = Running::start().await;
    let review = server.review("damaged").await;
    server.review("good").await;
    let mut ann = server.client(1).await;
    ann.open("damaged", None).await;
    // A payload of several pages, which hold nothing else.
    ann.submit(&review, &comment(1, 1, 10, &"Q".repeat(5 * PAGE))).await;
    assert_eq!(head(&ann.next().await)["version"], 2);
    let data = Data { directory: server.stop().await, review, receipts: Vec::new() };
    let bytes = std::fs::read(data.path().join("interline.db")).unwrap();
    let full = |page: &[u8]| page[4..].iter().all(|byte| *byte == b'Q');
    let page = bytes.chunks(PAGE).position(full).expect("a page of nothing else");
    // Of such a page the first four bytes lead to the next, the rest is content.
    for (at, damage, why) in
        [(200, &b"R"[..], "the chain of hashes breaks at entry 2"), (0, &[0xff; 4], "malformed")]
    {
        let copy = data.copy();
        let file = File::options().write(true).open(copy.path().join("interline.db")).unwrap();
        file.write_all_at(damage, (page * PAGE + at) as u64).unwrap();
        drop(file);
        let (summary, said) = copy.verify(&[]).await;
        assert!(summary.problems > 0 && said.contains(&format!("review {}: ", data.review)), "{said}");
        let error = served(copy).await.expect_err(why);
        assert!(error["message"].as_str().unwrap().contains(why), "{error}");
        assert_eq!(error["review"], data.review.as_str());
    }
}
