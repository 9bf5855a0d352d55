//! Coming back: what is unread, which files were viewed, and how that finds its way to the server.

use super::*;
use crate::review::{Marks, Viewed};

fn replica() -> (Server, Replica) {
    let mut server = Server::new();
    let reply = Change::CommentAdded {
        comment: comment(3),
        place: Place::Reply(comment(2)),
        text: "mine".into(),
        at: HlcTime { ms: 11, n: 0 },
        seen: None,
    };
    server.take(1, 1, 1, vec![add(1, "a"), add(2, "b")]);
    server.take(2, 1, 2, vec![reply, add(4, "own")]);
    let mut replica = Replica::new(client(9), user(2), ReviewId(Uuid::from_u128(7)), 0);
    let (review, head) = (server.sequencer.committed().clone(), server.sequencer.head());
    assert_eq!(replica.marks_to_send(1), None, "there is no connection");
    replica.opening();
    replica.opened(1, opened_whole(review, head)).unwrap();
    (server, replica)
}

fn saved(replica: &mut Replica) -> Vec<Save> {
    let mut saves = Vec::new();
    while let Some(effect) = replica.poll() {
        if let ReplicaEffect::Save { generation, state } = effect {
            saves.push(*state);
            replica.saved(9, generation);
        }
    }
    saves
}

#[test]
fn what_others_wrote_is_unread_until_it_is_read() {
    let (mut server, mut replica) = replica();
    assert_eq!(replica.unread(), [comment(1), comment(2)].into());
    replica.mark_read(comment(1)).unwrap();
    replica.mark_read(comment(3)).unwrap();
    assert!(replica.unread().is_empty(), "a reply stands for its thread");
    assert_eq!(replica.mark_read(comment(8)), Err(EditError::UnknownComment));
    let place = Place::Reply(comment(1));
    let (text, at) = ("more".to_owned(), HlcTime { ms: 12, n: 0 });
    server.take(1, 2, 3, vec![Change::CommentAdded { comment: comment(5), place, text, at, seen: None }]);
    let entry = EncodedEntry::new(server.delivered.last().unwrap(), replica.head().unwrap().hash);
    replica.receive(2, &entry).unwrap();
    assert_eq!(replica.unread(), [comment(1)].into());
}

#[test]
fn marks_outlive_the_program_and_go_out_once_there_is_a_connection() {
    let (_, mut replica) = replica();
    assert_eq!(replica.marks_to_send(1), Some(Marks::default()), "to learn what the server has");
    assert_eq!(replica.marks_to_send(2), None, "it is under way");
    let at = crate::clock::Stamp { at: HlcTime { ms: 5_000_000, n: 0 }, client: client(8) };
    let seen = Viewed { viewed: true, patch_set: 1, at, changed: false };
    let known = Marks { read: [(comment(2), 2)].into(), viewed: [("x".to_owned(), seen)].into() };
    replica.marks_came(Some(1), known.clone());
    assert_eq!((replica.unread(), replica.viewed()), ([comment(1)].into(), ["x".to_owned()].into()));
    assert_eq!(replica.marks_to_send(3), None, "there is nothing to say");
    saved(&mut replica);

    replica.offline();
    // By a clock that is far behind what was seen: the later mark counts.
    replica.set_viewed(10, "x", false).unwrap();
    replica.set_viewed(11, "y", true).unwrap();
    replica.mark_read(comment(1)).unwrap();
    assert_eq!(replica.set_viewed(11, "", true), Err(EditError::BadPlace));
    let saves = saved(&mut replica);
    assert!(saves.last().unwrap().precious && saves.last().unwrap().ledger.is_some());
    let json = serde_json::to_string(saves.last().unwrap().ledger.as_ref().unwrap()).unwrap();
    let ledger = serde_json::from_str(&json).unwrap();
    let (review, head) = (replica.confirmed().clone(), replica.head().unwrap());
    let confirmed = Some(SavedReview { format: SAVED_FORMAT, head, review });
    let pending = saves.last().unwrap().pending.clone();
    let mut again = Replica::restore(20, Restore { pending, ledger, confirmed, entries: vec![] }, 0);
    assert_eq!((again.unread(), again.viewed()), ([].into(), ["y".to_owned()].into()));

    again.opening();
    again.opened(21, opened(head)).unwrap();
    let sent = again.marks_to_send(7).unwrap();
    assert_eq!((sent.read.len(), sent.viewed.len()), (1, 2));
    assert!(sent.viewed["x"].at > at);
    // The server could not; the next mark takes them along. What is marked meanwhile is not taken for sent.
    assert!(again.marks_failed(7) && !again.marks_failed(7));
    assert_eq!(again.marks_to_send(8), None);
    again.set_viewed(22, "z", true).unwrap();
    let sent = again.marks_to_send(9).unwrap();
    assert_eq!(sent.viewed.len(), 3);
    again.set_viewed(23, "y", false).unwrap();
    let mut all = known;
    all.merge(&sent);
    again.marks_came(Some(9), all.clone());
    assert_eq!(again.viewed(), ["z".to_owned()].into());
    assert_eq!(again.marks_to_send(10).unwrap().viewed.keys().collect::<Vec<_>>(), ["y"]);

    // The file changed: the server says so to whoever has looked at it.
    all.viewed.get_mut("z").unwrap().changed = true;
    again.marks_came(None, all);
    assert!(again.viewed().is_empty());
}

#[test]
fn a_ledger_from_before_there_were_marks_can_be_read() {
    let ledger = r#"{"format":2,"rejected":[],"receipts":[],"last_rejected":3}"#;
    let read: SavedLedger = serde_json::from_str(ledger).unwrap();
    assert_eq!((read.last_rejected, read.visits.is_empty()), (3, true));
    assert_eq!(serde_json::to_string(&read).unwrap(), ledger);
}

#[test]
fn what_was_read_of_a_lost_history_hides_nothing_that_comes_in_its_place() {
    let (_, mut replica) = replica();
    replica.mark_read(comment(1)).unwrap();
    replica.offline();
    // The log goes back to its second entry, and another reply comes in place of what was lost.
    let mut restored = Server::new();
    restored.take(1, 1, 1, vec![add(1, "a"), add(2, "b")]);
    let place = Place::Reply(comment(1));
    let (text, at) = ("unread".to_owned(), HlcTime { ms: 12, n: 0 });
    restored.take(1, 2, 2, vec![Change::CommentAdded { comment: comment(5), place, text, at, seen: None }]);
    replica.renew(1_000, client(3), ResyncReason::HistoryLost);
    replica.opening();
    let (review, head) = (restored.sequencer.committed().clone(), restored.sequencer.head());
    replica.opened(1_010, Opened { held: Some(2), ..opened_whole(review, head) }).unwrap();
    assert!(replica.unread().contains(&comment(1)));
}
