//! What outlives a process. A replica is saved in three parts that change at different paces: what is pending, at
//! every edit; the confirmed review, by appending the entries that came; and the ledger, when something was
//! refused. All that one save carries is written in one go, or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Cause, JOURNAL, Receipt, Rejected, Replica, Visits};
use crate::clock::{Hlc, Millis};
use crate::drafts::first_entry;
use crate::entry::{EncodedEntry, Head};
use crate::id::{ClientId, CommentId, ReviewId, Seq, UserId, Version};
use crate::review::{ConflictId, Review};
use crate::sync::Pending;
use crate::text::UndoStack;

/// The format of what replicas save. Format 2 is the same without what this software knows beside: it is read as it is.
pub const SAVED_FORMAT: u32 = 3;

/// What one save writes.
#[derive(Clone, PartialEq, Debug)]
pub struct Save {
    /// In place of what was pending before.
    pub pending: SavedPending,
    /// In place of the ledger before; `None` leaves it as it is.
    pub ledger: Option<SavedLedger>,
    /// What becomes of the confirmed review.
    pub confirmed: SavedConfirmed,
    /// Whether it holds anything that exists nowhere else. What does not is a cache.
    pub precious: bool,
}

/// What becomes of the saved review.
#[derive(Clone, PartialEq, Debug)]
pub enum SavedConfirmed {
    /// Nothing.
    Same,
    /// These entries come behind what was saved.
    Behind(Vec<EncodedEntry>),
    /// This is in its place, and in place of all entries behind it.
    Whole(Box<SavedReview>),
}

/// What is not durable on the server, and where the confirmed review stood that it builds on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SavedPending {
    /// [`SAVED_FORMAT`].
    pub format: u32,
    /// Whose replica.
    pub client: ClientId,
    /// Its user.
    pub user: UserId,
    /// Of which review.
    pub review: ReviewId,
    /// If that is a log of private drafts, of which review; absent in what was saved before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drafts_of: Option<ReviewId>,
    /// Where the confirmed log ended.
    pub head: Head,
    /// What was in flight.
    pub in_flight: Option<SavedInFlight>,
    /// What was done since.
    pub buffer: Pending,
    /// When the oldest of that was done.
    pub buffered_since: Option<Millis>,
    /// The next batch's number.
    pub next_seq: Seq,
    /// The replica's clock.
    pub clock: Hlc,
    /// What can be undone and redone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undo: BTreeMap<CommentId, UndoStack>,
    /// The texts by which conflicts are being settled.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub meant: BTreeMap<ConflictId, String>,
    /// The refused edits of drafts that were made here instead.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub carried: BTreeSet<(ClientId, u64)>,
}

/// A batch in flight as it is saved.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SavedInFlight {
    /// The bytes to send.
    pub frozen: Frozen,
    /// The changes as of the saved confirmed review.
    pub changes: Pending,
    /// When the oldest of them was made.
    pub since: Millis,
}

/// A batch that will never change again: what is sent is these bytes, each time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Frozen {
    /// The client's number for it.
    pub seq: Seq,
    /// The version that its changes were made against.
    pub base: Version,
    /// The [`Batch`](crate::change::Batch) in JSON.
    pub payload: Arc<str>,
}

/// What is kept for a person to decide on, and proofs of what the server has.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SavedLedger {
    /// [`SAVED_FORMAT`].
    pub format: u32,
    /// What the server refused or lost and nobody has discarded.
    pub rejected: Vec<Rejected>,
    /// What the server has acknowledged.
    pub receipts: Vec<Receipt>,
    /// The last entry in which this user wrote in each comment, be it on another device.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wrote: BTreeMap<CommentId, Version>,
    /// The highest id that a refused change ever had: none is given twice.
    #[serde(default)]
    pub last_rejected: u64,
    /// A version by which the log had each of the newest patch sets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub code: BTreeMap<u32, Version>,
    /// The server does not know the review any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// What the user has read and viewed.
    #[serde(default, skip_serializing_if = "Visits::is_empty")]
    pub visits: Visits,
}

/// The confirmed review as it is saved.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SavedReview {
    /// [`SAVED_FORMAT`].
    pub format: u32,
    /// Where the log ended.
    pub head: Head,
    /// The review there.
    pub review: Review,
}

/// A replica as it was read back.
#[derive(Clone, PartialEq, Debug)]
pub struct Restore {
    /// What was pending.
    pub pending: SavedPending,
    /// The ledger, if one was ever saved.
    pub ledger: Option<SavedLedger>,
    /// The review that was saved as a whole; `None` where it is gone or cannot be read.
    pub confirmed: Option<SavedReview>,
    /// The entries that were saved behind it, in order.
    pub entries: Vec<EncodedEntry>,
}

impl Restore {
    /// The confirmed review as of the pending changes, and the entries that lead there; `None` where the parts do
    /// not fit together.
    pub(super) fn fold(&self) -> Option<Review> {
        let SavedReview { head, review, .. } = self.confirmed.as_ref()?;
        let (mut head, mut review) = (*head, review.clone());
        if review.version != head.version || review.id != self.pending.review {
            return None;
        }
        let (from, wanted) = (head.version, self.pending.head.version);
        for encoded in self.entries.iter().filter(|entry| entry.version > from && entry.version <= wanted) {
            if head.hash.chain(encoded.payload.as_bytes()) != encoded.hash {
                return None;
            }
            review.apply(&encoded.decode().ok()?).ok()?;
            head = Head { version: encoded.version, hash: encoded.hash };
        }
        (head == self.pending.head).then_some(review)
    }

    /// Of private drafts, the review that they are in. A record that says otherwise than its own id is damaged.
    pub(super) fn drafts_of(&self) -> Option<ReviewId> {
        let SavedPending { drafts_of, user, review, .. } = &self.pending;
        let in_review = self.confirmed.as_ref().and_then(|saved| saved.review.drafts.as_ref());
        let of = drafts_of.or_else(|| in_review.map(|drafts| drafts.review));
        of.filter(|of| of.drafts_of(user) == *review)
    }
}

impl SavedPending {
    /// A log of drafts that nobody but this replica has written in yet: it follows from whose it is, so that what is
    /// pending does not need what was saved of it.
    pub(super) fn first_of_drafts(&self, of: ReviewId) -> Option<Review> {
        let (entry, encoded) = first_entry(of, &self.user);
        if self.head != (Head { version: encoded.version, hash: encoded.hash }) {
            return None;
        }
        let mut first = Review::new(self.review);
        first.apply(&entry).ok()?;
        Some(first)
    }
}

impl Replica {
    /// Pending edits for texts other than those that are here can only be kept as rejected.
    pub(super) fn keep_what_fits(&mut self) {
        let misfits = self.misfits();
        if misfits.is_empty() || !self.is_loaded() {
            return;
        }
        let mut fallen = misfits;
        if let Some(batch) = &mut self.in_flight {
            // Only the answer to it counts from here on.
            let changes = std::mem::take(&mut batch.changes);
            fallen.extend(changes.edited());
            fallen.extend(changes.added());
        }
        for change in self.buffer.remove(&mut fallen) {
            self.reject(Cause::Unplaceable, change.comment(), None, vec![change]);
        }
        self.undo.clear();
        self.dirty += 1;
    }

    /// An entry is to be saved. While the local store takes nothing they do not pile up.
    pub(super) fn remember_entry(&mut self, encoded: &EncodedEntry) {
        self.journal.push(encoded.clone());
        if self.journal.len() > 2 * JOURNAL {
            self.journal.clear();
            self.whole_due = true;
            if let Some(saving) = &mut self.saving {
                saving.entries = 0;
            }
        }
    }
}
