//! Nodes to ask.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use interline_server::store::SqliteStore;
use interline_services::{BreakableProxy, Redis};
use serde_json::Value;
use tokio::time::sleep;

use crate::faulty::Faulty;
use crate::support::{Client, Running, config, entry};

/// How soon what one node took reaches the others, and is told, while everything is well.
pub(super) const SOON: Duration = Duration::from_secs(1);
/// How soon it has to be well again after Redis is back.
pub(super) const HEALED: Duration = Duration::from_secs(5);

/// Nodes over one store and one Redis.
pub(super) struct Nodes {
    pub(super) all: Vec<Node>,
    pub(super) redis: Redis,
    pub(super) store: Arc<Faulty>,
    _data: tempfile::TempDir,
}

/// A node, and its way to Redis.
pub(super) struct Node {
    pub(super) server: Running,
    pub(super) proxy: BreakableProxy,
}

impl Nodes {
    /// So many; nothing where the tests do without Redis.
    pub(super) async fn start(count: usize) -> Option<Nodes> {
        let redis = Redis::start().unwrap()?;
        let data = tempfile::tempdir().unwrap();
        let store = Faulty::new(Arc::new(SqliteStore::open(data.path()).await.unwrap()), &[]);
        store.kept.store(true, Ordering::Relaxed);
        let mut nodes = Nodes { all: Vec::new(), redis, store, _data: data };
        for _ in 0..count {
            nodes.add().await;
        }
        Some(nodes)
    }

    /// One more.
    pub(super) async fn add(&mut self) {
        let (proxy, directory) =
            (BreakableProxy::start(self.redis.port()).unwrap(), tempfile::tempdir().unwrap());
        let mut config = config(directory.path());
        config.redis_url = Some(format!("redis://127.0.0.1:{}", proxy.port()));
        let server = Running::node(self.store.clone(), config, directory).await;
        self.all.push(Node { server, proxy });
    }

    pub(super) fn node(&self, number: usize) -> &Node {
        &self.all[number]
    }

    /// Waits until every node says that it is ready; how long that took.
    pub(super) async fn ready(&self) -> Duration {
        let began = Instant::now();
        for node in &self.all {
            until("it is ready", async || node.status().await == "ready").await;
        }
        began.elapsed()
    }
}

impl Node {
    /// What it says of itself.
    pub(super) async fn status(&self) -> String {
        let answer = self.server.get("/readyz").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["status"].as_str().unwrap().to_owned()
    }

    /// What it has counted.
    pub(super) async fn count(&self, what: &str) -> u64 {
        self.server.metric(what).await as u64
    }
}

/// Waits for something to become true.
pub(super) async fn until(what: &str, is: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is().await {
        assert!(Instant::now() < end, "{what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// The version of the next entry that a client gets, and how long that took.
pub(super) async fn arrives(client: &mut Client) -> (u64, Duration) {
    let began = Instant::now();
    let frame: Value = client.next().await;
    (entry(&frame).0, began.elapsed())
}

/// A test's own connection to a Redis.
pub(super) async fn connection(url: &str) -> redis::aio::MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// Tells a Redis something.
pub(super) async fn tell(url: &str, words: &[&str]) {
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(*word);
    }
    command.exec_async(&mut connection(url).await).await.unwrap();
}
