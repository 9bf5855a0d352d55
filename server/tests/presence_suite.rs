//! What every presence store has to do, run against memory and against a real Redis.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use interline_core::id::{ClientId, DisplayName, ReviewId, SessionId, User, UserId};
use interline_core::presence::{Presence, PresencePlace};
use interline_server::link::Link;
use interline_server::presence::{
    MemoryPresence, PresenceStore, PresenceWrite, RedisPresence, SessionRecord,
};
use interline_services::Redis;
use tokio::time::sleep;
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

fn user(name: &str) -> User {
    User { id: UserId::new(name).unwrap(), display_name: DisplayName::new(name).unwrap() }
}

fn presence(session: u128, line: u32) -> Presence {
    let place = PresencePlace {
        file: Some("src/lib.rs".to_owned()),
        line: Some(line),
        side: None,
        patch_set: Some(2),
    };
    let session = SessionId(Uuid::from_u128(session));
    Presence {
        session,
        user: user("ann"),
        place,
        selection: None,
        writing: false,
        active: true,
        last_seen: 5,
    }
}

fn record(session: u128) -> SessionRecord {
    SessionRecord {
        session: SessionId(Uuid::from_u128(session)),
        user: user("ann"),
        client: ClientId(Uuid::from_u128(1)),
        node: Uuid::from_u128(2),
        reviews: vec![ReviewId(Uuid::from_u128(3))],
        since: 7,
    }
}

async fn suite(store: &dyn PresenceStore) {
    let [here, there] = [1, 2].map(|n| ReviewId(Uuid::from_u128(n)));
    assert!(store.list(here).await.unwrap().is_empty());
    store.put(here, presence(2, 1), LONG).await.unwrap();
    store.put(here, presence(1, 1), LONG).await.unwrap();
    store.put(there, presence(3, 1), LONG).await.unwrap();
    store.put(here, presence(1, 9), LONG).await.unwrap();
    assert_eq!(store.list(here).await.unwrap(), [presence(1, 9), presence(2, 1)]);
    assert_eq!(store.list(there).await.unwrap(), [presence(3, 1)]);
    store.remove(here, SessionId(Uuid::from_u128(2))).await.unwrap();
    store.remove(here, SessionId(Uuid::from_u128(2))).await.unwrap();
    assert_eq!(store.list(here).await.unwrap(), [presence(1, 9)]);

    store.put_session(record(2), LONG).await.unwrap();
    store.put_session(record(1), LONG).await.unwrap();
    assert_eq!(store.list_sessions().await.unwrap(), [record(1), record(2)]);
    let one = async |number| store.session(SessionId(Uuid::from_u128(number))).await.unwrap();
    assert_eq!((one(1).await, one(2).await, one(3).await), (Some(record(1)), Some(record(2)), None));
    store.remove_session(SessionId(Uuid::from_u128(1))).await.unwrap();
    assert_eq!(store.list_sessions().await.unwrap(), [record(2)]);
    assert_eq!((one(1).await, one(2).await), (None, Some(record(2))));

    // More than is asked for at once.
    let many = (1..=1_201).map(record).collect::<Vec<_>>();
    let puts = many.iter().cloned().map(PresenceWrite::PutSession).collect::<Vec<_>>();
    store.write(&puts, LONG).await.unwrap();
    assert_eq!(store.list_sessions().await.unwrap(), many);

    // Nothing at all is a question whether the store is there.
    store.write(&[], LONG).await.unwrap();
    let many = (0..300).map(|n| PresenceWrite::Put(there, presence(n, 2))).collect::<Vec<_>>();
    store.write(&many, LONG).await.unwrap();
    assert_eq!(store.list(there).await.unwrap().len(), 300);

    // What nobody says again expires, and what somebody does say again stays.
    let late = ReviewId(Uuid::from_u128(4));
    let began = Instant::now();
    store.put(late, presence(1, 1), SHORT).await.unwrap();
    store.put(late, presence(2, 1), SHORT).await.unwrap();
    store.put_session(record(5), SHORT).await.unwrap();
    assert_eq!(store.list(late).await.unwrap().len(), 2);
    store.put(late, presence(2, 2), LONG).await.unwrap();
    until("what nobody says again expires", async || store.list(late).await.unwrap() == [presence(2, 2)])
        .await;
    assert!(began.elapsed() >= SHORT, "not before its time");
    until("so do sessions", async || !store.list_sessions().await.unwrap().contains(&record(5))).await;
    assert_eq!(one(5).await, None);
    assert_eq!(store.list(late).await.unwrap(), [presence(2, 2)]);
}

/// Waits for something to become true.
async fn until(what: &str, is: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is().await {
        assert!(Instant::now() < end, "{what}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn memory_passes_the_suite() {
    suite(&MemoryPresence::new()).await;
}

/// A connection to it, once it stands.
async fn link(url: &str) -> Arc<Link> {
    let (link, _) = Link::start(url, "ours", "7-1", Default::default()).unwrap();
    until("Redis is there", async || link.is_up()).await;
    link
}

/// Every key that is in it.
async fn keys_in(redis: &Redis) -> Vec<String> {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap()
}

#[tokio::test]
async fn redis_passes_the_suite() {
    let Some(redis) = Redis::start().unwrap() else { return };
    suite(&RedisPresence::new(link(&redis.url()).await)).await;
}

#[tokio::test]
async fn a_nodes_mark_tells_whether_what_it_wrote_is_lost() {
    let Some(redis) = Redis::start().unwrap() else { return };
    let link = link(&redis.url()).await;
    let (ours, others) = (RedisPresence::new(link.clone()), RedisPresence::new(link));
    assert!(!ours.is_marked().await.unwrap());
    ours.mark(LONG).await.unwrap();
    assert!(ours.is_marked().await.unwrap() && !others.is_marked().await.unwrap());
    redis.ask("FLUSHALL").unwrap();
    assert!(!ours.is_marked().await.unwrap());
    ours.mark(SHORT).await.unwrap();
    until("it expires", async || !ours.is_marked().await.unwrap()).await;
    until("and leaves nothing", async || keys_in(&redis).await.is_empty()).await;
}

#[tokio::test]
async fn every_key_in_redis_is_ours_and_an_idle_one_empties_itself() {
    let Some(redis) = Redis::start().unwrap() else { return };
    let store = RedisPresence::new(link(&redis.url()).await);
    let review = ReviewId(Uuid::from_u128(1));
    store.put(review, presence(1, 1), SHORT).await.unwrap();
    store.put_session(record(1), SHORT).await.unwrap();
    let keys = keys_in(&redis).await;
    assert_eq!(keys.len(), 4, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("ours:")));
    assert_eq!(keys.iter().filter(|key| key.contains(&format!("{{{review}}}"))).count(), 2);
    until("it empties itself", async || keys_in(&redis).await.is_empty()).await;
}

#[tokio::test]
async fn installations_that_share_a_redis_do_not_see_each_other() {
    let Some(redis) = Redis::start().unwrap() else { return };
    let ours = RedisPresence::new(link(&redis.url()).await);
    let review = ReviewId(Uuid::from_u128(1));
    ours.put(review, presence(1, 1), LONG).await.unwrap();
    ours.put_session(record(1), LONG).await.unwrap();
    // Of another name, and of the same over another store.
    for (prefix, store) in [("theirs", "7-1"), ("ours", "7-2")] {
        let (theirs, _) = Link::start(&redis.url(), prefix, store, Default::default()).unwrap();
        until("Redis is there", async || theirs.is_up()).await;
        let theirs = RedisPresence::new(theirs);
        assert_eq!(theirs.list(review).await.unwrap(), []);
        assert_eq!(theirs.list_sessions().await.unwrap(), []);
    }
    assert_eq!(ours.list(review).await.unwrap(), [presence(1, 1)]);
}

#[tokio::test]
async fn a_redis_that_goes_and_comes_back_is_an_error_and_then_none() {
    let Some(mut redis) = Redis::start().unwrap() else { return };
    let link = link(&redis.url()).await;
    let store = RedisPresence::new(link.clone());
    let review = ReviewId(Uuid::from_u128(1));
    store.put(review, presence(1, 1), LONG).await.unwrap();
    redis.kill().unwrap();
    let began = Instant::now();
    assert!(store.put(review, presence(1, 2), LONG).await.is_err());
    let session = store.session(SessionId(Uuid::from_u128(1))).await;
    assert!(session.is_err(), "nobody knows, which is not nobody: {session:?}");
    assert!(began.elapsed() < Duration::from_secs(3), "nobody waits long for presence");
    redis.restart().unwrap();
    let began = Instant::now();
    until("it heals", async || store.put(review, presence(1, 3), LONG).await.is_ok()).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(store.list(review).await.unwrap(), [presence(1, 3)]);
}

#[tokio::test]
async fn a_full_redis_is_an_error_and_the_connection_stands() {
    let Some(redis) = Redis::start().unwrap() else { return };
    let link = link(&redis.url()).await;
    let store = RedisPresence::new(link.clone());
    let review = ReviewId(Uuid::from_u128(1));
    let set = async |name: &str, value: &str| {
        let mut connection =
            redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        redis::cmd("CONFIG").arg("SET").arg(name).arg(value).exec_async(&mut connection).await.unwrap();
    };
    set("maxmemory-policy", "noeviction").await;
    set("maxmemory", "1").await;
    let error = store.put(review, presence(1, 1), LONG).await.unwrap_err().to_string();
    assert!(error.contains("OOM"), "{error}");
    assert!(link.is_up());
    set("maxmemory", "0").await;
    store.put(review, presence(1, 1), LONG).await.unwrap();
    assert_eq!(store.list(review).await.unwrap(), [presence(1, 1)]);
}

#[tokio::test]
async fn what_belongs_together_is_written_in_one_transaction() {
    let Some(redis) = Redis::start().unwrap() else { return };
    let store = RedisPresence::new(link(&redis.url()).await);
    let review = ReviewId(Uuid::from_u128(1));
    store.put(review, presence(1, 1), LONG).await.unwrap();
    let mut connection =
        redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let stats: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let calls = |command: &str| stats.contains(&format!("cmdstat_{command}:calls=1,"));
    assert!(["multi", "zadd", "pexpire", "exec"].into_iter().all(calls), "{stats}");
}

#[tokio::test]
async fn a_user_with_a_password_who_may_do_no_more_than_is_needed() {
    let Some(redis) = Redis::start().unwrap() else { return };
    let mut connection =
        redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let rights = "~ours:* &ours:* +@read +@write +@pubsub +@connection +multi +exec -@dangerous";
    let documented = include_str!("../../docs/operations.md");
    assert!(documented.contains(&format!("`{}`", rights.replace("ours", "interline"))), "{rights}");
    let rights: Vec<&str> = rights.split(' ').collect();
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("node").arg("on").arg(">word").arg(&rights[..]);
    user.exec_async(&mut connection).await.unwrap();
    redis::cmd("CONFIG")
        .arg("SET")
        .arg("requirepass")
        .arg("other")
        .exec_async(&mut connection)
        .await
        .unwrap();
    suite(&RedisPresence::new(link(&redis.url().replace("//", "//node:word@")).await)).await;
    let (wrong, _) =
        Link::start(&redis.url().replace("//", "//node:wrong@"), "ours", "7-1", Default::default()).unwrap();
    let store = RedisPresence::new(wrong.clone());
    let review = ReviewId(Uuid::from_u128(1));
    assert!(store.put(review, presence(1, 1), LONG).await.is_err() && !wrong.is_up());
}
