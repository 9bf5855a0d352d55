//! The one task behind a client: it owns the connection, feeds the replicas, and does what they want done.
//!
//! One turn of its loop: take what handles asked for, let time pass in every replica, execute what the replicas
//! want; then wait for whatever comes first of a finished save, the connection, a handle, or the next deadline.
//! It decides nothing about edits; that is `interline-core`.

mod frames;
mod link;
mod open;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use interline_core::clock::Millis;
use interline_core::entry::Head;
use interline_core::id::ReviewId;
use interline_core::limits::Limits;
use interline_core::sync::Saved;
use interline_core::wire::{self, ClientFrame, Hello, Open};

use self::link::{Check, Connection, Input, Link, PATIENCE_MS};
use crate::connection::{ConnectionState, DisconnectReason};
use crate::error::OpenError;
use crate::lock::lock;
use crate::platform::{self, BoxFuture, ConnectError, Receiver, Sender, Signal, Watch};
use crate::reconnect::Backoff;
use crate::shared::{Command, Reply, Shared, State};
use crate::slot::{Door, Held, Slot};
use crate::store::StoreError;

/// What a store operation came to.
enum Stored {
    Saved { slot: Arc<Slot>, generation: u64, result: Result<(), StoreError> },
    Loaded { key: String, reply: Reply, result: Result<Option<Box<Saved>>, StoreError> },
    Remembered,
}

pub(crate) struct Driver {
    shared: Arc<Shared>,
    link: Link,
    backoff: Backoff,
    stores: FuturesUnordered<BoxFuture<Stored>>,
    /// Who waits for a review that is not here, by the key they asked for.
    awaiting: BTreeMap<String, Vec<Reply>>,
    /// The reviews that the local store has a copy of.
    stored: BTreeSet<ReviewId>,
    connected_before: bool,
    /// What the server of the latest connection accepts.
    limits: Limits,
    nonce: u64,
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
    let driver = Driver {
        shared,
        link: Link::Down { until: Some(0) },
        backoff: Backoff::new(),
        stores: FuturesUnordered::new(),
        awaiting: BTreeMap::new(),
        stored: BTreeSet::new(),
        connected_before: false,
        limits: Limits::default(),
        nonce: 0,
    };
    platform::spawn(driver.run(watch));
}

impl Driver {
    async fn run(mut self, _watch: Watch) {
        let config = &self.shared.config;
        self.stored.extend(config.store.list(&config.scope).await.unwrap_or_default());
        loop {
            let now = platform::now_ms();
            let closed = self.take_requests(now);
            self.check_link(now);
            let mut wake_at = self.serve_slots(now);
            if closed {
                break;
            }
            if let Some(at) = self.link.wake_at() {
                wake_at = wake_at.min(at);
            }
            let wait = wake_at.saturating_sub(platform::now_ms());
            tokio::select! {
                biased;
                Some(stored) = self.stores.next(), if !self.stores.is_empty() => self.stored(stored),
                input = self.link.next() => self.heard(input),
                () = self.shared.wake.notified() => {}
                () = platform::sleep(wait) => {}
            }
        }
        self.finish().await;
    }

    /// What handles asked for since the last turn; says whether that was to close.
    fn take_requests(&mut self, now: Millis) -> bool {
        let (commands, State { reconnect, probe, flush, closed, .. }) = {
            let mut state = lock(&self.shared.state);
            let asked = State {
                reconnect: std::mem::take(&mut state.reconnect),
                probe: std::mem::take(&mut state.probe),
                flush: std::mem::take(&mut state.flush),
                closed: state.closed,
                ..State::default()
            };
            (std::mem::take(&mut state.commands), asked)
        };
        if flush {
            self.shared.slots().iter().for_each(|slot| slot.with(|inner, now| inner.replica.flush(now)));
        }
        for command in commands {
            match command {
                Command::Open { key, reply } => self.open(key, reply),
                Command::Reload(review) => self.reload(review),
            }
        }
        if reconnect && let Link::Down { until } = &mut self.link {
            *until = Some(now);
            self.backoff.reset();
        }
        if probe
            && let Link::Up(connection) = &mut self.link
            && connection.ask(now) == Check::Ask
        {
            self.ping();
        }
        closed
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
        let now = platform::now_ms();
        match input {
            Input::Connected(Ok(socket)) => self.connected(now, socket),
            Input::Connected(Err(error)) => self.not_connected(now, error),
            // The server will not have us back: what it got from us was a defect of this software.
            Input::Lost { code: Some(1003 | 1009 | 4001), reason } => {
                self.disconnect(now, DisconnectReason::Refused, reason, None);
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
                inner.replica.offline();
            });
        }
        self.shared.connection_is(ConnectionState::Disconnected { reason, message: message.clone() });
        let waiting = std::mem::take(&mut self.awaiting);
        for reply in waiting.into_values().flatten() {
            answer(reply, Err(OpenError::Disconnected { reason, message: message.clone() }));
        }
    }

    fn ask_to_open(&mut self, review: String, have: Option<Head>) {
        self.send(&ClientFrame::Open(Open { review, have }));
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
            Err(_) => self.lost(platform::now_ms(), "the connection takes nothing more".into()),
        }
    }

    /// Closed: the connection goes, edits are refused from here on, and what was taken before is saved.
    async fn finish(mut self) {
        let reason = DisconnectReason::Closed;
        self.disconnect(platform::now_ms(), reason, "the client was closed".into(), None);
        let slots = self.shared.slots();
        slots.iter().for_each(|slot| slot.close());
        loop {
            self.serve_slots(platform::now_ms());
            match self.stores.next().await {
                Some(Stored::Loaded { reply, .. }) => answer(reply, Err(OpenError::Closed)),
                // A save that failed is not tried again: there is nobody left to wait for it.
                Some(saved) => self.stored(saved),
                None => break,
            }
        }
        let config = &self.shared.config;
        config.store.release(&config.scope).await;
        let mut state = lock(&self.shared.state);
        state.keys.clear();
        state.slots.clear();
        let commands = std::mem::take(&mut state.commands);
        drop(state);
        for command in commands {
            if let Command::Open { reply, .. } = command {
                answer(reply, Err(OpenError::Closed));
            }
        }
        self.shared.finished.send_replace(true);
    }
}

/// Answers somebody who may have stopped waiting.
fn answer(reply: Reply, result: Result<Held, OpenError>) {
    let _ = reply.send(result);
}
