//! Opening reviews: from the local store first, then from the server; and leaving them.

use std::sync::Arc;

use interline_core::clock::Millis;
use interline_core::id::ReviewId;
use interline_core::sync::{Replica, ResyncReason};
use interline_core::wire::{ClientFrame, ErrorCode, ErrorFrame, Opened};

use super::drafts::is_drafts;
use super::records::{self, Loaded};
use super::{Driver, Stored, answer, late};
use crate::connection::ConnectionState;
use crate::driver::link::Link;
use crate::error::{Coded, OpenError, Problem};
use crate::event::Event;
use crate::lock::lock;
use crate::progress::Settled;
use crate::shared::Reply;
use crate::slot::{Door, Held, Slot};
use crate::store::StoreError;

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
        if self.shared.entered(&key).is_some() {
            return self.await_server(key, reply);
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
                Ok(records::load(config, id, None).await?.map(Box::new))
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
        result: Result<Option<Box<Loaded>>, StoreError>,
    ) {
        // Somebody else may have opened it meanwhile.
        if let Some(slot) = self.shared.find(&key) {
            return answer(reply, Ok(slot));
        }
        match result {
            _ if self.shared.entered(&key).is_some() => self.await_server(key, reply),
            Err(error) => answer(reply, Err(OpenError::Store(error))),
            Ok(Some(loaded)) => {
                let slot = self.enter_loaded(*loaded);
                if slot.is_lost() && key.parse() != Ok(slot.id) {
                    self.lost_keys.insert(key.clone(), slot.id);
                    return self.await_server(key, reply);
                }
                lock(&self.shared.state).keys.insert(key.clone(), slot.id);
                if slot.read(|inner| inner.replica.is_loaded()) {
                    answer(reply, Ok(Held::new(&slot)));
                } else {
                    self.await_server(key, reply);
                }
            }
            Ok(None) => {
                if let Ok(id) = key.parse() {
                    self.absent.insert(id);
                }
                self.await_server(key, reply);
            }
        }
    }

    /// Makes a review known that the local store had, unless it is by another name.
    pub(super) fn enter_loaded(&mut self, loaded: Loaded) -> Arc<Slot> {
        let Loaded { replica, problems } = loaded;
        if let Some(slot) = self.shared.entered(&replica.review().to_string()) {
            return slot;
        }
        let slot = self.enter(replica);
        problems.into_iter().for_each(|problem| slot.problem(problem));
        self.reopen(&slot);
        slot
    }

    pub(super) fn await_server(&mut self, key: String, reply: Reply) {
        if let Link::Down { until } = &mut self.link {
            let state = self.shared.connection.borrow().clone();
            match (until, state) {
                (None, ConnectionState::Disconnected { reason, message }) => {
                    let error = OpenError::Disconnected { reason, message };
                    return self.not_heard_of(&key, vec![reply], &error);
                }
                (until, _) => *until = Some(self.shared.config.clock.now()),
            }
        }
        let first = !self.awaiting.contains_key(&key);
        self.awaiting.entry(key.clone()).or_default().push(reply);
        match self.shared.entered(&key) {
            Some(slot) if slot.read(|inner| inner.door == Door::Refused) => {
                self.say_leave(slot.id);
                self.reopen(&slot);
            }
            // It has been asked for.
            Some(_) => {}
            None if first && self.link.ready().is_some() => self.ask_to_open(key),
            None => {}
        }
    }

    /// A new connection: everything that is open here is opened there, and everything that is waited for.
    pub(super) fn open_all(&mut self) {
        let mut slots = self.shared.slots();
        // Drafts wait for what the server has of their review.
        slots.sort_by_key(|slot| slot.drafts_of().is_some());
        for slot in slots {
            self.reopen(&slot);
        }
        let keys: Vec<_> = self.awaiting.keys().cloned().collect();
        for key in keys {
            if self.shared.entered(&key).is_none() {
                self.ask_to_open(key);
            }
        }
    }

    pub(super) fn reopen(&mut self, slot: &Slot) {
        if self.link.ready().is_none() || self.waits_for_review(slot) {
            return;
        }
        let open = slot.with(|inner, _| {
            inner.door = Door::Asked;
            inner.asked += 1;
            inner.replica.offline();
            inner.replica.opening()
        });
        self.send(&ClientFrame::Open(open));
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
        let (differs, renews) = (reason == ResyncReason::Diverged, reason.needs_new_id());
        {
            let counted = &mut lock(&self.shared.counters).counted;
            counted.resyncs += 1;
            counted.diverged += u64::from(differs);
            counted.renewals += u64::from(renews);
        }
        let (again, leave) = slot.with(|inner, now| {
            let leave = inner.door == Door::Open;
            inner.door = Door::Shut;
            inner.replica.offline();
            if renews {
                inner.renew(now, reason);
            } else if differs {
                inner.replica.start_over();
            }
            let before = if differs || renews { inner.differed_at.replace(now) } else { None };
            (before.is_some_and(|at| now.saturating_sub(at) < DIFFERS_MS), leave)
        });
        if reason == ResyncReason::HistoryLost {
            self.went_back(slot);
        }
        if leave {
            self.say_leave(slot.id);
        }
        if again {
            // Starting over did not help, or the next thing went wrong soon: whatever it is must not become a storm of
            // snapshots. It is asked for again in a moment.
            let (code, message) = match reason {
                ResyncReason::HistoryLost => ("history_lost", "the server has lost history again"),
                ResyncReason::Copied => ("copied_store", "another copy of this local store is being used"),
                ResyncReason::Gap | ResyncReason::Diverged => {
                    ("diverged", "this replica keeps differing from the server")
                }
            };
            let (code, message) = (code.into(), message.into());
            return self.refused(slot, Problem { code, message, retryable: true });
        }
        self.reopen(slot);
    }

    /// Somebody decided to start over from what the server has.
    pub(super) fn reload(&mut self, review: ReviewId) {
        let slot = lock(&self.shared.state).slots.get(&review).map(Arc::clone);
        let Some(slot) = slot else { return };
        slot.with(|inner, _| inner.replica.start_over());
        if self.link.ready().is_some() {
            self.say_leave(slot.id);
            self.reopen(&slot);
        }
    }

    /// The server opened a review.
    pub(super) fn opened(&mut self, mut opened: Opened) {
        let (requested, id) = (opened.requested.clone(), opened.review);
        let drafts = is_drafts(id);
        let config = &self.shared.config;
        let known = lock(&self.shared.state).slots.get(&id).map(Arc::clone);
        let slot = match known {
            // Asked for by a name that was not known to be this: the server was told nothing of what is here.
            Some(slot) if requested != id.to_string() => {
                self.remember(&requested, id);
                self.say_leave(id);
                return self.reopen(&slot);
            }
            Some(slot) => slot,
            // Left meanwhile, or never asked for.
            None if !self.awaiting.contains_key(&requested) => return self.say_leave(id),
            // A name that the store did not know, of a review that it has or may have: what is pending there goes on.
            None if self.may_be_stored(id) => {
                self.say_leave(id);
                self.remember(&requested, id);
                let waiting = self.take_awaiting(&requested, Some(id));
                return waiting.into_iter().for_each(|reply| self.open(id.to_string(), reply));
            }
            None => {
                let (client, user) = (config.scope.client, config.scope.owner.user.clone());
                let slot = self.enter(Replica::new(client, user, id, config.debounce_ms));
                lock(&self.shared.state).keys.insert(requested.clone(), id);
                slot.with(|inner, _| inner.asked = 1);
                slot
            }
        };
        let limits = self.limits;
        let taken = slot.with(|inner, now| {
            inner.asked = inner.asked.saturating_sub(1);
            if inner.asked > 0 {
                // It was asked for anew since, perhaps for something else.
                return None;
            }
            inner.door = Door::Open;
            inner.replica.set_limits(limits);
            inner.learn(std::mem::take(&mut opened.users));
            inner.learn(opened.presence.iter().map(|presence| presence.user.clone()));
            let (last, presence) =
                (opened.last.as_ref().map(Settled::of), std::mem::take(&mut opened.presence));
            let taken = inner.replica.opened(now, opened);
            if taken.is_ok() {
                if let Some(last) = last {
                    inner.ended(last, &slot.shared);
                }
                inner.replica.presence_listed(presence);
            }
            Some(taken)
        });
        match taken {
            None => return,
            Some(Err(reason)) => return self.resync(&slot, reason),
            Some(Ok(())) => self.drafts_follow(&slot),
        }
        // Whoever waits for drafts waits for all of them: see `Driver::drafts_are_here`.
        if !drafts {
            self.remember(&requested, id);
            for reply in self.take_awaiting(&requested, Some(id)) {
                answer(reply, Ok(Held::new(&slot)));
            }
        }
        // What a client that ended has left of it can be handed over now.
        self.shared.look.notify_one();
    }

    /// The server does not open a review.
    pub(super) fn not_opened(&mut self, requested: &str, error: ErrorFrame) {
        if let Some(slot) =
            self.named_drafts(requested, error.review).filter(|slot| slot.drafts_of().is_some())
        {
            return self.drafts_not_opened(&slot, error);
        }
        let id = error.review.or_else(|| requested.parse().ok());
        let slot = id.and_then(|id| lock(&self.shared.state).slots.get(&id).map(Arc::clone));
        if let (ErrorCode::AlreadyOpen, Some(id)) = (error.code, id) {
            // What was asked for by its id has had its answer, too: another opening of it is under way.
            if let Some(slot) = slot.as_ref().filter(|_| requested.parse() == Ok(id)) {
                slot.with(|inner, _| inner.asked = inner.asked.saturating_sub(1));
            }
            // Another name of a review that is open here, or will be once the server has answered to its first name.
            self.remember(requested, id);
            let waiting = self.take_awaiting(requested, None);
            match slot {
                Some(slot) => waiting.into_iter().for_each(|reply| answer(reply, Ok(Held::new(&slot)))),
                None => self.awaiting.entry(id.to_string()).or_default().extend(waiting),
            }
            return;
        }
        if let Some(slot) = &slot {
            let stale = slot.with(|inner, _| {
                inner.asked = inner.asked.saturating_sub(1);
                inner.asked > 0
            });
            if stale {
                return;
            }
            if error.code == ErrorCode::HistoryLost {
                return self.resync(slot, ResyncReason::HistoryLost);
            }
        }
        let lost = error.code == ErrorCode::UnknownReview;
        let problem = problem(error);
        if let Some(slot) = slot.as_ref().filter(|slot| lost && slot.read(|inner| inner.replica.is_loaded()))
        {
            self.review_lost(slot);
        }
        let waiting = self.take_awaiting(requested, id);
        self.not_heard_of(requested, waiting, &OpenError::Server(problem.clone()));
        if let Some(slot) = slot {
            self.refused(&slot, problem);
        }
    }

    /// Everybody who waits for a review, by the key it was asked for, by its id and by its other names.
    fn take_awaiting(&mut self, requested: &str, id: Option<ReviewId>) -> Vec<Reply> {
        let keys = &lock(&self.shared.state).keys;
        let this = |key: &String| {
            key == requested || id.is_some_and(|id| key.parse() == Ok(id) || keys.get(key) == Some(&id))
        };
        let names: Vec<_> = self.awaiting.keys().filter(|key| this(key)).cloned().collect();
        names.into_iter().filter_map(|name| self.awaiting.remove(&name)).flatten().collect()
    }

    /// The server has shut a review for us, or did not open it.
    pub(super) fn refused(&mut self, slot: &Slot, problem: Problem) {
        let wait = self.backoff.spread(REFUSED_MS);
        slot.with(|inner, now| {
            inner.door = Door::Refused;
            inner.ask_again_at = problem.retryable.then(|| now + wait);
            inner.replica.offline();
        });
        if slot.read(|inner| !inner.replica.is_loaded()) {
            for reply in self.take_awaiting(&slot.id.to_string(), Some(slot.id)) {
                answer(reply, Err(OpenError::Server(problem.clone())));
            }
        }
        self.drafts_follow(slot);
        slot.tell(Event::Problem(problem));
    }

    /// Makes a review known.
    fn enter(&mut self, replica: Replica) -> Arc<Slot> {
        let slot = Slot::new(Arc::clone(&self.shared), replica);
        slot.with(|inner, _| inner.learn([self.shared.config.user.clone()]));
        if self.taken_over {
            slot.taken_over();
        }
        lock(&self.shared.state).slots.insert(slot.id, Arc::clone(&slot));
        slot.meet();
        self.look_for_drafts(&slot);
        slot
    }

    fn remember(&mut self, key: &str, id: ReviewId) {
        if key.parse() == Ok(id) {
            return;
        }
        self.lost_keys.remove(key);
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
        let done = self.awaiting.is_empty() && !late::waits(&self.shared, slot) && {
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
            self.shared.config.store.left(&self.shared.config.scope, slot.id);
            if slot.read(|inner| inner.door != Door::Shut) {
                self.say_leave(slot.id);
            }
            self.drafts_follow(slot);
        }
    }
}

pub(super) fn problem(error: ErrorFrame) -> Problem {
    Problem { code: error.code.code(), message: error.message, retryable: error.retryable }
}
