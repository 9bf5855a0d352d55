//! The client's half of sync: one replica of one review.
//!
//! A replica is the confirmed review, at most one batch in flight, and a buffer of what was done since. What
//! a person sees is confirmed + in flight + buffer, worked out when asked for, so that there is one truth.
//!
//! `edit` puts a change into the buffer; once typing rests the buffer freezes into a batch; the batch is
//! saved; only then is it sent, and resent byte for byte until the server's stream shows it.
//!
//! `edit`, `decide` and `undo` are what a person does, `open` and `rebase` what happened while the connection was away,
//! `receive` what happens while it is there, `land` how a flight ends, `again` what is sent once more, `ledger`
//! what is kept for a person to decide on, `retry` how they make it once more, `lost` what becomes of a review that the server does not know any more,
//! `saved` what outlives the process, `view` what is shown.

mod again;
mod code;
mod decide;
mod drafts;
mod edit;
mod event;
mod land;
mod ledger;
mod lost;
mod open;
mod published;
mod publishing;
mod rebase;
mod receive;
mod recover;
mod retry;
mod same_line;
mod saved;
mod undo;
mod view;
mod visits;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use decide::Resolution;
pub use drafts::Late;
pub use edit::EditError;
pub use event::{Event, Origin, Unsynced};
pub use ledger::{Cause, Grounds, Receipt, Rejected, TakenOut};
pub use receive::ResyncReason;
pub use saved::{
    Frozen, Restore, SAVED_FORMAT, Save, SavedConfirmed, SavedInFlight, SavedLedger, SavedPending,
    SavedReview,
};
pub use view::Thread;
pub use visits::Visits;

use self::again::Wait;
use super::{Batcher, History, Pending};
use crate::change::Batch;
use crate::clock::{Hlc, Millis, Stamp};
use crate::entry::{EncodedEntry, Head};
use crate::id::{ClientId, CommentId, ReviewId, Seq, UserId, Version};
use crate::limits::Limits;
use crate::presence::Roster;
use crate::review::{ConflictId, Review};
use crate::text::UndoStack;
use crate::wire::ErrorCode;

/// How many text ops are kept to carry other people's carets forward.
const HISTORY_OPS: usize = 512;
/// How many entries are saved behind a whole review before it is saved anew.
const JOURNAL: usize = 256;
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
    /// How long before it is sent again.
    wait: Wait,
    /// Set once the server has said that it will never take it.
    stuck: Option<ErrorCode>,
}

/// A save that is under way.
#[derive(Clone, Copy, Debug)]
struct Saving {
    generation: u64,
    /// How many entries of the journal it holds.
    entries: usize,
    whole: bool,
    ledger: bool,
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
    /// Of private drafts, the review that they are in: it is known where the confirmed log is not.
    drafts_of: Option<ReviewId>,
    limits: Limits,
    confirmed: Review,
    head: Head,
    in_flight: Option<InFlight>,
    buffer: Pending,
    next_seq: Seq,
    clock: Hlc,
    rejected: Vec<Rejected>,
    last_rejected: u64,
    receipts: Vec<Receipt>,
    /// The last entry in which this user wrote in each comment, as far as this replica heard them one by one.
    wrote: BTreeMap<CommentId, Version>,
    visits: Visits,
    undo: BTreeMap<CommentId, UndoStack>,
    /// Which comments can be undone in, the one edited longest ago first.
    undo_recent: VecDeque<CommentId>,
    history: History,
    roster: Roster,
    link: Link,
    batcher: Batcher,
    dirty: u64,
    saving: Option<Saving>,
    saved: u64,
    /// The entries that came since the last save.
    journal: Vec<EncodedEntry>,
    /// How many entries were saved behind the whole review.
    behind: usize,
    /// The next save has to carry the whole review.
    whole_due: bool,
    ledger_dirty: bool,
    save_again_at: Option<Millis>,
    /// What is here cannot be continued, or shall not be: the next opening begins from the server's whole state.
    start_over: bool,
    /// The server has lost a part of what is here: the next snapshot tells which.
    history_lost: bool,
    /// While lost history is made up for: the version from which on it is lost.
    held: Option<Version>,
    /// A version by which the log that is here had each patch set.
    code: BTreeMap<u32, Version>,
    /// The newest version that the server was asked for at the latest opening, whether it has that.
    asked_for: Option<Version>,
    /// The server does not know the review any more.
    lost: bool,
    /// Conflicts that came while catching up: whether they are still open then, only the end of it tells.
    untold: BTreeSet<ConflictId>,
    /// A decision that was published with drafts and came while catching up: whether its status stands is told then.
    untold_decision: Option<Stamp>,
    /// The texts by which conflicts are being settled from here, as they were meant.
    meant: BTreeMap<ConflictId, String>,
    /// The refused edits of drafts that were made here instead, by the client and the id of their records.
    carried: BTreeSet<(ClientId, u64)>,
    /// The most changes that were pending since there were none.
    most: usize,
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
        /// All of it in one go, or nothing.
        state: Box<Save>,
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
            drafts_of: None,
            limits: Limits::default(),
            confirmed: Review::new(review),
            head: Head::default(),
            in_flight: None,
            buffer: Pending::default(),
            next_seq: 1,
            clock: Hlc::default(),
            rejected: Vec::new(),
            last_rejected: 0,
            receipts: Vec::new(),
            wrote: BTreeMap::new(),
            visits: Visits::default(),
            undo: BTreeMap::new(),
            undo_recent: VecDeque::new(),
            history: History::new(0, HISTORY_OPS),
            roster: Roster::default(),
            link: Link::Offline,
            batcher: Batcher::new(debounce_ms),
            dirty: 0,
            saving: None,
            saved: 0,
            journal: Vec::new(),
            behind: 0,
            whole_due: true,
            ledger_dirty: false,
            save_again_at: None,
            start_over: false,
            history_lost: false,
            held: None,
            code: BTreeMap::new(),
            asked_for: None,
            lost: false,
            untold: BTreeSet::new(),
            untold_decision: None,
            meant: BTreeMap::new(),
            carried: BTreeSet::new(),
            most: 0,
            now: 0,
            effects: VecDeque::new(),
        }
    }

    /// A replica as it was saved; what was buffered goes out as soon as there is a connection.
    ///
    /// Where the confirmed review is missing or does not fit, it is fetched anew, and only then can be said what
    /// becomes of what is pending.
    pub fn restore(now: Millis, restore: Restore, debounce_ms: u64) -> Replica {
        let (confirmed, drafts_of) = (restore.fold(), restore.drafts_of());
        let Restore { pending: saved, ledger, entries, .. } = restore;
        let mut replica = Replica::new(saved.client, saved.user.clone(), saved.review, debounce_ms);
        replica.now = now;
        replica.drafts_of = drafts_of;
        let ledger = ledger.unwrap_or_default();
        replica.rejected = ledger.rejected;
        let ids = replica.rejected.iter().map(|rejected| rejected.id);
        replica.last_rejected = ids.max().unwrap_or(0).max(ledger.last_rejected);
        (replica.receipts, replica.lost, replica.visits) = (ledger.receipts, ledger.lost, ledger.visits);
        (replica.wrote, replica.code) = (ledger.wrote, ledger.code);
        if let Some(confirmed) = confirmed {
            replica.history = History::new(saved.head.version, HISTORY_OPS);
            replica.confirmed = confirmed;
            replica.head = saved.head;
            replica.behind = entries.len();
            replica.whole_due = false;
        } else if let Some(first) = drafts_of.and_then(|of| saved.first_of_drafts(of)) {
            (replica.confirmed, replica.head) = (first, saved.head);
            replica.history = History::new(saved.head.version, HISTORY_OPS);
        }
        replica.in_flight = saved.in_flight.map(|SavedInFlight { frozen, changes, since }| InFlight {
            frozen,
            changes,
            since,
            generation: 0,
            sent: None,
            wait: Wait::default(),
            stuck: None,
        });
        replica.buffer = saved.buffer;
        // Behind what was used, which no damage may have used again; seqs count from 1.
        let used = replica.in_flight.as_ref().map_or(0, |batch| batch.frozen.seq);
        replica.next_seq = saved.next_seq.max(used.saturating_add(1));
        replica.clock = saved.clock;
        (replica.meant, replica.carried) = (saved.meant, saved.carried);
        replica.undo_recent = saved.undo.keys().copied().collect();
        replica.undo = saved.undo;
        replica.learn_code(replica.confirmed.version);
        replica.keep_what_fits();
        if replica.in_flight.as_ref().is_some_and(|batch| batch.frozen.seq == 0) {
            // No server ever takes that: it goes under another.
            replica.buffer = replica.take_pending().0;
        }
        if !replica.buffer.is_empty() {
            replica.batcher.edited(saved.buffered_since.map_or(now, |since| since.min(now)));
            replica.batcher.flush();
        }
        replica.most = replica.unsynced().count;
        replica
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
        let continued = self.is_loaded() && !self.start_over && !self.history_lost && !self.restates();
        continued.then_some(self.head)
    }

    /// Why nothing is sent any more: the server will never take the batch in flight, or it has lost the review.
    pub fn is_stuck(&self) -> Option<ErrorCode> {
        let lost = self.lost.then_some(ErrorCode::UnknownReview);
        lost.or_else(|| self.in_flight.as_ref().and_then(|batch| batch.stuck))
    }

    /// What the server accepts; learnt at each connection.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether the review is open at the server and caught up.
    pub fn is_online(&self) -> bool {
        self.link == Link::Online
    }

    /// What has to be done next.
    pub fn poll(&mut self) -> Option<ReplicaEffect> {
        let may_save = self.saving.is_none() && self.save_again_at.is_none();
        if self.dirty > self.saved && may_save {
            let state = Box::new(self.state());
            let whole = matches!(state.confirmed, SavedConfirmed::Whole(_));
            let (generation, ledger) = (self.dirty, state.ledger.is_some());
            self.saving = Some(Saving { generation, entries: self.journal.len(), whole, ledger });
            (self.whole_due, self.ledger_dirty) = (false, false);
            return Some(ReplicaEffect::Save { generation, state });
        }
        self.effects.pop_front()
    }

    /// When [`tick`](Replica::tick) has something to do.
    pub fn wake_at(&self) -> Option<Millis> {
        let freeze = if self.may_freeze() { self.batcher.due_at() } else { None };
        let resend = match &self.in_flight {
            Some(batch) if self.link == Link::Online && batch.stuck.is_none() && !self.restates() => {
                batch.sent.map(|sent| batch.resend_at(sent))
            }
            _ => None,
        };
        [freeze, resend, self.save_again_at].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Millis) {
        self.told(now);
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
        if let Some(done) = self.saving.take_if(|saving| saving.generation == generation) {
            self.journal.drain(..done.entries.min(self.journal.len()));
            self.behind = if done.whole { 0 } else { self.behind + done.entries };
        }
        self.saved = self.saved.max(generation);
        self.send_if_due(now);
    }

    /// The local store did not take it; it is tried again.
    pub fn save_failed(&mut self, now: Millis) {
        if let Some(failed) = self.saving.take() {
            // What is stored may be gone, or may lack what this save was to come behind.
            self.whole_due |= failed.whole || self.is_loaded();
            self.ledger_dirty |= failed.ledger;
        }
        self.save_again_at = Some(now + SAVE_RETRY_MS);
    }

    fn may_freeze(&self) -> bool {
        self.link == Link::Online && self.in_flight.is_none() && !self.buffer.is_empty()
    }

    /// Turns the buffer into a batch. Nothing of the batch changes from here on.
    fn freeze(&mut self, now: Millis) {
        let since = self.batcher.since().unwrap_or(now);
        self.batcher.taken();
        let mut changes = self.buffer.take_batch(&self.limits);
        // What was made on the base itself need not say so.
        changes.unseal(None, self.head.version);
        changes.based_on(self.head.version);
        if !self.buffer.is_empty() {
            self.batcher.edited(since.min(now));
            self.batcher.flush();
        }
        let batch =
            Batch { seq: self.next_seq, base: self.head.version, changes: changes.changes().to_vec() };
        let payload = serde_json::to_string(&batch).unwrap_or_default().into();
        self.undo_frozen(&changes);
        self.next_seq = self.next_seq.saturating_add(1);
        self.dirty += 1;
        self.in_flight = Some(InFlight {
            frozen: Frozen { seq: batch.seq, base: batch.base, payload },
            changes,
            since,
            generation: self.dirty,
            sent: None,
            wait: Wait::default(),
            stuck: None,
        });
    }

    fn send_if_due(&mut self, now: Millis) {
        let settles_first = self.restates();
        let Some(batch) = &mut self.in_flight else { return };
        if self.link != Link::Online || self.saved < batch.generation || batch.stuck.is_some() {
            return;
        }
        match batch.sent {
            _ if settles_first => return,
            Some(sent) if now < batch.resend_at(sent) => return,
            Some(_) => batch.wait.longer(),
            None => {}
        }
        batch.sent = Some(now);
        batch.wait.begins();
        self.effects.push_back(ReplicaEffect::Send(batch.frozen.clone()));
    }

    fn state(&self) -> Save {
        let whole = self.is_loaded() && (self.whole_due || self.behind + self.journal.len() > JOURNAL);
        let confirmed = match whole {
            true => SavedConfirmed::Whole(Box::new(SavedReview {
                format: SAVED_FORMAT,
                head: self.head,
                review: self.confirmed.clone(),
            })),
            false if self.journal.is_empty() => SavedConfirmed::Same,
            false => SavedConfirmed::Behind(self.journal.clone()),
        };
        let ledger = (self.ledger_dirty || whole).then(|| self.saved_ledger());
        let pending = SavedPending {
            format: SAVED_FORMAT,
            client: self.client,
            user: self.user.clone(),
            review: self.confirmed.id,
            drafts_of: self.drafts_of(),
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
            undo: self.undo.clone(),
            meant: self.meant.clone(),
            carried: self.carried.clone(),
        };
        let precious = self.in_flight.is_some() || !self.buffer.is_empty() || !self.rejected.is_empty();
        let precious = precious || self.visits.has_pending();
        Save { pending, ledger, confirmed, precious }
    }

    /// Counts what is pending; every event that tells of it goes through here.
    fn tell_unsynced(&mut self) {
        let unsynced = self.unsynced();
        self.most = if unsynced.count == 0 { 0 } else { unsynced.of };
        self.emit(Event::Unsynced(unsynced));
    }

    fn emit(&mut self, event: Event) {
        self.effects.push_back(ReplicaEffect::Event(event));
    }
}
