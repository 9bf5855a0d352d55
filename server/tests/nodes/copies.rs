//! Two copies of one database whose nodes use the same Redis and, by mistake, the same prefix.

use std::path::Path;
use std::sync::Arc;

use interline_server::store::{SqliteStore, Store};
use interline_services::{Postgres, Redis};

use crate::faulty::Faulty;
use crate::set_up::until;
use crate::support::{Client, Running, comment, config, entry};

async fn sqlite(directory: &Path) -> Arc<Faulty> {
    Faulty::new(Arc::new(SqliteStore::open(directory).await.unwrap()), &[])
}

/// Ann writes at a node over one, and Bo at a node over the other: neither hears of the other, nor sees them.
async fn are_strangers(a: &Running, b: &Running, review: &str) {
    let (mut ann, mut bo) = (a.client(1).await, b.client(2).await);
    ann.open("pr", None).await;
    bo.open("pr", None).await;
    let heard = async |node: &Running| node.metric("interline_heard_total").await;
    for seq in 1..=20 {
        ann.submit(review, &comment(seq, seq, 100 + seq, "hers")).await;
        bo.submit(review, &comment(seq, seq, 200 + seq, "his")).await;
        for (client, user) in [(&mut ann, "user-1"), (&mut bo, "user-2")] {
            let frame = client.next().await;
            assert_eq!(frame["entry"]["entry"]["author"], user, "{frame}");
            assert_eq!(entry(&frame), (seq + 1, seq));
        }
    }
    for (node, user) in [(a, "user-1"), (b, "user-2")] {
        assert!(node.metric("interline_published_total").await >= 20.0);
        assert_eq!(heard(node).await, 0.0);
        until("its own people are listed, and nobody else", async || {
            let listed = node.get("/api/sessions").await.json()["sessions"].as_array().unwrap().clone();
            assert!(listed.iter().all(|record| record["user"]["id"] == user), "{listed:?}");
            listed.len() == 1
        })
        .await;
    }
    drop::<[Client; 2]>([ann, bo]);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_a_file_do_not_hear_each_other() {
    let Some(redis) = Redis::start().unwrap() else { return };
    let (original, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Running::start_in(original).await;
    let review = first.review("pr").await;
    let original = first.stop().await;
    for file in std::fs::read_dir(original.path()).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let mut nodes = Vec::new();
    for directory in [original, copy] {
        let mut config = config(directory.path());
        config.redis_url = Some(redis.url());
        nodes.push(Running::node(sqlite(directory.path()).await, config, directory).await);
    }
    are_strangers(&nodes[0], &nodes[1], &review).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_a_database_in_postgres_do_not_hear_each_other() {
    let (Some(postgres), Some(redis)) = (Postgres::shared().unwrap(), Redis::start().unwrap()) else {
        return;
    };
    let original = postgres.database().unwrap();
    let node = async |url: String| {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path());
        (config.database_url, config.redis_url) = (Some(url), Some(redis.url()));
        Running::with(config, directory).await
    };
    let first = node(original.url()).await;
    let review = first.review("pr").await;
    first.stop().await;
    let copy = original.copy().unwrap();
    let nodes = [node(original.url()).await, node(copy.url()).await];
    are_strangers(&nodes[0], &nodes[1], &review).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_has_one_identity_at_all_its_nodes_and_after_a_restart() {
    use interline_server::store::{PostgresOptions, PostgresStore};
    let Some(postgres) = Postgres::shared().unwrap() else { return };
    let (one, other) = (postgres.database().unwrap(), postgres.database().unwrap());
    let identity = async |url: String| {
        let store = PostgresStore::open(&url, PostgresOptions::default()).await.unwrap();
        let identity = store.identity();
        store.close().await;
        identity
    };
    let first = identity(one.url()).await;
    assert_eq!(identity(one.url()).await, first);
    assert_ne!(identity(other.url()).await, first);
    assert!(first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'), "{first}");
}
