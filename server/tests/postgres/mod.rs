//! What only PostgreSQL can do wrong: it stops, is killed, becomes a standby, while appends are under way.

mod load;
mod locked;
mod runtimes;
mod standbys;
mod starting;
mod unknown;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use interline_server::store::{PostgresOptions, PostgresStore, Store, StoreError};
use interline_services::{Database, Postgres};
use load::Load;

use crate::suite::{self, Backend, material};

/// How many times something is done to the database under load.
const BLOWS: usize = 5;

struct InPostgres(Database);

async fn open(database: &Database) -> Arc<dyn Store> {
    Arc::new(PostgresStore::open(&database.url(), PostgresOptions::default()).await.unwrap())
}

#[async_trait]
impl Backend for InPostgres {
    async fn open(&self) -> Arc<dyn Store> {
        open(&self.0).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_passes_the_suite() {
    let Some(postgres) = Postgres::shared().unwrap() else { return };
    suite::run(&InPostgres(postgres.database().unwrap())).await;
}

/// The sessions of the stores that are open, those in the midst of something first; none while the database is not yet
/// back from the last blow.
fn sessions(database: &Database) -> Vec<u32> {
    let sql = format!(
        "SELECT pid FROM pg_stat_activity WHERE datname = '{}' AND application_name = 'interline' \
         ORDER BY state = 'idle', random()",
        database.name()
    );
    let said = database.postgres().sql("postgres", &sql).unwrap_or_default();
    said.lines().map(|pid| pid.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_sessions_are_terminated() {
    let Some(postgres) = Postgres::shared().unwrap() else { return };
    let database = postgres.database().unwrap();
    let load = Load::start(&[open(&database).await, open(&database).await]).await;
    let mut terminated = 0;
    for _ in 0..3 * BLOWS {
        load.goes_on().await;
        let sql = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = '{}' AND application_name = 'interline'",
            database.name()
        );
        terminated += postgres.sql("postgres", &sql).unwrap().parse::<u32>().unwrap();
    }
    load.end().await;
    assert!(terminated > 2 * BLOWS as u32, "{terminated} sessions were terminated");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_processes_are_killed() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    let load = Load::start(&[open(&database).await, open(&database).await]).await;
    let mut killed = 0;
    for _ in 0..BLOWS {
        load.goes_on().await;
        // It may just have ended; then there is another. All sessions end, and the database recovers.
        if let Some(pid) = sessions(&database).first() {
            killed += u32::from(postgres.kill_backend(*pid).is_ok());
        }
    }
    load.end().await;
    assert!(killed > 0 && postgres.log().contains("terminating any other active server processes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_the_database_crashes() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    let load = Load::start(&[open(&database).await, open(&database).await]).await;
    for _ in 0..BLOWS {
        load.goes_on().await;
        let crashing = postgres.clone();
        let crashed = move || crashing.crash().and_then(|()| crashing.restart());
        tokio::task::spawn_blocking(crashed).await.unwrap().unwrap();
    }
    load.end().await;
    assert!(postgres.log().contains("automatic recovery in progress"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_nothing_until_it_is_promoted() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    let store = open(&database).await;
    let row = material::create(&*store, None).await;
    let request = [material::append(&row, &[(material::client(1), 1)])];
    postgres.demote().unwrap();
    // Nor is anything read: it may lag behind.
    let (append, read, ping) =
        tokio::join!(store.append(&request), store.entries(row.id, 0, 10), store.ping());
    for error in [append.map(drop).unwrap_err(), read.map(drop).unwrap_err(), ping.unwrap_err()] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    }
    let options = PostgresOptions { patience: Duration::from_millis(100), ..PostgresOptions::default() };
    let refused = PostgresStore::open(&database.url(), options).await.unwrap_err().to_string();
    assert!(refused.contains("standby"), "{refused}");
    postgres.promote().unwrap();
    assert_eq!(store.append(&request).await.unwrap().len(), 1);
    assert_eq!(store.entries(row.id, 0, 10).await.unwrap().len(), 2);
}

/// Whoever appends in the opposite order of others must not end in a deadlock with them.
#[tokio::test(flavor = "multi_thread")]
async fn appends_of_the_same_reviews_in_any_order_never_deadlock() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    let (one, other) = (open(&database).await, open(&database).await);
    let mut rows = Vec::new();
    for _ in 0..20 {
        rows.push(material::create(&*one, None).await);
    }
    let rejections = |store: Arc<dyn Store>, number: u128, backwards: bool| {
        let rows = rows.clone();
        async move {
            for seq in 1..=40 {
                let rejected = interline_core::entry::AnswerResult::Rejected(Vec::new());
                let client = material::client(number);
                let of = |row| material::answer_only(row, client, seq, rejected.clone());
                let mut appends: Vec<_> = rows.iter().map(of).collect();
                if backwards {
                    appends.reverse();
                }
                let outcomes = store.append(&appends).await.unwrap();
                assert!(outcomes.iter().all(|o| *o == interline_server::store::AppendOutcome::Appended));
            }
        }
    };
    tokio::join!(rejections(one.clone(), 1, false), rejections(other.clone(), 2, true));
    let counted = database.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");
    assert_eq!(counted.unwrap(), "0");
    assert!(!postgres.log().contains("deadlock detected"));
}

/// A node that is slow to take a snapshot must not have the one go that another has trimmed the log by.
#[tokio::test(flavor = "multi_thread")]
async fn trimming_and_thinning_out_on_two_nodes_leave_a_log_that_can_be_read() {
    let Some(postgres) = Postgres::shared().unwrap() else { return };
    let database = postgres.database().unwrap();
    let (one, other) = (open(&database).await, open(&database).await);
    let (row, heads) = suite::long(&*one, 3_000).await;
    let state = suite::state(&*one, &row, 1).await;
    let put = |store: Arc<dyn Store>, from: usize| {
        let (heads, state) = (&heads, &state);
        async move {
            for version in (from..3_000).step_by(197) {
                store.put_snapshot(row.id, heads[version], state).await.unwrap();
            }
        }
    };
    let trim = async {
        for up_to in (100..3_000).step_by(151) {
            one.trim(row.id, up_to).await.unwrap();
            let kept_after = one.kept_after(row.id).await.unwrap();
            let oldest = database
                .sql(&format!("SELECT count(*) FROM snapshots WHERE version >= {kept_after}"))
                .unwrap();
            assert_ne!((kept_after > 0, oldest.as_str()), (true, "0"), "nothing to fold entries onto");
        }
    };
    tokio::join!(put(one.clone(), 10), put(other.clone(), 50), trim);
    let kept_after = one.kept_after(row.id).await.unwrap();
    assert!(kept_after > 1_000, "{kept_after}");
    let first = one.newest_snapshot(row.id, None).await.unwrap().unwrap().head.version;
    assert!(first >= kept_after);
    assert_eq!(one.entries(row.id, first, 10_000).await.unwrap().len() as u64, 3_001 - first);
}

/// Whoever looks for a review by what no review can be called finds none, and that is no error.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_no_text_to_postgres_is_nobodys() {
    let Some(postgres) = Postgres::shared().unwrap() else { return };
    let store = open(&postgres.database().unwrap()).await;
    assert_eq!(store.find_review("a\0b").await.unwrap(), None);
}
