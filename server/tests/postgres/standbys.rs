//! Commits whose wait for a standby is cut off: they can be read at the primary, by every node, and are told to nobody
//! before a standby has them.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use interline_core::entry::AnswerResult;
use interline_core::id::{ReviewId, UserId};
use interline_core::review::Marks;
use interline_server::store::{
    AppendOutcome, Creation, DraftsOf, PostgresOptions, PostgresStore, ReviewAppend, ReviewRow, Store,
    StoreError,
};
use interline_services::{BreakableProxy, Database, Postgres};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::open;
use super::unknown::{committed_by, committing, committing_after, end};
use crate::suite::material::{answer_only, append, client, create, head_after, new_review};

/// What does not wait for a standby is over sooner.
const SOON: Duration = Duration::from_secs(5);
/// Many more than any call asks the database.
const QUESTIONS: usize = 50;
/// Between two looks.
const A_MOMENT: Duration = Duration::from_millis(5);

/// Has commits wait for standbys of that name, or for none.
pub(super) fn wait_for(postgres: &Postgres, names: &str) {
    let sql = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
    postgres.sql("postgres", &sql).unwrap();
    postgres.sql("postgres", "SELECT pg_reload_conf()").unwrap();
    let shown = || postgres.sql("postgres", "SHOW synchronous_standby_names").unwrap();
    while shown() != names {
        std::thread::yield_now();
    }
}

/// Until a node has learned that commits wait for a standby: it asks every second.
async fn learned(database: &Database, store: &Arc<dyn Store>, row: &ReviewRow) {
    let end = Instant::now() + SOON;
    loop {
        let id = row.id;
        let asked = ask(store, async move |it| it.patch_sets(id).await);
        while !asked.is_finished() {
            if committed_by(database, "SyncRep", 0).is_some() {
                return asked.abort();
            }
            sleep(A_MOMENT).await;
        }
        assert!(Instant::now() < end, "it does not learn that commits wait");
    }
}

fn cancel(database: &Database, pid: u32) {
    let cancelled = database.postgres().sql("postgres", &format!("SELECT pg_cancel_backend({pid})"));
    assert_eq!(cancelled.unwrap(), "t");
}

/// A node makes an append, and its wait for a standby is cut off. It is not told that it has happened.
async fn cut_off(database: &Database, store: &Arc<dyn Store>, request: ReviewAppend, by: fn(&Database, u32)) {
    let appending = tokio::spawn({
        let store = store.clone();
        async move { store.append(&[request]).await }
    });
    by(database, committing(database, "SyncRep").await);
    let error = appending.await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::UnknownOutcome(_)), "{error}");
}

fn ask<T, F>(store: &Arc<dyn Store>, call: impl FnOnce(Arc<dyn Store>) -> F) -> JoinHandle<()>
where
    T: Send + 'static,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    let call = call(store.clone());
    tokio::spawn(async move {
        call.await.unwrap();
    })
}

/// Everything by which a node may learn of an entry, or of an answer.
fn everything(store: &Arc<dyn Store>, row: &ReviewRow, with: u128) -> Vec<(&'static str, JoinHandle<()>)> {
    let (id, key) = (row.id, row.key.clone().unwrap());
    let again = new_review(Some(&key), "a review");
    vec![
        ("find_log", ask(store, async move |it| it.find_log(id).await)),
        ("ping", ask(store, async move |it| it.ping().await)),
        ("find_review", ask(store, async move |it| it.find_review(&key).await)),
        ("list_reviews", ask(store, async move |it| it.list_reviews(None, 10).await)),
        ("entries", ask(store, async move |it| it.entries(id, 0, 10).await)),
        ("last_answers", ask(store, async move |it| it.last_answers(id, &[client(with)]).await)),
        ("patch_sets", ask(store, async move |it| it.patch_sets(id).await)),
        (
            "create_review",
            ask(store, async move |it| {
                let creation = it.create_review(again).await?;
                assert!(matches!(creation, Creation::Existing(_)), "{creation:?}");
                Ok(())
            }),
        ),
    ]
}

/// None of it is told while the commit of that node waits for a standby. What does not wait for that is told before the
/// same node has answered so many other questions, which ask its database as well and wait for nobody.
async fn none_is_told(
    database: &Database,
    store: &Arc<dyn Store>,
    asked: &[(&str, JoinHandle<()>)],
    but: u32,
) -> u32 {
    let barrier = committing_after(database, "SyncRep", but).await;
    for _ in 0..QUESTIONS {
        timeout(SOON, store.kept_after(ReviewId(uuid::Uuid::nil()))).await.expect("it waits").unwrap();
        for (call, answer) in asked {
            assert!(!answer.is_finished(), "{call} has told of what no standby has");
        }
    }
    barrier
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_standby_has_is_told_by_no_node() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    let (writer, other) = (open(&database).await, open(&database).await);
    let mut row = create(&*writer, Some("key")).await;
    for (number, by) in [(1, end as fn(&Database, u32)), (2, cancel)] {
        wait_for(&postgres, "nobody");
        let request = append(&row, &[(client(number), 1)]);
        row.head = head_after(&request);
        cut_off(&database, &writer, request, by).await;
        // A node that runs, and one that has just started; the writer may be gone for good.
        for store in [other.clone(), open(&database).await] {
            wait_for(&postgres, "nobody");
            learned(&database, &store, &row).await;
            let asked = everything(&store, &row, number);
            // A barrier that is cut off is none.
            let barrier = none_is_told(&database, &store, &asked, 0).await;
            end(&database, barrier);
            let barrier = none_is_told(&database, &store, &asked, barrier).await;
            cancel(&database, barrier);
            none_is_told(&database, &store, &asked, 0).await;
            wait_for(&postgres, "");
            for (call, answer) in asked {
                timeout(SOON, answer).await.expect(call).expect(call);
            }
            assert_eq!(store.find_log(row.id).await.unwrap().unwrap().head, row.head, "it had happened");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_and_marks_that_no_standby_has_are_not_told() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    let (writer, other) = (open(&database).await, open(&database).await);
    let row = create(&*writer, Some("key")).await;
    let user = UserId::new("ann").unwrap();
    let marks: Marks =
        serde_json::from_value(serde_json::json!({ "read": { uuid::Uuid::nil().to_string(): 1 } })).unwrap();
    wait_for(&postgres, "nobody");
    let refusal = answer_only(&row, client(1), 1, AnswerResult::Rejected(Vec::new()));
    cut_off(&database, &writer, refusal, end).await;
    let marking = ask(&writer, {
        let (user, marks) = (user.clone(), marks.clone());
        async move |it| it.merge_marks(row.id, &user, &marks).await
    });
    let waiting = committing(&database, "SyncRep").await;
    end(&database, waiting);
    // It makes them again, which has to wait as well.
    let again = committing_after(&database, "SyncRep", waiting).await;
    assert!(!marking.is_finished());
    cancel(&database, again);
    let _ = marking.await;
    learned(&database, &other, &row).await;
    let asked = [
        ("last_answers", ask(&other, async move |it| it.last_answers(row.id, &[client(1)]).await)),
        ("merge_marks", ask(&other, async move |it| it.merge_marks(row.id, &user, &marks).await)),
    ];
    none_is_told(&database, &other, &asked, 0).await;
    wait_for(&postgres, "");
    for (call, answer) in asked {
        timeout(SOON, answer).await.expect(call).expect(call);
    }
}

/// Opening a log of private drafts tells where it ends, which nothing else of a review does.
#[tokio::test(flavor = "multi_thread")]
async fn drafts_that_no_standby_has_are_not_told() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    let (writer, other) = (open(&database).await, open(&database).await);
    let row = create(&*writer, Some("key")).await;
    let of = DraftsOf { review: row.id, owner: UserId::new("ann").unwrap() };
    let mut drafts = writer.open_drafts(&of).await.unwrap();
    // A node that runs has had what was there before confirmed.
    assert_eq!(other.open_drafts(&of).await.unwrap(), drafts);
    wait_for(&postgres, "nobody");
    let request = append(&drafts, &[(client(1), 1)]);
    drafts.head = head_after(&request);
    cut_off(&database, &writer, request, end).await;
    for store in [other, open(&database).await] {
        wait_for(&postgres, "nobody");
        learned(&database, &store, &row).await;
        let (of, head) = (of.clone(), drafts.head);
        let opened = ask(&store, async move |it| {
            let opened = it.open_drafts(&of).await?;
            assert_eq!(opened.head, head);
            Ok(())
        });
        let asked = [("open_drafts", opened)];
        none_is_told(&database, &store, &asked, 0).await;
        wait_for(&postgres, "");
        for (call, answer) in asked {
            timeout(SOON, answer).await.expect(call).expect(call);
        }
    }
}

/// Whoever has given up waiting for a standby does not leave the server a process that goes on waiting.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_is_away_does_not_fill_the_server_with_waiting_commits() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    let store = open(&database).await;
    let row = create(&*store, Some("key")).await;
    wait_for(&postgres, "nobody");
    learned(&database, &store, &row).await;
    let requests = [append(&row, &[(client(1), 1)])];
    let (appended, read) = tokio::join!(store.append(&requests), store.entries(row.id, 0, 10));
    assert!(matches!(appended.unwrap_err(), StoreError::UnknownOutcome(_)));
    assert!(matches!(read.unwrap_err(), StoreError::Unavailable(_)));
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    // As long as it had patience with the last that it made.
    timeout(3 * SOON, async {
        while database.sql(waiting).unwrap() != "0" {
            sleep(A_MOMENT).await;
        }
    })
    .await
    .expect("nothing waits any more");
    wait_for(&postgres, "");
}

/// What a node has had confirmed, or has written, it tells without asking again; and where nobody is waited for reading
/// writes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_standby_has_is_told_at_once() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    postgres.sql("postgres", "ALTER SYSTEM SET autovacuum = off").unwrap();
    let database = postgres.database().unwrap();
    let (writer, other) = (open(&database).await, open(&database).await);
    let row = create(&*writer, Some("key")).await;
    let request = append(&row, &[(client(1), 1)]);
    assert_eq!(writer.append(&[request]).await.unwrap(), [AppendOutcome::Appended]);
    let written = || database.sql("SELECT pg_snapshot_xmax(pg_current_snapshot())").unwrap();
    let before = written();
    for (call, answer) in everything(&other, &row, 1) {
        timeout(SOON, answer).await.expect(call).expect(call);
    }
    // Creating looks by writing, which is taken back.
    let after = [before.parse::<u64>().unwrap(), written().parse::<u64>().unwrap()];
    assert!(after[1] <= after[0] + 1, "reading has written: {after:?}");
    wait_for(&postgres, "nobody");
    learned(&database, &other, &row).await;
    let asked = vec![
        ("entries", ask(&other, async move |it| it.entries(row.id, 0, 10).await)),
        ("find_log", ask(&other, async move |it| it.find_log(row.id).await)),
    ];
    none_is_told(&database, &other, &asked, 0).await;
    wait_for(&postgres, "");
    for (call, answer) in asked {
        timeout(SOON, answer).await.expect(call).expect(call);
    }
    wait_for(&postgres, "nobody");
    learned(&database, &other, &row).await;
    let known = timeout(SOON, other.entries(row.id, 0, 10)).await;
    assert_eq!(known.expect("it was confirmed before").unwrap().len(), 2);
    wait_for(&postgres, "");
}

/// The address of the database comes to lead to the standby while a node waits to hear that the standby has what it read.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_from_a_primary_is_not_confirmed_by_the_next() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    let proxy = BreakableProxy::start(postgres.port()).unwrap();
    let url = database.url().replace(&format!(":{}/", postgres.port()), &format!(":{}/", proxy.port()));
    let writer = open(&database).await;
    // With more of them the barrier would be tried on one that is broken, and fail by that.
    let options = PostgresOptions { connections: 1, ..PostgresOptions::default() };
    let reader: Arc<dyn Store> = Arc::new(PostgresStore::open(&url, options).await.unwrap());
    let row = create(&*writer, Some("key")).await;
    let standby = postgres.standby().unwrap();
    // Once started again it does not ask the primary for what it lacks.
    standby.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''").unwrap();
    wait_for(&postgres, "walreceiver");
    learned(&database, &reader, &row).await;
    reader.ping().await.unwrap();
    standby.crash().unwrap();
    cut_off(&database, &writer, append(&row, &[(client(1), 1)]), end).await;
    let until = Instant::now() + SOON;
    while committed_by(&database, "SyncRep", 0).is_some() {
        assert!(Instant::now() < until, "the session that was ended is still there");
        sleep(A_MOMENT).await;
    }
    let asked = tokio::spawn({
        let reader = reader.clone();
        async move { reader.entries(row.id, row.head.version, 10).await }
    });
    committing(&database, "SyncRep").await;
    standby.restart().unwrap();
    standby.promote().unwrap();
    proxy.lead_to(standby.port());
    proxy.cut();
    let error = asked.await.unwrap();
    assert!(matches!(error, Err(StoreError::Unavailable(_))), "{error:?}");
    let there = reader.find_log(row.id).await.unwrap().unwrap();
    assert_eq!(there.head, row.head, "the entry is where nobody asks any more");
    assert_eq!(reader.entries(row.id, row.head.version, 10).await.unwrap().len(), 0);
    reader.ping().await.unwrap();
}

/// A real one, which is away while a commit waits for it, and becomes the primary in the end.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_is_at_the_standby_that_becomes_the_primary() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    let (writer, other) = (open(&database).await, open(&database).await);
    let row = create(&*writer, Some("key")).await;
    let standby = postgres.standby().unwrap();
    wait_for(&postgres, "walreceiver");
    let request = append(&row, &[(client(1), 1)]);
    let told = ReviewRow { head: head_after(&request), ..row.clone() };
    standby.crash().unwrap();
    cut_off(&database, &writer, request, end).await;
    learned(&database, &other, &row).await;
    let asked = everything(&other, &row, 1);
    none_is_told(&database, &other, &asked, 0).await;
    // It is back, and is sent what it lacks.
    standby.restart().unwrap();
    for (call, answer) in asked {
        timeout(SOON, answer).await.expect(call).expect(call);
    }
    // The next is on the primary's disk only, which is lost.
    standby.crash().unwrap();
    cut_off(&database, &writer, append(&told, &[(client(1), 2)]), end).await;
    let asked = tokio::spawn({
        let other = other.clone();
        async move { other.entries(row.id, 2, 10).await }
    });
    committing(&database, "SyncRep").await;
    assert_eq!(database.sql("SELECT version FROM reviews").unwrap(), "3", "it can be read there");
    assert!(!asked.is_finished());
    postgres.crash().unwrap();
    standby.restart().unwrap();
    standby.promote().unwrap();
    let error = asked.await.unwrap();
    assert!(matches!(error, Err(StoreError::Unavailable(_))), "{error:?}");
    let url = standby.url(database.name());
    let after = PostgresStore::open(&url, PostgresOptions::default()).await.unwrap();
    let there = after.find_log(row.id).await.unwrap().unwrap();
    assert_eq!(there.head, told.head, "what was told, and nothing else");
}
