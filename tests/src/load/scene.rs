//! What is measured: nodes over one PostgreSQL and one Redis.

use std::sync::Arc;

use anyhow::{Result, bail};
use interline_services::{Database, Postgres, Redis};
use serde_json::Value;

use crate::balancer::Balancer;
use crate::http;
use crate::server::Server;

/// Server processes, what they need, and a balancer in front of them.
pub struct Scene {
    /// The nodes.
    pub nodes: Vec<Server>,
    /// Stands in front of all of them.
    pub balancer: Balancer,
    /// Their Redis.
    pub redis: Redis,
    /// Their database.
    pub database: Database,
}

impl Scene {
    /// Starts so many nodes; nothing where PostgreSQL or Redis is left out.
    pub async fn start(count: usize) -> Result<Option<Scene>> {
        super::usage::allow_many_files()?;
        let (Some(postgres), Some(redis)) = (Postgres::shared()?, Redis::start()?) else { return Ok(None) };
        let database = postgres.database()?;
        let (database_url, redis_url) = (database.url(), redis.url());
        let arguments = ["--database-url", &database_url, "--redis-url", &redis_url];
        let nodes: Vec<Server> = (0..count).map(|_| Server::start_with(&arguments)).collect::<Result<_>>()?;
        let balancer = Balancer::start(&nodes.iter().map(Server::url).collect::<Vec<_>>()).await?;
        Ok(Some(Scene { nodes, balancer, redis, database }))
    }

    /// The server that the database is in.
    pub fn postgres(&self) -> &Arc<Postgres> {
        self.database.postgres()
    }

    /// What a node says at a path.
    pub fn ask(&self, node: usize, path: &str) -> Result<Value> {
        match http::get(&format!("{}{path}", self.nodes[node].url()))? {
            (200, body) => Ok(body),
            (status, body) => bail!("{path} at node {node}: {status} {body}"),
        }
    }
}
