//! The client's half of sync: one replica of one review.
//!
//! A replica is the confirmed review, at most one batch in flight, and a buffer of what was done since. What
//! a person sees is confirmed + in flight + buffer, worked out when asked for, so that there is one truth.
//!
//! `edit` puts a change into the buffer; once typing rests the buffer freezes into a batch; the batch is
//! saved; only then is it sent, and resent byte for byte until the server's stream shows it.

mod edit;
mod event;
mod receive;
mod saved;
mod view;

use std::collections::VecDeque;

pub use edit::EditError;
pub use event::{Event, Origin, Unsynced};
pub use receive::ResyncReason;
pub use saved::{Frozen, Rejected, Saved, SavedInFlight};
pub use view::Thread;

use super::{Batcher, History, Pending};
use crate::change::{Batch, Change};
use crate::clock::{Hlc, Millis};
use crate::entry::Head;
use crate::id::{ClientId, ReviewId, Seq, UserId, Version};
use crate::limits::Limits;
use crate::presence::Roster;
use crate::review::Review;
use crate::wire::ErrorCode;

/// How many text ops are kept to carry other people's carets forward.
const HISTORY_OPS: usize = 512;
/// The first wait for an answer to a batch before it is sent again, in milliseconds; doubles up to the last.
const RESEND_MS: (u64, u64) = (5_000, 60_000);
/// The shortest wait that a server may ask for, in milliseconds.
const RESEND_LEAST_MS: u64 = 100;
/// The wait before the local store is tried again, in milliseconds.
const SAVE_RETRY_MS: u64 = 1_000;

#[derive(Clone, Debug)]
struct InFlight {
    frozen: Frozen,
    /// Its changes, carried over what was confirmed since it froze. Empty once they can no longer be: then
    /// only the answer counts.
    changes: Pending,
    since: Millis,
    /// The save that holds it; it is sent once that is done.
    generation: u64,
    sent: Option<Millis>,
    resend_ms: u64,
    /// Set once the server has said that it will never take it.
    stuck: Option<ErrorCode>,
}

impl InFlight {
    /// What its author meant: its changes as carried so far; where a snapshot has taken those away, as sent.
    fn meant(&self) -> Vec<Change> {
        if !self.changes.is_empty() {
            return self.changes.changes().to_vec();
        }
        serde_json::from_str::<Batch>(&self.frozen.payload).map(|batch| batch.changes).unwrap_or_default()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Link {
    Offline,
    /// Asked to open; catching up to the version the server named, once it has.
    Opening(Option<Version>),
    Online,
}

/// One local replica of one review.
#[derive(Debug)]
pub struct Replica {
    client: ClientId,
    user: UserId,
    limits: Limits,
    confirmed: Review,
    head: Head,
    in_flight: Option<InFlight>,
    buffer: Pending,
    next_seq: Seq,
    clock: Hlc,
    rejected: Vec<Rejected>,
    history: History,
    roster: Roster,
    link: Link,
    batcher: Batcher,
    dirty: u64,
    saving: Option<u64>,
    saved: u64,
    save_again_at: Option<Millis>,
    /// An entry did not fit: what is here is neither saved nor continued, until a snapshot replaces it.
    broken: bool,
    /// The last time that was told here.
    now: Millis,
    effects: VecDeque<ReplicaEffect>,
}

/// What has to be done, in this order.
#[derive(Debug)]
pub enum ReplicaEffect {
    /// Save this locally, then call [`Replica::saved`] or [`Replica::save_failed`].
    Save {
        /// Names this save.
        generation: u64,
        /// What to save in place of what was saved before.
        state: Box<Saved>,
    },
    /// Send a batch to the server. It has been saved.
    Send(Frozen),
    /// Something changed that a person may want to see.
    Event(Event),
}

impl Replica {
    /// A replica that knows nothing yet; it takes edits once a snapshot has come.
    pub fn new(client: ClientId, user: UserId, review: ReviewId, debounce_ms: u64) -> Replica {
        Replica {
            client,
            user,
            limits: Limits::default(),
            confirmed: Review::new(review),
            head: Head::default(),
            in_flight: None,
            buffer: Pending::default(),
            next_seq: 1,
            clock: Hlc::default(),
            rejected: Vec::new(),
            history: History::new(0, HISTORY_OPS),
            roster: Roster::default(),
            link: Link::Offline,
            batcher: Batcher::new(debounce_ms),
            dirty: 0,
            saving: None,
            saved: 0,
            save_again_at: None,
            broken: false,
            now: 0,
            effects: VecDeque::new(),
        }
    }

    /// A replica as it was saved; what was buffered goes out as soon as there is a connection.
    pub fn restore(now: Millis, saved: Saved, debounce_ms: u64) -> Replica {
        let mut replica = Replica::new(saved.client, saved.user, saved.confirmed.id, debounce_ms);
        replica.history = History::new(saved.head.version, HISTORY_OPS);
        replica.confirmed = saved.confirmed;
        replica.head = saved.head;
        replica.in_flight = saved.in_flight.map(|SavedInFlight { frozen, changes, since }| InFlight {
            frozen,
            changes,
            since,
            generation: 0,
            sent: None,
            resend_ms: RESEND_MS.0,
            stuck: None,
        });
        replica.buffer = saved.buffer;
        replica.next_seq = saved.next_seq;
        replica.clock = saved.clock;
        replica.rejected = saved.rejected;
        replica.keep_what_fits();
        if !replica.buffer.is_empty() {
            replica.batcher.edited(saved.buffered_since.map_or(now, |since| since.min(now)));
            replica.batcher.flush();
        }
        replica
    }

    /// Pending edits for texts other than those that are here can only be kept as rejected.
    fn keep_what_fits(&mut self) {
        let misfits = self.misfits();
        if misfits.is_empty() {
            return;
        }
        let mut fallen = misfits;
        if let Some(batch) = &mut self.in_flight {
            // Only the answer to it counts from here on.
            let changes = std::mem::take(&mut batch.changes);
            fallen.extend(changes.edited());
            fallen.extend(changes.added());
        }
        for change in self.buffer.remove(&mut fallen) {
            let (comment, changes) = (change.comment(), vec![change]);
            self.rejected.push(Rejected { comment, reason: None, base: None, mine: None, changes });
        }
        self.dirty += 1;
    }

    /// Whether there is a review to show and to edit.
    pub fn is_loaded(&self) -> bool {
        self.confirmed.version > 0
    }

    /// Which review.
    pub fn review(&self) -> ReviewId {
        self.confirmed.id
    }

    /// The local replica's id.
    pub fn client(&self) -> ClientId {
        self.client
    }

    /// Whose replica it is.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Where the confirmed log ends here: what a resume starts from. `None` before anything was loaded, and
    /// where only a snapshot helps.
    pub fn head(&self) -> Option<Head> {
        (self.is_loaded() && !self.broken).then_some(self.head)
    }

    /// Why the server will never take the batch in flight, if it said so: nothing is sent any more.
    pub fn is_stuck(&self) -> Option<ErrorCode> {
        self.in_flight.as_ref().and_then(|batch| batch.stuck)
    }

    /// What the server accepts; learnt at each connection.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// What the server refused and nobody has discarded.
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// Forgets what the server refused.
    pub fn discard_rejected(&mut self) {
        self.rejected.clear();
        self.dirty += 1;
    }

    /// How much is not durable on the server.
    pub fn unsynced(&self) -> Unsynced {
        let in_flight = self.in_flight.as_ref();
        let count =
            in_flight.map_or(0, |batch| batch.changes.changes().len().max(1)) + self.buffer.changes().len();
        Unsynced { count, since: in_flight.map(|batch| batch.since).or(self.batcher.since()) }
    }

    /// Whether the review is open at the server and caught up.
    pub fn is_online(&self) -> bool {
        self.link == Link::Online
    }

    /// What has to be done next.
    pub fn poll(&mut self) -> Option<ReplicaEffect> {
        let may_save = self.saving.is_none() && self.save_again_at.is_none() && !self.broken;
        if self.dirty > self.saved && may_save {
            self.saving = Some(self.dirty);
            return Some(ReplicaEffect::Save { generation: self.dirty, state: Box::new(self.state()) });
        }
        self.effects.pop_front()
    }

    /// When [`tick`](Replica::tick) has something to do.
    pub fn wake_at(&self) -> Option<Millis> {
        let freeze = if self.may_freeze() { self.batcher.due_at() } else { None };
        let resend = match &self.in_flight {
            Some(batch) if self.link == Link::Online && batch.stuck.is_none() => {
                batch.sent.map(|sent| sent.saturating_add(batch.resend_ms))
            }
            _ => None,
        };
        [freeze, resend, self.save_again_at].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Millis) {
        if now < self.now {
            self.set_back(now);
        }
        self.now = now;
        if self.save_again_at.is_some_and(|at| at <= now) {
            self.save_again_at = None;
        }
        if self.may_freeze() && self.batcher.due_at().is_some_and(|at| at <= now) {
            self.freeze(now);
        }
        self.send_if_due(now);
    }

    /// What waits in the buffer goes as soon as it can.
    pub fn flush(&mut self, now: Millis) {
        self.batcher.flush();
        self.tick(now);
    }

    /// The state of that generation is saved.
    pub fn saved(&mut self, now: Millis, generation: u64) {
        self.saved = self.saved.max(generation);
        self.saving = None;
        self.send_if_due(now);
    }

    /// The local store did not take it; it is tried again.
    pub fn save_failed(&mut self, now: Millis) {
        self.saving = None;
        self.save_again_at = Some(now + SAVE_RETRY_MS);
    }

    /// The clock was set back: what was to happen soon shall not wait for the time to come round again.
    fn set_back(&mut self, now: Millis) {
        self.batcher.set_back(now);
        if let Some(batch) = &mut self.in_flight {
            batch.sent = batch.sent.map(|sent| sent.min(now));
        }
        self.save_again_at = self.save_again_at.map(|at| at.min(now + SAVE_RETRY_MS));
    }

    fn may_freeze(&self) -> bool {
        self.link == Link::Online && self.in_flight.is_none() && !self.buffer.is_empty()
    }

    /// Turns the buffer into a batch. Nothing of the batch changes from here on.
    fn freeze(&mut self, now: Millis) {
        let since = self.batcher.since().unwrap_or(now);
        self.batcher.taken();
        let changes = self.buffer.take_batch(&self.limits);
        if !self.buffer.is_empty() {
            self.batcher.edited(now);
            self.batcher.flush();
        }
        let batch =
            Batch { seq: self.next_seq, base: self.head.version, changes: changes.changes().to_vec() };
        let payload = serde_json::to_string(&batch).unwrap_or_default().into();
        self.next_seq = self.next_seq.saturating_add(1);
        self.dirty += 1;
        self.in_flight = Some(InFlight {
            frozen: Frozen { seq: batch.seq, base: batch.base, payload },
            changes,
            since,
            generation: self.dirty,
            sent: None,
            resend_ms: RESEND_MS.0,
            stuck: None,
        });
    }

    fn send_if_due(&mut self, now: Millis) {
        let Some(batch) = &mut self.in_flight else { return };
        if self.link != Link::Online || self.saved < batch.generation || batch.stuck.is_some() {
            return;
        }
        match batch.sent {
            Some(sent) if now < sent.saturating_add(batch.resend_ms) => return,
            Some(_) => batch.resend_ms = batch.resend_ms.saturating_mul(2).min(RESEND_MS.1),
            None => {}
        }
        batch.sent = Some(now);
        self.effects.push_back(ReplicaEffect::Send(batch.frozen.clone()));
    }

    fn state(&self) -> Saved {
        Saved {
            format: 1,
            client: self.client,
            user: self.user.clone(),
            confirmed: self.confirmed.clone(),
            head: self.head,
            in_flight: self.in_flight.as_ref().map(|batch| SavedInFlight {
                frozen: batch.frozen.clone(),
                changes: batch.changes.clone(),
                since: batch.since,
            }),
            buffer: self.buffer.clone(),
            buffered_since: self.batcher.since(),
            next_seq: self.next_seq,
            clock: self.clock.clone(),
            rejected: self.rejected.clone(),
        }
    }

    fn emit(&mut self, event: Event) {
        self.effects.push_back(ReplicaEffect::Event(event));
    }
}
