//! Room for what is written: whether there was any for the last write, and outliving that there is none.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::store::StoreError;

/// How long a failed write says something about the next: clients try again within a second or two, and where
/// nobody writes any more nobody knows.
const FRESH: Duration = Duration::from_secs(10);

/// When a write last failed for lack of room, unless one has succeeded since.
#[derive(Debug, Default)]
pub(super) struct Fullness {
    failed: Mutex<Option<(Instant, String)>>,
}

impl Fullness {
    /// Notes what became of a call that always writes.
    pub(super) fn watch<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.is_ok() {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        self.watch_failures(result)
    }

    /// Notes what became of a call that may have found nothing to write.
    pub(super) fn watch_failures<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Full(why)) = &result {
            let failed = Some((Instant::now(), why.clone()));
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
        }
        result
    }

    /// An error while the last write failed, a moment ago.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match &*self.failed.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((at, why)) if at.elapsed() < FRESH => Err(StoreError::Full(why.clone())),
            _ => Ok(()),
        }
    }
}
