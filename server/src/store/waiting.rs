//! Appends to reviews that somebody else has locked: each waits by itself, a little at a time, so that as many as
//! are locked hold up nobody but themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::committer::{SETTLE_TRIES, settled};
use super::{AppendOutcome, ReviewAppend, Store, StoreError};
use crate::metrics::Metrics;

/// How many are tried at once: each takes a connection, and there have to be some left for everything else.
const PLACES: usize = 8;
/// In about that time everybody has had a try. The more wait the shorter each of their tries is.
const ROUND: Duration = Duration::from_millis(500);
/// The shortest try.
const SHORTEST: Duration = Duration::from_millis(10);
/// Between two tries, so that who comes anew finds a place.
const PAUSE: Duration = Duration::from_millis(5);
/// How long an append waits in all.
const PATIENCE: Duration = Duration::from_secs(8);

/// The places that appends are tried at which have to wait for somebody.
#[derive(Clone)]
pub(super) struct Waiting {
    store: Arc<dyn Store>,
    metrics: Metrics,
    places: Arc<Semaphore>,
    /// How many wait, at a place or for one.
    count: Arc<AtomicUsize>,
}

impl Waiting {
    pub(super) fn new(store: Arc<dyn Store>, metrics: Metrics) -> Waiting {
        Waiting { store, metrics, places: Arc::new(Semaphore::new(PLACES)), count: Arc::default() }
    }

    /// Appends once whoever has locked the review lets it go; where it is in `doubt` an attempt before may be on its
    /// way.
    pub(super) async fn append(
        &self,
        append: &ReviewAppend,
        mut doubt: Option<String>,
    ) -> Result<AppendOutcome, StoreError> {
        self.metrics.waiting.increment(1);
        let _counted = Counted::new(&self.count);
        let began = Instant::now();
        loop {
            let place = self.places.acquire().await;
            let wait = share(self.count.load(Relaxed));
            let tried = settled(doubt, &self.metrics, || self.store.append_within(append, wait)).await?;
            drop(place);
            if let Some(outcome) = tried.outcome {
                return Ok(outcome);
            }
            doubt = tried.doubt;
            match &doubt {
                None if began.elapsed() >= PATIENCE => {
                    return Err(StoreError::Unavailable("somebody else has locked the review".to_owned()));
                }
                // Whoever has locked it may be the attempt before.
                Some(unknown) if began.elapsed() >= PATIENCE * SETTLE_TRIES => {
                    return Err(StoreError::UnknownOutcome(unknown.clone()));
                }
                _ => sleep(PAUSE).await,
            }
        }
    }
}

/// How long each of so many may try.
fn share(waiting: usize) -> Duration {
    let rounds = u32::try_from(waiting.div_ceil(PLACES)).unwrap_or(u32::MAX).max(1);
    (ROUND / rounds).max(SHORTEST)
}

/// Counts one that waits, for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl Counted<'_> {
    fn new(count: &AtomicUsize) -> Counted<'_> {
        count.fetch_add(1, Relaxed);
        Counted(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_wait_the_shorter_they_try() {
        assert_eq!((share(0), share(1), share(8)), (ROUND, ROUND, ROUND));
        assert_eq!((share(9), share(80)), (ROUND / 2, ROUND / 10));
        assert_eq!(share(usize::MAX), SHORTEST);
    }
}
