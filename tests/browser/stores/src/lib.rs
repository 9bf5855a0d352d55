//! What `stores.test.mjs` runs in a browser: the acceptance suite of stores on IndexedDB, and a tab that it can steer.

#![cfg(target_arch = "wasm32")]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::arc_with_non_send_sync, reason = "a browser has one thread")]

mod migrations;
#[path = "../../../../sdk/src/store/indexeddb/schema.rs"]
#[allow(dead_code, reason = "the tests bring steps of their own")]
mod schema;
#[path = "../../../../sdk/tests/store/mod.rs"]
#[allow(dead_code, reason = "shared with the tests of other stores")]
mod suite;
mod tab;

/// Where `schema` looks for errors.
mod store {
    pub(crate) use interline::{StoreError, StoreErrorKind};
}

use std::sync::Arc;

use futures_util::FutureExt;
use interline::Store;
use interline::store::IndexedDbStore;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// The page fails the test that is running.
    fn panicked(message: &str);
}

#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| panicked(&panic.to_string())));
}

/// The tests by name.
#[wasm_bindgen]
pub fn names() -> Vec<String> {
    let suite = suite::SUITE.iter().map(|(name, _)| *name);
    suite.chain(migrations::TESTS.iter().map(|(name, _)| *name)).map(str::to_owned).collect()
}

/// Runs one.
#[wasm_bindgen]
pub async fn run(name: String) {
    if let Some((_, test)) = migrations::TESTS.iter().find(|(known, _)| *known == name) {
        return test().await;
    }
    let (_, test) = suite::SUITE.iter().find(|(known, _)| *known == name).unwrap();
    let open =
        || async { Arc::new(IndexedDbStore::open("suite").await.unwrap()) as Arc<dyn Store> }.boxed_local();
    test(&open).await;
}
