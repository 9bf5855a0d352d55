//! How comments came to be, over the socket and by REST.

use interline_core::review::CommentHistory;
use serde_json::{Value, json};

use super::opening::edited;
use super::settling::trim;
use super::support::{Client, Response, Running, comment, edit, entry, id};

async fn history(client: &mut Client, review: &str, comment: u64, after: u64) -> Value {
    let asked = json!({ "review": review, "comment": id(comment), "after": after, "nonce": 5 });
    client.send(json!({ "history": asked })).await;
    client.next().await
}

fn parsed(frame: &Value) -> CommentHistory {
    assert_eq!(frame["history"]["nonce"], 5, "{frame}");
    serde_json::from_value(frame["history"]["history"].clone()).unwrap()
}

fn code(response: &Response) -> (u16, String) {
    (response.status, response.json()["code"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_tells_how_it_came_to_be() {
    let server = Running::start().await;
    let (review, mut ann, _) = edited(&server, 5).await;
    let mut bo = server.client(2).await;
    bo.open("pr", None).await;
    bo.submit(&review, &edit(1, 8, 10, "b", 5)).await;
    bo.next().await;
    ann.next().await;
    let whole = parsed(&history(&mut ann, &review, 10, 0).await);
    assert_eq!((whole.added, whole.from, whole.to, whole.complete), (3, 3, 9, true));
    assert_eq!((whole.text.as_str(), whole.edits.len(), whole.author.as_str()), ("", 6, "user-1"));
    let last = whole.edits.last().unwrap();
    assert_eq!((last.version, last.by.as_str()), (9, "user-2"));
    assert!(last.at > 0);
    for after in 0..12 {
        let part = parsed(&history(&mut ann, &review, 10, after).await);
        let from = after.clamp(3, 9);
        assert_eq!((part.from, part.to, part.edits.len() as u64), (from, 9, 9 - from));
        assert_eq!(Some(&part.text), whole.text_at(from).unwrap().as_ref());
        let path = format!("/api/reviews/pr/comments/{}/history?after={after}", id(10));
        assert_eq!(server.get(&path).await.json(), serde_json::to_value(&part).unwrap());
    }
    // A comment that nobody has edited, and one that is not there.
    let other = parsed(&history(&mut ann, &review, 90, 0).await);
    assert_eq!((other.from, other.to, other.edits.len()), (2, 9, 0));
    let error = history(&mut ann, &review, 77, 0).await["error"].clone();
    assert_eq!((&error["code"], &error["nonce"]), (&"unknown_comment".into(), &5.into()));
    assert!(error["message"].as_str().unwrap().contains(&id(77)) && error["retryable"] == false);
    let error = history(&mut server.client(3).await, &review, 10, 0).await["error"].clone();
    assert_eq!((&error["code"], &error["nonce"]), (&"not_open".into(), &5.into()));
    // Many at once are worked on one after another, and past a bound refused.
    for nonce in 0..100 {
        let asked = json!({ "review": review, "comment": id(10), "nonce": nonce });
        ann.send(json!({ "history": asked })).await;
    }
    let (mut answered, mut refused) = (Vec::new(), 0);
    while answered.len() + refused < 100 {
        let frame = ann.next().await;
        match frame["history"]["nonce"].as_u64() {
            Some(nonce) => answered.push(nonce),
            None => {
                assert_eq!(
                    (&frame["error"]["code"], &frame["error"]["retryable"]),
                    (&"overloaded".into(), &true.into())
                );
                refused += 1;
            }
        }
    }
    assert!(answered.len() >= 16 && answered.is_sorted(), "{answered:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_comes_in_parts() {
    let server = Running::start().await;
    let (review, mut ann, _) = edited(&server, 1_001).await;
    let mut whole = parsed(&history(&mut ann, &review, 10, 0).await);
    assert_eq!((whole.edits.len(), whole.complete, whole.to), (1_000, false, 1_003));
    let rest = parsed(&history(&mut ann, &review, 10, whole.to).await);
    assert_eq!((rest.edits.len(), rest.complete, rest.text.len()), (1, true, 1_000));
    whole.extend(rest);
    assert_eq!(whole.text_at(1_004).unwrap().unwrap(), "x".repeat(1_001));
    // Few but large edits as well.
    let text = "y".repeat(30_000);
    ann.submit(&review, &comment(1_004, 1_004, 11, "")).await;
    ann.next().await;
    for n in 0..80u64 {
        let op = if n % 2 == 0 { json!([text]) } else { json!([-30_000]) };
        let change = json!({ "text_edited": { "comment": id(11), "op": op } });
        ann.submit(&review, &json!({ "seq": 1_005 + n, "base": 1_005 + n, "changes": [change] })).await;
        assert_eq!(entry(&ann.next().await).0, 1_006 + n);
    }
    let frame = history(&mut ann, &review, 11, 0).await;
    assert!(frame.to_string().len() <= 1 << 20);
    let mut large = parsed(&frame);
    // 34 insertions of this size and their entries fit, and the deletions between them.
    assert_eq!((large.edits.len(), large.complete), (68, false));
    large.extend(parsed(&history(&mut ann, &review, 11, large.to).await));
    assert_eq!((large.edits.len(), large.complete, large.to), (80, true, 1_085));
    assert_eq!(large.text_at(1_084).unwrap().unwrap(), text);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_and_comments_can_be_seen_as_they_were() {
    let (server, store) = Running::faulty().await;
    let (review, _ann, heads) = edited(&server, 20).await;
    let at = |version: u64| format!("/api/reviews/pr/comments/{}?version={version}", id(10));
    let whole = |version: u64| format!("/api/reviews/pr?version={version}");
    for version in 3..=23 {
        let seen = server.get(&at(version)).await.json();
        assert_eq!(
            (&seen["text"], &seen["version"]),
            (&"x".repeat(version as usize - 3).into(), &version.into())
        );
        assert_eq!((&seen["last"]["version"], &seen["last"]["by"]), (&version.into(), &"user-1".into()));
        let seen = server.get(&whole(version)).await.json();
        assert_eq!((&seen["version"], &seen["hash"]), (&version.into(), &heads[version as usize]["hash"]));
        let comments = seen["comments"].as_array().unwrap();
        let text = comments.iter().find(|comment| comment["id"] == id(10)).unwrap();
        assert_eq!(text["text"], "x".repeat(version as usize - 3));
    }
    assert_eq!(server.get(&whole(1)).await.json()["comments"], json!([]));
    let newest = server.get(&format!("/api/reviews/pr/comments/{}", id(10))).await.json();
    assert_eq!((&newest["version"], &newest["text"]), (&23.into(), &"x".repeat(20).into()));
    assert_eq!(code(&server.get(&at(2)).await), (404, "unknown_comment".to_owned()));
    for beyond in [at(24), whole(24), whole(0), whole(u64::MAX)] {
        assert_eq!(code(&server.get(&beyond).await), (404, "unknown_version".to_owned()), "{beyond}");
    }
    let absent = format!("/api/reviews/pr/comments/{}", id(77));
    assert_eq!(code(&server.get(&absent).await), (404, "unknown_comment".to_owned()));
    assert_eq!(code(&server.get(&format!("{absent}/history")).await), (404, "unknown_comment".to_owned()));
    let elsewhere = format!("/api/reviews/absent/comments/{}/history", id(10));
    assert_eq!(code(&server.get(&elsewhere).await), (404, "unknown_review".to_owned()));
    assert_eq!(code(&server.get("/api/reviews/pr?version=-1").await), (400, "bad_query".to_owned()));
    for (query, name) in [("history?after=soon", "after"), ("?version=1.5", "version")] {
        let path = format!("/api/reviews/pr/comments/{}/{query}", id(10)).replace("/?", "?");
        let bad = server.get(&path).await;
        assert_eq!(code(&bad), (400, "bad_query".to_owned()), "{path}");
        assert!(bad.json()["message"].as_str().unwrap().contains(name), "{path}");
    }

    trim(&store, &review, 15).await;
    for gone in [at(14), whole(14), whole(1)] {
        assert_eq!(code(&server.get(&gone).await), (410, "version_not_kept".to_owned()), "{gone}");
    }
    for version in [15, 16, 23] {
        let text = "x".repeat(version as usize - 3);
        assert_eq!(server.get(&at(version)).await.json()["text"], text);
        assert_eq!(server.get(&whole(version)).await.json()["version"], version);
        let path = format!("/api/reviews/pr/comments/{}/history?after={version}", id(10));
        assert_eq!(server.get(&path).await.json()["text"], text);
    }
    // What was there before is told from the oldest point that is known.
    let mut bo = server.client(2).await;
    bo.open("pr", None).await;
    for after in [0, 3, 14, 15] {
        let part = parsed(&history(&mut bo, &review, 10, after).await);
        assert_eq!((part.added, part.from, part.to, part.edits.len()), (3, 15, 23, 8));
        assert_eq!(part.text, "x".repeat(12));
    }
    assert!(server.get(&at(15)).await.json().get("last").is_none());
    server.stop().await;
}
