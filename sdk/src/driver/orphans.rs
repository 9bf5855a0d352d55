//! What clients of the same user have left behind that ended without a next one: tabs that were closed, programs that
//! were killed. Their edits go out under *their* ids, for only so can the server tell what it has of them already.
//!
//! A living client looks for them once it is connected, then every minute, and whenever it is told to
//! [reconnect](crate::Client::reconnect), as when a tab wakes. It takes each in turn, runs its replicas to their end
//! over a connection of their own, and removes what is done. What was refused there, or lost by the server, waits for a
//! person: it is handed to this client's replica of the review while that is open, and stays where it is until then.
//! With a replica that is done go its receipts, and its notes of which words its user wrote: both are of what it was told
//! itself, and no other replica takes them in. Should the server lose those edits later, the living client offers of
//! them what its own copy of the review says is the user's, and nothing where it has no copy.
//!
//! Whatever cannot be ended now, because the client closes, the server is away, or a batch is never taken, stays
//! exactly as it was, for the next look or the next client.

use std::sync::Arc;

use interline_core::id::ReviewId;
use interline_core::wire::ErrorCode;
use tokio::sync::oneshot;

use super::records::unreadable;
use super::{Peeked, late, own, peek};
use crate::client::{Client, ClientHandle};
use crate::connection::{ConnectionState, DisconnectReason};
use crate::error::{OpenError, Problem, SyncError};
use crate::event::Event;
use crate::lock::lock;
use crate::platform;
use crate::shared::{Config, Shared};
use crate::slot::Slot;
use crate::store::{Part, Scope};

/// How long to wait before looking again, in milliseconds.
const LOOK_MS: u64 = 60_000;
/// How long one review may take before it is left for the next look, in milliseconds.
const PATIENCE_MS: u64 = 60_000;

/// Starts looking, on behalf of a client; what this returns hears of the end, which comes soon after the client's.
pub(super) fn start(main: &Arc<Shared>) -> oneshot::Receiver<()> {
    let (done, ended) = oneshot::channel();
    let main = Arc::clone(main);
    platform::spawn(async move {
        while connected(&main).await {
            own::look(&main).await;
            look(&main).await;
            tokio::select! {
                () = main.look.notified() => {}
                () = platform::sleep(LOOK_MS) => {}
                () = ending(&main) => break,
            }
        }
        let _ = done.send(());
    });
    ended
}

/// Waits for a connection; false once there will be none.
async fn connected(main: &Shared) -> bool {
    let mut states = main.connection.subscribe();
    let state = states.wait_for(|state| state.is_connected() || is_end(state)).await;
    state.is_ok_and(|state| state.is_connected())
}

/// Waits for the end of the client.
pub(super) async fn ending(main: &Shared) {
    let _ = main.connection.subscribe().wait_for(is_end).await;
}

fn is_end(state: &ConnectionState) -> bool {
    use DisconnectReason::{Closed, TakenOver};
    matches!(state, ConnectionState::Disconnected { reason: Closed | TakenOver, .. })
}

async fn look(main: &Arc<Shared>) {
    let store = &main.config.store;
    let scopes = match store.orphans(&main.config.scope.owner).await {
        Ok(scopes) => scopes,
        // The next look may find them.
        Err(error) => return main.report(Problem::of(&error)),
    };
    for scope in scopes {
        if is_end(&main.connection.borrow()) {
            break;
        }
        // Somebody else may have been faster.
        if store.hold(&scope).await.is_ok() {
            run_out(main, &scope).await;
            store.release(&scope).await;
        }
    }
    store.reports().iter().for_each(|error| main.report(Problem::of(error)));
}

/// Runs the replicas of a client that has ended to their end.
async fn run_out(main: &Arc<Shared>, scope: &Scope) {
    let Config { socket, user, debounce_ms, store, clock, .. } = &main.config;
    let Ok(reviews) = store.list(scope).await else { return };
    let shared = Shared::new(Config {
        socket: socket.clone(),
        user: user.clone(),
        debounce_ms: *debounce_ms,
        store: Arc::clone(store),
        clock: clock.clone(),
        scope: scope.clone(),
        orphan: true,
    });
    super::start(Arc::clone(&shared));
    let client = Client::of(Arc::new(ClientHandle { shared: Arc::clone(&shared) }));
    let mut done = Vec::new();
    for review in reviews {
        if !is_readable(main, &shared.config, review).await {
            continue;
        }
        tokio::select! {
            ended = end(main, &client, review) => done.extend(ended.then_some(review)),
            () = platform::sleep(PATIENCE_MS) => {}
            () = ending(main) => break,
        }
    }
    // What could not be saved may have been handed to nobody: it is gone through again.
    if client.closed().await.is_err() {
        return;
    }
    for review in done {
        if store.remove(scope, review).await.is_ok() {
            lock(&main.counters).counted.finished += 1;
        }
    }
}

/// Whether what is pending can be read. What cannot is kept for a person, as the living client tells, and is not gone
/// on without: that would take its place.
async fn is_readable(main: &Shared, config: &Config, id: ReviewId) -> bool {
    match peek(config, id).await {
        Ok(Peeked::Pending(..)) => return true,
        Ok(Peeked::Nothing) => {}
        Ok(Peeked::Unreadable(why)) => {
            main.report(unreadable(id, &why));
            // At worst the next look sets it aside.
            let _ = config.store.set_aside(&config.scope, id, Part::Record).await;
        }
        Ok(Peeked::Newer(error)) | Err(error) => main.report(Problem::of(&error)),
    }
    false
}

/// Nobody can open that review to look at them: its copy is in the store under the ended client's id.
fn kept_of_lost(id: ReviewId) -> Problem {
    let message = format!(
        "a client that ended has left edits of {id}, which the server does not know any more; they stay in the local store"
    );
    Problem { code: "review_lost".into(), message, retryable: false }
}

/// Brings one review to its end; says whether nothing of it is left that exists nowhere else.
async fn end(main: &Arc<Shared>, client: &Client, id: ReviewId) -> bool {
    let review = match client.open(&id.to_string()).await {
        Ok(review) => review,
        Err(OpenError::Store(error)) => {
            main.report(Problem::of(&error));
            return false;
        }
        Err(_) => return false,
    };
    let told = Arc::clone(main);
    // Nobody else listens there.
    let _hearing = review.observe(move |event| {
        if let Event::Problem(problem) = event {
            told.report(problem.clone());
        }
    });
    let lost = match review.synced().await {
        Ok(()) => false,
        Err(SyncError::Stuck(ErrorCode::UnknownReview)) => true,
        Err(_) => return false,
    };
    if !late::carried(main, review.slot()).await {
        return false;
    }
    let rejected = review.rejected();
    if rejected.is_empty() {
        return true;
    }
    let Some(slot) = main.find(&id.to_string()) else {
        if lost {
            main.report(kept_of_lost(id));
        }
        return false;
    };
    let handed: Vec<_> = rejected.iter().map(|record| record.id).collect();
    slot.with(|inner, now| inner.replica.adopt_rejected(now, rejected));
    if !saved(main, &slot).await {
        return false;
    }
    // It may be long before the ended client's records go, or another client may get that far first. What a person has
    // dealt with by then must not come to them again.
    review.slot().with(|inner, _| {
        for id in handed {
            inner.replica.discard_rejected(Some(id));
        }
    });
    saved(review.shared(), review.slot()).await
}

/// Waits until all of a replica is saved; false where nobody saves any more.
async fn saved(shared: &Shared, slot: &Slot) -> bool {
    let mut saves = shared.saves.subscribe();
    while !slot.read(|inner| inner.replica.is_saved()) {
        if saves.changed().await.is_err() {
            return false;
        }
    }
    true
}
