//! Rooms from inside, one event at a time.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use futures_util::StreamExt;
use interline_core::change::Batch;
use interline_core::diff::PatchSet;
use interline_core::entry::Hash;
use interline_core::id::{DisplayName, UserId};
use interline_core::limits::Limits;
use interline_core::presence::{Presence, PresencePlace};
use serde_json::{Value, json};
use uuid::Uuid;

use super::load::load;
use super::members::Member;
use super::submit::history;
use super::task::{Event, Room};
use super::*;
use crate::presence::{Board, MemoryPresence};
use crate::session::{Outbox, Queues};
use crate::store::committer::Committer;
use crate::store::heads::Heads;
use crate::store::keeper::SnapshotKeeper;
use crate::store::{NewReview, SqliteStore, Store};

/// A log, to load rooms from.
struct Log {
    context: RoomContext,
    id: ReviewId,
    _directory: tempfile::TempDir,
}

impl Log {
    async fn new() -> Log {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(directory.path()).await.unwrap());
        let id = ReviewId(Uuid::now_v7());
        let diff = b"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-old\n+new\n";
        let patch_set = PatchSet::parse(diff).unwrap();
        let title = "A review".to_owned();
        let new = NewReview {
            id,
            key: None,
            title,
            status_policy: Default::default(),
            patch_set,
            body_hash: Hash::of(b""),
            at: 1,
        };
        store.create_review(new).await.unwrap();
        let (committer, _) = Committer::start(store.clone(), Default::default());
        let (heads, _) = Heads::start(store.clone());
        let (snapshots, _) = SnapshotKeeper::start(store.clone(), None);
        let (board, _) = Board::start(Arc::new(MemoryPresence::new()));
        let (limits, idle) = (Limits::default(), Duration::from_secs(1));
        let fanout = crate::fanout::local();
        let context = RoomContext {
            store,
            committer,
            heads,
            snapshots,
            board,
            fanout,
            metrics: Default::default(),
            limits,
            bells: Bells::default(),
            idle,
        };
        Log { context, id, _directory: directory }
    }

    async fn room(&self) -> Room {
        let Ok(loaded) = load(&self.context, self.id).await else { panic!("it loads") };
        Room::new(self.id, self.context.clone(), loaded, std::sync::Weak::new())
    }
}

/// Lets everything that is under way come to its end.
async fn settle(room: &mut Room) {
    while step(room).await {}
}

async fn step(room: &mut Room) -> bool {
    let Some(event) = room.work.next().await else { return false };
    assert!(room.resume(event).is_ok());
    true
}

fn session(number: u64) -> SessionId {
    SessionId(Uuid::from_u128(u128::from(number)))
}

fn client(number: u64) -> ClientId {
    ClientId(Uuid::from_u128(u128::from(number)))
}

fn user(number: u64) -> User {
    let name = format!("user-{number}");
    User { id: UserId::new(name.clone()).unwrap(), display_name: DisplayName::new(name).unwrap() }
}

fn join(number: u64) -> (Join, Queues, oneshot::Receiver<Joining>) {
    let (outbox, queues) = Outbox::new();
    let (reply, joining) = oneshot::channel();
    let join = Join {
        session: session(number),
        client: client(number),
        user: user(number),
        requested: "pr".to_owned(),
        have: None,
        told: None,
        settle: None,
        held: None,
        outbox,
        reply,
    };
    (join, queues, joining)
}

/// Lets a user of that number in.
async fn enter(room: &mut Room, number: u64) -> Queues {
    let (join, mut queues, _joining) = join(number);
    room.join(Box::new(join));
    settle(room).await;
    assert!(room.members.get(session(number)).is_some());
    queues.drain();
    queues
}

/// The first batch of the client of that number: a comment.
fn submit(number: u64) -> Submit {
    submit_text(number, "")
}

fn submit_text(number: u64, text: &str) -> Submit {
    let anchor = json!({ "patch_set": 1, "file": "f", "side": "head", "line": 1 });
    let change = json!({ "comment_added": {
        "comment": Uuid::from_u128(u128::from(number)), "place": { "line": anchor }, "text": text,
        "at": { "ms": 1 } } });
    let batch: Batch = serde_json::from_value(json!({ "seq": 1, "base": 1, "changes": [change] })).unwrap();
    let (client, user) = (client(number), user(number).id);
    let submission = Submission { client, user, batch, payload: Hash::of(b"1"), skew: 0 };
    Submit { session: session(number), submission, unreadable: None, outbox: Outbox::new().0 }
}

#[tokio::test]
async fn whoever_is_caught_up_hears_of_a_large_room_piece_by_piece() {
    const MEMBERS: u64 = 1_000;
    let log = Log::new().await;
    let mut room = log.room().await;
    let mut others = Vec::new();
    for number in 1..=MEMBERS {
        let (outbox, queues) = Outbox::new();
        let (user, place) = (user(number), PresencePlace::default());
        let presence = Presence {
            session: session(number),
            user,
            place,
            selection: None,
            writing: false,
            active: true,
            last_seen: 1,
        };
        room.members.insert(session(number), Member::new(client(number), outbox, presence, BTreeSet::new()));
        others.push(queues);
    }
    let (mut join, mut queues, _joining) = join(MEMBERS + 1);
    let gone = session(MEMBERS + 2);
    join.have = Some(room.sequencer.head());
    join.told = Some(vec![session(1), gone]);
    room.join(Box::new(join));
    settle(&mut room).await;
    let mut heard = HashSet::new();
    let mut pieces = 0;
    loop {
        assert!(!queues.ended());
        for frame in queues.drain() {
            let frame: Value = serde_json::from_str(&frame).unwrap();
            let session = match frame.get("gone") {
                Some(frame) => &frame["session"],
                None => &frame["presence"]["presence"]["session"],
            };
            assert!(heard.insert(session.as_str().unwrap().to_owned()), "{frame}");
        }
        pieces += 1;
        if room.presence_due.is_none() {
            break;
        }
        room.tell_held_back();
    }
    assert_eq!(heard.len() as u64, MEMBERS + 1);
    assert!(heard.contains(&gone.0.to_string()) && (3..10).contains(&pieces), "{pieces}");
    assert!(others.iter().all(|queues| !queues.ended()));
}

#[tokio::test]
async fn a_session_may_leave_and_join_again_at_once() {
    let log = Log::new().await;
    let mut room = log.room().await;
    let (first, _first_queues, first_joining) = join(1);
    let (second, _queues, joining) = join(1);
    room.join(Box::new(first));
    room.leave(session(1));
    room.join(Box::new(second));
    settle(&mut room).await;
    assert!(first_joining.await.is_err(), "nobody waits for it");
    assert!(matches!(joining.await, Ok(Joining::Joined)));
    assert!(room.joining.is_empty());
}

#[tokio::test]
async fn names_are_kept_of_those_who_are_here_or_wrote() {
    let log = Log::new().await;
    let mut room = log.room().await;
    let _queues = [enter(&mut room, 1).await, enter(&mut room, 2).await];
    assert_eq!(room.names.len(), 2);
    room.submit(submit(1));
    // A batch of the one is still under way.
    room.leave(session(1));
    room.leave(session(2));
    assert_eq!(room.names.keys().collect::<Vec<_>>(), [&user(1).id]);
    settle(&mut room).await;
    assert!(room.users().contains(&user(1)) && room.names.len() == 1);
    assert!(room.departed.is_empty() && !room.sequencer.knows(client(1)));
}

#[tokio::test]
async fn what_an_overtaken_room_still_waits_for_is_known() {
    let log = Log::new().await;
    let (mut here, mut there) = (log.room().await, log.room().await);
    let _queues = [enter(&mut here, 1).await, enter(&mut here, 2).await, enter(&mut there, 2).await];
    // The later of the two comes into the log elsewhere first.
    here.submit(submit(1));
    here.submit(submit(2));
    there.submit(submit(2));
    settle(&mut there).await;
    here.leave(session(2));
    assert_eq!(here.departed.len(), 1);
    while here.sequencer.head().version < 2 {
        assert!(step(&mut here).await);
    }
    assert_eq!(here.tail.keys().collect::<Vec<_>>(), [&client(1)]);
    assert!(here.departed.is_empty() && !here.sequencer.knows(client(2)));
    settle(&mut here).await;
    assert!(here.tail.is_empty() && here.sequencer.head().version == 3);
}

#[tokio::test]
async fn a_batch_that_was_answered_needs_no_history() {
    let log = Log::new().await;
    let mut room = log.room().await;
    let _queues = enter(&mut room, 1).await;
    room.submit(submit(1));
    settle(&mut room).await;
    let mut room = log.room().await;
    let mut queues = enter(&mut room, 1).await;
    room.submit(submit(1));
    assert!(room.work.is_empty());
    assert!(queues.drain().iter().any(|frame| frame.contains("committed")));
}

/// A join of the client of that number that asks to have its first seq settled.
fn settling(number: u64, session_number: u64) -> (Join, Queues, oneshot::Receiver<Joining>) {
    let (mut join, queues, joining) = join(number);
    (join.session, join.settle) = (session(session_number), Some(1));
    (join, queues, joining)
}

/// The `opened` frame that waits.
fn opened(queues: &mut Queues) -> Value {
    let frames = queues.drain();
    let frame: Value = serde_json::from_str(&frames[0]).unwrap();
    frame["opened"].clone()
}

#[tokio::test]
async fn a_seq_that_is_under_way_gets_its_own_answer() {
    let log = Log::new().await;
    let mut room = log.room().await;
    let _queues = enter(&mut room, 1).await;
    room.submit(submit(1));
    let (again, mut queues, joining) = settling(1, 2);
    room.join(Box::new(again));
    // Its last answer is known before the append is over, or not: it is let in behind the append.
    settle(&mut room).await;
    assert!(matches!(joining.await, Ok(Joining::Joined)));
    assert_eq!(opened(&mut queues)["last"]["result"]["committed"]["version"], 2);
    assert!(room.settling.is_empty() && room.joining.is_empty() && room.tail.is_empty());
}

#[tokio::test]
async fn whoever_starts_from_the_whole_review_starts_behind_their_own_entry() {
    let log = Log::new().await;
    let mut room = log.room().await;
    let _queues = enter(&mut room, 1).await;
    room.submit(submit(1));
    // The append happens, and the room has yet to hear of it.
    let Some(Event::Appended(clients, outcome)) = room.work.next().await else { panic!("an append") };
    let answer = log.context.store.last_answer(log.id, client(1)).await;
    assert!(answer.as_ref().is_ok_and(Option::is_some));
    let (again, mut queues, joining) = settling(1, 2);
    room.joining.insert(77, (again.session, again.client));
    room.answer_found(77, Box::new(again), answer.map(|answer| (answer, 0)));
    assert_eq!((room.settling.len(), queues.drain().len()), (1, 0));
    assert!(room.appended(&clients, outcome).is_ok());
    settle(&mut room).await;
    assert!(matches!(joining.await, Ok(Joining::Joined)));
    let opened = opened(&mut queues);
    assert_eq!((&opened["snapshot"]["version"], &opened["head"]["version"]), (&2.into(), &2.into()));
    assert_eq!(opened["last"]["result"]["committed"]["version"], 2);
}

#[tokio::test]
async fn a_seq_that_is_void_stays_void() {
    let log = Log::new().await;
    let mut room = log.room().await;
    let _queues = enter(&mut room, 1).await;
    let (again, mut queues, joining) = settling(1, 2);
    room.join(Box::new(again));
    assert!(step(&mut room).await, "the last answer");
    assert_eq!(room.settling.len(), 1);
    // Whoever sends the batch now has to wait, whoever asks once more as well.
    let mut late = submit(1);
    late.session = session(1);
    room.submit(late);
    let (third, mut third_queues, third_joining) = settling(1, 3);
    room.join(Box::new(third));
    settle(&mut room).await;
    assert!(matches!((joining.await, third_joining.await), (Ok(Joining::Joined), Ok(Joining::Joined))));
    for queues in [&mut queues, &mut third_queues] {
        assert_eq!(opened(queues)["last"]["result"], "void");
    }
    let stored = log.context.store.last_answer(log.id, client(1)).await.unwrap().unwrap();
    assert_eq!((stored.seq, stored.result), (1, interline_core::entry::AnswerResult::Void));
    assert_eq!(room.sequencer.head().version, 1, "the log holds nothing of it");
    assert!(room.settling.is_empty() && room.joining.is_empty());
}

#[tokio::test]
async fn whoever_leaves_while_a_seq_is_settled_leaves_nothing_behind() {
    let log = Log::new().await;
    let mut room = log.room().await;
    let (join, _queues, joining) = settling(1, 1);
    room.join(Box::new(join));
    assert!(step(&mut room).await, "the last answer");
    room.leave(session(1));
    settle(&mut room).await;
    assert!(joining.await.is_err(), "nobody waits for it");
    assert!(room.settling.is_empty() && room.joining.is_empty() && room.departed.is_empty());
    assert!(room.members.is_empty() && !room.sequencer.knows(client(1)));
}

#[tokio::test]
async fn a_batch_is_carried_over_so_many_edits_and_no_more() {
    let log = Log::new().await;
    let mut room = log.room().await;
    let _queues = enter(&mut room, 1).await;
    room.submit(submit(1));
    settle(&mut room).await;
    let edit = |seq: u64| -> Batch {
        let op = json!(["x", seq - 2]);
        let op = if seq == 2 { json!(["x"]) } else { op };
        let change = json!({ "text_edited": { "comment": Uuid::from_u128(1), "op": op } });
        serde_json::from_value(json!({ "seq": seq, "base": seq, "changes": [change] })).unwrap()
    };
    for seq in 2..=5 {
        let mut next = submit(1);
        (next.submission.batch, next.submission.payload) = (edit(seq), Hash::of(&[seq as u8]));
        room.submit(next);
        settle(&mut room).await;
    }
    assert_eq!(room.sequencer.head().version, 6);
    let older = async |edits| history(&*log.context.store, log.id, &edit(2), Vec::new(), 2, 6, edits).await;
    assert_eq!(older(4).await.unwrap().len(), 4);
    assert_eq!(older(3).await.unwrap_err().code, ErrorCode::BadBase);
}

#[tokio::test]
async fn no_room_is_started_once_the_server_stops() {
    let log = Log::new().await;
    let rooms = Rooms::new(log.context.clone());
    assert!(rooms.get(log.id).read(0).await.is_ok());
    rooms.stop(tokio::time::Instant::now() + Duration::from_secs(60)).await;
    assert!(rooms.get(log.id).ended());
    assert!(rooms.get(log.id).read(0).await.is_err());
}

#[tokio::test]
async fn what_waits_for_the_store_is_bounded_by_its_text_as_well() {
    const CLIENTS: u64 = 70;
    let log = Log::new().await;
    let mut room = log.room().await;
    let mut members = Vec::new();
    for number in 1..=CLIENTS {
        members.push(enter(&mut room, number).await);
    }
    // Nobody lets the store go on.
    let text = "x".repeat(30 << 10);
    let refused = (1..=CLIENTS).filter(|number| {
        let (outbox, mut queues) = Outbox::new();
        room.submit(Submit { outbox, ..submit_text(*number, &text) });
        let frames = queues.drain();
        frames.iter().any(|frame| frame.contains("\"overloaded\""))
    });
    assert_eq!(refused.collect::<Vec<_>>(), [70], "2 MiB, and what the last of them has more");
    settle(&mut room).await;
    room.submit(submit_text(CLIENTS, &text));
    settle(&mut room).await;
    assert_eq!(room.sequencer.committed().comments.len() as u64, CLIENTS, "everybody in the end");
}
