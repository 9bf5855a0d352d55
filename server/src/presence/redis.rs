//! Presence in Redis, for all nodes to see.
//!
//! One key for each session in a review, and a sorted set of them by the time of their last word. The keys of a
//! review share a hash tag, and every key expires: an idle Redis empties itself.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use interline_core::id::{ReviewId, SessionId};
use interline_core::presence::Presence;
use redis::Pipeline;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{PresenceError, PresenceStore, PresenceWrite, SessionRecord};
use crate::link::{Link, LinkError};
use crate::time::now_ms;

/// How many values are asked for at once.
const READ: usize = 500;

/// The presence store in Redis.
pub struct RedisPresence {
    link: Arc<Link>,
    /// Whose mark is this node's.
    mark: SessionId,
}

impl RedisPresence {
    /// Keeps presence behind a connection to Redis.
    pub fn new(link: Arc<Link>) -> RedisPresence {
        RedisPresence { link, mark: SessionId(Uuid::new_v4()) }
    }

    async fn run<T: redis::FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, PresenceError> {
        self.link.ask(pipeline).await.map_err(unavailable)
    }

    fn review(&self, review: ReviewId) -> Group {
        Group::new(self.link.keys().presence(review))
    }

    fn sessions(&self) -> Group {
        Group::new(self.link.keys().sessions())
    }

    async fn all<T: DeserializeOwned>(&self, group: &Group) -> Result<Vec<T>, PresenceError> {
        let mut names = redis::pipe();
        names.zrange(&group.index, 0, -1);
        let (members,): (Vec<String>,) = self.run(&names).await?;
        let mut all = Vec::with_capacity(members.len());
        // Redis answers others between two of these, and each has a deadline of its own.
        for members in members.chunks(READ) {
            let mut pipeline = redis::pipe();
            for member in members {
                pipeline.get(group.key(member));
            }
            let values: Vec<Option<String>> = self.run(&pipeline).await?;
            // A member of the index without a key has expired; a value that cannot be read is a newer node's.
            all.extend(values.into_iter().flatten().filter_map(|json| serde_json::from_str(&json).ok()));
        }
        Ok(all)
    }
}

/// Keys that belong together.
struct Group {
    tag: String,
    index: String,
}

impl Group {
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
        self.link.describe().to_owned()
    }

    async fn write(&self, writes: &[PresenceWrite], ttl: Duration) -> Result<(), PresenceError> {
        let mut pipeline = redis::pipe();
        // Whole or not at all: cut off between its steps it would leave an index that does not expire.
        pipeline.atomic();
        for write in writes {
            match write {
                PresenceWrite::Put(review, presence) => {
                    self.review(*review).put(&mut pipeline, presence.session, presence, ttl);
                }
                PresenceWrite::Remove(review, session) => {
                    self.review(*review).remove(&mut pipeline, *session);
                }
                PresenceWrite::PutSession(record) => {
                    self.sessions().put(&mut pipeline, record.session, record, ttl);
                }
                PresenceWrite::RemoveSession(session) => self.sessions().remove(&mut pipeline, *session),
            }
        }
        // With nothing to say it is found out whether something could be said. Nobody ever sees it.
        if writes.is_empty() {
            let (tries, nobody) = (Group::new(self.link.keys().tries()), SessionId(Uuid::nil()));
            tries.put(&mut pipeline, nobody, &(), ttl);
            tries.remove(&mut pipeline, nobody);
        }
        self.run(&pipeline).await
    }

    async fn mark(&self, ttl: Duration) -> Result<(), PresenceError> {
        let (tries, mut pipeline) = (Group::new(self.link.keys().tries()), redis::pipe());
        pipeline.atomic();
        tries.put(&mut pipeline, self.mark, &(), ttl);
        self.run(&pipeline).await
    }

    async fn is_marked(&self) -> Result<bool, PresenceError> {
        let (tries, mut pipeline) = (Group::new(self.link.keys().tries()), redis::pipe());
        pipeline.zrange(&tries.index, 0, 0).get(tries.key(&self.mark));
        let (_, mark): (Vec<String>, Option<String>) = self.run(&pipeline).await?;
        Ok(mark.is_some())
    }

    async fn connected_again(&self, connections: u64) -> u64 {
        self.link.reconnected(connections).await;
        self.link.connections()
    }

    async fn list(&self, review: ReviewId) -> Result<Vec<Presence>, PresenceError> {
        let mut present: Vec<Presence> = self.all(&self.review(review)).await?;
        present.sort_by_key(|presence| presence.session);
        Ok(present)
    }

    async fn list_sessions(&self) -> Result<Vec<SessionRecord>, PresenceError> {
        let mut sessions: Vec<SessionRecord> = self.all(&self.sessions()).await?;
        sessions.sort_by_key(|record| record.session);
        Ok(sessions)
    }

    async fn session(&self, session: SessionId) -> Result<Option<SessionRecord>, PresenceError> {
        let mut value = redis::pipe();
        value.get(self.sessions().key(&session));
        let (json,): (Option<String>,) = self.run(&value).await?;
        let unreadable = |error| PresenceError(format!("a session's record cannot be read: {error}"));
        json.map(|json| serde_json::from_str(&json).map_err(unreadable)).transpose()
    }
}

fn unavailable(error: LinkError) -> PresenceError {
    PresenceError(error.to_string())
}
