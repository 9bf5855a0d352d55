//! The connection to Redis: one, for presence and for what nodes tell each other.
//!
//! A task of its own makes it, asks every second whether it is still good, and makes another where it is not. Who
//! wants something of Redis gets the answer within [`PATIENCE`], or an error at once while there is no connection:
//! nobody waits for a Redis that is away.

mod keys;
mod listeners;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, IntoConnectionInfo, Pipeline, ProtocolVersion,
    PushInfo, PushKind, RedisError, ServerErrorKind, Value,
};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{info, warn};

use crate::metrics::Metrics;
pub(crate) use keys::Keys;
use listeners::{Changes, Listeners};
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
const REPLICA: &str = "it is a replica, which takes no writes";

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
    /// Told the number of a connection that is of no use any more, and why.
    broken: watch::Sender<(u64, &'static str)>,
    listeners: Arc<Listeners>,
    connections: AtomicU64,
    pub(crate) metrics: Metrics,
}

impl Link {
    /// Makes connections to a Redis from now on; what is kept there begins with `prefix` and the identity of the
    /// store that its nodes share.
    pub fn start(
        url: &str,
        prefix: &str,
        store: &str,
        metrics: Metrics,
    ) -> Result<(Arc<Link>, JoinHandle<()>), BadAddress> {
        let client = client(url)?;
        let info = client.get_connection_info();
        let link = Arc::new(Link {
            place: format!("Redis ({})", info.addr()),
            client,
            keys: Keys::new(prefix, store)?,
            up: watch::Sender::new(None),
            broken: watch::Sender::new((0, "")),
            listeners: Arc::default(),
            connections: AtomicU64::new(0),
            metrics,
        });
        let task = tokio::spawn(link.clone().run());
        Ok((link, task))
    }

    /// Says whether an address can be used, without going there.
    pub fn check(url: &str, prefix: &str) -> Result<(), BadAddress> {
        Keys::new(prefix, "").and(client(url)).map(drop)
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
            // Another is the primary by now, and where the address leads to is to be found out anew.
            Ok(Err(error)) if is_replicas(&error) => {
                self.broken.send_replace((number, REPLICA));
                Err(LinkError::Refused(error.to_string()))
            }
            Ok(Err(error)) if !is_gone(&error) => Err(LinkError::Refused(error.to_string())),
            Ok(Err(_)) | Err(_) => {
                self.broken.send_replace((number, "it does not answer in time"));
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
                    self.listeners.end();
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
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        takes_writes(&mut connection).await?;
        Ok((connection, lost))
    }

    /// Looks after a connection until it is of no use any more; says why.
    async fn keep(&self, mut connection: MultiplexedConnection, number: u64, lost: &Notify) -> String {
        let mut broken = self.broken.subscribe();
        let mut subscribed = BTreeSet::new();
        let mut ping = interval(PING);
        // Whatever was wanted before there was a connection.
        self.listeners.begin();
        if let Err(error) = self.subscribe(&mut connection, &mut subscribed).await {
            return error.to_string();
        }
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                () = lost.notified() => return "it was closed".to_owned(),
                why = told(&mut broken, number) => return why.to_owned(),
                () = self.listeners.changed() => self.subscribe(&mut connection, &mut subscribed).await,
                _ = ping.tick() => takes_writes(&mut connection).await,
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
        subscribed: &mut BTreeSet<String>,
    ) -> Result<(), RedisError> {
        let Changes { subscribe, unsubscribe } = self.listeners.changes(subscribed);
        for channels in unsubscribe.chunks(CHANNELS) {
            connection.unsubscribe(channels).await?;
            for channel in channels {
                subscribed.remove(channel);
            }
        }
        for channels in subscribe.chunks(CHANNELS) {
            connection.subscribe(channels).await?;
            // From here on nothing is missed; what was said before may have been.
            channels.iter().for_each(|channel| self.listeners.missed(channel));
            subscribed.extend(channels.iter().cloned());
        }
        redis::cmd("PING").query_async(connection).await
    }
}

/// Waits until a connection is said to be of no use; why.
async fn told(broken: &mut watch::Receiver<(u64, &'static str)>, number: u64) -> &'static str {
    let why = broken.wait_for(|(broken, _)| *broken >= number).await.map(|told| told.1);
    match why {
        Ok(why) => why,
        Err(_) => std::future::pending().await,
    }
}

/// Asks whether the other end is there, and a primary: a replica takes no writes, and whoever listens there hears
/// nothing that is said at the primary while the two are apart. Whoever may do no more than is needed may ask this.
async fn takes_writes(connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let hello: HashMap<String, Value> = redis::cmd("HELLO").arg(3).query_async(connection).await?;
    let role = match hello.get("role") {
        Some(Value::BulkString(role)) => role,
        Some(Value::SimpleString(role)) => role.as_bytes(),
        _ => b"",
    };
    match role {
        b"replica" | b"slave" => Err((ErrorKind::Server(ServerErrorKind::ReadOnly), REPLICA).into()),
        _ => Ok(()),
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

/// Whether it is what a replica says that cannot do what was asked.
fn is_replicas(error: &RedisError) -> bool {
    use ServerErrorKind::{MasterDown, ReadOnly};
    let is_one = |kind| matches!(kind, ReadOnly | MasterDown);
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::ExecAbort) => {
            // What was refused of a transaction.
            let refused = error.clone().into_server_errors();
            refused.is_some_and(|refused| refused.iter().any(|(_, error)| error.kind().is_some_and(is_one)))
        }
        ErrorKind::Server(kind) => is_one(kind),
        _ => false,
    }
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
