//! One transaction: wholly or not at all.

use std::cell::RefCell;
use std::rc::Rc;

use idb::{KeyRange, ObjectStore, Query};
use js_sys::{Array, Function, Object, Reflect};
use tokio::sync::oneshot;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DomException, Event, IdbDatabase, IdbTransaction};

use super::schema::{explain, explain_idb};
use crate::store::StoreError;

/// A transaction that is under way; dropped before it is [done](Tx::done), it did nothing.
///
/// Between its calls nothing may be awaited but its own requests: the browser ends it where none is under way.
pub(super) struct Tx {
    inner: IdbTransaction,
    outcome: Option<oneshot::Receiver<Option<DomException>>>,
    _told: [Closure<dyn FnMut(Event)>; 2],
}

/// What a transaction may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    Read,
    /// On the disk once it is done.
    Write,
    /// As soon as the browser gets to it.
    WriteLater,
}

impl Tx {
    pub(super) fn begin(database: &IdbDatabase, stores: &[&str], mode: Mode) -> Result<Tx, StoreError> {
        let inner =
            begin(database, stores, mode).map_err(|error| match error.dyn_into::<DomException>() {
                Ok(error) => explain("began nothing", &error),
                Err(_) => StoreError::new("IndexedDB began nothing"),
            })?;
        let (sender, outcome) = oneshot::channel();
        let sender = Rc::new(RefCell::new(Some(sender)));
        let send = move |sender: &RefCell<Option<oneshot::Sender<_>>>, error| {
            if let Some(sender) = sender.borrow_mut().take() {
                let _ = sender.send(error);
            }
        };
        let (completed, aborted) = (Rc::clone(&sender), inner.clone());
        let complete = Closure::<dyn FnMut(Event)>::new(move |_| send(&completed, None));
        // A full disk shows here and nowhere else.
        let abort = Closure::<dyn FnMut(Event)>::new(move |_| send(&sender, Some(why(&aborted))));
        inner.set_oncomplete(Some(complete.as_ref().unchecked_ref()));
        inner.set_onabort(Some(abort.as_ref().unchecked_ref()));
        Ok(Tx { inner, outcome: Some(outcome), _told: [complete, abort] })
    }

    fn store(&self, name: &str) -> Result<ObjectStore, StoreError> {
        let store = self.inner.object_store(name).map(ObjectStore::from);
        store.map_err(|_| StoreError::new(format!("IndexedDB has no {name}")))
    }

    pub(super) async fn get(&self, store: &str, key: &JsValue) -> Result<Option<JsValue>, StoreError> {
        let request = self.store(store)?.get(key.clone());
        let found = match request {
            Ok(request) => request.await,
            Err(error) => Err(error),
        };
        found.map_err(|error| explain_idb("was not read", &error))
    }

    pub(super) async fn keys(&self, store: &str, range: &KeyRange) -> Result<Vec<Array>, StoreError> {
        let request = self.store(store)?.get_all_keys(Some(range.clone().into()), None);
        let keys = match request {
            Ok(request) => request.await,
            Err(error) => Err(error),
        };
        let keys = keys.map_err(|error| explain_idb("was not read", &error))?;
        Ok(keys.into_iter().filter_map(|key| key.dyn_into().ok()).collect())
    }

    /// Keys and values.
    pub(super) async fn rows(
        &self,
        store: &str,
        range: &KeyRange,
    ) -> Result<Vec<(Array, JsValue)>, StoreError> {
        let keys = self.keys(store, range).await?;
        let request = self.store(store)?.get_all(Some(range.clone().into()), None);
        let values = match request {
            Ok(request) => request.await,
            Err(error) => Err(error),
        };
        Ok(keys.into_iter().zip(values.map_err(|error| explain_idb("was not read", &error))?).collect())
    }

    /// Nobody waits for it alone: if it fails, so does the transaction.
    pub(super) fn put(&self, store: &str, key: &JsValue, value: &JsValue) -> Result<(), StoreError> {
        let put = self.store(store)?.put(value, Some(key));
        put.map(drop).map_err(|error| explain_idb("takes no more", &error))
    }

    pub(super) fn delete(&self, store: &str, what: impl Into<Query>) -> Result<(), StoreError> {
        let deleted = self.store(store)?.delete(what);
        deleted.map(drop).map_err(|error| explain_idb("takes no more", &error))
    }

    /// Waits until all of it has happened.
    pub(super) async fn done(mut self) -> Result<(), StoreError> {
        let Some(outcome) = self.outcome.take() else { return Ok(()) };
        // Where it is over by itself already, this is late, and the outcome says the same.
        #[expect(deprecated, reason = "left out of one edition of the standard, and back in the next")]
        let _ = self.inner.commit();
        let error = outcome.await;
        match error {
            Ok(None) => Ok(()),
            Ok(Some(error)) => Err(explain("wrote nothing", &error)),
            Err(_) => Err(StoreError::new("IndexedDB did not answer")),
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        self.inner.set_oncomplete(None);
        self.inner.set_onabort(None);
        if self.outcome.is_some() {
            // Fails where it is over.
            let _ = self.inner.abort();
        }
    }
}

fn why(transaction: &IdbTransaction) -> DomException {
    let unknown = || DomException::new_with_message_and_name("it was aborted", "AbortError");
    transaction.error().or_else(|| unknown().ok()).unwrap_or_else(|| JsValue::NULL.unchecked_into())
}

/// By hand: no binding takes how durable it is.
fn begin(database: &IdbDatabase, stores: &[&str], mode: Mode) -> Result<IdbTransaction, JsValue> {
    let begin: Function = Reflect::get(database, &"transaction".into())?.dyn_into()?;
    let stores: Array = stores.iter().map(|name| JsValue::from_str(name)).collect();
    let word = if mode == Mode::Read { "readonly" } else { "readwrite" };
    let options = Object::new();
    let durability = if mode == Mode::Write { "strict" } else { "relaxed" };
    Reflect::set(&options, &"durability".into(), &durability.into())?;
    begin.call3(database, &stores, &word.into(), &options)?.dyn_into()
}
