//! Making room where there is none: what the server has as well goes, the least recently used first.

use gloo_timers::future::TimeoutFuture;
use interline_core::id::ReviewId;
use js_sys::{Function, Promise};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::IdbDatabase;

use super::locks::{Asked, Lock, field};
use super::rows::{self, Cache};
use super::slots;
use crate::store::{Scope, StoreError, StoreErrorKind};

/// How often to look whether what went is noticed.
const NOTICE_TRIES: u32 = 20;
/// And how long to wait in between, in milliseconds.
const NOTICE_MS: u32 = 50;

/// Whether a record of this store's own clients is open; of anybody else's it does not know.
pub(super) type InUse<'a> = &'a dyn Fn(&Scope, ReviewId) -> Option<bool>;

/// Does something that takes space; as long as there is none, a cache goes and it tries again.
pub(super) async fn make<T>(
    database: &IdbDatabase,
    name: &str,
    in_use: InUse<'_>,
    attempt: impl AsyncFn() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut result = attempt().await;
    if !is_full(&result) {
        return result;
    }
    let mut caches = rows::caches(database).await.unwrap_or_default();
    caches.sort_by(|a, b| b.touched.total_cmp(&a.touched));
    while let Some(cache) = caches.pop() {
        let before = usage().await;
        let Some(evicted) = evict(database, name, &cache, in_use(&cache.scope, cache.review)).await else {
            continue;
        };
        result = again(database, before, &attempt).await;
        if let Evicted::Others(_lock) = evicted {
            // Behind what it took away, for before that there is no space to write it. Should there still be none:
            // whoever saves behind what is gone without this is told that there is nothing.
            let _ = rows::outdate(database, &cache.scope).await;
        }
        if !is_full(&result) {
            break;
        }
    }
    result
}

pub(super) fn is_full<T>(result: &Result<T, StoreError>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == StoreErrorKind::Full)
}

/// Whose slot something went from.
enum Evicted {
    Ours,
    /// Nobody living, nor can anybody begin to while this is held.
    Others(Lock),
}

/// Drops what is confirmed of a record that nobody uses; `None` where it stays.
async fn evict(database: &IdbDatabase, name: &str, cache: &Cache, in_use: Option<bool>) -> Option<Evicted> {
    let evicted = match in_use {
        Some(true) => return None,
        Some(false) => Evicted::Ours,
        None => match slots::ask(name, &cache.scope).await {
            Asked::Ours(lock) => Evicted::Others(lock),
            Asked::Taken | Asked::Unknown => return None,
        },
    };
    rows::evict(database, cache).await.ok().map(|()| evicted)
}

/// Tries again now that something is gone: each time that the browser counts otherwise than before, and once more after
/// a while. The files of what was deleted go a moment later than the transaction ends, and a browser that has counted
/// in between counts again only after the next transaction.
async fn again<T>(
    database: &IdbDatabase,
    mut before: Option<f64>,
    attempt: &impl AsyncFn() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    for _ in 0..NOTICE_TRIES {
        let now = usage().await;
        if now != before {
            before = now;
            let result = attempt().await;
            if !is_full(&result) {
                return result;
            }
        }
        TimeoutFuture::new(NOTICE_MS).await;
        let _ = rows::delete_nothing(database).await;
    }
    attempt().await
}

/// How much this origin stores, in bytes, where the browser says.
async fn usage() -> Option<f64> {
    let storage = field(&field(&js_sys::global(), "navigator")?, "storage")?;
    let estimate: Function = field(&storage, "estimate")?.dyn_into().ok()?;
    let promise: Promise = estimate.call0(&storage).ok()?.dyn_into().ok()?;
    field(&JsFuture::from(promise).await.ok()?, "usage")?.as_f64()
}
