//! A local store that notes which words were in what it has saved.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use interline::store::{Confirmed, Owner, Part, Record, Scope, Stored, Unreadable};
use interline::{ClientId, FileStore, ReviewId, Store, StoreError};

use super::ledger::Ledger;
use super::words;

/// A [`FileStore`] that writes a writer's ledger: a word counts as saved once a save that held it has returned.
pub struct Witness {
    store: FileStore,
    name: String,
    ledger: Arc<Mutex<Ledger>>,
}

impl Witness {
    /// Notes the words of this writer.
    pub fn new(store: FileStore, name: &str, ledger: Arc<Mutex<Ledger>>) -> Witness {
        Witness { store, name: name.to_owned(), ledger }
    }
}

#[async_trait]
impl Store for Witness {
    async fn client_id(&self, owner: &Owner, fresh: ClientId) -> Result<ClientId, StoreError> {
        self.store.client_id(owner, fresh).await
    }

    async fn hold(&self, scope: &Scope) -> Result<(), StoreError> {
        self.store.hold(scope).await
    }

    async fn release(&self, scope: &Scope) {
        self.store.release(scope).await;
    }

    async fn resolve(&self, owner: &Owner, key: &str) -> Result<Option<ReviewId>, StoreError> {
        self.store.resolve(owner, key).await
    }

    async fn remember(&self, owner: &Owner, key: &str, review: ReviewId) -> Result<(), StoreError> {
        self.store.remember(owner, key, review).await
    }

    async fn orphans(&self, owner: &Owner) -> Result<Vec<Scope>, StoreError> {
        self.store.orphans(owner).await
    }

    async fn load(&self, scope: &Scope, review: ReviewId) -> Result<Option<Stored>, StoreError> {
        self.store.load(scope, review).await
    }

    async fn save(&self, scope: &Scope, review: ReviewId, record: &Record) -> Result<(), StoreError> {
        self.store.save(scope, review, record).await?;
        let mut texts = vec![record.pending.as_str()];
        match &record.confirmed {
            Confirmed::Same => {}
            Confirmed::Behind(entries) => texts.extend(entries.iter().map(|entry| &*entry.payload)),
            Confirmed::Whole(review) => texts.push(review),
        }
        let words: BTreeSet<u32> = texts.iter().flat_map(|text| words::scan(text, &self.name)).collect();
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.saved(words).map_err(|error| StoreError::new(format!("the ledger: {error:#}")))
    }

    fn left(&self, scope: &Scope, review: ReviewId) {
        self.store.left(scope, review);
    }

    async fn set_aside(&self, scope: &Scope, review: ReviewId, part: Part) -> Result<(), StoreError> {
        self.store.set_aside(scope, review, part).await
    }

    async fn peek(&self, scope: &Scope, review: ReviewId) -> Result<Option<String>, StoreError> {
        self.store.peek(scope, review).await
    }

    async fn unreadable(&self, owner: &Owner) -> Result<Vec<Unreadable>, StoreError> {
        self.store.unreadable(owner).await
    }

    fn reports(&self) -> Vec<StoreError> {
        self.store.reports()
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<ReviewId>, StoreError> {
        self.store.list(scope).await
    }

    async fn remove(&self, scope: &Scope, review: ReviewId) -> Result<(), StoreError> {
        self.store.remove(scope, review).await
    }
}
