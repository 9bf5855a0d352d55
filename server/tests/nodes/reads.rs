//! What is read over HTTP at one node once another has acknowledged it.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::set_up::Nodes;
use crate::support::{Client, Running, comment, entry, id};

/// A first node where something happens, and a second that hears nothing of it and is asked.
struct Deaf {
    nodes: Nodes,
    review: String,
    ann: Client,
    /// Has the review loaded at the second.
    _bo: Client,
    /// How many batches there were, and how many entries and patch sets there are.
    seq: u64,
    version: u64,
    patch_set: u64,
}

impl Deaf {
    async fn start() -> Option<Deaf> {
        let nodes = Nodes::start(2).await?;
        let [a, b] = [0, 1].map(|n| nodes.node(n));
        let review = a.server.review("pr").await;
        let (mut ann, mut bo) = (a.server.client(1).await, b.server.client(2).await);
        ann.open("pr", None).await;
        bo.open("pr", None).await;
        b.proxy.partition();
        Some(Deaf { nodes, review, ann, _bo: bo, seq: 0, version: 1, patch_set: 1 })
    }

    async fn submits(&mut self, batch: &Value) {
        self.ann.submit(&self.review, batch).await;
        self.version += 1;
        assert_eq!(entry(&self.ann.next().await).0, self.version);
    }

    /// Ann's next comment.
    async fn comments(&mut self) -> String {
        self.seq += 1;
        let batch = comment(self.seq, self.version, 100 + self.seq, "said");
        self.submits(&batch).await;
        id(100 + self.seq)
    }

    /// She decides, on the newest code.
    async fn decides(&mut self, value: &str) {
        self.seq += 1;
        let status = json!({"value": value, "seen": self.version, "patch_set": self.patch_set});
        let change = json!({"decided": {"status": status, "at": {"ms": 1}}});
        let batch = json!({"seq": self.seq, "base": self.version, "changes": [change]});
        self.submits(&batch).await;
    }

    /// Newer code comes.
    async fn pushes(&mut self) {
        self.patch_set += 1;
        let diff = format!(
            "--- a/file.txt\n+++ b/file.txt\n@@ -1,2 +1,3 @@\n+{}\n same\n-old\n+new\n",
            self.patch_set
        );
        let added = self.nodes.node(0).server.post("/api/reviews/pr/patchsets", diff.as_bytes()).await;
        assert_eq!((added.status, &added.json()["number"]), (201, &self.patch_set.into()));
        self.version += 1;
        assert_eq!(entry(&self.ann.next().await).0, self.version);
    }

    fn second(&self) -> &Running {
        &self.nodes.node(1).server
    }

    /// Asks the second node, once.
    async fn asks(&self, path: &str) -> Value {
        let answer = self.second().get(&format!("/api/reviews/pr{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_is_missing_at_a_node_that_hears_nothing() {
    let Some(mut deaf) = Deaf::start().await else { return };
    // Of each question its own news: whatever is asked first brings the node up to date. By looking now and then alone
    // it would be there in one case or other, and not in all.
    for value in ["approved", "changes_requested", "approved"] {
        let said = deaf.comments().await;
        assert_eq!(deaf.asks(&format!("/comments/{said}")).await["version"], deaf.version);
        let said = deaf.comments().await;
        assert_eq!(deaf.asks(&format!("/comments/{said}/history")).await["to"], deaf.version);
        deaf.comments().await;
        assert_eq!(deaf.asks("").await["version"], deaf.version);
        deaf.decides(value).await;
        assert_eq!(deaf.asks("/conflicts").await["version"], deaf.version);
        deaf.pushes().await;
        let since = deaf.asks(&format!("/patchsets/{}/since", deaf.patch_set)).await;
        assert_eq!((&since["to"], &since["files"]), (&deaf.patch_set.into(), &json!([])));

        deaf.decides(value).await;
        let before = deaf.version - 1;
        deaf.pushes().await;
        let story = deaf.asks(&format!("/log?after={before}")).await;
        let events = story["events"].as_array().unwrap();
        let decided = events.iter().find(|event| event["fact"].get("decision_set").is_some()).unwrap();
        assert_eq!(events.last().unwrap()["fact"]["patch_set_added"]["number"], deaf.patch_set);
        assert_eq!(decided["stale"]["patch_set"], deaf.patch_set, "it says so itself: {story}");
        assert_eq!(decided["stale"]["files"][0]["file"], "file.txt");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_for_now_can_be_asked_for_again() {
    let Some(mut deaf) = Deaf::start().await else { return };
    let store = deaf.nodes.store.clone();
    store.no_answers.store(true, Ordering::Relaxed);
    let said = deaf.comments().await;
    for path in ["", &format!("/comments/{said}"), "/conflicts", "/patchsets/1/since"] {
        let answer = deaf.second().get(&format!("/api/reviews/pr{path}")).await;
        let refused = answer.json();
        assert_eq!((answer.status, &refused["code"]), (503, &"store_failed".into()), "{path}: {refused}");
        assert_eq!(refused["retryable"], true);
    }
    store.no_answers.store(false, Ordering::Relaxed);
    assert_eq!(deaf.asks(&format!("/comments/{said}")).await["text"], "said");
    assert_eq!(deaf.asks("").await["version"], deaf.version);
}
