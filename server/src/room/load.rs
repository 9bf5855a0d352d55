//! Loading a review: its log is folded from the start, along the chain. Whatever does not follow is an error,
//! never an empty or a shorter review.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use interline_core::diff::PatchSet;
use interline_core::entry::{EncodedEntry, Entry, Head};
use interline_core::id::{ReviewId, User, UserId};
use interline_core::review::{PatchSets, Review};

use super::Failure;
use crate::store::{Store, StoreError};

/// Entries read at once.
pub(super) const PAGE: u32 = 500;

/// A review as of its last entry, and who took part in it.
pub(super) struct Loaded {
    pub(super) review: Review,
    pub(super) head: Head,
    pub(super) patch_sets: PatchSets,
    pub(super) authors: BTreeSet<UserId>,
    pub(super) names: HashMap<UserId, User>,
}

/// Loads a review.
pub(super) async fn load(store: &dyn Store, id: ReviewId) -> Result<Loaded, Failure> {
    let row = store.find_review(&id.to_string()).await?;
    let row = row.ok_or_else(|| StoreError::corrupt(id, "its head row is gone"))?;
    let mut fold = Fold { review: Review::new(id), head: Head::default(), authors: BTreeSet::new() };
    loop {
        let page = store.entries(id, fold.head.version, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for encoded in page {
            fold.take(&encoded).map_err(|what| StoreError::corrupt(id, what))?;
            if fold.head.version == row.head.version && fold.head.hash != row.head.hash {
                return Err(StoreError::corrupt(id, "its log and its head row differ").into());
            }
        }
    }
    // Entries that another node has appended since the row was read are welcome.
    if fold.head.version < row.head.version || fold.head.version == 0 {
        return Err(StoreError::corrupt(id, format!("its log ends early, at {}", fold.head.version)).into());
    }
    let mut patch_sets = PatchSets::default();
    for number in 1..=fold.review.patch_set {
        patch_sets.insert(number, Arc::new(patch_set(store, id, number).await?));
    }
    let authors: Vec<UserId> = fold.authors.iter().cloned().collect();
    let names = store.users(&authors).await?.into_iter().map(|user| (user.id.clone(), user)).collect();
    Ok(Loaded { review: fold.review, head: fold.head, patch_sets, authors: fold.authors, names })
}

struct Fold {
    review: Review,
    head: Head,
    authors: BTreeSet<UserId>,
}

impl Fold {
    fn take(&mut self, encoded: &EncodedEntry) -> Result<(), String> {
        if self.head.hash.chain(encoded.payload.as_bytes()) != encoded.hash {
            return Err(format!("the chain of hashes breaks at entry {}", encoded.version));
        }
        let entry: Entry = encoded.decode().map_err(|error| error.to_string())?;
        self.review.apply(&entry).map_err(|error| error.to_string())?;
        self.head = Head { version: encoded.version, hash: encoded.hash };
        self.authors.insert(entry.author);
        Ok(())
    }
}

async fn patch_set(store: &dyn Store, id: ReviewId, number: u32) -> Result<PatchSet, StoreError> {
    let json = store.patch_set(id, number).await?;
    let json = json.ok_or_else(|| StoreError::corrupt(id, format!("patch set {number} is gone")))?;
    // A large diff takes tens of milliseconds.
    let read = tokio::task::spawn_blocking(move || serde_json::from_str(&json));
    let read = read.await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    read.map_err(|error| StoreError::corrupt(id, format!("patch set {number}: {error}")))
}
