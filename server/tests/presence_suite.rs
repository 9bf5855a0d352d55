//! What every presence store has to do, run against memory and against a real Redis.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use interline_core::id::{ClientId, DisplayName, ReviewId, SessionId, User, UserId};
use interline_core::presence::{Presence, PresencePlace};
use interline_server::presence::{
    MemoryPresence, PresenceStore, PresenceWrite, RedisPresence, SessionRecord,
};
use tokio::time::sleep;
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

fn user(name: &str) -> User {
    User { id: UserId::new(name).unwrap(), display_name: DisplayName::new(name).unwrap() }
}

fn presence(session: u128, line: u32) -> Presence {
    let place = PresencePlace { file: Some("src/lib.rs".to_owned()), line: Some(line), side: None };
    let session = SessionId(Uuid::from_u128(session));
    Presence { session, user: user("ann"), place, selection: None, active: true, last_seen: 5 }
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
    store.remove_session(SessionId(Uuid::from_u128(1))).await.unwrap();
    assert_eq!(store.list_sessions().await.unwrap(), [record(2)]);

    // Nothing at all is a question whether the store is there.
    store.write(&[], LONG).await.unwrap();
    let many = (0..300).map(|n| PresenceWrite::Put(there, presence(n, 2))).collect::<Vec<_>>();
    store.write(&many, LONG).await.unwrap();
    assert_eq!(store.list(there).await.unwrap().len(), 300);

    // What nobody says again expires, and what somebody does say again stays.
    let late = ReviewId(Uuid::from_u128(4));
    store.put(late, presence(1, 1), SHORT).await.unwrap();
    store.put(late, presence(2, 1), SHORT).await.unwrap();
    store.put_session(record(5), SHORT).await.unwrap();
    sleep(SHORT / 2).await;
    store.put(late, presence(2, 2), SHORT * 4).await.unwrap();
    sleep(SHORT).await;
    assert_eq!(store.list(late).await.unwrap(), [presence(2, 2)]);
    assert!(!store.list_sessions().await.unwrap().contains(&record(5)));
}

#[tokio::test]
async fn memory_passes_the_suite() {
    suite(&MemoryPresence::new()).await;
}

/// A Redis of the test's own.
struct Redis {
    process: Child,
    port: u16,
    directory: tempfile::TempDir,
}

impl Redis {
    /// Nothing where the tests run without Redis.
    async fn start() -> Option<Redis> {
        if std::env::var("INTERLINE_WITHOUT").is_ok_and(|parts| parts.split(',').any(|part| part == "redis"))
        {
            println!("left out: redis");
            return None;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let process = Redis::spawn(port, directory.path());
        let redis = Redis { process, port, directory };
        redis.wait().await;
        Some(redis)
    }

    fn spawn(port: u16, directory: &std::path::Path) -> Child {
        let program = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let mut command = Command::new(&program);
        command.args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command.arg("--dir").arg(directory).stdout(Stdio::null());
        command.spawn().unwrap_or_else(|error| panic!("cannot start {program}: {error}"))
    }

    async fn wait(&self) {
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("Redis does not listen");
    }

    fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    async fn keys(&self) -> Vec<String> {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

#[tokio::test]
async fn redis_passes_the_suite() {
    let Some(redis) = Redis::start().await else { return };
    suite(&RedisPresence::new(&redis.url()).unwrap()).await;
}

#[tokio::test]
async fn every_key_in_redis_is_ours_and_an_idle_one_empties_itself() {
    let Some(redis) = Redis::start().await else { return };
    let store = RedisPresence::new(&redis.url()).unwrap();
    let review = ReviewId(Uuid::from_u128(1));
    store.put(review, presence(1, 1), SHORT).await.unwrap();
    store.put_session(record(1), SHORT).await.unwrap();
    let keys = redis.keys().await;
    assert_eq!(keys.len(), 4, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("interline:")));
    assert_eq!(keys.iter().filter(|key| key.contains(&format!("{{{review}}}"))).count(), 2);
    sleep(SHORT * 2).await;
    assert!(redis.keys().await.is_empty());
}

#[tokio::test]
async fn a_redis_that_goes_and_comes_back_is_an_error_and_then_none() {
    let Some(mut redis) = Redis::start().await else { return };
    let store = RedisPresence::new(&redis.url()).unwrap();
    let review = ReviewId(Uuid::from_u128(1));
    store.put(review, presence(1, 1), LONG).await.unwrap();
    redis.stop();
    let began = std::time::Instant::now();
    assert!(store.put(review, presence(1, 2), LONG).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(3), "nobody waits long for presence");
    redis.process = Redis::spawn(redis.port, redis.directory.path());
    redis.wait().await;
    for _ in 0..40 {
        if store.put(review, presence(1, 3), LONG).await.is_ok() {
            assert_eq!(store.list(review).await.unwrap(), [presence(1, 3)]);
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("it did not heal");
}
