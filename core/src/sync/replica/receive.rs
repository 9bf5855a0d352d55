//! What comes from the server while the review is open: the one ordered stream of entries, and who is here.

use std::collections::BTreeSet;

use super::{Event, Origin, Replica};
use crate::change::{Change, Entity};
use crate::clock::Millis;
use crate::entry::{EncodedEntry, Entry, Fact, Head, Outcome, Verdict};
use crate::id::{CommentId, UserId};
use crate::presence::{Presence, PresenceChange};
use crate::review::{Comment, Conflicts, Decisions, Drafts, FieldValue, Fields, Review, Sets, Status};
use crate::sync::Pending;

/// Why this replica has to open the review again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResyncReason {
    /// An entry is missing, or what became of a batch has to be asked: resume from the version that is here.
    #[error("an entry is missing")]
    Gap,
    /// What is here is not what the server has: start over from a snapshot.
    #[error("this replica differs from the server")]
    Diverged,
    /// The server's log does not contain what is here: [`Replica::renew`] comes first.
    #[error("the server has lost a part of its history")]
    HistoryLost,
    /// Somebody else went on under this replica's id: [`Replica::renew`] comes first.
    #[error("another copy of this local store has been used")]
    Copied,
}

impl ResyncReason {
    /// Whether the replica needs another client id before it opens the review again.
    pub fn needs_new_id(self) -> bool {
        matches!(self, ResyncReason::HistoryLost | ResyncReason::Copied)
    }
}

/// What stands again when an entry turns out to be none.
struct Before {
    comments: Vec<(CommentId, Option<Comment>)>,
    review: (Millis, u32, Fields),
    drafts: Option<Drafts>,
    beside: Option<(Sets, Decisions, Conflicts)>,
    in_flight: Option<Pending>,
    buffer: Pending,
}

impl Replica {
    /// The next entry of the stream. After [`ResyncReason::Diverged`] only a snapshot helps. An error leaves everything
    /// as it was.
    pub fn receive(&mut self, now: Millis, encoded: &EncodedEntry) -> Result<(), ResyncReason> {
        let received = self.receive_next(now, encoded);
        self.start_over |= received == Err(ResyncReason::Diverged);
        received
    }

    fn receive_next(&mut self, now: Millis, encoded: &EncodedEntry) -> Result<(), ResyncReason> {
        if encoded.version <= self.head.version {
            return Ok(());
        }
        if encoded.version > self.head.version + 1 {
            return Err(ResyncReason::Gap);
        }
        if self.head.hash.chain(encoded.payload.as_bytes()) != encoded.hash {
            return Err(ResyncReason::Diverged);
        }
        let entry = encoded.decode().map_err(|_| ResyncReason::Diverged)?;
        let head = Head { version: encoded.version, hash: encoded.hash };
        if entry.client == self.client && entry.seq >= self.next_seq {
            // Nobody here has used that number yet.
            return Err(ResyncReason::Copied);
        }
        let seq = self.in_flight.as_ref().map(|batch| batch.frozen.seq);
        self.told(now);
        let before = self.before(&entry);
        let taken = if entry.client == self.client && Some(entry.seq) == seq {
            self.promote(&entry, head)
        } else {
            self.take_in(&entry, head)
        };
        if let Err(reason) = taken {
            self.back_to(before);
            return Err(reason);
        }
        self.remember_entry(encoded);
        self.dirty += 1;
        self.caught_up(now);
        Ok(())
    }

    /// Somebody came, moved or went.
    pub fn presence_changed(&mut self, change: PresenceChange) {
        match change {
            PresenceChange::Here(presence) => self.here(presence),
            PresenceChange::Gone(session) => self.roster.remove(session),
        }
        self.emit(Event::Presence);
    }

    /// Everybody who is here, as the server lists them when a review is opened.
    pub fn presence_listed(&mut self, everybody: Vec<Presence>) {
        self.roster.clear();
        everybody.into_iter().for_each(|presence| self.here(presence));
        self.emit(Event::Presence);
    }

    fn here(&mut self, presence: Presence) {
        // A selection older than what can be carried forward would stand somewhere wrong.
        let oldest = self.history.oldest();
        let placeable = presence.selection.filter(|selection| selection.version >= oldest);
        self.roster.insert(Presence { selection: placeable, ..presence });
    }

    /// What an entry may change before it turns out that it cannot be.
    fn before(&self, entry: &Entry) -> Before {
        let moved = entry.facts.iter().flat_map(Fact::moves).map(|moved| moved.comment);
        let published = entry.facts.iter().flat_map(Fact::published).copied();
        let about = entry.facts.iter().filter_map(Fact::comment);
        let touched: BTreeSet<_> = about.chain(moved).chain(published).collect();
        let Review { created_at, patch_set, fields, comments, sets, decisions, conflicts, .. } =
            &self.confirmed;
        let beside = entry.facts.iter().any(Fact::is_beside);
        Before {
            beside: beside.then(|| (sets.clone(), decisions.clone(), conflicts.clone())),
            comments: touched.into_iter().map(|id| (id, comments.get(&id).cloned())).collect(),
            review: (*created_at, *patch_set, fields.clone()),
            drafts: self.confirmed.drafts.clone(),
            in_flight: self.in_flight.as_ref().map(|batch| batch.changes.clone()),
            buffer: self.buffer.clone(),
        }
    }

    /// Nothing of an entry that cannot be stays: what was typed is still shown, and still fits.
    fn back_to(&mut self, before: Before) {
        let Before { comments, review, drafts, beside, in_flight, buffer } = before;
        if let Some(beside) = beside {
            (self.confirmed.sets, self.confirmed.decisions, self.confirmed.conflicts) = beside;
        }
        for (id, comment) in comments {
            self.undo_forgotten(id);
            match comment {
                Some(comment) => self.confirmed.comments.insert(id, comment),
                None => self.confirmed.comments.remove(&id),
            };
        }
        (self.confirmed.created_at, self.confirmed.patch_set, self.confirmed.fields) = review;
        if let (Some(batch), Some(changes)) = (&mut self.in_flight, in_flight) {
            batch.changes = changes;
        }
        (self.buffer, self.confirmed.drafts) = (buffer, drafts);
    }

    fn apply(&mut self, entry: &Entry, head: Head) -> Result<(), ResyncReason> {
        self.confirmed.apply(entry).map_err(|_| ResyncReason::Diverged)?;
        self.learn_code(entry.version);
        self.head = head;
        self.history.push(entry);
        entry.facts.iter().for_each(|fact| self.note_words(&entry.author, fact, entry.version));
        let oldest = self.history.oldest();
        self.roster.forget_selections_before(oldest);
        Ok(())
    }

    /// Our own entry: what was in flight is confirmed now, at its place in the stream.
    fn promote(&mut self, entry: &Entry, head: Head) -> Result<(), ResyncReason> {
        let Some(batch) = &self.in_flight else { return Ok(()) };
        let receipt = batch.receipt(head.version, head.hash, entry.at);
        if batch.changes.is_empty() {
            // A damaged copy has taken it off the screen: it comes back as somebody else's would.
            self.check_whose(entry)?;
            self.take_in(entry, head)?;
            let shown = self.shown();
            self.take_back(&entry.verdicts, shown);
        } else {
            self.check_own(entry)?;
            let shown = self.shown();
            self.apply(entry, head)?;
            entry.facts.iter().for_each(|fact| self.tell_same_line(fact));
            self.undo_landed();
            self.take_back(&entry.verdicts, shown);
            // What it restores has been told with what it takes back.
            let others = entry.facts.iter().filter(|fact| !matches!(fact, Fact::CommentRestored { .. }));
            self.news(others, entry.version);
            self.sealed_behind(&entry.facts, entry.version);
        }
        self.receive_receipt(receipt);
        self.tell_unsynced();
        Ok(())
    }

    /// An entry under our id and seq that holds what we did not send comes from a copy of this local store.
    fn check_whose(&self, entry: &Entry) -> Result<(), ResyncReason> {
        let Some(batch) = &self.in_flight else { return Ok(()) };
        let changes = batch.sent_changes();
        let all = changes.iter().enumerate().all(|(at, change)| self.is_accounted_for(entry, at, change));
        let ours = |fact: &Fact| changes.iter().any(|change| fact.is_of(change));
        let told = entry.verdicts.iter().all(|verdict| verdict.is_of(&changes));
        if all && told && entry.facts.iter().all(ours) { Ok(()) } else { Err(ResyncReason::Diverged) }
    }

    /// Whether an entry, before it is applied, says what became of a change: a fact, a verdict, or nothing because
    /// nothing was left to do.
    fn is_accounted_for(&self, entry: &Entry, at: usize, change: &Change) -> bool {
        if entry.verdicts.iter().any(|verdict| verdict.rejects(at)) {
            return true;
        }
        // A conflict that is raised beside it may be about any other change.
        let happened = || entry.facts.iter().any(|fact| !fact.is_of_a_conflict() && fact.is_of(change));
        match change {
            Change::FieldsChanged { entity, fields, .. } => {
                fields.iter().all(|(name, write)| self.is_written(entry, at, *entity, name, &write.value))
            }
            Change::Decided { status, .. } => {
                let over = |verdict: &Verdict| {
                    verdict.change == at && matches!(verdict.outcome, Outcome::Superseded { .. })
                };
                entry.verdicts.iter().any(over)
                    || self.is_written(entry, at, Entity::Review, Status::FIELD, &status.value)
            }
            Change::ConflictSettled { conflict, entity, field, write, .. } => {
                let over = |fact: &Fact| matches!(fact, Fact::ConflictSettled { conflict: of, .. } if of == conflict);
                entry.facts.iter().any(over) || self.is_written(entry, at, *entity, field, &write.value)
            }
            // What is there already need not come again.
            Change::SetChanged { .. } => true,
            Change::CommentRemoved { comment, .. } => {
                let gone = self.confirmed.comments.get(comment).is_some_and(|here| here.removed.is_some());
                gone || happened()
            }
            Change::CommentAdded { .. } | Change::TextEdited { .. } | Change::DraftsPublished { .. } => {
                happened()
            }
        }
    }

    /// Whether an entry says what became of a write: its value, another's, a conflict, or nothing because it was that.
    fn is_written(&self, entry: &Entry, at: usize, of: Entity, name: &str, written: &FieldValue) -> bool {
        let set = |fact: &Fact| matches!(fact, Fact::FieldSet { entity, field, value, .. } if *entity == of && field == name && value == written);
        let told = |verdict: &Verdict| {
            let (Outcome::Superseded { field, .. } | Outcome::Conflict { field, .. }) = &verdict.outcome
            else {
                return false;
            };
            verdict.change == at && field == name
        };
        let stood = self.confirmed.holder(of).and_then(|(_, fields)| fields.value(name));
        // Who says again what they had said in an open conflict says nothing new.
        let said = self.confirmed.conflicts.about(of, name).and_then(|open| open.side_of(&self.user));
        entry.facts.iter().any(set)
            || entry.verdicts.iter().any(told)
            || stood == Some(written)
            || said.is_some_and(|said| said.value == *written)
    }

    /// What the server made of our edits must be what we made of them: the buffer builds on it.
    fn check_own(&self, entry: &Entry) -> Result<(), ResyncReason> {
        self.check_whose(entry)?;
        let Some(batch) = &self.in_flight else { return Ok(()) };
        for (at, change) in batch.changes.changes().iter().enumerate() {
            let Change::TextEdited { comment, op, .. } = change else { continue };
            let same = |fact: &Fact| matches!(fact, Fact::TextEdited { comment: c, op: o, .. } if c == comment && o == op);
            let rejected = entry.verdicts.iter().any(|verdict| verdict.rejects(at));
            if !rejected && !entry.facts.iter().any(same) {
                return Err(ResyncReason::Diverged);
            }
        }
        Ok(())
    }

    /// Somebody else's entry: what is pending here is carried over it, and it over what is pending.
    fn take_in(&mut self, entry: &Entry, head: Head) -> Result<(), ResyncReason> {
        let mut events = Vec::new();
        for fact in &entry.facts {
            events.extend(self.carry_fact(&entry.author, fact)?);
        }
        self.apply(entry, head)?;
        events.into_iter().for_each(|event| self.emit(event));
        self.news(&entry.facts, entry.version);
        self.tell_published(entry);
        Ok(())
    }

    /// Whether a comment that comes is one that waits here, word for word: what history lost is brought back under its
    /// own id, by each device of its author's that was asked to.
    fn is_said_here(&self, author: &UserId, id: CommentId, text: &str) -> bool {
        let added = |change: &Change| matches!(change, Change::CommentAdded { comment, text: mine, .. } if *comment == id && mine == text);
        *author == self.user && self.changes().any(added)
    }

    /// Carries what is pending over a fact of somebody else's, and says what it changes on the screen.
    pub(super) fn carry_fact(&mut self, author: &UserId, fact: &Fact) -> Result<Vec<Event>, ResyncReason> {
        let (by, origin) = (author.clone(), Origin::Remote);
        let mut events = Vec::new();
        match fact {
            Fact::TextEdited { comment, op, .. } => {
                let pending = self.undoable_edit(*comment);
                let mut shown = op.clone();
                if let Some(batch) = &mut self.in_flight {
                    shown = batch.changes.carry(*comment, &shown).map_err(|_| ResyncReason::Diverged)?;
                }
                let shown = self.buffer.carry(*comment, &shown).map_err(|_| ResyncReason::Diverged)?;
                self.undo_carried(*comment, op, &shown, pending);
                if !shown.is_identity() {
                    events.push(Event::TextEdited { comment: *comment, op: shown, by, origin });
                }
            }
            Fact::CommentAdded { comment, text, .. } => {
                let pending = self.changes().any(|change| change.comment() == Some(*comment));
                if pending && !self.is_said_here(author, *comment, text) {
                    // Ids are unique: pending edits of it cannot be carried to another comment.
                    return Err(ResyncReason::Diverged);
                }
                if pending {
                    // What is in flight of it is refused as there already.
                    self.buffer.confirm_added(*comment, text);
                } else {
                    events.push(Event::CommentAdded { comment: *comment, by, origin });
                    events.extend(self.same_line(author, fact));
                }
            }
            Fact::CommentRemoved { comment } => {
                // What was typed before this came was typed in a comment that was there.
                if self.buffer.edits(*comment).next().is_some() && !self.buffer.is_sealed(*comment) {
                    self.seal(*comment);
                }
                events.push(Event::CommentRemoved { comment: *comment, by, origin });
            }
            Fact::FieldSet { entity, field, value, unseen, .. } => {
                let (entity, field, value) = (*entity, field.clone(), value.clone());
                if unseen.as_ref() == Some(&self.user) && *author != self.user {
                    let (field, value) = (field.clone(), value.clone());
                    events.push(Event::Overwritten { entity, field, value, by: by.clone() });
                }
                // What was written here and is pending stays on top.
                if !self.layers().any(|layer| layer.written(entity, &field).is_some()) {
                    events.push(Event::FieldChanged { entity, field, value: Some(value), by, origin });
                }
            }
            Fact::SetChanged { entity, field, .. } => {
                events.push(Event::SetChanged { entity: *entity, field: field.clone(), by, origin });
            }
            Fact::DecisionSet { value, .. } => events.push(Event::Decided { value: *value, by, origin }),
            // Both sides are told, and in one place.
            Fact::ConflictRaised(_)
            | Fact::ConflictJoined { .. }
            | Fact::ConflictSettled { .. }
            | Fact::CommentRestored { .. } => {}
            Fact::ReviewCreated { .. } | Fact::DraftsOpened { .. } => events.push(Event::Loaded),
            Fact::DraftsPublished { comments } => {
                events.push(Event::DraftsPublished { comments: comments.clone(), origin });
            }
            Fact::PatchSetAdded { number, .. } => events.push(Event::PatchSetAdded { number: *number }),
        }
        Ok(events)
    }
}
