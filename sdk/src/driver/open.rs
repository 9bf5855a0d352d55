//! Opening reviews: from the local store first, then from the server; and leaving them.

use std::sync::Arc;

use interline_core::clock::Millis;
use interline_core::id::ReviewId;
use interline_core::sync::{Replica, ResyncReason, Saved};
use interline_core::wire::{ErrorCode, ErrorFrame, Opened};

use super::{Driver, Stored, answer};
use crate::connection::ConnectionState;
use crate::driver::link::Link;
use crate::error::{Coded, OpenError, Problem};
use crate::event::Event;
use crate::lock::lock;
use crate::platform;
use crate::shared::Reply;
use crate::slot::{Door, Held, Slot};
use crate::store::StoreError;

/// The format of saved replicas that this software reads.
const SAVED_FORMAT: u32 = 1;
/// A replica that differs from the server again within this time is not opened at once, in milliseconds.
const DIFFERS_MS: u64 = 10_000;
/// The shortest wait before a review is asked for again that could not be opened for the moment, in milliseconds.
const REFUSED_MS: u64 = 2_000;

impl Driver {
    /// Somebody wants a review. Looks in the local store first.
    pub(super) fn open(&mut self, key: String, reply: Reply) {
        if let Some(slot) = self.shared.find(&key) {
            return answer(reply, Ok(slot));
        }
        let shared = Arc::clone(&self.shared);
        self.stores.push(Box::pin(async move {
            let config = &shared.config;
            let result = async {
                let id = match key.parse() {
                    Ok(id) => Some(id),
                    Err(_) => config.store.resolve(&config.scope.owner, &key).await?,
                };
                let Some(id) = id else { return Ok(None) };
                match config.store.load(&config.scope, id).await? {
                    Some(saved) => check(saved, id, &shared).map(|saved| Some(Box::new(saved))),
                    None => Ok(None),
                }
            };
            let result = result.await;
            Stored::Loaded { key, reply, result }
        }));
    }

    /// The local store has answered.
    pub(super) fn loaded(
        &mut self,
        key: String,
        reply: Reply,
        result: Result<Option<Box<Saved>>, StoreError>,
    ) {
        // Somebody else may have opened it meanwhile.
        if let Some(slot) = self.shared.find(&key) {
            return answer(reply, Ok(slot));
        }
        match result {
            Err(error) => answer(reply, Err(OpenError::Store(error))),
            Ok(Some(saved)) => {
                let replica = Replica::restore(platform::now_ms(), *saved, self.shared.config.debounce_ms);
                let slot = self.enter(&key, replica);
                self.reopen(&slot);
                answer(reply, Ok(Held::new(&slot)));
            }
            Ok(None) => {
                if let Ok(id) = key.parse() {
                    self.stored.remove(&id);
                }
                self.await_server(key, reply);
            }
        }
    }

    fn await_server(&mut self, key: String, reply: Reply) {
        if let Link::Down { until } = &mut self.link {
            let state = self.shared.connection.borrow().clone();
            match (until, state) {
                (None, ConnectionState::Disconnected { reason, message }) => {
                    return answer(reply, Err(OpenError::Disconnected { reason, message }));
                }
                (until, _) => *until = Some(platform::now_ms()),
            }
        }
        let first = !self.awaiting.contains_key(&key);
        self.awaiting.entry(key.clone()).or_default().push(reply);
        if first && self.link.ready().is_some() {
            self.ask_to_open(key, None);
        }
    }

    /// A new connection: everything that is open here is opened there, and everything that is waited for.
    pub(super) fn open_all(&mut self) {
        for slot in self.shared.slots() {
            self.reopen(&slot);
        }
        let keys: Vec<_> = self.awaiting.keys().cloned().collect();
        keys.into_iter().for_each(|key| self.ask_to_open(key, None));
    }

    fn reopen(&mut self, slot: &Slot) {
        if self.link.ready().is_none() {
            return;
        }
        let have = slot.with(|inner, _| {
            inner.door = Door::Asked;
            inner.replica.offline();
            inner.replica.opening();
            inner.replica.head().filter(|_| !inner.start_over)
        });
        self.ask_to_open(slot.id.to_string(), have);
    }

    /// Asks again for a review that could not be opened for the moment; says when that will be.
    pub(super) fn ask_again_if_due(&mut self, now: Millis, slot: &Slot) -> Option<Millis> {
        self.link.ready()?;
        let at = slot.read(|inner| inner.ask_again_at.filter(|_| inner.door == Door::Refused))?;
        if at > now {
            return Some(at);
        }
        self.say_leave(slot.id);
        self.reopen(slot);
        None
    }

    /// Opens a review once more over the same connection.
    pub(super) fn resync(&mut self, slot: &Slot, reason: ResyncReason) {
        let differs = reason == ResyncReason::Diverged;
        {
            let counted = &mut lock(&self.shared.counters).counted;
            counted.resyncs += 1;
            counted.diverged += u64::from(differs);
        }
        let again = slot.with(|inner, now| {
            inner.start_over |= differs;
            let before = if differs { inner.differed_at.replace(now) } else { None };
            before.is_some_and(|at| now.saturating_sub(at) < DIFFERS_MS)
        });
        self.say_leave(slot.id);
        if again {
            // A snapshot did not help: whatever it is must not become a storm of snapshots.
            let message = "this replica keeps differing from the server".into();
            return self.refused(slot, Problem { code: "diverged".into(), message, retryable: true });
        }
        self.reopen(slot);
    }

    /// Somebody decided to start over from what the server has.
    pub(super) fn reload(&mut self, review: ReviewId) {
        let slot = lock(&self.shared.state).slots.get(&review).map(Arc::clone);
        let Some(slot) = slot else { return };
        slot.with(|inner, _| inner.start_over = true);
        self.say_leave(slot.id);
        self.reopen(&slot);
    }

    /// The server opened a review.
    pub(super) fn opened(&mut self, now: Millis, opened: Opened) {
        let Opened { requested, review: id, head, snapshot, users, presence } = opened;
        let config = &self.shared.config;
        let known = lock(&self.shared.state).slots.get(&id).map(Arc::clone);
        let slot = match known {
            Some(slot) => slot,
            // Left meanwhile, or never asked for.
            None if !self.awaiting.contains_key(&requested) => return self.say_leave(id),
            // A name that the store did not know, of a review that it has: what is pending there goes on.
            None if self.stored.contains(&id) => {
                self.say_leave(id);
                self.remember(&requested, id);
                let waiting = self.take_awaiting(&requested, Some(id));
                return waiting.into_iter().for_each(|reply| self.open(id.to_string(), reply));
            }
            None => {
                let (client, user) = (config.scope.client, config.scope.owner.user.clone());
                self.enter(&requested, Replica::new(client, user, id, config.debounce_ms))
            }
        };
        let limits = self.limits;
        let taken = slot.with(|inner, now| {
            inner.replica.set_limits(limits);
            inner.learn(users);
            inner.learn(presence.iter().map(|presence| presence.user.clone()));
            match (snapshot, inner.replica.head()) {
                (Some(snapshot), _) => {
                    inner.replica.snapshot(now, snapshot, head)?;
                    inner.start_over = false;
                }
                (None, Some(_)) if !inner.start_over => inner.replica.resumed(now, head.version),
                (None, _) => return Err(ResyncReason::Diverged),
            }
            inner.replica.presence_listed(presence);
            inner.door = Door::Open;
            Ok(())
        });
        if taken.is_err() {
            return self.lost(now, "the server sent a review that cannot be".into());
        }
        self.remember(&requested, id);
        for reply in self.take_awaiting(&requested, Some(id)) {
            answer(reply, Ok(Held::new(&slot)));
        }
    }

    /// The server does not open a review.
    pub(super) fn not_opened(&mut self, requested: &str, error: ErrorFrame) {
        let id = error.review.or_else(|| requested.parse().ok());
        let slot = id.and_then(|id| lock(&self.shared.state).slots.get(&id).map(Arc::clone));
        if let (ErrorCode::AlreadyOpen, Some(id)) = (error.code, id) {
            // Another name of a review that is open here, or will be once the server has answered to its first name.
            self.remember(requested, id);
            let waiting = self.take_awaiting(requested, None);
            match slot {
                Some(slot) => waiting.into_iter().for_each(|reply| answer(reply, Ok(Held::new(&slot)))),
                None => self.awaiting.entry(id.to_string()).or_default().extend(waiting),
            }
            return;
        }
        let problem = problem(error);
        for reply in self.take_awaiting(requested, id) {
            answer(reply, Err(OpenError::Server(problem.clone())));
        }
        if let Some(slot) = slot {
            self.refused(&slot, problem);
        }
    }

    /// Everybody who waits for a review, by the key it was asked for and by its id.
    fn take_awaiting(&mut self, requested: &str, id: Option<ReviewId>) -> Vec<Reply> {
        let mut replies = self.awaiting.remove(requested).unwrap_or_default();
        replies.extend(id.and_then(|id| self.awaiting.remove(&id.to_string())).into_iter().flatten());
        replies
    }

    /// The server has shut a review for us, or did not open it.
    pub(super) fn refused(&mut self, slot: &Slot, problem: Problem) {
        let wait = self.backoff.spread(REFUSED_MS);
        slot.with(|inner, now| {
            inner.door = Door::Refused;
            inner.ask_again_at = problem.retryable.then(|| now + wait);
            inner.replica.offline();
        });
        slot.tell(Event::Problem(problem));
    }

    /// Makes a review known by a key.
    fn enter(&mut self, key: &str, replica: Replica) -> Arc<Slot> {
        let slot = Slot::new(Arc::clone(&self.shared), replica);
        slot.with(|inner, _| inner.learn([self.shared.config.user.clone()]));
        let mut state = lock(&self.shared.state);
        state.slots.insert(slot.id, Arc::clone(&slot));
        state.keys.insert(key.to_owned(), slot.id);
        slot
    }

    fn remember(&mut self, key: &str, id: ReviewId) {
        if key.parse() == Ok(id) {
            return;
        }
        lock(&self.shared.state).keys.insert(key.to_owned(), id);
        let (shared, key) = (Arc::clone(&self.shared), key.to_owned());
        self.stores.push(Box::pin(async move {
            // At worst the key opens nothing offline; the next opening tries again.
            let _ = shared.config.store.remember(&shared.config.scope.owner, &key, id).await;
            Stored::Remembered
        }));
    }

    /// Leaves a review that nobody holds any more, once nothing of it is on its way, and while nobody waits for one
    /// that may be this by another name.
    pub(super) fn leave_if_done(&mut self, slot: &Arc<Slot>) {
        let done = self.awaiting.is_empty() && {
            let mut state = lock(&self.shared.state);
            let done = slot.read(|inner| {
                inner.handles == 0
                    && inner.replica.unsynced().count == 0
                    && !inner.saving
                    && inner.work.is_empty()
                    && !inner.save_failed
            });
            if done {
                state.slots.remove(&slot.id);
                state.keys.retain(|_, id| *id != slot.id);
            }
            done
        };
        if done {
            slot.close();
            if slot.read(|inner| inner.door != Door::Shut) {
                self.say_leave(slot.id);
            }
        }
    }
}

/// Checks that a saved replica is what it was asked for as.
fn check(saved: Saved, id: ReviewId, shared: &crate::shared::Shared) -> Result<Saved, StoreError> {
    if saved.format > SAVED_FORMAT {
        return Err(StoreError::new("the local copy was saved by newer software"));
    }
    let scope = &shared.config.scope;
    if saved.confirmed.id != id || saved.client != scope.client || saved.user != scope.owner.user {
        return Err(StoreError::new("the local copy belongs to something else"));
    }
    Ok(saved)
}

pub(super) fn problem(error: ErrorFrame) -> Problem {
    Problem { code: error.code.code(), message: error.message, retryable: error.retryable }
}
