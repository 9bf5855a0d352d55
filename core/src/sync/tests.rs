//! The rules of both halves, one by one.

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::change::{Batch, Change, Entity, FieldWrite};
use crate::clock::HlcTime;
use crate::diff::PatchSet;
use crate::entry::{
    Answer, AnswerResult, ENTRY_FORMAT, EncodedEntry, Entry, Fact, Hash, Head, Outcome, Reason,
};
use crate::id::{ClientId, CommentId, DisplayName, ReviewId, SessionId, User, UserId};
use crate::limits::Limits;
use crate::presence::{Presence, PresenceChange, PresencePlace, Selection};
use crate::review::{Anchor, FieldValue, PatchSets, Place, Review, Status};
use crate::text::TextOp;
use crate::text::cursor::Range;

fn client(n: u128) -> ClientId {
    ClientId(Uuid::from_u128(n))
}

fn comment(n: u128) -> CommentId {
    CommentId(Uuid::from_u128(n))
}

fn user(n: u128) -> UserId {
    UserId::new(format!("user{n}")).unwrap()
}

/// A sequencer over a two-line diff with clients 1 and 2, and the entries it has delivered.
struct Server {
    sequencer: Sequencer,
    delivered: Vec<Entry>,
    answers: Vec<(ClientId, Answer)>,
    refused: Vec<Refusal>,
    appends: Vec<Append>,
}

impl Server {
    fn new() -> Server {
        let (_, review, head) = created();
        let mut patch_sets = PatchSets::default();
        let diff = b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n";
        patch_sets.insert(1, Arc::new(PatchSet::parse(diff).unwrap()));
        let mut sequencer = Sequencer::new(review, head, patch_sets, Limits::default());
        (1..=2).for_each(|n| sequencer.client_opened(client(n), None));
        Server { sequencer, delivered: vec![], answers: vec![], refused: vec![], appends: vec![] }
    }

    fn submit(&mut self, who: u128, seq: u64, base: u64, changes: Vec<Change>) {
        let batch = Batch { seq, base, changes };
        let payload = Hash::of(serde_json::to_string(&batch).unwrap().as_bytes());
        let submission = Submission { client: client(who), user: user(who), batch, payload, skew: 0 };
        self.sequencer.submit(1_000, submission, &[]);
        self.poll();
    }

    fn commit(&mut self) {
        while !self.appends.is_empty() {
            self.appends.remove(0);
            self.sequencer.appended().unwrap();
            self.poll();
        }
    }

    /// Submits and commits; the outcomes by change.
    fn take(&mut self, who: u128, seq: u64, base: u64, changes: Vec<Change>) -> Vec<(usize, Outcome)> {
        self.submit(who, seq, base, changes);
        self.commit();
        let rejected = self.answers.pop().map(|(_, answer)| match answer.result {
            AnswerResult::Rejected(verdicts) => verdicts,
            AnswerResult::Committed { .. } => vec![],
        });
        let verdicts = rejected.or(self.delivered.last().map(|entry| entry.verdicts.clone()));
        verdicts.unwrap_or_default().into_iter().map(|v| (v.change, v.outcome)).collect()
    }

    fn poll(&mut self) {
        while let Some(effect) = self.sequencer.poll() {
            match effect {
                SequencerEffect::Append(append) => self.appends.push(append),
                SequencerEffect::Deliver(entry) => self.delivered.push(entry.decode().unwrap()),
                SequencerEffect::Answer(client, answer) => self.answers.push((client, answer)),
                SequencerEffect::Refuse(_, _, refusal) => self.refused.push(refusal),
            }
        }
    }

    fn text(&self, n: u128) -> &str {
        self.sequencer.committed().comments[&comment(n)].text.as_str()
    }
}

fn created() -> (EncodedEntry, Review, Head) {
    let facts = vec![Fact::ReviewCreated { title: "t".into() }, Fact::PatchSetAdded { number: 1 }];
    let (format, author) = (ENTRY_FORMAT, user(0));
    let entry =
        Entry { format, version: 1, author, client: client(0), seq: 0, at: 1, facts, verdicts: vec![] };
    let encoded = EncodedEntry::new(&entry, Hash::default());
    let mut review = Review::new(ReviewId(Uuid::from_u128(7)));
    review.apply(&entry).unwrap();
    let hash = encoded.hash;
    (encoded, review, Head { version: 1, hash })
}

fn add(n: u128, text: &str) -> Change {
    let place = Place::Line(Anchor::head("x", 1));
    Change::CommentAdded { comment: comment(n), place, text: text.into(), at: HlcTime { ms: 10, n: 0 } }
}

fn edit(n: u128, op: &str) -> Change {
    Change::TextEdited { comment: comment(n), op: serde_json::from_str(op).unwrap() }
}

fn status(value: Status, seen: u64, ms: u64) -> Change {
    let write = FieldWrite { value: value.into(), seen };
    let fields = [("status".to_owned(), write)].into();
    Change::FieldsChanged { entity: Entity::Review, fields, at: HlcTime { ms, n: 0 } }
}

fn rejected(reason: Reason) -> Outcome {
    Outcome::Rejected(reason)
}

#[test]
fn nothing_is_told_before_it_is_durable() {
    let mut server = Server::new();
    server.submit(1, 1, 1, vec![add(1, "a")]);
    server.submit(2, 1, 1, vec![add(2, "b")]);
    assert_eq!((server.delivered.len(), server.appends.len()), (0, 1), "one append at a time");
    assert!(server.sequencer.committed().comments.is_empty());
    server.submit(1, 2, 1, vec![add(3, "c")]);
    assert_eq!(server.refused, [Refusal::Busy], "and one batch of a client");
    server.commit();
    assert_eq!(server.delivered.iter().map(|e| e.version).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn a_resend_gets_the_first_answer() {
    let mut server = Server::new();
    let bad = vec![edit(9, "[1]")];
    server.submit(1, 1, 1, bad.clone());
    server.submit(1, 1, 1, bad.clone());
    assert_eq!(server.answers.len(), 0, "it is not durable yet");
    server.commit();
    server.submit(1, 1, 1, bad);
    assert_eq!(server.answers.len(), 2);
    assert_eq!(server.answers[0], server.answers[1]);
    server.submit(1, 2, 1, vec![add(1, "a")]);
    server.submit(1, 2, 1, vec![add(1, "a")]);
    server.commit();
    server.submit(1, 2, 1, vec![add(1, "a")]);
    assert_eq!(server.delivered.len(), 1);
    assert_eq!(server.answers[2].1.result, AnswerResult::Committed { version: 2, verdicts: vec![] });
}

#[test]
fn a_seq_is_used_once_and_in_order() {
    let mut server = Server::new();
    server.submit(1, 2, 1, vec![add(1, "a")]);
    server.submit(1, 1, 1, vec![add(1, "a")]);
    server.submit(1, 1, 1, vec![add(1, "other")]);
    server.commit();
    server.submit(1, 1, 1, vec![add(1, "other")]);
    server.submit(1, 0, 1, vec![add(2, "b")]);
    server.submit(1, u64::MAX, 1, vec![add(2, "b")]);
    server.submit(3, 1, 1, vec![add(2, "b")]);
    use Refusal::*;
    assert_eq!(server.refused, [SeqGap, SeqReused, SeqReused, SeqReused, SeqGap, NotOpen]);
    assert_eq!(server.delivered.len(), 1);
}

#[test]
fn impossible_batches_consume_no_seq() {
    let mut server = Server::new();
    server.submit(1, 1, 99, vec![add(1, "a")]);
    server.submit(1, 1, 0, vec![add(1, "a")]);
    server.submit(1, 1, 1, vec![]);
    server.submit(1, 1, 1, vec![add(1, "a"); Limits::default().batch_changes + 1]);
    assert_eq!(server.refused, [Refusal::BadBase, Refusal::BadBase, Refusal::BadBatch, Refusal::BadBatch]);
    assert_eq!(server.take(1, 1, 1, vec![add(1, "a")]), []);
}

#[test]
fn a_failed_append_leaves_no_trace() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, "ab")]);
    server.submit(1, 2, 2, vec![edit(1, "[\"x\",2]")]);
    server.submit(2, 1, 2, vec![edit(1, "[2,\"y\"]")]);
    server.sequencer.failed();
    server.poll();
    assert_eq!(server.refused, [Refusal::StoreFailed, Refusal::StoreFailed]);
    server.appends.clear();
    assert_eq!(server.take(2, 1, 2, vec![edit(1, "[2,\"y\"]")]), []);
    assert_eq!(server.take(1, 2, 2, vec![edit(1, "[\"x\",2]")]), []);
    assert_eq!(server.text(1), "xaby");
}

#[test]
fn a_lost_race_is_sequenced_again() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, "ab")]);
    // Another node appends an edit of client 2 first.
    let head = server.sequencer.head();
    let op: TextOp = serde_json::from_str("[\"first \",2]").unwrap();
    let checksum = crate::text::Text::new("first ab").checksum();
    let facts = vec![Fact::TextEdited { comment: comment(1), op, checksum }];
    let (format, author) = (ENTRY_FORMAT, user(2));
    let other =
        Entry { format, version: 3, author, client: client(2), seq: 1, at: 5, facts, verdicts: vec![] };
    let other = EncodedEntry::new(&other, head.hash);
    server.submit(1, 2, 2, vec![edit(1, "[2,\"!\"]")]);
    server.appends.clear();
    server.sequencer.lost(9, vec![other], vec![]).unwrap();
    server.poll();
    server.commit();
    assert_eq!(server.text(1), "first ab!");
    assert_eq!(server.delivered.iter().map(|e| (e.version, e.client)).next_back(), Some((4, client(1))));
}

#[test]
fn concurrent_edits_meet_history_first() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, "ab")]);
    server.take(1, 2, 2, vec![edit(1, "[1,\"1\",1]")]);
    server.take(2, 1, 2, vec![edit(1, "[1,\"2\",1]")]);
    assert_eq!(server.text(1), "a12b");
}

#[test]
fn a_rejected_edit_takes_the_rest_of_its_comment_along() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, "ab"), add(2, "cd")]);
    let resolve = |n| Change::FieldsChanged {
        entity: Entity::Comment(comment(n)),
        fields: [("resolved".to_owned(), FieldWrite { value: FieldValue::Flag(true), seen: 2 })].into(),
        at: HlcTime { ms: 20, n: 0 },
    };
    let changes = vec![resolve(1), edit(1, "[7]"), resolve(2), edit(2, "[2,\"!\"]")];
    let outcomes = server.take(1, 2, 2, changes);
    assert_eq!(outcomes, [(0, rejected(Reason::DependsOnRejected)), (1, rejected(Reason::DoesNotFit))]);
    let review = server.sequencer.committed();
    assert!(!review.comments[&comment(1)].resolved() && review.comments[&comment(2)].resolved());
    assert_eq!(server.text(2), "cd!");
}

#[test]
fn each_bad_change_has_its_reason() {
    let max = Limits::default().comment_chars;
    let line = |line| Change::CommentAdded {
        comment: comment(5),
        place: Place::Line(Anchor::base("x", line)),
        text: String::new(),
        at: HlcTime::default(),
    };
    let reply = |to| Change::CommentAdded {
        comment: comment(6),
        place: Place::Reply(comment(to)),
        text: String::new(),
        at: HlcTime::default(),
    };
    let field = |name: &str, value, seen| Change::FieldsChanged {
        entity: Entity::Review,
        fields: [(name.to_owned(), FieldWrite { value, seen })].into(),
        at: HlcTime::default(),
    };
    let table = [
        (edit(9, "[1]"), Reason::UnknownComment),
        (edit(1, "[3]"), Reason::DoesNotFit),
        (edit(1, "[\"\\r\",2]"), Reason::BadText),
        (add(1, "again"), Reason::DuplicateComment),
        (add(5, &"x".repeat(max + 1)), Reason::TextTooLong),
        (add(5, "nul \0"), Reason::BadText),
        (edit(1, &format!("[\"{}\",2]", "x".repeat(max - 1))), Reason::TextTooLong),
        (line(3), Reason::UnknownLine),
        (line(0), Reason::UnknownLine),
        (reply(9), Reason::UnknownComment),
        (field("colour", FieldValue::Flag(true), 1), Reason::UnknownField),
        (field("resolved", FieldValue::Flag(true), 1), Reason::UnknownField),
        (field("status", FieldValue::Flag(true), 1), Reason::BadValue),
        (field("status", FieldValue::Text("maybe".into()), 1), Reason::BadValue),
        (field("title", FieldValue::Text("  ".into()), 1), Reason::BadValue),
        (field("status", Status::Approved.into(), 4), Reason::BadValue),
        (Change::CommentRemoved { comment: comment(2) }, Reason::NotAllowed),
    ];
    for (n, (change, reason)) in table.into_iter().enumerate() {
        let mut server = Server::new();
        server.take(1, 1, 1, vec![add(1, "ab")]);
        server.take(2, 1, 1, vec![add(2, "cd")]);
        assert_eq!(server.take(1, 2, 3, vec![change]), [(0, rejected(reason))], "row {n}");
    }
}

#[test]
fn limits_hold_at_their_edge() {
    let max = Limits::default().comment_chars;
    let mut server = Server::new();
    assert_eq!(server.take(1, 1, 1, vec![add(1, &"x".repeat(max))]), []);
    let shrink = edit(1, &format!("[-1,{}]", max - 1));
    assert_eq!(server.take(1, 2, 2, vec![shrink]), []);
    let parts = Limits::default().op_components;
    let op = |n: usize| {
        edit(1, &format!("[{}{}]", "1,\"y\",".repeat(n / 2 - 1), format_args!("1,\"y\",{}", max - 1 - n / 2)))
    };
    assert_eq!(server.take(1, 3, 3, vec![op(parts)]), [(0, rejected(Reason::OpTooLarge))]);
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, &"x".repeat(1_000))]);
    let fits = edit(1, &format!("[{}{}]", "1,\"y\",".repeat(parts / 2 - 1), format_args!("1,{}", "\"y\"")));
    let Change::TextEdited { op, .. } = &fits else { unreachable!() };
    assert_eq!((op.components(), op.base_len()), (parts, parts / 2));
    assert_eq!(server.take(1, 2, 2, vec![fits]), [(0, rejected(Reason::DoesNotFit))], "its size is fine");
}

#[test]
fn a_tombstone_takes_edits_of_those_who_had_not_seen_it() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, "ab")]);
    server.take(1, 2, 2, vec![Change::CommentRemoved { comment: comment(1) }]);
    assert_eq!(server.take(2, 1, 2, vec![edit(1, "[2,\"!\"]")]), []);
    assert_eq!(server.text(1), "ab!");
    assert_eq!(server.take(2, 2, 4, vec![edit(1, "[3,\"?\"]")]), [(0, rejected(Reason::CommentRemoved))]);
}

#[test]
fn who_saw_the_value_wins_whatever_the_clocks_say() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![status(Status::Approved, 1, 900)]);
    server.take(2, 1, 2, vec![status(Status::ChangesRequested, 2, 5)]);
    assert_eq!(server.sequencer.committed().status(), Status::ChangesRequested);
}

#[test]
fn concurrent_writes_go_by_the_clock_and_the_loser_is_told() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![status(Status::Approved, 1, 900)]);
    let outcomes = server.take(2, 1, 1, vec![status(Status::ChangesRequested, 1, 5)]);
    let (field, by) = ("status".to_owned(), user(1));
    let expected = Outcome::Superseded { field, by, value: Status::Approved.into() };
    assert_eq!(outcomes, [(0, expected)]);
    server.take(2, 2, 1, vec![status(Status::Pending, 1, 950)]);
    let Some(Fact::FieldSet { unseen, .. }) = server.delivered.last().and_then(|e| e.facts.first()) else {
        panic!("a field was set")
    };
    assert_eq!(unseen.as_ref(), Some(&user(1)), "and whose value was overwritten is said");
}

#[test]
fn a_clock_an_hour_fast_does_not_win_for_an_hour() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![status(Status::Approved, 1, 3_600_000)]);
    server.take(2, 1, 1, vec![status(Status::ChangesRequested, 1, 1_100)]);
    server.take(2, 2, 2, vec![status(Status::Pending, 2, 1_100)]);
    assert_eq!(server.sequencer.committed().status(), Status::Pending);
}

/// A replica of `user`'s that is online at the created review.
fn replica(n: u128) -> Replica {
    let (_, review, head) = created();
    let mut replica = Replica::new(client(n), user(n), review.id, 50);
    replica.opening();
    replica.snapshot(0, review, head).unwrap();
    drain(&mut replica, 0);
    replica
}

/// Runs every effect; what was sent and what was told.
fn drain(replica: &mut Replica, now: u64) -> (Vec<Frozen>, Vec<Event>) {
    let (mut sent, mut told) = (vec![], vec![]);
    while let Some(effect) = replica.poll() {
        match effect {
            ReplicaEffect::Save { generation, .. } => replica.saved(now, generation),
            ReplicaEffect::Send(frozen) => sent.push(frozen),
            ReplicaEffect::Event(event) => told.push(event),
        }
    }
    (sent, told)
}

#[test]
fn a_batch_is_saved_before_it_is_sent_and_resent_as_it_was() {
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "a").unwrap();
    let Some(ReplicaEffect::Save { generation, .. }) = replica.poll() else { panic!("a save") };
    replica.saved(0, generation);
    assert_eq!(replica.wake_at(), Some(50));
    replica.tick(50);
    let mut effects = std::iter::from_fn(|| replica.poll()).collect::<Vec<_>>();
    let save = effects.iter().position(|e| matches!(e, ReplicaEffect::Save { .. })).unwrap();
    let ReplicaEffect::Save { generation, state } = effects.remove(save) else { unreachable!() };
    assert!(!effects.iter().any(|e| matches!(e, ReplicaEffect::Send(_))), "not sent before it is saved");
    assert!(state.in_flight.is_some());
    replica.saved(50, generation);
    let first = drain(&mut replica, 50).0;
    replica.insert_more();
    replica.tick(20_000);
    let again = drain(&mut replica, 20_000).0;
    assert_eq!(first, again, "byte for byte");
    let mut restored = Replica::restore(0, *state, 50);
    restored.opening();
    restored.resumed(1, 1);
    assert_eq!(drain(&mut restored, 1).0, first, "after a restart as well");
}

impl Replica {
    fn insert_more(&mut self) {
        self.replace_text(60, comment(1), 1, 0, "b").unwrap();
    }
}

#[test]
fn offline_edits_compose_into_one_batch() {
    let mut replica = replica(1);
    replica.offline();
    replica.add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "a").unwrap();
    for n in 0..100 {
        replica.replace_text(n, comment(1), 1, 0, "\u{1F600}").unwrap();
    }
    assert_eq!(replica.unsynced(), Unsynced { count: 1, since: Some(0) });
    replica.opening();
    replica.resumed(5_000, 1);
    let sent = drain(&mut replica, 5_000).0;
    let batch: Batch = serde_json::from_str(&sent[0].payload).unwrap();
    assert_eq!(batch.changes.len(), 1);
}

#[test]
fn a_snapshot_under_pending_edits_drops_nothing_silently() {
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "mine").unwrap();
    replica.set_field(0, Entity::Review, "status", Status::Approved.into()).unwrap();
    let (_, review, head) = created();
    replica.opening();
    replica.snapshot(10, review, head).unwrap();
    let told = drain(&mut replica, 10).1;
    let kept: Vec<_> = told.iter().filter(|event| matches!(event, Event::Rejected(_))).collect();
    assert_eq!(kept.len(), 2);
    let of = |id| replica.rejected().iter().find(|rejected| rejected.comment == id).unwrap();
    assert_eq!(of(Some(comment(1))).mine.as_deref(), Some("mine"));
    assert!(
        matches!(of(None).changes[..], [Change::FieldsChanged { .. }]),
        "the review's own fields as well"
    );
    assert!(told.contains(&Event::Unsynced(Unsynced::default())));
}

#[test]
fn a_batch_in_flight_outlives_a_snapshot() {
    let mut server = Server::new();
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "mine").unwrap();
    replica.tick(50);
    let sent = drain(&mut replica, 50).0.remove(0);
    let (_, review, head) = created();
    replica.opening();
    replica.snapshot(60, review, head).unwrap();
    assert_eq!(drain(&mut replica, 60).0, std::slice::from_ref(&sent), "it is sent again as it was");
    let batch: Batch = serde_json::from_str(&sent.payload).unwrap();
    server.take(1, batch.seq, batch.base, batch.changes);
    let hash = head.hash;
    replica.receive(70, &EncodedEntry::new(&server.delivered[0], hash)).unwrap();
    let told = drain(&mut replica, 70).1;
    let back = told.iter().any(|event| matches!(event, Event::CommentAdded { origin: Origin::Remote, .. }));
    assert!(back, "and comes back to the screen with its entry");
    assert_eq!((replica.unsynced().count, replica.comment(comment(1)).unwrap().text.as_str()), (0, "mine"));
}

#[test]
fn carets_are_carried_between_what_each_side_shows() {
    let mut server = Server::new();
    server.take(2, 1, 1, vec![add(1, "abc")]);
    let mut replica = replica(1);
    let mut head = replica.head().unwrap();
    let mut receive = |replica: &mut Replica, entry: &Entry| {
        let encoded = EncodedEntry::new(entry, head.hash);
        head = Head { version: encoded.version, hash: encoded.hash };
        replica.receive(0, &encoded).unwrap();
    };
    receive(&mut replica, &server.delivered[0]);
    replica.replace_text(0, comment(1), 0, 0, "mine ").unwrap();
    let outgoing = replica.selection_confirmed(comment(1), Range { anchor: 6, head: 7 }).unwrap();
    assert_eq!((outgoing.anchor, outgoing.head, outgoing.version), (1, 2, 2));
    let presence = Presence {
        session: SessionId(Uuid::from_u128(5)),
        user: User { id: user(2), display_name: DisplayName::new("Bo").unwrap() },
        place: PresencePlace::default(),
        selection: Some(Selection { comment: comment(1), version: 2, anchor: 1, head: 3 }),
        active: true,
        last_seen: 0,
    };
    replica.presence_changed(PresenceChange::Here(presence));
    server.take(2, 2, 2, vec![edit(1, "[1,\"__\",2]")]);
    receive(&mut replica, &server.delivered[1]);
    let shown = replica.presence()[0].selection.unwrap();
    assert_eq!(replica.comment(comment(1)).unwrap().text.as_str(), "mine a__bc");
    assert_eq!((shown.anchor, shown.head), (8, 10));
}

#[test]
fn what_cannot_be_done_changes_nothing() {
    let mut replica = replica(1);
    let line = || Place::Line(Anchor::head("x", 1));
    replica.add_comment(0, comment(1), line(), "ab").unwrap();
    assert_eq!(replica.add_comment(0, comment(1), line(), "ab"), Err(EditError::DuplicateComment));
    assert!(matches!(replica.replace_text(0, comment(1), 1, 2, ""), Err(EditError::Op(_))));
    assert!(matches!(replica.replace_text(0, comment(1), usize::MAX, 2, ""), Err(EditError::Op(_))));
    assert_eq!(replica.replace_text(0, comment(9), 0, 0, "x"), Err(EditError::UnknownComment));
    let max = Limits::default().comment_chars;
    let long = "x".repeat(max);
    assert_eq!(replica.replace_text(0, comment(1), 0, 0, &long), Err(EditError::TextTooLong { max }));
    let no = replica.set_field(0, Entity::Review, "status", FieldValue::Flag(true));
    assert_eq!(no, Err(EditError::BadValue));
    assert_eq!(replica.comment(comment(1)).unwrap().text.as_str(), "ab");
    assert_eq!(replica.unsynced().count, 1);
}
