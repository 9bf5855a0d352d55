//! Opening: what is refused, and in which words.

use std::time::{Duration, Instant};

use interline_server::store::{PostgresOptions, PostgresStore};
use interline_services::{Database, Postgres};

use super::open;

async fn refused(url: &str, patience: Duration) -> String {
    let options = PostgresOptions { patience, ..PostgresOptions::default() };
    let error = PostgresStore::open(url, options).await.unwrap_err().to_string();
    assert!(!error.contains('\n') && !error.contains("secret"), "one line, without secrets: {error}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_waited_for_and_then_said() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    postgres.crash().unwrap();
    let patience = Duration::from_millis(600);
    let began = Instant::now();
    let why = refused(&database.url().replace("interline@", "interline:secret@"), patience).await;
    assert!(began.elapsed() >= patience && began.elapsed() < Duration::from_secs(10));
    assert!(why.contains("cannot reach PostgreSQL") && why.contains("--database-url"), "{why}");
    assert!(why.contains(&postgres.port().to_string()), "{why}");
    // One that comes while it is waited for is found.
    let opening = tokio::spawn(async move { open(&database).await });
    tokio::task::spawn_blocking({
        let postgres = postgres.clone();
        move || postgres.restart().unwrap()
    })
    .await
    .unwrap();
    opening.await.unwrap().ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_said_at_once() {
    let Some(postgres) = Postgres::shared().unwrap() else { return };
    let long = Duration::from_secs(60);
    let began = Instant::now();
    let why = refused(&postgres.url("nowhere"), long).await;
    assert!(why.contains("\"nowhere\" does not exist"), "{why}");
    let why = refused("postgres://interline:secret@127.0.0.1:port/x", long).await;
    assert!(why.contains("--database-url"), "{why}");
    let latin = "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'";
    postgres.sql("postgres", latin).unwrap();
    let why = refused(&postgres.url("latin"), long).await;
    assert!(why.contains("LATIN1") && why.contains("UTF8"), "{why}");
    assert!(began.elapsed() < Duration::from_secs(20), "no patience helps");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_database_is_left_alone() {
    let Some(postgres) = Postgres::shared().unwrap() else { return };
    let database = postgres.database().unwrap();
    open(&database).await.close().await;
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
        VALUES (9999, 'later', TRUE, '', 0)";
    database.sql(later).unwrap();
    let why = refused(&database.url(), Duration::ZERO).await;
    assert!(why.contains("newer version of Interline"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_make_the_tables_once() {
    let Some(postgres) = Postgres::shared().unwrap() else { return };
    let database = postgres.database().unwrap();
    let opening: Vec<_> = (0..4)
        .map(|_| {
            let database = database.clone();
            tokio::spawn(async move { open(&database).await })
        })
        .collect();
    for store in opening {
        store.await.unwrap().ping().await.unwrap();
    }
}

/// The settings of all sessions of the stores on a database.
fn durable(database: &Database) -> bool {
    // Only a session itself knows: so it is asked by a trigger, which it runs.
    database.sql("SELECT bool_and(setting = 'on') AND count(*) > 0 FROM told").unwrap() == "t"
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_durable_whatever_the_defaults_are() {
    let Some(postgres) = Postgres::shared().unwrap() else { return };
    let database = postgres.database().unwrap();
    let name = database.name();
    database.sql(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).unwrap();
    // Another level than ours would have lost races go unnoticed.
    let serializable = format!("ALTER DATABASE {name} SET default_transaction_isolation = serializable");
    database.sql(&serializable).unwrap();
    let store = open(&database).await;
    database
        .sql(
            "CREATE TABLE told (setting text, level text); \
             CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               INSERT INTO told VALUES (current_setting('synchronous_commit'), \
                 current_setting('transaction_isolation')); RETURN NEW; END $$; \
             CREATE TRIGGER tell BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION tell()",
        )
        .unwrap();
    crate::suite::material::create(&*store, None).await;
    assert!(durable(&database));
    assert_eq!(database.sql("SELECT DISTINCT level FROM told").unwrap(), "read committed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_apart() {
    use crate::suite::material::{append, client, create};
    let Some(postgres) = Postgres::shared().unwrap() else { return };
    let database = postgres.database().unwrap();
    let store = open(&database).await;
    let row = create(&*store, None).await;
    // PostgreSQL's own words for it, said by a trigger: a disk that is full would be so for all tests.
    database
        .sql(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$; \
             CREATE TRIGGER full_disk BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION full_disk()",
        )
        .unwrap();
    let request = [append(&row, &[(client(1), 1)])];
    for _ in 0..3 {
        let error = store.append(&request).await.unwrap_err();
        assert!(
            matches!(error, interline_server::store::StoreError::Full(_)) && error.retryable(),
            "{error}"
        );
        assert!(store.ping().await.is_err());
        assert_eq!(store.entries(row.id, 0, 10).await.unwrap().len(), 1);
    }
    database.sql("DROP TRIGGER full_disk ON entries").unwrap();
    assert_eq!(store.append(&request).await.unwrap().len(), 1);
    store.ping().await.unwrap();
}
