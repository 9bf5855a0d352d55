//! Where this node's sessions are, and the task that tells the presence store.
//!
//! The board holds the latest of each session, so it is bounded by how many there are. A store that is slow or
//! gone makes it late, and nothing else: what changes meanwhile is told once, as it is by then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use interline_core::id::{ReviewId, SessionId};
use interline_core::presence::Presence;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{info, warn};

use super::{HEARTBEAT, PresenceError, PresenceStore, PresenceWrite, SessionRecord, TTL};

/// How long changes gather before they are written.
const GATHER: Duration = Duration::from_millis(50);
/// How long a look at the store may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many go into one write.
const WRITES: usize = 500;

/// Where this node's sessions are.
pub struct Board {
    state: Mutex<State>,
    changed: Notify,
    /// What the store said to the last write, if it did not take it.
    trouble: Mutex<Option<PresenceError>>,
    store: Arc<dyn PresenceStore>,
}

#[derive(Default)]
struct State {
    present: BTreeMap<(ReviewId, SessionId), Presence>,
    sessions: BTreeMap<SessionId, SessionRecord>,
    changed: BTreeSet<Changed>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Changed {
    Presence(ReviewId, SessionId),
    Session(SessionId),
}

impl Board {
    /// An empty board over a store, and the task that tells the store.
    pub fn start(store: Arc<dyn PresenceStore>) -> (Arc<Board>, JoinHandle<()>) {
        let board = Arc::new(Board {
            state: Mutex::default(),
            changed: Notify::new(),
            trouble: Mutex::default(),
            store,
        });
        let task = tokio::spawn(run(board.clone()));
        (board, task)
    }

    /// For people: which store is behind it.
    pub fn describe(&self) -> String {
        self.store.describe()
    }

    /// Whether the store took the last write.
    pub fn healthy(&self) -> bool {
        self.last().is_none()
    }

    /// Why it did not, for people.
    pub fn trouble(&self) -> Option<String> {
        self.last().as_ref().map(|error| error.0.clone())
    }

    fn last(&self) -> MutexGuard<'_, Option<PresenceError>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody is in a review, and there.
    pub fn here(&self, review: ReviewId, presence: Presence) {
        let key = (review, presence.session);
        self.change(Changed::Presence(review, presence.session), |state| {
            state.present.insert(key, presence);
        });
    }

    /// Somebody has left a review.
    pub fn gone(&self, review: ReviewId, session: SessionId) {
        self.change(Changed::Presence(review, session), |state| {
            state.present.remove(&(review, session));
        });
    }

    /// A connection is up, or has other reviews open.
    pub fn connected(&self, record: SessionRecord) {
        self.change(Changed::Session(record.session), |state| {
            state.sessions.insert(record.session, record);
        });
    }

    /// A connection is gone.
    pub fn disconnected(&self, session: SessionId) {
        self.change(Changed::Session(session), |state| {
            state.sessions.remove(&session);
        });
    }

    /// Tells the store whatever it has not heard, now.
    pub async fn flush(&self) {
        let changed = std::mem::take(&mut self.lock().changed);
        self.tell(changed.into_iter().collect()).await;
    }

    /// Everybody who is connected, to any node that shares the store; to this one while the store is away.
    pub async fn sessions(&self) -> Vec<SessionRecord> {
        let shared = timeout(PATIENCE, self.store.list_sessions()).await;
        let local = || self.lock().sessions.values().cloned().collect();
        let mut sessions: Vec<_> = shared.ok().and_then(Result::ok).unwrap_or_else(local);
        sessions.sort_by_key(|record| (record.since, record.session));
        sessions
    }

    /// Everybody who is in a review, on any node that shares the store.
    pub async fn list(&self, review: ReviewId) -> Result<Vec<Presence>, PresenceError> {
        let slow = |_| PresenceError("it does not answer in time".to_owned());
        timeout(PATIENCE, self.store.list(review)).await.map_err(slow)?
    }

    /// A connection to any node that shares the store. While the store is away nobody knows.
    pub async fn session(&self, session: SessionId) -> Result<Option<SessionRecord>, PresenceError> {
        let slow = |_| PresenceError("it does not answer in time".to_owned());
        timeout(PATIENCE, self.store.session(session)).await.map_err(slow)?
    }

    fn change(&self, changed: Changed, apply: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        apply(&mut state);
        state.changed.insert(changed);
        drop(state);
        self.changed.notify_one();
    }

    /// Says again what holds, and notices that way whether the store is there.
    async fn heartbeat(&self) {
        let all = {
            let state = self.lock();
            let present = state.present.keys().map(|(review, session)| Changed::Presence(*review, *session));
            present.chain(state.sessions.keys().copied().map(Changed::Session)).collect()
        };
        self.tell(all).await;
    }

    async fn tell(&self, changed: Vec<Changed>) {
        // Nothing to say still finds out whether the store is there.
        let pieces: Vec<&[Changed]> =
            if changed.is_empty() { vec![&[]] } else { changed.chunks(WRITES).collect() };
        for piece in pieces {
            let writes = self.writes(piece);
            let told = self.store.write(&writes, TTL).await;
            // A store that is full, or lets nobody write, may well forget.
            let only_forgets = !writes.is_empty() && writes.iter().all(PresenceWrite::forgets);
            if told.is_ok() && only_forgets {
                continue;
            }
            let before = std::mem::replace(&mut *self.last(), told.clone().err());
            let was_healthy = before.is_none();
            match told {
                Ok(()) if !was_healthy => info!("the presence store is back"),
                Ok(()) => {}
                // The next heartbeat says it all again.
                Err(error) => {
                    if was_healthy {
                        warn!(%error, "presence is local for now");
                    }
                    return;
                }
            }
        }
    }

    fn writes(&self, changed: &[Changed]) -> Vec<PresenceWrite> {
        let state = self.lock();
        let write = |changed: &Changed| match changed {
            Changed::Presence(review, session) => match state.present.get(&(*review, *session)) {
                Some(presence) => PresenceWrite::Put(*review, presence.clone()),
                None => PresenceWrite::Remove(*review, *session),
            },
            Changed::Session(session) => match state.sessions.get(session) {
                Some(record) => PresenceWrite::PutSession(record.clone()),
                None => PresenceWrite::RemoveSession(*session),
            },
        };
        changed.iter().map(write).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(board: Arc<Board>) {
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = heartbeat.tick() => board.heartbeat().await,
            () = board.changed.notified() => {
                sleep(GATHER).await;
                board.flush().await;
            }
        }
    }
}
