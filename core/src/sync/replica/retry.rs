//! Making a refused change once more: on what is there now, without taking out what others have written since.

use super::{Cause, EditError, Rejected, Replica, Resolution};
use crate::change::{Change, Entity, FieldWrite, PublishedDecision};
use crate::clock::Millis;
use crate::id::CommentId;
use crate::review::{Conflict, ConflictId, Place, Status};
use crate::text::{OpError, Text, TextOp, diff, three_way, unsaid};

impl Replica {
    /// Makes a refused change once more, on what is there now, and forgets the record. Where its comment is gone, a
    /// new one says the same, at its place: under the id `fresh`, or under its own where the server has lost it, so that
    /// replies to it find it. What waits of one's own as a reply to it is one to the new one.
    pub fn retry_rejected(&mut self, now: Millis, id: u64, fresh: CommentId) -> Result<(), EditError> {
        let rejected = self.rejected.iter().find(|rejected| rejected.id == id).cloned();
        let rejected = rejected.ok_or(EditError::UnknownRejected)?;
        if self.lost {
            // It would be made on what the server does not have, and its record would be gone.
            return Err(EditError::ReviewLost);
        }
        let (buffer, undo, recent) = (self.buffer.clone(), self.undo.clone(), self.undo_recent.clone());
        let told = self.effects.len();
        if let Err(error) = self.retry(now, &rejected, fresh) {
            // A part of it that was made already would be made twice the next time.
            (self.buffer, self.undo, self.undo_recent) = (buffer, undo, recent);
            self.effects.truncate(told);
            if self.buffer.is_empty() {
                self.batcher.taken();
            }
            return Err(error);
        }
        self.discard_rejected(Some(id));
        if let Some(old) = rejected.comment.filter(|_| self.exists(fresh)) {
            self.replies_move(old, fresh);
        }
        Ok(())
    }

    fn retry(&mut self, now: Millis, rejected: &Rejected, fresh: CommentId) -> Result<(), EditError> {
        let mut target = rejected.comment;
        let added = rejected.changes.iter().find_map(|change| match change {
            Change::CommentAdded { text, .. } => Some(text),
            _ => None,
        });
        // Records of older builds have the words that were shown, whatever they are about.
        let about_words =
            rejected.cause == Cause::HistoryLost || rejected.changes.iter().any(Change::is_text);
        let mine = rejected.mine.as_ref().filter(|_| about_words).or(added);
        if let (Some(id), Some(mine)) = (rejected.comment, mine) {
            if self.standing(id).is_ok() {
                self.retry_text(now, id, rejected, mine)?;
            } else {
                let place = rejected.place.clone().ok_or(EditError::BadPlace)?;
                // A draft may be in the review under its own.
                let own =
                    rejected.cause == Cause::HistoryLost && self.drafts_of().is_none() && !self.exists(id);
                let anew = if own { id } else { fresh };
                self.add_comment(now, anew, place, mine)?;
                target = Some(anew);
            }
        }
        // What a comment had besides its words goes to where those are now.
        let now_of = |entity: &Entity| match (entity, target) {
            (Entity::Comment(_), Some(id)) => Entity::Comment(id),
            _ => *entity,
        };
        for change in &rejected.changes {
            match (change, target) {
                (Change::FieldsChanged { entity, fields, .. }, _) => {
                    for (field, write) in fields {
                        self.set_field(now, now_of(entity), field, write.value.clone())?;
                    }
                }
                (Change::SetChanged { entity, field, add, remove }, _) => {
                    let gone = remove.keys().cloned().collect();
                    self.change_set(now, now_of(entity), field, add.clone(), gone)?;
                }
                (Change::ConflictSettled { conflict, entity, field, write, .. }, _) => {
                    self.settle_again(now, *conflict, (*entity, field), write)?;
                }
                (Change::Decided { status, note, .. }, _) => {
                    let value = Status::from_value(&status.value).ok_or(EditError::BadValue)?;
                    // It says what its author looked at then.
                    let on = self.decided_on(status.patch_set, rejected)?;
                    self.decide_on(now, value, note.clone(), on)?;
                }
                (Change::DraftsPublished { comments, decision, .. }, _) => {
                    self.check_published_on(rejected)?;
                    let comments = comments.iter().copied().filter(|id| self.is_draft(*id)).collect();
                    // What is there now in the review is not known here: none of it was seen.
                    let decision = decision.clone().map(PublishedDecision::unseen);
                    self.publish_drafts(now, comments, decision, None)?;
                }
                (Change::CommentRemoved { comment, .. }, Some(id)) if id == *comment => {
                    self.remove_comment(now, id)?;
                }
                // What it was made on was never known here: it fits the text that is there, or stays where it is.
                (Change::TextEdited { comment, op, .. }, _) if rejected.mine.is_none() && added.is_none() => {
                    self.edit_text(now, *comment, op.clone())?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Ends a conflict as it was to be ended, while it is open. Sides that had not been seen then keep it open, and a
    /// status was meant for the code that was there.
    fn settle_again(
        &mut self,
        now: Millis,
        id: ConflictId,
        about: (Entity, &str),
        write: &FieldWrite,
    ) -> Result<(), EditError> {
        let same = |open: &Conflict| {
            open.id == id && (open.entity, &*open.field) == about && id.version <= write.seen
        };
        let mut told = self.conflicts().into_iter().find(same).ok_or(EditError::UnknownConflict)?;
        if write.patch_set.is_some_and(|number| number != self.confirmed.patch_set) {
            return Err(EditError::UnknownBase);
        }
        told.sides.retain(|side| side.version <= write.seen);
        let how = match about.1 {
            Conflict::TEXT => Resolution::Merged,
            _ => Resolution::Value(write.value.clone()),
        };
        self.settle_told(now, &told, how)
    }

    /// Says what will tell what a record would do, if it is made once more.
    pub(super) fn ground(&self, rejected: &mut Rejected) {
        rejected.grounds.code = self.code_of(&rejected.changes);
        let here = rejected.comment.and_then(|id| self.confirmed.comments.get(&id));
        if let (Cause::HistoryLost, Some(here)) = (rejected.cause, here) {
            let edited = here.edited.as_ref().map_or(here.added, |edited| edited.version);
            rejected.grounds.made_of_base = self.held.is_none_or(|held| edited <= held);
        }
    }

    /// What waits for a person's decision as a reply to a comment is one to another.
    fn replies_move(&mut self, from: CommentId, to: CommentId) {
        let move_one = |place: &mut Place| {
            if *place == Place::Reply(from) {
                *place = Place::Reply(to);
            }
        };
        for rejected in &mut self.rejected {
            rejected.place.iter_mut().for_each(move_one);
            for change in &mut rejected.changes {
                if let Change::CommentAdded { place, .. } = change {
                    move_one(place);
                }
            }
        }
    }

    fn retry_text(
        &mut self,
        now: Millis,
        id: CommentId,
        rejected: &Rejected,
        mine: &str,
    ) -> Result<(), EditError> {
        let shown = self.comment(id).ok_or(EditError::UnknownComment)?;
        let shown = shown.text.as_str();
        // Where it cannot be told what others wrote, words come back, and none go.
        let words = || diff(shown, mine).inserts_alone();
        let op = match (rejected.cause, rejected.base.as_deref()) {
            _ if shown == mine => return Ok(()),
            (Cause::HistoryLost, base) => match words() {
                words if words.is_identity() => {
                    lost_deletion(rejected, base.unwrap_or_default(), mine, shown)?
                }
                words => words,
            },
            (_, None) => words(),
            (Cause::Overlap, Some(_)) => {
                let Some(merged) = &rejected.grounds.merged else {
                    return self.edit_text(now, id, words());
                };
                // What was merged stands already: once more means that these words shall.
                return self.set_text(now, id, &instead(merged, mine, shown)?);
            }
            // The other copy may have sent some of them.
            (Cause::CopiedStore, Some(base)) => three_way(base, &unsaid(base, mine, shown), shown)?.op,
            (_, Some(base)) => three_way(base, &diff(base, mine), shown)?.op,
        };
        self.edit_text(now, id, op)
    }
}

/// The deletion that was lost, of a text that has all the words that its author had.
fn lost_deletion(rejected: &Rejected, base: &str, mine: &str, shown: &str) -> Result<TextOp, EditError> {
    let gone = diff(base, mine).deletes_alone();
    if gone.is_identity() {
        return Ok(TextOp::identity(shown.chars().count()));
    }
    let carried = three_way(base, &gone, shown)?;
    // What others have rewritten or written into is not what was to go.
    if carried.overlap || !rejected.grounds.made_of_base {
        return Err(EditError::UnknownBase);
    }
    Ok(carried.op)
}

/// What becomes of a text where these words shall stand in place of what they were merged to. What others have
/// written since stays.
fn instead(merged: &str, mine: &str, shown: &str) -> Result<String, OpError> {
    let mut text = Text::new(shown);
    text.apply(&three_way(merged, &diff(merged, mine), shown)?.op)?;
    if diff(merged, shown).deletes() > 0 {
        // Some of these words may be among what others have taken out.
        let back = diff(text.as_str(), mine).inserts_alone();
        text.apply(&back)?;
    }
    Ok(text.as_str().to_owned())
}
