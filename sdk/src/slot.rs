//! One open review: its replica behind a lock, and what the replica wants done.
//!
//! Every call into a replica goes through [`Slot::with`]: it locks, calls, takes all effects out, and unlocks.
//! Events go out at once, saves and frames are left for the driver. Nothing waits while the lock is held.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Deref;
use std::sync::{Arc, Mutex, Weak};

use interline_core::clock::Millis;
use interline_core::id::{ClientId, DisplayName, ReviewId, Seq, User, UserId};
use interline_core::sync::{
    Cause, EditError as InvalidEdit, Event as Change, Frozen, Replica, ReplicaEffect, ResyncReason, Save,
    Unsynced,
};
use tokio::sync::{broadcast, watch};

use crate::driver::late::Late;
use crate::error::{EditError, Problem};
use crate::event::{self, Event};
use crate::lock::lock;
use crate::platform::{self, MaybeSend, MaybeSync};
use crate::presence::Outgoing;
use crate::progress::{Durable, Progress, Settled};
use crate::shared::Shared;

/// Whether the server has this review open for us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Door {
    /// No.
    Shut,
    /// It was asked to. What comes of the review before the answer belongs to an earlier opening.
    Asked,
    /// Yes.
    Open,
    /// It will not, or not without somebody's decision.
    Refused,
}

/// What a replica wants done by the driver.
pub(crate) enum Work {
    Save { generation: u64, state: Box<Save> },
    Send(Frozen),
}

/// Hears every event, on the spot.
pub(crate) type Tap = platform::Callback<Event>;

/// How many events wait for the taps, before those that follow are given up.
const TAP_QUEUE: usize = 4_096;
/// How many problems are kept for the first who listens.
const UNTOLD: usize = 16;

pub(crate) struct Inner {
    /// What holds this: for events that can be acted on.
    slot: Weak<Slot>,
    pub(crate) replica: Replica,
    pub(crate) names: BTreeMap<UserId, DisplayName>,
    pub(crate) door: Door,
    /// How many openings the server has not answered yet. Only the last one counts.
    pub(crate) asked: u32,
    /// When this replica was last found to differ from what the server has.
    pub(crate) differed_at: Option<Millis>,
    /// When to ask again after a refusal that may have been for the moment.
    pub(crate) ask_again_at: Option<Millis>,
    /// How many handles there are.
    pub(crate) handles: usize,
    pub(crate) presence: Outgoing,
    pub(crate) work: VecDeque<Work>,
    pub(crate) saving: bool,
    /// The last save failed, and that was told.
    pub(crate) save_failed: bool,
    /// The batch that the server's store did not take for now, once that was told.
    pub(crate) not_stored: Option<Seq>,
    /// Why no edit is taken any more.
    refuses: Option<EditError>,
    /// Problems that nobody was there to hear of.
    untold: Vec<Event>,
    events: Option<broadcast::Sender<Event>>,
    taps: Vec<(u64, Arc<Tap>)>,
    next_tap: u64,
    /// Events that the taps have not heard yet.
    queue: VecDeque<Event>,
    /// How many they will not hear, all of them later than what is in the queue.
    missed: u64,
    delivering: bool,
    progress: Progress,
    /// How much of what was done to the user's drafts in this review is not durable, and when that was told.
    pub(crate) drafts: (u64, Unsynced),
    /// Of drafts: how far what came too late for a publication has come.
    pub(crate) late: Late,
}

/// One open review.
pub(crate) struct Slot {
    pub(crate) id: ReviewId,
    /// The user's private drafts in it; where these are drafts, nothing.
    pub(crate) beside: ReviewId,
    pub(crate) shared: Arc<Shared>,
    inner: Mutex<Inner>,
}

impl Slot {
    pub(crate) fn new(shared: Arc<Shared>, replica: Replica) -> Arc<Slot> {
        let id = replica.review();
        let beside = id.drafts_of(replica.user());
        let inner = |slot: &Weak<Slot>| Inner {
            slot: slot.clone(),
            names: BTreeMap::new(),
            door: Door::Shut,
            asked: 0,
            differed_at: None,
            ask_again_at: None,
            handles: 0,
            presence: Outgoing::default(),
            work: VecDeque::new(),
            saving: false,
            save_failed: false,
            not_stored: None,
            refuses: None,
            untold: Vec::new(),
            events: Some(broadcast::channel(event::QUEUE).0),
            taps: Vec::new(),
            next_tap: 0,
            queue: VecDeque::new(),
            missed: 0,
            delivering: false,
            progress: Progress::new(replica.unsynced().count > 0),
            drafts: (0, Unsynced::default()),
            late: Late::default(),
            replica,
        };
        Arc::new_cyclic(|slot| Slot { id, beside, shared, inner: Mutex::new(inner(slot)) })
    }

    /// Calls into the replica and takes care of everything that comes of it.
    pub(crate) fn with<R>(&self, call: impl FnOnce(&mut Inner, Millis) -> R) -> R {
        let now = self.shared.config.clock.now();
        let (result, busy, recovered, drafts) = {
            let mut inner = lock(&self.inner);
            let (before, online) = (inner.replica.wake_at(), inner.replica.is_online());
            let result = call(&mut inner, now);
            if inner.replica.is_online() && !online {
                inner.presence.again();
            }
            let (recovered, counted) = Self::drain(&mut inner);
            let drafts = counted.then(|| self.count_drafts(&inner)).flatten();
            (result, !inner.work.is_empty() || inner.replica.wake_at() != before, recovered, drafts)
        };
        if busy {
            self.shared.wake.notify_one();
        }
        if recovered > 0 {
            lock(&self.shared.counters).counted.recovered += recovered;
        }
        if let Some((of, told)) = drafts {
            self.tell_review(of, told);
        }
        self.deliver();
        result
    }

    /// The review that these are drafts in, if they are.
    pub(crate) fn drafts_of(&self) -> Option<ReviewId> {
        self.read(|inner| inner.replica.drafts_of())
    }

    /// Whether the server does not know the review any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.read(|inner| inner.replica.is_lost())
    }

    /// Looks at the replica.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&Inner) -> R) -> R {
        look(&lock(&self.inner))
    }

    /// Makes an edit.
    pub(crate) fn edit<R>(
        &self,
        edit: impl FnOnce(&mut Replica, Millis) -> Result<R, InvalidEdit>,
    ) -> Result<R, EditError> {
        self.edit_if(|replica, now| edit(replica, now).map(|done| (done, true)))
    }

    /// Makes an edit, if there turns out to be one to make: the second of what `edit` returns.
    pub(crate) fn edit_if<R>(
        &self,
        edit: impl FnOnce(&mut Replica, Millis) -> Result<(R, bool), InvalidEdit>,
    ) -> Result<R, EditError> {
        let (result, edited) = self.with(|inner, now| {
            // Without a driver nothing would be saved.
            if let Some(refuses) = inner.refuses {
                return Err(refuses);
            }
            let (result, edited) = edit(&mut inner.replica, now)?;
            if edited {
                inner.progress.edited();
            }
            Ok((result, edited))
        })?;
        lock(&self.shared.counters).counted.edits += u64::from(edited);
        Ok(result)
    }

    /// How many edits there were, and how to hear of their becoming durable.
    pub(crate) fn progress(&self) -> (u64, watch::Receiver<Durable>) {
        lock(&self.inner).progress.watch()
    }

    /// What is to be done, for the driver.
    pub(crate) fn take_work(&self) -> VecDeque<Work> {
        std::mem::take(&mut lock(&self.inner).work)
    }

    /// Subscribes to events; to none if the client was closed.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        let mut inner = lock(&self.inner);
        let untold = std::mem::take(&mut inner.untold);
        let Some(events) = &inner.events else { return broadcast::channel(1).1 };
        let receiver = events.subscribe();
        for event in untold {
            let _ = events.send(event);
        }
        receiver
    }

    /// Has every event told on the spot; returns what [`untap`](Slot::untap) takes.
    pub(crate) fn tap(&self, tap: Arc<Tap>) -> u64 {
        let mut inner = lock(&self.inner);
        inner.next_tap += 1;
        let id = inner.next_tap;
        inner.taps.push((id, tap));
        let untold = std::mem::take(&mut inner.untold);
        let some = !untold.is_empty();
        inner.queue.extend(untold);
        drop(inner);
        if some {
            self.deliver();
        }
        id
    }

    /// Tells no more.
    pub(crate) fn untap(&self, id: u64) {
        let mut inner = lock(&self.inner);
        // Dropped outside of the lock: what it holds may call in here.
        let gone = inner.taps.iter().position(|(tap, _)| *tap == id).map(|at| inner.taps.remove(at));
        drop(inner);
        drop(gone);
    }

    /// Tells of something that is not of the replica.
    pub(crate) fn tell(&self, event: Event) {
        lock(&self.inner).emit(event);
        self.deliver();
    }

    /// Tells of something that went wrong.
    pub(crate) fn problem(&self, problem: Problem) {
        self.tell(Event::Problem(problem));
    }

    /// Nothing happens here any more.
    pub(crate) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.progress.close();
        inner.events = None;
        inner.refuses = Some(EditError::Closed);
    }

    /// Somebody else has the local store: what is here is shown, and can be exported.
    pub(crate) fn taken_over(&self) {
        let mut inner = lock(&self.inner);
        inner.progress.taken_over();
        inner.refuses.get_or_insert(EditError::TakenOver);
    }

    /// Takes all effects out; says how many edits came back for somebody to decide on that the server had lost, and
    /// whether another number of changes is not durable.
    fn drain(inner: &mut Inner) -> (u64, bool) {
        let (mut recovered, mut counted) = (0, false);
        while let Some(effect) = inner.replica.poll() {
            match effect {
                ReplicaEffect::Save { generation, state } => {
                    inner.work.push_back(Work::Save { generation, state });
                }
                ReplicaEffect::Send(frozen) => inner.work.push_back(Work::Send(frozen)),
                ReplicaEffect::Event(change) => {
                    if let Change::Rejected(rejected) = &change {
                        recovered +=
                            u64::from(matches!(rejected.cause, Cause::HistoryLost | Cause::CopiedStore));
                    }
                    inner.presence.carry(&change);
                    counted |= matches!(change, Change::Unsynced(_));
                    if inner.is_carried_over(&change) {
                        continue;
                    }
                    let event = match Event::of(change, &inner.replica, &inner.slot) {
                        Event::Unsynced(own) => Event::Unsynced(inner.with_drafts(own)),
                        event => event,
                    };
                    inner.emit(event);
                }
            }
        }
        // Within the call that froze a batch, so that no edit can have come behind it.
        if let Some(seq) = inner.replica.covers_all() {
            inner.progress.covered(seq);
        }
        // First this: nothing is pending of a review that the server has lost, and nothing is durable.
        inner.progress.stuck(inner.replica.is_stuck());
        if inner.replica.unsynced().count == 0 {
            inner.progress.all_settled();
        }
        (recovered, counted)
    }

    /// Tells the taps, in order, outside of the lock. A call that a tap makes in here leaves what comes of it for
    /// the loop that is running.
    fn deliver(&self) {
        let mut inner = lock(&self.inner);
        if inner.delivering {
            return;
        }
        inner.delivering = true;
        while let Some(event) = inner.next_for_taps() {
            let taps: Vec<_> = inner.taps.iter().map(|(_, tap)| Arc::clone(tap)).collect();
            drop(inner);
            let mut delivery = Delivery { slot: self, done: false };
            taps.iter().for_each(|tap| tap(&event));
            drop(taps);
            delivery.done = true;
            inner = lock(&self.inner);
        }
        inner.delivering = false;
    }
}

/// One event on its way to the taps. Should one of them panic, the next call goes on with the next event.
struct Delivery<'a> {
    slot: &'a Slot,
    done: bool,
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        if !self.done {
            lock(&self.slot.inner).delivering = false;
        }
    }
}

/// A slot with one handle counted, for as long as this lives.
pub(crate) struct Held(Arc<Slot>);

impl Held {
    pub(crate) fn new(slot: &Arc<Slot>) -> Held {
        lock(&slot.inner).handles += 1;
        Held(Arc::clone(slot))
    }

    pub(crate) fn slot(&self) -> &Arc<Slot> {
        &self.0
    }
}

impl Deref for Held {
    type Target = Slot;

    fn deref(&self) -> &Slot {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        lock(&self.0.inner).handles -= 1;
        self.0.shared.wake.notify_one();
    }
}

impl Inner {
    pub(crate) fn emit(&mut self, event: Event) {
        let heard = self.events.as_ref().is_none_or(|events| events.receiver_count() > 0);
        if !heard && self.taps.is_empty() && matches!(event, Event::Problem(_)) {
            if self.untold.len() < UNTOLD {
                self.untold.push(event);
            }
            return;
        }
        if self.missed > 0 || self.queue.len() >= TAP_QUEUE {
            self.missed += 1;
        } else if !self.taps.is_empty() {
            self.queue.push_back(event.clone());
        }
        if let Some(events) = &self.events {
            // Fails only where nobody listens.
            let _ = events.send(event);
        }
    }

    /// What holds this.
    pub(crate) fn slot(&self) -> Weak<Slot> {
        self.slot.clone()
    }

    /// What the taps hear next: after the last event before a gap, that there is one. Then nothing older is to come.
    fn next_for_taps(&mut self) -> Option<Event> {
        self.queue.pop_front().or_else(|| {
            let missed = std::mem::take(&mut self.missed);
            (missed > 0).then_some(Event::Lagged { missed })
        })
    }

    /// A batch goes out; says whether for the first time.
    pub(crate) fn sending(&mut self, seq: Seq) -> bool {
        let since = self.replica.unsynced().since;
        self.progress.sending(seq, since)
    }

    /// The server has settled a batch of ours.
    pub(crate) fn settled(&mut self, seq: Seq, shared: &Shared) {
        self.progress.settled(seq, shared.config.clock.now(), &mut lock(&shared.counters));
        self.presence.confirmed();
    }

    /// The server has answered a batch of ours, and the replica knows.
    pub(crate) fn ended(&mut self, settled: Settled, shared: &Shared) {
        let here = self.replica.head().map_or(0, |head| head.version);
        match settled {
            Settled::At(seq, version) if version <= here => self.settled(seq, shared),
            // Its entry is still to come.
            Settled::At(..) => {}
            Settled::Void(seq) => self.progress.voided(seq),
        }
    }

    /// The replica goes on under another id.
    pub(crate) fn renew(&mut self, now: Millis, reason: ResyncReason) {
        self.replica.renew(now, ClientId(platform::new_id()), reason);
        self.progress.renewed();
    }

    /// The server does not know the review any more.
    pub(crate) fn review_lost(&mut self, now: Millis) {
        self.replica.review_lost(now, ClientId(platform::new_id()));
        self.progress.renewed();
    }

    /// Learns names.
    pub(crate) fn learn(&mut self, users: impl IntoIterator<Item = User>) {
        for user in users {
            self.names.insert(user.id, user.display_name);
        }
    }
}

// What handles share must be shareable where there are threads.
const _: fn() = || {
    fn shareable<T: MaybeSend + MaybeSync>() {}
    shareable::<Slot>();
};
