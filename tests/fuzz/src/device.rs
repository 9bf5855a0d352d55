//! A replica with what belongs around it: what the SDK's driver does with a frame, and what a local store keeps.

use interline_core::change::Batch;
use interline_core::entry::{
    Answer, AnswerResult, ENTRY_FORMAT, EncodedEntry, Entry, Fact, Hash, Head, Outcome, Verdict,
};
use interline_core::presence::PresenceChange;
use interline_core::sync::{Frozen, Replica, ReplicaEffect, Restore, ResyncReason};
use interline_core::wire::{self, Opened, ServerFrame};
use serde::Deserialize;

use super::disk::Disk;
use super::made;
use super::raw::Raw;
use super::words::Words;

/// More calls than any input needs before a replica is at rest.
const ENOUGH: usize = 10_000;
/// More openings than an honest server needs to have any replica with it again.
const OPENINGS: usize = 4;

/// One replica on one machine.
pub(crate) struct Device {
    pub(crate) replica: Replica,
    pub(crate) now: u64,
    pub(crate) flight: Option<Frozen>,
    pub(crate) words: Words,
    /// What it has sent since it was looked at last.
    pub(crate) sent: Vec<Frozen>,
    /// Whether the review is open at the server: what comes while it is not is not looked at.
    pub(crate) open: bool,
    /// Whether every server that it has met told the truth: then nothing is ever wrong.
    trusts: bool,
    disk: Disk,
    /// Whether it began with something saved, which may be anything.
    restored: bool,
    /// Numbers the ids that it goes on under.
    ids: usize,
    /// Whose the ids of its comments are, where others make comments as well.
    pub(crate) own_ids: Option<usize>,
}

/// The part of an entry that is read before all of it.
#[derive(Deserialize)]
struct Label {
    version: u64,
}

impl Device {
    fn new(replica: Replica, restored: bool) -> Device {
        let (flight, words, sent) = (None, Words::default(), Vec::new());
        let (now, open, trusts, disk, ids) = (made::NOW, false, false, Disk::default(), 0);
        Device { replica, now, flight, words, sent, open, trusts, disk, restored, ids, own_ids: None }
    }

    /// A device that finds something saved.
    pub(crate) fn restored(saved: Restore) -> Device {
        let mut device = Device::new(Replica::restore(made::NOW, saved.clone(), 50), true);
        device.disk = Disk::new(saved);
        device.words.found(&device.replica);
        device.rest();
        device
    }

    /// A device of the client with this number that has not opened anything yet; whether nothing that it is told
    /// is ever wrong.
    pub(crate) fn fresh(who: usize, trusts: bool) -> Device {
        let replica = Replica::new(made::client(who), made::user(who), made::review_id(), 50);
        Device { trusts, ids: 100_000 * who, own_ids: Some(who), ..Device::new(replica, false) }
    }

    /// A device that has the review, and is online.
    pub(crate) fn online() -> Device {
        let mut device = Device { own_ids: None, ..Device::fresh(0, false) };
        let (_, review, head) = made::created();
        device.replica.opening();
        device.opened(Opened { snapshot: Some(review), ..made::opened(head) });
        assert!(device.replica.is_online());
        device
    }

    /// Does what the driver does with a text that comes from the server.
    pub(crate) fn hear(&mut self, text: &str) {
        match wire::decode_server(text) {
            Ok(frame) => self.frame(frame),
            Err(error) => assert!(!error.message.is_empty()),
        }
        self.rest();
    }

    fn frame(&mut self, frame: ServerFrame) {
        let now = self.now;
        match frame {
            ServerFrame::Welcome(welcome) => self.replica.set_limits(welcome.limits),
            ServerFrame::Opened(opened) => self.opened(*opened),
            ServerFrame::Entry(frame) if self.open => {
                let Ok(Label { version }) = serde_json::from_str(frame.entry.get()) else { return };
                self.entry(&EncodedEntry { version, hash: frame.hash, payload: frame.entry.get().into() });
            }
            ServerFrame::Answer { answer, .. } if self.open => {
                self.acknowledged(&answer);
                let taken = self.replica.answered(now, answer);
                self.outcome(taken);
            }
            ServerFrame::Refused(refused) if self.open => {
                let wire::Refused { seq, code, retryable, retry_after_ms, .. } = refused;
                let taken = self.replica.refused(now, seq, code, retryable, retry_after_ms);
                self.outcome(taken);
            }
            ServerFrame::Presence { presence, .. } => {
                self.replica.presence_changed(PresenceChange::Here(presence));
            }
            ServerFrame::Gone { session, .. } => {
                self.replica.presence_changed(PresenceChange::Gone(session));
            }
            _ => {}
        }
    }

    /// The server opens the review.
    pub(crate) fn opened(&mut self, opened: Opened) {
        if let Some(last) = &opened.last {
            self.acknowledged(last);
        }
        for step in opened.steps.iter().flatten().filter(|step| step.client == self.replica.client()) {
            self.words.confirmed_by(&step.fact);
        }
        let presence = opened.presence.clone();
        let taken = self.replica.opened(self.now, opened);
        if taken.is_ok() {
            self.open = true;
            self.replica.presence_listed(presence);
        }
        self.outcome(taken);
        self.rest();
    }

    /// The next entry of the stream.
    pub(crate) fn entry(&mut self, entry: &EncodedEntry) {
        if let Ok(decoded) = entry.decode()
            && decoded.client == self.replica.client()
        {
            decoded.facts.iter().for_each(|fact| self.words.confirmed_by(fact));
        }
        let taken = self.replica.receive(self.now, entry);
        self.outcome(taken);
        self.rest();
    }

    /// What the server says it has made durable is in its hands; what it refused of that is not.
    fn acknowledged(&mut self, answer: &Answer) {
        let AnswerResult::Committed { verdicts, .. } = &answer.result else { return };
        let Some(flight) = self.flight.as_ref().filter(|flight| flight.seq == answer.seq) else { return };
        let Ok(batch) = serde_json::from_str::<Batch>(&flight.payload) else { return };
        let refused = |at: usize| {
            let rejected = |verdict: &&Verdict| matches!(verdict.outcome, Outcome::Rejected(_));
            verdicts.iter().filter(rejected).any(|verdict| verdict.change == at)
        };
        let taken = batch.changes.iter().enumerate().filter(|(at, _)| !refused(*at));
        taken.for_each(|(_, change)| self.words.acknowledged_in(change));
    }

    /// An error has the review opened again, under another id if it says so.
    fn outcome(&mut self, taken: Result<(), ResyncReason>) {
        let Err(reason) = taken else { return };
        assert!(!self.trusts, "{reason}");
        self.offline();
        if reason.needs_new_id() {
            self.renew(reason);
        }
        self.replica.opening();
    }

    /// Goes on under another id.
    pub(crate) fn renew(&mut self, reason: ResyncReason) {
        assert!(!self.trusts, "{reason}");
        self.ids += 1;
        self.replica.renew(self.now, made::client(1_000 + self.ids), reason);
        self.flight = None;
        self.rest();
    }

    /// Runs effects and lets time pass until nothing is due any more.
    pub(crate) fn rest(&mut self) {
        for _ in 0..ENOUGH {
            match self.replica.poll() {
                Some(ReplicaEffect::Save { generation, state }) => {
                    self.disk.write(&state, &self.replica, self.restored);
                    self.replica.saved(self.now, generation);
                }
                Some(ReplicaEffect::Send(frozen)) => self.send(frozen),
                Some(ReplicaEffect::Event(event)) => {
                    assert!(!format!("{event:?}").is_empty());
                }
                None if self.replica.wake_at().is_none_or(|at| at > self.now) => {
                    return self.words.check(&self.replica, &self.disk.sent());
                }
                None => self.replica.tick(self.now),
            }
        }
        panic!("there is always something left to do");
    }

    /// What is sent is a batch, and under one seq always the same bytes; what was saved elsewhere may be anything.
    fn send(&mut self, frozen: Frozen) {
        if !self.restored {
            let batch: Batch = serde_json::from_str(&frozen.payload).expect("the server can read it");
            assert!(!batch.changes.is_empty(), "an empty batch");
            assert_eq!((batch.seq, batch.base), (frozen.seq, frozen.base));
            let before = self.flight.as_ref().filter(|flight| flight.seq == frozen.seq);
            assert!(before.is_none_or(|before| *before == frozen), "other bytes under one seq");
        }
        self.flight = Some(frozen.clone());
        self.sent.push(frozen);
    }

    /// An entry behind what is confirmed here, chained as it should be.
    pub(crate) fn follow(&mut self, raw: &mut Raw<'_>, facts: Vec<Fact>, ours: bool) {
        let Head { version, hash } = self.replica.head().unwrap_or_default();
        let who = usize::from(!ours);
        let entry = Entry {
            format: ENTRY_FORMAT,
            version: version.wrapping_add(1),
            author: made::user(who),
            client: if ours { self.replica.client() } else { made::client(who) },
            seq: self.flight.as_ref().filter(|_| ours).map_or(7, |flight| flight.seq),
            at: raw.near(made::NOW),
            facts,
            verdicts: made::verdicts(raw),
        };
        let encoded = EncodedEntry::new(&entry, hash);
        self.hear(&wire::entry_frame(made::review_id(), &encoded));
    }

    /// Lets time pass until what waits was sent.
    pub(crate) fn wait(&mut self, ms: u64) {
        self.now += ms;
        self.replica.tick(self.now);
        self.rest();
    }

    /// Stops and starts again with what was saved last.
    pub(crate) fn restart(&mut self) {
        let Some(saved) = self.disk.read() else { return };
        self.replica = self.disk.restart(self.now, saved, &self.replica);
        self.open = false;
        self.rest();
    }

    /// The connection is gone.
    pub(crate) fn offline(&mut self) {
        self.open = false;
        self.replica.offline();
    }

    /// The review is opened by a server that tells the truth: what is confirmed here is what it has, and the batch
    /// in flight is settled. However it was led astray, a replica gets there.
    pub(crate) fn open_honestly(&mut self) {
        for _ in 0..OPENINGS {
            self.offline();
            let asked = self.replica.opening();
            let (_, mut review, mut head) = made::created();
            if self.replica.confirmed().version > 0 {
                review = self.replica.confirmed().clone();
                head = Head { version: review.version, ..asked.have.unwrap_or_default() };
            }
            review.id = self.replica.review();
            let settled = asked.in_flight.as_ref().map(|batch| batch.seq);
            let seq = settled.unwrap_or(self.disk.used());
            let answer = Answer { seq, payload: Hash::default(), result: AnswerResult::Void };
            let last = Some(answer).filter(|answer| answer.seq > 0);
            self.opened(Opened { snapshot: Some(review), last, ..made::opened(head) });
            if self.replica.is_online() {
                return;
            }
        }
        panic!("a replica that no server can open");
    }
}
