//! Which rooms are loaded. A room is made when somebody asks for it and goes when nobody has for a while.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use interline_core::id::ReviewId;
use interline_core::limits::Limits;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::{Bells, Input, MAILBOX, RoomHandle, task};
use crate::fanout::Fanout;
use crate::metrics::Metrics;
use crate::presence::Board;
use crate::store::Store;
use crate::store::committer::Committer;
use crate::store::heads::Heads;
use crate::store::keeper::SnapshotKeeper;

/// What every room needs.
#[derive(Clone)]
pub(crate) struct RoomContext {
    /// Where logs are read.
    pub(crate) store: Arc<dyn Store>,
    /// Where they are appended to.
    pub(crate) committer: Committer,
    /// Where it is asked where they end.
    pub(crate) heads: Heads,
    /// Who takes snapshots of them.
    pub(crate) snapshots: SnapshotKeeper,
    /// Who is where, for other nodes.
    pub(crate) board: Arc<Board>,
    /// What nodes tell each other.
    pub(crate) fanout: Arc<dyn Fanout>,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// What clients may do.
    pub(crate) limits: Limits,
    /// Who waits for the next entry.
    pub(crate) bells: Bells,
    /// How long a room stays loaded once nobody wants it.
    pub(crate) idle: Duration,
}

/// The loaded rooms.
pub(crate) struct Rooms {
    context: RoomContext,
    /// Rooms are not tied to the thread that somebody opened them on.
    runtime: Handle,
    loaded: Mutex<HashMap<ReviewId, Loaded>>,
    /// Set, under the lock, when no room is started any more.
    stopped: AtomicBool,
}

struct Loaded {
    handle: RoomHandle,
    task: JoinHandle<()>,
}

impl Rooms {
    /// No rooms yet; they will run on the runtime that this is called on.
    pub(crate) fn new(context: RoomContext) -> Arc<Rooms> {
        Arc::new(Rooms {
            context,
            runtime: Handle::current(),
            loaded: Mutex::default(),
            stopped: AtomicBool::new(false),
        })
    }

    /// The room of a review that exists, loaded or about to be. While the server stops it is one that has ended, if it
    /// is not loaded: nobody would wait for a new one.
    pub(crate) fn get(self: &Arc<Self>, id: ReviewId) -> RoomHandle {
        let start = || {
            let (mailbox, inputs) = mpsc::channel(MAILBOX);
            let handle = RoomHandle { id, mailbox, unloadable: Arc::default() };
            let (context, rooms) = (self.context.clone(), Arc::downgrade(self));
            let task = self.runtime.spawn(task::run(id, context, rooms, inputs, handle.unloadable.clone()));
            Loaded { handle, task }
        };
        let mut loaded = self.lock();
        let stopped = self.stopped.load(Ordering::Relaxed);
        match loaded.entry(id) {
            Entry::Vacant(_) if stopped => RoomHandle::none(id),
            Entry::Vacant(entry) => entry.insert(start()).handle.clone(),
            Entry::Occupied(mut entry) => {
                if entry.get().handle.ended() && !stopped {
                    entry.insert(start());
                }
                entry.get().handle.clone()
            }
        }
    }

    /// How many rooms there are, those of private drafts included.
    pub(super) fn loaded(&self) -> usize {
        self.lock().len()
    }

    /// Who waits for entries.
    pub(crate) fn bells(&self) -> &Bells {
        &self.context.bells
    }

    /// How many reviews are loaded. Logs of private drafts are not counted: others would see that there are any.
    pub(crate) fn count(&self) -> usize {
        let loaded = self.lock();
        loaded.values().filter(|room| !room.handle.is_private() && !room.handle.ended()).count()
    }

    /// Lets an idle room go, unless somebody has a handle to it or has just left something in its mailbox.
    pub(super) fn unload(&self, id: ReviewId, inputs: &mpsc::Receiver<Input>) -> bool {
        let mut loaded = self.lock();
        // The one strong sender is the map's own; under the lock nobody can get another.
        let idle = inputs.sender_strong_count() <= 1 && inputs.is_empty();
        if idle {
            loaded.remove(&id);
        }
        idle
    }

    /// Lets every room finish what is under way, and waits for them until a deadline.
    pub(crate) async fn stop(&self, deadline: Instant) {
        let all = async {
            // Drafts first: what is being published from there still needs the review's room.
            let private = self.lock().extract_if(|_, room| room.handle.is_private()).collect();
            let now = Instant::now();
            let half = now + deadline.saturating_duration_since(now) / 2;
            let in_time = timeout_at(half, finish(private)).await.is_ok();
            let rest = {
                let mut loaded = self.lock();
                self.stopped.store(true, Ordering::Relaxed);
                loaded.drain().collect()
            };
            finish(rest).await;
            in_time
        };
        if timeout_at(deadline, all).await != Ok(true) {
            warn!("some reviews did not finish in time; what was not acknowledged will be sent again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ReviewId, Loaded>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops rooms, and waits for them.
async fn finish(rooms: Vec<(ReviewId, Loaded)>) {
    for (_, room) in &rooms {
        let _ = room.handle.mailbox.send(Input::Stop).await;
    }
    for (_, room) in rooms {
        let _ = room.task.await;
    }
}
