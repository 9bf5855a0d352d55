//! A store that lasts as long as its last clone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use interline_core::id::{ClientId, ReviewId};
use interline_core::sync::Saved;

use super::{Owner, Scope, Store, StoreError};
use crate::lock::lock;

/// Keeps replicas in memory. Clones share what is in it: a new client on a clone goes on where the one before it
/// stopped, with the same id and everything that was pending.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Records>>);

#[derive(Default)]
struct Records {
    clients: BTreeMap<Owner, ClientId>,
    keys: BTreeMap<(Owner, String), ReviewId>,
    replicas: BTreeMap<(Scope, ReviewId), Saved>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Store for MemoryStore {
    async fn client_id(&self, owner: &Owner, fresh: ClientId) -> Result<ClientId, StoreError> {
        Ok(*lock(&self.0).clients.entry(owner.clone()).or_insert(fresh))
    }

    async fn resolve(&self, owner: &Owner, key: &str) -> Result<Option<ReviewId>, StoreError> {
        Ok(lock(&self.0).keys.get(&(owner.clone(), key.to_owned())).copied())
    }

    async fn remember(&self, owner: &Owner, key: &str, review: ReviewId) -> Result<(), StoreError> {
        lock(&self.0).keys.insert((owner.clone(), key.to_owned()), review);
        Ok(())
    }

    async fn load(&self, scope: &Scope, review: ReviewId) -> Result<Option<Saved>, StoreError> {
        Ok(lock(&self.0).replicas.get(&(scope.clone(), review)).cloned())
    }

    async fn save(&self, scope: &Scope, review: ReviewId, saved: &Saved) -> Result<(), StoreError> {
        let saved = saved.clone();
        lock(&self.0).replicas.insert((scope.clone(), review), saved);
        Ok(())
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<ReviewId>, StoreError> {
        let records = lock(&self.0);
        Ok(records.replicas.keys().filter(|(owner, _)| owner == scope).map(|(_, review)| *review).collect())
    }

    async fn remove(&self, scope: &Scope, review: ReviewId) -> Result<(), StoreError> {
        lock(&self.0).replicas.remove(&(scope.clone(), review));
        Ok(())
    }
}
