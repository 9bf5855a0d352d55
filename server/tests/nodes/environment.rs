//! What a process reads of its surroundings: which store, which Redis, and what it has to warn of then.

use interline_services::{Postgres, Redis};

use crate::process::Process;
use crate::set_up::until;

/// What a node says that has PostgreSQL and no Redis.
const ALONE: &str = "this must be the only node that uses the database";

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_names_the_database_and_redis() {
    let (Some(postgres), Some(redis)) = (Postgres::shared().unwrap(), Redis::start().unwrap()) else {
        return;
    };
    let database = postgres.database().unwrap();
    let environment = [("INTERLINE_DATABASE_URL", &*database.url()), ("REDIS_URL", &*redis.url())];
    let (one, node, banner) = Process::start_with(&[], &environment);
    assert!(banner.contains("PostgreSQL") && banner.contains(database.name()), "{banner}");
    assert!(banner.contains("Redis") && banner.contains(&redis.port().to_string()), "{banner}");
    let said = node.get("/readyz").await.json();
    assert_eq!((&said["status"], &said["store"]), (&"ready".into(), &"ok".into()), "{said}");
    // It is there that reviews are kept, and people are; another node has both by the same words.
    node.review("pr").await;
    assert_eq!(database.sql("SELECT count(*) FROM reviews").unwrap(), "1");
    let mut ann = node.client(1).await;
    ann.open("pr", None).await;
    let (_other, elsewhere, _) = Process::start_with(&[], &environment);
    until("the other lists her", async || {
        let listed = elsewhere.get("/api/sessions").await.json();
        listed["sessions"].as_array().map(Vec::len) == Some(1)
    })
    .await;
    assert_eq!(one.warnings(), Vec::<String>::new());
    for directory in [&node.directory, &elsewhere.directory] {
        assert!(!directory.path().join("interline.db").exists(), "there is a database in files as well");
    }
}

/// Arguments come before the environment, and what is set to nothing is not set.
#[tokio::test(flavor = "multi_thread")]
async fn arguments_come_first_and_nothing_is_nothing() {
    let (Some(postgres), Some(redis)) = (Postgres::shared().unwrap(), Redis::start().unwrap()) else {
        return;
    };
    let database = postgres.database().unwrap();
    let elsewhere = [
        ("INTERLINE_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
    ];
    let arguments = ["--database-url", &*database.url(), "--redis-url", &*redis.url()];
    let (_process, node, banner) = Process::start_with(&arguments, &elsewhere);
    assert!(banner.contains(database.name()) && banner.contains(&redis.port().to_string()), "{banner}");
    assert_eq!(node.get("/readyz").await.json()["status"], "ready");
    let (process, node, banner) =
        Process::start_with(&[], &[("INTERLINE_DATABASE_URL", ""), ("REDIS_URL", "")]);
    assert!(banner.contains("SQLite") && !banner.contains("Redis"), "{banner}");
    assert!(node.directory.path().join("interline.db").exists());
    assert_eq!(process.warnings(), Vec::<String>::new(), "the default is nothing to warn of");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_without_redis_warns_that_it_must_be_the_only_node() {
    let Some(postgres) = Postgres::shared().unwrap() else { return };
    let database = postgres.database().unwrap();
    for (arguments, environment) in [
        (vec!["--database-url".to_owned(), database.url()], vec![]),
        (vec![], vec![("INTERLINE_DATABASE_URL", database.url())]),
        (vec![], vec![("INTERLINE_DATABASE_URL", database.url()), ("REDIS_URL", String::new())]),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (process, node, _) = Process::start_with(&arguments, &environment);
        let warnings = process.warnings();
        assert!(warnings.len() == 1 && warnings[0].contains(ALONE), "{warnings:?}");
        assert!(!warnings[0].contains(&database.url()), "{warnings:?}");
        assert_eq!(node.get("/readyz").await.json()["status"], "ready");
    }
}
