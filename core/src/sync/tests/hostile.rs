//! What a server cannot talk a replica out of: whatever was typed is shown, pending, or kept as refused.

use super::replica::{drain, replica, saves};
use super::*;
use crate::wire::ErrorCode;

/// A replica with a new comment in flight, and the batch.
fn in_flight() -> (Replica, Frozen) {
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "typed").unwrap();
    replica.tick(50);
    let sent = drain(&mut replica, 50).0.remove(0);
    (replica, sent)
}

/// The next entry behind what a replica has, by its own client.
fn own(replica: &Replica, seq: u64, facts: Vec<Fact>, verdicts: Vec<crate::entry::Verdict>) -> EncodedEntry {
    let head = replica.head().unwrap();
    let (author, client, version) = (user(1), replica.client(), head.version + 1);
    let entry = Entry { format: ENTRY_FORMAT, version, author, client, seq, at: 1, facts, verdicts };
    EncodedEntry::new(&entry, head.hash)
}

fn added(text: &str) -> Fact {
    let created = crate::clock::Stamp { at: HlcTime { ms: 1, n: 0 }, client: client(1) };
    let place = Place::Line(Anchor::head("x", 1));
    let (standing, beside) = (None, vec![]);
    Fact::CommentAdded { comment: comment(1), place, text: text.into(), created, standing, beside }
}

fn shown(replica: &Replica) -> Option<String> {
    replica.comment(comment(1)).map(|shown| shown.text.as_str().to_owned())
}

#[test]
fn an_entry_of_ones_own_without_the_comment_that_was_sent_is_none() {
    let superseded = crate::entry::Verdict {
        change: 0,
        outcome: Outcome::Superseded { field: "title".into(), by: user(2), value: FieldValue::Flag(true) },
    };
    for (facts, verdicts) in [(vec![], vec![]), (vec![added("other")], vec![]), (vec![], vec![superseded])] {
        let (mut replica, sent) = in_flight();
        let entry = own(&replica, sent.seq, facts, verdicts);
        assert_eq!(replica.receive(60, &entry), Err(ResyncReason::Diverged));
        assert_eq!(shown(&replica).as_deref(), Some("typed"));
    }
    let (mut replica, sent) = in_flight();
    let entry = own(&replica, sent.seq, vec![added("typed")], vec![]);
    assert_eq!(replica.receive(60, &entry), Ok(()));
    assert_eq!(replica.unsynced().count, 0);
}

#[test]
fn a_step_of_ones_own_with_another_comment_is_none() {
    let (mut replica, sent) = in_flight();
    let before = replica.confirmed().clone();
    replica.offline();
    let have = replica.opening().have.unwrap();
    let (author, client, seq) = (user(1), client(1), sent.seq);
    let theirs = Fact::PatchSetAdded { number: 2, moves: vec![] };
    let facts = [theirs, added("other")];
    let steps =
        facts.map(|fact| crate::entry::Step { version: 2, author: author.clone(), client, seq, at: 1, fact });
    let head = Head { version: 2, ..have };
    let told = Opened { steps: Some(steps.to_vec()), ..opened(head) };
    assert_eq!(replica.opened(60, told), Err(ResyncReason::Diverged));
    assert_eq!(replica.confirmed(), &before, "nothing of it stays");
    assert_eq!(shown(&replica).as_deref(), Some("typed"));
}

#[test]
fn what_was_rejected_as_a_whole_was_rejected_change_by_change() {
    let (mut replica, sent) = in_flight();
    let payload = Hash::of(sent.payload.as_bytes());
    replica.answered(60, Answer { seq: sent.seq, payload, result: AnswerResult::Rejected(vec![]) }).unwrap();
    assert_eq!((replica.unsynced().count, shown(&replica)), (0, None));
    assert_eq!(replica.rejected()[0].mine.as_deref(), Some("typed"));
}

#[test]
fn what_is_typed_behind_an_entry_that_does_not_fit_outlives_the_process() {
    let (mut server, mut replica) = (Server::new(), super::replica::unsaved(1));
    let mut all = saves(&mut replica, 0);
    server.take(2, 1, 1, vec![add(1, "theirs")]);
    let entry = EncodedEntry::new(&server.delivered[0], Hash::default());
    assert_eq!(replica.receive(10, &entry), Err(ResyncReason::Diverged));
    replica.add_comment(20, comment(2), Place::Line(Anchor::head("x", 2)), "typed").unwrap();
    all.extend(saves(&mut replica, 20));
    let back = Replica::restore(30, saved_parts(&all), 50);
    assert_eq!(back.comment(comment(2)).unwrap().text.as_str(), "typed");
}

#[test]
fn receipts_outlive_the_id_that_they_were_given_to() {
    let mut replica = super::replica::unsaved(1);
    let mut all = saves(&mut replica, 0);
    replica.add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "typed").unwrap();
    replica.tick(50);
    all.extend(saves(&mut replica, 50));
    let entry = own(&replica, 1, vec![added("typed")], vec![]);
    replica.receive(60, &entry).unwrap();
    all.extend(saves(&mut replica, 60));
    replica.renew(70, client(3), ResyncReason::HistoryLost);
    all.extend(saves(&mut replica, 70));
    assert_eq!(replica.receipts().len(), 1);
    let back = Replica::restore(80, saved_parts(&all), 50);
    assert_eq!(back.receipts(), replica.receipts());
}

#[test]
fn an_edit_that_fits_nothing_does_not_come_back_when_its_seq_is_void() {
    let (mut server, mut all) = (Server::new(), Vec::new());
    server.take(2, 1, 1, vec![add(1, "theirs")]);
    let mut replica = super::replica::unsaved(1);
    let hash = replica.head().unwrap().hash;
    replica.receive(10, &EncodedEntry::new(&server.delivered[0], hash)).unwrap();
    replica.replace_text(20, comment(1), 0, 0, "typed ").unwrap();
    replica.tick(100);
    all.extend(saves(&mut replica, 100));
    let mut damaged = saved_parts(&all);
    let review = &mut damaged.confirmed.as_mut().unwrap().review;
    review.comments.get_mut(&comment(1)).unwrap().text = crate::text::Text::new("short");
    damaged.entries.clear();
    let mut replica = Replica::restore(200, damaged, 50);
    replica.opening();
    let last = Some(Answer { seq: 1, payload: Hash::default(), result: AnswerResult::Void });
    let committed = server.sequencer.committed().clone();
    let told = Opened { last, ..opened_whole(committed, server.sequencer.head()) };
    replica.opened(210, told).unwrap();
    assert_eq!(shown(&replica).as_deref(), Some("theirs"));
    let kept = &replica.rejected()[0];
    assert!(serde_json::to_string(&kept.changes).unwrap().contains("typed "));
}

#[test]
fn a_saved_seq_of_zero_is_taken_for_none() {
    let mut replica = super::replica::unsaved(1);
    let mut saved = saved_parts(&saves(&mut replica, 0));
    saved.pending.next_seq = 0;
    let mut replica = Replica::restore(10, saved, 50);
    replica.opening();
    let (_, review, head) = created();
    assert_eq!(replica.opened(20, opened_whole(review, head)), Ok(()));
    assert_eq!(replica.refused(30, 0, ErrorCode::SeqGap, false, None), Ok(()));
}

#[test]
fn a_retry_of_what_was_never_placed_loses_none_of_it() {
    let mut replica = super::replica::unsaved(1);
    let mut saved = saved_parts(&saves(&mut replica, 0));
    let record = |id, comment, changes| Rejected {
        id,
        cause: Cause::Unplaceable,
        at: 0,
        comment: Some(comment),
        place: Some(Place::Line(Anchor::head("x", 1))),
        base: None,
        mine: None,
        changes,
        grounds: Default::default(),
    };
    let rejected = vec![
        record(1, comment(1), vec![add(1, "typed")]),
        record(2, comment(1), vec![edit(1, "[5,\"!\"]")]),
        record(3, comment(2), vec![edit(2, "[5,\"!\"]")]),
    ];
    saved.ledger = Some(SavedLedger { rejected, ..saved.ledger.unwrap_or_default() });
    let mut replica = Replica::restore(10, saved, 50);
    replica.retry_rejected(20, 1, comment(1)).unwrap();
    assert_eq!(shown(&replica).as_deref(), Some("typed"));
    replica.retry_rejected(20, 2, comment(5)).unwrap();
    assert_eq!(shown(&replica).as_deref(), Some("typed!"));
    assert!(replica.retry_rejected(20, 3, comment(6)).is_err());
    assert_eq!(replica.rejected().len(), 1);
}

#[test]
fn a_retry_that_fails_halfway_changes_nothing() {
    let mut replica = super::replica::unsaved(1);
    let mut saved = saved_parts(&saves(&mut replica, 0));
    let write = FieldWrite::new(FieldValue::Flag(true), 1);
    let fields = Change::FieldsChanged {
        entity: Entity::Comment(comment(1)),
        fields: [("gone".to_owned(), write)].into(),
        at: HlcTime { ms: 1, n: 0 },
    };
    let changes = vec![add(1, "typed"), fields];
    let (cause, place) = (Cause::CopiedStore, Some(Place::Line(Anchor::head("x", 1))));
    let (comment_id, mine) = (Some(comment(1)), Some("typed".to_owned()));
    let kept = Rejected {
        id: 1,
        cause,
        at: 0,
        comment: comment_id,
        place,
        base: None,
        mine,
        changes,
        grounds: Default::default(),
    };
    saved.ledger = Some(SavedLedger { rejected: vec![kept], ..saved.ledger.unwrap_or_default() });
    let mut replica = Replica::restore(10, saved, 50);
    assert_eq!(replica.retry_rejected(20, 1, comment(1)), Err(EditError::UnknownField));
    assert_eq!((shown(&replica), replica.unsynced().count, replica.rejected().len()), (None, 0, 1));
}

#[test]
fn a_saved_batch_under_seq_zero_goes_out_under_another() {
    let mut replica = super::replica::unsaved(1);
    let mut all = saves(&mut replica, 0);
    replica.add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "typed").unwrap();
    replica.tick(50);
    all.extend(saves(&mut replica, 50));
    let mut saved = saved_parts(&all);
    saved.pending.next_seq = 0;
    saved.pending.in_flight.as_mut().unwrap().frozen.seq = 0;
    let mut replica = Replica::restore(60, saved, 50);
    replica.opening();
    let (_, review, head) = created();
    replica.opened(70, opened_whole(review, head)).unwrap();
    replica.tick(200);
    let sent = drain(&mut replica, 200).0.remove(0);
    assert_eq!((sent.seq, shown(&replica).as_deref()), (1, Some("typed")));
}

#[test]
fn two_edits_of_one_text_in_an_entry_leave_nothing_to_undo_wrongly() {
    let mut server = Server::new();
    server.take(2, 1, 1, vec![add(1, "theirs")]);
    let mut replica = replica(1);
    let hash = replica.head().unwrap().hash;
    replica.receive(10, &EncodedEntry::new(&server.delivered[0], hash)).unwrap();
    replica.replace_text(20, comment(1), 6, 0, " typed").unwrap();
    let fact = |op: &str, text: &str| Fact::TextEdited {
        comment: comment(1),
        op: serde_json::from_str(op).unwrap(),
        checksum: crate::text::Text::new(text).checksum(),
    };
    let facts = vec![fact("[6,\"!!!\"]", "theirs!!!"), fact("[-8,1]", "!")];
    let Head { version, hash } = replica.head().unwrap();
    let (author, client, version) = (user(2), client(2), version + 1);
    let entry =
        Entry { format: ENTRY_FORMAT, version, author, client, seq: 2, at: 1, facts, verdicts: vec![] };
    replica.receive(30, &EncodedEntry::new(&entry, hash)).unwrap();
    assert_eq!(shown(&replica).as_deref(), Some("! typed"));
    if replica.undo(40, comment(1)).unwrap() {
        assert_eq!(shown(&replica).as_deref(), Some("!"));
    }
}
