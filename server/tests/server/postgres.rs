//! Servers over PostgreSQL, one and two of them.

use std::time::{Duration, Instant};

use interline_server::verify::verify_postgres;
use interline_services::{Database, Postgres};
use serde_json::{Value, json};

use super::data::{EDITS, write};
use super::support::{Client, PATIENCE, Running, comment, config, edit, entry, head, id};

/// Writers on a hot review, and how much each of them writes.
const WRITERS: u64 = 50;
const EACH: u64 = 60;

/// A server over a database.
async fn node(database: &Database) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.database_url = Some(database.url());
    Running::with(config, directory).await
}

fn database() -> Option<Database> {
    Some(Postgres::shared().unwrap()?.database().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_says_where_it_keeps_reviews_and_finds_them_again() {
    let Some(database) = database() else { return };
    let server = node(&database).await;
    let banner = server.banner();
    assert!(banner.contains("PostgreSQL") && banner.contains(database.name()), "{banner}");
    assert_eq!(server.get("/readyz").await.json()["store"], "ok");
    let review = server.review("damaged").await;
    let mut ann = server.client(1).await;
    ann.open("damaged", None).await;
    let receipts = write(&mut ann, &review, 1..=EDITS).await;
    let directory = server.stop().await;
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is in the data directory");

    let server = node(&database).await;
    let shown = server.get("/api/reviews/damaged").await.json();
    assert_eq!(shown["version"], EDITS + 1);
    server.stop().await;

    // All of it is good, by its own rules and by what the client was told.
    let export = json!({ "format": 1, "review": review, "client": id(1), "receipts": receipts });
    let file = directory.path().join("receipts.json");
    std::fs::write(&file, export.to_string()).unwrap();
    let verify = async || {
        let mut said = Vec::new();
        let summary = verify_postgres(&database.url(), std::slice::from_ref(&file), &mut said).await.unwrap();
        (summary.problems, String::from_utf8(said).unwrap())
    };
    assert_eq!(verify().await.1, "1 reviews, 41 entries, 1 snapshots, 40 receipts: all good\n");
    // And damage is named.
    for (damage, named) in [
        (
            "UPDATE entries SET payload = replace(payload, 'user-1', 'user-2') WHERE version = 7",
            "entry 7: the chain of hashes breaks",
        ),
        ("DELETE FROM answers", "the answer of client"),
        ("UPDATE reviews SET comments = comments + 1", "the head row's number of comments is 2"),
        ("DELETE FROM entries WHERE version = 41", "entry 41: it is missing"),
    ] {
        database.sql(damage).unwrap();
        let (problems, said) = verify().await;
        assert!(problems > 0 && said.contains(named), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_said_and_come_back_to() {
    let Some(postgres) = Postgres::start().unwrap() else { return };
    let database = postgres.database().unwrap();
    let server = node(&database).await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    ann.submit(&review, &comment(1, 1, 10, "")).await;
    assert_eq!(entry(&ann.next().await), (2, 1));
    postgres.crash().unwrap();
    assert_eq!(server.get("/readyz").await.status, 503);
    ann.submit(&review, &edit(2, 2, 10, "x", 0)).await;
    let refused = ann.next().await["refused"].clone();
    assert_eq!(
        (&refused["code"], &refused["retryable"]),
        (&"store_failed".into(), &true.into()),
        "{refused}"
    );
    postgres.restart().unwrap();
    // The same batch, as the client sends it again; it is in once.
    let end = Instant::now() + PATIENCE;
    let frame = loop {
        ann.submit(&review, &edit(2, 2, 10, "x", 0)).await;
        let frame = ann.next().await;
        if frame.get("refused").is_none() {
            break frame;
        }
        assert!(Instant::now() < end, "{frame}");
    };
    assert_eq!(entry(&frame), (3, 2));
    assert_eq!(server.get("/readyz").await.status, 200);
    server.stop().await;
}

/// Writes six entries, and replaces the database under its node by one that lacks the last two, as by failing over to
/// a standby that lagged behind. The heads of all six.
async fn fail_over(database: &Database, ann: &mut Client, review: &str) -> Vec<Value> {
    let end_sessions = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{}'",
        database.name()
    );
    let mut heads = Vec::new();
    let mut lagging = None;
    for seq in 1..=6 {
        ann.submit(review, &comment(seq, seq, 10 + seq, "text")).await;
        heads.push(head(&ann.next().await));
        if seq == 4 {
            // Nobody may be connected while it is copied; sessions that come back meanwhile are sent away again.
            let copied = std::iter::repeat_with(|| {
                database.postgres().sql("postgres", &end_sessions).unwrap();
                database.copy()
            });
            lagging = copied.take(50).find_map(Result::ok);
        }
    }
    let (name, lagging) = (database.name(), lagging.expect("a copy"));
    let swapped = (0..50).any(|_| {
        let postgres = database.postgres();
        postgres.sql("postgres", &end_sessions).unwrap();
        postgres.sql("postgres", &format!("ALTER DATABASE {name} RENAME TO {name}_lost")).is_ok()
    });
    assert!(swapped);
    let renamed = format!("ALTER DATABASE {} RENAME TO {name}", lagging.name());
    database.postgres().sql("postgres", &renamed).unwrap();
    heads
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failover_has_lost_is_noticed_though_nobody_writes() {
    let Some(database) = database() else { return };
    let server = node(&database).await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    let heads = fail_over(&database, &mut ann, &review).await;
    let frame = ann.next().await;
    assert!(frame["error"]["message"].as_str().unwrap().contains("open it again"), "{frame}");
    assert_eq!(server.metric("interline_room_reloads_total").await, 1.0);
    let error = ann.ask_to_open(json!({ "review": "pr", "have": heads[5] })).await["error"].clone();
    assert_eq!((&error["code"], &error["retryable"]), (&"history_lost".into(), &false.into()));
    assert_eq!(ann.open("pr", None).await["head"]["version"], 5);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failover_has_lost_is_told_and_never_written_over() {
    let Some(database) = database() else { return };
    let server = node(&database).await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    let heads = fail_over(&database, &mut ann, &review).await;
    ann.submit(&review, &comment(7, 7, 17, "more")).await;
    let mut frame = ann.next().await;
    while frame.get("error").is_none() {
        // Sessions that were ended.
        assert_eq!(frame["refused"]["retryable"], true, "{frame}");
        ann.submit(&review, &comment(7, 7, 17, "more")).await;
        frame = ann.next().await;
    }
    assert!(frame["error"]["message"].as_str().unwrap().contains("open it again"), "{frame}");
    let error = ann.ask_to_open(json!({ "review": "pr", "have": heads[5] })).await["error"].clone();
    assert_eq!((&error["code"], &error["retryable"]), (&"history_lost".into(), &false.into()));
    // Who knows of no more than is left goes on.
    let opened = ann.open("pr", Some(heads[3].clone())).await;
    assert_eq!(opened["head"]["version"], 5, "{opened}");
    assert_eq!(database.sql("SELECT max(version) FROM entries").unwrap(), "5", "nothing was written");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_that_a_failover_has_lost_altogether_is_noticed_though_nobody_writes() {
    let Some(database) = database() else { return };
    let server = node(&database).await;
    let review = server.review("pr").await;
    let mut ann = server.client(1).await;
    ann.open("pr", None).await;
    ann.submit(&review, &comment(1, 1, 10, "text")).await;
    let head = head(&ann.next().await);
    database.sql("TRUNCATE reviews CASCADE").unwrap();
    let error = ann.next().await["error"].clone();
    assert_eq!((&error["code"], &error["review"]), (&"internal".into(), &review.clone().into()), "{error}");
    assert!(error["message"].as_str().unwrap().contains("open it again"), "{error}");
    let error = ann.ask_to_open(json!({ "review": review, "have": head })).await["error"].clone();
    assert_eq!((&error["code"], &error["retryable"]), (&"unknown_review".into(), &false.into()));
    server.stop().await;
}

/// One of many writers: each edit goes in behind what the writer has seen, and the next when that is acknowledged.
/// The longest that one of them took.
async fn type_away(mut client: Client, review: String, number: u64, mut version: u64) -> Duration {
    let mut longest = Duration::ZERO;
    for seq in 1..=EACH {
        let began = Instant::now();
        let batch = |version: u64| edit(seq, version, 10, "x", version as usize - 2);
        client.submit(&review, &batch(version)).await;
        let (sent_at, mut acknowledged) = (version, false);
        while !acknowledged {
            let frame = client.next().await;
            if frame.get("refused").is_some() {
                // As the client sends it again: byte for byte.
                assert_eq!(frame["refused"]["retryable"], true, "{frame}");
                client.submit(&review, &batch(sent_at)).await;
                continue;
            }
            let (at, of) = entry(&frame);
            assert_eq!(at, version + 1, "every entry, in order");
            version = at;
            acknowledged = frame["entry"]["entry"]["client"] == id(number) && of == seq;
        }
        longest = longest.max(began.elapsed());
    }
    client.close().await;
    longest
}

#[tokio::test(flavor = "multi_thread")]
async fn no_writer_starves_on_a_hot_review_of_two_nodes() {
    let Some(database) = database() else { return };
    let nodes = [node(&database).await, node(&database).await];
    let review = nodes[0].review("hot").await;
    let mut first = nodes[0].client(1_000).await;
    first.open("hot", None).await;
    first.submit(&review, &comment(1, 1, 10, "")).await;
    assert_eq!(entry(&first.next().await), (2, 1));
    first.close().await;
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let mut client = nodes[number as usize % 2].client(number).await;
        let opened = client.open("hot", None).await;
        assert_eq!(opened["head"]["version"], 2);
        writers.push((number, client));
    }
    let began = Instant::now();
    let typing = writers
        .into_iter()
        .map(|(number, client)| tokio::spawn(type_away(client, review.clone(), number, 2)));
    let mut waits: Vec<Duration> = Vec::new();
    for writer in typing.collect::<Vec<_>>() {
        waits.push(writer.await.unwrap());
    }
    waits.sort();
    let (total, took) = (WRITERS * EACH, began.elapsed());
    println!(
        "{total} edits by {WRITERS} writers on two nodes in {took:?}; the longest waits: median {:?}, most {:?}",
        waits[waits.len() / 2],
        waits[waits.len() - 1]
    );
    // By a node that reads all of it: without Redis the others learn of each other's entries by losing races.
    let fresh = node(&database).await;
    let shown = fresh.get("/api/reviews/hot").await.json();
    let text = shown["comments"][0]["text"].as_str().unwrap();
    assert_eq!(text.len() as u64, total, "every edit once");
    // Where nodes do not take turns, those of one wait for half of the time, until the others have ended.
    assert!(waits[waits.len() - 1] < took / 3, "{waits:?} of {took:?}");
    for node in nodes.into_iter().chain([fresh]) {
        node.stop().await;
    }
}
