//! What open reviews want done: saves, batches, carets; each in its turn.

use std::collections::BTreeSet;
use std::sync::Arc;

use interline_core::clock::Millis;
use interline_core::sync::{Frozen, Save};
use interline_core::wire::{ClientFrame, Submit};
use serde_json::value::RawValue;

use super::records::record;
use super::{Driver, Stored, late};
use crate::connection::DisconnectReason;
use crate::error::{Coded, Problem};
use crate::lock::lock;
use crate::slot::{Door, Slot, Work};
use crate::store::{StoreError, StoreErrorKind};

/// The longest sleep: clocks are set, laptops wake.
const MAX_SLEEP_MS: u64 = 60_000;
/// With so much waiting to be written, carets can wait too, in bytes.
const CONGESTED_BYTES: usize = 256 * 1024;
/// When to look again whether that is so, in milliseconds.
const CONGESTED_MS: u64 = 100;

impl Driver {
    /// Lets time pass in every review and does what it wants done; says when the next of them wants to wake.
    pub(super) fn serve_slots(&mut self, now: Millis) -> Millis {
        let mut wake_at = now + MAX_SLEEP_MS;
        for slot in self.shared.slots() {
            if late::waits(&self.shared, &slot) {
                wake_at = wake_at.min(now + late::AGAIN_MS);
            }
            late::carry(&self.shared, &slot);
            self.drafts_are_here(&slot);
            slot.with(|inner, now| inner.replica.tick(now));
            for work in slot.take_work() {
                match work {
                    // Somebody else has the store: what is here stays here.
                    Work::Save { .. } if self.taken_over => {}
                    Work::Save { generation, state } => self.save(&slot, generation, state),
                    Work::Send(frozen) => self.submit(&slot, frozen),
                }
            }
            self.send_marks(&slot);
            if let Some(at) = self.send_presence(now, &slot) {
                wake_at = wake_at.min(at);
            }
            let others = [self.ask_again_if_due(now, &slot), slot.read(|inner| inner.replica.wake_at())];
            wake_at = others.into_iter().flatten().fold(wake_at, Millis::min);
            self.leave_if_done(&slot);
        }
        wake_at
    }

    fn save(&mut self, slot: &Arc<Slot>, generation: u64, state: Box<Save>) {
        slot.with(|inner, _| inner.saving = true);
        let (slot, shared) = (Arc::clone(slot), Arc::clone(&self.shared));
        self.stores.push(Box::pin(async move {
            let config = &shared.config;
            let result = match record(&state) {
                Ok(record) => config.store.save(&config.scope, slot.id, &record).await,
                Err(error) => Err(error),
            };
            Stored::Saved { slot, generation, result }
        }));
    }

    pub(super) fn stored(&mut self, stored: Stored) {
        match stored {
            Stored::Saved { slot, generation, result } => self.save_ended(&slot, generation, result),
            Stored::Loaded { key, reply, result } => self.loaded(key, reply, result),
            Stored::Drafts { of, reply, result } => self.drafts_loaded(of, reply, result),
            Stored::Remembered => {}
        }
        self.tell_reports();
    }

    fn save_ended(&mut self, slot: &Arc<Slot>, generation: u64, result: Result<(), StoreError>) {
        let first = slot.with(|inner, now| {
            inner.saving = false;
            match &result {
                Ok(()) => inner.replica.saved(now, generation),
                Err(_) => inner.replica.save_failed(now),
            }
            !std::mem::replace(&mut inner.save_failed, result.is_err())
        });
        let Err(error) = result else {
            self.absent.remove(&slot.id);
            if let Some(stored) = &mut self.stored {
                stored.insert(slot.id);
            }
            return self.shared.saves.send_modify(|saves| *saves += 1);
        };
        lock(&self.shared.counters).counted.failed_saves += 1;
        // Nothing of it gets better by trying again: it would be somebody else's store that is written to.
        let lost = matches!(error.kind(), StoreErrorKind::InUse | StoreErrorKind::Newer);
        if first {
            let retryable = error.is_retryable() && !lost;
            slot.problem(Problem { code: error.code(), message: error.to_string(), retryable });
        }
        if lost {
            self.give_way(&error);
        }
        self.not_saved = Some(error);
    }

    /// What was saved is not there any more: all that is open here is saved anew.
    pub(super) fn store_lost(&mut self) {
        self.stored = Some(BTreeSet::new());
        self.shared.slots().iter().for_each(|slot| slot.with(|inner, _| inner.replica.save_anew()));
    }

    /// Somebody else has the local store: nothing is saved, sent or taken in any more. What is here stays visible.
    fn give_way(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.taken_over, true) {
            self.shared.slots().iter().for_each(|slot| slot.taken_over());
            let now = self.shared.config.clock.now();
            self.disconnect(now, DisconnectReason::TakenOver, error.to_string(), None);
        }
    }

    /// What the store has to say that no call failed for.
    pub(super) fn tell_reports(&mut self) {
        // Nobody listens here: the living client hears of it.
        if self.shared.config.orphan {
            return;
        }
        self.reports.extend(self.shared.config.store.reports().iter().map(Problem::of));
        let slots = self.shared.slots();
        if slots.is_empty() {
            return;
        }
        for problem in self.reports.drain(..) {
            slots.iter().for_each(|slot| slot.problem(problem.clone()));
        }
    }

    fn send_marks(&mut self, slot: &Arc<Slot>) {
        if slot.read(|inner| inner.door != Door::Open) {
            return;
        }
        let nonce = self.nonce + 1;
        if let Some(marks) = slot.with(|inner, _| inner.replica.marks_to_send(nonce)) {
            self.nonce = nonce;
            self.send(&ClientFrame::Marks { review: slot.id, nonce, marks });
        }
    }

    fn submit(&mut self, slot: &Arc<Slot>, frozen: Frozen) {
        // A review that is not open has forgotten that it wanted this, and wants it again once it is.
        if slot.read(|inner| inner.door != Door::Open) {
            return;
        }
        let Ok(batch) = RawValue::from_string(frozen.payload.to_string()) else { return };
        let first = slot.with(|inner, _| inner.sending(frozen.seq));
        {
            let counted = &mut lock(&self.shared.counters).counted;
            *(if first { &mut counted.batches } else { &mut counted.retries }) += 1;
        }
        self.send(&ClientFrame::Submit(Submit { review: slot.id, batch }));
        slot.with(|inner, _| inner.replica.spread_resend(|wait| self.backoff.jitter(wait)));
    }

    /// Tells where the user is, if that is due; says when it will be.
    fn send_presence(&mut self, now: Millis, slot: &Arc<Slot>) -> Option<Millis> {
        let sender = &self.link.ready()?.sender;
        // A server drops what it is told by somebody who is still catching up.
        if slot.read(|inner| !inner.replica.is_online() || inner.presence.due_at().is_none()) {
            return None;
        }
        if sender.queued() > CONGESTED_BYTES {
            return Some(now + CONGESTED_MS);
        }
        let due = slot.with(|inner, now| inner.presence.take(now, &inner.replica));
        if let Some(update) = due {
            self.send(&ClientFrame::Presence { review: slot.id, update });
        }
        slot.read(|inner| inner.presence.due_at())
    }
}
