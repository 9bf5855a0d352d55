//! The connection to Redis: one, for presence and for what nodes tell each other.
//!
//! A task of its own makes it, asks every second whether it is still good, and makes another where it is not. Who
//! wants something of Redis gets the answer within [`PATIENCE`], or an error at once while there is no connection:
//! nobody waits for a Redis that is away.

mod keys;
mod listeners;
mod trouble;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
use trouble::{REPLICA, Trouble, is_gone, is_replicas, refused};

/// How long Redis may take to connect or to answer.
const PATIENCE: Duration = Duration::from_millis(800);
/// How often it is asked whether it is there.
const PING: Duration = Duration::from_secs(1);
/// How long to wait before connecting again, at most, in milliseconds; at least half of it.
const RETRY_MS: u64 = 500;
/// The same where Redis refuses what a node needs: somebody has to do something about that.
const REFUSED_MS: u64 = 5_000;
/// How much may be on its way to Redis at once.
const CONCURRENT: usize = 64;
/// Channels that are subscribed to in one go.
const CHANNELS: usize = 500;

/// Why Redis did not do what was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
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
    since: Instant,
}

/// A connection that was made, and what it is subscribed to.
struct Made {
    connection: MultiplexedConnection,
    /// Told when it is closed.
    lost: Arc<Notify>,
    subscribed: BTreeSet<String>,
}

/// The connection to Redis.
pub struct Link {
    client: Client,
    /// Which of its databases is used.
    database: i64,
    keys: Keys,
    place: String,
    up: watch::Sender<Option<Up>>,
    /// Why there is none, while there is none.
    down: Mutex<LinkError>,
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
        let (client, database) = client(url)?;
        let info = client.get_connection_info();
        let link = Arc::new(Link {
            place: format!("Redis ({})", info.addr()),
            client,
            database,
            keys: Keys::new(prefix, store)?,
            up: watch::Sender::new(None),
            down: Mutex::new(LinkError::Away),
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

    /// Why there is none.
    pub(crate) fn trouble(&self) -> Option<LinkError> {
        (!self.is_up()).then(|| self.lock_down().clone())
    }

    fn lock_down(&self) -> MutexGuard<'_, LinkError> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long there has been a connection without a break.
    pub(crate) fn age(&self) -> Option<Duration> {
        self.up.borrow().as_ref().map(|up| up.since.elapsed())
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
        let Some(Up { mut connection, number, .. }) = self.up.borrow().clone() else {
            return Err(self.lock_down().clone());
        };
        // The connection has its own deadline for answers; this one is for a connection that takes nothing more.
        match timeout(2 * PATIENCE, pipeline.query_async(&mut connection)).await {
            Ok(Ok(answer)) => Ok(answer),
            // Another is the primary by now, and where the address leads to is to be found out anew.
            Ok(Err(error)) if is_replicas(&error) => {
                self.broken.send_replace((number, REPLICA));
                Err(LinkError::Refused(error.to_string()))
            }
            Ok(Err(error)) if !is_gone(&error) => {
                let refused = refused("write or read", &error);
                Err(LinkError::Refused(refused.unwrap_or_else(|| format!("Redis refuses it: {error}"))))
            }
            Ok(Err(_)) | Err(_) => {
                self.broken.send_replace((number, "it does not answer in time"));
                Err(LinkError::Away)
            }
        }
    }

    async fn run(self: Arc<Self>) {
        // What was said of it last; nothing while there is a connection.
        let mut said = None;
        let mut refusals = 0;
        loop {
            match self.connect().await {
                Ok(made) => {
                    let number = self.connections.load(Relaxed) + 1;
                    info!(number, "connected to {}", self.place);
                    let connection = made.connection.clone();
                    self.up.send_replace(Some(Up { connection, number, since: Instant::now() }));
                    self.connections.store(number, Relaxed);
                    self.metrics.redis_connections.increment(1);
                    self.metrics.redis_up.set(1.0);
                    let trouble = self.keep(made, number).await;
                    *self.lock_down() = trouble.told.clone();
                    self.up.send_replace(None);
                    self.metrics.redis_up.set(0.0);
                    self.listeners.end();
                    warn!(why = %trouble.why, "the connection to {} is gone; edits go on through the store", self.place);
                    (said, refusals) = (None, 0);
                }
                Err(trouble) => {
                    *self.lock_down() = trouble.told.clone();
                    refusals = if trouble.lasting { refusals + 1 } else { 0 };
                    if said.as_ref() != Some(&trouble.told) {
                        let Trouble { told, why, .. } = &trouble;
                        warn!(%why, "{}: {told}; edits go on through the store", self.place);
                        said = Some(trouble.told);
                    }
                }
            }
            sleep(pause(refusals)).await;
        }
    }

    /// Makes a connection that hears all that is listened to, and may say something.
    async fn connect(&self) -> Result<Made, Trouble> {
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
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let mut connection = connecting.map_err(|error| Trouble::with("connect", &error))?;
        if self.database != 0 {
            let mut select = redis::cmd("SELECT");
            let selected = select.arg(self.database).exec_async(&mut connection).await;
            selected.map_err(|error| Trouble::with("SELECT", &error))?;
        }
        let mut made = Made { connection, lost, subscribed: BTreeSet::new() };
        self.look(&mut made).await?;
        // Whatever was wanted before there was a connection.
        self.listeners.begin();
        if let Err(trouble) = self.subscribe(&mut made).await {
            self.listeners.end();
            return Err(trouble);
        }
        Ok(made)
    }

    /// Looks after a connection until it is of no use any more; says why.
    async fn keep(&self, mut made: Made, number: u64) -> Trouble {
        let mut broken = self.broken.subscribe();
        let mut ping = interval(PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let lost = made.lost.clone();
        loop {
            let done = tokio::select! {
                () = lost.notified() => return Trouble::gone("it was closed"),
                why = told(&mut broken, number) => return Trouble::gone(why),
                () = self.listeners.changed() => self.subscribe(&mut made).await,
                _ = ping.tick() => self.look(&mut made).await,
            };
            if let Err(trouble) = done {
                return trouble;
            }
        }
    }

    /// Whether the other end is there, a primary, and lets this node say something and listen.
    async fn look(&self, made: &mut Made) -> Result<(), Trouble> {
        let Made { connection, subscribed, .. } = made;
        takes_writes(connection).await.map_err(|error| Trouble::with("HELLO", &error))?;
        let mut publish = redis::cmd("PUBLISH");
        let published = publish.arg(self.keys.tries()).arg("").exec_async(connection).await;
        published.map_err(|error| Trouble::with("PUBLISH", &error))?;
        // Once more, which changes nothing: what is subscribed to is heard also by who may no longer subscribe.
        let Some(channel) = subscribed.first() else { return Ok(()) };
        let again = connection.subscribe(channel).await;
        again.map_err(|error| Trouble::with("SUBSCRIBE", &error))
    }

    /// Subscribes to what is listened to, and to nothing else.
    async fn subscribe(&self, made: &mut Made) -> Result<(), Trouble> {
        let Changes { subscribe, unsubscribe } = self.listeners.changes(&made.subscribed);
        let Made { connection, subscribed, .. } = made;
        for channels in unsubscribe.chunks(CHANNELS) {
            let asked = connection.unsubscribe(channels).await;
            asked.map_err(|error| Trouble::with("UNSUBSCRIBE", &error))?;
            for channel in channels {
                subscribed.remove(channel);
            }
        }
        for channels in subscribe.chunks(CHANNELS) {
            let asked = connection.subscribe(channels).await;
            asked.map_err(|error| Trouble::with("SUBSCRIBE", &error))?;
            // From here on nothing is missed; what was said before may have been.
            channels.iter().for_each(|channel| self.listeners.missed(channel));
            subscribed.extend(channels.iter().cloned());
        }
        Ok(())
    }
}

/// How long to wait before connecting again, after so many refusals in a row. Nodes that lost it together do not come
/// back together.
fn pause(refusals: u32) -> Duration {
    let most = RETRY_MS.saturating_mul(1 << refusals.min(8)).min(REFUSED_MS);
    Duration::from_millis(fastrand::u64(most / 2..=most))
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

/// Makes no connection yet; also which database is meant.
fn client(url: &str) -> Result<(Client, i64), BadAddress> {
    let bad = |error: RedisError| BadAddress(error.to_string());
    let info = url.into_connection_info().map_err(bad)?;
    let database = info.redis_settings().db();
    // Messages come on the connection that commands go out on. It begins with one command: of several, what is said
    // to the first is lost where Redis closes the connection after that.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let settings = settings.set_db(0).set_skip_set_lib_name();
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    let client = Client::open(info.set_redis_settings(settings).set_tcp_settings(tcp)).map_err(bad)?;
    Ok((client, database))
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
