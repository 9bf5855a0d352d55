//! A server that was restored from an older copy of its database.

use std::path::Path;

use serde_json::json;

use super::support::{Running, comment, entry, head};

fn copy(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.file_name().to_string_lossy().starts_with("interline.db") {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

fn remove_database(directory: &Path) {
    for file in std::fs::read_dir(directory).unwrap() {
        let file = file.unwrap();
        if file.file_name().to_string_lossy().starts_with("interline.db") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_history_is_told_and_what_is_left_of_it() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    let mut heads = vec![];
    for seq in 1..=3 {
        ann.submit(&review, &comment(seq, seq, 10 + seq, "kept")).await;
        heads.push(head(&ann.next().await));
    }
    let (backup, directory) = (tempfile::tempdir().unwrap(), server.stop().await);
    copy(directory.path(), backup.path());

    let server = Running::start_in(directory).await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    for seq in 4..=6 {
        ann.submit(&review, &comment(seq, seq, 10 + seq, "lost")).await;
        heads.push(head(&ann.next().await));
    }
    let directory = server.stop().await;
    remove_database(directory.path());
    copy(backup.path(), directory.path());

    let server = Running::start_in(directory).await;
    let mut bo = server.client(2).await;
    bo.open("pr", None).await;
    // Other entries come where the lost ones were.
    for seq in 1..=4 {
        bo.submit(&review, &comment(seq, 4, 20 + seq, "other")).await;
        assert_eq!(entry(&bo.next().await), (4 + seq, seq));
    }
    let mut ann = server.client(1).await;
    let in_flight = json!({ "seq": 7, "base": 7, "comments": [] });
    for have in &heads[3..] {
        let open = json!({ "review": "pr", "have": have, "in_flight": in_flight });
        let error = ann.ask_to_open(open).await["error"].clone();
        assert_eq!((&error["code"], &error["retryable"]), (&"history_lost".into(), &false.into()));
    }
    // Under a new id it learns what is left.
    for (known, held) in
        [(vec![5, 4, 3, 2, 1, 0], Some(4)), (vec![0, 1, 5], Some(3)), (vec![5, 4, 3], None), (vec![], None)]
    {
        let known: Vec<_> = known.into_iter().map(|n: usize| &heads[n]).collect();
        let open = json!({ "review": "pr", "client": super::support::id(50), "known": known });
        let opened = ann.ask_to_open(open).await["opened"].clone();
        assert_eq!(opened.get("held").and_then(serde_json::Value::as_u64), held);
        assert!(opened["snapshot"]["version"] == 8 && opened.get("last").is_none());
        ann.send(json!({ "leave": { "review": review } })).await;
    }
    let known = vec![&heads[0]; 64];
    let opened = ann.ask_to_open(json!({ "review": "pr", "known": known })).await;
    assert_eq!(opened["opened"]["held"], 2);
    ann.send(json!({ "leave": { "review": review } })).await;
    let known = vec![&heads[0]; 65];
    let error = ann.ask_to_open(json!({ "review": "pr", "known": known })).await["error"].clone();
    assert_eq!((&error["code"], &error["requested"]), (&"bad_frame".into(), &"pr".into()));
    // Who has what is still there goes on from it, though the last answer is older than theirs.
    let opened = ann.ask_to_open(json!({ "review": "pr", "have": heads[2] })).await["opened"].clone();
    assert_eq!(opened["last"]["seq"], 3);
    assert_eq!(entry(&ann.next().await).0, 5);
    server.stop().await;
}

/// A browser may keep code, and asks by its tag whether that is still what has its number.
#[tokio::test(flavor = "multi_thread")]
async fn code_that_came_where_other_was_lost_has_another_tag() {
    let server = Running::start().await;
    server.review("pr").await;
    let (backup, directory) = (tempfile::tempdir().unwrap(), server.stop().await);
    copy(directory.path(), backup.path());

    let path = "/api/reviews/pr/patchsets/2";
    let with = |line: &str| format!("--- a/f\n+++ b/f\n@@ -0,0 +1 @@\n+{line}\n").into_bytes();
    let server = Running::start_in(directory).await;
    server.post("/api/reviews/pr/patchsets", &with("lost")).await;
    let kept = server.get(path).await;
    // Names and values of headers are in small letters here.
    let told = kept.header("etag").expect("a tag").to_owned();
    let tag = told.replacen("w/", "W/", 1);
    for tags in [tag.clone(), format!("\"other\", {tag}"), tag.trim_start_matches("W/").to_owned()] {
        let known = server.ask("GET", path, &[("If-None-Match", &tags)], b"").await;
        assert_eq!((known.status, known.body.as_str(), known.header("etag")), (304, "", Some(&*told)));
        assert_eq!(known.header("cache-control"), Some("private, no-cache"));
    }
    let directory = server.stop().await;
    remove_database(directory.path());
    copy(backup.path(), directory.path());

    let server = Running::start_in(directory).await;
    let gone = server.ask("GET", path, &[("If-None-Match", &tag)], b"").await;
    assert_eq!(gone.status, 404, "{}", gone.body);
    server.post("/api/reviews/pr/patchsets", &with("other")).await;
    let other = server.ask("GET", path, &[("If-None-Match", &tag)], b"").await;
    assert_eq!(other.status, 200);
    assert_eq!(other.json()["files"][0]["hunks"][0]["lines"][0], "+other");
    assert_ne!(other.header("etag"), Some(&*told));
    server.stop().await;
}
