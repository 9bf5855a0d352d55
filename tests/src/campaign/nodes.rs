//! The servers of a campaign: one, or several over one PostgreSQL and one Redis behind a balancer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use interline_services::Redis;
use serde_json::Value;

use super::evidence::texts;
use super::{Options, REVIEW};
use crate::balancer::Balancer;
use crate::server::Server;
use crate::{DEADLINE, http};

/// How often a node is asked whether it has come to where the log is.
const LOOK: Duration = Duration::from_millis(5);

/// A review as a node shows it: its version, its hash, and texts by comment.
#[derive(PartialEq, Debug)]
pub(super) struct Shown {
    pub(super) version: u64,
    pub(super) hash: String,
    pub(super) texts: BTreeMap<String, String>,
}

pub(super) struct Nodes {
    servers: Vec<Server>,
    balancer: Option<Balancer>,
    redis: Option<Redis>,
}

impl Nodes {
    pub(super) async fn start(options: &Options) -> Result<Nodes> {
        let redis = match options.nodes {
            1 => None,
            _ => Some(
                Redis::start()?.context("several nodes need Redis, which INTERLINE_WITHOUT leaves out")?,
            ),
        };
        let mut arguments = Vec::new();
        if let Some(database) = &options.database {
            arguments.extend(["--database-url".to_owned(), database.url()]);
        }
        if let Some(redis) = &redis {
            ensure!(options.database.is_some(), "several nodes need a database that they can share");
            arguments.extend(["--redis-url".to_owned(), redis.url()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let start = |_| Server::start_with(&arguments);
        let servers: Vec<Server> = (0..options.nodes).map(start).collect::<Result<_>>()?;
        let urls: Vec<&str> = servers.iter().map(Server::url).collect();
        // A client has one address: behind it is whoever is alive.
        let balancer = if servers.len() > 1 { Some(Balancer::start(&urls).await?) } else { None };
        Ok(Nodes { servers, balancer, redis })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.servers.len()
    }

    /// The address that clients have.
    pub(super) fn url(&self) -> String {
        self.balancer.as_ref().map_or_else(|| self.servers[0].url().to_owned(), Balancer::url)
    }

    /// One of them.
    pub(super) fn node(&mut self, n: usize) -> &mut Server {
        &mut self.servers[n]
    }

    /// SIGKILL, to all of them.
    pub(super) fn kill_all(&mut self) -> Result<()> {
        self.servers.iter_mut().try_for_each(Server::kill)
    }

    /// Starts all of them again, all at once.
    pub(super) fn restart_all(&mut self) -> Result<()> {
        self.servers.iter_mut().try_for_each(Server::begin)?;
        self.servers.iter_mut().try_for_each(Server::ready)
    }

    /// Redis, where there is one.
    pub(super) fn redis(&mut self) -> Result<&mut Redis> {
        self.redis.as_mut().context("one node has no Redis")
    }

    /// Leaves everything on the disk for whoever looks into a failure.
    pub(super) fn keep(&mut self) {
        for server in &mut self.servers {
            server.keep_data();
            eprintln!("kept: {}", server.data().display());
        }
    }

    /// What every node shows, once it has come to where the log was when this was called.
    pub(super) async fn shown(&self) -> Result<Vec<Shown>> {
        let end = Instant::now() + DEADLINE;
        let mut all = Vec::new();
        let reaches = self.reaches(end).await?;
        for server in &self.servers {
            let url = format!("{}/api/reviews/{REVIEW}", server.url());
            let shown = loop {
                let shown = answered(&url, end).await?;
                let version = shown["version"].as_u64().context("a version")?;
                if version >= reaches {
                    let hash = shown["hash"].as_str().context("a hash")?.to_owned();
                    break Shown { version, hash, texts: texts(&shown)? };
                }
                ensure!(Instant::now() < end, "{url} is at {version}, the log at {reaches}");
                tokio::time::sleep(LOOK).await;
            };
            all.push(shown);
        }
        Ok(all)
    }

    /// Where the log ends, as the store has it.
    async fn reaches(&self, end: Instant) -> Result<u64> {
        let listed = answered(&format!("{}/api/reviews", self.servers[0].url()), end).await?;
        let reviews = listed["reviews"].as_array().context("reviews")?;
        let review = reviews.iter().find(|review| review["key"] == REVIEW).context("the review is gone")?;
        review["version"].as_u64().context("a version")
    }
}

/// GETs JSON; whoever says that it cannot for the moment, as its database has only just come back, is asked again.
async fn answered(url: &str, end: Instant) -> Result<Value> {
    loop {
        match http::get(url)? {
            (200, body) => return Ok(body),
            (503, _) if Instant::now() < end => tokio::time::sleep(LOOK).await,
            (status, body) => bail!("{url}: {status} {body}"),
        }
    }
}
