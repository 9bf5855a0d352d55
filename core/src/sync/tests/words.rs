//! Conflicts about texts: whose words were rewritten by somebody who had not seen them.

use super::meetings::{People, heard};
use super::*;
use crate::review::{Conflict, How};

pub(super) const BASE: &str = "This needs refactoring";
pub(super) const ONE: &str = "This definitely needs refactoring";
pub(super) const OTHER: &str = "This might need refactoring";

pub(super) fn begun(count: usize, text: &str) -> People {
    let mut people = People::new(count);
    people.of(1).add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), text).unwrap();
    people.settle();
    people
}

fn text(of: &FieldValue) -> &str {
    match of {
        FieldValue::Text(text) => text,
        FieldValue::Flag(_) => panic!("a text"),
    }
}

pub(super) fn the_one(people: &People) -> Conflict {
    let open = people.open();
    assert_eq!(open.len(), 1, "{open:?}");
    open.into_iter().next().unwrap()
}

#[test]
fn both_save_the_same_sentence_one_millisecond_apart() {
    let mut people = begun(2, BASE);
    people.of(1).set_text(0, comment(1), ONE).unwrap();
    people.of(2).set_text(0, comment(1), OTHER).unwrap();
    people.settle();
    let conflict = the_one(&people);
    assert_eq!(conflict.field, "text");
    assert_eq!(conflict.base.as_ref().map(text), Some(BASE));
    assert_eq!((text(&conflict.sides[0].value), &conflict.sides[0].user), (ONE, &user(1)));
    assert_eq!((text(&conflict.sides[1].value), &conflict.sides[1].user), (OTHER, &user(2)));
    assert_eq!(conflict.merged.as_deref(), Some(people.server.text(1)), "the merged text stands");
    for word in ["definitely", "might", "refactoring"] {
        assert!(people.server.text(1).contains(word));
    }
    assert_eq!((heard(&people.told(1)), heard(&people.told(2))), ((1, 0), (1, 0)));
}

#[test]
fn each_side_says_what_its_author_had_seen() {
    let mut people = begun(2, BASE);
    people.of(1).add_comment(0, comment(2), Place::Line(Anchor::head("x", 1)), "Another").unwrap();
    people.settle();
    let seen = people.server.sequencer.head().version;
    people.of(1).set_text(0, comment(1), ONE).unwrap();
    people.leave(2);
    people.settle();
    // What the second has seen of it is older than what the first had.
    people.of(2).set_text(0, comment(1), OTHER).unwrap();
    people.come_back(2);
    people.settle();
    let conflict = the_one(&people);
    assert_eq!(conflict.sides.iter().map(|side| side.seen).collect::<Vec<_>>(), [Some(seen); 2]);

    let mut server = Server::new();
    let whole = |op: &str| Change::TextEdited {
        comment: comment(1),
        op: serde_json::from_str(op).unwrap(),
        apart: vec![],
        whole: true,
        settles: None,
    };
    server.take(1, 1, 1, vec![add(1, "abcd")]);
    server.take(2, 1, 2, vec![add(2, "more")]);
    server.take(1, 2, 3, vec![whole("[1,\"x\",-2,1]")]);
    server.take(2, 2, 2, vec![whole("[1,\"y\",-2,1]")]);
    let seen = |server: &Server| {
        let open = server.sequencer.committed().conflicts.open().next().cloned().unwrap();
        open.sides.iter().map(|side| (side.version, side.seen)).collect::<Vec<_>>()
    };
    assert_eq!(seen(&server), [(4, Some(3)), (5, Some(2))], "the first had seen more than the base of both");
}

#[test]
fn it_is_settled_by_an_edit_once() {
    let mut people = begun(3, BASE);
    people.of(1).set_text(0, comment(1), ONE).unwrap();
    people.of(2).set_text(0, comment(1), OTHER).unwrap();
    people.settle();
    let id = the_one(&people).id;
    people.of(1).settle(0, id, Resolution::Side(user(2))).unwrap();
    people.of(2).settle(0, id, Resolution::Value(FieldValue::Text("Neither".into()))).unwrap();
    assert_eq!(people.of(2).comment(comment(1)).unwrap().text.as_str(), "Neither", "shown at once");
    people.settle();
    assert!(people.open().is_empty());
    assert_eq!(people.server.text(1), OTHER);
    assert_eq!(people.of(2).comment(comment(1)).unwrap().text.as_str(), OTHER);
    let settled = people.server.sequencer.committed().conflicts.settled().next().cloned().unwrap();
    assert_eq!((settled.by, settled.how, settled.value), (user(1), How::Side(user(2)), None));
    assert!(people.told(2).iter().any(|event| matches!(event, Event::AlreadySettled(_))));
    let kept = people.of(2).rejected();
    assert!(
        matches!(kept, [Rejected { cause: Cause::AlreadySettled, mine: Some(mine), .. }] if mine == "Neither")
    );
    people.of(1).undo(0, comment(1)).unwrap();
    people.settle();
    assert_eq!(people.server.text(1).len(), the_merged().len(), "a resolution can be undone like any edit");
}

pub(super) fn the_merged() -> String {
    let mut people = begun(2, BASE);
    people.of(1).set_text(0, comment(1), ONE).unwrap();
    people.of(2).set_text(0, comment(1), OTHER).unwrap();
    people.settle();
    people.server.text(1).to_owned()
}

#[test]
fn the_merged_text_can_stay() {
    let mut people = begun(2, BASE);
    people.of(1).set_text(0, comment(1), ONE).unwrap();
    people.of(2).set_text(0, comment(1), OTHER).unwrap();
    people.settle();
    let conflict = the_one(&people);
    people.of(2).settle(0, conflict.id, Resolution::Merged).unwrap();
    people.settle();
    assert!(people.open().is_empty());
    let settled = people.server.sequencer.committed().conflicts.settled().next().cloned().unwrap();
    assert_eq!((settled.how, people.server.text(1)), (How::Merged, conflict.merged.as_deref().unwrap()));
}

#[test]
fn it_ends_with_the_comment() {
    // Its author has seen everything.
    let mut people = begun(2, BASE);
    people.of(1).set_text(0, comment(1), ONE).unwrap();
    people.of(2).set_text(0, comment(1), OTHER).unwrap();
    people.settle();
    let id = the_one(&people).id;
    people.of(1).remove_comment(0, comment(1)).unwrap();
    people.settle();
    assert_eq!(people.open(), []);
    let settled = people.server.sequencer.committed().conflicts.settlement(id).cloned().unwrap();
    assert_eq!((settled.by, settled.how, settled.value), (user(1), How::Merged, None));
    for who in [1, 2] {
        assert!(people.of(who).conflicts().is_empty(), "for {who}");
        assert_eq!(heard(&people.told(who)), (1, 1), "and {who} is told");
    }

    // Somebody typed in it meanwhile: it is open for as long as the comment may come back.
    for gone in [true, false] {
        let mut people = begun(2, BASE);
        people.of(1).set_text(0, comment(1), ONE).unwrap();
        people.of(2).set_text(0, comment(1), OTHER).unwrap();
        people.settle();
        let id = the_one(&people).id;
        people.leave(1);
        people.of(1).remove_comment(0, comment(1)).unwrap();
        people.of(2).replace_text(0, comment(1), 0, 0, "Hm: ").unwrap();
        people.settle();
        people.come_back(1);
        people.settle();
        let [text, removed] = &people.open()[..] else { panic!("two conflicts") };
        assert_eq!((text.id, removed.field.as_str()), (id, Conflict::REMOVED));
        people.of(2).settle(0, removed.id, Resolution::Value(FieldValue::Flag(gone))).unwrap();
        people.settle();
        assert_eq!(people.open().len(), usize::from(!gone), "gone: {gone}");
        if !gone {
            people.of(1).settle(0, id, Resolution::Side(user(2))).unwrap();
            people.settle();
            assert_eq!((people.open().len(), people.server.text(1)), (0, OTHER));
        }
    }
}

#[test]
fn the_same_words_of_a_removed_comment_are_in_conflict_when_it_comes_back() {
    for gone in [true, false] {
        let mut people = begun(3, BASE);
        people.leave(2);
        people.of(2).set_text(0, comment(1), OTHER).unwrap();
        people.of(3).set_text(0, comment(1), ONE).unwrap();
        people.settle();
        people.of(1).remove_comment(0, comment(1)).unwrap();
        people.settle();
        people.come_back(2);
        people.settle();
        let open = people.open();
        let fields: Vec<_> = open.iter().map(|open| open.field.as_str()).collect();
        assert_eq!(fields, [Conflict::REMOVED, Conflict::TEXT]);
        let sides: Vec<_> = open[1].sides.iter().map(|side| (text(&side.value), &side.user)).collect();
        assert_eq!(sides, [(ONE, &user(3)), (OTHER, &user(2))]);
        assert_eq!(heard(&people.told(3)), (2, 0), "whose words they are is told of both");
        people.of(3).settle(0, open[0].id, Resolution::Value(FieldValue::Flag(gone))).unwrap();
        people.settle();
        assert_eq!(people.open().len(), usize::from(!gone), "gone: {gone}");
        if !gone {
            assert_eq!(the_one(&people).merged.as_deref(), Some(people.server.text(1)));
            people.of(2).settle(0, open[1].id, Resolution::Side(user(3))).unwrap();
            people.settle();
            assert_eq!((people.open().len(), people.server.text(1)), (0, ONE));
        }
    }
}

#[test]
fn different_words_are_no_conflict() {
    let mut people = begun(2, BASE);
    people.of(1).set_text(0, comment(1), "That needs refactoring").unwrap();
    people.of(2).set_text(0, comment(1), "This needs rewriting").unwrap();
    people.settle();
    assert!(people.open().is_empty());
    assert_eq!(people.server.text(1), "That needs rewriting");
}

#[test]
fn who_types_together_is_in_no_conflict() {
    let mut people = begun(2, BASE);
    people.of(1).replace_text(0, comment(1), 5, 5, "has").unwrap();
    people.of(2).replace_text(0, comment(1), 5, 5, "wants").unwrap();
    people.settle();
    assert!(people.open().is_empty(), "keystrokes of the last two seconds");
}

#[test]
fn keystrokes_that_had_not_seen_the_others_for_two_seconds_are() {
    for (late, conflicts) in [(1_999, 0), (2_000, 1)] {
        let mut server = Server::new();
        server.take(1, 1, 1, vec![add(1, "abcd")]);
        server.take(1, 2, 2, vec![edit(1, "[1,\"x\",-2,1]")]);
        let batch = Batch { seq: 1, base: 2, changes: vec![edit(1, "[1,\"y\",-2,1]")] };
        let payload = Hash::of(serde_json::to_string(&batch).unwrap().as_bytes());
        let submission = Submission { client: client(2), user: user(2), batch, payload, skew: 0 };
        server.sequencer.submit(1_000 + late, submission, Past::default());
        server.poll();
        server.commit();
        assert_eq!(server.sequencer.committed().conflicts.open().count(), conflicts, "{late} ms");
    }
}

/// Two people; the second goes away, both rewrite, the second comes back.
fn apart(by_steps: bool, in_flight: bool) -> People {
    let mut people = begun(2, BASE);
    if in_flight {
        // Something of the second's is on its way when the connection goes.
        people.of(2).replace_text(0, comment(1), 0, 0, "Hm: ").unwrap();
        let now = people.now;
        people.of(2).flush(now);
    }
    people.leave(2);
    people.of(2).replace_text(0, comment(1), if in_flight { 9 } else { 5 }, 5, "should have").unwrap();
    people.of(1).replace_text(0, comment(1), 5, 5, "wants").unwrap();
    people.settle();
    people.now += 60_000;
    if by_steps {
        people.step_back(2);
    } else {
        people.come_back(2);
    }
    people.settle();
    people
}

#[test]
fn what_was_typed_apart_says_so() {
    for by_steps in [false, true] {
        let people = apart(by_steps, false);
        let conflict = the_one(&people);
        assert_eq!(conflict.base.as_ref().map(text), Some(BASE), "by steps: {by_steps}");
        assert_eq!(text(&conflict.sides[0].value), "This wants refactoring");
        assert_eq!(text(&conflict.sides[1].value), "This should have refactoring");
        assert_eq!(conflict.merged.as_deref(), Some(people.server.text(1)));
    }
}

#[test]
fn what_was_typed_apart_behind_something_on_its_way_says_so_too() {
    for by_steps in [false, true] {
        let people = apart(by_steps, true);
        let conflict = the_one(&people);
        assert_eq!(conflict.base.as_ref().map(text), Some(BASE), "by steps: {by_steps}");
        assert_eq!(text(&conflict.sides[1].value), "Hm: This should have refactoring");
    }
}

#[test]
fn what_was_sent_before_the_others_wrote_does_not_hide_what_was_typed_after() {
    let mut people = begun(2, BASE);
    // The batch arrives; its entry does not come back.
    people.of(2).replace_text(0, comment(1), 0, 0, "Hm: ").unwrap();
    people.leave_after_sending(2);
    people.of(2).replace_text(0, comment(1), 9, 5, "should have").unwrap();
    people.of(1).replace_text(0, comment(1), 9, 5, "wants").unwrap();
    people.settle();
    people.now += 60_000;
    people.come_back(2);
    people.settle();
    let conflict = the_one(&people);
    assert_eq!(conflict.base.as_ref().map(text), Some("Hm: This needs refactoring"));
    assert_eq!(text(&conflict.sides[1].value), "Hm: This should have refactoring");
}

#[test]
fn a_whole_text_that_waits_meets_what_comes_before_it_is_sent() {
    let mut people = begun(2, BASE);
    let now = people.now;
    people.of(2).set_text(now, comment(1), OTHER).unwrap();
    people.of(1).set_text(now, comment(1), ONE).unwrap();
    people.send_only(1);
    people.settle();
    assert_eq!(the_one(&people).base.as_ref().map(text), Some(BASE));
}

#[test]
fn a_further_one_joins_with_a_side_of_their_own() {
    let mut people = begun(3, BASE);
    people.of(1).set_text(0, comment(1), ONE).unwrap();
    people.of(2).set_text(0, comment(1), OTHER).unwrap();
    people.of(3).set_text(0, comment(1), "This hardly needs refactoring").unwrap();
    people.settle();
    let conflict = the_one(&people);
    assert_eq!(conflict.sides.len(), 3);
    assert_eq!(text(&conflict.sides[2].value), "This hardly needs refactoring");
    assert_eq!(conflict.merged.as_deref(), Some(people.server.text(1)));
}

#[test]
fn what_is_settled_having_seen_less_than_all_is_an_edit_like_others() {
    let mut people = begun(3, BASE);
    people.of(1).set_text(0, comment(1), ONE).unwrap();
    people.of(2).set_text(0, comment(1), OTHER).unwrap();
    people.leave(3);
    people.settle();
    let id = the_one(&people).id;
    people.of(3).set_text(0, comment(1), "This hardly needs refactoring").unwrap();
    people.leave(1);
    people.of(1).settle(0, id, Resolution::Side(user(1))).unwrap();
    people.come_back(3);
    people.settle();
    people.come_back(1);
    people.settle();
    assert_eq!(the_one(&people).sides.len(), 3, "the third's words are still to be looked at");
}

#[test]
fn what_is_settled_as_it_was_told_keeps_the_words_that_came_after() {
    const LAST: &str = "This hardly needs refactoring";
    let whole = Resolution::Value(FieldValue::Text("This surely needs refactoring".into()));
    for how in [Resolution::Side(user(1)), Resolution::Merged, whole] {
        let mut people = begun(4, BASE);
        people.of(1).set_text(0, comment(1), ONE).unwrap();
        people.of(2).set_text(0, comment(1), OTHER).unwrap();
        people.leave(3);
        people.settle();
        let told = people.of(4).conflicts()[0].clone();
        people.of(3).set_text(0, comment(1), LAST).unwrap();
        people.come_back(3);
        people.settle();
        people.of(4).settle_told(0, &told, how.clone()).unwrap();
        people.settle();
        let conflict = the_one(&people);
        assert!(conflict.sides.iter().any(|side| text(&side.value) == LAST), "{how:?}: {conflict:?}");
        assert!(people.server.text(1).contains("hardly"), "{how:?}: {}", people.server.text(1));
        people.of(4).settle_told(0, &conflict, Resolution::Side(user(3))).unwrap();
        people.settle();
        assert!(people.open().is_empty());
        assert_eq!(people.server.text(1), LAST);
    }
}

#[test]
fn the_texts_of_a_conflict_count() {
    // Base 4, theirs 1, mine 6, merged 7, and 7 for the comment itself.
    for review_chars in [25, 24] {
        let limits = Limits { review_chars, ..Limits::default() };
        let mut server = Server::with(limits);
        server.take(1, 1, 1, vec![add(1, "abcd")]);
        server.take(1, 2, 2, vec![edit(1, "[\"x\",-4]")]);
        let whole = Change::TextEdited {
            comment: comment(1),
            op: serde_json::from_str("[\"longer\",-4]").unwrap(),
            apart: vec![],
            whole: true,
            settles: None,
        };
        let outcomes = server.take(2, 1, 2, vec![whole]);
        let (raised, no_room) = (review_chars == 25, (0, rejected(Reason::ReviewTooLarge)));
        assert_eq!(outcomes.iter().any(|(_, o)| matches!(o, Outcome::Conflict { .. })), raised);
        assert_eq!(outcomes.contains(&no_room), !raised, "nothing is dropped: its author has it back");
    }
}

#[test]
fn false_witness_is_refused() {
    let op: TextOp = serde_json::from_str("[2,\"!\"]").unwrap();
    let change = |seen: &[u64], authored: &str| Change::TextEdited {
        comment: comment(1),
        op: op.clone(),
        apart: seen
            .iter()
            .map(|seen| Apart { seen: *seen, authored: serde_json::from_str(authored).unwrap(), base: None })
            .collect(),
        whole: true,
        settles: None,
    };
    let table = [
        (change(&[9], "[2]"), Reason::BadValue),
        (change(&[1], "[2]"), Reason::BadValue),
        (change(&[3, 2], "[2]"), Reason::BadValue),
        (change(&[2, 2, 2, 2, 2], "[2]"), Reason::BadValue),
        (change(&[2], "[7]"), Reason::DoesNotFit),
    ];
    for (n, (change, reason)) in table.into_iter().enumerate() {
        let mut server = Server::new();
        server.take(1, 1, 1, vec![add(1, "ab")]);
        server.take(1, 2, 2, vec![edit(1, "[\"x\",-1,1]")]);
        assert_eq!(server.take(2, 1, 3, vec![change]), [(0, rejected(reason))], "row {n}");
    }
}

#[test]
fn what_lies_too_far_back_is_compared_with_what_the_store_has() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, "abcd")]);
    server.take(1, 2, 2, vec![edit(1, "[1,\"x\",-2,1]")]);
    let log = server.delivered.clone();
    // The same review at another server, which has read it from its store.
    let (review, head) = (server.sequencer.committed().clone(), server.sequencer.head());
    let mut other = Server::new();
    other.sequencer = Sequencer::new(review, head, PatchSets::default(), Limits::default());
    other.sequencer.client_opened(client(2), None);
    let change = Change::TextEdited {
        comment: comment(1),
        op: serde_json::from_str("[2,\"y\",1]").unwrap(),
        apart: vec![Apart { seen: 2, authored: serde_json::from_str("[1,\"y\",-2,1]").unwrap(), base: None }],
        whole: false,
        settles: None,
    };
    let batch = Batch { seq: 1, base: 3, changes: vec![change] };
    assert_eq!(other.sequencer.missing_history(&batch), None);
    assert_eq!(other.sequencer.missing_past(&batch), Some((2, 3)));
    let payload = Hash::of(serde_json::to_string(&batch).unwrap().as_bytes());
    let submission = Submission { client: client(2), user: user(2), batch, payload, skew: 0 };
    let texts = [(comment(1), crate::text::Text::new("abcd"))].into();
    let past = Past { entries: log[1..].to_vec(), texts, given_up: false };
    other.sequencer.submit(60_000, submission, past);
    // It loses a race for its place: what was read for it is good for the next one as well.
    other.poll();
    other.appends.clear();
    server.take(1, 3, 3, vec![add(2, "elsewhere")]);
    let came = EncodedEntry::new(server.delivered.last().unwrap(), head.hash);
    other.sequencer.lost(61_000, vec![came], Vec::new()).unwrap();
    assert_eq!((other.sequencer.tentative(), &other.refused[..]), (1, &[][..]));
    other.poll();
    other.commit();
    let review = other.sequencer.committed();
    let conflict = review.conflicts.open().next().unwrap();
    assert_eq!(conflict.base.as_ref().map(text), Some("abcd"));
    assert_eq!((text(&conflict.sides[0].value), text(&conflict.sides[1].value)), ("axd", "ayd"));
}
