//! Starting over from the server's whole state. Single edits that lead from here to there are not known, or not
//! worth their while, so what is buffered is rebased three ways: the text it was made on, the text it made, and the
//! server's. Where both rewrote the same words the merged text stands, and what was meant is kept beside it.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::meant;
use super::{Cause, Grounds, InFlight, Rejected, Replica, ResyncReason};
use crate::change::{Apart, Change};
use crate::clock::Stamp;
use crate::entry::{Answer, AnswerResult, Head, Outcome, Step, Verdict};
use crate::id::{CommentId, Version};
use crate::review::{Comment, LastEdit, Place, Review};
use crate::text::{TextOp, diff, overlaps, squash};

impl Replica {
    /// The confirmed review is the server's from here on. `steps` carry what is in flight over what happened to its
    /// comments; without them `last` is its final answer.
    pub(super) fn start_from(
        &mut self,
        review: Review,
        head: Head,
        steps: Option<Vec<Step>>,
        last: Option<&Answer>,
        held: Option<Version>,
    ) -> Result<(), ResyncReason> {
        if review.version != head.version || review.id != self.confirmed.id || review.version == 0 {
            return Err(ResyncReason::Diverged);
        }
        if !self.is_loaded() {
            self.give_up_unplaceable(last);
        }
        let before = self.pending_texts();
        match steps {
            Some(steps) => self.step_beside(&review, steps)?,
            None => self.finish_flight(last)?,
        }
        self.learn_code(self.confirmed.version);
        let (lost, undoable) = (self.history_lost, self.undo_before());
        let old = std::mem::replace(&mut self.confirmed, review);
        self.came_to(head);
        self.conflicts_replaced(&old);
        self.rebase_buffer(&old, &before, lost.then_some(held.unwrap_or(0)));
        if lost {
            self.held = Some(held.unwrap_or(0));
            self.visits.went_back(held.unwrap_or(0));
            self.lose_code(held.unwrap_or(0));
            self.recover(&old, held);
            self.held = None;
            // What an undo would take back may never have happened.
            self.undo.clear();
        }
        self.learn_code(self.confirmed.version);
        self.undo_replaced(&old, &undoable);
        if self.buffer.is_empty() {
            self.batcher.taken();
        }
        self.tell_unsynced();
        Ok(())
    }

    /// The texts of comments with something pending as they are shown.
    fn pending_texts(&self) -> BTreeMap<CommentId, String> {
        let ids: BTreeSet<_> = self.layers().flat_map(|layer| layer.edited()).collect();
        let text = |id| self.comment(id).map(|comment| (id, comment.text.as_str().to_owned()));
        ids.into_iter().filter_map(text).collect()
    }

    /// Nothing is here of what pending edits were made on: a comment that is wholly new may still go out.
    fn give_up_unplaceable(&mut self, last: Option<&Answer>) {
        let since = self.unsynced().since;
        let flight = self.in_flight.take().map(|batch| self.unanswered(&batch, last)).unwrap_or_default();
        let all = flight.into_iter().chain(std::mem::take(&mut self.buffer).into_changes());
        for change in all {
            let whole = matches!(&change, Change::CommentAdded { place: Place::Line(_), .. });
            if whole && self.buffer.push(change.clone(), &self.limits).is_ok() {
                continue;
            }
            let own = change.comment().is_some_and(|id| self.buffer.touches(id));
            let fits = own && matches!(change, Change::TextEdited { .. });
            if !(fits && self.buffer.push(change.clone(), &self.limits).is_ok()) {
                let mine = text_in(std::slice::from_ref(&change));
                self.reject(Cause::Unplaceable, change.comment(), mine, vec![change]);
            }
        }
        if !self.buffer.is_empty() {
            self.batcher.edited(since.map_or(self.now, |since| since.min(self.now)));
            self.batcher.flush();
        }
    }

    /// What of a batch in flight nothing has become of yet. What was refused of it is kept as that.
    fn unanswered(&mut self, batch: &InFlight, last: Option<&Answer>) -> Vec<Change> {
        let changes = batch.sent_changes();
        let verdicts = match last.filter(|answer| answer.seq == batch.frozen.seq).map(|last| &last.result) {
            None | Some(AnswerResult::Void) => return changes,
            Some(AnswerResult::Rejected(verdicts)) => verdicts,
            Some(AnswerResult::Committed { version, hash, verdicts }) => {
                if let Some(hash) = hash {
                    self.receive_receipt(batch.receipt(*version, *hash, self.now));
                }
                verdicts
            }
        };
        for Verdict { change, outcome } in verdicts {
            if let (Some(change), Outcome::Rejected(reason)) = (changes.get(*change), outcome) {
                let mine = text_in(std::slice::from_ref(change));
                self.reject(Cause::Refused(*reason), change.comment(), mine, vec![change.clone()]);
            }
        }
        Vec::new()
    }

    /// Walks the comments in flight from what is here to what the server has of them.
    fn step_beside(&mut self, review: &Review, steps: Vec<Step>) -> Result<(), ResyncReason> {
        let in_flight = self.in_flight.as_ref().map(|batch| batch.comments()).unwrap_or_default();
        let text = |review: &Review, id| review.comments.get(id).map(|comment| comment.text.checksum());
        self.all_or_nothing(|replica| {
            replica.walk(review.version, steps)?;
            let arrived = in_flight.iter().all(|id| text(&replica.confirmed, id) == text(review, id));
            if arrived { Ok(()) } else { Err(ResyncReason::Diverged) }
        })
    }

    /// The flight has had its final answer: what was accepted of it becomes part of what the buffer builds on, what
    /// was voided goes back into the buffer.
    ///
    /// Whether the new state holds what the answer says was accepted is not looked for. The answer is to the very bytes
    /// that were sent, and a server writes both in one transaction. It may be newer than the state: then the stream
    /// brings the entry. And who rewrote the words meanwhile leaves nothing to look for. A server that lies can leave
    /// anything out of a state, confirmed long ago or just now; what is kept against one is the receipt.
    fn finish_flight(&mut self, last: Option<&Answer>) -> Result<(), ResyncReason> {
        let Some(batch) = &self.in_flight else { return Ok(()) };
        let Some(answer) = last.filter(|answer| answer.seq == batch.frozen.seq) else {
            return Err(ResyncReason::Diverged);
        };
        match &answer.result {
            AnswerResult::Void => self.unfreeze(),
            AnswerResult::Rejected(verdicts) => {
                let verdicts = batch.all_rejected(verdicts.clone());
                let shown = self.shown();
                self.take_back(&verdicts, shown);
            }
            AnswerResult::Committed { version, hash, verdicts } => {
                if let Some(hash) = hash {
                    let receipt = batch.receipt(*version, *hash, self.now);
                    self.receive_receipt(receipt);
                }
                let shown = self.shown();
                self.accept_flight(verdicts);
                self.undo_landed();
                self.take_back(verdicts, shown);
            }
        }
        Ok(())
    }

    /// Makes what was accepted of the flight part of the confirmed review that is about to be replaced.
    fn accept_flight(&mut self, verdicts: &[Verdict]) {
        let Some(batch) = &self.in_flight else { return };
        let rejected: BTreeSet<_> = verdicts
            .iter()
            .filter(|verdict| matches!(verdict.outcome, Outcome::Rejected(_)))
            .filter_map(|verdict| batch.sent_changes().get(verdict.change).and_then(Change::comment))
            .collect();
        let changes = batch.changes.changes().to_vec();
        for change in changes {
            let Some(id) = change.comment().filter(|id| !rejected.contains(id)) else { continue };
            match change {
                Change::TextEdited { op, .. } => {
                    let applied = self.confirmed.edit(id, &op, self.head.version, &self.user, self.now);
                    debug_assert!(applied.is_ok(), "a pending edit fits what it was made on");
                }
                Change::CommentAdded { place, text, at, .. } => {
                    let created = Stamp { at, client: self.client };
                    let added = Comment::new(id, self.user.clone(), place, created, self.head.version, &text);
                    self.confirmed.comments.insert(id, added);
                }
                _ => {}
            }
        }
    }

    /// Carries the buffer from the review that was here to the one that is; where history was lost, behind which version.
    fn rebase_buffer(&mut self, old: &Review, before: &BTreeMap<CommentId, String>, lost: Option<Version>) {
        let own: BTreeSet<_> = self.buffer.added().collect();
        // What is in flight still, its steps beside, is what edits in the buffer are made on.
        let added: BTreeSet<_> = self.layers().flat_map(|layer| layer.added()).collect();
        let mut fallen: BTreeSet<CommentId> = BTreeSet::new();
        for id in self.buffer.edited().into_iter().filter(|id| !added.contains(id)) {
            let (was, is) = (old.comments.get(&id), self.confirmed.comments.get(&id));
            let (Some(was), Some(is)) = (was, is) else {
                fallen.insert(id);
                continue;
            };
            let theirs = diff(was.text.as_str(), is.text.as_str());
            if theirs.is_identity() {
                continue;
            }
            let edits: Vec<TextOp> = self.buffer.edits(id).cloned().collect();
            let overlap = squash(edits.iter()).ok().flatten().is_none_or(|mine| overlaps(&theirs, &mine));
            let (base, place) = (was.text.as_str().to_owned(), is.place.clone());
            // Somebody else's words are a conflict, for both: the server raises it, once it is told what was seen.
            let others = |edited: &LastEdit| edited.by != self.user && edited.version > old.version;
            let others = lost.is_none() && is.edited.as_ref().is_some_and(others);
            if self.buffer.carry(id, &theirs).is_err() {
                fallen.insert(id);
            } else if overlap && !(others && self.seal_on(id, old.version, &base, &edits)) {
                let (place, mine) = (Some(place), before.get(&id).cloned());
                let changes = edits.into_iter().map(|op| Change::edit(id, op)).collect();
                let (comment, base, cause) = (Some(id), Some(base), Cause::Overlap);
                let merged = self.comment(id).map(|merged| merged.text.as_str().to_owned());
                let grounds = Grounds { merged, ..Grounds::default() };
                self.set_aside(Rejected {
                    id: 0,
                    at: 0,
                    cause,
                    comment,
                    place,
                    base,
                    mine,
                    changes,
                    grounds,
                });
            }
        }
        let gone = |id: &CommentId| !self.confirmed.comments.contains_key(id) && !added.contains(id);
        // A draft may reply to what only the review has.
        let root = |change: &Change| change.root().filter(|_| self.confirmed.drafts.is_none());
        let about = self.buffer.changes().iter().flat_map(|change| [change.comment(), root(change)]);
        fallen.extend(about.flatten().filter(gone));
        // A comment that came by itself meanwhile cannot be added again.
        fallen.extend(own.iter().filter(|id| self.confirmed.comments.contains_key(id)));
        self.fall(old, before, fallen);
        if let Some(held) = lost {
            // What was seen may be among what was lost.
            self.buffer.forget_seen(held);
        }
    }

    /// Says of the edits of a comment which text they were made on; says whether a batch has room for that.
    fn seal_on(&mut self, id: CommentId, seen: Version, base: &str, edits: &[TextOp]) -> bool {
        let Ok(Some(authored)) = squash(edits.iter()) else { return false };
        self.buffer.seal_on(id, Apart { seen, authored, base: Some(base.to_owned()) }, &self.limits)
    }

    /// Sets changes aside that nothing here can take.
    fn fall(&mut self, old: &Review, before: &BTreeMap<CommentId, String>, mut fallen: BTreeSet<CommentId>) {
        let changes = self.buffer.remove(&mut fallen);
        for id in fallen {
            let of: Vec<_> = changes.iter().filter(|change| change.comment() == Some(id)).cloned().collect();
            if of.is_empty() {
                continue;
            }
            let was = old.comments.get(&id);
            let place = was.map(|comment| comment.place.clone()).or_else(|| place_in(&of));
            let base = was.map(|comment| comment.text.as_str().to_owned());
            let mine = meant(before.get(&id).cloned().or_else(|| text_in(&of)), &of);
            let (comment, cause) = (Some(id), Cause::Unplaceable);
            let (changes, grounds) = (of, Grounds::default());
            self.set_aside(Rejected { id: 0, at: 0, cause, comment, place, base, mine, changes, grounds });
        }
    }
}

fn place_in(changes: &[Change]) -> Option<Place> {
    changes.iter().find_map(|change| match change {
        Change::CommentAdded { place, .. } => Some(place.clone()),
        _ => None,
    })
}

fn text_in(changes: &[Change]) -> Option<String> {
    changes.iter().find_map(|change| match change {
        Change::CommentAdded { text, .. } => Some(text.clone()),
        _ => None,
    })
}
