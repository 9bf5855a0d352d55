//! A tab with one store and one client, step by step.

use interline::store::{Confirmed, IndexedDbStore, Record, Scope, Storage, indexeddb};
use interline::{ClientId, Coded, Store, StoreError};
use interline_core::entry::{EncodedEntry, Hash};
use js_sys::Array;
use std::sync::Arc;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::suite::{owner, review};

/// What is thrown: the error's code, and what it says.
fn thrown(error: StoreError) -> JsValue {
    js_sys::Error::new(&format!("{}: {error}", error.code())).into()
}

#[wasm_bindgen]
pub struct Tab {
    store: Arc<dyn Store>,
    scope: Option<Scope>,
    /// A confirmed part to be saved again and again.
    prepared: String,
}

#[wasm_bindgen]
impl Tab {
    pub async fn open(name: String) -> Result<Tab, JsValue> {
        let store = IndexedDbStore::open(&name).await.map_err(thrown)?;
        Ok(Tab { store: Arc::new(store), scope: None, prepared: String::new() })
    }

    pub async fn open_or_memory(name: String) -> Result<Tab, JsValue> {
        Ok(Tab {
            store: indexeddb::open_or_memory(&name).await.map_err(thrown)?,
            scope: None,
            prepared: String::new(),
        })
    }

    pub fn storage(&self) -> String {
        match self.store.storage() {
            Storage::IndexedDb => "indexeddb".into(),
            Storage::Memory => "memory".into(),
            other => format!("{other:?}"),
        }
    }

    /// Begins a client of Ann's; says its id.
    pub async fn begin(&mut self) -> Result<String, JsValue> {
        let fresh = ClientId(uuid::Uuid::now_v7());
        let client = self.store.client_id(&owner("ann"), fresh).await.map_err(thrown)?;
        self.scope = Some(Scope { owner: owner("ann"), client });
        Ok(client.to_string())
    }

    /// Goes on as this client.
    pub async fn hold(&mut self, client: String) -> Result<(), JsValue> {
        let scope = Scope { owner: owner("ann"), client: client.parse().unwrap() };
        self.store.hold(&scope).await.map_err(thrown)?;
        self.scope = Some(scope);
        Ok(())
    }

    pub async fn release(&mut self) {
        if let Some(scope) = self.scope.take() {
            self.store.release(&scope).await;
        }
    }

    pub async fn orphans(&self) -> Result<Vec<String>, JsValue> {
        let scopes = self.store.orphans(&owner("ann")).await.map_err(thrown)?;
        Ok(scopes.into_iter().map(|scope| scope.client.to_string()).collect())
    }

    fn scope(&self) -> &Scope {
        self.scope.as_ref().unwrap()
    }

    /// Saves a review with so many bytes of a confirmed part that nothing can make smaller.
    pub async fn save(&self, n: u32, pending: String, bytes: u32, precious: bool) -> Result<(), JsValue> {
        let mut random = fastrand::Rng::with_seed(n.into());
        let text: String = (0..bytes).map(|_| random.alphanumeric()).collect();
        let confirmed = Confirmed::Whole(text);
        let record = Record { pending, ledger: None, confirmed, precious };
        self.store.save(self.scope(), review(n.into()), &record).await.map_err(thrown)
    }

    /// Makes a confirmed part of so many bytes; says how many.
    pub fn prepare(&mut self, bytes: u32) -> usize {
        self.prepared = "x".repeat(bytes as usize);
        self.prepared.len()
    }

    /// Saves a review with that.
    pub async fn save_prepared(&self, n: u32, pending: String) -> Result<(), JsValue> {
        let confirmed = Confirmed::Whole(self.prepared.clone());
        let record = Record { pending, ledger: None, confirmed, precious: true };
        self.store.save(self.scope(), review(n.into()), &record).await.map_err(thrown)
    }

    /// Saves a key press: what is pending, and with `version` an entry.
    pub async fn keystroke(&self, n: u32, pending: String, version: Option<u32>) -> Result<(), JsValue> {
        let entry = |version: u32| {
            let payload = format!("{{\"version\":{version}}}").into();
            EncodedEntry { version: version.into(), hash: Hash::of(&version.to_le_bytes()), payload }
        };
        let confirmed = version.map_or(Confirmed::Same, |version| Confirmed::Behind(vec![entry(version)]));
        let record = Record { pending, ledger: None, confirmed, precious: true };
        self.store.save(self.scope(), review(n.into()), &record).await.map_err(thrown)
    }

    /// What was pending, how long the confirmed part is if it is there, and what is damaged.
    pub async fn load(&self, n: u32) -> Result<JsValue, JsValue> {
        let Some(found) = self.store.load(self.scope(), review(n.into())).await.map_err(thrown)? else {
            return Ok(JsValue::NULL);
        };
        let confirmed = found.confirmed.map_or(JsValue::NULL, |text| (text.len() as f64).into());
        let damaged = found.damaged.map_or(JsValue::NULL, JsValue::from);
        Ok(Array::of4(&found.pending.into(), &confirmed, &(found.entries.len() as f64).into(), &damaged)
            .into())
    }

    pub fn left(&self, n: u32) {
        self.store.left(self.scope(), review(n.into()));
    }

    /// The texts that were set aside.
    pub async fn unreadable(&self) -> Result<Vec<String>, JsValue> {
        let found = self.store.unreadable(&self.scope().owner).await.map_err(thrown)?;
        Ok(found
            .into_iter()
            .map(|found| format!("{}: {}", found.name, String::from_utf8_lossy(&found.bytes)))
            .collect())
    }

    /// Waits until the store says that what was kept is gone.
    pub async fn lost(&self) {
        self.store.lost().await;
    }

    pub fn reports(&self) -> Vec<String> {
        self.store.reports().into_iter().map(|error| format!("{}: {error}", error.code())).collect()
    }
}
