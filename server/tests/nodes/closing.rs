//! Sessions that are closed from another node: only what their node says counts.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::set_up::{Nodes, SOON, tell, until};
use crate::support::{Client, id};

/// Ann at the first of two nodes, on record at the second.
struct Scene {
    nodes: Nodes,
    ann: Client,
    /// What closes her session.
    path: String,
}

impl Scene {
    async fn start() -> Option<Scene> {
        let nodes = Nodes::start(2).await?;
        nodes.node(0).server.review("pr").await;
        let mut ann = nodes.node(0).server.client(1).await;
        ann.open("pr", None).await;
        let listed = async || {
            let listed = nodes.node(1).server.get("/api/sessions").await.json();
            listed["sessions"][0]["session"].as_str().map(str::to_owned)
        };
        until("she is listed", async || listed().await.is_some()).await;
        let path = format!("/api/sessions/{}", listed().await.unwrap());
        Some(Scene { nodes, ann, path })
    }

    /// What the second node says when it is asked to close a session.
    async fn delete(&self, path: &str) -> (u16, Value) {
        let answer = self.nodes.node(1).server.ask("DELETE", path, &[], b"").await;
        (answer.status, if answer.status == 204 { Value::Null } else { answer.json()["code"].clone() })
    }

    /// Waits until the second node has asked for something that it had not asked for before.
    async fn asked(&self) {
        let published = async || self.nodes.node(1).count("interline_published_total").await;
        let before = published().await;
        until("it is asked for", async || published().await > before).await;
    }

    /// Her client has been told.
    async fn is_closed(&mut self) {
        assert_eq!(self.ann.next().await["error"]["code"], "session_closed");
        assert_eq!(self.ann.closed().await, 4002);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_expires_is_no_session_that_was_closed() {
    let Some(mut scene) = Scene::start().await else { return };
    scene.nodes.node(0).proxy.partition();
    let url = scene.nodes.redis.url();
    let expiring = async {
        scene.asked().await;
        // As after its time to live.
        tell(&url, &["FLUSHALL"]).await;
    };
    let began = Instant::now();
    let (said, ()) = tokio::join!(scene.delete(&scene.path), expiring);
    assert_eq!(said, (503, "session_not_closed".into()), "its node has closed nothing");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // She goes on meanwhile.
    assert_eq!(scene.nodes.node(0).server.get("/healthz").await.json()["sessions"], 1);
    scene.nodes.node(0).proxy.heal();
    scene.nodes.ready().await;
    assert_eq!(scene.delete(&scene.path).await, (204, Value::Null));
    scene.is_closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_a_record_is_closed_all_the_same() {
    let Some(mut scene) = Scene::start().await else { return };
    // Nobody's is said at once where all nodes are there to say so.
    let began = Instant::now();
    until("the connections are old enough to tell", async || {
        let (asked, nobodys) = (Instant::now(), format!("/api/sessions/{}", id(99)));
        assert_eq!(scene.delete(&nobodys).await, (404, "not_found".into()));
        asked.elapsed() < SOON / 2
    })
    .await;
    println!("nobody's is said at once {:?} after the start", began.elapsed());
    tell(&scene.nodes.redis.url(), &["FLUSHALL"]).await;
    assert_eq!(scene.delete(&scene.path).await, (204, Value::Null));
    scene.is_closed().await;
    // Who asks again hears the same, for a while.
    assert_eq!(scene.delete(&scene.path).await, (204, Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_closed_whose_node_comes_back_later_than_others_after_redis_was_away() {
    let Some(mut scene) = Scene::start().await else { return };
    scene.nodes.node(0).proxy.down();
    scene.nodes.redis.kill().unwrap();
    scene.nodes.redis.restart().unwrap();
    let b = scene.nodes.node(1);
    until("the second node is back", async || b.count("interline_redis_up").await == 1).await;
    let coming = async {
        // All that are there have been asked by now, and none of them has it.
        scene.asked().await;
        scene.nodes.node(0).proxy.heal();
    };
    let (said, ()) = tokio::join!(scene.delete(&scene.path), coming);
    assert_eq!(said, (204, Value::Null));
    scene.is_closed().await;
}
