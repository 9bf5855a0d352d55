//! Redis killed, flushed, slowed, cut off, full: edits go on through the store, and it is well again soon after.

use std::time::{Duration, Instant};

use interline_services::Redis;
use tokio::time::timeout;

use crate::set_up::{HEALED, Nodes, SOON, arrives, connection, tell, until};
use crate::support::{Client, comment, entry};

/// How soon everybody is on record again after Redis has lost it: it is looked twice a second.
const KNOWN_AGAIN: Duration = Duration::from_millis(1_500);
/// How often rooms look who is there, at least.
const LOOKED: Duration = Duration::from_secs(4);
/// How often Redis loses everything, in the worst test.
const FLUSHED_EVERY: Duration = Duration::from_secs(2);
const CONNECTIONS: &str = "interline_redis_connections_total";

/// Ann at the first node, Bo at the second, who hears what she says.
struct Talk {
    nodes: Nodes,
    review: String,
    ann: Client,
    bo: Client,
    said: u64,
}

impl Talk {
    async fn start() -> Option<Talk> {
        let nodes = Nodes::start(2).await?;
        let review = nodes.node(0).server.review("pr").await;
        let mut ann = nodes.node(0).server.client(1).await;
        let mut bo = nodes.node(1).server.client(2).await;
        ann.open("pr", None).await;
        bo.open("pr", None).await;
        let mut talk = Talk { nodes, review, ann, bo, said: 0 };
        talk.says(SOON).await;
        Some(talk)
    }

    /// She says something; she has her answer at once, and he has it in time.
    async fn says(&mut self, in_time: Duration) {
        self.said += 1;
        let began = Instant::now();
        self.ann.submit(&self.review, &comment(self.said, 1, 100 + self.said, "said")).await;
        assert_eq!(entry(&self.ann.next().await).0, self.said + 1);
        assert!(began.elapsed() < SOON, "an edit waited for Redis: {:?}", began.elapsed());
        let (version, _) = arrives(&mut self.bo).await;
        assert_eq!(version, self.said + 1);
        assert!(began.elapsed() < in_time, "it took {:?}", began.elapsed());
    }

    /// Some node notices, and stays in service.
    async fn degraded(&self, node: usize) {
        let node = self.nodes.node(node);
        until("it is noticed", async || node.status().await == "degraded").await;
        assert_eq!(node.count("interline_degraded").await, 1);
    }

    /// It is well again: both say so, and what she says arrives at once.
    async fn well(&mut self) {
        let took = self.nodes.ready().await;
        assert!(took < HEALED, "{took:?}");
        println!("well again after {took:?}");
        for _ in 0..3 {
            self.says(SOON).await;
        }
        let before = self.nodes.node(1).count("interline_heard_total").await;
        let nodes = &self.nodes;
        for _ in 0..3 {
            self.said += 1;
            self.ann.submit(&self.review, &comment(self.said, 1, 100 + self.said, "said")).await;
            self.ann.next().await;
            assert_eq!(arrives(&mut self.bo).await.0, self.said + 1);
        }
        assert!(
            nodes.node(1).count("interline_heard_total").await > before,
            "over Redis, not by the tail check"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_killed() {
    let Some(mut talk) = Talk::start().await else { return };
    talk.nodes.redis.kill().unwrap();
    talk.degraded(0).await;
    talk.degraded(1).await;
    let connections = talk.nodes.node(0).count("interline_redis_connections_total").await;
    assert_eq!(talk.nodes.node(0).count("interline_redis_up").await, 0);
    let gaps = talk.nodes.node(1).count("interline_gap_entries_total").await;
    for _ in 0..5 {
        // By the tail check, which is quicker while nodes cannot hear each other.
        talk.says(Duration::from_secs(3)).await;
    }
    assert_eq!(
        talk.nodes.node(0).server.get("/api/sessions").await.json()["sessions"][0]["user"]["id"],
        "user-1"
    );
    assert_eq!(talk.nodes.node(1).count("interline_gap_entries_total").await, gaps + 5);
    talk.nodes.redis.restart().unwrap();
    talk.well().await;
    assert_eq!(talk.nodes.node(0).count("interline_redis_up").await, 1);
    assert_eq!(talk.nodes.node(0).count("interline_redis_connections_total").await, connections + 1);
    until("everybody is on record again", async || {
        let listed = talk.nodes.node(1).server.get("/api/sessions").await.json();
        listed["sessions"].as_array().unwrap().len() == 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_flushed() {
    let Some(mut talk) = Talk::start().await else { return };
    let session = |listed: serde_json::Value| {
        let all = listed["sessions"].as_array().unwrap().clone();
        all.iter().map(|one| one["user"]["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let listed = async |node: usize| session(talk.nodes.node(node).server.get("/api/sessions").await.json());
    for node in 0..2 {
        until("everybody is on record", async || listed(node).await.len() == 2).await;
    }
    for _ in 0..5 {
        tell(&talk.nodes.redis.url(), &["FLUSHALL"]).await;
        let flushed = Instant::now();
        for (node, own) in [(0, "user-1"), (1, "user-2")] {
            until("everybody is on record again", async || {
                let listed = listed(node).await;
                assert!(listed.iter().any(|user| user == own), "its own: {listed:?}");
                listed.len() == 2
            })
            .await;
        }
        let took = flushed.elapsed();
        println!("everybody is on record again {took:?} after it was flushed");
        assert!(took < KNOWN_AGAIN, "{took:?}");
    }
    talk.says(SOON).await;
    talk.well().await;
}

/// Who is on another node stays in sight while what is known of them is written anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_flushed_again_and_again() {
    let Some(mut talk) = Talk::start().await else { return };
    let url = talk.nodes.redis.url();
    let began = Instant::now();
    while began.elapsed() < 2 * LOOKED {
        tell(&url, &["FLUSHALL"]).await;
        if let Ok(frame) = timeout(FLUSHED_EVERY, talk.ann.presence()).await {
            assert!(frame.get("gone").is_none(), "he is gone: {frame}");
        }
    }
    talk.well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_slow() {
    let Some(mut talk) = Talk::start().await else { return };
    for node in &talk.nodes.all {
        node.proxy.delay(Duration::from_millis(150));
    }
    for _ in 0..5 {
        talk.says(Duration::from_secs(2)).await;
    }
    // So slow that it is of no use.
    for node in &talk.nodes.all {
        node.proxy.delay(Duration::from_secs(3));
    }
    talk.degraded(0).await;
    talk.degraded(1).await;
    for _ in 0..5 {
        talk.says(Duration::from_secs(3)).await;
    }
    talk.nodes.all.iter().for_each(|node| node.proxy.heal());
    talk.well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_one_node_is_cut_off_from() {
    for (cut_off, other) in [(0, 1), (1, 0)] {
        let Some(mut talk) = Talk::start().await else { return };
        talk.nodes.node(cut_off).proxy.partition();
        talk.degraded(cut_off).await;
        for _ in 0..3 {
            // The one that is not cut off does not know, and looks at its own pace.
            talk.says(Duration::from_secs(5)).await;
        }
        assert_eq!(talk.nodes.node(other).status().await, "ready");
        talk.nodes.node(cut_off).proxy.heal();
        talk.well().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_whose_connections_are_cut() {
    let Some(mut talk) = Talk::start().await else { return };
    for _ in 0..5 {
        talk.nodes.all.iter().for_each(|node| node.proxy.cut());
        talk.says(Duration::from_secs(5)).await;
    }
    talk.well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_full() {
    let Some(mut talk) = Talk::start().await else { return };
    let url = talk.nodes.redis.url();
    tell(&url, &["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
    tell(&url, &["CONFIG", "SET", "maxmemory", "1"]).await;
    talk.degraded(0).await;
    for _ in 0..5 {
        talk.says(SOON).await;
    }
    tell(&url, &["CONFIG", "SET", "maxmemory", "0"]).await;
    talk.well().await;
}

/// It takes no writes then, and says what it hears to all who listen.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_cannot_save() {
    let Some(mut talk) = Talk::start().await else { return };
    talk.nodes.redis.fail_to_save().unwrap();
    for node in 0..2 {
        talk.degraded(node).await;
        let ready = talk.nodes.node(node).server.get("/readyz").await.json();
        let reason = ready["reason"].as_str().unwrap();
        assert!(reason.contains("MISCONF") && reason.len() < 200, "{ready}");
        assert_eq!((ready["presence"].as_str(), ready["fanout"].as_str()), (Some("degraded"), Some("ok")));
    }
    // A review that nobody had open: both begin to listen now.
    let review = talk.nodes.node(0).server.review("another").await;
    let heard = talk.nodes.node(1).count("interline_heard_total").await;
    talk.ann.open("another", None).await;
    talk.bo.open("another", None).await;
    talk.ann.submit(&review, &comment(1, 1, 5, "said")).await;
    assert_eq!(entry(&talk.ann.next().await).0, 2);
    let (_, took) = arrives(&mut talk.bo).await;
    assert!(took < SOON, "{took:?}");
    assert!(talk.nodes.node(1).count("interline_heard_total").await > heard, "over Redis");
    for node in 0..2 {
        assert_eq!(talk.nodes.node(node).count("interline_redis_up").await, 1);
        assert_eq!(talk.nodes.node(node).count(CONNECTIONS).await, 1, "the connection stands");
    }
    talk.nodes.redis.save_nothing().unwrap();
    talk.well().await;
}

/// As by a failover to another, which nobody has told the nodes of.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_becomes_a_replica() {
    let Some(mut talk) = Talk::start().await else { return };
    let (url, primary) = (talk.nodes.redis.url(), Redis::start().unwrap().unwrap());
    tell(&url, &["REPLICAOF", "127.0.0.1", &primary.port().to_string()]).await;
    let up = async |node: usize| talk.nodes.node(node).count("interline_redis_up").await;
    for node in 0..2 {
        talk.degraded(node).await;
        until("it is left", async || up(node).await == 0).await;
    }
    let connections = async |node: usize| talk.nodes.node(node).count(CONNECTIONS).await;
    let before = (connections(0).await, connections(1).await);
    for _ in 0..5 {
        talk.says(Duration::from_secs(3)).await;
    }
    let connections = async |node: usize| talk.nodes.node(node).count(CONNECTIONS).await;
    assert_eq!((connections(0).await, connections(1).await), before, "nor is it gone back to");
    tell(&url, &["REPLICAOF", "NO", "ONE"]).await;
    talk.well().await;
    let connections = async |node: usize| talk.nodes.node(node).count(CONNECTIONS).await;
    assert_eq!((connections(0).await, connections(1).await), (before.0 + 1, before.1 + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_away_when_a_node_starts() {
    let Some(mut nodes) = Nodes::start(1).await else { return };
    nodes.redis.kill().unwrap();
    nodes.add().await;
    let node = nodes.node(1);
    assert!(node.server.banner().contains("cannot be reached"), "{}", node.server.banner());
    assert_eq!(node.status().await, "degraded");
    let review = node.server.review("pr").await;
    let mut ann = node.server.client(1).await;
    ann.open("pr", None).await;
    ann.submit(&review, &comment(1, 1, 5, "said")).await;
    assert_eq!(entry(&ann.next().await).0, 2);
    nodes.redis.restart().unwrap();
    let took = nodes.ready().await;
    assert!(took < HEALED, "{took:?}");
    assert!(nodes.node(0).server.banner().contains("Redis"), "{}", nodes.node(0).server.banner());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_redis_empties_itself() {
    let Some(Talk { mut nodes, ann, bo, .. }) = Talk::start().await else { return };
    drop((ann, bo));
    for node in nodes.all.drain(..) {
        node.server.stop().await;
    }
    let url = nodes.redis.url();
    until("nothing is left", async || keys(&url).await.is_empty()).await;
}

async fn keys(url: &str) -> Vec<String> {
    redis::cmd("KEYS").arg("*").query_async(&mut connection(url).await).await.unwrap()
}
