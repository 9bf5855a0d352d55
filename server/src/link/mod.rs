//! The connection to Redis: one, for presence and for what nodes tell each other.
//!
//! A task of its own makes it, asks every second whether it is still good, and makes another where it is not. Who
//! wants something of Redis gets the answer within [`PATIENCE`], or an error at once while there is no connection:
//! nobody waits for a Redis that is away.

mod keys;
mod listeners;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, IntoConnectionInfo, Pipeline, ProtocolVersion, PushInfo,
    PushKind, RedisError, Value,
};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{info, warn};

use crate::metrics::Metrics;
pub(crate) use keys::Keys;
use listeners::Listeners;
pub(crate) use listeners::{Heard, Listening};

/// How long Redis may take to connect or to answer.
const PATIENCE: Duration = Duration::from_millis(800);
/// How often it is asked whether it is there.
const PING: Duration = Duration::from_secs(1);
/// How long to wait before connecting again, at most, in milliseconds; at least half of it.
const RETRY_MS: u64 = 500;
/// How much may be on its way to Redis at once.
const CONCURRENT: usize = 64;
/// Channels that are subscribed to in one go.
const CHANNELS: usize = 500;

/// Why Redis did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LinkError {
    /// It cannot be reached, or does not answer in time.
    #[error("Redis cannot be reached")]
    Away,
    /// It answers, and refuses.
    #[error("{0}")]
    Refused(String),
}

/// Why an address of Redis cannot be used; one line, without what is secret in it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadAddress(pub String);

/// A connection that stands.
#[derive(Clone)]
struct Up {
    connection: MultiplexedConnection,
    number: u64,
}

/// The connection to Redis.
pub struct Link {
    client: Client,
    keys: Keys,
    place: String,
    up: watch::Sender<Option<Up>>,
    /// Told the number of a connection that is of no use any more.
    broken: watch::Sender<u64>,
    listeners: Arc<Listeners>,
    connections: AtomicU64,
    pub(crate) metrics: Metrics,
}

impl Link {
    /// Makes connections to a Redis from now on; what is kept there begins with `prefix`.
    pub fn start(
        url: &str,
        prefix: &str,
        metrics: Metrics,
    ) -> Result<(Arc<Link>, JoinHandle<()>), BadAddress> {
        let client = client(url)?;
        let info = client.get_connection_info();
        let link = Arc::new(Link {
            place: format!("Redis ({})", info.addr()),
            client,
            keys: Keys::new(prefix)?,
            up: watch::Sender::new(None),
            broken: watch::Sender::new(0),
            listeners: Arc::default(),
            connections: AtomicU64::new(0),
            metrics,
        });
        let task = tokio::spawn(link.clone().run());
        Ok((link, task))
    }

    /// Says whether an address can be used, without going there.
    pub fn check(url: &str, prefix: &str) -> Result<(), BadAddress> {
        Keys::new(prefix).and(client(url)).map(drop)
    }

    /// For people: where it goes.
    pub fn describe(&self) -> &str {
        &self.place
    }

    /// What things are called there.
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whether there is a connection.
    pub fn is_up(&self) -> bool {
        self.up.borrow().is_some()
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    /// Waits for a connection, but not for long.
    pub(crate) async fn wait(&self, patience: Duration) -> bool {
        timeout(patience, self.up.subscribe().wait_for(Option::is_some)).await.is_ok_and(|up| up.is_ok())
    }

    /// Waits until another connection was made than the last so many.
    pub(crate) async fn reconnected(&self, connections: u64) {
        let mut up = self.up.subscribe();
        let newer = |up: &Option<Up>| up.as_ref().is_some_and(|up| up.number > connections);
        if up.wait_for(newer).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Listens to a channel, for as long as what is returned lives.
    pub(crate) fn listen(&self, channel: String, heard: Arc<dyn Heard>) -> Listening {
        Listeners::add(&self.listeners, channel, heard)
    }

    /// Asks something.
    pub(crate) async fn ask<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, LinkError> {
        let Some(Up { mut connection, number }) = self.up.borrow().clone() else {
            return Err(LinkError::Away);
        };
        // The connection has its own deadline for answers; this one is for a connection that takes nothing more.
        match timeout(2 * PATIENCE, pipeline.query_async(&mut connection)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if !is_gone(&error) => Err(LinkError::Refused(error.to_string())),
            Ok(Err(_)) | Err(_) => {
                self.broken.send_replace(number);
                Err(LinkError::Away)
            }
        }
    }

    async fn run(self: Arc<Self>) {
        let mut was_up = true;
        loop {
            match self.connect().await {
                Ok((connection, lost)) => {
                    let number = self.connections.load(Relaxed) + 1;
                    info!(number, "connected to {}", self.place);
                    was_up = true;
                    self.up.send_replace(Some(Up { connection: connection.clone(), number }));
                    self.connections.store(number, Relaxed);
                    self.metrics.redis_connections.increment(1);
                    self.metrics.redis_up.set(1.0);
                    let why = self.keep(connection, number, &lost).await;
                    self.up.send_replace(None);
                    self.metrics.redis_up.set(0.0);
                    self.listeners.all_missed();
                    warn!(%why, "the connection to {} is gone; edits go on through the store", self.place);
                }
                Err(error) => {
                    if std::mem::take(&mut was_up) {
                        warn!(%error, "{} cannot be reached; edits go on through the store", self.place);
                    }
                }
            }
            // Nodes that lost it together do not come back together.
            sleep(Duration::from_millis(fastrand::u64(RETRY_MS / 2..=RETRY_MS))).await;
        }
    }

    async fn connect(&self) -> Result<(MultiplexedConnection, Arc<Notify>), RedisError> {
        let lost = Arc::new(Notify::new());
        let (listeners, ended) = (self.listeners.clone(), lost.clone());
        // Called by the connection's own task, which must not wait.
        let heard = move |push: PushInfo| -> Result<(), std::convert::Infallible> {
            match (push.kind, &push.data[..]) {
                (PushKind::Disconnection, _) => ended.notify_one(),
                (PushKind::Message, [Value::BulkString(channel), Value::BulkString(message)]) => {
                    listeners.hear(&String::from_utf8_lossy(channel), message);
                }
                _ => {}
            }
            Ok(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_concurrency_limit(CONCURRENT)
            .set_push_sender(heard);
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok((connection, lost))
    }

    /// Looks after a connection until it is of no use any more; says why.
    async fn keep(&self, mut connection: MultiplexedConnection, number: u64, lost: &Notify) -> String {
        let mut broken = self.broken.subscribe();
        let mut subscribed = Vec::new();
        let mut ping = interval(PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                () = lost.notified() => return "it was closed".to_owned(),
                () = told(&mut broken, number) => return "it does not answer in time".to_owned(),
                () = self.listeners.changed() => self.subscribe(&mut connection, &mut subscribed).await,
                _ = ping.tick() => match subscribed.is_empty() {
                    // Whatever was wanted before there was a connection.
                    true => self.subscribe(&mut connection, &mut subscribed).await,
                    false => redis::cmd("PING").query_async(&mut connection).await,
                },
            };
            if let Err(error) = done {
                return error.to_string();
            }
        }
    }

    /// Subscribes to what is listened to, and to nothing else.
    async fn subscribe(
        &self,
        connection: &mut MultiplexedConnection,
        subscribed: &mut Vec<String>,
    ) -> Result<(), RedisError> {
        let wanted = self.listeners.channels();
        let missing = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|channel| those.binary_search(channel).is_err()).cloned().collect()
        };
        for channels in missing(subscribed, &wanted).chunks(CHANNELS) {
            connection.unsubscribe(channels).await?;
        }
        for channels in missing(&wanted, subscribed).chunks(CHANNELS) {
            connection.subscribe(channels).await?;
            // From here on nothing is missed; what was said before may have been.
            channels.iter().for_each(|channel| self.listeners.missed(channel));
        }
        *subscribed = wanted;
        redis::cmd("PING").query_async(connection).await
    }
}

/// Waits until a connection is said to be of no use.
async fn told(broken: &mut watch::Receiver<u64>, number: u64) {
    if broken.wait_for(|broken| *broken >= number).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn client(url: &str) -> Result<Client, BadAddress> {
    let bad = |error: RedisError| BadAddress(error.to_string());
    let info = url.into_connection_info().map_err(bad)?;
    // Messages come on the connection that commands go out on.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    Client::open(info.set_redis_settings(settings).set_tcp_settings(tcp)).map_err(bad)
}

/// Whether there is no use in the connection any more.
fn is_gone(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
}

impl Drop for Link {
    fn drop(&mut self) {
        self.up.send_replace(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_be_are_refused_in_one_line() {
        for url in ["", "127.0.0.1:6379", "http://127.0.0.1/", "redis://", "redis://127.0.0.1:port/"] {
            let why = Link::check(url, "interline").unwrap_err().to_string();
            assert!(!why.is_empty() && !why.contains('\n'), "{url}: {why}");
        }
        let secret = Link::check("redis://user:secret@127.0.0.1:port/", "interline").unwrap_err();
        assert!(!secret.to_string().contains("secret"), "{secret}");
        for url in [
            "redis://127.0.0.1",
            "redis://:word@127.0.0.1:7/2",
            "redis://user:word@localhost",
            "rediss://localhost",
        ] {
            assert_eq!(Link::check(url, "interline"), Ok(()), "{url}");
        }
    }
}
