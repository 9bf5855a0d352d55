//! New states of the code under review, over HTTP, and what becomes of comments.

use std::sync::Arc;

use interline_server::Server;
use interline_server::store::SqliteStore;
use interline_server::verify::verify;
use serde_json::{Value, json};

use super::support::{DIFF, Running, comment, config, entry, id, timing};
use crate::faulty::{Fault, Faulty};

/// The line that comments are on is one further down.
const NEXT: &str = "--- a/file.txt\n+++ b/file.txt\n@@ -1,2 +1,3 @@\n+first\n same\n-old\n+new\n";
/// It is gone.
const GONE: &str = "--- a/file.txt\n+++ b/file.txt\n@@ -1,2 +1,2 @@\n same\n-old\n+otherwise\n";

async fn add(server: &Running, query: &str, diff: &str) -> (u16, Value) {
    let response = server.post(&format!("/api/reviews/pr/patchsets{query}"), diff.as_bytes()).await;
    (response.status, response.json())
}

/// Where the only comment stands, by REST.
async fn standing(server: &Running) -> Value {
    let shown = server.get("/api/reviews/pr").await.json();
    let comment = &shown["comments"][0];
    json!([comment["anchor"]["patch_set"], comment["anchor"]["line"], comment["standing"]["state"]])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_diff_moves_comments_with_their_lines() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let (mut ann, mut bo) = (server.client(1).await, server.client(2).await);
    ann.open("pr", None).await;
    bo.open("pr", None).await;
    ann.submit(&review, &comment(1, 1, 10, "here")).await;
    ann.next().await;
    bo.next().await;
    assert_eq!(add(&server, "", NEXT).await, (201, json!({"review": review, "number": 2})));
    let (told, also) = (ann.next().await, bo.next().await);
    assert_eq!(told, also);
    assert_eq!(entry(&told), (3, 1));
    let fact = &told["entry"]["entry"]["facts"][0]["patch_set_added"];
    assert_eq!((&fact["number"], fact["moves"][0]["anchor"]["line"].as_u64()), (&2.into(), Some(3)));
    assert_eq!(standing(&server).await, json!([2, 3, "moved"]));

    // A comment on the patch set before, on its way meanwhile, lands where its line is now.
    bo.submit(&review, &comment(1, 2, 11, "late")).await;
    let late = bo.next().await;
    let fact = &late["entry"]["entry"]["facts"][0]["comment_added"];
    assert_eq!(fact["place"]["line"]["line"], 3);
    assert_eq!(fact["standing"]["written"]["line"], 2);
    // Neither had seen the other's when they wrote... Bo had: nothing is said.
    assert!(fact.get("beside").is_none(), "{fact}");
    ann.next().await;

    assert_eq!(add(&server, "", GONE).await.0, 201);
    let told = ann.next().await;
    let gone = &told["entry"]["entry"]["facts"][0]["patch_set_added"]["moves"][0];
    assert_eq!(gone["standing"]["context"][2], json!({"line": 3, "text": "new"}));
    assert_eq!(gone["standing"]["file"], "file.txt");
    assert_eq!(standing(&server).await, json!([2, 3, "outdated"]));
    let newest = server.get("/api/reviews/pr/patchsets/3").await.json();
    assert_eq!(newest["files"][0]["hunks"][0]["lines"][2], "+otherwise");
    let all = server.get("/api/reviews/pr/patchsets").await.json();
    assert_eq!(all, json!({"patch_sets": [{"number": 1}, {"number": 2}, {"number": 3}]}));

    // All of it from the store, and nothing there is wrong.
    drop((ann, bo));
    server.vacated().await;
    assert_eq!(standing(&server).await, json!([2, 3, "outdated"]));
    assert_eq!(
        server.get("/api/reviews/pr?version=3").await.json()["comments"][0]["standing"]["state"],
        "moved"
    );
    let mut away = server.client(3).await;
    let opened = away.open("pr", None).await;
    assert_eq!(opened["snapshot"]["comments"][id(10)]["standing"]["state"], "outdated");
    away.submit(&review, &comment(1, 5, 12, "on the first")).await;
    let placed = away.next().await["entry"]["entry"]["facts"][0]["comment_added"].clone();
    assert_eq!(placed["standing"]["state"], "outdated");
    drop(away);
    let directory = server.stop().await;
    let mut said = Vec::new();
    let summary = verify(directory.path(), &[], &mut said).await.unwrap();
    assert_eq!(summary.problems, 0, "{}", String::from_utf8_lossy(&said));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_again_is_the_same_patch_set() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let number = |number: u32| json!({"review": review, "number": number});
    let keyed = |number: u32| json!({"review": review, "number": number, "key": "push-1"});
    assert_eq!(add(&server, "", DIFF).await, (200, number(1)), "the newest one's diff again");
    assert_eq!(add(&server, "?key=push-1", NEXT).await, (201, keyed(2)));
    assert_eq!(add(&server, "", GONE).await, (201, number(3)));
    assert_eq!(add(&server, "", GONE).await, (200, number(3)));
    assert_eq!(add(&server, "?key=push-1", NEXT).await, (200, keyed(2)), "whatever came since");
    let (status, other) = add(&server, "?key=push-1", DIFF).await;
    assert_eq!((status, &other["code"]), (409, &"key_in_use".into()));
    assert_eq!(add(&server, "", NEXT).await, (201, number(4)), "an older one's again is a new one");
    // Many at the same time: each differs, each gets a number of its own; those that do not are one.
    let diffs: Vec<String> = (0..4).map(|n| NEXT.replace("first", &format!("first {}", n / 2))).collect();
    let mut posts: Vec<(u16, u64)> =
        futures_util::future::join_all(diffs.iter().map(|diff| add(&server, "", diff)))
            .await
            .into_iter()
            .map(|(status, body)| (status, body["number"].as_u64().unwrap_or_else(|| panic!("{body}"))))
            .collect();
    posts.sort_unstable();
    let made = posts.iter().filter(|(status, _)| *status == 201).count() as u64;
    let shown = server.get("/api/reviews/pr").await.json();
    assert_eq!(shown["patch_set"].as_u64(), Some(4 + made), "{posts:?}");
    assert!((2..=4).contains(&made), "{posts:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_told_apart() {
    let server = Running::start().await;
    server.review("pr").await;
    let (status, body) = add(&server, "", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-old\n").await;
    assert_eq!((status, &body["code"], &body["line"]), (400, &"truncated".into(), &4.into()));
    let (status, body) = add(&server, "?key=a%20b", NEXT).await;
    assert_eq!((status, &body["code"]), (400, &"bad_key".into()));
    let unknown = server.post("/api/reviews/none/patchsets", NEXT.as_bytes()).await;
    assert_eq!((unknown.status, &unknown.json()["code"]), (404, &"unknown_review".into()));
    let wrong = server.ask("DELETE", "/api/reviews/pr/patchsets", &[], b"").await;
    assert_eq!(wrong.status, 405);
    let elsewhere = [("Origin", "http://elsewhere.example")];
    let refused = server.ask("POST", "/api/reviews/pr/patchsets", &elsewhere, NEXT.as_bytes()).await;
    assert_eq!(refused.status, 403);
    let diff = |n: u32| NEXT.replace("first", &format!("first {n}"));
    for n in 2..=100 {
        assert_eq!(add(&server, "", &diff(n)).await.0, 201);
    }
    let (status, body) = add(&server, "", &diff(101)).await;
    assert_eq!(
        (status, &body["code"], &body["retryable"]),
        (409, &"too_many_patch_sets".into(), &false.into())
    );
    assert_eq!(add(&server, "", &diff(100)).await.0, 200, "but what is there is found");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_has_it_once_or_not_at_all() {
    let (server, store) = Running::faulty().await;
    let review = server.review("pr").await;
    let fail = |fault| store.faults.lock().unwrap().push_back(fault);
    fail(Fault::Full);
    let (status, body) = add(&server, "", NEXT).await;
    assert_eq!((status, &body["code"], &body["retryable"]), (503, &"store_failed".into(), &true.into()));
    assert_eq!(server.get("/api/reviews/pr").await.json()["patch_set"], 1);
    assert_eq!(server.get("/api/reviews/pr/patchsets/2").await.status, 404);
    // It did happen, and the log says so when it is appended again.
    fail(Fault::SilentlyDone);
    assert_eq!(add(&server, "", NEXT).await, (200, json!({"review": review, "number": 2})));
    fail(Fault::Silent);
    assert_eq!(add(&server, "", GONE).await, (201, json!({"review": review, "number": 3})));
    let shown = server.get("/api/reviews/pr").await.json();
    assert_eq!((&shown["patch_set"], &shown["version"]), (&3.into(), &3.into()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_s_patch_set_moves_this_one_s_comments() {
    let directory = tempfile::tempdir().unwrap();
    let store = Faulty::new(Arc::new(SqliteStore::open(directory.path()).await.unwrap()), &[]);
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let own = tempfile::tempdir().unwrap();
        let server = Server::start_over(store.clone(), config(own.path()), timing()).await.unwrap();
        nodes.push((Running::elsewhere(server.address(), own), server));
    }
    let [(here, here_server), (there, there_server)] = <[_; 2]>::try_from(nodes).ok().unwrap();
    let review = here.review("pr").await;
    let mut ann = here.client(1).await;
    ann.open("pr", None).await;
    assert_eq!(add(&there, "", NEXT).await.0, 201);
    // This server has not heard of it: its append loses, it reads what came, and the comment goes behind that.
    ann.submit(&review, &comment(1, 1, 10, "here")).await;
    assert_eq!(entry(&ann.next().await).0, 2);
    let placed = ann.next().await["entry"]["entry"]["facts"][0]["comment_added"].clone();
    assert_eq!(
        (&placed["place"]["line"]["line"], &placed["standing"]["state"]),
        (&3.into(), &"moved".into())
    );
    // And one of its own is overtaken the same way.
    assert_eq!(add(&there, "", GONE).await.0, 201);
    assert_eq!(add(&here, "", NEXT).await, (201, json!({"review": review, "number": 4})));
    drop(ann);
    here_server.stop().await;
    there_server.stop().await;
}
