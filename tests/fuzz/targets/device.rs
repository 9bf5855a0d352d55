//! A replica with what belongs around it: what the SDK's driver does with a frame, and what a person does.

use interline_core::change::Batch;
use interline_core::entry::{ENTRY_FORMAT, EncodedEntry, Entry, Fact, Head};
use interline_core::presence::PresenceChange;
use interline_core::review::{Anchor, Place};
use interline_core::sync::{Frozen, Replica, ReplicaEffect, ResyncReason, Saved};
use interline_core::text::cursor::Range;
use interline_core::wire::{self, ServerFrame};
use serde::Deserialize;

use super::made;
use super::raw::Raw;

/// More calls than any input needs before a replica is at rest.
const ENOUGH: usize = 10_000;

/// One replica on one machine.
pub(super) struct Device {
    pub(super) replica: Replica,
    pub(super) now: u64,
    pub(super) flight: Option<Frozen>,
    /// Whether the review is open at the server: what comes while it is not is not looked at.
    open: bool,
    /// Whether only a snapshot helps.
    start_over: bool,
    saved: Option<Saved>,
    /// Whether it began with something saved, which may be anything.
    restored: bool,
}

/// The part of an entry that is read before all of it.
#[derive(Deserialize)]
struct Label {
    version: u64,
}

impl Device {
    fn new(replica: Replica, restored: bool) -> Device {
        Device {
            replica,
            now: made::NOW,
            flight: None,
            open: false,
            start_over: false,
            saved: None,
            restored,
        }
    }

    /// A device that finds something saved.
    pub(super) fn restored(saved: Saved) -> Device {
        let mut device = Device::new(Replica::restore(made::NOW, saved, 50), true);
        device.rest();
        device
    }

    /// A device that has the review, and is online.
    pub(super) fn online() -> Device {
        let replica = Replica::new(made::client(0), made::user(0), made::review_id(), 50);
        let mut device = Device::new(replica, false);
        let (_, review, head) = made::created();
        device.replica.opening();
        device.replica.snapshot(device.now, review, head).expect("a review that is one");
        device.open = true;
        device.rest();
        device
    }

    /// Does what the driver does with a text that comes from the server.
    pub(super) fn hear(&mut self, text: &str) {
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
            ServerFrame::Opened(opened) => {
                let opened = *opened;
                let taken = match opened.snapshot {
                    Some(review) => self.replica.snapshot(now, review, opened.head),
                    None if self.start_over || !self.replica.is_loaded() => Err(ResyncReason::Diverged),
                    None => {
                        self.replica.resumed(now, opened.head.version);
                        Ok(())
                    }
                };
                self.open = taken.is_ok();
                self.start_over &= taken.is_err();
                if taken.is_ok() {
                    self.replica.presence_listed(opened.presence);
                } else {
                    self.replica.offline();
                }
            }
            ServerFrame::Entry(frame) if self.open => {
                let Ok(Label { version }) = serde_json::from_str(frame.entry.get()) else { return };
                self.entry(&EncodedEntry { version, hash: frame.hash, payload: frame.entry.get().into() });
            }
            ServerFrame::Answer { answer, .. } if self.open => self.replica.answered(now, answer),
            ServerFrame::Refused(refused) if self.open => {
                let wire::Refused { seq, code, retryable, retry_after_ms, .. } = refused;
                self.replica.refused(now, seq, code, retryable, retry_after_ms);
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

    /// The next entry of the stream. One that cannot be has the review opened again.
    pub(super) fn entry(&mut self, entry: &EncodedEntry) {
        if let Err(reason) = self.replica.receive(self.now, entry) {
            self.start_over |= reason == ResyncReason::Diverged;
            self.open = false;
            self.replica.offline();
            self.replica.opening();
        }
        self.rest();
    }

    /// Runs effects and lets time pass until nothing is due any more.
    pub(super) fn rest(&mut self) {
        for _ in 0..ENOUGH {
            match self.replica.poll() {
                Some(ReplicaEffect::Save { generation, state }) => {
                    can_be_read_again(&state);
                    self.saved = Some(*state);
                    self.replica.saved(self.now, generation);
                }
                Some(ReplicaEffect::Send(frozen)) => self.send(frozen),
                Some(ReplicaEffect::Event(_)) => {}
                None if self.replica.wake_at().is_none_or(|at| at > self.now) => return,
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
        self.flight = Some(frozen);
    }

    /// An entry behind what is confirmed here, chained as it should be.
    pub(super) fn follow(&mut self, raw: &mut Raw<'_>, facts: Vec<Fact>, ours: bool) {
        let Head { version, hash } = self.replica.head().unwrap_or_default();
        let who = usize::from(!ours);
        let entry = Entry {
            format: ENTRY_FORMAT,
            version: version.wrapping_add(1),
            author: made::user(who),
            client: made::client(who),
            seq: self.flight.as_ref().filter(|_| ours).map_or(7, |flight| flight.seq),
            at: raw.near(made::NOW),
            facts,
            verdicts: made::verdicts(raw),
        };
        let encoded = EncodedEntry::new(&entry, hash);
        self.hear(&wire::entry_frame(made::review_id(), &encoded));
    }

    /// Lets time pass until what waits was sent.
    pub(super) fn wait(&mut self, ms: u64) {
        self.now += ms;
        self.replica.tick(self.now);
        self.rest();
    }

    /// Stops and starts again with what was saved last.
    pub(super) fn restart(&mut self) {
        let Some(saved) = self.saved.clone() else { return };
        let replica = Replica::restore(self.now, saved, 50);
        let mut device = Device { now: self.now, ..Device::new(replica, self.restored) };
        (device.flight, device.saved) = (self.flight.take(), self.saved.take());
        device.rest();
        *self = device;
    }

    /// Opens the review again; the server has nothing new.
    pub(super) fn reopen(&mut self, version: u64) {
        if self.start_over || !self.replica.is_loaded() {
            return;
        }
        self.replica.opening();
        self.replica.resumed(self.now, version);
        self.open = true;
        self.rest();
    }

    /// The server sends what is confirmed here as a snapshot.
    pub(super) fn start_over(&mut self) {
        let review = self.replica.confirmed().clone();
        let head = Head { version: review.version, ..self.replica.head().unwrap_or_default() };
        self.replica.opening();
        self.open = self.replica.snapshot(self.now, review, head).is_ok();
        self.start_over &= !self.open;
        self.rest();
    }

    /// A person does something.
    pub(super) fn act(&mut self, raw: &mut Raw<'_>) {
        let (now, comment) = (self.now, made::some_comment(raw));
        let shown = self.replica.comment(comment);
        let len = shown.as_ref().map_or(0, |shown| shown.text.len());
        let edit = match raw.below(12) {
            0..2 => self.replica.add_comment(now, comment, Place::Line(Anchor::head("x", 1)), &raw.text()),
            2 => self.replica.add_comment(now, comment, made::place(raw), &raw.text()),
            3..6 => {
                let at = raw.below(len + 2);
                self.replica.replace_text(now, comment, at, raw.below(len + 2), &raw.text())
            }
            6 => self.replica.edit_text(now, comment, made::op(raw, len)),
            7..9 => self.replica.set_text(now, comment, &raw.text()),
            9 => self.replica.remove_comment(now, comment),
            _ => {
                let entity = made::entity(raw);
                let (field, value) = made::field(raw);
                self.replica.set_field(now, entity, field, value)
            }
        };
        if let Err(error) = edit {
            assert!(!error.to_string().is_empty());
        }
        self.rest();
    }

    /// Looks at everything there is to see.
    pub(super) fn look(&mut self) {
        let replica = &self.replica;
        for thread in replica.threads() {
            for shown in std::iter::once(&thread.root).chain(&thread.replies) {
                assert_eq!(shown.text.len(), shown.text.as_str().chars().count());
                let _ = replica.is_pending(shown.id);
                let end = Range { anchor: 0, head: shown.text.len() };
                let _ = replica.selection_confirmed(shown.id, end);
            }
        }
        let _ = (replica.title(), replica.status(), replica.fields(), replica.unsynced(), replica.wake_at());
        let _ = (replica.rejected(), replica.is_online(), replica.head());
        for presence in replica.presence() {
            let Some(selection) = presence.selection else { continue };
            let len = replica.comment(selection.comment).map_or(0, |shown| shown.text.len());
            assert!(selection.anchor.max(selection.head) <= len);
        }
    }
}

/// What is saved is there again after a restart.
fn can_be_read_again(state: &Saved) {
    let json = serde_json::to_string(state).unwrap();
    let again: Saved = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert_eq!(&again, state);
}
