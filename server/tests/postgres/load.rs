//! Appenders who know what was acknowledged to them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use interline_core::entry::{Hash, Head};
use interline_server::store::committer::Committer;
use interline_server::store::{AppendOutcome, ReviewRow, Store};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::suite::material::{append, client, create, head_after};

/// Appenders on each node; each has a review to itself.
const APPENDERS: usize = 8;
/// How many appends lie between two blows.
const BETWEEN: u64 = 60;
const PATIENCE: Duration = Duration::from_secs(60);

/// Appenders at work.
pub(super) struct Load {
    stores: Vec<Arc<dyn Store>>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    appenders: Vec<JoinHandle<(ReviewRow, u64)>>,
    committers: Vec<JoinHandle<()>>,
}

impl Load {
    /// On several nodes, each with a committer of its own.
    pub(super) async fn start(stores: &[Arc<dyn Store>]) -> Load {
        let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (mut appenders, mut committers) = (Vec::new(), Vec::new());
        for store in stores {
            let (committer, task) = Committer::start(store.clone(), Default::default());
            committers.push(task);
            for _ in 0..APPENDERS {
                let row = create(&**store, None).await;
                let work = work(store.clone(), committer.clone(), row, stop.clone(), acknowledged.clone());
                appenders.push(tokio::spawn(work));
            }
        }
        Load { stores: stores.to_vec(), stop, acknowledged, appenders, committers }
    }

    /// Waits until so much more was acknowledged that whatever was done to the database is overcome.
    pub(super) async fn goes_on(&self) {
        let enough = self.acknowledged.load(Ordering::Relaxed) + BETWEEN;
        let end = Instant::now() + PATIENCE;
        while self.acknowledged.load(Ordering::Relaxed) < enough {
            assert!(Instant::now() < end, "nothing is appended any more");
            assert!(self.appenders.iter().all(|appender| !appender.is_finished()), "an appender has failed");
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends it: every log is just what was acknowledged.
    pub(super) async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for appender in self.appenders {
            let (row, acknowledged) = appender.await.unwrap();
            let store = &self.stores[0];
            let entries = store.entries(row.id, 0, 1_000_000).await.unwrap();
            assert_eq!(entries.len() as u64, acknowledged + 1, "every append once, and the first entry");
            let (mut link, mut seqs) = (Hash::default(), HashMap::new());
            for (entry, version) in entries.iter().zip(1..) {
                link = link.chain(entry.payload.as_bytes());
                assert_eq!((entry.version, entry.hash), (version, link));
                let entry = entry.decode().unwrap();
                let last = seqs.insert(entry.client, entry.seq).unwrap_or(entry.seq.saturating_sub(1));
                assert!(entry.seq == 0 || entry.seq == last + 1, "batch {} comes behind {last}", entry.seq);
            }
            let now = store.find_review(&row.id.to_string()).await.unwrap().unwrap();
            assert_eq!(now.head, Head { version: acknowledged + 1, hash: link });
            let answer = store.last_answer(row.id, client(1)).await.unwrap();
            assert_eq!(answer.map_or(0, |answer| answer.seq), acknowledged);
        }
        for committer in self.committers {
            committer.await.unwrap();
        }
    }
}

/// Appends one entry after another, as a room does: what fails is tried again, and what is lost must have happened,
/// for nobody else appends to the review. How many were acknowledged.
async fn work(
    store: Arc<dyn Store>,
    committer: Committer,
    mut row: ReviewRow,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
) -> (ReviewRow, u64) {
    let mut seq = 0;
    while !stop.load(Ordering::Relaxed) {
        seq += 1;
        let request = append(&row, &[(client(1), seq)]);
        loop {
            match committer.append(request.clone()).await {
                Ok(AppendOutcome::Appended) => break,
                Ok(AppendOutcome::Lost | AppendOutcome::LinkedLost) => {
                    let held = async { store.holds(row.id, head_after(&request)).await };
                    match held.await {
                        Ok(held) => {
                            assert!(held, "an append was lost to nobody");
                            break;
                        }
                        Err(error) => assert!(error.retryable(), "{error}"),
                    }
                }
                Err(error) => assert!(error.retryable(), "{error}"),
            }
            sleep(Duration::from_millis(5)).await;
        }
        row.head = head_after(&request);
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    (row, seq)
}
