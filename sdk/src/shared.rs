//! What the handles of a client and its driver share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use interline_core::id::{ReviewId, User};
use tokio::sync::{Notify, oneshot, watch};

use crate::analytics::{Analytics, Counters};
use crate::connection::{ConnectionState, DisconnectReason};
use crate::error::OpenError;
use crate::event::Event;
use crate::lock::lock;
use crate::slot::{Held, Slot};
use crate::store::{Scope, Store};

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
}

/// What a handle wants of the driver.
pub(crate) enum Command {
    Open { key: String, reply: Reply },
    Reload(ReviewId),
}

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
    pub(crate) closed: bool,
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) state: Mutex<State>,
    pub(crate) wake: Notify,
    pub(crate) connection: watch::Sender<ConnectionState>,
    pub(crate) counters: Mutex<Counters>,
    /// The driver has ended: what there was to save is saved.
    pub(crate) finished: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Arc<Shared> {
        Arc::new(Shared {
            config,
            state: Mutex::default(),
            wake: Notify::new(),
            connection: watch::Sender::new(ConnectionState::Connecting),
            counters: Mutex::default(),
            finished: watch::Sender::new(false),
        })
    }

    /// Asks something of the driver.
    pub(crate) fn ask(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.state));
        self.wake.notify_one();
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

    /// A slot that is open already.
    pub(crate) fn find(&self, key: &str) -> Option<Held> {
        let state = lock(&self.state);
        let id = state.keys.get(key).copied().or_else(|| key.parse().ok())?;
        state.slots.get(&id).map(Held::new)
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
