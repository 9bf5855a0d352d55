//! What the handles of a client and its driver share.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use interline_core::id::{CommentId, ReviewId, User, Version};
use interline_core::review::CommentHistory;
use tokio::sync::{Notify, oneshot, watch};

use crate::analytics::{Analytics, Counters};
use crate::clock::Clock;
use crate::connection::{ConnectionState, DisconnectReason};
use crate::error::{HistoryError, OpenError, Problem};
use crate::event::Event;
use crate::lock::lock;
use crate::slot::{Held, Slot};
use crate::store::{Scope, Store, StoreError};

/// How many openings may wait for the driver.
const MAX_COMMANDS: usize = 1_024;

/// What a client was built with.
pub(crate) struct Config {
    /// The address of the server's socket.
    pub(crate) socket: String,
    pub(crate) user: User,
    pub(crate) debounce_ms: u64,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) scope: Scope,
    pub(crate) clock: Clock,
    /// It runs the replicas of a client that has ended to their end, and nothing else.
    pub(crate) orphan: bool,
}

/// What a handle wants of the driver.
pub(crate) enum Command {
    Open {
        key: String,
        reply: Reply,
    },
    /// The user's private drafts in a review.
    OpenDrafts {
        of: ReviewId,
        reply: Reply,
    },
    Reload(ReviewId),
    History {
        review: ReviewId,
        comment: CommentId,
        after: Version,
        reply: HistoryReply,
    },
}

/// Gets a part of a comment's history.
pub(crate) type HistoryReply = oneshot::Sender<Result<CommentHistory, HistoryError>>;

/// Gets the slot, held already: it cannot be left before the answer is heard, and is once nobody hears it.
pub(crate) type Reply = oneshot::Sender<Result<Held, OpenError>>;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) slots: BTreeMap<ReviewId, Arc<Slot>>,
    /// The keys by which open reviews were asked for.
    pub(crate) keys: BTreeMap<String, ReviewId>,
    pub(crate) commands: VecDeque<Command>,
    /// Somebody wants a connection now.
    pub(crate) reconnect: bool,
    /// Somebody wants to know now whether the connection is alive.
    pub(crate) probe: bool,
    /// What waits for typing to rest should wait no longer.
    pub(crate) flush: bool,
    /// What is to be told to whoever listens to any review, and what was told so.
    pub(crate) problems: Vec<Problem>,
    pub(crate) told: BTreeSet<String>,
    pub(crate) closed: bool,
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) state: Mutex<State>,
    pub(crate) wake: Notify,
    pub(crate) connection: watch::Sender<ConnectionState>,
    pub(crate) counters: Mutex<Counters>,
    /// There is reason to look for what clients that ended have left.
    pub(crate) look: Notify,
    /// How many saves there have been.
    pub(crate) saves: watch::Sender<u64>,
    /// Once the driver has ended: whether all that there was to save is saved.
    pub(crate) finished: watch::Sender<Option<Result<(), StoreError>>>,
    /// Counts what reviews were told of their drafts.
    pub(crate) told: AtomicU64,
}

impl State {
    fn id_of(&self, key: &str) -> Option<ReviewId> {
        self.keys.get(key).copied().or_else(|| key.parse().ok())
    }
}

impl Shared {
    pub(crate) fn new(config: Config) -> Arc<Shared> {
        Arc::new(Shared {
            config,
            state: Mutex::default(),
            wake: Notify::new(),
            connection: watch::Sender::new(ConnectionState::Connecting),
            counters: Mutex::default(),
            look: Notify::new(),
            saves: watch::Sender::new(0),
            finished: watch::Sender::new(None),
            told: AtomicU64::new(0),
        })
    }

    /// Asks something of the driver.
    pub(crate) fn ask(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.state));
        self.wake.notify_one();
    }

    /// Has a problem of a client that ended told, once.
    pub(crate) fn report(&self, problem: Problem) {
        self.ask(|state| {
            if state.told.insert(format!("{} {}", problem.code, problem.message)) {
                state.problems.push(problem);
            }
        });
    }

    /// Hands a command to the driver.
    pub(crate) fn command(&self, command: Command) -> Result<(), OpenError> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(OpenError::Closed);
        }
        if state.commands.len() >= MAX_COMMANDS {
            return Err(OpenError::Disconnected {
                reason: DisconnectReason::ServerUnavailable,
                message: "too many reviews are being opened".into(),
            });
        }
        state.commands.push_back(command);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// A slot that is open already, with something to show.
    pub(crate) fn find(&self, key: &str) -> Option<Held> {
        let state = lock(&self.state);
        let slot = state.slots.get(&state.id_of(key)?)?;
        slot.read(|inner| inner.replica.is_loaded()).then(|| Held::new(slot))
    }

    /// A slot that is open already, perhaps still without anything to show.
    pub(crate) fn entered(&self, key: &str) -> Option<Arc<Slot>> {
        let state = lock(&self.state);
        state.slots.get(&state.id_of(key)?).map(Arc::clone)
    }

    pub(crate) fn slots(&self) -> Vec<Arc<Slot>> {
        lock(&self.state).slots.values().map(Arc::clone).collect()
    }

    /// Tells everybody about the connection.
    pub(crate) fn connection_is(&self, now: ConnectionState) {
        let changed = self.connection.send_if_modified(|state| {
            let changed = *state != now;
            state.clone_from(&now);
            changed
        });
        if changed {
            self.slots().iter().for_each(|slot| slot.tell(Event::Connection(now.clone())));
        }
    }

    pub(crate) fn analytics(&self) -> Analytics {
        let mut read = lock(&self.counters).read();
        for slot in self.slots() {
            let unsynced = slot.read(|inner| inner.replica.unsynced());
            read.queue_depth += unsynced.count;
            read.queue_since = [read.queue_since, unsynced.since].into_iter().flatten().min();
        }
        read
    }
}
