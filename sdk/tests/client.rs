//! Clients against a small server in the same process.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};
use interline::{
    Anchor, BuildError, Client, Coded, ConnectionState, DisconnectReason, EditError, ErrorCode, Event,
    MemoryStore, OpenError, Origin, PresenceUpdate, Status, SyncError, TextOp, TextSelection, UserId,
};
use interline_core::wire::ServerFrame;
use support::{Server, Time, builder, line, open, synced, until};

#[tokio::test(flavor = "multi_thread")]
async fn two_people_write_one_comment() {
    let server = Server::start().await;
    let (_a, ann) = open(&server, "ann").await;
    let (_b, bo) = open(&server, "bo").await;
    let comment = ann.comment(line(), "Fix indentation").unwrap();
    comment.insert(0, "Please: ").unwrap();
    ann.set_status(Status::Approved).unwrap();
    synced(&ann).await;
    until("bo sees it", || bo.threads().len() == 1 && bo.status() == Status::Approved).await;
    let theirs = bo.get(comment.id()).unwrap();
    for n in 0..30 {
        comment.insert(comment.text().chars().count(), "a").unwrap();
        theirs.insert(0, "b").unwrap();
        if n % 7 == 0 {
            tokio::time::sleep(Duration::from_millis(8)).await;
        }
    }
    theirs.reply("done").unwrap().resolve().unwrap();
    synced(&ann).await;
    synced(&bo).await;
    until("the same", || ann.threads() == bo.threads() && ann.threads()[0].comments.len() == 2).await;
    assert_eq!(comment.text(), format!("{}Please: Fix indentation{}", "b".repeat(30), "a".repeat(30)));
    assert!(ann.threads()[0].resolved && !comment.data().unwrap().pending);
    assert_eq!(ann.version(), bo.version());
    assert!(ann.unsynced().count == 0 && ann.is_online());
    let counted = _a.analytics();
    assert!(
        counted.edits == 33 && counted.batches > 0 && counted.ack.count == counted.batches,
        "{counted:?}"
    );
    assert!(counted.retries == 0 && counted.bytes_in > 0 && counted.bytes_out > 0 && counted.resyncs == 0);
}

#[tokio::test]
async fn events_follow_the_text() {
    let server = Server::start().await;
    let (_a, ann) = open(&server, "ann").await;
    let (_b, bo) = open(&server, "bo").await;
    let comment = ann.comment(line(), "x").unwrap();
    synced(&ann).await;
    until("bo sees it", || bo.get(comment.id()).is_ok()).await;
    // A copy kept by events alone, as an editor does; checked at each event, on the spot.
    let shown = Arc::new(Mutex::new((interline_core::text::Text::new("x"), 0)));
    let (copy, watched) = (Arc::clone(&shown), bo.clone());
    let _observer = bo.observe(move |event| {
        if let Event::TextEdited { op, comment, origin, .. } = event {
            let mut copy = copy.lock().unwrap();
            copy.0.apply(op).unwrap();
            copy.1 += usize::from(*origin == Origin::Remote);
            assert_eq!(copy.0.as_str(), watched.get(*comment).unwrap().text());
        }
    });
    let mut events = bo.events();
    for n in 0..20 {
        comment.insert(n % 2, "🙂").unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    synced(&ann).await;
    until("the copy", || shown.lock().unwrap().0.as_str() == comment.text()).await;
    assert!(shown.lock().unwrap().1 > 1);
    let first = events.next().await.unwrap();
    assert!(matches!(first, Event::TextEdited { origin: Origin::Remote, .. }), "{first:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_comes_and_goes() {
    let server = Server::start().await;
    let (client, ann) = open(&server, "ann").await;
    let comment = ann.comment(line(), "x").unwrap();
    synced(&ann).await;
    for n in 0..5 {
        server.world().mischief.swallow = n % 2 == 0;
        comment.insert(0, "y").unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        server.cut();
        comment.insert(0, "z").unwrap();
        client.reconnect();
        synced(&ann).await;
    }
    assert_eq!(server.world().committed("pr-1").comments[&comment.id()].text.as_str(), comment.text());
    assert_eq!(comment.text(), "zyzyzyzyzyx");
    assert_eq!(client.analytics().reconnects, 5);
    assert_eq!(server.world().hellos.iter().filter(|hello| hello.client != client.id()).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_and_restarted() {
    let server = Server::start().await;
    let store = MemoryStore::new();
    let client = builder(&server, "ann").store(store.clone()).connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.comment(line(), "one").unwrap();
    synced(&review).await;
    server.world().away = true;
    server.cut();
    until("it is noticed", || !client.connection().is_connected()).await;
    comment.insert(3, " two").unwrap();
    assert_eq!(review.unsynced().count, 1);
    let id = client.id();
    client.closed().await.unwrap();
    assert_eq!(comment.insert(0, "lost?"), Err(EditError::Closed));
    assert!(review.synced().await.is_err());
    drop((client, review));

    // The server is still away: what is here opens all the same.
    let client = builder(&server, "ann").store(store.clone()).build().await.unwrap();
    assert_eq!(client.id(), id);
    let review = client.open("pr-1").await.unwrap();
    assert_eq!(client.stored().await.unwrap(), [review.id()]);
    let again = review.get(comment.id()).unwrap();
    assert_eq!(again.text(), "one two");
    assert!(again.data().unwrap().pending && !review.is_online());
    let unknown = client.open("pr-2").await;
    assert!(matches!(&unknown, Err(error @ OpenError::Disconnected { .. }) if error.is_retryable()));
    again.insert(7, " three").unwrap();
    server.world().away = false;
    client.reconnect();
    synced(&review).await;
    assert_eq!(server.world().committed("pr-1").comments[&comment.id()].text.as_str(), "one two three");

    // Somebody else's store is somebody else's.
    let bo = builder(&server, "bo").store(store).connect().await.unwrap();
    assert_ne!(bo.id(), id);
    assert!(bo.stored().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_server_that_misbehaves() {
    let server = Server::start().await;
    let (a, ann) = open(&server, "ann").await;
    let (b, bo) = open(&server, "bo").await;
    let comment = ann.comment(line(), "x").unwrap();
    synced(&ann).await;
    until("bo sees it", || bo.get(comment.id()).is_ok()).await;

    server.world().mischief.refuse = true;
    comment.insert(0, "1").unwrap();
    synced(&ann).await;
    assert_eq!(a.analytics().retries, 1);

    server.world().mischief.skip = true;
    comment.insert(0, "2").unwrap();
    until("nobody is told of it", || !server.world().mischief.skip).await;
    bo.get(comment.id()).unwrap().insert(0, "3").unwrap();
    synced(&ann).await;
    synced(&bo).await;
    until("the same after a gap", || ann.threads() == bo.threads()).await;
    assert!(b.analytics().resyncs >= 1);

    server.world().mischief.corrupt = true;
    comment.insert(0, "4").unwrap();
    synced(&ann).await;
    synced(&bo).await;
    until("the same after corruption", || ann.threads() == bo.threads()).await;
    assert!(a.analytics().diverged + b.analytics().diverged >= 1);
    let text = comment.text();
    assert_eq!(server.world().committed("pr-1").comments[&comment.id()].text.as_str(), text);
    assert_eq!(text.len(), 5, "{text}");
}

#[tokio::test]
async fn what_was_in_flight_while_starting_over_is_told() {
    let server = Server::start().await;
    let (a, ann) = open(&server, "ann").await;
    let (_b, bo) = open(&server, "bo").await;
    let comment = ann.comment(line(), "x").unwrap();
    synced(&ann).await;
    until("bo sees it", || bo.get(comment.id()).is_ok()).await;
    let shown = Arc::new(Mutex::new(interline_core::text::Text::new("x")));
    let (copy, watched) = (Arc::clone(&shown), comment.clone());
    let _observer = ann.observe(move |event| {
        let mut copy = copy.lock().unwrap();
        match event {
            Event::TextEdited { op, .. } => copy.apply(op).unwrap(),
            Event::Loaded => *copy = interline_core::text::Text::new(watched.text()),
            _ => {}
        }
    });
    // Ann's batch waits to be sent again while Bo's entry makes her start over.
    server.world().mischief.refuse = true;
    comment.insert(0, "ann ").unwrap();
    until("refused", || !server.world().mischief.refuse).await;
    server.world().mischief.corrupt = true;
    bo.get(comment.id()).unwrap().insert(1, " bo").unwrap();
    synced(&ann).await;
    until("both", || comment.text() == "ann x bo" && bo.threads() == ann.threads()).await;
    assert_eq!(a.analytics().diverged, 1);
    assert_eq!(shown.lock().unwrap().as_str(), "ann x bo");
}

#[tokio::test]
async fn refused_changes_are_kept() {
    let server = Server::start().await;
    let (_client, ann) = open(&server, "ann").await;
    let mut events = ann.events();
    let comment = ann.comment(Anchor::head("src/lib.rs", 99), "on no line").unwrap();
    synced(&ann).await;
    assert!(comment.data().is_err());
    let rejected = ann.rejected();
    assert_eq!(rejected[0].code(), "unknown_line");
    assert_eq!(rejected[0].mine.as_deref(), Some("on no line"));
    loop {
        if let Event::Rejected(event) = events.next().await.unwrap() {
            break assert_eq!(event, rejected[0]);
        }
    }
    assert!(ann.discard_rejected(Some(rejected[0].id)) && !ann.discard_rejected(None));
    assert!(ann.rejected().is_empty());
    assert_eq!(comment.insert(0, "x").map_err(|error| error.code()), Err("unknown_comment".into()));
}

#[tokio::test]
async fn what_is_never_taken_is_told_once() {
    let server = Server::start().await;
    let (_client, ann) = open(&server, "ann").await;
    let mut events = ann.events();
    server.world().mischief.ban = true;
    let comment = ann.comment(line(), "x").unwrap();
    let stuck = tokio::time::timeout(Duration::from_secs(10), ann.synced()).await.expect("in time");
    assert_eq!(stuck, Err(SyncError::Stuck(ErrorCode::BadBatch)));
    comment.insert(0, "kept ").unwrap();
    assert_eq!(ann.synced().await.map_err(|error| error.code()), Err("bad_batch".into()));
    assert_eq!(server.world().submitted.len(), 1);
    ann.reload();
    until("it starts over", || ann.unsynced().count == 0).await;
    assert!(ann.rejected().is_empty(), "it is carried over and goes out under another number");
    assert_eq!(server.world().committed("pr-1").comments[&comment.id()].text.as_str(), "kept x");
    ann.comment(line(), "again").unwrap();
    synced(&ann).await;
    let mut told = 0;
    while let Some(Some(event)) = events.next().now_or_never() {
        told += usize::from(event == Event::Stuck(ErrorCode::BadBatch));
    }
    assert_eq!(told, 1);
}

#[tokio::test]
async fn two_names_of_a_review_that_is_being_opened() {
    let server = Server::start().await;
    let id = server.world().committed("pr-1").id.to_string();
    let client = builder(&server, "ann").connect().await.unwrap();
    server.world().mischief.hold_opened = true;
    let later = async {
        until("it is asked for by both", || server.world().opened == 2).await;
        server.world().let_go();
    };
    let (by_key, by_id, ()) = tokio::join!(client.open("pr-1"), client.open(&id), later);
    assert_eq!(by_key.unwrap().id(), by_id.unwrap().id());
    until("both are left", || server.world().present("pr-1").is_empty()).await;
}

#[tokio::test]
async fn nobody_holds_what_nobody_waited_for() {
    let server = Server::start().await;
    let client = builder(&server, "ann").connect().await.unwrap();
    let mut opening = Box::pin(client.open("pr-1"));
    assert!(opening.as_mut().now_or_never().is_none());
    until("it is opened", || !server.world().present("pr-1").is_empty()).await;
    // Answers come in their order: with this one, that one has come as well.
    let later = client.open("pr-2").await.unwrap();
    drop(opening);
    until("it is left", || server.world().present("pr-1").is_empty()).await;
    assert_eq!(server.world().present("pr-2").len(), 1);
    drop(later);
}

#[tokio::test]
async fn observers() {
    let server = Server::start().await;
    let (_client, ann) = open(&server, "ann").await;
    let comment = ann.comment(line(), "").unwrap();

    // One that panics keeps nobody from hearing what comes after.
    let bad = ann.observe(|_| panic!("on purpose"));
    let edit = std::panic::AssertUnwindSafe(|| comment.insert(0, "a"));
    assert!(std::panic::catch_unwind(edit).is_err());
    drop(bad);
    let told = Arc::new(Mutex::new(Vec::new()));
    let (log, writer) = (Arc::clone(&told), comment.clone());
    let _observer = ann.observe(move |event| {
        let first = {
            let mut log = log.lock().unwrap();
            log.push(event.clone());
            matches!(event, Event::TextEdited { .. }) && log.len() < 10
        };
        // One that falls behind hears how much it has missed, after what it has not.
        if first && writer.text().len() < 10 {
            (0..3_000).for_each(|_| writer.insert(0, "b").unwrap());
        }
    });
    comment.insert(0, "c").unwrap();
    let told = told.lock().unwrap();
    let Some(Event::Lagged { missed }) = told.last() else { panic!("{:?}", told.last()) };
    assert!(*missed > 1_000 && told.len() <= 4_096 + 10, "{missed} missed, {} told", told.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn ops_are_made_for_the_text_they_are_applied_to() {
    let server = Server::start().await;
    let (_client, ann) = open(&server, "ann").await;
    let comment = ann.comment(line(), "one").unwrap();
    let mut seen = Vec::new();
    comment
        .apply_with(|text| {
            seen.push(text.to_owned());
            // The review can be read in here, and changed.
            if comment.text() == "one" {
                comment.set_text("two").unwrap();
            }
            Ok::<_, EditError>(TextOp::replace(3, 3, 0, "!").unwrap())
        })
        .unwrap();
    assert_eq!((seen, comment.text().as_str()), (vec!["one".to_owned(), "two".to_owned()], "two!"));
}

#[tokio::test]
async fn no_tls() {
    let client = Client::builder("https://127.0.0.1:9").user("ann", "Ann").connect().await;
    let Err(error @ BuildError::Disconnected { reason: DisconnectReason::Refused, .. }) = client else {
        panic!("connected")
    };
    assert!(!error.is_retryable() && error.to_string().contains("TLS"), "{error}");
}

#[tokio::test]
async fn handles_and_names() {
    let server = Server::start().await;
    let client = builder(&server, "ann").connect().await.unwrap();
    let error = client.open("nothing").await.err().unwrap();
    assert_eq!((error.code().as_ref(), error.is_retryable()), ("unknown_review", false));
    // One review under two names, opened at once.
    let (by_key, again) = tokio::join!(client.open("pr-1"), client.open("pr-1"));
    let (by_key, again) = (by_key.unwrap(), again.unwrap());
    let by_id = client.open(&by_key.id().to_string()).await.unwrap();
    by_key.set_title("Another title").unwrap();
    assert_eq!(by_id.title(), "Another title");
    let stranger = UserId::new("zoe").unwrap();
    assert_eq!(by_id.user(&stranger).display_name.as_str(), "zoe");
    assert_eq!(again.title(), "Another title");
    assert_eq!(server.world().present("pr-1").len(), 1);
    drop((by_key, again));
    by_id.comment(line(), "still here").unwrap();
    drop(by_id);
    until("it is left once it is synced", || server.world().present("pr-1").is_empty()).await;
    assert_eq!(server.world().committed("pr-1").comments.len(), 1);
    let review = client.open("pr-1").await.unwrap();
    assert_eq!(review.title(), "Another title");
    drop(client);
    review.set_title("A review keeps its client").unwrap();
    synced(&review).await;
    assert!(review.is_online());
    assert_eq!(server.world().committed("pr-1").title(), "A review keeps its client");
}

#[tokio::test]
async fn presence_is_throttled_and_comes_back() {
    let server = Server::start().await;
    let (ahead, time) = Time::new();
    let client = builder(&server, "ann").clock(time).connect().await.unwrap();
    let ann = client.open("pr-1").await.unwrap();
    let (b, bo) = open(&server, "bo").await;
    let comment = ann.comment(line(), "hello").unwrap();
    comment.select(5, 5).unwrap();
    let head =
        || bo.presence().iter().find_map(|presence| presence.selection.map(|selection| selection.head));
    until("the caret is told once the comment is there", || head() == Some(5)).await;
    assert_eq!(bo.presence()[0].place.patch_set, Some(1), "with the code that it is on");
    comment.insert(5, " world").unwrap();
    until("the caret follows the text", || head() == Some(11)).await;
    bo.get(comment.id()).unwrap().insert(0, ">> ").unwrap();
    until("for both", || head() == Some(14)).await;
    let (before, began) = (server.world().presences, Instant::now());
    for at in 0..50 {
        let selection = Some(TextSelection { comment: comment.id(), anchor: 0, head: at % 3 });
        ann.update_presence(PresenceUpdate { selection, active: true, ..PresenceUpdate::default() });
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    until("the last", || head() == Some(49 % 3)).await;
    let told = server.world().presences - before;
    // One in 100 ms, however long the machine took for it.
    let most = 2 + began.elapsed().as_millis() / 100;
    assert!(told >= 2 && told as u128 <= most, "{told} updates, {most} at most");
    server.cut();
    until("gone", || bo.presence().is_empty()).await;
    client.reconnect();
    until("back", || head() == Some(49 % 3)).await;

    // A server does not hear where somebody is before they have caught up.
    server.world().away = true;
    server.cut();
    until("gone again", || !client.connection().is_connected()).await;
    // Ann would come back by herself as soon as she can.
    server.world().shut_out = Some("ann");
    server.world().away = false;
    b.reconnect();
    b.connected().await.unwrap();
    until("bo is back", || bo.is_online()).await;
    bo.get(comment.id()).unwrap().insert(0, "!").unwrap();
    synced(&bo).await;
    server.world().mischief.hold_missed = true;
    server.world().shut_out = None;
    // By the clock it was long ago that she told where she is.
    ahead.pass(1_000);
    client.reconnect();
    until("ann is here", || server.world().present("pr-1").len() == 2).await;
    // What was to be sent at once has been sent before this, and before the answer to it is here.
    comment.history().await.unwrap();
    assert!(client.connection().is_connected() && !ann.is_online());
    assert_eq!(server.world().early, 0);
    server.world().let_go();
    until("back again", || head() == Some(49 % 3 + 1)).await;
    drop((ann, comment));
    until("left", || bo.presence().is_empty()).await;
}

#[tokio::test]
async fn connection_states() {
    let server = Server::start().await;
    let (client, review) = open(&server, "ann").await;
    let mut states = Box::pin(client.connections());
    assert_eq!(states.next().await, Some(ConnectionState::Connected));
    let mut events = review.events();
    server.world().broadcast(&ServerFrame::Draining { reconnect_after_ms: 1 });
    server.cut();
    assert!(matches!(states.next().await, Some(ConnectionState::Disconnected { .. })));
    tokio::time::timeout(Duration::from_secs(3), client.connected()).await.unwrap().unwrap();
    assert!(matches!(events.next().await, Some(Event::Connection(ConnectionState::Disconnected { .. }))));
    client.close();
    while let Some(state) = states.next().await {
        if !state.is_retryable() {
            break;
        }
    }
    while events.next().await.is_some() {}
    assert!(matches!(client.open("pr-1").await, Err(OpenError::Closed)));
    server.world().away = true;
    let refused = builder(&server, "bo").connect().await;
    assert!(matches!(refused, Err(BuildError::Disconnected { .. })));
}
