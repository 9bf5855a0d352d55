//! The one task behind a client: it owns the connection, feeds the replicas, and does what they want done.
//!
//! One turn of its loop: take what handles asked for, let time pass in every replica, execute what the replicas
//! want; then wait for whatever comes first of a finished save, the connection, a handle, or the next deadline.
//! It decides nothing about edits; that is `interline-core`.

mod drafts;
mod frames;
mod history;
pub(crate) mod late;
mod link;
mod lost;
mod open;
mod orphans;
mod own;
mod records;
mod saved_v1;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use interline_core::clock::Millis;
use interline_core::id::ReviewId;
use interline_core::limits::Limits;
use interline_core::wire::{self, ClientFrame, Hello, Open};
use tokio::sync::oneshot;

use self::history::Asked;
use self::link::{Check, Connection, Input, Link, PATIENCE_MS};
use self::records::Loaded;
pub(crate) use self::records::{Peeked, peek};
use crate::connection::{ConnectionState, DisconnectReason};
use crate::error::{OpenError, Problem};
use crate::lock::lock;
use crate::platform::{self, BoxFuture, ConnectError, Receiver, Sender, Signal, Watch};
use crate::reconnect::Backoff;
use crate::shared::{Command, Reply, Shared, State};
use crate::slot::{Door, Held, Slot};
use crate::store::StoreError;

/// How long a client that is closed goes on trying to save, in milliseconds.
const LAST_SAVES_MS: u64 = 5_000;
/// How long it waits between tries: at first, and at most, in milliseconds.
const LAST_SAVES_WAIT_MS: (u64, u64) = (20, 640);

/// What a store operation came to.
enum Stored {
    Saved {
        slot: Arc<Slot>,
        generation: u64,
        result: Result<(), StoreError>,
    },
    Loaded {
        key: String,
        reply: Reply,
        result: Result<Option<Box<Loaded>>, StoreError>,
    },
    /// The user's drafts in a review.
    Drafts {
        of: ReviewId,
        reply: Option<Reply>,
        result: Result<Option<Box<Loaded>>, StoreError>,
    },
    Remembered,
}

pub(crate) struct Driver {
    shared: Arc<Shared>,
    link: Link,
    backoff: Backoff,
    stores: FuturesUnordered<BoxFuture<Stored>>,
    /// Who waits for a review that is not here, by the key they asked for.
    awaiting: BTreeMap<String, Vec<Reply>>,
    /// The keys by which reviews were known that the server has lost: what has such a key now is the server's to say.
    lost_keys: BTreeMap<String, ReviewId>,
    /// The reviews that the local store has a copy of, unless it could not say.
    stored: Option<BTreeSet<ReviewId>>,
    /// The reviews that were looked for there, and are not there.
    absent: BTreeSet<ReviewId>,
    connected_before: bool,
    /// What the server of the latest connection accepts.
    limits: Limits,
    nonce: u64,
    /// Who waits for a part of a comment's history, by the nonce it was asked for with.
    histories: BTreeMap<u64, Asked>,
    /// What the store reported while nothing was open.
    reports: Vec<Problem>,
    /// Why the last save failed that did.
    not_saved: Option<StoreError>,
    /// Somebody else has the local store.
    taken_over: bool,
    /// Ends with the task that runs ended clients' replicas to their end.
    orphans: Option<oneshot::Receiver<()>>,
}

/// Starts the driver of a client.
pub(crate) fn start(shared: Arc<Shared>) {
    let told = Arc::downgrade(&shared);
    // The watch is made on this thread and kept by the task.
    let watch = platform::watch(move |signal| {
        if let Some(shared) = told.upgrade() {
            shared.ask(|state| match signal {
                Signal::Online => state.reconnect = true,
                Signal::Offline => state.probe = true,
                Signal::Visible => (state.reconnect, state.probe) = (true, true),
                Signal::Hidden => state.flush = true,
            });
        }
    });
    let orphans = (!shared.config.orphan).then(|| orphans::start(&shared));
    let driver = Driver {
        shared,
        link: Link::Down { until: Some(0) },
        backoff: Backoff::new(),
        stores: FuturesUnordered::new(),
        awaiting: BTreeMap::new(),
        lost_keys: BTreeMap::new(),
        stored: None,
        absent: BTreeSet::new(),
        connected_before: false,
        limits: Limits::default(),
        nonce: 0,
        histories: BTreeMap::new(),
        reports: Vec::new(),
        not_saved: None,
        taken_over: false,
        orphans,
    };
    platform::spawn(driver.run(watch));
}

impl Driver {
    async fn run(mut self, _watch: Watch) {
        let config = &self.shared.config;
        match config.store.list(&config.scope).await {
            Ok(ids) => self.stored = Some(ids.into_iter().collect()),
            // Each is looked for by its id then, before anything is begun anew.
            Err(error) => self.reports.push(Problem::of(&error)),
        }
        loop {
            let now = self.shared.config.clock.now();
            let closed = self.take_requests(now);
            self.check_link(now);
            let mut wake_at = self.serve_slots(now);
            if closed {
                break;
            }
            if let Some(at) = self.link.wake_at() {
                wake_at = wake_at.min(at);
            }
            let wait = wake_at.saturating_sub(self.shared.config.clock.now());
            let store = Arc::clone(&self.shared.config.store);
            tokio::select! {
                biased;
                Some(stored) = self.stores.next(), if !self.stores.is_empty() => self.stored(stored),
                input = self.link.next() => self.heard(input),
                () = store.lost() => self.store_lost(),
                () = self.shared.wake.notified() => {}
                () = platform::sleep(wait) => {}
            }
        }
        self.finish().await;
    }

    /// Whether the local store may have a copy of a review.
    fn may_be_stored(&self, id: ReviewId) -> bool {
        !self.absent.contains(&id) && self.stored.as_ref().is_none_or(|stored| stored.contains(&id))
    }

    /// What handles asked for since the last turn; says whether that was to close.
    fn take_requests(&mut self, now: Millis) -> bool {
        let (commands, State { reconnect, probe, flush, problems, closed, .. }) = {
            let mut state = lock(&self.shared.state);
            let asked = State {
                reconnect: std::mem::take(&mut state.reconnect),
                probe: std::mem::take(&mut state.probe),
                flush: std::mem::take(&mut state.flush),
                problems: std::mem::take(&mut state.problems),
                closed: state.closed,
                ..State::default()
            };
            (std::mem::take(&mut state.commands), asked)
        };
        if flush {
            self.shared.slots().iter().for_each(|slot| slot.with(|inner, now| inner.replica.flush(now)));
        }
        if !problems.is_empty() {
            self.reports.extend(problems);
            self.tell_reports();
        }
        for command in commands {
            match command {
                Command::Open { key, reply } => self.open(key, reply),
                Command::OpenDrafts { of, reply } => self.open_drafts(of, Some(reply)),
                Command::Reload(review) => self.reload(review),
                Command::History { review, comment, after, reply } => {
                    self.ask_history(review, comment, after, reply);
                }
            }
        }
        if reconnect && !self.taken_over {
            self.try_again(now);
        }
        if probe
            && let Link::Up(connection) = &mut self.link
            && connection.ask(now) == Check::Ask
        {
            self.ping();
        }
        closed
    }

    /// Whatever waits to be tried again is tried now.
    fn try_again(&mut self, now: Millis) {
        self.backoff.reset();
        if let Link::Down { until } = &mut self.link {
            *until = Some(now);
        }
        for slot in self.shared.slots() {
            slot.with(|inner, now| {
                inner.ask_again_at = inner.ask_again_at.map(|_| now);
                inner.replica.try_again(now);
            });
        }
        self.shared.look.notify_one();
    }

    /// Deadlines of the connection.
    fn check_link(&mut self, now: Millis) {
        match &mut self.link {
            Link::Down { until: Some(until) } if *until <= now => self.connect(now),
            Link::Down { .. } => {}
            Link::Connecting { give_up_at, .. } if *give_up_at <= now => {
                self.lost(now, "the server does not answer".into());
            }
            Link::Connecting { .. } => {}
            Link::Up(connection) => match connection.check(now) {
                Check::Fine => {}
                Check::Ask => self.ping(),
                Check::Dead => self.lost(now, "the server does not answer".into()),
                Check::Leave => self.leave(now),
            },
        }
    }

    fn connect(&mut self, now: Millis) {
        let url = self.shared.config.socket.clone();
        let attempt = Box::pin(async move { platform::connect(&url).await });
        self.link = Link::Connecting { attempt, give_up_at: now + PATIENCE_MS };
        // A client that keeps failing in the background is disconnected all the while, not connecting by fits.
        if self.backoff.is_fresh() {
            self.shared.connection_is(ConnectionState::Connecting);
        }
    }

    fn heard(&mut self, input: Input) {
        let now = self.shared.config.clock.now();
        match input {
            Input::Connected(Ok(socket)) => self.connected(now, socket),
            Input::Connected(Err(error)) => self.not_connected(now, error),
            // The server will not have us back: what it got from us was a defect of this software.
            // Or an operator has closed the session, who may mean it.
            Input::Lost { code: Some(1003 | 1009 | 4001 | 4002), reason } => {
                let complaint = match &mut self.link {
                    Link::Up(connection) => connection.complaint.take(),
                    _ => None,
                };
                let why = complaint.map_or(reason, |complaint| complaint.message);
                self.disconnect(now, DisconnectReason::Refused, why, None);
            }
            Input::Lost { reason, .. } => self.lost(now, reason),
            Input::Frame(text) => {
                lock(&self.shared.counters).counted.bytes_in += text.len() as u64;
                if let Link::Up(connection) = &mut self.link {
                    connection.heard(now);
                }
                self.frame(now, &text);
            }
        }
    }

    fn connected(&mut self, now: Millis, socket: (Sender, Receiver)) {
        self.link = Link::Up(Box::new(Connection::new(now, socket)));
        let config = &self.shared.config;
        let (client, user) = (config.scope.client, config.user.clone());
        self.send(&ClientFrame::Hello(Hello { protocol: wire::PROTOCOL, client, user, now }));
    }

    fn not_connected(&mut self, now: Millis, error: ConnectError) {
        self.disconnect(now, error.reason, error.message, None);
    }

    /// The connection ended, or never was of use.
    fn lost(&mut self, now: Millis, why: String) {
        let complaint = match &mut self.link {
            Link::Up(connection) => connection.complaint.take(),
            _ => None,
        };
        let why = complaint.map_or(why, |complaint| complaint.message);
        let reason =
            if platform::offline() { DisconnectReason::Offline } else { DisconnectReason::ServerUnavailable };
        self.disconnect(now, reason, why, None);
    }

    /// A draining server is left at the moment it named.
    fn leave(&mut self, now: Millis) {
        let reason = DisconnectReason::ServerUnavailable;
        self.disconnect(now, reason, "the server is restarting".into(), Some(now));
    }

    /// There is no connection any more; when there should be the next, if that was named.
    fn disconnect(&mut self, now: Millis, reason: DisconnectReason, message: String, next: Option<Millis>) {
        let mut until = next;
        if let Link::Up(connection) = &self.link {
            self.backoff.lasted(connection.welcomed.map_or(0, |at| now.saturating_sub(at)));
            until = until.or(connection.leave_at);
        }
        let until = reason.is_retryable().then(|| until.unwrap_or_else(|| now + self.backoff.next()));
        self.link = Link::Down { until };
        for slot in self.shared.slots() {
            slot.with(|inner, _| {
                inner.door = Door::Shut;
                inner.asked = 0;
                inner.replica.offline();
            });
        }
        self.forget_histories();
        self.shared.connection_is(ConnectionState::Disconnected { reason, message: message.clone() });
        for (key, waiting) in std::mem::take(&mut self.awaiting) {
            let error = OpenError::Disconnected { reason, message: message.clone() };
            self.not_heard_of(&key, waiting, &error);
        }
    }

    /// Asks for a review of which nothing is here.
    fn ask_to_open(&mut self, review: String) {
        let open =
            Open { review, have: None, client: None, in_flight: None, known: Vec::new(), drafts: false };
        self.send(&ClientFrame::Open(open));
    }

    fn say_leave(&mut self, review: ReviewId) {
        self.send(&ClientFrame::Leave { review });
    }

    fn ping(&mut self) {
        self.nonce += 1;
        self.send(&ClientFrame::Ping { nonce: self.nonce });
    }

    fn send(&mut self, frame: &ClientFrame) {
        let Link::Up(connection) = &self.link else { return };
        let text = wire::encode(frame);
        let bytes = text.len() as u64;
        match connection.sender.send(text) {
            Ok(()) => lock(&self.shared.counters).counted.bytes_out += bytes,
            Err(_) => self.lost(self.shared.config.clock.now(), "the connection takes nothing more".into()),
        }
    }

    /// Closed: the connection goes, edits are refused from here on, and what was taken before is saved.
    async fn finish(mut self) {
        let reason = DisconnectReason::Closed;
        self.disconnect(self.shared.config.clock.now(), reason, "the client was closed".into(), None);
        let slots = self.shared.slots();
        slots.iter().for_each(|slot| slot.close());
        let (until, (mut wait, longest)) =
            (self.shared.config.clock.now() + LAST_SAVES_MS, LAST_SAVES_WAIT_MS);
        loop {
            self.serve_slots(self.shared.config.clock.now());
            match self.stores.next().await {
                Some(Stored::Loaded { reply, .. } | Stored::Drafts { reply: Some(reply), .. }) => {
                    answer(reply, Err(OpenError::Closed));
                }
                Some(Stored::Drafts { .. }) => {}
                Some(stored) => self.stored(stored),
                None if all_saved(&slots) || self.taken_over || self.shared.config.clock.now() >= until => {
                    break;
                }
                // The last chance that what was typed survives: what failed is tried again.
                None => {
                    platform::sleep(wait).await;
                    wait = (wait * 2).min(longest);
                    slots.iter().for_each(|slot| slot.with(|inner, now| inner.replica.try_again(now)));
                }
            }
        }
        if let Some(orphans) = self.orphans.take() {
            // Ends when that task does: whatever it held is given back.
            let _ = orphans.await;
        }
        let config = &self.shared.config;
        if !config.orphan {
            config.store.release(&config.scope).await;
        }
        let commands = std::mem::take(&mut lock(&self.shared.state).commands);
        for command in commands {
            match command {
                Command::Open { reply, .. } | Command::OpenDrafts { reply, .. } => {
                    answer(reply, Err(OpenError::Closed));
                }
                // Whoever waits for a history hears that the sender is gone.
                Command::Reload(_) | Command::History { .. } => {}
            }
        }
    }
}

impl Drop for Driver {
    /// However it ends, also with the runtime that it ran on: nothing is saved or sent from here on, so nothing is taken.
    fn drop(&mut self) {
        let slots = {
            let mut state = lock(&self.shared.state);
            state.closed = true;
            state.keys.clear();
            std::mem::take(&mut state.slots)
        };
        slots.values().for_each(|slot| slot.close());
        let saved = if all_saved(slots.values()) {
            Ok(())
        } else {
            let error = self.not_saved.take();
            Err(error.unwrap_or_else(|| StoreError::new("the client ended before everything was saved")))
        };
        self.shared.finished.send_replace(Some(saved));
    }
}

fn all_saved<'a>(slots: impl IntoIterator<Item = &'a Arc<Slot>>) -> bool {
    slots.into_iter().all(|slot| slot.read(|inner| inner.replica.is_saved()))
}

/// Answers somebody who may have stopped waiting.
fn answer(reply: Reply, result: Result<Held, OpenError>) {
    let _ = reply.send(result);
}
