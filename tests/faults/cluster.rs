//! Nodes, and people at them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use interline::{Anchor, Client, Comment, ConnectionState, Review, TextOp};
use interline_services::{Database, Postgres, Redis};
use interline_tests::DEADLINE;
use interline_tests::balancer::Balancer;
use interline_tests::server::Server;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Server processes over one PostgreSQL and one Redis, and a balancer in front of them.
pub(super) struct Cluster {
    pub(super) nodes: Vec<Server>,
    pub(super) balancer: Balancer,
    /// Both end with it.
    _services: (Redis, Database),
}

impl Cluster {
    /// Starts so many nodes; nothing where the tests do without PostgreSQL or Redis.
    pub(super) async fn start(count: usize) -> Result<Option<Cluster>> {
        let (Some(postgres), Some(redis)) = (Postgres::shared()?, Redis::start()?) else { return Ok(None) };
        let database = postgres.database()?;
        let (database_url, redis_url) = (database.url(), redis.url());
        let arguments = ["--database-url", &database_url, "--redis-url", &redis_url];
        let nodes: Vec<Server> = (0..count).map(|_| Server::start_with(&arguments)).collect::<Result<_>>()?;
        let balancer = Balancer::start(&nodes.iter().map(Server::url).collect::<Vec<_>>()).await?;
        Ok(Some(Cluster { nodes, balancer, _services: (redis, database) }))
    }
}

/// Somebody at a keyboard, who types words at the end of the first comment without a break.
pub(super) struct Typist {
    pub(super) client: Client,
    pub(super) review: Review,
    name: String,
    typing: JoinHandle<Result<usize>>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Typist {
    /// Starts to type.
    pub(super) async fn start(url: &str, key: &str, name: &str) -> Result<Typist> {
        let client = Client::builder(url).user(name, name).debounce_ms(5).connect().await?;
        let review = timeout(DEADLINE, client.open(key)).await.context("opening")??;
        let comment = match first(&review) {
            Some(comment) => comment,
            None => review.comment(Anchor::head("src/lib.rs", 3), "")?,
        };
        let (stop, mut stopped) = tokio::sync::watch::channel(false);
        let typist = name.to_owned();
        let typing = tokio::spawn(async move {
            let mut typed = 0;
            while timeout(Duration::from_millis(200), stopped.wait_for(|stop| *stop)).await.is_err() {
                let word = format!("<{typist} {typed}>");
                comment.apply_with(|text| {
                    let end = text.chars().count();
                    anyhow::Ok(TextOp::replace(end, end, 0, &word)?)
                })?;
                typed += 1;
            }
            Ok(typed)
        });
        Ok(Typist { client, review, name: name.to_owned(), typing, stop })
    }

    /// Stops, and waits until everything is durable.
    pub(super) async fn finish(self) -> Result<Finished> {
        self.stop.send_replace(true);
        let typed = self.typing.await??;
        timeout(DEADLINE, self.review.synced()).await.context("everything is durable in time")??;
        ensure!(self.review.rejected().is_empty(), "{}: {}", self.name, self.review.export_rejected());
        Ok(Finished { name: self.name, typed, review: self.review, _client: self.client })
    }
}

/// Who has typed how much.
pub(super) struct Finished {
    pub(super) name: String,
    pub(super) typed: usize,
    pub(super) review: Review,
    _client: Client,
}

impl Finished {
    /// Each word is in a text once.
    pub(super) fn is_in(&self, text: &str) -> Result<()> {
        for n in 0..self.typed {
            let word = format!("<{} {n}>", self.name);
            ensure!(
                text.matches(&word).count() == 1,
                "{word} is there {} times",
                text.matches(&word).count()
            );
        }
        Ok(())
    }
}

/// The review's first comment.
pub(super) fn first(review: &Review) -> Option<Comment> {
    review.threads().first().and_then(|thread| review.get(thread.id).ok())
}

/// Whether a client goes on by itself.
pub(super) fn needs_nobody(state: &ConnectionState) -> bool {
    match state {
        ConnectionState::Disconnected { reason, .. } => reason.is_retryable(),
        _ => true,
    }
}
