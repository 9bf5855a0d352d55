//! The sequencer's rules.

use super::*;

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
    let hash = Some(server.sequencer.head().hash);
    assert_eq!(server.answers[2].1.result, AnswerResult::Committed { version: 2, hash, verdicts: vec![] });
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

/// What another node appends behind "ab": an edit of a client's.
fn elsewhere(server: &Server, from: u128) -> EncodedEntry {
    let head = server.sequencer.head();
    let op: TextOp = serde_json::from_str("[\"first \",2]").unwrap();
    let checksum = crate::text::Text::new("first ab").checksum();
    let facts = vec![Fact::TextEdited { comment: comment(1), op, checksum }];
    let (format, author, version) = (ENTRY_FORMAT, user(from), head.version + 1);
    let entry =
        Entry { format, version, author, client: client(from), seq: 1, at: 5, facts, verdicts: vec![] };
    EncodedEntry::new(&entry, head.hash)
}

#[test]
fn what_another_node_appended_is_taken_where_it_comes_next() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, "ab")]);
    let other = elsewhere(&server, 9);
    assert!(server.sequencer.overhear(other.clone()).unwrap());
    server.poll();
    assert_eq!((server.text(1), server.sequencer.head().version), ("first ab", 3));
    // What it was made on can be shown to whoever is in conflict with it.
    let now = server.sequencer.committed().comments[&comment(1)].text.clone();
    let before = server.sequencer.history.text_at(comment(1), 2, &now);
    assert_eq!(before.as_ref().map(|text| text.as_str()), Some("ab"));
    // Late batches are carried over it, and the next goes behind it.
    server.take(1, 2, 2, vec![edit(1, "[2,\"!\"]")]);
    assert_eq!(server.text(1), "first ab!");
    assert!(!server.sequencer.overhear(other).unwrap(), "it came before");
}

#[test]
fn what_cannot_be_told_apart_is_not_overheard() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, "ab")]);
    let (known, other) = (elsewhere(&server, 1), elsewhere(&server, 9));
    assert!(!server.sequencer.overhear(known).unwrap(), "its client's last answer is older");
    let early = EncodedEntry { version: 4, ..other.clone() };
    assert!(!server.sequencer.overhear(early).unwrap(), "one is missing");
    let of_another_log = EncodedEntry { hash: Hash::of(b"another"), ..other.clone() };
    assert!(!server.sequencer.overhear(of_another_log).unwrap());
    server.submit(1, 2, 2, vec![edit(1, "[2,\"!\"]")]);
    assert!(!server.sequencer.overhear(other).unwrap(), "the append tells");
    server.poll();
    server.commit();
    assert_eq!(server.text(1), "ab!");
}

#[test]
fn a_lost_race_is_sequenced_again() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, "ab")]);
    // Another node appends an edit of client 2 first.
    let other = elsewhere(&server, 2);
    server.submit(1, 2, 2, vec![edit(1, "[2,\"!\"]")]);
    server.appends.clear();
    server.sequencer.lost(9, vec![other], vec![]).unwrap();
    server.poll();
    server.commit();
    assert_eq!(server.text(1), "first ab!");
    assert_eq!(server.delivered.iter().map(|e| (e.version, e.client)).next_back(), Some((4, client(1))));
}

#[test]
fn an_answer_that_was_read_before_a_newer_one_changes_nothing() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, "ab")]);
    let read = vec![(client(1), server.sequencer.last_answer(client(1)).cloned())];
    // The store is slow to tell, and meanwhile this goes on.
    server.take(1, 2, 2, vec![edit(1, "[2,\"!\"]")]);
    server.sequencer.lost(9, vec![], read).unwrap();
    assert_eq!(server.take(1, 3, 3, vec![edit(1, "[3,\"?\"]")]), []);
    assert_eq!((server.text(1), server.refused.len()), ("ab!?", 0));
}

#[test]
fn what_waits_here_and_is_over_elsewhere_holds_nobody_up() {
    let mut server = Server::new();
    server.submit(2, 1, 1, vec![add(2, "first")]);
    server.submit(1, 1, 1, vec![add(1, "late")]);
    // While this waits behind an append, its client has it settled at another node, goes on there and comes back.
    let answer = |seq| Answer { seq, payload: Hash::default(), result: AnswerResult::Void };
    server.sequencer.client_opened(client(1), Some(answer(2)));
    assert_eq!(server.sequencer.settle_seq(client(1), 2), Settled::Answer(answer(2)));
    server.submit(1, 3, 1, vec![add(3, "new")]);
    assert_eq!(server.refused, []);
    server.appends.clear();
    server.sequencer.lost(9, vec![], vec![(client(1), Some(answer(2)))]).unwrap();
    server.poll();
    assert_eq!(server.refused, [Refusal::SeqReused], "the late one is told so");
    server.commit();
    let comments = &server.sequencer.committed().comments;
    assert_eq!(comments.keys().copied().collect::<Vec<_>>(), [comment(2), comment(3)]);
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
        fields: [("resolved".to_owned(), FieldWrite::new(FieldValue::Flag(true), 2))].into(),
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
        seen: None,
    };
    let reply = |to| Change::CommentAdded {
        comment: comment(6),
        place: Place::Reply(comment(to)),
        text: String::new(),
        at: HlcTime::default(),
        seen: None,
    };
    let field = |name: &str, value, seen| Change::FieldsChanged {
        entity: Entity::Review,
        fields: [(name.to_owned(), FieldWrite::new(value, seen))].into(),
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
        (Change::CommentRemoved { comment: comment(2), seen: None }, Reason::NotAllowed),
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
    server.take(1, 2, 2, vec![Change::CommentRemoved { comment: comment(1), seen: None }]);
    let outcomes = server.take(2, 1, 2, vec![edit(1, "[2,\"!\"]")]);
    assert!(matches!(outcomes[..], [(0, Outcome::Conflict { .. })]), "a person settles whether it stays");
    assert_eq!(server.text(1), "ab!");
    assert_eq!(server.take(2, 2, 4, vec![edit(1, "[3,\"?\"]")]), [(0, rejected(Reason::CommentRemoved))]);
}

#[test]
fn who_saw_the_value_wins_whatever_the_clocks_say() {
    let mut server = Server::lww();
    server.take(1, 1, 1, vec![status(Status::Approved, 1, 900)]);
    server.take(2, 1, 2, vec![status(Status::ChangesRequested, 2, 5)]);
    assert_eq!(server.sequencer.committed().status(), Status::ChangesRequested);
}

#[test]
fn concurrent_writes_go_by_the_clock_and_the_loser_is_told() {
    let mut server = Server::lww();
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
    let mut server = Server::lww();
    server.take(1, 1, 1, vec![status(Status::Approved, 1, 3_600_000)]);
    server.take(2, 1, 1, vec![status(Status::ChangesRequested, 1, 1_100)]);
    server.take(2, 2, 2, vec![status(Status::Pending, 2, 1_100)]);
    assert_eq!(server.sequencer.committed().status(), Status::Pending);
}

#[test]
fn a_review_takes_only_so_much_text() {
    let limits = Limits { review_chars: 10, ..Limits::default() };
    let mut server = Server::with(limits);
    let outcomes = server.take(1, 1, 1, vec![add(1, "123456"), add(2, "12345")]);
    assert_eq!(outcomes, [(1, rejected(Reason::ReviewTooLarge))]);
    assert_eq!(server.take(1, 2, 2, vec![edit(1, "[6,\"7890\"]")]), [], "up to the limit");
    assert_eq!(server.take(1, 3, 3, vec![edit(1, "[10,\"!\"]")]), [(0, rejected(Reason::ReviewTooLarge))]);
    assert_eq!(server.take(1, 4, 3, vec![edit(1, "[9,-1]")]), [], "less is always possible");
    assert_eq!(server.take(1, 5, 4, vec![edit(1, "[9,\"!\"]")]), []);
}

#[test]
fn a_settled_seq_is_never_taken() {
    let mut server = Server::new();
    assert_eq!(server.sequencer.settle_seq(client(1), 2), Settled::OutOfTurn, "a batch before it is missing");
    assert_eq!(server.sequencer.settle_seq(client(1), 1), Settled::Pending);
    assert_eq!(server.sequencer.settle_seq(client(1), 1), Settled::Pending, "until it is durable");
    server.poll();
    server.commit();
    let Settled::Answer(answer) = server.sequencer.settle_seq(client(1), 1) else { panic!("an answer") };
    assert_eq!(answer.result, AnswerResult::Void);
    server.submit(1, 1, 1, vec![add(1, "late")]);
    assert_eq!(server.refused, [Refusal::SeqReused]);
    assert_eq!(server.take(1, 2, 1, vec![add(1, "again")]), []);
    assert_eq!((server.delivered.len(), server.text(1)), (1, "again"));
}

#[test]
fn a_seq_that_was_answered_settles_as_it_was() {
    let mut server = Server::new();
    server.submit(1, 1, 1, vec![add(1, "a")]);
    assert_eq!(server.sequencer.settle_seq(client(1), 1), Settled::Pending);
    server.commit();
    let Settled::Answer(answer) = server.sequencer.settle_seq(client(1), 1) else { panic!("an answer") };
    assert!(matches!(answer.result, AnswerResult::Committed { version: 2, .. }));
    server.take(1, 2, 2, vec![add(2, "b")]);
    assert_eq!(server.sequencer.settle_seq(client(1), 1), Settled::OutOfTurn);
}

#[test]
fn a_settled_seq_that_did_not_become_durable_can_be_settled_again() {
    let mut server = Server::new();
    assert_eq!(server.sequencer.settle_seq(client(1), 1), Settled::Pending);
    server.poll();
    server.appends.clear();
    server.sequencer.failed();
    server.poll();
    assert_eq!(server.sequencer.settle_seq(client(1), 1), Settled::Pending);
    server.poll();
    server.commit();
    assert!(matches!(server.sequencer.settle_seq(client(1), 1), Settled::Answer(_)));
}

#[test]
fn a_batch_that_would_hold_everybody_up_is_not_taken() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, &"ab".repeat(1_000))]);
    // 330 characters replaced, far apart.
    let op = |by: &str| format!("[{}1340]", format!("1,\"{by}\",-1,").repeat(330));
    for seq in 2..=1_200 {
        assert_eq!(server.take(1, seq, seq, vec![edit(1, &op("x"))]), [], "{seq}");
    }
    server.submit(2, 1, 2, vec![edit(1, &op("y"))]);
    assert_eq!(server.refused, [Refusal::BadBase]);
    assert_eq!(server.take(2, 1, 1_100, vec![edit(1, &op("y"))]), [], "nearer it is");
}

#[test]
fn long_texts_are_read_from_the_store_sooner_than_short_ones() {
    for (chars, forgotten) in [(30_000, true), (30, false)] {
        let mut server = Server::new();
        server.take(1, 1, 1, vec![add(1, &"a".repeat(chars))]);
        // Each is kept with what takes it back.
        for seq in 2..=21 {
            let op = TextOp::replace(chars, 0, chars, &"b".repeat(chars)).unwrap();
            assert_eq!(server.take(1, seq, seq, vec![Change::edit(comment(1), op)]), []);
        }
        let batch = |base| Batch { seq: 1, base, changes: vec![edit(1, r#"["c"]"#)] };
        assert_eq!(server.sequencer.missing_history(&batch(2)).is_some(), forgotten, "{chars}");
        assert_eq!(server.sequencer.missing_history(&batch(10)), None, "the newer half is here");
    }
}
