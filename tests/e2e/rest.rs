//! REST: reviews from diffs, and what is read back.

use anyhow::Result;
use interline_tests::server::Server;
use interline_tests::{DIFF, http};
use serde_json::json;

#[test]
fn a_diff_becomes_a_review() -> Result<()> {
    let server = Server::start()?;
    let url = format!("{}/api/reviews?title=First+one&key=pr-1", server.url());
    let (status, created) = http::post(&url, DIFF.as_bytes())?;
    assert_eq!(status, 201);
    let id = created["id"].as_str().unwrap_or_default();
    assert!(created["url"].as_str().is_some_and(|url| url.starts_with(server.url())));
    assert_eq!(
        http::post(&url, DIFF.as_bytes())?,
        (200, created.clone()),
        "the same again is the same review"
    );
    let (status, other) = http::post(&url, DIFF.replace("x = 2", "x = 3").as_bytes())?;
    assert_eq!((status, &other["code"]), (409, &json!("key_in_use")));

    let by_id = server.review(id)?;
    assert_eq!(by_id, server.review("pr-1")?);
    assert_eq!(
        (&by_id["title"], &by_id["status"], &by_id["version"]),
        (&json!("First one"), &json!("pending"), &json!(1))
    );
    let (status, code) = http::get(&format!("{}/api/reviews/pr-1/patchsets/1", server.url()))?;
    assert_eq!((status, &code["files"][0]["new_path"]), (200, &json!("src/lib.rs")));
    let (_, list) = http::get(&format!("{}/api/reviews", server.url()))?;
    assert_eq!(list["reviews"][0]["id"], json!(id));
    Ok(())
}

#[test]
fn a_bad_diff_is_told_by_its_line() -> Result<()> {
    let server = Server::start()?;
    let url = format!("{}/api/reviews?title=Bad", server.url());
    let cut = &DIFF[..DIFF.len() - 20];
    let table = [("", "empty", false), ("hello\nworld\n", "not_a_diff", true), (cut, "truncated", true)];
    for (diff, code, has_line) in table {
        let (status, error) = http::post(&url, diff.as_bytes())?;
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{error}");
        assert_eq!(error["line"].is_u64(), has_line, "{error}");
        assert_eq!(error["retryable"], json!(false));
    }
    let (_, list) = http::get(&format!("{}/api/reviews", server.url()))?;
    assert_eq!(list["reviews"], json!([]), "nothing was created");
    Ok(())
}

/// As `git diff --ignore-blank-lines -U1` prints it where an empty line came between the two hunks.
const HIDES: &str = "diff --git a/f b/f
index e5b5d33..c2d3a0b 100644
--- a/f
+++ b/f
@@ -2,3 +2,3 @@ line 1
 line 2
-line 3
+line three
 line 4
@@ -34,3 +35,3 @@ line 33
 line 34
-line 35
+line thirty-five
 line 36
";

#[test]
fn a_diff_that_hides_changes_is_refused_by_its_hunk() -> Result<()> {
    let server = Server::start()?;
    let honest = HIDES.replace("+35,3", "+34,3");
    let url = format!("{}/api/reviews?key=pr", server.url());
    for path in ["reviews?key=pr", "reviews/pr/patchsets"] {
        let (status, error) = http::post(&format!("{}/api/{path}", server.url()), HIDES.as_bytes())?;
        assert_eq!((status, &error["code"], &error["line"]), (400, &json!("hides_changes"), &json!(10)));
        // The first time round there is no review yet, the second time there is.
        http::post(&url, honest.as_bytes())?;
    }
    assert_eq!(server.review("pr")?["patch_set"], json!(1));
    Ok(())
}

#[test]
fn requests_that_cannot_be_answered_say_why() -> Result<()> {
    let server = Server::start()?;
    let long = "x".repeat(201);
    let table = [
        ("/api/reviews/nothing-here".to_owned(), 404, "unknown_review"),
        ("/api/reviews/nothing-here/patchsets/1".to_owned(), 404, "unknown_review"),
        ("/api/nothing".to_owned(), 404, "not_found"),
    ];
    for (path, status, code) in table {
        let (found, error) = http::get(&format!("{}{path}", server.url()))?;
        assert_eq!((found, &error["code"]), (status, &json!(code)), "{path}");
    }
    let (status, error) = http::post(&format!("{}/api/reviews?title={long}", server.url()), DIFF.as_bytes())?;
    assert_eq!((status, error["retryable"].clone()), (400, json!(false)));
    assert_eq!(http::get(&format!("{}/healthz", server.url()))?.0, 200);
    assert_eq!(http::get(&format!("{}/readyz", server.url()))?.0, 200);
    Ok(())
}

#[test]
fn a_diff_may_have_ten_megabytes_and_no_more() -> Result<()> {
    let server = Server::start()?;
    let url = format!("{}/api/reviews?title=Large", server.url());
    let line = format!("+{}\n", "x".repeat(98));
    let lines = 100_000;
    let head = format!("--- a/x\n+++ b/x\n@@ -0,0 +1,{lines} @@\n");
    let mut diff = head + &line.repeat(lines);
    assert!(diff.len() < 10 << 20 && diff.len() > 9 << 20);
    assert_eq!(http::post(&url, diff.as_bytes())?.0, 201);
    diff.push_str(&"x".repeat((10 << 20) + 1 - diff.len()));
    let (status, error) = http::post(&url, diff.as_bytes())?;
    assert_eq!((status, &error["code"]), (413, &json!("too_large")));
    Ok(())
}
