//! Conflicts about a review's status and about removed comments: raised, joined, settled once.

use super::meetings::{People, heard};
use super::*;
use crate::review::{Conflict, ConflictId, How};

fn set(people: &mut People, who: usize, status: Status) {
    people.of(who).set_field(0, Entity::Review, "status", status.into()).unwrap();
}

fn values(conflict: &Conflict) -> Vec<FieldValue> {
    conflict.sides.iter().map(|side| side.value.clone()).collect()
}

#[test]
fn the_first_stands_and_both_are_told() {
    let mut people = People::new(3);
    set(&mut people, 1, Status::Approved);
    set(&mut people, 2, Status::ChangesRequested);
    people.settle();
    let [conflict] = &people.open()[..] else { panic!("one conflict") };
    assert_eq!(values(conflict), [Status::Approved.into(), Status::ChangesRequested.into()]);
    assert_eq!((&conflict.sides[0].user, &conflict.sides[1].user), (&user(1), &user(2)));
    assert_eq!((conflict.base.clone(), conflict.id.version), (Some(Status::Pending.into()), 3));
    assert_eq!((conflict.sides[1].seen, conflict.sides[1].patch_set), (Some(1), Some(1)));
    for who in 1..=3 {
        assert_eq!(people.of(who).status(), Status::Approved, "the first stands, for {who}");
        assert_eq!(heard(&people.told(who)), (1, 0), "and {who} is told");
    }
}

#[test]
fn who_has_seen_it_settles_it_and_the_second_hears_who_was_first() {
    let mut people = People::new(2);
    set(&mut people, 1, Status::Approved);
    set(&mut people, 2, Status::ChangesRequested);
    people.settle();
    let id = people.open()[0].id;
    people.of(1).settle(0, id, Resolution::Side(user(2))).unwrap();
    people.of(2).settle(0, id, Resolution::Value(Status::Pending.into())).unwrap();
    assert!(people.of(2).conflicts().is_empty(), "what is being settled is not open");
    people.settle();
    assert!(people.open().is_empty());
    assert_eq!(people.of(2).status(), Status::ChangesRequested, "the first resolution stands");
    let told = people.told(2);
    let second = told.iter().find_map(|event| match event {
        Event::AlreadySettled(over) => Some((over.by.clone(), over.how.clone(), over.value.clone())),
        _ => None,
    });
    assert_eq!(second, Some((user(1), How::Side(user(2)), Some(Status::ChangesRequested.into()))));
    assert!(people.of(2).rejected().is_empty(), "which is no error");
    assert_eq!((heard(&told), heard(&people.told(1))), ((1, 1), (1, 1)));
    let unknown = ConflictId { version: 1, index: 7 };
    let no = people.of(1).settle(0, unknown, Resolution::Merged);
    assert_eq!(no, Err(EditError::UnknownConflict));
}

#[test]
fn an_ordinary_write_by_somebody_who_has_seen_it_settles_it_too() {
    let mut people = People::new(3);
    set(&mut people, 1, Status::Approved);
    set(&mut people, 2, Status::ChangesRequested);
    people.settle();
    set(&mut people, 3, Status::Pending);
    people.settle();
    assert!(people.open().is_empty());
    let settled = people.server.sequencer.committed().conflicts.settled().next().cloned().unwrap();
    assert_eq!((settled.by, settled.how, settled.value), (user(3), How::Value, Some(Status::Pending.into())));
}

#[test]
fn whatever_its_author_did_last_is_what_a_batch_ends_with() {
    let mut people = People::new(3);
    set(&mut people, 1, Status::Approved);
    set(&mut people, 2, Status::ChangesRequested);
    people.settle();
    let id = people.open()[0].id;
    let settle = |people: &mut People, status: Status| {
        people.of(3).settle(0, id, Resolution::Value(status.into())).unwrap();
    };
    set(&mut people, 3, Status::Pending);
    settle(&mut people, Status::ChangesRequested);
    assert_eq!(people.of(3).status(), Status::ChangesRequested);
    people.of(3).decide(0, Status::Approved, None).unwrap();
    set(&mut people, 3, Status::Pending);
    assert_eq!(people.of(3).status(), Status::Pending, "what was done last is on top");
    people.of(3).decide(0, Status::Approved, None).unwrap();
    people.settle();
    assert!(people.open().is_empty());
    assert_eq!(people.of(1).status(), Status::Approved, "and stays");

    let mut people = People::new(2);
    set(&mut people, 1, Status::Approved);
    set(&mut people, 2, Status::ChangesRequested);
    people.settle();
    let id = people.open()[0].id;
    set(&mut people, 1, Status::Pending);
    people.of(1).settle(0, id, Resolution::Side(user(2))).unwrap();
    people.settle();
    assert_eq!((people.of(2).status(), people.open().len()), (Status::ChangesRequested, 0));
}

#[test]
fn a_further_stale_write_joins_and_one_who_has_not_seen_it_all_cannot_settle() {
    let mut people = People::new(4);
    people.leave(3);
    set(&mut people, 1, Status::Approved);
    set(&mut people, 2, Status::ChangesRequested);
    people.settle();
    people.leave(4);
    people.of(3).decide(0, Status::ChangesRequested, Some("see above".into())).unwrap();
    people.come_back(3);
    people.settle();
    let [conflict] = &people.open()[..] else { panic!("one conflict") };
    assert_eq!(conflict.sides.len(), 3);
    let id = conflict.id;
    // The fourth has seen two sides.
    people.of(4).settle(0, id, Resolution::Side(user(1))).unwrap();
    people.come_back(4);
    people.settle();
    assert_eq!(people.open().len(), 1, "somebody else has said something that they did not know of");
    people.of(4).settle(0, id, Resolution::Side(user(1))).unwrap();
    people.settle();
    assert!(people.open().is_empty());
    assert_eq!(people.of(1).status(), Status::Approved);
}

#[test]
fn the_same_value_twice_is_no_conflict_nor_are_ones_own_clients() {
    let mut people = People::new(2);
    set(&mut people, 1, Status::Approved);
    set(&mut people, 2, Status::Approved);
    people.settle();
    assert!(people.open().is_empty());
    // Another client of the same person: the clock decides.
    let mut server = Server::new();
    server.take(1, 1, 1, vec![status(Status::Approved, 1, 900)]);
    let batch = Batch { seq: 1, base: 1, changes: vec![status(Status::Pending, 1, 5)] };
    let payload = Hash::of(serde_json::to_string(&batch).unwrap().as_bytes());
    let submission = Submission { client: client(2), user: user(1), batch, payload, skew: 0 };
    server.sequencer.submit(1_000, submission, Past::default());
    server.poll();
    server.commit();
    assert_eq!(server.sequencer.committed().status(), Status::Approved);
    assert!(server.sequencer.committed().conflicts.is_empty());
}

#[test]
fn who_agrees_is_not_overwritten_unseen_either() {
    for cy_sees in [1, 2] {
        let mut server = Server::new();
        server.sequencer.client_opened(client(3), None);
        server.take(1, 1, 1, vec![status(Status::Approved, 1, 5)]);
        server.take(3, 1, cy_sees, vec![status(Status::Approved, cy_sees, 6)]);
        assert!(server.sequencer.committed().conflicts.is_empty(), "they agree");
        // The first has seen their own approval, and nothing of the other's.
        server.take(1, 2, 2, vec![status(Status::ChangesRequested, 2, 7)]);
        let review = server.sequencer.committed();
        let open: Vec<_> = review.conflicts.open().collect();
        assert_eq!((open.len(), review.status()), (1, Status::Approved), "having seen {cy_sees}");
        assert_eq!(values(open[0]), [Status::Approved.into(), Status::ChangesRequested.into()]);
        assert_eq!((&open[0].sides[0].user, open[0].sides[0].version), (&user(3), 3));
    }
    // Said once more by oneself it is no news, and who has seen both may change it.
    let mut server = Server::new();
    server.take(1, 1, 1, vec![status(Status::Approved, 1, 5)]);
    server.take(1, 2, 2, vec![status(Status::Approved, 2, 6)]);
    assert_eq!(server.delivered.last().unwrap().facts, []);
    server.take(2, 1, 1, vec![status(Status::Approved, 1, 7)]);
    server.take(1, 3, 4, vec![status(Status::ChangesRequested, 4, 8)]);
    let review = server.sequencer.committed();
    assert_eq!((review.conflicts.is_empty(), review.status()), (true, Status::ChangesRequested));
}

#[test]
fn sides_that_come_to_the_same_end_it() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![status(Status::Approved, 1, 5)]);
    server.take(2, 1, 1, vec![status(Status::ChangesRequested, 1, 6)]);
    // Changes their mind before they have seen the conflict.
    server.take(2, 2, 1, vec![status(Status::Approved, 1, 7)]);
    let review = server.sequencer.committed();
    assert_eq!((review.conflicts.open().count(), review.status()), (0, Status::Approved));
    assert_eq!(review.conflicts.settled().next().unwrap().how, How::Agreed);
}

#[test]
fn who_stands_may_change_their_own_mind_unseen() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![status(Status::Approved, 1, 5)]);
    server.take(2, 1, 1, vec![status(Status::ChangesRequested, 1, 6)]);
    server.take(1, 2, 2, vec![status(Status::Pending, 2, 7)]);
    let review = server.sequencer.committed();
    let open: Vec<_> = review.conflicts.open().collect();
    assert_eq!(values(open[0]), [Status::Pending.into(), Status::ChangesRequested.into()]);
    assert_eq!(review.status(), Status::Pending);
}

#[test]
fn somebody_who_was_away_while_it_came_and_went_sees_nothing_of_it() {
    for steps in [false, true] {
        let mut people = People::new(3);
        people.leave(3);
        set(&mut people, 1, Status::Approved);
        set(&mut people, 2, Status::ChangesRequested);
        people.settle();
        let id = people.open()[0].id;
        people.of(1).settle(0, id, Resolution::Side(user(1))).unwrap();
        people.settle();
        if steps {
            people.step_back(3);
        } else {
            people.come_back(3);
        }
        people.settle();
        assert_eq!(heard(&people.told(3)), (0, 0), "steps: {steps}");
        assert!(people.open().is_empty());
    }
}

#[test]
fn somebody_who_comes_back_to_an_open_one_is_told() {
    for steps in [false, true] {
        let mut people = People::new(3);
        people.leave(3);
        set(&mut people, 1, Status::Approved);
        set(&mut people, 2, Status::ChangesRequested);
        people.settle();
        if steps {
            people.step_back(3);
        } else {
            people.come_back(3);
        }
        people.settle();
        assert_eq!(heard(&people.told(3)), (1, 0), "steps: {steps}");
        assert_eq!(people.open().len(), 1);
    }
}

/// A comment of the first's, which the second edits while the first removes it.
fn removed(people: &mut People, who_first: usize) {
    people.of(1).add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "ab").unwrap();
    people.settle();
    people.of(1).remove_comment(0, comment(1)).unwrap();
    people.of(2).replace_text(0, comment(1), 2, 0, "!").unwrap();
    if who_first == 2 {
        people.leave(1);
        people.settle();
        people.come_back(1);
    } else if who_first == 1 {
        people.leave(2);
        people.settle();
        people.come_back(2);
    }
    people.settle();
}

#[test]
fn an_edit_of_what_somebody_removes_is_one_conflict_whoever_was_first() {
    for first in 0..=2 {
        for restore in [true, false] {
            let mut people = People::new(3);
            removed(&mut people, first);
            let [conflict] = &people.open()[..] else { panic!("one conflict, first {first}") };
            assert_eq!((conflict.field.as_str(), conflict.sides[0].user.clone()), ("removed", user(1)));
            assert_eq!(values(conflict), [FieldValue::Flag(true), FieldValue::Flag(false)]);
            assert!(people.of(3).comment(comment(1)).unwrap().removed.is_some());
            let id = conflict.id;
            let resolution = Resolution::Value(FieldValue::Flag(!restore));
            people.of(3).settle(0, id, resolution).unwrap();
            people.settle();
            assert!(people.open().is_empty());
            let shown = people.of(2).comment(comment(1)).unwrap();
            assert_eq!((shown.removed.is_none(), shown.text.as_str()), (restore, "ab!"), "first {first}");
            assert!(people.of(2).rejected().is_empty(), "nothing was refused");
        }
    }
}

#[test]
fn many_edits_of_what_was_removed_are_one_side() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, "ab")]);
    server.take(1, 2, 2, vec![Change::CommentRemoved { comment: comment(1), seen: None }]);
    server.take(2, 1, 2, vec![edit(1, "[2,\"!\"]")]);
    server.take(2, 2, 2, vec![edit(1, "[2,\"?\"]")]);
    let review = server.sequencer.committed();
    let open: Vec<_> = review.conflicts.open().collect();
    assert_eq!((open.len(), open[0].sides.len()), (1, 2));
}

#[test]
fn restored_after_all_it_is_a_comment_like_others() {
    let mut people = People::new(2);
    removed(&mut people, 0);
    let id = people.open()[0].id;
    people.of(1).settle(0, id, Resolution::Side(user(2))).unwrap();
    people.settle();
    for who in [1, 2] {
        let told = people.told(who);
        let back = told.iter().filter(|event| matches!(event, Event::CommentRestored { .. }));
        assert_eq!(back.count(), 1, "{who} is told once that it is back");
    }
    people.of(2).replace_text(0, comment(1), 0, 0, "still ").unwrap();
    people.settle();
    assert_eq!(people.server.text(1), "still ab!");
}

#[test]
fn a_status_that_goes_to_the_last_writer_raises_nothing() {
    let mut server = Server::lww();
    server.take(1, 1, 1, vec![status(Status::Approved, 1, 5)]);
    server.take(2, 1, 1, vec![status(Status::ChangesRequested, 1, 6)]);
    let review = server.sequencer.committed();
    assert!(review.conflicts.is_empty() && review.status() == Status::ChangesRequested);
}

#[test]
fn a_resolution_must_fit_its_conflict() {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![status(Status::Approved, 1, 5)]);
    server.take(2, 1, 1, vec![status(Status::ChangesRequested, 1, 6)]);
    let settle = |index, field: &str, value, seen| Change::ConflictSettled {
        conflict: ConflictId { version: 3, index },
        entity: Entity::Review,
        field: field.into(),
        write: FieldWrite::new(value, seen),
        at: HlcTime::default(),
    };
    let table = [
        (settle(1, "status", Status::Pending.into(), 3), Reason::UnknownConflict),
        (settle(0, "title", FieldValue::Text("x".into()), 3), Reason::UnknownConflict),
        (settle(0, "status", FieldValue::Flag(true), 3), Reason::BadValue),
        (settle(0, "status", Status::Pending.into(), 4), Reason::BadValue),
    ];
    for (seq, (change, reason)) in table.into_iter().enumerate() {
        assert_eq!(server.take(1, seq as u64 + 2, 3, vec![change]), [(0, rejected(reason))], "row {seq}");
    }
    assert_eq!(server.sequencer.committed().conflicts.open().count(), 1);
}

#[test]
fn what_is_settled_as_it_was_told_has_not_seen_the_side_that_came_after() {
    for value in [Resolution::Side(user(2)), Resolution::Value(Status::ChangesRequested.into())] {
        let mut people = People::new(4);
        people.leave(3);
        set(&mut people, 1, Status::Approved);
        set(&mut people, 2, Status::ChangesRequested);
        people.settle();
        let told = people.of(4).conflicts()[0].clone();
        people.of(3).decide(0, Status::Pending, Some("see above".into())).unwrap();
        people.come_back(3);
        people.settle();
        let now = people.of(4).conflicts()[0].clone();
        assert_eq!((told.sides.len(), now.sides.len()), (2, 3), "it is here, and was not told");
        people.of(4).settle_told(0, &told, value).unwrap();
        people.settle();
        assert_eq!(people.open().len(), 1, "nobody has looked at the third's");
        let now = people.of(4).conflicts()[0].clone();
        people.of(4).settle_told(0, &now, Resolution::Side(user(3))).unwrap();
        people.settle();
        assert!(people.open().is_empty());
        assert_eq!(people.of(1).status(), Status::Pending);
    }
}

#[test]
fn who_agrees_with_a_side_unseen_is_a_side_too_and_hears_how_it_ends() {
    let mut people = People::new(3);
    people.leave(3);
    set(&mut people, 1, Status::Approved);
    set(&mut people, 2, Status::ChangesRequested);
    people.settle();
    let told = people.of(1).conflicts()[0].clone();
    people.of(3).decide(0, Status::Approved, None).unwrap();
    people.come_back(3);
    people.settle();
    let [conflict] = &people.open()[..] else { panic!("one conflict") };
    let approved: FieldValue = Status::Approved.into();
    assert_eq!(values(conflict), [approved.clone(), Status::ChangesRequested.into(), approved]);
    assert_eq!(heard(&people.told(3)), (2, 0), "the third hears of it, and then of their part in it");
    // Nobody ends it the other way over their head.
    people.of(1).settle_told(0, &told, Resolution::Side(user(2))).unwrap();
    people.settle();
    assert_eq!(people.open().len(), 1);
    let now = people.of(2).conflicts()[0].clone();
    people.of(2).settle_told(0, &now, Resolution::Side(user(2))).unwrap();
    people.settle();
    assert_eq!((people.open().len(), people.of(3).status()), (0, Status::ChangesRequested));
    assert_eq!(heard(&people.told(3)).1, 1, "and how it ended");
}

#[test]
fn a_text_that_was_in_conflict_when_it_was_removed_comes_back_as_it_was_merged() {
    let mut people = People::new(3);
    people.of(1).add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "This is odd").unwrap();
    people.settle();
    people.of(1).set_text(0, comment(1), "This definitely is odd").unwrap();
    people.of(2).set_text(0, comment(1), "This might be odd").unwrap();
    people.settle();
    assert_eq!(people.open()[0].field, Conflict::TEXT);
    people.leave(3);
    people.of(1).remove_comment(0, comment(1)).unwrap();
    people.settle();
    assert!(people.open().is_empty(), "what nobody can edit is not in conflict");
    let over = people.server.sequencer.committed().conflicts.settled().next().cloned().unwrap();
    assert_eq!((over.by, over.how), (user(1), How::Merged));
    let merged = people.server.text(1).to_owned();
    people.of(3).replace_text(0, comment(1), 0, 0, "Hm. ").unwrap();
    people.come_back(3);
    people.settle();
    let [late] = &people.open()[..] else { panic!("the edit and the removal") };
    assert_eq!(late.field, Conflict::REMOVED);
    let id = late.id;
    people.of(2).settle(0, id, Resolution::Side(user(3))).unwrap();
    people.settle();
    assert!(people.open().is_empty(), "it ended once, for everybody");
    assert_eq!(people.server.text(1), format!("Hm. {merged}"));
}

/// A text in conflict whose comment an earlier release removed: that left the conflict open.
fn stuck() -> (People, Conflict) {
    let mut people = People::new(3);
    people.of(1).add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "This is odd").unwrap();
    people.settle();
    people.of(1).set_text(0, comment(1), "This definitely is odd").unwrap();
    people.of(2).set_text(0, comment(1), "This might be odd").unwrap();
    people.settle();
    people.overhear(1, vec![Fact::CommentRemoved { comment: comment(1) }]);
    people.settle();
    let open = people.of(2).conflicts().remove(0);
    assert_eq!((open.field.as_str(), people.open().len()), (Conflict::TEXT, 1));
    (people, open)
}

#[test]
fn a_conflict_about_a_text_that_is_gone_can_be_dismissed() {
    let (mut people, open) = stuck();
    for how in [Resolution::Side(user(1)), Resolution::Value(FieldValue::Text("x".into()))] {
        assert_eq!(people.of(2).settle_told(0, &open, how), Err(EditError::CommentRemoved));
    }
    people.of(2).settle_told(0, &open, Resolution::Merged).unwrap();
    assert!(people.of(2).conflicts().is_empty());
    people.of(3).settle(0, open.id, Resolution::Merged).unwrap();
    people.settle();
    assert!(people.open().is_empty());
    let over = people.server.sequencer.committed().conflicts.settled().next().cloned().unwrap();
    assert_eq!((over.conflict, over.how, over.by, over.value), (open.id, How::Merged, user(2), None));
    assert_eq!(heard(&people.told(1)), (1, 1), "and everybody hears of it");
    assert!(people.told(3).iter().any(|event| matches!(event, Event::AlreadySettled(_))));
    assert!(people.of(2).rejected().is_empty() && people.of(3).rejected().is_empty());
    assert_eq!(people.of(2).field(open.entity, Conflict::TEXT), None, "it is about no field");
}

#[test]
fn a_text_that_may_come_back_is_not_dismissed() {
    let (mut people, open) = stuck();
    let dismiss = |seen, value: bool| Change::ConflictSettled {
        conflict: open.id,
        entity: open.entity,
        field: Conflict::TEXT.into(),
        write: FieldWrite::new(FieldValue::Flag(value), seen),
        at: HlcTime::default(),
    };
    let version = people.server.sequencer.head().version;
    let still_open = |people: &People| people.server.sequencer.committed().conflicts.open().count();
    let mut take = |change| people.server.take(3, 1, version, vec![change]);
    assert_eq!(take(dismiss(version, false)), [(0, rejected(Reason::BadValue))]);
    // An edit that was on its way: now the removal is in conflict itself.
    let mut people = stuck().0;
    people.server.take(3, 1, version - 1, vec![edit(1, &format!("[{},\"!\"]", people.server.text(1).len()))]);
    let version = people.server.sequencer.head().version;
    let told = people.server.take(3, 2, version, vec![dismiss(version, true)]);
    let (field, conflict) = (Conflict::TEXT.to_owned(), open.id);
    assert_eq!(told, [(0, Outcome::Conflict { field, conflict })]);
    assert_eq!(still_open(&people), 2);
    // Nor where a side was not seen.
    let mut people = stuck().0;
    people.server.take(3, 1, version - 1, vec![dismiss(2, true)]);
    assert_eq!(still_open(&people), 1);
}
