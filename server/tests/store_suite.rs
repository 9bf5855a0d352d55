//! What every store has to do. One suite; whoever adds a store adds a [`Backend`] and a test that runs it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod faulty;
mod postgres;
mod suite;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use interline_server::store::{SqliteStore, Store};
use suite::Backend;

struct Sqlite(PathBuf);

#[async_trait]
impl Backend for Sqlite {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&self.0).await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_passes_the_suite() {
    let directory = tempfile::tempdir().unwrap();
    suite::run(&Sqlite(directory.path().to_owned())).await;
}
