//! Nodes over one PostgreSQL and one Redis, each with a way of its own to both that can be broken.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use interline_services::{BreakableProxy, Database, Postgres, Redis};
use interline_tests::balancer::Balancer;
use interline_tests::server::Server;
use interline_tests::{http, until};

/// How long stopping may take, and a little for the test to see it.
pub(super) const STOP: Duration = Duration::from_secs(11);

/// Server processes over one PostgreSQL and one Redis, and a balancer in front of them.
pub(super) struct Cluster {
    pub(super) nodes: Vec<Server>,
    /// Each node's.
    pub(super) ways: Vec<Ways>,
    pub(super) balancer: Balancer,
    pub(super) redis: Redis,
    /// Theirs.
    pub(super) database: Database,
}

/// A node's ways to what it needs.
pub(super) struct Ways {
    pub(super) postgres: BreakableProxy,
    pub(super) redis: BreakableProxy,
}

impl Cluster {
    /// Starts so many nodes; nothing where the tests do without PostgreSQL or Redis.
    pub(super) async fn start(count: usize) -> Result<Option<Cluster>> {
        Cluster::start_over(Postgres::shared()?, count).await
    }

    /// The same over a PostgreSQL that no other test uses.
    pub(super) async fn start_apart(count: usize) -> Result<Option<Cluster>> {
        Cluster::start_over(Postgres::start()?, count).await
    }

    async fn start_over(postgres: Option<Arc<Postgres>>, count: usize) -> Result<Option<Cluster>> {
        let (Some(postgres), Some(redis)) = (postgres, Redis::start()?) else { return Ok(None) };
        let database = postgres.database()?;
        let (mut nodes, mut ways) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let way = Ways {
                postgres: BreakableProxy::start(postgres.port())?,
                redis: BreakableProxy::start(redis.port())?,
            };
            let (theirs, ours) = (format!(":{}/", postgres.port()), format!(":{}/", way.postgres.port()));
            let database_url = database.url().replace(&theirs, &ours);
            let redis_url = format!("redis://127.0.0.1:{}", way.redis.port());
            nodes.push(Server::start_with(&["--database-url", &database_url, "--redis-url", &redis_url])?);
            ways.push(way);
        }
        let balancer = Balancer::start(&nodes.iter().map(Server::url).collect::<Vec<_>>()).await?;
        Ok(Some(Cluster { nodes, ways, balancer, redis, database }))
    }

    /// What a node has counted.
    pub(super) fn metric(&self, node: usize, name: &str) -> Result<f64> {
        let url = format!("{}/metrics", self.nodes[node].url());
        let shown = ureq::get(&url).call()?.body_mut().read_to_string()?;
        let value = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.with_context(|| format!("{name} in {shown}"))?.parse()?)
    }

    /// What all nodes have counted together.
    pub(super) fn counted(&self, name: &str) -> Result<f64> {
        (0..self.nodes.len()).map(|node| self.metric(node, name)).sum()
    }

    /// How often nodes waited no longer for an append, whether it may have happened or not.
    pub(super) fn given_up(&self) -> Result<f64> {
        let failed = self.counted(r#"interline_appends_total{outcome="failed"}"#)?;
        Ok(failed + self.counted("interline_unknown_outcomes_total")?)
    }

    /// Every way is whole again.
    pub(super) fn heal(&self) {
        for way in &self.ways {
            way.postgres.heal();
            way.redis.heal();
        }
    }

    /// Waits until every node says that it is ready.
    pub(super) async fn ready(&self) {
        for node in &self.nodes {
            let url = format!("{}/readyz", node.url());
            let ready = || {
                let (status, said) = http::get(&url).ok()?;
                (status == 200 && said["status"] == "ready").then_some(())
            };
            until("a node is ready", ready).await;
        }
    }
}
