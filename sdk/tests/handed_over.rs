//! What a client that ended has left for a person to decide on, and is handed to a living one.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::time::Duration;

use interline::store::{Owner, Scope};
use interline::{Anchor, Store, UserId};
use support::flaky::Flaky;
use support::{Server, away, builder, line, synced, until};

/// Waits until what was refused of a client's review is not in the store any more.
async fn let_go(store: &Flaky, scope: &Scope, review: interline::ReviewId, words: &str) {
    let gone = async {
        loop {
            // While its client is run to the end it can be looked at.
            if let Ok(Some(stored)) = store.load(scope, review).await
                && !stored.ledger.is_some_and(|ledger| ledger.contains(words))
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_over_and_dealt_with_does_not_come_again() {
    let server = Server::start().await;
    server.world().create_again("pr-2");
    let store = Flaky::default();
    let begin = || builder(&server, "ann").store(store.clone()).connect();
    let living = begin().await.unwrap();
    let review = living.open("pr-1").await.unwrap();
    let ended = begin().await.unwrap();
    let (first, second) = (ended.open("pr-1").await.unwrap(), ended.open("pr-2").await.unwrap());
    first.comment(Anchor::head("src/lib.rs", 99), "refused").unwrap();
    synced(&first).await;
    away(&server, &ended).await;
    second.comment(line(), "never sent").unwrap();
    let user = UserId::new("ann").unwrap();
    let scope = Scope { owner: Owner { server: server.url.clone(), user }, client: ended.id() };
    let (one, two) = (first.id(), second.id());
    ended.closed().await.unwrap();
    drop((ended, first, second));

    // With the second review the ended client does not come to its end.
    *store.stuck.lock().unwrap() = Some((scope.client, two));
    server.world().away = false;
    let handed_over = || {
        living.reconnect();
        !review.rejected().is_empty()
    };
    until("it is handed over", handed_over).await;
    let rejected = review.rejected();
    assert_eq!((rejected.len(), rejected[0].mine.as_deref()), (1, Some("refused")));
    let_go(&store, &scope, one, "refused").await;
    assert!(review.discard_rejected(Some(rejected[0].id)));
    until("that is saved", || review.is_saved()).await;
    assert_eq!(living.analytics().finished, 0);
    living.closed().await.unwrap();
    drop((living, review));

    // The next one runs it to its end.
    *store.stuck.lock().unwrap() = None;
    let next = begin().await.unwrap();
    let review = next.open("pr-1").await.unwrap();
    let finished = || {
        next.reconnect();
        next.analytics().finished == 2
    };
    until("it is run to its end", finished).await;
    let texts: Vec<_> =
        server.world().committed("pr-2").comments.values().map(|c| c.text.as_str().to_owned()).collect();
    assert_eq!(texts, ["never sent"]);
    assert!(review.rejected().is_empty(), "it was dealt with");
    next.closed().await.unwrap();
}
