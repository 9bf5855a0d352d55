//! Presence in this process's memory: enough for one node.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use interline_core::id::{ReviewId, SessionId};
use interline_core::presence::Presence;

use super::{PresenceError, PresenceStore, PresenceWrite, SessionRecord};

/// The presence store in memory.
#[derive(Debug, Default)]
pub struct MemoryPresence(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    present: BTreeMap<(ReviewId, SessionId), (Presence, Instant)>,
    sessions: BTreeMap<SessionId, (SessionRecord, Instant)>,
}

impl MemoryPresence {
    /// Nobody is here.
    pub fn new() -> MemoryPresence {
        MemoryPresence::default()
    }

    /// What has not expired.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        state.present.retain(|_, (_, until)| *until > now);
        state.sessions.retain(|_, (_, until)| *until > now);
        state
    }
}

#[async_trait]
impl PresenceStore for MemoryPresence {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    async fn write(&self, writes: &[PresenceWrite], ttl: Duration) -> Result<(), PresenceError> {
        let (mut state, until) = (self.state(), Instant::now() + ttl);
        for write in writes.iter().cloned() {
            match write {
                PresenceWrite::Put(review, presence) => {
                    state.present.insert((review, presence.session), (presence, until));
                }
                PresenceWrite::Remove(review, session) => {
                    state.present.remove(&(review, session));
                }
                PresenceWrite::PutSession(record) => {
                    state.sessions.insert(record.session, (record, until));
                }
                PresenceWrite::RemoveSession(session) => {
                    state.sessions.remove(&session);
                }
            }
        }
        Ok(())
    }

    async fn list(&self, review: ReviewId) -> Result<Vec<Presence>, PresenceError> {
        let state = self.state();
        let there = state.present.iter().filter(|((r, _), _)| *r == review);
        Ok(there.map(|(_, (presence, _))| presence.clone()).collect())
    }

    async fn list_sessions(&self) -> Result<Vec<SessionRecord>, PresenceError> {
        Ok(self.state().sessions.values().map(|(record, _)| record.clone()).collect())
    }

    async fn session(&self, session: SessionId) -> Result<Option<SessionRecord>, PresenceError> {
        Ok(self.state().sessions.get(&session).map(|(record, _)| record.clone()))
    }
}
