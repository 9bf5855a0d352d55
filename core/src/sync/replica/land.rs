//! The end of a flight: what became of a batch, and what has to be taken back with what was refused of it.

use std::collections::BTreeSet;

use super::{Cause, Event, InFlight, Origin, Replica, ResyncReason};
use crate::change::{Change, Entity};
use crate::clock::Millis;
use crate::entry::{Answer, AnswerResult, Hash, Outcome, Reason, Verdict};
use crate::id::{CommentId, Seq, UserId, Version};
use crate::review::{Comment, Fields, Status};
use crate::sync::Pending;
use crate::text::diff;
use crate::wire::ErrorCode;

/// What was shown of the things that a rejection may change.
pub(super) struct Shown {
    comments: Vec<(CommentId, Option<Comment>)>,
    review: Fields,
}

impl Replica {
    /// The number of the batch in flight, where nothing waits behind it: once that is settled, so is everything that
    /// was done here until now.
    pub fn covers_all(&self) -> Option<Seq> {
        self.in_flight.as_ref().filter(|_| self.buffer.is_empty()).map(|batch| batch.frozen.seq)
    }

    /// What became of a batch that is no entry, or of one that was sent again. An error says that it cannot be so: the
    /// review has to be opened again.
    pub fn answered(&mut self, now: Millis, answer: Answer) -> Result<(), ResyncReason> {
        let Some(batch) = self.in_flight.as_ref().filter(|batch| batch.frozen.seq == answer.seq) else {
            return Ok(());
        };
        // An answer to other bytes is for a copy of this local store; ours will be refused.
        let ours = || answer.payload == Hash::of(batch.frozen.payload.as_bytes());
        if answer.result != AnswerResult::Void && !ours() {
            return Ok(());
        }
        match answer.result {
            AnswerResult::Rejected(verdicts) => {
                let verdicts = batch.all_rejected(verdicts);
                self.land(&verdicts);
            }
            // Its entry went by unseen: it is part of what is here.
            AnswerResult::Committed { version, hash, verdicts } if version <= self.head.version => {
                if !self.is_part_of_what_is_here(batch, version, hash, &verdicts) {
                    self.start_over = true;
                    return Err(ResyncReason::Diverged);
                }
                if let Some(hash) = hash {
                    let receipt = batch.receipt(version, hash, now);
                    self.receive_receipt(receipt);
                    self.ledger_dirty = true;
                }
                self.undo_landed();
                self.land(&verdicts);
            }
            // Its entry is still to come in the stream.
            AnswerResult::Committed { .. } => return Ok(()),
            // It was settled for its author to say it again.
            AnswerResult::Void => {
                self.unfreeze();
            }
        }
        self.dirty += 1;
        self.tell_unsynced();
        self.tick(now);
        Ok(())
    }

    /// Whether a batch can be the entry at a version that was gone past unseen, as far as that shows here. The texts
    /// of its comments came edit by edit, so that what was accepted of those has been confirmed by now: what is still
    /// pending would vanish from the screen with the flight. Its fields, decisions and removals cannot be told from
    /// others' that came to the same, and of the hashes on the way here only the latest are at hand; a log that is
    /// another one shows at the next entry, whose hash does not fit then.
    fn is_part_of_what_is_here(
        &self,
        batch: &InFlight,
        version: Version,
        hash: Option<Hash>,
        verdicts: &[Verdict],
    ) -> bool {
        let here = (version == self.head.version).then_some(self.head.hash);
        let journal = self.journal.iter().find(|entry| entry.version == version).map(|entry| entry.hash);
        let fits = |known: Option<Hash>| known.is_none_or(|known| hash.is_none_or(|hash| hash == known));
        // Whoever acknowledged another batch there, or a later one before it, speaks of another log.
        let in_turn = self.receipts.last().is_none_or(|last| last.version < version);
        let sent = batch.sent_changes();
        let fallen = |outcome: &Outcome| matches!(outcome, Outcome::Rejected(_) | Outcome::AlreadySettled(_));
        let fallen = verdicts.iter().filter(|verdict| fallen(&verdict.outcome));
        let fallen: BTreeSet<_> =
            fallen.filter_map(|verdict| sent.get(verdict.change).and_then(Change::comment)).collect();
        let text = |change: &&Change| change.is_text();
        let mut texts = batch.changes.changes().iter().filter(text).filter_map(Change::comment);
        batch.frozen.base < version
            && fits(here)
            && fits(journal)
            && in_turn
            && texts.all(|comment| fallen.contains(&comment))
    }

    /// The server did not take a batch: now, or as it is. In the latter case nothing is sent any more, until the
    /// review is opened again: an error says that this has to happen at once.
    pub fn refused(
        &mut self,
        now: Millis,
        seq: Seq,
        code: ErrorCode,
        retryable: bool,
        retry_after_ms: Option<u64>,
    ) -> Result<(), ResyncReason> {
        let Some(batch) = self.in_flight.as_mut().filter(|batch| batch.frozen.seq == seq) else {
            return Ok(());
        };
        if retryable {
            batch.sent = Some(now);
            batch.wait.refused(retry_after_ms);
            return Ok(());
        }
        match code {
            // A copy of this local store went on, or an earlier request of this replica's own settled the seq: what
            // the server last answered tells.
            ErrorCode::SeqReused => Err(ResyncReason::Gap),
            ErrorCode::SeqGap => Err(ResyncReason::HistoryLost),
            ErrorCode::BadBase => {
                // Nothing can be carried from there: a snapshot settles it.
                self.start_over = true;
                Err(ResyncReason::Diverged)
            }
            _ => {
                if batch.stuck.is_none() {
                    batch.stuck = Some(code);
                    self.emit(Event::Stuck(code));
                }
                Ok(())
            }
        }
    }

    /// What is shown now of everything that is pending.
    pub(super) fn shown(&self) -> Shown {
        let published = self.changes().flat_map(Change::published).copied();
        let pending: BTreeSet<_> = self.changes().filter_map(Change::comment).chain(published).collect();
        Shown {
            comments: pending.into_iter().map(|id| (id, self.comment(id))).collect(),
            review: self.fields(),
        }
    }

    /// Ends a flight whose entry, if it has one, is in the confirmed review.
    fn land(&mut self, verdicts: &[Verdict]) {
        let shown = self.shown();
        self.take_back(verdicts, shown);
    }

    /// Ends the flight: takes back what the server rejected, with everything buffered that builds on it.
    pub(super) fn take_back(&mut self, verdicts: &[Verdict], shown: Shown) {
        let Some(flight) = self.in_flight.take() else { return };
        let batch = flight.sent_changes();
        let mut records: Vec<(Option<CommentId>, Reason, Vec<Change>)> = Vec::new();
        let mut fallen = BTreeSet::new();
        let mut settled = Vec::new();
        for Verdict { change, outcome } in verdicts {
            let Some(change) = batch.get(*change) else { continue };
            // What a publication says that its author saw may have been lost since it was sent.
            let same = |meant: &&Change| matches!((meant, change), (Change::DraftsPublished { at, .. }, Change::DraftsPublished { at: sent, .. }) if at == sent);
            let change = flight.changes.changes().iter().find(same).unwrap_or(change);
            match outcome {
                Outcome::Superseded { field, .. } => match change {
                    Change::FieldsChanged { entity, .. } => self.tell_superseded(*entity, outcome),
                    // One's own newer decision is no news; a status that lost to somebody else's is.
                    Change::Decided { .. } if field == Status::FIELD => {
                        self.tell_superseded(Entity::Review, outcome);
                    }
                    _ => {}
                },
                // What came of it is a fact, and told as that.
                Outcome::Conflict { .. } => {}
                Outcome::AlreadySettled(over) => {
                    self.emit(Event::AlreadySettled((**over).clone()));
                    // One that chose what stood has changed nothing that anything builds on.
                    if let Change::TextEdited { comment, op, .. } = change
                        && !op.is_identity()
                    {
                        settled.push((*comment, change.clone()));
                    }
                }
                Outcome::Rejected(Reason::DuplicateComment) if self.stands_already(change) => {}
                Outcome::Rejected(reason) => {
                    let comment = change.comment();
                    if change.is_text() {
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
        // The comment is there all the same: only edits of the text that it did not become fall.
        let reworded = settled.iter().flat_map(|(id, _)| self.buffer.remove_edits(*id)).collect::<Vec<_>>();
        // What builds on something that is not what was sent falls with it.
        fallen.extend(self.misfits());
        for change in reworded.into_iter().chain(self.buffer.remove(&mut fallen)) {
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
            self.reject(Cause::Refused(reason), comment, mine, changes);
        }
        for (comment, change) in settled {
            let Change::TextEdited { settles: Some(conflict), .. } = &change else { continue };
            // As it was written: what is shown was carried over what the other chose.
            let mine = self.meant.get(conflict).cloned();
            self.reject(Cause::AlreadySettled, Some(comment), mine, vec![change]);
        }
        let settling: BTreeSet<_> = self.buffer.settles().collect();
        self.meant.retain(|conflict, _| settling.contains(conflict));
        for (id, before) in shown.comments {
            let after = self.comment(id);
            self.show_difference(id, before, after, &by);
        }
        let after = self.fields();
        self.show_fields(Entity::Review, &shown.review, &after, &by);
    }

    /// Whether what was refused as there already is there, word for word: another device of its author's brought it.
    fn stands_already(&self, change: &Change) -> bool {
        let Change::CommentAdded { comment, text, .. } = change else { return false };
        let here = self.confirmed.comments.get(comment);
        here.is_some_and(|here| here.author == self.user && here.text.as_str() == text)
    }

    /// Sets everything aside that was pending, comment by comment, with the texts that were shown of it.
    pub(super) fn set_aside_all(&mut self, cause: Cause, pending: Pending) {
        let by = self.user.clone();
        let shown = std::mem::replace(&mut self.buffer, pending);
        debug_assert!(shown.is_empty(), "what is set aside was taken out before");
        let shown = self.shown();
        let changes = std::mem::take(&mut self.buffer).into_changes();
        let about: BTreeSet<_> = changes.iter().map(Change::comment).collect();
        for comment in about {
            let before = shown.comments.iter().find(|(id, _)| Some(*id) == comment);
            let mine = before.and_then(|(_, before)| before.as_ref()).map(|c| c.text.as_str().to_owned());
            let of = changes.iter().filter(|change| change.comment() == comment).cloned().collect();
            self.reject(cause, comment, mine, of);
        }
        for (id, before) in shown.comments {
            let after = self.comment(id);
            self.show_difference(id, before, after, &by);
        }
        let after = self.fields();
        self.show_fields(Entity::Review, &shown.review, &after, &by);
        self.tell_unsynced();
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
            self.undo_forgotten(id);
            return self.emit(Event::CommentRemoved { comment: id, by: by.clone(), origin });
        };
        if before.text != after.text {
            let op = diff(before.text.as_str(), after.text.as_str());
            self.undo_forgotten(id);
            self.emit(Event::TextEdited { comment: id, op, by: by.clone(), origin });
        }
        if before.published.is_some() && after.published.is_none() {
            self.emit(Event::DraftsPublished { comments: vec![id], origin });
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
