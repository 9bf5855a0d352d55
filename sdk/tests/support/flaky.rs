//! A store that fails when it is told to.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use interline::store::{Owner, Record, Scope, Stored, Unreadable};
use interline::{ClientId, MemoryStore, ReviewId, Store, StoreError};

/// A store in memory whose next so many calls fail.
#[derive(Clone, Default)]
pub struct Flaky {
    pub inner: Arc<MemoryStore>,
    pub lists: Arc<AtomicU32>,
    pub saves: Arc<AtomicU32>,
    /// Once a save of this review has had these words in its ledger, no save of it succeeds any more.
    pub last_words: Arc<Mutex<Option<(ReviewId, &'static str)>>>,
    pub silenced: Arc<AtomicBool>,
    /// Saves of this client's in which nothing is pending any more wait while this says so.
    pub slow: Arc<Mutex<Option<ClientId>>>,
    /// Saves of this client's of this review fail while this says so.
    pub stuck: Arc<Mutex<Option<(ClientId, ReviewId)>>>,
    /// Told when what is in it is gone.
    pub lost: Arc<tokio::sync::Notify>,
}

fn fails(times: &AtomicU32) -> Result<(), StoreError> {
    let one_less = times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
    if one_less.is_ok() { Err(StoreError::new("an I/O error")) } else { Ok(()) }
}

#[async_trait::async_trait]
impl Store for Flaky {
    async fn client_id(&self, owner: &Owner, fresh: ClientId) -> Result<ClientId, StoreError> {
        self.inner.client_id(owner, fresh).await
    }
    async fn hold(&self, scope: &Scope) -> Result<(), StoreError> {
        self.inner.hold(scope).await
    }
    async fn lost(&self) {
        self.lost.notified().await;
    }
    async fn release(&self, scope: &Scope) {
        self.inner.release(scope).await;
    }
    async fn orphans(&self, owner: &Owner) -> Result<Vec<Scope>, StoreError> {
        self.inner.orphans(owner).await
    }
    async fn resolve(&self, owner: &Owner, key: &str) -> Result<Option<ReviewId>, StoreError> {
        self.inner.resolve(owner, key).await
    }
    async fn remember(&self, owner: &Owner, key: &str, review: ReviewId) -> Result<(), StoreError> {
        self.inner.remember(owner, key, review).await
    }
    async fn load(&self, scope: &Scope, review: ReviewId) -> Result<Option<Stored>, StoreError> {
        self.inner.load(scope, review).await
    }
    async fn peek(&self, scope: &Scope, review: ReviewId) -> Result<Option<String>, StoreError> {
        self.inner.peek(scope, review).await
    }
    async fn save(&self, scope: &Scope, review: ReviewId, record: &Record) -> Result<(), StoreError> {
        fails(&self.saves)?;
        if *self.stuck.lock().unwrap() == Some((scope.client, review)) {
            return Err(StoreError::new("an I/O error"));
        }
        while !record.precious && *self.slow.lock().unwrap() == Some(scope.client) {
            tokio::task::yield_now().await;
        }
        let last = self.last_words.lock().unwrap().filter(|(of, _)| *of == review);
        if last.is_some() && self.silenced.load(Ordering::SeqCst) {
            return Err(StoreError::new("an I/O error"));
        }
        self.inner.save(scope, review, record).await?;
        let said =
            |(_, words): (_, &str)| record.ledger.as_ref().is_some_and(|ledger| ledger.contains(words));
        self.silenced.fetch_or(last.is_some_and(said), Ordering::SeqCst);
        Ok(())
    }
    async fn set_aside(
        &self,
        scope: &Scope,
        review: ReviewId,
        part: interline::store::Part,
    ) -> Result<(), StoreError> {
        self.inner.set_aside(scope, review, part).await
    }
    async fn unreadable(&self, owner: &Owner) -> Result<Vec<Unreadable>, StoreError> {
        self.inner.unreadable(owner).await
    }
    async fn list(&self, scope: &Scope) -> Result<Vec<ReviewId>, StoreError> {
        fails(&self.lists)?;
        self.inner.list(scope).await
    }
    async fn remove(&self, scope: &Scope, review: ReviewId) -> Result<(), StoreError> {
        self.inner.remove(scope, review).await
    }
}
