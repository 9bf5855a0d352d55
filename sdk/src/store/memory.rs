//! A store that lasts as long as its last clone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use interline_core::id::{ClientId, ReviewId};

use super::{Confirmed, Owner, Part, Record, Scope, Storage, Store, StoreError, Stored, Unreadable};
use crate::lock::lock;
use crate::platform;

/// Keeps replicas in memory. Clones share what is in it, as stores on one folder do: a new client on a clone goes on
/// where the one before it stopped, with the same id and everything that was pending, once that has ended. What the
/// clients of one clone hold is given back with it at the latest.
#[derive(Default)]
pub struct MemoryStore {
    records: Arc<Mutex<Records>>,
    held: Mutex<BTreeSet<Scope>>,
    /// Why it is in the place of another store.
    why: Option<StoreError>,
    /// That has been reported.
    told: Mutex<bool>,
}

#[derive(Default)]
struct Records {
    slots: BTreeMap<Owner, Vec<Slot>>,
    keys: BTreeMap<(Owner, String), ReviewId>,
    replicas: BTreeMap<(Scope, ReviewId), Kept>,
    unreadable: BTreeMap<Scope, Vec<Unreadable>>,
}

struct Slot {
    client: ClientId,
    named: bool,
    held: bool,
}

/// A replica; `None` once it was set aside.
type Kept = Option<(Stored, bool)>;

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// An empty store in the place of one that cannot be, as it [reports](Store::reports).
    pub fn instead_of(error: StoreError) -> MemoryStore {
        let mut store = MemoryStore::new();
        store.why = Some(error);
        store
    }

    /// The records of a client that began here.
    fn of(&self, scope: &Scope) -> Result<MutexGuard<'_, Records>, StoreError> {
        let held = lock(&self.held).contains(scope);
        if held { Ok(lock(&self.records)) } else { Err(StoreError::not_held()) }
    }
}

impl Clone for MemoryStore {
    fn clone(&self) -> MemoryStore {
        let mut store = MemoryStore::new();
        store.records = Arc::clone(&self.records);
        store
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        let mut records = lock(&self.records);
        lock(&self.held).iter().for_each(|scope| records.let_go(scope));
    }
}

impl Records {
    fn of_scope(&self, scope: &Scope) -> impl Iterator<Item = (ReviewId, &Kept)> {
        let ids = (scope.clone(), ReviewId(uuid::Uuid::nil()))..=(scope.clone(), ReviewId(uuid::Uuid::max()));
        self.replicas.range(ids).map(|((_, review), kept)| (*review, kept))
    }

    fn let_go(&mut self, scope: &Scope) {
        let slots = self.slots.get_mut(&scope.owner).into_iter().flatten();
        slots.filter(|slot| slot.client == scope.client).for_each(|slot| slot.held = false);
    }

    /// Moves the texts of a part to what cannot be read.
    fn set_aside(&mut self, scope: &Scope, review: ReviewId, part: Part) {
        let Some(kept) = self.replicas.get_mut(&(scope.clone(), review)) else { return };
        let Some((stored, _)) = kept else { return };
        let at = platform::now_ms();
        let mut texts = Vec::new();
        if part != Part::Confirmed {
            texts.extend(stored.ledger.take().map(|text| ("ledger".to_owned(), text)));
        }
        if part != Part::Ledger {
            texts.extend(stored.confirmed.take().map(|text| ("confirmed".to_owned(), text)));
            let entries = stored.entries.drain(..);
            texts
                .extend(entries.map(|entry| (format!("entry {}", entry.version), entry.payload.to_string())));
        }
        if part == Part::Record {
            texts.push(("pending".to_owned(), std::mem::take(&mut stored.pending)));
            *kept = None;
        }
        let texts = texts.into_iter();
        let texts = texts.map(|(name, text)| Unreadable::text(review, at, name, text.into_bytes()));
        self.unreadable.entry(scope.clone()).or_default().extend(texts);
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Store for MemoryStore {
    async fn client_id(&self, owner: &Owner, fresh: ClientId) -> Result<ClientId, StoreError> {
        let mut records = lock(&self.records);
        let scope = |client| Scope { owner: owner.clone(), client };
        let mut slots = records.slots.remove(owner).unwrap_or_default();
        slots
            .retain(|slot| slot.held || slot.named || records.of_scope(&scope(slot.client)).next().is_some());
        let client = match slots.iter_mut().find(|slot| !slot.held && !slot.named) {
            Some(slot) => {
                slot.held = true;
                slot.client
            }
            None => {
                slots.push(Slot { client: fresh, named: false, held: true });
                fresh
            }
        };
        records.slots.insert(owner.clone(), slots);
        lock(&self.held).insert(scope(client));
        Ok(client)
    }

    async fn hold(&self, scope: &Scope) -> Result<(), StoreError> {
        let mut records = lock(&self.records);
        let slots = records.slots.entry(scope.owner.clone()).or_default();
        match slots.iter_mut().find(|slot| slot.client == scope.client) {
            Some(slot) if slot.held => return Err(StoreError::in_use()),
            Some(slot) => slot.held = true,
            None => slots.push(Slot { client: scope.client, named: true, held: true }),
        }
        lock(&self.held).insert(scope.clone());
        Ok(())
    }

    async fn release(&self, scope: &Scope) {
        if lock(&self.held).remove(scope) {
            lock(&self.records).let_go(scope);
        }
    }

    async fn orphans(&self, owner: &Owner) -> Result<Vec<Scope>, StoreError> {
        let records = lock(&self.records);
        let free = records.slots.get(owner).into_iter().flatten().filter(|slot| !slot.held && !slot.named);
        let scopes = free.map(|slot| Scope { owner: owner.clone(), client: slot.client });
        let precious = |scope: &Scope| {
            records.of_scope(scope).any(|(_, kept)| kept.as_ref().is_some_and(|(_, precious)| *precious))
        };
        Ok(scopes.filter(precious).collect())
    }

    async fn resolve(&self, owner: &Owner, key: &str) -> Result<Option<ReviewId>, StoreError> {
        Ok(lock(&self.records).keys.get(&(owner.clone(), key.to_owned())).copied())
    }

    async fn remember(&self, owner: &Owner, key: &str, review: ReviewId) -> Result<(), StoreError> {
        lock(&self.records).keys.insert((owner.clone(), key.to_owned()), review);
        Ok(())
    }

    async fn load(&self, scope: &Scope, review: ReviewId) -> Result<Option<Stored>, StoreError> {
        match self.of(scope)?.replicas.get(&(scope.clone(), review)) {
            None => Ok(None),
            Some(Some((stored, _))) => Ok(Some(stored.clone())),
            Some(None) => Err(StoreError::unreadable(format!("the local copy of {review} was set aside"))),
        }
    }

    async fn peek(&self, scope: &Scope, review: ReviewId) -> Result<Option<String>, StoreError> {
        Ok(self.load(scope, review).await?.map(|stored| stored.pending))
    }

    async fn save(&self, scope: &Scope, review: ReviewId, record: &Record) -> Result<(), StoreError> {
        let mut records = self.of(scope)?;
        let kept = records.replicas.get(&(scope.clone(), review));
        let whole = matches!(record.confirmed, Confirmed::Whole(_));
        if matches!(kept, Some(None)) && !whole {
            return Err(StoreError::unreadable(format!("the local copy of {review} was set aside")));
        }
        let before = kept.cloned().flatten().map(|(stored, _)| stored);
        let Stored { ledger, mut confirmed, mut entries, .. } = before.unwrap_or_else(|| Stored {
            pending: String::new(),
            ledger: None,
            confirmed: None,
            entries: Vec::new(),
            damaged: None,
        });
        match &record.confirmed {
            Confirmed::Same => {}
            Confirmed::Behind(_) if confirmed.is_none() => return Err(StoreError::nothing_before()),
            Confirmed::Behind(more) => entries.extend_from_slice(more),
            Confirmed::Whole(text) => {
                confirmed = Some(text.clone());
                entries.clear();
            }
        }
        let ledger = record.ledger.clone().or(ledger);
        let stored = Stored { pending: record.pending.clone(), ledger, confirmed, entries, damaged: None };
        records.replicas.insert((scope.clone(), review), Some((stored, record.precious)));
        Ok(())
    }

    async fn set_aside(&self, scope: &Scope, review: ReviewId, part: Part) -> Result<(), StoreError> {
        self.of(scope)?.set_aside(scope, review, part);
        Ok(())
    }

    async fn unreadable(&self, owner: &Owner) -> Result<Vec<Unreadable>, StoreError> {
        let records = lock(&self.records);
        let ours = records.unreadable.iter().filter(|(scope, _)| scope.owner == *owner);
        let mut found: Vec<_> = ours.flat_map(|(_, found)| found.iter().cloned()).collect();
        found.sort_by_key(|unreadable| unreadable.at);
        Ok(found)
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<ReviewId>, StoreError> {
        Ok(self.of(scope)?.of_scope(scope).map(|(review, _)| review).collect())
    }

    async fn remove(&self, scope: &Scope, review: ReviewId) -> Result<(), StoreError> {
        self.of(scope)?.replicas.remove(&(scope.clone(), review));
        Ok(())
    }

    fn reports(&self) -> Vec<StoreError> {
        let told = std::mem::replace(&mut *lock(&self.told), true);
        self.why.clone().filter(|_| !told).into_iter().collect()
    }

    fn storage(&self) -> Storage {
        Storage::Memory
    }

    fn instead_of(&self) -> Option<StoreError> {
        self.why.clone()
    }
}
