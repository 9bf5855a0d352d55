//! The HTTP interface.

use interline_server::Server;

use super::support::{DIFF, Running, comment, config, id, timing};

fn code(response: &super::support::Response) -> String {
    let error = response.json();
    assert!(error["message"].is_string() && error["retryable"].is_boolean(), "{error}");
    error["code"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diff_becomes_a_review() {
    let server = Running::start().await;
    let created = server.post("/api/reviews?title=Fix%20it&key=org/pr-1", DIFF.as_bytes()).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let review = created.json();
    assert_eq!(review["key"], "org/pr-1");
    assert_eq!(review["url"], format!("http://{}/r/org%2Fpr-1", server.address));
    assert_eq!(created.header("location").unwrap(), review["url"].as_str().unwrap().to_ascii_lowercase());

    // The same again is the same review, another diff a conflict.
    let again = server.post("/api/reviews?title=Other&key=org/pr-1", DIFF.as_bytes()).await;
    assert_eq!((again.status, again.json()), (200, review.clone()));
    let other = server.post("/api/reviews?key=org/pr-1", DIFF.replace("new", "newer").as_bytes()).await;
    assert_eq!((other.status, code(&other).as_str()), (409, "key_in_use"));

    let id = review["id"].as_str().unwrap();
    for name in [id, "org/pr-1", "org%2Fpr-1"] {
        let shown = server.get(&format!("/api/reviews/{name}")).await;
        assert_eq!(shown.status, 200, "{name}: {}", shown.body);
        let shown = shown.json();
        assert_eq!(
            (&shown["id"], &shown["title"], &shown["status"]),
            (&review["id"], &"Fix it".into(), &"pending".into())
        );
        assert_eq!((shown["version"].as_u64(), shown["patch_set"].as_u64()), (Some(1), Some(1)));
        assert_eq!(
            (shown["comments"].as_array().unwrap().len(), shown["hash"].as_str().unwrap().len()),
            (0, 64)
        );
        let diff = server.get(&format!("/api/reviews/{name}/patchsets/1")).await;
        assert_eq!((diff.status, diff.json()["files"][0]["new_path"].as_str()), (200, Some("file.txt")));
        assert_eq!(diff.header("cache-control"), Some("private, no-cache"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_diffs_say_which_line() {
    let server = Running::start().await;
    for (diff, expected, line) in [
        ("", "empty", None),
        ("hello\nworld\n", "not_a_diff", Some(2)),
        ("--- a/f\n+++ b/f\n@@ nonsense @@\n", "bad_hunk_header", Some(3)),
        ("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-old\n", "truncated", Some(4)),
    ] {
        let response = server.post("/api/reviews", diff.as_bytes()).await;
        assert_eq!((response.status, code(&response).as_str()), (400, expected));
        assert_eq!(response.json()["line"].as_u64(), line);
        assert_eq!(response.json()["retryable"], false);
    }
    let large = server.post("/api/reviews", &vec![b'x'; 10 * 1024 * 1024 + 1]).await;
    assert_eq!((large.status, code(&large).as_str()), (413, "too_large"));
    for (query, expected) in [
        ("title=a%0Ab", "bad_title"),
        ("key=a%20b", "bad_key"),
        ("key=00000000-0000-0000-0000-000000000001", "bad_key"),
    ] {
        let response = server.post(&format!("/api/reviews?{query}"), DIFF.as_bytes()).await;
        assert_eq!((response.status, code(&response).as_str()), (400, expected));
    }
    assert!(server.get("/api/reviews").await.json()["reviews"].as_array().unwrap().is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_are_listed_newest_first() {
    let server = Running::start().await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.insert(0, server.review(&format!("pr-{n}")).await);
    }
    let mut client = server.client(1).await;
    client.open("pr-4", None).await;
    client.submit(&made[0], &comment(1, 1, 10, "hi")).await;
    client.next().await;
    let first = server.get("/api/reviews?limit=3").await.json();
    let ids = |list: &serde_json::Value| -> Vec<String> {
        list["reviews"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&first), made[..3]);
    let newest = &first["reviews"][0];
    assert_eq!(
        (&newest["key"], &newest["comments"], &newest["version"]),
        (&"pr-4".into(), &1.into(), &2.into())
    );
    let next = first["next"].as_str().unwrap();
    let second = server.get(&format!("/api/reviews?limit=3&after={next}")).await.json();
    assert_eq!(ids(&second), made[3..]);
    assert!(second.get("next").is_none());
    let bad = server.get("/api/reviews?limit=many").await;
    assert_eq!((bad.status, code(&bad).as_str()), (400, "bad_query"));
    // Whoever asks hears which parameter it is.
    for (query, name) in [
        ("/api/reviews?limit=many", "limit"),
        ("/api/reviews?limit=-1", "limit"),
        ("/api/reviews?limit=3&after=me", "after"),
        ("/api/reviews/pr-4?version=", "version"),
        ("/api/reviews/pr-4?version=1&version=2", "version"),
        ("/api/reviews?limit=1&limit=2", "limit"),
        ("/api/reviews/pr-4/log?after=soon", "after"),
        ("/api/reviews/pr-4/log?wait=long", "wait"),
    ] {
        let bad = server.get(query).await;
        assert_eq!((bad.status, code(&bad).as_str()), (400, "bad_query"), "{query}");
        let message = bad.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(name), "{query}: {message}");
    }

    let shown = server.get("/api/reviews/pr-4").await.json();
    let comment = &shown["comments"][0];
    assert_eq!(
        (&comment["id"], &comment["thread"], &comment["text"]),
        (&id(10).into(), &id(10).into(), &"hi".into())
    );
    assert_eq!(
        (&comment["author"]["display_name"], &comment["anchor"]["line"]),
        (&"User 1".into(), &2.into())
    );
    assert_eq!((&comment["resolved"], &comment["removed"]), (&false.into(), &false.into()));
    assert_eq!(shown["users"][0]["id"], "user-1");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_has_one_shape() {
    let server = Running::start().await;
    let id = server.review("there").await;
    for (method, path, status, expected) in [
        ("GET", "/api/nothing".to_owned(), 404, "not_found"),
        ("GET", "/api".to_owned(), 404, "not_found"),
        ("GET", "/api/reviews/absent".to_owned(), 404, "unknown_review"),
        ("GET", "/api/reviews/absent/patchsets/1".to_owned(), 404, "unknown_review"),
        ("GET", format!("/api/reviews/{id}/patchsets/2"), 404, "not_found"),
        ("GET", format!("/api/reviews/{id}/patchsets/x"), 404, "not_found"),
        ("DELETE", format!("/api/reviews/{id}"), 405, "method_not_allowed"),
        ("PUT", "/api/reviews".to_owned(), 405, "method_not_allowed"),
        ("POST", "/healthz".to_owned(), 405, "method_not_allowed"),
        ("POST", "/".to_owned(), 405, "method_not_allowed"),
        ("GET", "/api/socket".to_owned(), 400, "websocket_expected"),
        ("GET", "/missing.js".to_owned(), 404, "not_found"),
    ] {
        let response = server.ask(method, &path, &[], b"").await;
        assert_eq!((response.status, code(&response).as_str()), (status, expected), "{method} {path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_pages_are_refused() {
    let server = Running::start().await;
    let evil = [("Origin", "http://evil.example")];
    let response = server.ask("POST", "/api/reviews", &evil, DIFF.as_bytes()).await;
    assert_eq!((response.status, code(&response).as_str()), (403, "origin_not_allowed"));
    let response = server.ask("GET", "/api/socket", &evil, b"").await;
    assert_eq!((response.status, code(&response).as_str()), (403, "origin_not_allowed"));
    let response = server.ask("GET", "/api/reviews", &[("Host", "evil.example")], b"").await;
    assert_eq!((response.status, code(&response).as_str()), (403, "host_not_allowed"));
    let own = format!("http://localhost:{}", server.address.port());
    let response = server.ask("POST", "/api/reviews", &[("Origin", &own)], DIFF.as_bytes()).await;
    assert_eq!(response.status, 201);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_pages() {
    let server = Running::start().await;
    assert_eq!(server.get("/healthz").await.json()["rooms"], 0);
    server.review("pr").await;
    assert_eq!(server.get("/api/reviews/pr").await.status, 200);
    assert_eq!(server.get("/healthz").await.json()["rooms"], 1);
    assert_eq!(server.get("/readyz").await.json()["status"], "ready");
    for _ in 0..50 {
        if server.get("/healthz").await.json()["rooms"] == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(server.get("/healthz").await.json()["rooms"], 0, "an idle room goes");

    let page = server.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let banner = server.banner();
    assert_eq!(banner.lines().next().unwrap(), format!("interline listening on http://{}", server.address));
    assert!(banner.contains("curl --data-binary @-"));
    server.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_one_servers_whatever_leads_to_it() {
    let server = Running::start().await;
    let second = async |directory: &std::path::Path| {
        let refused =
            Server::start(config(directory), timing()).await.err().expect("it is in use").to_string();
        assert!(refused.contains("interline.db is in use by another server"), "{refused}");
    };
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("interline.db");
    std::os::unix::fs::symlink(server.directory.path().join("interline.db"), link).unwrap();
    second(elsewhere.path()).await;
    std::fs::remove_file(server.directory.path().join("lock")).unwrap();
    second(server.directory.path()).await;
    server.review("pr").await;
    // Once that one has ended, it is to be had by either way.
    let directory = server.stop().await;
    let linked = Running::with(config(elsewhere.path()), elsewhere).await;
    assert_eq!(linked.get("/api/reviews/pr").await.status, 200);
    linked.stop().await;
    drop(directory);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_is_said_with_the_remedy() {
    let server = Running::start().await;
    let refused = Server::start(config(server.directory.path()), timing()).await.err().unwrap().to_string();
    assert!(refused.contains("in use by another server") && refused.contains("--data-dir"), "{refused}");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut taken = config(elsewhere.path());
    taken.listen = server.address;
    let refused = Server::start(taken, timing()).await.err().unwrap().to_string();
    assert!(refused.contains("port") && refused.contains("--listen"), "{refused}");
    let file = elsewhere.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = Server::start(config(&file), timing()).await.err().unwrap().to_string();
    assert!(refused.contains("cannot write") && !refused.contains('\n'), "{refused}");
    server.stop().await;
}
