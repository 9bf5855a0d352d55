//! Coming back to a whole review where both rewrote the same words: the edits in between are not kept, or not told.

use super::reopen::{answer, batch, in_flight, shown};
use super::replica::drain;
use super::*;
use crate::review::Conflict;

impl Server {
    /// The same log at a server that keeps nothing of what led to its state.
    fn trimmed(self) -> Server {
        let (review, head) = (self.sequencer.committed().clone(), self.sequencer.head());
        let mut fresh = Server::new();
        fresh.sequencer = Sequencer::new(review, head, PatchSets::default(), Limits::default());
        for who in 1..=3 {
            fresh.sequencer.client_opened(client(who), self.sequencer.last_answer(client(who)).cloned());
        }
        fresh
    }

    fn take_as(&mut self, who: u128, of: u128, batch: Batch, now: u64) {
        let payload = Hash::of(serde_json::to_string(&batch).unwrap().as_bytes());
        let submission = Submission { client: client(who), user: user(of), batch, payload, skew: 0 };
        self.sequencer.submit(now, submission, Past::default());
        self.poll();
        self.commit();
    }

    fn open_conflicts(&self) -> Vec<Conflict> {
        self.sequencer.committed().conflicts.open().cloned().collect()
    }
}

/// The first, away since "A " was confirmed or heard of as answered alone, has made "one" of it "ONE"; somebody, by
/// client 2 or 3, has made it "1". The first comes back to the whole review.
fn back(heard: bool, trimmed: bool, rewriter: u128) -> (Server, Replica) {
    let (mut server, mut replica, sent) = in_flight();
    server.take_bytes(1, batch(&sent));
    if heard {
        let entry = EncodedEntry::new(&server.delivered[0], replica.head().unwrap().hash);
        replica.receive(205, &entry).unwrap();
        drain(&mut replica, 205);
    }
    replica.offline();
    replica.replace_text(210, comment(1), 2, 3, "ONE").unwrap();
    let theirs = Batch { seq: 1, base: 3, changes: vec![edit(1, "[2,\"1\",-3,4]")] };
    server.sequencer.client_opened(client(3), None);
    let (by, of) = if rewriter == 1 { (3, 1) } else { (rewriter, rewriter) };
    server.take_as(by, of, theirs, 1_000);
    if trimmed {
        server = server.trimmed();
    }
    replica.opening();
    replica.opened(300, answer(&server, 1, true, None)).unwrap();
    (server, replica)
}

fn side(conflict: &Conflict, at: usize) -> (&str, &UserId) {
    match &conflict.sides[at].value {
        FieldValue::Text(text) => (text, &conflict.sides[at].user),
        FieldValue::Flag(_) => panic!("a text"),
    }
}

#[test]
fn words_that_both_rewrote_are_a_conflict_in_the_log() {
    for (heard, trimmed) in [(true, true), (true, false), (false, true), (false, false)] {
        let (mut server, mut replica) = back(heard, trimmed, 2);
        assert!(replica.rejected().is_empty(), "heard {heard}, trimmed {trimmed}");
        let sent = drain(&mut replica, 300).0.remove(0);
        let head = server.sequencer.head();
        server.take_as(1, 1, batch(&sent), 60_000);
        let [conflict] = &server.open_conflicts()[..] else { panic!("heard {heard}, trimmed {trimmed}") };
        let base = Some(FieldValue::Text("A one two".into()));
        assert_eq!((&conflict.base, conflict.merged.as_deref()), (&base, Some(server.text(1))));
        assert_eq!(side(conflict, 0), ("A 1 two", &user(2)));
        assert_eq!(side(conflict, 1), ("A ONE two", &user(1)));
        let entry = EncodedEntry::new(server.delivered.last().unwrap(), head.hash);
        replica.receive(60_000, &entry).unwrap();
        let told = drain(&mut replica, 60_000).1;
        let news = |event: &&Event| matches!(event, Event::Conflict(told) if **told == *conflict);
        assert_eq!(told.iter().filter(news).count(), 1, "its author is told once");
        assert_eq!(shown(&replica, 1), server.text(1));
    }
}

#[test]
fn somebody_else_who_writes_meanwhile_does_not_hide_it() {
    let (mut server, mut replica) = back(true, true, 2);
    let sent = drain(&mut replica, 300).0.remove(0);
    let other = Batch { seq: 1, base: 4, changes: vec![edit(1, "[7,\"!\"]")] };
    server.take_as(3, 3, other, 59_999);
    server.take_as(1, 1, batch(&sent), 60_000);
    let [conflict] = &server.open_conflicts()[..] else { panic!("one conflict") };
    assert_eq!(side(conflict, 0), ("A 1 two!", &user(3)), "who has left it as it is");
}

#[test]
fn keystrokes_that_met_within_two_seconds_are_none_as_long_as_that_is_known() {
    for (now, trimmed, conflicts) in [(2_999, false, 0), (3_000, false, 1), (2_999, true, 1)] {
        let (mut server, mut replica) = back(true, trimmed, 2);
        let sent = drain(&mut replica, 300).0.remove(0);
        server.take_as(1, 1, batch(&sent), now);
        assert_eq!(server.open_conflicts().len(), conflicts, "at {now}, trimmed {trimmed}");
    }
}

#[test]
fn ones_own_words_from_elsewhere_are_kept_beside() {
    let (mut server, mut replica) = back(true, true, 1);
    let kept = &replica.rejected()[0];
    assert_eq!(kept.cause, Cause::Overlap);
    assert_eq!((kept.base.as_deref(), kept.mine.as_deref()), (Some("A one two"), Some("A ONE two")));
    let merged = shown(&replica, 1);
    assert!(merged.contains("ONE") && merged.contains('1'), "{merged}");
    let id = kept.id;
    let sent = drain(&mut replica, 300).0.remove(0);
    server.take_as(1, 1, batch(&sent), 60_000);
    assert!(server.open_conflicts().is_empty(), "nobody else is there to be in conflict with");
    replica.retry_rejected(310, id, comment(9)).unwrap();
    assert_eq!((shown(&replica, 1).as_str(), replica.rejected().len()), ("A ONE two", 0));
}

#[test]
fn what_others_wrote_since_it_was_merged_stays() {
    let (mut server, mut replica) = back(true, true, 1);
    let id = replica.rejected()[0].id;
    let sent = drain(&mut replica, 300).0.remove(0);
    server.take_as(1, 1, batch(&sent), 60_000);
    let end = server.text(1).chars().count();
    let more = TextOp::replace(end, end, 0, " theirs").unwrap();
    let base = server.sequencer.head().version;
    assert_eq!(server.take(2, 1, base, vec![Change::edit(comment(1), more)]), []);
    for entry in &server.delivered {
        let hash = replica.head().unwrap().hash;
        replica.receive(61_000, &EncodedEntry::new(entry, hash)).unwrap();
    }
    replica.retry_rejected(61_010, id, comment(9)).unwrap();
    assert_eq!((shown(&replica, 1).as_str(), replica.rejected().len()), ("A ONE two theirs", 0));
}

#[test]
fn what_no_batch_has_room_for_is_kept_beside() {
    let (mut server, mut replica, sent) = in_flight();
    server.take_bytes(1, batch(&sent));
    replica.offline();
    replica.set_limits(Limits { frame_bytes: 200, ..Limits::default() });
    replica.replace_text(210, comment(1), 2, 3, "ONE").unwrap();
    server.take(2, 1, 3, vec![edit(1, "[2,\"1\",-3,4]")]);
    replica.opening();
    replica.opened(300, answer(&server, 1, true, None)).unwrap();
    assert_eq!(replica.rejected().len(), 1);
}

#[test]
fn a_false_account_of_the_text_is_refused() {
    let told = |base: &str, authored: &str| {
        let part =
            Apart { seen: 2, authored: serde_json::from_str(authored).unwrap(), base: Some(base.into()) };
        let (op, settles) = (serde_json::from_str("[2,\"!\"]").unwrap(), None);
        Change::TextEdited { comment: comment(1), op, apart: vec![part], whole: false, settles }
    };
    let table = [
        (told("ab", "[3]"), Reason::DoesNotFit),
        (told("a\0", "[2]"), Reason::BadText),
        (told("ab", "[1,\"\\r\",1]"), Reason::BadText),
    ];
    for (n, (change, reason)) in table.into_iter().enumerate() {
        let mut server = Server::new();
        server.take(1, 1, 1, vec![add(1, "ab")]);
        server.take(1, 2, 2, vec![edit(1, "[\"x\",-1,1]")]);
        assert_eq!(server.take(2, 1, 3, vec![change]), [(0, rejected(reason))], "row {n}");
    }
}

#[test]
fn a_removal_meets_an_unseen_edit_that_only_the_snapshot_tells_of() {
    for (of, conflicts) in [(2, 1), (1, 0)] {
        let mut server = Server::new();
        server.take(1, 1, 1, vec![add(1, "words")]);
        server.sequencer.client_opened(client(3), None);
        server.take_as(3, of, Batch { seq: 1, base: 2, changes: vec![edit(1, "[5,\", and more\"]")] }, 1_000);
        let mut server = server.trimmed();
        let removed = Change::CommentRemoved { comment: comment(1), seen: Some(2) };
        server.take_as(1, 1, Batch { seq: 2, base: 3, changes: vec![removed] }, 2_000);
        assert_eq!(server.open_conflicts().len(), conflicts, "edited by {of}");
    }
}
