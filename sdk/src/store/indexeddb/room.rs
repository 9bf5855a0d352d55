//! Making room where there is none: what the server has as well goes, the least recently used first.

use gloo_timers::future::TimeoutFuture;
use interline_core::id::ReviewId;
use js_sys::{Function, Promise};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::IdbDatabase;

use super::locks::{Asked, field};
use super::rows::{self, Cache};
use super::slots;
use crate::store::{Scope, StoreError, StoreErrorKind};

/// How often to look whether what went is noticed.
const NOTICE_TRIES: u32 = 10;
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
        if evict(database, name, &cache, in_use(&cache.scope, cache.review)).await {
            result = attempt().await;
            if !is_full(&result) {
                break;
            }
        }
    }
    result
}

pub(super) fn is_full<T>(result: &Result<T, StoreError>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == StoreErrorKind::Full)
}

async fn evict(database: &IdbDatabase, name: &str, cache: &Cache, in_use: Option<bool>) -> bool {
    let before = usage().await;
    let evicted = match in_use {
        Some(true) => false,
        Some(false) => rows::evict(database, cache, true).await.is_ok(),
        None => match slots::ask(name, &cache.scope).await {
            // Nobody lives there, nor can anybody begin to before it is done.
            Asked::Ours(_lock) => rows::evict(database, cache, false).await.is_ok(),
            Asked::Taken | Asked::Unknown => false,
        },
    };
    if evicted {
        noticed(before).await;
    }
    evicted
}

/// Waits until the browser has noticed that there is more room than before, but not for long: it counts on its own.
async fn noticed(before: Option<f64>) {
    for _ in 0..NOTICE_TRIES {
        match (before, usage().await) {
            (Some(before), Some(now)) if now >= before => TimeoutFuture::new(NOTICE_MS).await,
            _ => break,
        }
    }
}

/// How much this origin stores, in bytes, where the browser says.
async fn usage() -> Option<f64> {
    let storage = field(&field(&js_sys::global(), "navigator")?, "storage")?;
    let estimate: Function = field(&storage, "estimate")?.dyn_into().ok()?;
    let promise: Promise = estimate.call0(&storage).ok()?.dyn_into().ok()?;
    field(&JsFuture::from(promise).await.ok()?, "usage")?.as_f64()
}
