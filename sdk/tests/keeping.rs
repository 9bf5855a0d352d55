//! What the local store keeps, and what becomes of it: restarts, damage, older releases, clients that ended.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::time::Duration;

use interline::store::{Confirmed, Owner, Part, Record, Scope};
use interline::{
    Anchor, Cause, Client, ClientId, Coded, EditError, Event, MemoryStore, Reason, ReviewId, Store,
    SyncError, UserId,
};
use interline_core::entry::{Answer, EncodedEntry, Hash};
use serde::Deserialize;
use support::{Server, away, builder, line, open, synced, until};

fn owner(server: &Server, name: &str) -> Owner {
    Owner { server: server.url.clone(), user: UserId::new(name).unwrap() }
}

fn text(server: &Server, comment: interline::CommentId) -> String {
    server.world().committed("pr-1").comments[&comment].text.as_str().to_owned()
}

#[tokio::test]
async fn undo_reaches_back_to_before_a_restart() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let client = builder(&server, "ann").store_dir(folder.path()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.comment(line(), "one").unwrap();
    synced(&review).await;
    comment.insert(3, " two").unwrap();
    synced(&review).await;
    assert!(comment.can_undo() && !comment.can_redo());
    client.closed().await.unwrap();
    assert_eq!(comment.undo(), Err(EditError::Closed));
    let client = builder(&server, "ann").store_dir(folder.path()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.get(comment.id()).unwrap();
    let (_b, bo) = open(&server, "bo").await;
    bo.get(comment.id()).unwrap().insert(0, "bo ").unwrap();
    synced(&bo).await;
    until("ann sees it", || comment.text() == "bo one two").await;
    assert!(comment.undo().unwrap());
    assert_eq!(comment.text(), "bo one");
    assert!(comment.redo().unwrap() && comment.undo().unwrap());
    synced(&review).await;
    assert_eq!(text(&server, comment.id()), "bo one");
    client.closed().await.unwrap();
}

#[tokio::test]
async fn what_was_refused_is_retried_discarded_and_exported() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let nowhere = |n| Anchor::head("src/lib.rs", n);
    review.comment(nowhere(98), "first").unwrap();
    review.comment(nowhere(99), "second").unwrap();
    synced(&review).await;
    client.closed().await.unwrap();
    let client = builder(&server, "ann").store(store).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let rejected = review.rejected();
    assert_eq!(
        rejected.iter().map(|one| one.mine.as_deref()).collect::<Vec<_>>(),
        [Some("first"), Some("second")]
    );
    assert_eq!(rejected[0].cause, Cause::Refused(Reason::UnknownLine));
    let exported: serde_json::Value = serde_json::from_str(&review.export_rejected()).unwrap();
    assert_eq!(exported["format"], 1);
    assert_eq!(exported["client"], review.client_id().to_string());
    assert_eq!(exported["rejected"][1]["mine"], "second");
    review.retry_rejected(rejected[0].id).unwrap();
    assert_eq!(review.rejected(), rejected[1..]);
    synced(&review).await;
    let again = review.rejected();
    assert_eq!(again.len(), 2, "it is refused again");
    assert!(review.discard_rejected(Some(again[0].id)) && !review.discard_rejected(Some(again[0].id)));
    assert!(review.discard_rejected(None) && review.rejected().is_empty());
    let comment = review.comment(line(), "kept").unwrap();
    synced(&review).await;
    let receipts = review.receipts();
    let log = server.world().log("pr-1");
    let entry = log.iter().find(|entry| entry.client == review.client_id()).unwrap();
    assert!(
        receipts.iter().any(|one| (one.seq, one.version, one.at) == (entry.seq, entry.version, entry.at))
    );
    let last = &receipts[receipts.len() - 1];
    let exported = review.export_receipts();
    let expected = format!(
        r#"{{"format":1,"review":"{}","client":"{}","receipts":[{{"seq":{},"version":{},"hash":"{}","at":{}}}]}}"#,
        review.id(),
        review.client_id(),
        last.seq,
        last.version,
        last.hash,
        last.at
    );
    assert_eq!((exported, text(&server, comment.id()).as_str()), (expected, "kept"));
    client.closed().await.unwrap();
}

#[tokio::test]
async fn a_damaged_review_is_fetched_anew_and_what_was_pending_goes_out() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.comment(line(), "one").unwrap();
    synced(&review).await;
    away(&server, &client).await;
    comment.insert(3, " two").unwrap();
    let pending = review.comment(line(), "new").unwrap();
    let (id, review_id) = (client.id(), review.id());
    client.closed().await.unwrap();
    let scope = Scope { owner: owner(&server, "ann"), client: id };
    store.hold(&scope).await.unwrap();
    let stored = store.load(&scope, review_id).await.unwrap().unwrap();
    let confirmed = Confirmed::Whole("{\"format\":2,".into());
    let record = Record { pending: stored.pending, ledger: stored.ledger, confirmed, precious: true };
    store.save(&scope, review_id, &record).await.unwrap();
    store.release(&scope).await;

    // Without a server there is nothing to show, and nothing is lost for it.
    let client = builder(&server, "ann").store(store.clone()).build().await.unwrap();
    assert!(client.open("pr-1").await.is_err());
    let unsynced = client.unsynced().await.unwrap();
    assert_eq!((client.id(), unsynced.count, unsynced.reviews.len()), (id, 2, 1));
    server.world().away = false;
    client.reconnect();
    client.connected().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let mut events = review.events();
    let problem = loop {
        if let Some(Event::Problem(problem)) = futures_util::StreamExt::next(&mut events).await {
            break problem;
        }
    };
    assert_eq!(problem.code, "local_copy_damaged");
    synced(&review).await;
    assert_eq!(text(&server, pending.id()), "new");
    // What it was made on is gone: the edit waits for a decision.
    let rejected = review.rejected();
    assert_eq!(
        (rejected.len(), rejected[0].cause, rejected[0].comment),
        (1, Cause::Unplaceable, Some(comment.id()))
    );
    assert_eq!(review.client_id(), id);
    let kept = client.unreadable().await.unwrap();
    assert!(kept.iter().any(|text| text.name == "confirmed"), "{kept:?}");
    assert_eq!(client.unsynced().await.unwrap().count, 0);

    // Where what was pending cannot be read, it is kept, and the replica begins again under another id.
    client.closed().await.unwrap();
    store.hold(&scope).await.unwrap();
    store.set_aside(&scope, review_id, Part::Record).await.unwrap();
    store.release(&scope).await;
    let client = builder(&server, "ann").store(store).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    assert!(review.client_id() != id && client.id() == id);
    review.get(pending.id()).unwrap().insert(0, "re").unwrap();
    synced(&review).await;
    assert_eq!(text(&server, pending.id()), "renew");
    assert_eq!(server.world().log("pr-1").last().unwrap().client, review.client_id());
    client.closed().await.unwrap();
}

#[derive(Deserialize)]
struct Sample {
    saved: String,
    log: Vec<Logged>,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Logged {
    version: u64,
    hash: Hash,
    payload: String,
}

#[tokio::test]
async fn a_replica_of_the_first_release_opens() {
    let sample: Sample = serde_json::from_str(include_str!("samples/replica_v1.json")).unwrap();
    let saved: serde_json::Value = serde_json::from_str(&sample.saved).unwrap();
    let client_id: ClientId = serde_json::from_value(saved["client"].clone()).unwrap();
    let id: ReviewId = serde_json::from_value(saved["confirmed"]["id"].clone()).unwrap();
    let log = sample.log.into_iter().map(|Logged { version, hash, payload }| EncodedEntry {
        version,
        hash,
        payload: payload.into(),
    });
    let server = Server::start().await;
    server.world().hold("old", log.collect(), id, client_id, sample.answers.last().unwrap().clone());
    let store = MemoryStore::new();
    let scope = Scope { owner: owner(&server, "ann"), client: client_id };
    assert_eq!(store.client_id(&scope.owner, client_id).await.unwrap(), client_id);
    let record = Record { pending: sample.saved, ledger: None, confirmed: Confirmed::Same, precious: true };
    store.save(&scope, id, &record).await.unwrap();
    store.release(&scope).await;

    server.world().away = true;
    let client = builder(&server, "ann").store(store.clone()).build().await.unwrap();
    assert_eq!((client.id(), client.unsynced().await.unwrap().count), (client_id, 2));
    let review = client.open(&id.to_string()).await.unwrap();
    let comments = review.comments();
    assert_eq!((comments.len(), comments[0].text.as_str()), (1, "one two three"));
    let rejected = review.rejected();
    assert_eq!((rejected.len(), rejected[0].mine.as_deref()), (1, Some("on no line")));
    assert_eq!(rejected[0].code(), "unknown_line");
    server.world().away = false;
    client.reconnect();
    synced(&review).await;
    assert_eq!(server.world().committed("old").comments[&comments[0].id].text.as_str(), "one two three");
    client.closed().await.unwrap();

    // It was saved in the present format, whole.
    server.world().away = true;
    let client = builder(&server, "ann").store(store).build().await.unwrap();
    let review = client.open(&id.to_string()).await.unwrap();
    assert_eq!(review.comments()[0].text, "one two three");
    assert_eq!(review.rejected(), rejected);
    assert_eq!(review.receipts().len(), 2);
}

#[tokio::test]
async fn a_newer_format_is_left_alone() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let me = owner(&server, "ann");
    let id = store.client_id(&me, ClientId(uuid::Uuid::now_v7())).await.unwrap();
    let scope = Scope { owner: me, client: id };
    let review = server.world().committed("pr-1").id;
    let record = Record {
        pending: r#"{"format":4}"#.into(),
        ledger: None,
        confirmed: Confirmed::Same,
        precious: true,
    };
    store.save(&scope, review, &record).await.unwrap();
    store.release(&scope).await;
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let error = client.open(&review.to_string()).await.err().unwrap();
    assert_eq!((error.code().as_ref(), error.is_retryable()), ("store_newer", false));
    assert!(client.unreadable().await.unwrap().is_empty());
    client.closed().await.unwrap();
}

/// A client whose process ended without a word: nothing is released, nothing is saved any more.
struct Doomed {
    runtime: tokio::runtime::Runtime,
    client: Client,
    review: interline::Review,
    store: Usurped,
}

impl Doomed {
    async fn start(server: &Server, store: MemoryStore) -> Doomed {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let store = Usurped { inner: std::sync::Arc::new(store), ..Usurped::default() };
        let builder = builder(server, "ann").store(store.clone());
        let begun = runtime.spawn(async move {
            let client = builder.connect().await.unwrap();
            let review = client.open("pr-1").await.unwrap();
            (client, review)
        });
        let (client, review) = begun.await.unwrap();
        Doomed { runtime, client, review, store }
    }

    /// Waits until its store has something.
    async fn saved(&self, scope: &Scope, what: &str) {
        let there = async {
            loop {
                let stored = self.store.load(scope, self.review.id()).await.unwrap().unwrap();
                if stored.pending.contains(what) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), there).await.expect("in time");
    }

    fn crash(self) {
        self.runtime.shutdown_background();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_a_client_that_ended_arrive_once_under_its_id() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let doomed = Doomed::start(&server, store.clone()).await;
    let (id, other) = (doomed.client.id(), client.id());
    assert_ne!(id, other);
    let comment = doomed.review.comment(line(), "one").unwrap();
    synced(&doomed.review).await;
    doomed.review.comment(Anchor::head("src/lib.rs", 99), "refused").unwrap();
    synced(&doomed.review).await;
    // One batch is committed unheard, another is never sent.
    server.world().mischief.swallow = true;
    comment.insert(3, " two").unwrap();
    until("it is on its way", || !server.world().mischief.swallow).await;
    away(&server, &doomed.client).await;
    comment.insert(7, " three").unwrap();
    let scope = Scope { owner: owner(&server, "ann"), client: id };
    assert!(store.hold(&scope).await.is_err(), "it lives");
    assert_eq!(doomed.review.unsynced().count, 2);
    doomed.saved(&scope, " three").await;
    // All of its memory goes with it.
    let gone = comment.id();
    drop(comment);
    let comment = gone;
    doomed.crash();
    server.world().away = false;
    let finished = || {
        client.reconnect();
        client.analytics().finished == 1
    };
    until("it is run to its end", finished).await;
    assert_eq!(text(&server, comment), "one two three");
    let authors: Vec<ClientId> =
        server.world().log("pr-1").iter().skip(1).map(|entry| entry.client).collect();
    assert_eq!(authors, [id, id, id], "once each, under its own id");
    until("the living client has it", || review.get(comment).is_ok_and(|c| c.text() == "one two three"))
        .await;
    let rejected = review.rejected();
    assert_eq!((rejected.len(), rejected[0].mine.as_deref()), (1, Some("refused")), "handed over");
    assert_eq!(client.unsynced().await.unwrap().ended_clients, 0);
    assert_eq!(review.client_id(), other);
    client.closed().await.unwrap();
}

#[tokio::test]
async fn somebody_else_has_the_store() {
    let server = Server::start().await;
    let store = Usurped::default();
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.comment(line(), "x").unwrap();
    synced(&review).await;
    let mut events = review.events();
    store.taken.store(true, std::sync::atomic::Ordering::SeqCst);
    comment.insert(1, "y").unwrap();
    let failed = tokio::time::timeout(Duration::from_secs(5), review.synced()).await.unwrap();
    assert_eq!(failed, Err(SyncError::TakenOver));
    assert_eq!(comment.insert(2, "z"), Err(EditError::TakenOver));
    assert_eq!((comment.text().as_str(), review.unsynced().count), ("xy", 1), "it is still shown");
    let problem = loop {
        if let Some(Event::Problem(problem)) = futures_util::StreamExt::next(&mut events).await {
            break problem;
        }
    };
    assert_eq!((problem.code.as_ref(), problem.retryable), ("store_in_use", false));
    client.reconnect();
    assert!(client.connected().await.is_err());
    assert_eq!(text(&server, comment.id()), "x");
    let unsaved = client.closed().await.unwrap_err();
    assert_eq!(unsaved.kind(), interline::StoreErrorKind::InUse);
}

/// A store whose slot somebody else takes.
#[derive(Clone, Default)]
struct Usurped {
    inner: std::sync::Arc<MemoryStore>,
    taken: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

#[async_trait::async_trait]
impl Store for Usurped {
    async fn client_id(&self, owner: &Owner, fresh: ClientId) -> Result<ClientId, interline::StoreError> {
        self.inner.client_id(owner, fresh).await
    }
    async fn hold(&self, scope: &Scope) -> Result<(), interline::StoreError> {
        self.inner.hold(scope).await
    }
    async fn release(&self, scope: &Scope) {
        self.inner.release(scope).await;
    }
    async fn orphans(&self, owner: &Owner) -> Result<Vec<Scope>, interline::StoreError> {
        self.inner.orphans(owner).await
    }
    async fn resolve(&self, owner: &Owner, key: &str) -> Result<Option<ReviewId>, interline::StoreError> {
        self.inner.resolve(owner, key).await
    }
    async fn remember(
        &self,
        owner: &Owner,
        key: &str,
        review: ReviewId,
    ) -> Result<(), interline::StoreError> {
        self.inner.remember(owner, key, review).await
    }
    async fn load(
        &self,
        scope: &Scope,
        review: ReviewId,
    ) -> Result<Option<interline::store::Stored>, interline::StoreError> {
        self.inner.load(scope, review).await
    }
    async fn peek(&self, scope: &Scope, review: ReviewId) -> Result<Option<String>, interline::StoreError> {
        self.inner.peek(scope, review).await
    }
    async fn save(
        &self,
        scope: &Scope,
        review: ReviewId,
        record: &Record,
    ) -> Result<(), interline::StoreError> {
        if self.taken.load(std::sync::atomic::Ordering::SeqCst) {
            let error = interline::StoreError::new("another living client has this id");
            return Err(error.with_kind(interline::StoreErrorKind::InUse));
        }
        self.inner.save(scope, review, record).await
    }
    async fn set_aside(
        &self,
        scope: &Scope,
        review: ReviewId,
        part: Part,
    ) -> Result<(), interline::StoreError> {
        self.inner.set_aside(scope, review, part).await
    }
    async fn unreadable(
        &self,
        owner: &Owner,
    ) -> Result<Vec<interline::store::Unreadable>, interline::StoreError> {
        self.inner.unreadable(owner).await
    }
    async fn list(&self, scope: &Scope) -> Result<Vec<ReviewId>, interline::StoreError> {
        self.inner.list(scope).await
    }
    async fn remove(&self, scope: &Scope, review: ReviewId) -> Result<(), interline::StoreError> {
        self.inner.remove(scope, review).await
    }
}
