//! What a person still has to decide on, and proofs of what the server has acknowledged.
//!
//! Whatever leaves the pending changes without being confirmed comes here, with the text it was made on and the
//! text it was meant to become. It stays until it is retried or discarded.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{EditError, Event, Replica};
use crate::change::{Change, Entity, PublishedDecision};
use crate::clock::Millis;
use crate::entry::{Hash, Reason};
use crate::id::{ClientId, CommentId, Seq, Version};
use crate::review::{Place, Status};
use crate::text::{Step, TextOp, diff, three_way};

/// How long receipts are kept, in milliseconds: a week.
const RECEIPTS_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// How many receipts are kept at most: all of them are saved with each.
const RECEIPTS: usize = 256;

/// A change that is not on the server, or not as it was meant, with everything that fell with it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Rejected {
    /// Names it among those of this replica.
    pub id: u64,
    /// Why it is here.
    pub cause: Cause,
    /// When it came here, on this replica's clock.
    pub at: Millis,
    /// The comment it was about, if any.
    pub comment: Option<CommentId>,
    /// Where that comment was, as far as this replica knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The comment's text as the server had it.
    pub base: Option<String>,
    /// The comment's text as it was meant to be.
    pub mine: Option<String>,
    /// What was refused.
    pub changes: Vec<Change>,
}

impl Rejected {
    /// Whether it was done to a draft that had been published meanwhile.
    pub fn is_late(&self) -> bool {
        self.cause == Cause::Refused(Reason::Published) && self.comment.is_some()
    }
}

/// Why something waits for a person's decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The server refused it.
    Refused(Reason),
    /// It was merged into a text whose same words somebody else had rewritten meanwhile. The merged text stands.
    Overlap,
    /// The server had acknowledged it and has lost it since, as after a restored backup.
    HistoryLost,
    /// It was pending in a copy of a local store that somebody went on with.
    CopiedStore,
    /// It would have settled a conflict that somebody else had settled before.
    AlreadySettled,
    /// What it was made on is not here any more.
    Unplaceable,
}

/// Proof that the server has made a batch durable.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The id that the replica went by, where it has another one now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The batch's number.
    pub seq: Seq,
    /// Its entry's place in the log.
    pub version: Version,
    /// The chain's link there.
    pub hash: Hash,
    /// When the server took it, on its clock; when it was heard of, where that is not known.
    pub at: Millis,
    /// The comments it wrote in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub comments: BTreeSet<CommentId>,
    /// What it took out of sets: nothing else tells, once it is out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub taken_out: BTreeSet<TakenOut>,
}

/// An element that was taken out of a set.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct TakenOut {
    /// Whose set.
    pub entity: Entity,
    /// Which one.
    pub field: String,
    /// What was in it.
    pub element: String,
}

/// Whether all that an op writes is in a text already, where it does nothing else.
fn stands(op: &TextOp, text: &str) -> bool {
    let mut inserts = op.steps().filter_map(|step| match step {
        Step::Insert(insert, _) => Some(insert.trim()),
        _ => None,
    });
    op.deletes() == 0 && op.target_len() > op.base_len() && inserts.all(|insert| text.contains(insert))
}

impl Replica {
    /// What the server refused or lost, and nobody has discarded.
    pub fn rejected(&self) -> &[Rejected] {
        &self.rejected
    }

    /// What the server has acknowledged of this replica's lately: a week's, at most 256.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// Forgets one of the refused changes, or all of them; says whether there was any.
    pub fn discard_rejected(&mut self, id: Option<u64>) -> bool {
        let before = self.rejected.len();
        self.rejected.retain(|rejected| id.is_some_and(|id| rejected.id != id));
        let gone = self.rejected.len() < before;
        self.ledger_dirty |= gone;
        self.dirty += u64::from(gone);
        gone
    }

    /// Takes over what waits for a person's decision at another replica of the same user, one that has ended. What
    /// is here already is not taken twice.
    pub fn adopt_rejected(&mut self, now: Millis, rejected: Vec<Rejected>) {
        self.told(now);
        for rejected in rejected {
            let same =
                |here: &Rejected| Rejected { id: rejected.id, at: rejected.at, ..here.clone() } == rejected;
            if !self.rejected.iter().any(same) {
                self.set_aside(rejected);
            }
        }
    }

    /// Makes a refused change once more, on what is there now, and forgets the record. Where its comment is gone, a
    /// new one says the same: at its place under the id `fresh`.
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
        Ok(())
    }

    fn retry(&mut self, now: Millis, rejected: &Rejected, fresh: CommentId) -> Result<(), EditError> {
        let mut target = rejected.comment;
        let added = rejected.changes.iter().find_map(|change| match change {
            Change::CommentAdded { text, .. } => Some(text),
            _ => None,
        });
        if let (Some(id), Some(mine)) = (rejected.comment, rejected.mine.as_ref().or(added)) {
            if self.standing(id).is_ok() {
                self.retry_text(now, id, rejected, mine)?;
            } else {
                let place = rejected.place.clone().ok_or(EditError::BadPlace)?;
                self.add_comment(now, fresh, place, mine)?;
                target = Some(fresh);
            }
        }
        for change in &rejected.changes {
            match (change, target) {
                (Change::FieldsChanged { entity, fields, .. }, _) => {
                    let entity = match (entity, target) {
                        (Entity::Comment(_), Some(id)) => Entity::Comment(id),
                        _ => *entity,
                    };
                    for (field, write) in fields {
                        self.set_field(now, entity, field, write.value.clone())?;
                    }
                }
                (Change::SetChanged { entity, field, add, remove }, _) => {
                    let entity = match (entity, target) {
                        (Entity::Comment(_), Some(id)) => Entity::Comment(id),
                        _ => *entity,
                    };
                    let gone = remove.keys().cloned().collect();
                    self.change_set(now, entity, field, add.clone(), gone)?;
                }
                (Change::Decided { status, note, .. }, _) => {
                    let value = Status::from_value(&status.value).ok_or(EditError::BadValue)?;
                    // It says what its author looked at then, unless the server has lost that.
                    let on = status.patch_set.map(|number| number.min(self.confirmed.patch_set));
                    self.decide_on(now, value, note.clone(), on)?;
                }
                (Change::DraftsPublished { comments, decision, .. }, _) => {
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

    fn retry_text(
        &mut self,
        now: Millis,
        id: CommentId,
        rejected: &Rejected,
        mine: &str,
    ) -> Result<(), EditError> {
        let shown = self.comment(id).ok_or(EditError::UnknownComment)?;
        if rejected.cause == Cause::HistoryLost {
            // What both come from is lost as well: words come back, none go.
            let words = diff(shown.text.as_str(), mine).inserts_alone();
            return self.edit_text(now, id, words);
        }
        let Some(base) = rejected.base.as_deref().filter(|_| rejected.cause != Cause::Overlap) else {
            // What was merged stands already: once more means that these words shall.
            return self.set_text(now, id, mine);
        };
        let meant = diff(base, mine);
        if rejected.cause == Cause::CopiedStore && stands(&meant, shown.text.as_str()) {
            // The other copy has sent them.
            return Ok(());
        }
        let again = three_way(base, &meant, shown.text.as_str())?;
        self.edit_text(now, id, again.op)
    }

    /// Keeps something for a person to decide on.
    pub(super) fn reject(
        &mut self,
        cause: Cause,
        comment: Option<CommentId>,
        mine: Option<String>,
        changes: Vec<Change>,
    ) {
        let known = comment.and_then(|id| self.confirmed.comments.get(&id));
        let base = known.map(|comment| comment.text.as_str().to_owned());
        let added = changes.iter().find_map(|change| match change {
            Change::CommentAdded { place, .. } => Some(place.clone()),
            _ => None,
        });
        let place = known.map(|comment| comment.place.clone()).or(added);
        self.set_aside(Rejected { id: 0, cause, at: 0, comment, place, base, mine, changes });
    }

    pub(super) fn set_aside(&mut self, rejected: Rejected) {
        self.last_rejected += 1;
        let rejected = Rejected { id: self.last_rejected, at: self.now, ..rejected };
        self.rejected.push(rejected.clone());
        self.ledger_dirty = true;
        self.dirty += 1;
        self.emit(Event::Rejected(rejected));
    }

    pub(super) fn receive_receipt(&mut self, receipt: Receipt) {
        if self.receipts.last().is_some_and(|last| last.version >= receipt.version) {
            return;
        }
        let oldest = receipt.at.saturating_sub(RECEIPTS_MS);
        self.receipts.push(receipt);
        self.ledger_dirty = true;
        let too_many = self.receipts.len().saturating_sub(RECEIPTS);
        let old = self.receipts.iter().take_while(|receipt| receipt.at < oldest).count();
        self.receipts.drain(..too_many.max(old));
    }
}
