//! Presence in Redis, for all nodes to see.
//!
//! One key for each session in a review, and a sorted set of them by the time of their last word. The keys of a
//! review share a hash tag, and every key expires: an idle Redis empties itself.

use std::fmt::Display;
use std::time::Duration;

use async_trait::async_trait;
use interline_core::id::{ReviewId, SessionId};
use interline_core::presence::Presence;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Pipeline, RedisError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{PresenceError, PresenceStore, PresenceWrite, SessionRecord};
use crate::time::now_ms;

/// How long Redis may take to answer: nobody waits for presence.
const PATIENCE: Duration = Duration::from_millis(800);

/// The presence store in Redis.
pub struct RedisPresence {
    connection: ConnectionManager,
    place: String,
}

impl RedisPresence {
    /// Connects when first used, and again whenever the connection is lost.
    pub fn new(url: &str) -> Result<RedisPresence, PresenceError> {
        let client = Client::open(url).map_err(unavailable)?;
        let address = client.get_connection_info().addr().to_string();
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(200));
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(unavailable)?;
        Ok(RedisPresence { connection, place: format!("Redis ({address})") })
    }

    async fn run<T: redis::FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, PresenceError> {
        let mut connection = self.connection.clone();
        let query = pipeline.query_async(&mut connection);
        match tokio::time::timeout(2 * PATIENCE, query).await {
            Ok(answer) => answer.map_err(unavailable),
            Err(_) => Err(PresenceError("it did not answer in time".to_owned())),
        }
    }

    async fn all<T: DeserializeOwned>(&self, group: &Group) -> Result<Vec<T>, PresenceError> {
        let mut names = redis::pipe();
        names.zrange(&group.index, 0, -1);
        let (members,): (Vec<String>,) = self.run(&names).await?;
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let mut values = redis::pipe();
        for member in &members {
            values.get(group.key(member));
        }
        let values: Vec<Option<String>> = self.run(&values).await?;
        // A member of the index without a key has expired; a value that cannot be read is a newer node's.
        Ok(values.into_iter().flatten().filter_map(|json| serde_json::from_str(&json).ok()).collect())
    }
}

/// Keys that belong together.
struct Group {
    tag: String,
    index: String,
}

impl Group {
    fn review(review: ReviewId) -> Group {
        Group::new(format!("interline:presence:{{{review}}}"))
    }

    fn sessions() -> Group {
        Group::new("interline:{sessions}".to_owned())
    }

    fn new(tag: String) -> Group {
        Group { index: format!("{tag}:index"), tag }
    }

    fn key(&self, member: &(impl Display + ?Sized)) -> String {
        format!("{}:{member}", self.tag)
    }

    fn put(&self, pipeline: &mut Pipeline, session: SessionId, value: &impl Serialize, ttl: Duration) {
        let Ok(json) = serde_json::to_string(value) else { return };
        let (ttl, now) = (u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1), now_ms());
        pipeline.pset_ex(self.key(&session), json, ttl).ignore();
        pipeline.zadd(&self.index, session.to_string(), now).ignore();
        // Half of the TTL more than the longest-lived member: the clocks of nodes differ.
        pipeline.zrembyscore(&self.index, "-inf", now.saturating_sub(ttl + ttl / 2)).ignore();
        pipeline.pexpire(&self.index, i64::try_from(ttl).unwrap_or(i64::MAX)).ignore();
    }

    fn remove(&self, pipeline: &mut Pipeline, session: SessionId) {
        pipeline.del(self.key(&session)).ignore();
        pipeline.zrem(&self.index, session.to_string()).ignore();
    }
}

#[async_trait]
impl PresenceStore for RedisPresence {
    fn describe(&self) -> String {
        self.place.clone()
    }

    async fn write(&self, writes: &[PresenceWrite], ttl: Duration) -> Result<(), PresenceError> {
        let mut pipeline = redis::pipe();
        for write in writes {
            match write {
                PresenceWrite::Put(review, presence) => {
                    Group::review(*review).put(&mut pipeline, presence.session, presence, ttl);
                }
                PresenceWrite::Remove(review, session) => {
                    Group::review(*review).remove(&mut pipeline, *session);
                }
                PresenceWrite::PutSession(record) => {
                    Group::sessions().put(&mut pipeline, record.session, record, ttl);
                }
                PresenceWrite::RemoveSession(session) => Group::sessions().remove(&mut pipeline, *session),
            }
        }
        if writes.is_empty() {
            pipeline.ping().ignore();
        }
        self.run(&pipeline).await
    }

    async fn list(&self, review: ReviewId) -> Result<Vec<Presence>, PresenceError> {
        let mut present: Vec<Presence> = self.all(&Group::review(review)).await?;
        present.sort_by_key(|presence| presence.session);
        Ok(present)
    }

    async fn list_sessions(&self) -> Result<Vec<SessionRecord>, PresenceError> {
        let mut sessions: Vec<SessionRecord> = self.all(&Group::sessions()).await?;
        sessions.sort_by_key(|record| record.session);
        Ok(sessions)
    }
}

fn unavailable(error: RedisError) -> PresenceError {
    PresenceError(error.to_string())
}
