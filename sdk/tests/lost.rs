//! A server that does not know a review any more which a client has: it was restored from a copy that is older.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::time::Duration;

use interline::{
    Cause, Client, ClientBuilder, Coded, ErrorCode, Event, MemoryStore, OpenError, Review, SyncError,
};
use support::{Server, away, back, builder, line, synced, until};
use tokio::time::timeout;

const GONE: Result<(), SyncError> = Err(SyncError::Stuck(ErrorCode::UnknownReview));

async fn settled(review: &Review) -> Result<(), SyncError> {
    timeout(Duration::from_secs(10), review.synced()).await.expect("it does not wait for ever")
}

fn texts(review: &Review) -> Vec<String> {
    let rejected = review.rejected();
    assert!(rejected.iter().all(|rejected| rejected.cause == Cause::HistoryLost), "{rejected:?}");
    rejected.into_iter().filter_map(|rejected| rejected.mine).collect()
}

/// A client with something acknowledged and something pending, whose server then loses the review.
async fn lost(server: &Server, builder: ClientBuilder) -> (Client, Review) {
    let client = builder.connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.comment(line(), "acknowledged").unwrap();
    review.comment(line(), "acknowledged as well").unwrap();
    synced(&review).await;
    away(server, &client).await;
    comment.insert(12, ", and pending").unwrap();
    review.comment(line(), "only pending").unwrap();
    server.world().forget("pr-1");
    (client, review)
}

#[tokio::test]
async fn everything_comes_back_as_drafts_and_nobody_waits_for_ever() {
    let server = Server::start().await;
    let (client, review) = lost(&server, builder(&server, "ann")).await;
    let mut events = review.events();
    let waiting = tokio::spawn({
        let review = review.clone();
        async move { settled(&review).await }
    });
    let before = review.client_id();
    back(&server, &client);
    assert_eq!(waiting.await.unwrap(), GONE);
    assert_eq!(settled(&review).await, GONE, "nothing is pending, but nothing is durable");
    assert_eq!(settled(&review).await.unwrap_err().code(), "unknown_review");
    assert_eq!(texts(&review), ["acknowledged as well", "acknowledged, and pending", "only pending"]);
    assert!(review.export_rejected().contains("acknowledged, and pending"));
    assert_eq!((review.unsynced().count, review.is_online()), (0, false));
    assert_ne!(review.client_id(), before);
    let mut stuck = 0;
    let mut problem = false;
    while !problem {
        let next = timeout(Duration::from_secs(10), futures_util::StreamExt::next(&mut events)).await;
        let event = next.expect("it is told").unwrap();
        stuck += usize::from(event == Event::Stuck(ErrorCode::UnknownReview));
        problem = matches!(event, Event::Problem(problem) if problem.code == "unknown_review");
    }
    assert_eq!(stuck, 1);
    let counted = client.analytics();
    assert_eq!((counted.renewals, counted.recovered), (1, 3));
    // A draft that is tried again where the review is not stays a draft.
    let first = review.rejected()[0].id;
    assert_eq!(review.retry_rejected(first).unwrap_err().code(), "review_lost");
    // No review has the key now: it leads to the copy.
    let copy = client.open("pr-1").await.unwrap();
    assert_eq!((copy.id(), copy.rejected().len()), (review.id(), review.rejected().len()));
    // Told again after a reconnect, it is offered once.
    let offered = review.rejected().len();
    away(&server, &client).await;
    back(&server, &client);
    until("it is connected again", || client.connection().is_connected()).await;
    assert_eq!(client.open("pr-1").await.unwrap().id(), review.id());
    assert_eq!((review.rejected().len(), client.analytics().renewals), (offered, 1));
}

#[tokio::test]
async fn no_edit_is_taken_that_could_never_be_sent() {
    let server = Server::start().await;
    let (client, review) = lost(&server, builder(&server, "ann")).await;
    back(&server, &client);
    assert_eq!(settled(&review).await, GONE);
    let (kept, edits) = (review.rejected(), client.analytics().edits);
    let comment = review.comments()[0].id;
    let comment = review.get(comment).unwrap();
    let text = comment.text();
    let refused = |edit: Result<(), interline::EditError>| {
        edit.map_err(|error| (error.code().into_owned(), error.is_retryable()))
    };
    let never = Err(("review_lost".to_owned(), false));
    assert_eq!(refused(review.comment(line(), "new").map(drop)), never);
    assert_eq!(refused(comment.insert(0, "more ")), never);
    assert_eq!(refused(comment.set_text("other")), never);
    assert_eq!(refused(comment.remove()), never);
    assert_eq!(refused(review.set_title("other")), never);
    assert_eq!(refused(review.set_status(interline::Status::Approved)), never);
    // Nor of drafts in it.
    let drafts = timeout(Duration::from_secs(10), review.drafts()).await.expect("in time").unwrap();
    until("they are lost as well", || refused(drafts.add(line(), "draft").map(drop)) == never).await;
    assert_eq!((comment.text(), review.rejected(), client.analytics().edits), (text, kept, edits));
    let exported = review.export_rejected();
    assert!(exported.contains("acknowledged, and pending") && exported.contains("only pending"));
    assert_eq!(review.unsynced().count, 0);

    // Where the server has the review again, edits are taken again.
    away(&server, &client).await;
    server.world().remember("pr-1");
    back(&server, &client);
    until("it is back", || review.is_online()).await;
    comment.insert(0, "more ").unwrap();
    synced(&review).await;
}

#[tokio::test]
async fn a_key_that_was_given_to_another_review_opens_that() {
    let server = Server::start().await;
    let (client, old) = lost(&server, builder(&server, "ann")).await;
    back(&server, &client);
    assert_eq!(settled(&old).await, GONE);
    server.world().create_again("pr-1");
    let new = client.open("pr-1").await.unwrap();
    assert_ne!(new.id(), old.id());
    new.comment(line(), "in the new one").unwrap();
    synced(&new).await;
    assert_eq!(server.world().committed("pr-1").comments.len(), 1);
    let copy = client.open(&old.id().to_string()).await.unwrap();
    assert_eq!(texts(&copy).len(), 3);
    assert_eq!(client.open("pr-1").await.unwrap().id(), new.id());
}

#[tokio::test]
async fn a_restarted_client_knows_it_and_asks_what_the_key_is_now() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let with = || builder(&server, "ann").store(store.clone());
    let (client, old) = lost(&server, with()).await;
    back(&server, &client);
    assert_eq!(settled(&old).await, GONE);
    let offered = texts(&old);
    let id = old.id();
    client.closed().await.unwrap();
    drop((client, old));

    // Without a connection the key leads to the copy, with all that it offers.
    server.world().away = true;
    let client = with().build().await.unwrap();
    let copy = client.open("pr-1").await.unwrap();
    assert_eq!((copy.id(), texts(&copy)), (id, offered.clone()));
    assert_eq!(settled(&copy).await, GONE);
    client.closed().await.unwrap();
    drop((client, copy));

    server.world().away = false;
    server.world().create_again("pr-1");
    let client = with().connect().await.unwrap();
    let new = client.open("pr-1").await.unwrap();
    assert_ne!(new.id(), id);
    let copy = client.open(&id.to_string()).await.unwrap();
    assert_eq!(texts(&copy), offered);
    client.closed().await.unwrap();
    drop((client, copy, new));

    // The key is the new one's from here on, and what the server never had is an error.
    server.world().away = true;
    let client = with().build().await.unwrap();
    assert_ne!(client.open("pr-1").await.unwrap().id(), id);
    let nobody = client.open("pr-9").await.map(|review| review.id());
    assert!(matches!(nobody, Err(OpenError::Disconnected { .. })), "{nobody:?}");
}
