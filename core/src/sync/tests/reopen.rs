//! What a replica makes of an opening: steps, snapshots, settled batches, lost history, copied and damaged stores.

use super::replica::{drain, replica, saves, unsaved};
use super::*;
use crate::entry::Step;

/// The server's answer to an opening, as of its head.
pub(super) fn answer(server: &Server, who: u128, snapshot: bool, steps: Option<Vec<Step>>) -> Opened {
    let committed = server.sequencer.committed();
    let last = server.sequencer.last_answer(client(who)).cloned();
    let snapshot = snapshot.then(|| committed.clone());
    let digest = Some(committed.digest());
    let head = server.sequencer.head();
    Opened { snapshot, steps, digest, last, held: Some(head.version), ..opened(head) }
}

/// The steps of everything that was delivered.
fn steps(server: &Server, touched: &[CommentId], beside: bool) -> Option<Vec<Step>> {
    let touched = touched.iter().copied();
    let mut gathered = if beside { CatchUp::beside_snapshot(touched) } else { CatchUp::new(touched) };
    server.delivered.iter().for_each(|entry| gathered.push(entry));
    gathered.finish()
}

pub(super) fn shown(replica: &Replica, n: u128) -> String {
    replica.comment(comment(n)).unwrap().text.as_str().to_owned()
}

/// Client 1 has a comment "one two" in the log and an edit of it in flight, client 2 may do more.
pub(super) fn in_flight() -> (Server, Replica, Frozen) {
    let mut server = Server::new();
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "one two").unwrap();
    replica.tick(50);
    let first: Batch = serde_json::from_str(&drain(&mut replica, 50).0[0].payload).unwrap();
    let head = replica.head().unwrap();
    server.take_bytes(1, first);
    replica.receive(60, &EncodedEntry::new(&server.delivered[0], head.hash)).unwrap();
    drain(&mut replica, 60);
    replica.replace_text(100, comment(1), 0, 0, "A ").unwrap();
    replica.tick(200);
    let sent = drain(&mut replica, 200).0.remove(0);
    server.delivered.clear();
    (server, replica, sent)
}

impl Server {
    pub(super) fn take_bytes(&mut self, who: u128, batch: Batch) {
        self.submit(who, batch.seq, batch.base, batch.changes);
        self.commit();
    }
}

pub(super) fn batch(frozen: &Frozen) -> Batch {
    serde_json::from_str(&frozen.payload).unwrap()
}

#[test]
fn a_batch_in_flight_is_carried_over_the_steps_of_its_comment() {
    for beside in [false, true] {
        let (mut server, mut replica, sent) = in_flight();
        server.take(2, 1, 2, vec![edit(1, "[7,\"!\"]")]);
        server.take(2, 2, 3, vec![add(2, "other"), edit(1, "[8,\"?\"]")]);
        replica.offline();
        let open = replica.opening();
        assert_eq!(open.in_flight.as_ref().map(|batch| batch.comments.clone()), Some(vec![comment(1)]));
        let steps = steps(&server, &[comment(1)], beside);
        replica.opened(300, answer(&server, 1, beside, steps)).unwrap();
        assert_eq!((shown(&replica, 1), shown(&replica, 2)), ("A one two!?".into(), "other".into()));
        assert_eq!(drain(&mut replica, 300).0, std::slice::from_ref(&sent), "and sent as it was");
        server.take_bytes(1, batch(&sent));
        assert_eq!(server.text(1), "A one two!?");
    }
}

#[test]
fn an_edit_of_a_comment_that_is_in_flight_stays_beside_a_snapshot() {
    let mut server = Server::new();
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "one").unwrap();
    replica.tick(50);
    let sent = drain(&mut replica, 50).0.remove(0);
    replica.replace_text(60, comment(1), 3, 0, " two").unwrap();
    replica.add_comment(61, comment(2), Place::Reply(comment(1)), "reply").unwrap();
    replica.offline();
    replica.opening();
    let steps = steps(&server, &[comment(1)], true);
    replica.opened(300, answer(&server, 1, true, steps)).unwrap();
    assert!(replica.rejected().is_empty(), "{:?}", replica.rejected());
    assert_eq!((shown(&replica, 1), shown(&replica, 2)), ("one two".into(), "reply".into()));
    server.take_bytes(1, batch(&sent));
    let hash = replica.head().unwrap().hash;
    replica.receive(310, &EncodedEntry::new(&server.delivered[0], hash)).unwrap();
    replica.flush(320);
    let next = drain(&mut replica, 320).0.pop().unwrap();
    server.take_bytes(1, batch(&next));
    assert_eq!(server.text(1), "one two");
}

#[test]
fn an_entry_of_ones_own_among_the_steps_ends_the_flight() {
    for beside in [false, true] {
        let (mut server, mut replica, sent) = in_flight();
        server.take(2, 1, 2, vec![edit(1, "[7,\"!\"]")]);
        server.take_bytes(1, batch(&sent));
        server.take(2, 2, 4, vec![edit(1, "[10,\"?\"]")]);
        replica.replace_text(210, comment(1), 2, 0, "B ").unwrap();
        replica.offline();
        replica.opening();
        let steps = steps(&server, &[comment(1)], beside);
        replica.opened(300, answer(&server, 1, beside, steps)).unwrap();
        assert_eq!(shown(&replica, 1), "A B one two!?");
        let receipt = replica.receipts().last().unwrap();
        assert_eq!((receipt.seq, receipt.version), (sent.seq, 4));
        replica.flush(400);
        let next = drain(&mut replica, 400).0.remove(0);
        assert_eq!(next.seq, sent.seq + 1);
        server.take_bytes(1, batch(&next));
        assert_eq!(server.text(1), "A B one two!?");
    }
}

#[test]
fn a_voided_batch_is_said_again_under_the_next_seq() {
    let (mut server, mut replica, sent) = in_flight();
    server.take(2, 1, 2, vec![edit(1, "[7,\"!\"]")]);
    replica.replace_text(210, comment(1), 2, 0, "B ").unwrap();
    replica.offline();
    replica.opening();
    assert_eq!(server.sequencer.settle_seq(client(1), sent.seq), Settled::Pending);
    server.poll();
    server.commit();
    replica.opened(300, answer(&server, 1, true, None)).unwrap();
    assert_eq!(shown(&replica, 1), "A B one two!");
    assert!(replica.rejected().is_empty(), "nobody else rewrote these words");
    let again = drain(&mut replica, 300).0.remove(0);
    assert_eq!((again.seq, again.base), (sent.seq + 1, 3));
    server.take_bytes(1, batch(&sent));
    server.take_bytes(1, batch(&again));
    assert_eq!(server.text(1), "A B one two!", "once");
}

#[test]
fn a_batch_that_was_answered_unheard_is_part_of_the_snapshot() {
    let (mut server, mut replica, sent) = in_flight();
    server.take_bytes(1, batch(&sent));
    server.take(2, 1, 3, vec![edit(1, "[9,\"!\"]")]);
    replica.replace_text(210, comment(1), 2, 0, "B ").unwrap();
    replica.offline();
    replica.opening();
    replica.opened(300, answer(&server, 1, true, None)).unwrap();
    assert_eq!(shown(&replica, 1), "A B one two!");
    let next = drain(&mut replica, 300).0.remove(0);
    server.take_bytes(1, batch(&next));
    assert_eq!(server.text(1), "A B one two!");
}

#[test]
fn lost_history_comes_back_as_drafts_and_what_was_pending_goes_out() {
    let (mut server, mut replica, sent) = in_flight();
    server.take_bytes(1, batch(&sent));
    let head = replica.head().unwrap();
    replica.receive(210, &EncodedEntry::new(&server.delivered[0], head.hash)).unwrap();
    drain(&mut replica, 210);
    replica.add_comment(220, comment(2), Place::Line(Anchor::head("x", 2)), "pending").unwrap();
    replica.replace_text(220, comment(1), 0, 0, "C ").unwrap();
    // The server is one that has only the first two entries.
    let mut restored = Server::new();
    restored.take(1, 1, 1, vec![add(1, "one two")]);
    replica.offline();
    replica.renew(300, client(3), ResyncReason::HistoryLost);
    let open = replica.opening();
    assert_eq!((open.have, open.client, open.known.len()), (None, Some(client(3)), 2));
    restored.sequencer.client_opened(client(3), None);
    let held = Some(2);
    replica.opened(310, Opened { held, ..answer(&restored, 3, true, None) }).unwrap();
    let kept = replica.rejected().iter().find(|kept| kept.cause == Cause::HistoryLost).unwrap();
    assert_eq!((kept.base.as_deref(), kept.mine.as_deref()), (Some("one two"), Some("A one two")));
    let sent = drain(&mut replica, 310).0.remove(0);
    assert_eq!((sent.seq, replica.client()), (1, client(3)));
    restored.take_bytes(3, batch(&sent));
    assert_eq!((restored.text(1), restored.text(2)), ("C one two", "pending"), "never resent by itself");
}

#[test]
fn a_local_copy_that_was_given_up_goes_on_behind_its_last_seq() {
    let (mut server, _, sent) = in_flight();
    server.take_bytes(1, batch(&sent));
    let mut fresh = Replica::new(client(1), user(1), ReviewId(Uuid::from_u128(7)), 50);
    fresh.opening();
    fresh.opened(300, answer(&server, 1, true, None)).unwrap();
    fresh.replace_text(300, comment(1), 0, 0, "B ").unwrap();
    fresh.flush(300);
    assert_eq!(drain(&mut fresh, 300).0[0].seq, sent.seq + 1);
}

#[test]
fn without_its_review_a_replica_keeps_what_can_be_placed() {
    let (mut server, mut replica, sent) = in_flight();
    replica.add_comment(210, comment(2), Place::Line(Anchor::head("x", 2)), "whole").unwrap();
    replica.replace_text(210, comment(1), 0, 2, "").unwrap();
    let save = saves(&mut replica, 220).pop().unwrap();
    let damaged = Restore { pending: save.pending, ledger: None, confirmed: None, entries: vec![] };
    let mut replica = Replica::restore(230, damaged, 50);
    assert!(!replica.is_loaded() && replica.unsynced().count > 0);
    let open = replica.opening();
    assert_eq!((open.have, open.in_flight.map(|batch| batch.seq)), (None, Some(sent.seq)));
    server.take_bytes(1, batch(&sent));
    replica.opened(300, answer(&server, 1, true, None)).unwrap();
    assert_eq!((shown(&replica, 1), shown(&replica, 2)), ("A one two".into(), "whole".into()));
    let kept = &replica.rejected()[0];
    assert_eq!((kept.cause, kept.comment), (Cause::Unplaceable, Some(comment(1))));
    let next = drain(&mut replica, 300).0.remove(0);
    assert_eq!(next.seq, sent.seq + 1);
    server.take_bytes(1, batch(&next));
    assert_eq!(server.text(2), "whole");
}

#[test]
fn what_is_saved_in_parts_reads_back_as_it_was() {
    let mut server = Server::new();
    let mut replica = unsaved(1);
    let mut all = saves(&mut replica, 0);
    assert!(matches!(all[0].confirmed, SavedConfirmed::Whole(_)) && !all[0].precious);
    let mut hash = replica.head().unwrap().hash;
    for n in 1..=300 {
        server.take(2, n, n, vec![add(u128::from(n), "x")]);
        let encoded = EncodedEntry::new(server.delivered.last().unwrap(), hash);
        hash = encoded.hash;
        replica.receive(n, &encoded).unwrap();
        all.extend(saves(&mut replica, n));
    }
    replica.replace_text(400, comment(7), 0, 1, "mine").unwrap();
    all.extend(saves(&mut replica, 400));
    let whole = all.iter().filter(|save| matches!(save.confirmed, SavedConfirmed::Whole(_))).count();
    assert_eq!(whole, 2, "a whole review now and then");
    let last = all.last().unwrap();
    assert!(matches!(last.confirmed, SavedConfirmed::Same) && last.precious && last.ledger.is_none());
    let mut back = Replica::restore(500, saved_parts(&all), 50);
    assert_eq!((back.confirmed(), back.head()), (replica.confirmed(), replica.head()));
    assert_eq!(shown(&back, 7), "mine");
    assert!(back.undo(500, comment(7)).unwrap());
    assert_eq!(shown(&back, 7), "x", "undo outlives the process");
}

#[test]
fn a_save_that_failed_is_made_up_for() {
    let mut server = Server::new();
    let mut replica = unsaved(1);
    let mut all = saves(&mut replica, 0);
    server.take(2, 1, 1, vec![add(1, "x")]);
    let hash = replica.head().unwrap().hash;
    replica.receive(1, &EncodedEntry::new(&server.delivered[0], hash)).unwrap();
    let failed = std::iter::from_fn(|| replica.poll()).any(|e| matches!(e, ReplicaEffect::Save { .. }));
    assert!(failed);
    replica.save_failed(1);
    replica.tick(5_000);
    all.extend(saves(&mut replica, 5_000));
    let back = Replica::restore(6_000, saved_parts(&all), 50);
    assert_eq!(back.confirmed(), replica.confirmed());
}

#[test]
fn undo_leaves_what_others_wrote() {
    let (mut server, mut replica, sent) = in_flight();
    let mut hash = replica.head().unwrap().hash;
    server.take(2, 1, 2, vec![edit(1, "[7,\"!\"]")]);
    server.take_bytes(1, batch(&sent));
    for entry in server.delivered.clone() {
        let encoded = EncodedEntry::new(&entry, hash);
        hash = encoded.hash;
        replica.receive(300, &encoded).unwrap();
    }
    assert_eq!(shown(&replica, 1), "A one two!");
    assert!(replica.can_undo(comment(1)) && !replica.can_redo(comment(1)));
    assert!(replica.undo(310, comment(1)).unwrap());
    assert_eq!(shown(&replica, 1), "one two!");
    assert!(replica.redo(320, comment(1)).unwrap());
    assert_eq!(shown(&replica, 1), "A one two!");
    assert!(!replica.redo(320, comment(1)).unwrap());
}

#[test]
fn a_change_whose_text_is_not_known_is_retried_where_it_fits() {
    let (_, mut replica, _) = in_flight();
    replica.replace_text(210, comment(1), 0, 2, "").unwrap();
    let save = saves(&mut replica, 220).pop().unwrap();
    let damaged = Restore { pending: save.pending, ledger: None, confirmed: None, entries: vec![] };
    let mut replica = Replica::restore(230, damaged, 50);
    replica.opening();
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, "one two")]);
    assert_eq!(server.sequencer.settle_seq(client(1), 2), Settled::Pending);
    server.poll();
    server.commit();
    replica.opened(300, answer(&server, 1, true, None)).unwrap();
    let kept: Vec<_> = replica.rejected().iter().map(|kept| (kept.id, kept.mine.clone())).collect();
    assert_eq!(kept, [(1, None), (2, None)]);
    assert!(replica.retry_rejected(310, 2, comment(9)).is_err(), "it was made on another text");
    replica.retry_rejected(310, 1, comment(9)).unwrap();
    assert_eq!((shown(&replica, 1).as_str(), replica.rejected().len()), ("A one two", 1));
    replica.retry_rejected(310, 2, comment(9)).unwrap();
    assert_eq!((shown(&replica, 1).as_str(), replica.rejected().len()), ("one two", 0));
}

#[test]
fn a_catch_up_that_leads_elsewhere_is_taken_back_whole() {
    let (mut server, mut replica, sent) = in_flight();
    server.take(2, 1, 2, vec![status(Status::Approved, 2, 900), add(2, "other")]);
    replica.offline();
    let had = replica.opening().have.unwrap();
    let before = replica.confirmed().clone();
    let mut wrong = steps(&server, &[comment(1)], false).unwrap();
    for step in &mut wrong {
        if let Fact::FieldSet { value, .. } = &mut step.fact {
            *value = Status::ChangesRequested.into();
        }
    }
    assert_eq!(replica.opened(300, answer(&server, 1, false, Some(wrong))), Err(ResyncReason::Diverged));
    assert_eq!((replica.confirmed(), replica.head()), (&before, None), "only a snapshot helps now");
    let open = replica.opening();
    assert_eq!((open.have, &open.known[..]), (None, &[had][..]), "is the log still the one it was?");
    let held = Some(had.version);
    let whole = || Opened { held, ..answer(&server, 1, true, steps(&server, &[comment(1)], true)) };
    let told = Opened { digest: Some(1), ..whole() };
    assert_eq!(replica.opened(310, told), Err(ResyncReason::Diverged));
    replica.opening();
    let other = Opened { held: None, ..whole() };
    assert_eq!(replica.opened(320, other), Err(ResyncReason::HistoryLost), "however far it goes by now");
    replica.opening();
    replica.opened(320, whole()).unwrap();
    assert_eq!((replica.status(), shown(&replica, 1)), (Status::Approved, "A one two".into()));
    assert!(drain(&mut replica, 320).0.contains(&sent));
}
