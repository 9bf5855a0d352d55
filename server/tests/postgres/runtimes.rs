//! Calls from runtimes that end before the store does, as those of HTTP workers.

use std::collections::BTreeSet;
use std::sync::Arc;

use interline_server::store::{PostgresOptions, PostgresStore, Store};
use interline_services::Postgres;

use super::sessions;
use crate::suite::material::create;

/// How many runtimes come and go.
const WORKERS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_outlives_the_runtime_that_it_was_first_needed_on() {
    let Some(postgres) = Postgres::shared().unwrap() else { return };
    let database = postgres.database().unwrap();
    let options = PostgresOptions { connections: 1, ..PostgresOptions::default() };
    let store = PostgresStore::open(&database.url(), options).await.unwrap();
    let (store, before): (Arc<dyn Store>, _) = (Arc::new(store), sessions(&database));
    let mut used = BTreeSet::new();
    for _ in 0..WORKERS {
        let asked = store.clone();
        let worker = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(asked.ping()).unwrap();
        });
        tokio::task::spawn_blocking(move || worker.join()).await.unwrap().unwrap();
        create(&*store, None).await;
        used.extend(sessions(&database));
    }
    used.retain(|pid| !before.contains(pid));
    assert_eq!(used.len(), 1, "one connection, for all of them: {used:?}");
    store.close().await;
}
