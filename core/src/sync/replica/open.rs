//! Opening the review over a new connection, and catching up with what happened meanwhile.

use std::collections::BTreeSet;

use super::undo::inserted;
use super::{Event, InFlight, Link, Receipt, Replica, ReplicaEffect, ResyncReason, TakenOut};
use crate::change::{Batch, Change};
use crate::clock::Millis;
use crate::entry::{Answer, AnswerResult, Fact, Hash, Head, Outcome, Reason, Step, Verdict};
use crate::id::{ClientId, CommentId, Version};
use crate::sync::{History, Pending};
use crate::wire::{InFlightRef, Open, Opened};

impl Replica {
    /// The review is asked for over a new connection, with this. Nothing freezes until it has been caught up: a
    /// squash must not meet a batch that its request did not tell of.
    pub fn opening(&mut self) -> Open {
        self.link = Link::Opening(None);
        self.unfreeze_unsaved();
        self.seal_all();
        // What was under way may be lost, and is sent again once everything before it is here.
        if let Some(batch) = &mut self.in_flight {
            batch.sent = None;
        }
        // Who asks for everything has to hear whether this is the log that it had: what is here, and what was
        // acknowledged of its own.
        let have = self.head();
        let here = self.is_loaded().then_some(self.head);
        let told = self.receipts.iter().rev().enumerate().filter(|(at, _)| is_told(*at));
        let told = told.map(|(_, known)| Head { version: known.version, hash: known.hash });
        let told = told.filter(|known| here.is_none_or(|here| known.version < here.version));
        let all = here.into_iter().chain(told).take(if have.is_none() { Open::MAX_KNOWN } else { 0 });
        let known: Vec<_> = all.collect();
        self.asked_for = known.first().map(|newest| newest.version);
        let drafts_of = self.drafts_of();
        Open {
            review: drafts_of.unwrap_or(self.confirmed.id).to_string(),
            drafts: drafts_of.is_some(),
            have,
            client: Some(self.client),
            in_flight: self.in_flight.as_ref().map(|batch| InFlightRef {
                seq: batch.frozen.seq,
                base: batch.frozen.base,
                comments: batch.comments().into_iter().collect(),
            }),
            known,
        }
    }

    /// A batch that is not saved yet was never sent, and a crash would forget it: no server may be told of its seq, for
    /// it would settle one that was never used here.
    fn unfreeze_unsaved(&mut self) {
        if self.in_flight.as_ref().is_none_or(|batch| batch.generation <= self.saved) {
            return;
        }
        self.unfreeze();
        self.next_seq = self.next_seq.saturating_sub(1);
        self.dirty += 1;
        self.tell_unsynced();
    }

    /// The connection is gone.
    pub fn offline(&mut self) {
        self.link = Link::Offline;
        self.marks_offline();
        if self.roster.clear() {
            self.emit(Event::Presence);
        }
    }

    /// The server has opened the review. After an error it has to be opened again.
    pub fn opened(&mut self, now: Millis, opened: Opened) -> Result<(), ResyncReason> {
        self.told(now);
        let Opened { head, snapshot, steps, digest, last, held, .. } = opened;
        self.check_last(last.as_ref())?;
        let told = self.effects.len();
        let whole = snapshot.is_some();
        match (snapshot, steps) {
            (None, None) if self.head().is_none_or(|here| here.version > head.version) => {
                return Err(ResyncReason::Diverged);
            }
            (None, None) => {}
            (None, Some(steps)) => self.step_to(head, steps, digest)?,
            (Some(review), _) if digest.is_some_and(|digest| digest != review.digest()) => {
                self.start_over = true;
                return Err(ResyncReason::Diverged);
            }
            // The log was set back, however far it has grown since. Its version tells nothing: another server may only
            // not have heard of the latest entries.
            _ if !self.history_lost && self.lacks_what_was_here(held) => {
                return Err(ResyncReason::HistoryLost);
            }
            (Some(review), steps) => self.start_from(review, head, steps, last.as_ref(), held)?,
        }
        self.link = Link::Opening(Some(head.version));
        self.found();
        if let Some(last) = last {
            self.answered(now, last)?;
        }
        if whole {
            // Everything may have changed; single changes on the way there are no news.
            let later = self.effects.split_off(told);
            let keep =
                |effect: &ReplicaEffect| !matches!(effect, ReplicaEffect::Event(event) if event.is_shown());
            self.effects.extend(later.into_iter().filter(keep));
            self.emit(Event::Loaded);
        }
        self.caught_up(now);
        Ok(())
    }

    /// Whether the server was asked for the newest that was known here of its log, and does not have that.
    fn lacks_what_was_here(&self, held: Option<Version>) -> bool {
        self.asked_for.is_some_and(|newest| held.is_none_or(|held| held < newest))
    }

    pub(super) fn caught_up(&mut self, now: Millis) {
        if matches!(self.link, Link::Opening(Some(version)) if version <= self.head.version) {
            self.link = Link::Online;
            self.tell_untold();
        }
        self.tick(now);
    }

    /// What the server last answered tells whether it and this replica speak of the same past.
    fn check_last(&mut self, last: Option<&Answer>) -> Result<(), ResyncReason> {
        let answered = last.map_or(0, |answer| answer.seq);
        let used = self.next_seq.saturating_sub(1);
        if !self.is_loaded() && self.in_flight.is_none() && self.buffer.is_empty() && used == 0 {
            // A local copy that was given up: its client goes on where it stopped.
            self.next_seq = answered.saturating_add(1);
            return Ok(());
        }
        if answered > used {
            return Err(ResyncReason::Copied);
        }
        let Some(batch) = &self.in_flight else {
            return if answered < used { Err(ResyncReason::HistoryLost) } else { Ok(()) };
        };
        match last {
            Some(answer) if answer.seq == batch.frozen.seq => {
                let same = answer.payload == Hash::of(batch.frozen.payload.as_bytes());
                let void = answer.result == AnswerResult::Void;
                if same || void { Ok(()) } else { Err(ResyncReason::Copied) }
            }
            _ if answered.saturating_add(1) < batch.frozen.seq => Err(ResyncReason::HistoryLost),
            _ => Ok(()),
        }
    }

    /// Catches up by steps, from the version that is here.
    fn step_to(&mut self, head: Head, steps: Vec<Step>, digest: Option<u32>) -> Result<(), ResyncReason> {
        if self.head().is_none_or(|here| here.version > head.version) {
            return Err(ResyncReason::Diverged);
        }
        self.all_or_nothing(|replica| {
            replica.walk(head.version, steps)?;
            let same = digest.is_none_or(|digest| digest == replica.confirmed.digest());
            if same { Ok(()) } else { Err(ResyncReason::Diverged) }
        })?;
        self.confirmed.version = head.version;
        self.came_to(head);
        Ok(())
    }

    /// The confirmed review is another one, at this head.
    pub(super) fn came_to(&mut self, head: Head) {
        self.head = head;
        self.start_over = false;
        self.history_lost = false;
        self.history = History::new(head.version, super::HISTORY_OPS);
        self.roster.forget_selections_before(head.version);
        self.journal.clear();
        self.whole_due = true;
        self.dirty += 1;
    }

    /// Does something to the confirmed review and to what is pending on it. If that fails nothing of it stays: what
    /// was typed still fits, and what is typed before the review is here anew can still be saved.
    pub(super) fn all_or_nothing(
        &mut self,
        step: impl FnOnce(&mut Replica) -> Result<(), ResyncReason>,
    ) -> Result<(), ResyncReason> {
        let (confirmed, undo, told) = (self.confirmed.clone(), self.undo.clone(), self.effects.len());
        let (flight, buffer) =
            (self.in_flight.as_ref().map(|batch| batch.changes.clone()), self.buffer.clone());
        let done = step(self);
        if done.is_err() {
            (self.confirmed, self.undo, self.buffer) = (confirmed, undo, buffer);
            if let (Some(batch), Some(changes)) = (&mut self.in_flight, flight) {
                batch.changes = changes;
            }
            self.effects.truncate(told);
            self.start_over = true;
        }
        done
    }

    /// Takes in steps: ours end what is in flight of their comment, over others' everything pending is carried.
    pub(super) fn walk(&mut self, to: Version, steps: Vec<Step>) -> Result<(), ResyncReason> {
        let mut from = self.head.version;
        // Who hears that a comment came looks at all of it.
        let mut added = BTreeSet::new();
        let mut landed = Vec::new();
        for step in steps {
            if step.version < from || step.version > to {
                return Err(ResyncReason::Diverged);
            }
            from = step.version;
            let Step { version, author, client, seq, at, fact } = step;
            let own =
                self.in_flight.as_mut().filter(|batch| client == self.client && batch.frozen.seq == seq);
            match own {
                Some(batch) => {
                    batch.confirm(&fact)?;
                    self.tell_same_line(&fact);
                    if let Fact::TextEdited { comment, .. } = &fact {
                        self.undo_confirmed(*comment);
                        landed.push(fact.clone());
                    }
                }
                None => {
                    let events = self.carry_fact(&author, &fact)?;
                    if let Fact::CommentAdded { comment, .. } = &fact {
                        added.insert(*comment);
                        events.into_iter().for_each(|event| self.emit(event));
                    } else if fact.comment().is_none_or(|id| !added.contains(&id)) {
                        events.into_iter().for_each(|event| self.emit(event));
                    }
                }
            }
            self.expect_end(&fact);
            let applied = self.confirmed.apply_fact(version, &author, at, &fact);
            applied.map_err(|_| ResyncReason::Diverged)?;
            self.note_words(&author, &fact, version);
            self.learn_code(version);
            self.sealed_behind(&landed, version);
            landed.clear();
            if !matches!(&fact, Fact::CommentRestored { comment } if added.contains(comment)) {
                self.news(std::slice::from_ref(&fact), version);
            }
        }
        Ok(())
    }

    /// Goes on under another client id, after [`ResyncReason::Copied`] or [`ResyncReason::HistoryLost`]; the review
    /// has to be opened again.
    ///
    /// What was pending in a copied store is set aside: whoever went on with the other copy may have sent it. After
    /// lost history it stays pending, for it was never acknowledged; what was comes back as rejected once the
    /// server's state is here.
    pub fn renew(&mut self, now: Millis, fresh: ClientId, reason: ResyncReason) {
        self.told(now);
        if reason == ResyncReason::HistoryLost {
            // What is here cannot be continued: the snapshot tells what of it there still is.
            (self.history_lost, self.start_over) = (true, true);
            self.unfreeze();
        } else {
            let (pending, _) = self.take_pending();
            self.set_aside_all(super::Cause::CopiedStore, pending);
            // What was undone before it was sent, the other copy may have sent: done again it would stand twice.
            self.undo.clear();
        }
        self.go_by(fresh);
        self.link = Link::Offline;
        self.dirty += 1;
    }

    /// Goes by another id from here on. What was acknowledged was under the one before.
    pub(super) fn go_by(&mut self, fresh: ClientId) {
        let before = std::mem::replace(&mut self.client, fresh);
        for receipt in &mut self.receipts {
            receipt.client.get_or_insert(before);
        }
        self.next_seq = 1;
        // Entries under the id before do not speak for themselves any more.
        self.ledger_dirty = true;
    }

    /// Everything pending as one: only where nothing of it can be in flight any more.
    ///
    /// Returns it with when the oldest of it was made.
    pub(super) fn take_pending(&mut self) -> (Pending, Millis) {
        let mut pending = Pending::default();
        let since = self.unsynced().since.unwrap_or(self.now);
        let flight = self.in_flight.take().map(|batch| batch.meant()).unwrap_or_default();
        for change in flight.into_iter().chain(self.buffer.changes().iter().cloned()) {
            // An edit that does not compose with the one before it is pushed behind it.
            let fallback = change.clone();
            if pending.push(change, &self.limits).is_err() {
                pending.push_behind(fallback);
            }
        }
        // What a damaged copy has taken off the screen need not fit what is here.
        self.buffer = pending;
        self.keep_what_fits();
        self.batcher.taken();
        (std::mem::take(&mut self.buffer), since)
    }

    /// What was in flight is buffered again, before what was buffered.
    pub(super) fn unfreeze(&mut self) {
        let back: Vec<_> = self
            .buffer
            .edited()
            .into_iter()
            .map(|id| (id, self.buffer.edits(id).flat_map(inserted).collect::<Vec<_>>()))
            .collect();
        let (pending, since) = self.take_pending();
        self.buffer = pending;
        for (comment, back) in back {
            self.simplify(comment, &back);
        }
        if !self.buffer.is_empty() {
            self.batcher.edited(since.min(self.now));
            self.batcher.flush();
        }
    }
}

/// Which receipts are told, counted from the newest: every one of the latest, of older ones ever fewer.
fn is_told(at: usize) -> bool {
    at < 32 || at.is_multiple_of(8)
}

impl InFlight {
    /// What its author meant: its changes as carried so far; where a damaged copy has taken those away, as sent.
    pub(super) fn meant(&self) -> Vec<Change> {
        if self.changes.is_empty() { self.sent_changes() } else { self.changes.changes().to_vec() }
    }

    /// Its changes as they were sent: what verdicts count.
    pub(super) fn sent_changes(&self) -> Vec<Change> {
        serde_json::from_str::<Batch>(&self.frozen.payload).map(|batch| batch.changes).unwrap_or_default()
    }

    /// The verdicts on a batch that was rejected as a whole: a change that none of them speaks of fell with the rest.
    pub(super) fn all_rejected(&self, mut verdicts: Vec<Verdict>) -> Vec<Verdict> {
        verdicts.retain(|verdict| matches!(verdict.outcome, Outcome::Rejected(_)));
        for change in 0..self.sent_changes().len() {
            if !verdicts.iter().any(|verdict| verdict.change == change) {
                verdicts.push(Verdict { change, outcome: Outcome::Rejected(Reason::DependsOnRejected) });
            }
        }
        verdicts
    }

    /// The comments that it is about.
    pub(super) fn comments(&self) -> BTreeSet<CommentId> {
        self.sent_changes().iter().filter_map(Change::comment).collect()
    }

    /// One of its changes has become a fact.
    fn confirm(&mut self, fact: &Fact) -> Result<(), ResyncReason> {
        match fact {
            Fact::TextEdited { comment, op, .. } if !self.changes.confirm_edit(*comment, op) => {
                Err(ResyncReason::Diverged)
            }
            Fact::CommentAdded { comment, text, .. } if !self.changes.confirm_added(*comment, text) => {
                Err(ResyncReason::Diverged)
            }
            _ => Ok(()),
        }
    }

    /// What proves that it is durable.
    pub(super) fn receipt(&self, version: Version, hash: Hash, at: Millis) -> Receipt {
        let changes = self.sent_changes();
        let words = |change: &&Change| change.is_text();
        let comments = changes.iter().filter(words).filter_map(Change::comment).collect();
        let taken_out = changes.iter().flat_map(taken_out).collect();
        let decision = changes.iter().find_map(|change| match change {
            Change::DraftsPublished { decision, .. } => decision.clone(),
            _ => None,
        });
        Receipt { client: None, seq: self.frozen.seq, version, hash, at, comments, taken_out, decision }
    }
}

/// What a change takes out of a set.
fn taken_out(change: &Change) -> Vec<TakenOut> {
    let Change::SetChanged { entity, field, remove, .. } = change else { return Vec::new() };
    let out = |element: &String| TakenOut { entity: *entity, field: field.clone(), element: element.clone() };
    remove.keys().map(out).collect()
}
