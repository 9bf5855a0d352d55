//! Loading a review: its newest snapshot, and the entries behind that along the chain. Whatever does not follow is
//! an error, never an empty or a shorter review.
//!
//! A snapshot only saves time: one that cannot be read, or that the log does not go through, is reported and
//! passed over for the one before it, in the end for the log from its start.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use interline_core::diff::{LineMap, PatchSet};
use interline_core::entry::{EncodedEntry, Entry, Head};
use interline_core::id::{ReviewId, User, UserId, Version};
use interline_core::review::{PatchSets, Review};
use tracing::error;

use super::{Failure, RoomContext};
use crate::store::keeper::Newest;
use crate::store::{SnapshotState, Store, StoreError, StoredSnapshot};

/// Entries read at once.
pub(super) const PAGE: u32 = 500;

/// How long a snapshot may be in JSON that is read where it came in: sooner than another thread has its turn.
const SMALL: usize = 32 << 10;

/// A review as of its last entry, and who took part in it.
pub(super) struct Loaded {
    pub(super) review: Review,
    pub(super) head: Head,
    pub(super) patch_sets: PatchSets,
    pub(super) authors: BTreeSet<UserId>,
    pub(super) names: HashMap<UserId, User>,
}

/// Loads a review.
pub(super) async fn load(context: &RoomContext, id: ReviewId) -> Result<Loaded, Failure> {
    read(context, id).await.map_err(|error| error.about(id).into())
}

async fn read(context: &RoomContext, id: ReviewId) -> Result<Loaded, StoreError> {
    let store = &*context.store;
    let row = store.find_log(id).await?;
    let row = row.ok_or_else(|| StoreError::corrupt(id, "its head row is gone"))?;
    let mut fold = start(store, id, None).await?;
    let newest = Newest { version: fold.head.version, bytes: fold.snapshot_bytes };
    loop {
        if fold.head.version == row.head.version && fold.head.hash != row.head.hash {
            return Err(StoreError::corrupt(id, "its log and its head row differ"));
        }
        let page = match store.entries(id, fold.head.version, PAGE).await {
            Err(StoreError::Trimmed { oldest, .. }) => {
                let what = format!("no snapshot can be used and its log begins behind version {oldest}");
                return Err(StoreError::corrupt(id, what));
            }
            page => page?,
        };
        // A log that grows faster than it is read is read far enough.
        let ended = page.len() < PAGE as usize;
        for encoded in page {
            fold.take(&encoded).map_err(|what| StoreError::corrupt(id, what))?;
            if fold.head.version == row.head.version && fold.head.hash != row.head.hash {
                return Err(StoreError::corrupt(id, "its log and its head row differ"));
            }
        }
        if ended {
            break;
        }
    }
    // Entries that another node has appended since the row was read are welcome.
    if fold.head.version < row.head.version || fold.head.version == 0 {
        return Err(StoreError::corrupt(id, format!("its log ends early, at {}", fold.head.version)));
    }
    let mut patch_sets = PatchSets::default();
    for number in 1..=fold.review.patch_set {
        patch_sets.insert(number, Arc::new(patch_set(store, id, number).await?));
        if number > 1 {
            patch_sets.insert_map(number, Arc::new(line_map(store, id, number).await?));
        }
    }
    let authors: Vec<UserId> = fold.authors.iter().cloned().collect();
    let names = store.users(&authors).await?.into_iter().map(|user| (user.id.clone(), user)).collect();
    context.snapshots.loaded(id, newest, &fold.review, fold.head, &fold.authors);
    Ok(Loaded { review: fold.review, head: fold.head, patch_sets, authors: fold.authors, names })
}

/// A review as of the entries that were folded so far.
pub(super) struct Fold {
    pub(super) review: Review,
    pub(super) head: Head,
    pub(super) authors: BTreeSet<UserId>,
    /// How long the snapshot was that they are folded onto.
    snapshot_bytes: usize,
}

/// What the entries are folded onto: the newest snapshot that can be used and is no newer than `at_most`, or
/// nothing.
pub(super) async fn start(
    store: &dyn Store,
    id: ReviewId,
    mut at_most: Option<Version>,
) -> Result<Fold, StoreError> {
    loop {
        let snapshot = match store.newest_snapshot(id, at_most).await {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => break,
            Err(StoreError::Corrupt { what, .. }) => {
                error!(review = %id, why = %what, "no snapshot can be read");
                break;
            }
            Err(error) => return Err(error),
        };
        let (head, snapshot_bytes) = (snapshot.head, snapshot.state.len());
        match fitting(store, id, snapshot).await? {
            Ok(SnapshotState { review, authors, .. }) => {
                return Ok(Fold { review, head, authors, snapshot_bytes });
            }
            Err(why) => error!(review = %id, version = head.version, %why, "a snapshot cannot be used"),
        }
        match head.version.checked_sub(1) {
            Some(before) => at_most = Some(before),
            None => break,
        }
    }
    Ok(Fold { review: Review::new(id), head: Head::default(), authors: BTreeSet::new(), snapshot_bytes: 0 })
}

/// Reads a snapshot that must be one of this log, or says why it cannot be used.
async fn fitting(
    store: &dyn Store,
    id: ReviewId,
    snapshot: StoredSnapshot,
) -> Result<Result<SnapshotState, String>, StoreError> {
    if !store.holds(id, snapshot.head).await? {
        return Ok(Err("the log does not go through it".to_owned()));
    }
    if snapshot.state.len() <= SMALL {
        return Ok(snapshot.read(id));
    }
    // A large review takes tens of milliseconds.
    let read = tokio::task::spawn_blocking(move || snapshot.read(id)).await;
    read.map_err(|error| StoreError::Unavailable(error.to_string()))
}

impl Fold {
    pub(super) fn take(&mut self, encoded: &EncodedEntry) -> Result<(), String> {
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

pub(super) async fn patch_set(store: &dyn Store, id: ReviewId, number: u32) -> Result<PatchSet, StoreError> {
    let json = store.patch_set(id, number).await?;
    let json = json.ok_or_else(|| StoreError::corrupt(id, format!("patch set {number} is gone")))?;
    // A large diff takes tens of milliseconds.
    let read = tokio::task::spawn_blocking(move || serde_json::from_str(&json));
    let read = read.await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    read.map_err(|error| StoreError::corrupt(id, format!("patch set {number}: {error}")))
}

/// Where the lines of the patch set before are in one.
pub(super) async fn line_map(store: &dyn Store, id: ReviewId, number: u32) -> Result<LineMap, StoreError> {
    let json = store.line_map(id, number).await?;
    let json =
        json.ok_or_else(|| StoreError::corrupt(id, format!("the line map of patch set {number} is gone")))?;
    serde_json::from_str(&json)
        .map_err(|error| StoreError::corrupt(id, format!("the line map of patch set {number}: {error}")))
}

#[cfg(test)]
mod tests;
