//! Along a log: the chain, the fold, the snapshots, and who wrote what.

use std::collections::{BTreeMap, BTreeSet};

use interline_core::entry::{EncodedEntry, Entry, Hash, Head};
use interline_core::id::{ClientId, ReviewId, Seq, UserId, Version};
use interline_core::review::Review;

use super::problems::Problems;
use super::receipts::{Due, Receipt};
use crate::store::{RawEntry, SnapshotState, StoredSnapshot};

/// A client's last batch that is an entry.
#[derive(Clone, Copy)]
pub(super) struct LastEntry {
    pub(super) seq: Seq,
    pub(super) at: Head,
}

/// What the log is folded to.
enum Fold {
    /// Its start was trimmed, and no snapshot has come yet.
    Waiting,
    Review(Box<Review>),
    /// Something did not follow; from there on nothing can be compared.
    Broken,
}

/// One pass along a log.
pub(super) struct Walk {
    trimmed_to: Version,
    /// The snapshot that stands for what was trimmed.
    pub(super) begins_at: Option<Version>,
    /// The last entry.
    pub(super) at: Head,
    fold: Fold,
    authors: BTreeSet<UserId>,
    pub(super) clients: BTreeMap<ClientId, LastEntry>,
    /// Receipts whose entries have not come yet.
    due: Due,
    pub(super) entries: u64,
    pub(super) problems: Problems,
}

impl Walk {
    pub(super) fn new(id: ReviewId, trimmed_to: Version, due: Due) -> Walk {
        let fold = if trimmed_to == 0 { Fold::Review(Box::new(Review::new(id))) } else { Fold::Waiting };
        Walk {
            trimmed_to,
            begins_at: None,
            at: Head::default(),
            fold,
            authors: BTreeSet::new(),
            clients: BTreeMap::new(),
            due,
            entries: 0,
            problems: Problems::default(),
        }
    }

    /// The next entry that there is.
    pub(super) fn take(&mut self, raw: RawEntry) {
        self.entries += 1;
        let RawEntry { version, hash, payload, payload_hash } = raw;
        let next = self.at.version.saturating_add(1);
        if version != next {
            self.missing(next, version - 1);
        }
        let digest = payload_hash.unwrap_or_else(|| Hash::of(payload.as_bytes()));
        // Behind a gap there is nothing to link to.
        if version == next && link(self.at.hash, digest) != hash {
            self.problems.add(format!("entry {version}: the chain of hashes breaks"));
        }
        let told = self.due.remove(&version).unwrap_or_default();
        for receipt in told.iter().filter(|receipt| receipt.hash != hash) {
            let Receipt { client, seq, .. } = receipt;
            let told = format!("the receipt of client {client} for its batch {seq}");
            self.problems.add(format!("entry {version}: it is not the one of {told}"));
        }
        self.at = Head { version, hash };
        if payload_hash.is_some() {
            if version > self.trimmed_to || !payload.is_empty() {
                self.problems.add(format!("entry {version}: it is marked as trimmed and should not be"));
            }
            return;
        }
        match (EncodedEntry { version, hash, payload: payload.into() }).decode() {
            Ok(entry) => self.take_entry(&entry, hash, &told),
            Err(error) => {
                self.problems.add(error.to_string());
                self.fold = Fold::Broken;
            }
        }
    }

    fn take_entry(&mut self, entry: &Entry, hash: Hash, told: &[Receipt]) {
        let Entry { version, client, seq, .. } = *entry;
        for receipt in
            told.iter().filter(|told| told.hash == hash && (told.client, told.seq) != (client, seq))
        {
            let Receipt { client, seq, .. } = receipt;
            self.problems.add(format!("entry {version}: it is not batch {seq} of client {client}"));
        }
        // The server's own first entry is no client's batch.
        if seq > 0 {
            let last = LastEntry { seq, at: Head { version, hash } };
            if let Some(before) = self.clients.insert(client, last)
                && before.seq >= seq
            {
                let before = before.at.version;
                self.problems.add(format!(
                    "entry {version}: batch {seq} of client {client} comes behind its entry {before}, once more or too late"
                ));
            }
        }
        self.authors.insert(entry.author.clone());
        if let Fold::Review(review) = &mut self.fold
            && let Err(error) = review.apply(entry)
        {
            self.problems.add(format!("entry {version}: {error}"));
            self.fold = Fold::Broken;
        }
    }

    /// The snapshot at the entry that was taken last.
    pub(super) fn compare(&mut self, id: ReviewId, snapshot: &StoredSnapshot) {
        let version = snapshot.head.version;
        if snapshot.head != self.at {
            self.problems.add(format!("snapshot {version}: the log does not go through it"));
        }
        let state = match snapshot.read(id) {
            Ok(state) => state,
            Err(why) => return self.problems.add(format!("snapshot {version}: {why}")),
        };
        match &self.fold {
            Fold::Review(review) => {
                if !tells(&state.review, review) || self.authors != state.authors {
                    self.problems.add(format!("snapshot {version}: it differs from the fold of the log"));
                }
            }
            Fold::Waiting if version >= self.trimmed_to => {
                let SnapshotState { review, authors, .. } = state;
                self.authors.extend(authors);
                self.begins_at = Some(version);
                self.fold = Fold::Review(Box::new(review));
            }
            Fold::Waiting | Fold::Broken => {}
        }
    }

    /// The log has no more entries.
    pub(super) fn end(&mut self) {
        if matches!(self.fold, Fold::Waiting) {
            let trimmed = self.trimmed_to;
            self.problems
                .add(format!("entries up to {trimmed} are trimmed, and no snapshot can replace them"));
        }
        for (version, receipts) in std::mem::take(&mut self.due) {
            for Receipt { client, seq, .. } in receipts {
                let receipt = format!("client {client} has a receipt for its batch {seq} there");
                self.problems.add(format!("entry {version}: it is missing, and {receipt}"));
            }
        }
    }

    /// What the log is folded to, where it could be folded to its end.
    pub(super) fn review(&self) -> Option<&Review> {
        match &self.fold {
            Fold::Review(review) => Some(review),
            Fold::Waiting | Fold::Broken => None,
        }
    }

    fn missing(&mut self, from: Version, to: Version) {
        self.problems.add(match from == to {
            true => format!("entry {from}: it is missing"),
            false => format!("entries {from} to {to}: they are missing"),
        });
        self.fold = Fold::Broken;
    }
}

/// [`Hash::chain`] for a payload of which only the digest is there.
fn link(previous: Hash, digest: Hash) -> Hash {
    Hash::of(&[previous.0, digest.0].concat())
}

/// Whether a snapshot tells what the log does. Who edited a comment last is not in snapshots of format 1, nor in those
/// that were made from one.
fn tells(snapshot: &Review, fold: &Review) -> bool {
    let mut fold = fold.clone();
    for (id, comment) in &mut fold.comments {
        comment.edited.take_if(|_| snapshot.comments.get(id).is_some_and(|told| told.edited.is_none()));
    }
    *snapshot == fold
}
