//! What users have read and viewed: theirs alone, on all their devices, over restarts and patch sets.

use serde_json::{Value, json};

use super::support::{Client, Running, comment, hello, id};

const TWO: &str = "--- a/file.txt\n+++ b/file.txt\n@@ -1,2 +1,2 @@\n same\n-old\n+new\n--- a/other.txt\n+++ b/other.txt\n@@ -1 +1 @@\n-a\n+b\n";

/// A second device of a user's.
async fn device(server: &Running, number: u64, user: u64) -> Client {
    let mut client = server.connect().await;
    let mut hello = hello(number);
    hello["hello"]["user"]["id"] = json!(format!("user-{user}"));
    client.send(hello).await;
    assert!(client.next().await.get("welcome").is_some());
    client.open("pr", None).await;
    client
}

fn viewed(at: u64) -> Value {
    json!({"viewed": true, "patch_set": 1, "at": {"at": {"ms": at}, "client": id(1)}})
}

async fn mark(client: &mut Client, review: &str, nonce: u64, marks: Value) {
    client.send(json!({"marks": {"review": review, "nonce": nonce, "marks": marks}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_reach_the_users_other_sessions_and_nobody_else() {
    let server = Running::start().await;
    let created = server.post("/api/reviews?key=pr", TWO.as_bytes()).await;
    let review = created.json()["id"].as_str().unwrap().to_owned();
    let (mut ann, mut phone, mut bo) =
        (device(&server, 1, 1).await, device(&server, 2, 1).await, device(&server, 3, 3).await);
    let marks = json!({"read": {id(10): 2}, "viewed": {"file.txt": viewed(5), "other.txt": viewed(6)}});
    mark(&mut ann, &review, 7, marks.clone()).await;
    let told = json!({"marks": {"review": review, "nonce": 7, "marks": marks}});
    assert_eq!(ann.next().await, told);
    assert_eq!(phone.next().await, json!({"marks": {"review": review, "marks": marks}}));
    // An older mark changes nothing, and a fast clock is set back to now.
    mark(&mut phone, &review, 1, json!({"read": {id(10): 1}, "viewed": {"file.txt": viewed(4)}})).await;
    assert_eq!(phone.next().await["marks"]["marks"], marks);
    ann.next().await;
    mark(&mut phone, &review, 2, json!({"viewed": {"far.txt": viewed(u64::MAX / 2)}})).await;
    let far = phone.next().await["marks"]["marks"]["viewed"]["far.txt"]["at"]["at"]["ms"].as_u64().unwrap();
    assert!(far < u64::MAX / 4);
    ann.next().await;

    // One of the files changes.
    let next = TWO.replace("+b", "+c").replace("@@ -1,2 +1,2 @@\n", "@@ -8,2 +8,2 @@\n");
    assert_eq!(server.post("/api/reviews/pr/patchsets", next.as_bytes()).await.status, 201);
    assert!(ann.next().await.get("entry").is_some());
    let after = ann.next().await["marks"]["marks"]["viewed"].clone();
    assert_eq!((after["file.txt"].get("changed"), &after["other.txt"]["changed"]), (None, &json!(true)));

    // Bo hears of none of it: the next frame of his is the patch set, then a comment.
    ann.submit(&review, &comment(1, 2, 10, "read me")).await;
    for version in [2, 3] {
        assert_eq!(bo.next().await["entry"]["entry"]["version"], version);
    }
    mark(&mut bo, &review, 1, json!({})).await;
    assert_eq!(bo.next().await, json!({"marks": {"review": review, "nonce": 1, "marks": {}}}));
    let shown = server.get("/api/reviews/pr").await;
    assert!(!shown.body.contains("viewed"));

    let unknown = id(99);
    mark(&mut bo, &unknown, 2, json!({})).await;
    assert_eq!(bo.next().await["error"]["code"], "not_open");
    drop((ann, phone, bo));

    let server = Running::start_in(server.stop().await).await;
    let mut ann = device(&server, 4, 1).await;
    mark(&mut ann, &review, 1, json!({})).await;
    let kept = ann.next().await["marks"]["marks"].clone();
    assert_eq!((&kept["read"][id(10)], kept["viewed"].as_object().unwrap().len()), (&json!(2), 3));
    assert_eq!(kept["viewed"]["other.txt"]["changed"], true);
    server.stop().await;
}
