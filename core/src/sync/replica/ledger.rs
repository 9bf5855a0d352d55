//! What a person still has to decide on, and proofs of what the server has acknowledged.
//!
//! Whatever leaves the pending changes without being confirmed comes here, with the text it was made on and the
//! text it was meant to become. It stays until it is retried or discarded.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::saved::{SAVED_FORMAT, SavedLedger};
use super::{Event, Replica};
use crate::change::{Change, Entity, PublishedDecision};
use crate::clock::Millis;
use crate::entry::{Hash, Reason};
use crate::id::{ClientId, CommentId, Seq, Version};
use crate::review::Place;

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
    /// What tells what it would do now.
    #[serde(default, skip_serializing_if = "Grounds::is_none")]
    pub grounds: Grounds,
}

/// What tells, when something is made once more, what has become of what it was made on. Records of earlier releases
/// have nothing of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Grounds {
    /// What an overlap was merged to: the text that stood when it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<String>,
    /// Whether [`mine`](Rejected::mine) was made of [`base`](Rejected::base). After lost history that may be what
    /// others have made of a restored text instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made_of_base: bool,
    /// Of a decision, a version by which the log had the code that it was made on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Version>,
}

impl Grounds {
    fn is_none(&self) -> bool {
        *self == Grounds::default()
    }
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
    /// The decision that it published with drafts: a log of drafts does not hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<PublishedDecision>,
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
                self.keep(rejected);
            }
        }
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
        let (mine, grounds) = (meant(mine, &changes), Grounds::default());
        self.set_aside(Rejected { id: 0, cause, at: 0, comment, place, base, mine, changes, grounds });
    }

    pub(super) fn set_aside(&mut self, mut rejected: Rejected) {
        self.ground(&mut rejected);
        self.keep(rejected);
    }

    fn keep(&mut self, rejected: Rejected) {
        self.last_rejected += 1;
        let rejected = Rejected { id: self.last_rejected, at: self.now, ..rejected };
        self.rejected.push(rejected.clone());
        self.ledger_dirty = true;
        self.dirty += 1;
        self.emit(Event::Rejected(rejected));
    }

    /// All of this as it is saved.
    pub(super) fn saved_ledger(&self) -> SavedLedger {
        SavedLedger {
            format: SAVED_FORMAT,
            rejected: self.rejected.clone(),
            receipts: self.receipts.clone(),
            wrote: self.wrote.clone(),
            last_rejected: self.last_rejected,
            code: self.code.clone(),
            lost: self.lost,
            visits: self.visits.clone(),
        }
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

/// The words that are set aside with these changes: none, where a tag, a field or a removal is all that there was.
pub(super) fn meant(mine: Option<String>, changes: &[Change]) -> Option<String> {
    mine.filter(|_| changes.iter().any(Change::is_text))
}
