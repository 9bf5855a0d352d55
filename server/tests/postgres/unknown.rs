//! Commits that get no answer, one that has happened and one that has not.

use std::time::{Duration, Instant};

use interline_server::store::committer::Committer;
use interline_server::store::{AppendOutcome, ReviewRow, StoreError};
use interline_services::{Database, Postgres};
use tokio::time::sleep;

use super::open;
use super::standbys::wait_for;
use crate::suite::material::{append, client, create, head_after};

/// Waits until a session is in the midst of its commit.
pub(super) async fn committing(database: &Database, waiting_for: &str) -> u32 {
    committing_after(database, waiting_for, 0).await
}

/// The same, of another session than that.
pub(super) async fn committing_after(database: &Database, waiting_for: &str, gone: u32) -> u32 {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(pid) = committed_by(database, waiting_for, gone) {
            return pid;
        }
        assert!(Instant::now() < end, "nobody commits");
        sleep(Duration::from_millis(5)).await;
    }
}

/// A session that is in the midst of its commit, and not that one.
pub(super) fn committed_by(database: &Database, waiting_for: &str, gone: u32) -> Option<u32> {
    let sql = format!(
        "SELECT pid FROM pg_stat_activity \
         WHERE query = 'COMMIT' AND wait_event = '{waiting_for}' AND datname = '{}' \
         AND pid <> {gone}",
        database.name()
    );
    let found = database.postgres().sql("postgres", &sql).unwrap();
    found.lines().next()?.parse().ok()
}

/// Ends a session.
pub(super) fn end(database: &Database, pid: u32) {
    let ended = database.postgres().sql("postgres", &format!("SELECT pg_terminate_backend({pid})"));
    assert_eq!(ended.unwrap(), "t");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_has_happened_is_found_by_appending_again() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    let store = open(&database).await;
    let waiting = create(&*store, None).await;
    // Commits reach the disk here, and then wait for a standby that never comes.
    let setting = |value: &str| wait_for(&postgres, value);
    let row = {
        let request = append(&waiting, &[(client(1), 1)]);
        let head = head_after(&request);
        setting("nobody");
        let appending = tokio::spawn({
            let store = store.clone();
            async move { store.append(&[request]).await }
        });
        end(&database, committing(&database, "SyncRep").await);
        let error = appending.await.unwrap().unwrap_err();
        assert!(matches!(error, StoreError::UnknownOutcome(_)), "{error}");
        ReviewRow { head, ..waiting }
    };
    assert_eq!(database.sql("SELECT version FROM reviews").unwrap(), "2", "it had happened");
    let request = append(&row, &[(client(1), 2)]);
    let head = head_after(&request);
    let (committer, task) = Committer::start(store.clone(), Default::default());
    let appending = tokio::spawn(async move { committer.append(request).await });
    let pid = committing(&database, "SyncRep").await;
    end(&database, pid);
    // It had happened, but no standby has it: until one has what was written behind it nobody is told.
    let pid = committing_after(&database, "SyncRep", pid).await;
    assert!(!appending.is_finished());
    // Nor is it by who loads the review meanwhile.
    let loading = tokio::spawn({
        let (store, id) = (store.clone(), row.id);
        async move { store.find_log(id).await }
    });
    end(&database, pid);
    committing_after(&database, "SyncRep", pid).await;
    assert!(!appending.is_finished() && !loading.is_finished());
    setting("");
    assert_eq!(appending.await.unwrap().unwrap(), AppendOutcome::Lost, "the room reads that it had happened");
    assert_eq!(loading.await.unwrap().unwrap().unwrap().head, head);
    task.await.unwrap();
    assert!(store.holds(row.id, head).await.unwrap());
    assert_eq!(store.entries(row.id, 0, 10).await.unwrap().len(), 3, "once");
    assert_eq!(store.append(&[append(&row, &[(client(1), 2)])]).await.unwrap(), [AppendOutcome::Lost]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_has_not_happened_is_made_up_for() {
    let Some(postgres) = Postgres::shared().unwrap() else { return };
    let database = postgres.database().unwrap();
    let store = open(&database).await;
    let row = create(&*store, None).await;
    // What is deferred runs as the first part of a commit.
    database
        .sql(
            "CREATE TABLE dawdling AS SELECT true; \
             CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               IF EXISTS (SELECT FROM dawdling) THEN PERFORM pg_sleep(60); END IF; RETURN NEW; END $$; \
             CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION dawdle()",
        )
        .unwrap();
    let request = append(&row, &[(client(1), 1)]);
    let appending = tokio::spawn({
        let (store, request) = (store.clone(), request.clone());
        async move { store.append(&[request]).await }
    });
    end(&database, committing(&database, "PgSleep").await);
    let error = appending.await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::UnknownOutcome(_)), "{error}");
    assert_eq!(store.entries(row.id, 0, 10).await.unwrap().len(), 1, "it had not happened");
    let (committer, task) = Committer::start(store.clone(), Default::default());
    let appending = tokio::spawn(async move { committer.append(request).await });
    let pid = committing(&database, "PgSleep").await;
    // The next attempt goes through.
    database.sql("DELETE FROM dawdling").unwrap();
    end(&database, pid);
    assert_eq!(appending.await.unwrap().unwrap(), AppendOutcome::Appended);
    task.await.unwrap();
    assert_eq!(store.entries(row.id, 0, 10).await.unwrap().len(), 2, "once");
}
