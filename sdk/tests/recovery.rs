//! Clients and a server that disagree about the past, and how they come to agree again without anything being lost.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use interline::{Cause, ClientId, Coded, Event, HistoryError, Version};
use interline_core::change::{Batch, Change};
use interline_core::clock::HlcTime;
use interline_core::review::Place;
use support::{Catch, Server, line, open, synced, until};

#[tokio::test]
async fn a_wrong_checksum_is_healed_and_counted() {
    let server = Server::start().await;
    let (_a, ann) = open(&server, "ann").await;
    let (b, bo) = open(&server, "bo").await;
    let comment = ann.comment(line(), "x").unwrap();
    synced(&ann).await;
    until("bo sees it", || bo.get(comment.id()).is_ok()).await;
    server.world().mischief.miscount = true;
    comment.insert(1, "y").unwrap();
    synced(&ann).await;
    until("it went out", || !server.world().mischief.miscount).await;
    until("bo sees the right text", || bo.get(comment.id()).unwrap().text() == "xy" && bo.is_online()).await;
    let counted = b.analytics();
    assert_eq!((counted.diverged, counted.resyncs, counted.renewals), (1, 1, 0));
    assert_eq!(server.world().committed("pr-1").comments[&comment.id()].text.as_str(), "xy");
}

#[tokio::test]
async fn a_server_that_lost_history() {
    let server = Server::start().await;
    let (client, ann) = open(&server, "ann").await;
    let comment = ann.comment(line(), "kept").unwrap();
    synced(&ann).await;
    let kept = ann.version();
    comment.set_text("kept, and lost").unwrap();
    synced(&ann).await;
    let second = ann.comment(line(), "wholly lost").unwrap();
    synced(&ann).await;
    let (before, receipts) = (ann.client_id(), ann.receipts());
    assert_eq!((before, receipts.len()), (client.id(), 3));
    let mut events = ann.events();
    server.world().away = true;
    server.cut();
    until("it is noticed", || !client.connection().is_connected()).await;
    comment.insert(0, "pending ").unwrap();
    server.world().lose("pr-1", kept);
    server.world().away = false;
    client.reconnect();
    synced(&ann).await;
    assert_ne!(ann.client_id(), before, "its numbers mean nothing there any more");
    let rejected = ann.rejected();
    assert!(rejected.iter().all(|rejected| rejected.cause == Cause::HistoryLost), "{rejected:?}");
    let texts: Vec<_> =
        rejected.iter().map(|rejected| (rejected.comment.unwrap(), rejected.mine.clone())).collect();
    assert_eq!(
        texts,
        [(comment.id(), Some("kept, and lost".into())), (second.id(), Some("wholly lost".into()))]
    );
    let counted = client.analytics();
    assert_eq!((counted.renewals, counted.recovered), (1, 2));
    // What was never acknowledged goes out; what was is not sent by itself.
    let texts = |server: &Server| {
        let world = server.world();
        let comments = world.committed("pr-1").comments.values();
        comments.map(|comment| comment.text.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&server), ["pending kept"]);
    assert_eq!(ann.receipts().len(), 2, "of what is there now");
    let mut told = Vec::new();
    while told.len() < 2 {
        if let Some(Event::Rejected(rejected)) = futures_util::StreamExt::next(&mut events).await {
            told.push(rejected);
        }
    }
    assert_eq!(told, rejected);
    // And goes out if somebody wants that.
    ann.retry_rejected(rejected[1].id).unwrap();
    synced(&ann).await;
    assert_eq!(texts(&server), ["pending kept", "wholly lost"]);
    assert_eq!(ann.rejected().len(), 1);
    assert_eq!(ann.retry_rejected(rejected[1].id).map_err(|e| e.code()), Err("unknown_rejected".into()));
}

#[tokio::test]
async fn a_log_that_was_set_back_and_has_grown_past_its_end_is_noticed_by_who_starts_over() {
    let server = Server::start().await;
    let (client, ann) = open(&server, "ann").await;
    let (b, bo) = open(&server, "bo").await;
    let kept = ann.version();
    let comment = ann.comment(line(), "acknowledged").unwrap();
    synced(&ann).await;
    // Somebody goes on with a copy of the store: its client begins anew, and has sent nothing since.
    server.world().away = true;
    server.cut();
    until("it is noticed", || !client.connection().is_connected() && !b.connection().is_connected()).await;
    let copy = Change::edit(comment.id(), serde_json::from_str("[12,\"!\"]").unwrap());
    let batch = Batch { seq: 2, base: ann.version(), changes: vec![copy] };
    let before = ann.client_id();
    server.world().impersonate("pr-1", before, client.user().clone(), batch);
    server.world().away = false;
    client.reconnect();
    until("it begins under another id", || ann.client_id() != before && ann.is_online()).await;
    let here = ann.version();

    server.world().away = true;
    server.cut();
    until("it is noticed", || !client.connection().is_connected() && !b.connection().is_connected()).await;
    server.world().lose("pr-1", kept);
    server.world().shut_out = Some("ann");
    server.world().away = false;
    b.reconnect();
    until("bo is back", || bo.is_online()).await;
    while bo.version() <= here {
        bo.comment(line(), "since").unwrap();
        synced(&bo).await;
    }
    ann.reload();
    server.world().shut_out = None;
    client.reconnect();
    until("it is offered again", || ann.is_online() && !ann.rejected().is_empty()).await;
    let rejected = ann.rejected();
    assert_eq!((rejected.len(), rejected[0].cause), (1, Cause::HistoryLost));
    assert_eq!(
        (rejected[0].comment, rejected[0].mine.as_deref()),
        (Some(comment.id()), Some("acknowledged!"))
    );
    assert!(ann.receipts().is_empty() && ann.comments().len() == bo.comments().len());
    assert_eq!(client.analytics().renewals, 2);
}

#[tokio::test]
async fn a_server_that_loses_history_twice_in_a_moment_is_named_and_asked_again() {
    let server = Server::start().await;
    let (client, ann) = open(&server, "ann").await;
    let kept = ann.version();
    let mut events = ann.events();
    for n in 1..=2 {
        ann.comment(line(), "lost").unwrap();
        synced(&ann).await;
        server.world().away = true;
        server.cut();
        until("it is noticed", || !client.connection().is_connected()).await;
        server.world().lose("pr-1", kept);
        server.world().away = false;
        client.reconnect();
        until("it is back", || ann.is_online() && ann.rejected().len() == n).await;
    }
    assert_eq!(client.analytics().renewals, 2);
    let mut problems = Vec::new();
    while let Some(Some(event)) =
        futures_util::FutureExt::now_or_never(futures_util::StreamExt::next(&mut events))
    {
        if let Event::Problem(problem) = event {
            problems.push((problem.code.into_owned(), problem.retryable));
        }
    }
    assert_eq!(problems, [("history_lost".to_owned(), true)]);
}

#[tokio::test]
async fn a_copied_store_is_noticed() {
    let server = Server::start().await;
    let (client, ann) = open(&server, "ann").await;
    let comment = ann.comment(line(), "x").unwrap();
    synced(&ann).await;
    let before = ann.client_id();
    server.world().away = true;
    server.cut();
    until("it is noticed", || !client.connection().is_connected()).await;
    // The other copy goes on under the same id.
    let copy = Change::CommentAdded {
        comment: interline::CommentId(uuid::Uuid::now_v7()),
        place: Place::Line(line()),
        text: "from the copy".into(),
        at: HlcTime { ms: 1, n: 0 },
        seen: None,
    };
    let batch = Batch { seq: 2, base: ann.version(), changes: vec![copy] };
    server.world().impersonate("pr-1", before, client.user().clone(), batch);
    comment.insert(1, "!").unwrap();
    server.world().away = false;
    client.reconnect();
    until("it begins under another id", || ann.client_id() != before && ann.is_online()).await;
    let rejected = ann.rejected();
    assert_eq!(rejected.len(), 1);
    assert_eq!((rejected[0].cause, rejected[0].mine.as_deref()), (Cause::CopiedStore, Some("x!")));
    assert_eq!(comment.text(), "x");
    comment.insert(0, "on ").unwrap();
    synced(&ann).await;
    assert_eq!(server.world().committed("pr-1").comments[&comment.id()].text.as_str(), "on x");
    let authors: Vec<ClientId> = server.world().log("pr-1").iter().map(|entry| entry.client).collect();
    assert_eq!(authors[1..], [before, before, ann.client_id()]);
    let counted = client.analytics();
    assert_eq!((counted.renewals, counted.recovered), (1, 1));
}

/// Ann has a batch in flight and more typed behind it when the connection goes; Bo writes meanwhile; Ann catches up.
async fn with_a_batch_in_flight(catch: Catch, lost: bool) {
    let server = Server::start().await;
    let (client, ann) = open(&server, "ann").await;
    let (b, bo) = open(&server, "bo").await;
    let comment = ann.comment(line(), "middle").unwrap();
    synced(&ann).await;
    until("bo sees it", || bo.get(comment.id()).is_ok()).await;
    // It reaches the server and is committed, or does not; either way Ann does not hear of it.
    if lost {
        server.world().mischief.refuse = true;
    } else {
        server.world().mischief.swallow = true;
    }
    comment.insert(0, "ann ").unwrap();
    until("it is on its way", || !server.world().mischief.refuse && !server.world().mischief.swallow).await;
    server.world().shut_out = Some("ann");
    server.cut();
    until("ann is gone", || !client.connection().is_connected()).await;
    comment.insert(0, "more ").unwrap();
    let bos = bo.get(comment.id()).unwrap();
    b.reconnect();
    until("bo is back", || bo.is_online()).await;
    for _ in 0..3 {
        let end = bos.text().chars().count();
        bos.insert(end, "!").unwrap();
        synced(&bo).await;
    }
    bo.comment(line(), "another").unwrap();
    synced(&bo).await;
    {
        let mut world = server.world();
        (world.shut_out, world.mischief.catch_up) = (None, catch);
    }
    client.reconnect();
    synced(&ann).await;
    assert!(server.world().mischief.catch_up == Catch::Entries, "it was caught up with in this way");
    until("the same", || ann.threads() == bo.threads()).await;
    assert_eq!(comment.text(), "more ann middle!!!");
    assert_eq!(server.world().committed("pr-1").comments[&comment.id()].text.as_str(), "more ann middle!!!");
    assert!(ann.rejected().is_empty() && client.analytics().resyncs == 0);
    assert_eq!(ann.unsynced().count, 0);
}

#[tokio::test]
async fn catching_up_with_a_batch_in_flight() {
    for catch in [Catch::Entries, Catch::Steps, Catch::Whole, Catch::Beside] {
        for lost in [false, true] {
            with_a_batch_in_flight(catch, lost).await;
        }
    }
}

#[tokio::test]
async fn a_comment_s_past() {
    let server = Server::start().await;
    let (client, ann) = open(&server, "ann").await;
    let comment = ann.comment(line(), "0").unwrap();
    synced(&ann).await;
    let mut texts: Vec<(Version, String)> = vec![(ann.version(), comment.text())];
    for n in 1..6 {
        comment.insert(n, &n.to_string()).unwrap();
        synced(&ann).await;
        texts.push((ann.version(), comment.text()));
    }
    let history = comment.history().await.unwrap();
    assert_eq!((history.edits.len(), history.complete), (5, true), "in pages of two");
    for (version, text) in &texts {
        assert_eq!(comment.text_at(*version).await.unwrap(), *text);
    }
    let ahead = comment.text_at(ann.version() + 1).await;
    assert_eq!(ahead, Err(HistoryError::NotKept(ann.version() + 1)));
    comment.restore(texts[2].0).await.unwrap();
    synced(&ann).await;
    assert_eq!(server.world().committed("pr-1").comments[&comment.id()].text.as_str(), "012");
    assert!(comment.undo().unwrap());
    assert_eq!(comment.text(), "012345");
    let unknown = ann.history(interline::CommentId(uuid::Uuid::nil())).await.unwrap_err();
    assert_eq!((unknown.code().as_ref(), ann.is_online()), ("unknown_comment", true));
    server.world().away = true;
    server.cut();
    until("it is noticed", || !client.connection().is_connected()).await;
    assert_eq!(comment.history().await, Err(HistoryError::Offline));
    client.close();
    until("closed", || client.connection() != interline::ConnectionState::Connecting).await;
    client.closed().await.unwrap();
    assert_eq!(comment.history().await, Err(HistoryError::Closed));
}
