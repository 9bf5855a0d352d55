//! What comes from the server: the one ordered stream of entries, and answers.

use std::collections::BTreeSet;

use super::{Event, HISTORY_OPS, InFlight, Link, Origin, RESEND_LEAST_MS, RESEND_MS, Rejected, Replica};
use crate::change::{Change, Entity};
use crate::clock::Millis;
use crate::entry::{Answer, AnswerResult, EncodedEntry, Entry, Fact, Head, Outcome, Reason, Verdict};
use crate::id::{CommentId, Seq, UserId, Version};
use crate::presence::{Presence, PresenceChange};
use crate::review::{Comment, Fields, Review};
use crate::sync::{History, Pending};
use crate::text::diff;
use crate::wire::ErrorCode;

/// Why this replica has to open the review again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResyncReason {
    /// An entry is missing: resume from the version that is here.
    #[error("an entry is missing")]
    Gap,
    /// What is here is not what the server has: start over from a snapshot.
    #[error("this replica differs from the server")]
    Diverged,
}

/// What was shown of the things that a rejection may change.
struct Shown {
    comments: Vec<(CommentId, Option<Comment>)>,
    review: Fields,
}

/// What stands again when an entry turns out to be none.
struct Before {
    comments: Vec<(CommentId, Option<Comment>)>,
    review: (Millis, u32, Fields),
    in_flight: Option<Pending>,
    buffer: Pending,
}

impl Replica {
    /// The review was asked for over a new connection. Nothing freezes until it has been caught up.
    pub fn opening(&mut self) {
        self.link = Link::Opening(None);
        // What was under way may be lost, and is sent again once everything before it is here.
        if let Some(batch) = &mut self.in_flight {
            batch.sent = None;
        }
    }

    /// The connection is gone.
    pub fn offline(&mut self) {
        self.link = Link::Offline;
        if self.roster.clear() {
            self.emit(Event::Presence);
        }
    }

    /// The server resumes from the version that is here; its log ends at `version` for now.
    pub fn resumed(&mut self, now: Millis, version: Version) {
        self.link = Link::Opening(Some(version));
        self.caught_up(now);
    }

    /// The server sends the whole review. Pending changes cannot be carried over to it: a batch in flight still
    /// gets its answer, and what was buffered is kept as rejected.
    pub fn snapshot(&mut self, now: Millis, review: Review, head: Head) -> Result<(), ResyncReason> {
        if review.version != head.version || review.id != self.confirmed.id || review.version == 0 {
            return Err(ResyncReason::Diverged);
        }
        // A batch that will never be taken has used no seq: it goes the way of what was never sent.
        let stuck = self.in_flight.as_ref().filter(|batch| batch.stuck.is_some());
        let mut changes = stuck.map(InFlight::meant).unwrap_or_default();
        changes.extend(self.buffer.changes().iter().cloned());
        let lost: BTreeSet<_> = changes.iter().map(Change::comment).collect();
        let text = |id: &Option<CommentId>| id.and_then(|id| self.comment(id)).map(|comment| comment.text);
        let fallen: Vec<_> = lost.iter().map(|id| (*id, text(id))).collect();
        self.confirmed = review;
        self.head = head;
        self.broken = false;
        self.history = History::new(head.version, HISTORY_OPS);
        self.buffer = Pending::default();
        if let Some(batch) = self.in_flight.take_if(|batch| batch.stuck.is_some()) {
            self.next_seq = batch.frozen.seq;
        }
        if let Some(batch) = &mut self.in_flight {
            batch.changes = Pending::default();
        }
        self.batcher.taken();
        self.dirty += 1;
        self.emit(Event::Loaded);
        for (comment, text) in fallen {
            let of = |change: &&Change| change.comment() == comment;
            let changes = changes.iter().filter(of).cloned().collect();
            self.reject(comment, None, text.map(|text| text.as_str().to_owned()), changes);
        }
        self.emit(Event::Unsynced(self.unsynced()));
        self.link = Link::Opening(Some(head.version));
        self.caught_up(now);
        Ok(())
    }

    /// The next entry of the stream. After [`ResyncReason::Diverged`] only a snapshot helps.
    pub fn receive(&mut self, now: Millis, encoded: &EncodedEntry) -> Result<(), ResyncReason> {
        let received = self.receive_next(now, encoded);
        self.broken |= received == Err(ResyncReason::Diverged);
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
        let seq = self.in_flight.as_ref().map(|batch| batch.frozen.seq);
        let before = self.before(&entry);
        let taken = if entry.client == self.client && Some(entry.seq) == seq {
            self.promote(&entry, head)
        } else {
            self.take_in(&entry, head)
        };
        if let Err(reason) = taken {
            self.undo(before);
            return Err(reason);
        }
        self.dirty += 1;
        self.caught_up(now);
        Ok(())
    }

    /// What became of a batch that is no entry, or of one that was sent again.
    pub fn answered(&mut self, now: Millis, answer: Answer) {
        if self.in_flight.as_ref().is_none_or(|batch| batch.frozen.seq != answer.seq) {
            return;
        }
        match answer.result {
            AnswerResult::Rejected(verdicts) => {
                let shown = self.shown();
                self.take_back(&verdicts, shown);
            }
            // Its entry went by unseen: it is part of the snapshot that is here.
            AnswerResult::Committed { version, verdicts } if version <= self.head.version => {
                let shown = self.shown();
                self.take_back(&verdicts, shown);
            }
            // Its entry is still to come in the stream.
            AnswerResult::Committed { .. } => return,
        }
        self.dirty += 1;
        self.emit(Event::Unsynced(self.unsynced()));
        self.tick(now);
    }

    /// The server did not take a batch: now, or ever. In the latter case nothing is sent any more, until a
    /// snapshot lets this replica start over.
    pub fn refused(
        &mut self,
        now: Millis,
        seq: Seq,
        code: ErrorCode,
        retryable: bool,
        retry_after_ms: Option<u64>,
    ) {
        let Some(batch) = self.in_flight.as_mut().filter(|batch| batch.frozen.seq == seq) else { return };
        if retryable {
            batch.sent = Some(now);
            // The server's word, within reason: a batch is neither hammered nor forgotten.
            batch.resend_ms = retry_after_ms.unwrap_or(RESEND_MS.0).clamp(RESEND_LEAST_MS, RESEND_MS.1);
        } else if batch.stuck.is_none() {
            batch.stuck = Some(code);
            self.emit(Event::Stuck(code));
        }
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

    fn caught_up(&mut self, now: Millis) {
        if matches!(self.link, Link::Opening(Some(version)) if version <= self.head.version) {
            self.link = Link::Online;
        }
        self.tick(now);
    }

    /// What an entry may change before it turns out that it cannot be.
    fn before(&self, entry: &Entry) -> Before {
        let touched = entry.facts.iter().filter_map(|fact| match fact {
            Fact::CommentAdded { comment, .. }
            | Fact::TextEdited { comment, .. }
            | Fact::CommentRemoved { comment }
            | Fact::FieldSet { entity: Entity::Comment(comment), .. } => Some(*comment),
            _ => None,
        });
        let touched: BTreeSet<_> = touched.collect();
        let Review { created_at, patch_set, fields, comments, .. } = &self.confirmed;
        Before {
            comments: touched.into_iter().map(|id| (id, comments.get(&id).cloned())).collect(),
            review: (*created_at, *patch_set, fields.clone()),
            in_flight: self.in_flight.as_ref().map(|batch| batch.changes.clone()),
            buffer: self.buffer.clone(),
        }
    }

    /// Nothing of an entry that cannot be stays: what was typed is still shown, and still fits.
    fn undo(&mut self, before: Before) {
        let Before { comments, review, in_flight, buffer } = before;
        for (id, comment) in comments {
            match comment {
                Some(comment) => self.confirmed.comments.insert(id, comment),
                None => self.confirmed.comments.remove(&id),
            };
        }
        (self.confirmed.created_at, self.confirmed.patch_set, self.confirmed.fields) = review;
        if let (Some(batch), Some(changes)) = (&mut self.in_flight, in_flight) {
            batch.changes = changes;
        }
        self.buffer = buffer;
    }

    fn apply(&mut self, entry: &Entry, head: Head) -> Result<(), ResyncReason> {
        self.confirmed.apply(entry).map_err(|_| ResyncReason::Diverged)?;
        self.head = head;
        self.history.push(entry);
        let oldest = self.history.oldest();
        self.roster.forget_selections_before(oldest);
        Ok(())
    }

    /// Our own entry: what was in flight is confirmed now, at its place in the stream.
    fn promote(&mut self, entry: &Entry, head: Head) -> Result<(), ResyncReason> {
        if self.in_flight.as_ref().is_some_and(|batch| batch.changes.is_empty()) {
            // A snapshot has taken it off the screen: it comes back as somebody else's would.
            self.take_in(entry, head)?;
            let shown = self.shown();
            self.take_back(&entry.verdicts, shown);
        } else {
            self.check_own(entry)?;
            let shown = self.shown();
            self.apply(entry, head)?;
            self.take_back(&entry.verdicts, shown);
        }
        self.emit(Event::Unsynced(self.unsynced()));
        Ok(())
    }

    /// What the server made of our edits must be what we made of them: the buffer builds on it.
    fn check_own(&self, entry: &Entry) -> Result<(), ResyncReason> {
        let Some(batch) = &self.in_flight else { return Ok(()) };
        for (at, change) in batch.changes.changes().iter().enumerate() {
            let Change::TextEdited { comment, op } = change else { continue };
            let same = |fact: &Fact| matches!(fact, Fact::TextEdited { comment: c, op: o, .. } if c == comment && o == op);
            let rejected = entry.verdicts.iter().any(|verdict| verdict.change == at);
            if !rejected && !entry.facts.iter().any(same) {
                return Err(ResyncReason::Diverged);
            }
        }
        Ok(())
    }

    /// Somebody else's entry: what is pending here is carried over it, and it over what is pending.
    fn take_in(&mut self, entry: &Entry, head: Head) -> Result<(), ResyncReason> {
        let mut events = Vec::new();
        let by = || entry.author.clone();
        let origin = Origin::Remote;
        for fact in &entry.facts {
            match fact {
                Fact::TextEdited { comment, op, .. } => {
                    let mut shown = op.clone();
                    if let Some(batch) = &mut self.in_flight {
                        shown = batch.changes.carry(*comment, &shown).map_err(|_| ResyncReason::Diverged)?;
                    }
                    let op = self.buffer.carry(*comment, &shown).map_err(|_| ResyncReason::Diverged)?;
                    if !op.is_identity() {
                        events.push(Event::TextEdited { comment: *comment, op, by: by(), origin });
                    }
                }
                Fact::CommentAdded { comment, .. } => {
                    // Ids are unique: pending edits of it cannot be carried to another comment.
                    if self.layers().any(|layer| layer.touches(*comment)) {
                        return Err(ResyncReason::Diverged);
                    }
                    events.push(Event::CommentAdded { comment: *comment, by: by(), origin });
                }
                Fact::CommentRemoved { comment } => {
                    events.push(Event::CommentRemoved { comment: *comment, by: by(), origin });
                }
                Fact::FieldSet { entity, field, value, unseen, .. } => {
                    let (entity, field, value) = (*entity, field.clone(), value.clone());
                    if unseen.as_ref() == Some(&self.user) && entry.author != self.user {
                        let (field, value) = (field.clone(), value.clone());
                        events.push(Event::Overwritten { entity, field, value, by: by() });
                    }
                    // What was written here and is pending stays on top.
                    if !self.layers().any(|layer| layer.seen(entity, &field).is_some()) {
                        events.push(Event::FieldChanged {
                            entity,
                            field,
                            value: Some(value),
                            by: by(),
                            origin,
                        });
                    }
                }
                Fact::ReviewCreated { .. } | Fact::PatchSetAdded { .. } => events.push(Event::Loaded),
            }
        }
        self.apply(entry, head)?;
        events.into_iter().for_each(|event| self.emit(event));
        Ok(())
    }

    /// What is shown now of everything that is pending.
    fn shown(&self) -> Shown {
        let pending: BTreeSet<_> =
            self.layers().flat_map(Pending::changes).filter_map(Change::comment).collect();
        Shown {
            comments: pending.into_iter().map(|id| (id, self.comment(id))).collect(),
            review: self.fields(),
        }
    }

    /// Ends the flight: takes back what the server rejected, with everything buffered that builds on it.
    fn take_back(&mut self, verdicts: &[Verdict], shown: Shown) {
        let Some(flight) = self.in_flight.take() else { return };
        if verdicts.is_empty() && self.misfits().is_empty() {
            return;
        }
        let batch = flight.meant();
        let mut records: Vec<(Option<CommentId>, Reason, Vec<Change>)> = Vec::new();
        let mut fallen = BTreeSet::new();
        for Verdict { change, outcome } in verdicts {
            let Some(change) = batch.get(*change) else { continue };
            match outcome {
                Outcome::Superseded { field, by, value } => {
                    let Change::FieldsChanged { entity, .. } = change else { continue };
                    let (entity, field, by, value) = (*entity, field.clone(), by.clone(), value.clone());
                    self.emit(Event::Superseded { entity, field, value, by });
                }
                Outcome::Rejected(reason) => {
                    let comment = change.comment();
                    if matches!(change, Change::TextEdited { .. } | Change::CommentAdded { .. }) {
                        fallen.extend(comment);
                    }
                    match records.iter_mut().find(|(id, ..)| comment.is_some() && *id == comment) {
                        Some((_, first, changes)) => {
                            // The record tells the cause, not what followed from it.
                            if *first == Reason::DependsOnRejected {
                                *first = *reason;
                            }
                            changes.push(change.clone());
                        }
                        None => records.push((comment, *reason, vec![change.clone()])),
                    }
                }
            }
        }
        // What builds on something that is not what was sent falls with it.
        fallen.extend(self.misfits());
        for change in self.buffer.remove(&mut fallen) {
            let comment = change.comment();
            match records.iter_mut().find(|(id, ..)| *id == comment) {
                Some((_, _, changes)) => changes.push(change),
                None => records.push((comment, Reason::DependsOnRejected, vec![change])),
            }
        }
        if self.buffer.is_empty() {
            self.batcher.taken();
        }
        let by = self.user.clone();
        for (comment, reason, changes) in records {
            let before = shown.comments.iter().find(|(id, _)| Some(*id) == comment);
            let mine = before.and_then(|(_, before)| before.as_ref()).map(|c| c.text.as_str().to_owned());
            self.reject(comment, Some(reason), mine, changes);
        }
        for (id, before) in shown.comments {
            let after = self.comment(id);
            self.show_difference(id, before, after, &by);
        }
        let after = self.fields();
        self.show_fields(Entity::Review, &shown.review, &after, &by);
    }

    fn reject(
        &mut self,
        comment: Option<CommentId>,
        reason: Option<Reason>,
        mine: Option<String>,
        changes: Vec<Change>,
    ) {
        let base = comment.and_then(|id| self.confirmed.comments.get(&id));
        let base = base.map(|comment| comment.text.as_str().to_owned());
        let rejected = Rejected { comment, reason, base, mine, changes };
        self.rejected.push(rejected.clone());
        self.emit(Event::Rejected(rejected));
    }

    /// Tells what a rollback did to a comment.
    fn show_difference(
        &mut self,
        id: CommentId,
        before: Option<Comment>,
        after: Option<Comment>,
        by: &UserId,
    ) {
        let Some(before) = before else { return };
        let origin = Origin::Rollback;
        let Some(after) = after else {
            return self.emit(Event::CommentRemoved { comment: id, by: by.clone(), origin });
        };
        if before.text != after.text {
            let op = diff(before.text.as_str(), after.text.as_str());
            self.emit(Event::TextEdited { comment: id, op, by: by.clone(), origin });
        }
        if before.removed.is_some() && after.removed.is_none() {
            self.emit(Event::CommentRestored { comment: id });
        }
        self.show_fields(Entity::Comment(id), &before.fields, &after.fields, by);
    }

    fn show_fields(&mut self, entity: Entity, before: &Fields, after: &Fields, by: &UserId) {
        let names: BTreeSet<_> = before.names().chain(after.names()).map(str::to_owned).collect();
        for field in names {
            let value = after.value(&field).cloned();
            if before.value(&field) != value.as_ref() {
                let (by, origin) = (by.clone(), Origin::Rollback);
                self.emit(Event::FieldChanged { entity, field, value, by, origin });
            }
        }
    }
}
