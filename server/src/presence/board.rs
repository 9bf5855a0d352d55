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
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tracing::{info, warn};

use super::{HEARTBEAT, LOOK, PresenceError, PresenceStore, PresenceWrite, SessionRecord, TTL};

/// How long changes gather before they are written.
const GATHER: Duration = Duration::from_millis(50);
/// How long a look at the store may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two heartbeats that the store did not take.
const AGAIN: Duration = Duration::from_secs(1);
/// How many go into one write.
const WRITES: usize = 500;

/// Where this node's sessions are.
pub struct Board {
    state: Mutex<State>,
    changed: Notify,
    trouble: Mutex<Trouble>,
    store: Arc<dyn PresenceStore>,
}

#[derive(Default)]
struct State {
    present: BTreeMap<(ReviewId, SessionId), Presence>,
    sessions: BTreeMap<SessionId, SessionRecord>,
    changed: BTreeSet<Changed>,
}

/// What the store has said last, where it did not do what it was asked.
#[derive(Default)]
struct Trouble {
    writing: Option<PresenceError>,
    reading: Option<PresenceError>,
}

impl Trouble {
    fn any(&self) -> Option<&PresenceError> {
        self.writing.as_ref().or(self.reading.as_ref())
    }
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

    /// Whether the store took the last write, and can be read.
    pub fn healthy(&self) -> bool {
        self.last().any().is_none()
    }

    /// Why not, for people.
    pub fn trouble(&self) -> Option<String> {
        self.last().any().map(|error| error.0.clone())
    }

    fn last(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the store has said, and says it where that changes anything.
    fn note(&self, change: impl FnOnce(&mut Trouble)) {
        let mut trouble = self.last();
        let was_healthy = trouble.any().is_none();
        change(&mut trouble);
        match (was_healthy, trouble.any()) {
            (false, None) => info!("the presence store is back"),
            (true, Some(error)) => warn!(%error, "presence is local for now"),
            _ => {}
        }
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

    /// Everybody who is connected, to any node that shares the store, as far as it knows; to this one in any case.
    pub async fn sessions(&self) -> Vec<SessionRecord> {
        let shared = timeout(PATIENCE, self.store.list_sessions()).await;
        let shared = shared.ok().and_then(Result::ok).unwrap_or_default();
        let mut all: BTreeMap<_, _> = shared.into_iter().map(|record| (record.session, record)).collect();
        all.extend(self.lock().sessions.iter().map(|(session, record)| (*session, record.clone())));
        let mut sessions: Vec<_> = all.into_values().collect();
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
        let all: Vec<_> = {
            let state = self.lock();
            let present = state.present.keys().map(|(review, session)| Changed::Presence(*review, *session));
            present.chain(state.sessions.keys().copied().map(Changed::Session)).collect()
        };
        let something = !all.is_empty();
        if self.tell(all).await && something {
            // Behind everything else: where it is, that was written. Where there is nothing, nothing is left behind.
            let marked = self.store.mark(TTL).await;
            self.note(|trouble| trouble.writing = marked.err());
        }
    }

    /// Looks whether what was written can be read; whether it should be said again.
    async fn look(&self) -> bool {
        let slow = |_| PresenceError("it does not answer in time".to_owned());
        let marked = timeout(PATIENCE, self.store.is_marked()).await.map_err(slow).flatten();
        let something = {
            let state = self.lock();
            !state.present.is_empty() || !state.sessions.is_empty()
        };
        let lost = something && marked.as_ref().is_ok_and(|marked| !marked);
        self.note(|trouble| trouble.reading = marked.err());
        lost
    }

    /// Whether the store took all of it.
    async fn tell(&self, changed: Vec<Changed>) -> bool {
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
            // The next heartbeat says it all again.
            let failed = told.is_err();
            self.note(|trouble| trouble.writing = told.err());
            if failed {
                return false;
            }
        }
        true
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
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut beaten, mut connections) = (None::<Instant>, 0);
    loop {
        tokio::select! {
            _ = look.tick() => {
                let lost = board.look().await;
                let since = beaten.map_or(HEARTBEAT, |beaten| beaten.elapsed());
                // At once where it has lost something, and not all the time where it takes nothing.
                if since >= HEARTBEAT || lost && (since >= AGAIN || board.last().writing.is_none()) {
                    board.heartbeat().await;
                    beaten = Some(Instant::now());
                }
            }
            now = board.store.connected_again(connections) => {
                connections = now;
                board.heartbeat().await;
                beaten = Some(Instant::now());
            }
            () = board.changed.notified() => {
                sleep(GATHER).await;
                board.flush().await;
            }
        }
    }
}
