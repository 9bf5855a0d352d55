//! Snapshots at intervals, and what may go once they are there. One task takes them all, one after another:
//! rooms do not wait for it, and whatever goes wrong with a snapshot costs time when a review is loaded, no more.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use interline_core::entry::Head;
use interline_core::id::{ReviewId, UserId, Version};
use interline_core::review::Review;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{debug, error, warn};

use super::{SNAPSHOT_FORMAT, SnapshotState, Store, StoreError};

/// After how many entries behind the newest snapshot another is taken, at least and at most. Whoever opens a review
/// after a crash waits until those are folded: the fewest take less than half as long as opening anything does.
pub const SNAPSHOT_EVERY: RangeInclusive<u64> = 128..=1_000;
/// In between another is taken once so many bytes of the newest one come to each entry behind it. A large review takes
/// longer to open anyhow, and what its snapshots write stays in proportion to what is edited.
const BYTES_AN_ENTRY: u64 = 2_048;
/// How many entries behind the newest snapshot make another worth while when a review is unloaded: folding fewer
/// takes less time than opening a connection.
const UNLOAD_BEHIND: u64 = 32;
/// How many snapshots wait to be taken. Each holds a copy of its review.
const QUEUE: usize = 64;

/// Decides when a snapshot is due, and has it taken.
#[derive(Clone)]
pub struct SnapshotKeeper {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
}

struct Shared {
    store: Arc<dyn Store>,
    /// How many entries are kept whole, if not all.
    keep: Option<u64>,
    loaded: Mutex<HashMap<ReviewId, Progress>>,
}

/// How far a loaded review is.
struct Progress {
    newest: Newest,
    /// One is being taken.
    busy: bool,
}

/// A review's newest snapshot, or the last attempt to take one; version 0 where there is none.
#[derive(Clone, Copy, Default)]
pub(crate) struct Newest {
    pub(crate) version: Version,
    /// How long it is in JSON.
    pub(crate) bytes: usize,
}

impl Newest {
    /// Whether a review that has come to `head` is due for another.
    fn is_old(&self, head: Head) -> bool {
        let (least, most) = SNAPSHOT_EVERY.into_inner();
        let every = (self.bytes as u64 / BYTES_AN_ENTRY).clamp(least, most);
        head.version >= self.version.saturating_add(every)
    }
}

enum Job {
    Take(Box<Taking>),
    End,
}

struct Taking {
    review: ReviewId,
    head: Head,
    state: SnapshotState,
}

impl SnapshotKeeper {
    /// Starts the task. Of every review at least the last `keep` entries are kept whole, all of them if it is
    /// not given.
    pub fn start(store: Arc<dyn Store>, keep: Option<u64>) -> (SnapshotKeeper, JoinHandle<()>) {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared { store, keep, loaded: Mutex::default() });
        let task = tokio::spawn(run(shared.clone(), queue));
        (SnapshotKeeper { shared, jobs }, task)
    }

    /// A review was loaded from a snapshot, or from the start of its log.
    pub(crate) fn loaded(
        &self,
        id: ReviewId,
        newest: Newest,
        review: &Review,
        head: Head,
        authors: &BTreeSet<UserId>,
    ) {
        let mut loaded = self.shared.lock();
        let busy = newest.is_old(head) && self.take(review, head, authors);
        loaded.insert(id, Progress { newest, busy });
    }

    /// A review's log goes on to `head`, where it is `review`. Costs a look-up, and now and then a copy of the review.
    pub(crate) fn after_commit(&self, id: ReviewId, review: &Review, head: Head, authors: &BTreeSet<UserId>) {
        let mut loaded = self.shared.lock();
        let Some(progress) = loaded.get_mut(&id) else { return };
        if !progress.busy && progress.newest.is_old(head) {
            // Where the queue is full the next commit tries again.
            progress.busy = self.take(review, head, authors);
        }
    }

    /// A review is about to be unloaded.
    pub(crate) fn unloading(&self, id: ReviewId, review: &Review, head: Head, authors: &BTreeSet<UserId>) {
        let Some(progress) = self.shared.lock().remove(&id) else { return };
        if !progress.busy && head.version > progress.newest.version.saturating_add(UNLOAD_BEHIND) {
            self.take(review, head, authors);
        }
    }

    /// Has what waits taken, and ends the task. Wait for it before the store is closed.
    pub(crate) async fn end(&self) {
        let _ = self.jobs.send(Job::End).await;
    }

    fn take(&self, review: &Review, head: Head, authors: &BTreeSet<UserId>) -> bool {
        // Not a copy for nothing.
        let Ok(place) = self.jobs.try_reserve() else { return false };
        let state =
            SnapshotState { format: SNAPSHOT_FORMAT, review: review.clone(), authors: authors.clone() };
        place.send(Job::Take(Box::new(Taking { review: review.id, head, state })));
        true
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<ReviewId, Progress>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self, taking: Taking) {
        let Taking { review, head, state } = taking;
        let put = self.put(review, head, state).await;
        match &put {
            Ok((bytes, kept_after)) => {
                debug!(%review, version = head.version, bytes, kept_after, "snapshot taken");
            }
            Err(error) => warn!(
                %review, version = head.version, %error,
                "no snapshot, or nothing trimmed; tried again after as many entries"
            ),
        }
        if let Some(progress) = self.lock().get_mut(&review) {
            let bytes = put.map_or(progress.newest.bytes, |(bytes, _)| bytes);
            *progress = Progress { newest: Newest { version: head.version, bytes }, busy: false };
        }
    }

    /// Returns how long the snapshot is, and behind which version the log is kept then.
    async fn put(
        &self,
        review: ReviewId,
        head: Head,
        state: SnapshotState,
    ) -> Result<(usize, Version), StoreError> {
        // A large review takes tens of milliseconds.
        let encoded = tokio::task::spawn_blocking(move || serde_json::to_string(&state));
        let encoded = encoded.await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let encoded = encoded.map_err(|error| StoreError::corrupt(review, error))?;
        self.store.put_snapshot(review, head, &encoded).await?;
        let kept_after = match self.keep {
            Some(keep) => self.trim(review, head.version.saturating_sub(keep)).await?,
            None => 0,
        };
        Ok((encoded.len(), kept_after))
    }

    /// Lets go of what lies before the newest snapshot that is old enough, once that has been read: without it nothing
    /// else would say what the review was.
    async fn trim(&self, review: ReviewId, up_to: Version) -> Result<Version, StoreError> {
        let mut at_most = up_to;
        while let Some(snapshot) = self.store.newest_snapshot(review, Some(at_most)).await? {
            let at = snapshot.head.version;
            let read = tokio::task::spawn_blocking(move || snapshot.read(review).map(drop)).await;
            let Err(why) = read.map_err(|error| StoreError::Unavailable(error.to_string()))? else {
                return self.store.trim(review, at).await;
            };
            error!(%review, version = at, %why, "nothing is trimmed behind a snapshot that is damaged");
            match at.checked_sub(1) {
                Some(before) => at_most = before,
                None => break,
            }
        }
        self.store.kept_after(review).await
    }
}

async fn run(shared: Arc<Shared>, mut queue: mpsc::Receiver<Job>) {
    while let Some(Job::Take(taking)) = queue.recv().await {
        shared.take(*taking).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use interline_core::entry::Hash;
    use uuid::Uuid;

    use super::*;
    use crate::store::SqliteStore;

    fn id(number: u128) -> ReviewId {
        ReviewId(Uuid::from_u128(number))
    }

    const LEAST: u64 = *SNAPSHOT_EVERY.start();

    fn head(version: Version) -> Head {
        Head { version, hash: Hash::of(b"no log goes through here") }
    }

    impl SnapshotKeeper {
        /// A review that is not in the store, so that every attempt fails.
        fn commit(&self, id: ReviewId, version: Version) {
            self.after_commit(id, &Review::new(id), head(version), &BTreeSet::new());
        }

        fn busy(&self, id: ReviewId) -> bool {
            self.shared.lock()[&id].busy
        }
    }

    #[test]
    fn the_larger_a_review_is_the_longer_its_log_goes_on_without_a_snapshot() {
        let due = |bytes: usize| {
            let newest = Newest { version: 7, bytes };
            (7..).find(|version| newest.is_old(head(*version))).unwrap() - 7
        };
        assert_eq!([0, 5_000, 128 * 2_048].map(due), [128; 3]);
        assert_eq!(due(500 * 2_048), 500);
        assert_eq!([1_000 * 2_048, 1 << 40].map(due), [1_000; 2]);
    }

    // One thread: whatever is asked for happens at the next await, no sooner.
    #[tokio::test]
    async fn what_failed_is_tried_again_an_interval_later() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(directory.path()).await.unwrap());
        let (keeper, task) = SnapshotKeeper::start(store, None);
        let id = id(1);
        keeper.loaded(id, Newest::default(), &Review::new(id), Head::default(), &BTreeSet::new());
        keeper.commit(id, LEAST - 1);
        assert!(!keeper.busy(id));
        keeper.commit(id, LEAST);
        assert!(keeper.busy(id));
        let failed = async {
            while keeper.busy(id) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), failed).await.unwrap();
        keeper.commit(id, 2 * LEAST - 1);
        assert!(!keeper.busy(id));
        keeper.commit(id, 2 * LEAST);
        assert!(keeper.busy(id));
        keeper.end().await;
        task.await.unwrap();
    }

    #[tokio::test]
    async fn where_too_many_wait_the_next_commit_tries_again() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(directory.path()).await.unwrap());
        let (keeper, task) = SnapshotKeeper::start(store, None);
        let reviews: Vec<ReviewId> = (0..QUEUE as u128 + 1).map(id).collect();
        for id in &reviews {
            keeper.loaded(*id, Newest::default(), &Review::new(*id), Head::default(), &BTreeSet::new());
            keeper.commit(*id, LEAST);
        }
        let (last, others) = reviews.split_last().unwrap();
        assert!(others.iter().all(|id| keeper.busy(*id)) && !keeper.busy(*last));
        let done = async {
            while others.iter().any(|id| keeper.busy(*id)) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), done).await.unwrap();
        keeper.commit(*last, LEAST + 1);
        assert!(keeper.busy(*last));
        keeper.end().await;
        task.await.unwrap();
    }
}
