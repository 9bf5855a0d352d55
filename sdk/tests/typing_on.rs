//! What somebody who types is told of: that what was done before is durable, however slow the local store is, and that
//! it cannot become so for now.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use interline::store::{Owner, Part, Record, Scope, Stored, Unreadable};
use interline::{ClientId, Event, MemoryStore, ReviewId, Store, StoreError};
use support::{Server, builder, line, open, synced};

/// How long a save takes: longer than the gaps between keys, and than typing has to rest.
const SAVE: Duration = Duration::from_millis(40);
const KEY: Duration = Duration::from_millis(10);

#[tokio::test(flavor = "multi_thread")]
async fn synced_does_not_wait_for_typing_to_rest() {
    let server = Server::start().await;
    let client = builder(&server, "ann").debounce_ms(10).store(Slow::default()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.comment(line(), "").unwrap();
    let typing = Arc::new(AtomicBool::new(true));
    let (keys, on) = (comment.clone(), typing.clone());
    let hand = tokio::spawn(async move {
        while on.load(Ordering::SeqCst) {
            keys.insert(keys.text().len(), "x").unwrap();
            tokio::time::sleep(KEY).await;
        }
    });
    for _ in 0..10 {
        let before = comment.text();
        synced(&review).await;
        let there = server.world().committed("pr-1").comments[&comment.id()].text.as_str().to_owned();
        assert!(there.starts_with(&before), "{} of {} keys are there", there.len(), before.len());
    }
    typing.store(false, Ordering::SeqCst);
    hand.await.unwrap();
    synced(&review).await;
    assert_eq!(server.world().committed("pr-1").comments[&comment.id()].text.as_str(), comment.text());
}

#[tokio::test]
async fn a_full_server_is_told_of_once_a_batch() {
    let server = Server::start().await;
    let (client, review) = open(&server, "ann").await;
    let comment = review.comment(line(), "").unwrap();
    synced(&review).await;
    let problems = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&problems);
    let _observer = review.observe(move |event| {
        if let Event::Problem(problem) = event {
            heard.lock().unwrap().push((problem.code.clone(), problem.retryable));
        }
    });
    for n in 1..=2 {
        server.world().mischief.full = 3;
        comment.insert(0, "x").unwrap();
        synced(&review).await;
        assert_eq!(*problems.lock().unwrap(), vec![("store_failed".into(), true); n]);
    }
    assert_eq!((client.analytics().retries, review.rejected().len()), (6, 0));
    assert_eq!(server.world().committed("pr-1").comments[&comment.id()].text.as_str(), "xx");
}

/// A store on a slow disk.
#[derive(Default)]
struct Slow(MemoryStore);

#[async_trait::async_trait]
impl Store for Slow {
    async fn save(&self, scope: &Scope, review: ReviewId, record: &Record) -> Result<(), StoreError> {
        tokio::time::sleep(SAVE).await;
        self.0.save(scope, review, record).await
    }
    async fn peek(&self, scope: &Scope, review: ReviewId) -> Result<Option<String>, StoreError> {
        self.0.peek(scope, review).await
    }
    async fn client_id(&self, owner: &Owner, fresh: ClientId) -> Result<ClientId, StoreError> {
        self.0.client_id(owner, fresh).await
    }
    async fn hold(&self, scope: &Scope) -> Result<(), StoreError> {
        self.0.hold(scope).await
    }
    async fn release(&self, scope: &Scope) {
        self.0.release(scope).await;
    }
    async fn orphans(&self, owner: &Owner) -> Result<Vec<Scope>, StoreError> {
        self.0.orphans(owner).await
    }
    async fn resolve(&self, owner: &Owner, key: &str) -> Result<Option<ReviewId>, StoreError> {
        self.0.resolve(owner, key).await
    }
    async fn remember(&self, owner: &Owner, key: &str, review: ReviewId) -> Result<(), StoreError> {
        self.0.remember(owner, key, review).await
    }
    async fn load(&self, scope: &Scope, review: ReviewId) -> Result<Option<Stored>, StoreError> {
        self.0.load(scope, review).await
    }
    async fn set_aside(&self, scope: &Scope, review: ReviewId, part: Part) -> Result<(), StoreError> {
        self.0.set_aside(scope, review, part).await
    }
    async fn unreadable(&self, owner: &Owner) -> Result<Vec<Unreadable>, StoreError> {
        self.0.unreadable(owner).await
    }
    async fn list(&self, scope: &Scope) -> Result<Vec<ReviewId>, StoreError> {
        self.0.list(scope).await
    }
    async fn remove(&self, scope: &Scope, review: ReviewId) -> Result<(), StoreError> {
        self.0.remove(scope, review).await
    }
}
