//! What reviewers decide, and tags.

use super::meetings::People;
use super::*;
use crate::review::FieldSpec;

#[test]
fn three_stale_decisions_are_three_registers_and_one_conflict() {
    let mut people = People::new(3);
    people.of(1).decide(0, Status::Approved, None).unwrap();
    people.of(2).decide(0, Status::ChangesRequested, Some("not yet".into())).unwrap();
    people.of(3).decide(0, Status::Pending, Some("later".into())).unwrap();
    people.settle();
    let decisions = people.of(3).decisions();
    let of = |n| (decisions[&user(n)].value, decisions[&user(n)].note.clone());
    assert_eq!(of(1), (Status::Approved, None));
    assert_eq!(of(2), (Status::ChangesRequested, Some("not yet".into())));
    assert_eq!(of(3), (Status::Pending, Some("later".into())));
    assert!(decisions.values().all(|decision| (decision.patch_set, decision.seen) == (1, 1)));
    let [conflict] = &people.open()[..] else { panic!("one conflict") };
    assert_eq!((conflict.field.as_str(), conflict.sides.len()), ("status", 3));
    assert_eq!(people.of(3).status(), Status::Approved);
}

#[test]
fn a_decision_is_shown_at_once_and_the_latest_is_the_one() {
    let mut people = People::new(2);
    people.leave(1);
    people.of(1).decide(0, Status::Approved, None).unwrap();
    people.of(1).set_field(0, Entity::Review, "status", Status::Pending.into()).unwrap();
    people.of(1).decide(0, Status::ChangesRequested, None).unwrap();
    assert_eq!(people.of(1).status(), Status::ChangesRequested);
    assert_eq!(people.of(1).decisions()[&user(1)].value, Status::ChangesRequested);
    people.of(1).set_field(0, Entity::Review, "status", Status::Approved.into()).unwrap();
    assert_eq!(people.of(1).status(), Status::Approved, "what was done last is on top");
    people.come_back(1);
    people.settle();
    assert_eq!(people.of(2).status(), Status::Approved);
    assert_eq!(people.of(2).decisions()[&user(1)].value, Status::ChangesRequested);
}

#[test]
fn an_older_decision_from_another_device_does_not_undo_a_newer_one() {
    let decide = |value: Status, ms| Change::Decided {
        status: FieldWrite { patch_set: Some(1), ..FieldWrite::new(value.into(), 1) },
        note: None,
        at: HlcTime { ms, n: 0 },
    };
    let mut server = Server::new();
    server.take(1, 1, 1, vec![decide(Status::ChangesRequested, 900)]);
    let batch = Batch { seq: 1, base: 1, changes: vec![decide(Status::Approved, 5)] };
    let payload = Hash::of(serde_json::to_string(&batch).unwrap().as_bytes());
    let submission = Submission { client: client(2), user: user(1), batch, payload, skew: 0 };
    server.sequencer.submit(1_000, submission, Past::default());
    server.poll();
    server.commit();
    let review = server.sequencer.committed();
    assert_eq!(review.decisions[&user(1)].value, Status::ChangesRequested);
    assert_eq!((review.status(), review.conflicts.is_empty()), (Status::ChangesRequested, true));
}

#[test]
fn a_note_is_as_long_as_it_may_be() {
    let max = Limits::default().note_chars;
    let decide = |chars: usize| Change::Decided {
        status: FieldWrite { patch_set: Some(1), ..FieldWrite::new(Status::Approved.into(), 1) },
        note: Some("é".repeat(chars)),
        at: HlcTime::default(),
    };
    let mut server = Server::new();
    assert_eq!(server.take(1, 1, 1, vec![decide(max + 1)]), [(0, rejected(Reason::NoteTooLong))]);
    assert_eq!(server.take(1, 2, 1, vec![decide(max)]), []);
    let mut people = People::new(1);
    let no = people.of(1).decide(0, Status::Approved, Some("é".repeat(max + 1)));
    assert_eq!(no, Err(EditError::NoteTooLong { max }));
    people.of(1).decide(0, Status::Approved, Some("é".repeat(max))).unwrap();
}

#[test]
fn a_decision_on_code_that_is_not_there_is_refused_and_one_on_older_code_is_stale() {
    let decide = |patch_set| Change::Decided {
        status: FieldWrite { patch_set: Some(patch_set), ..FieldWrite::new(Status::Approved.into(), 1) },
        note: None,
        at: HlcTime::default(),
    };
    let mut server = Server::new();
    assert_eq!(server.take(1, 1, 1, vec![decide(2)]), [(0, rejected(Reason::BadValue))]);
    assert_eq!(server.take(1, 2, 1, vec![decide(1)]), []);
    let decision = &server.sequencer.committed().decisions[&user(1)];
    assert!(!decision.is_stale(1) && decision.is_stale(2));
}

fn tag(people: &mut People, who: usize, add: &[&str], remove: &[&str]) {
    let of = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
    people.of(who).change_set(0, Entity::Review, "tags", of(add), of(remove)).unwrap();
}

fn tags(people: &mut People, who: usize) -> Vec<String> {
    people.of(who).sets(Entity::Review).elements("tags").map(str::to_owned).collect()
}

#[test]
fn tags_of_two_people_are_both_kept() {
    let mut people = People::new(2);
    tag(&mut people, 1, &["ui", "docs"], &[]);
    tag(&mut people, 2, &["ui", "late"], &[]);
    people.settle();
    assert_eq!(tags(&mut people, 1), ["docs", "late", "ui"]);
    // Both have added it, and who takes it out has seen both.
    tag(&mut people, 1, &[], &["ui"]);
    people.settle();
    assert_eq!(tags(&mut people, 2), ["docs", "late"]);
}

#[test]
fn who_adds_a_tag_again_while_somebody_takes_it_out_keeps_it() {
    let mut people = People::new(2);
    tag(&mut people, 1, &["ui"], &[]);
    people.settle();
    tag(&mut people, 1, &[], &["ui"]);
    tag(&mut people, 2, &[], &["ui"]);
    tag(&mut people, 2, &["ui"], &[]);
    assert_eq!((tags(&mut people, 1), tags(&mut people, 2)), (vec![], vec!["ui".to_owned()]));
    people.settle();
    assert_eq!(tags(&mut people, 1), ["ui"]);
}

#[test]
fn who_put_a_tag_in_and_does_so_again_keeps_it_whoever_comes_first() {
    for taker_first in [false, true] {
        let mut server = Server::new();
        let put = |add: &[&str], remove: &[(&str, u64)]| Change::SetChanged {
            entity: Entity::Review,
            field: "tags".into(),
            add: add.iter().map(|tag| (*tag).to_owned()).collect(),
            remove: remove.iter().map(|(tag, seen)| ((*tag).to_owned(), *seen)).collect(),
        };
        server.take(1, 1, 1, vec![put(&["ui"], &[])]);
        let (again, out) = (put(&["ui"], &[]), put(&[], &[("ui", 2)]));
        if taker_first {
            server.take(2, 1, 2, vec![out]);
            server.take(1, 2, 2, vec![again]);
        } else {
            server.take(1, 2, 2, vec![again]);
            server.take(2, 1, 2, vec![out]);
        }
        let there = server.sequencer.committed().sets.get("tags").unwrap();
        assert_eq!(there.dots("ui").map(|dot| dot.client).collect::<Vec<_>>(), [client(1)], "{taker_first}");
    }
}

#[test]
fn a_tag_that_somebody_else_added_meanwhile_can_be_taken_out_beside_older_changes() {
    let mut people = People::new(2);
    people.leave(1);
    tag(&mut people, 1, &["mine"], &[]);
    tag(&mut people, 2, &["theirs"], &[]);
    people.settle();
    people.come_back(1);
    tag(&mut people, 1, &[], &["theirs", "mine"]);
    people.settle();
    assert!(tags(&mut people, 2).is_empty());
}

#[test]
fn sets_are_steps_like_all_else() {
    let mut people = People::new(2);
    tag(&mut people, 1, &["a", "b"], &[]);
    people.settle();
    people.leave(2);
    tag(&mut people, 2, &["c"], &["b"]);
    tag(&mut people, 1, &["d"], &["a"]);
    people.settle();
    tag(&mut people, 1, &["a"], &[]);
    people.settle();
    people.step_back(2);
    people.settle();
    assert_eq!(tags(&mut people, 2), ["a", "c", "d"]);
}

#[test]
fn a_set_takes_only_so_much_and_only_what_it_takes() {
    let add = |from: usize, count: usize| Change::SetChanged {
        entity: Entity::Review,
        field: "tags".into(),
        add: (from..from + count).map(|n| format!("t{n}")).collect(),
        remove: [].into(),
    };
    let one = |field: &str, tag: &str| Change::SetChanged {
        entity: Entity::Review,
        field: field.into(),
        add: [tag.to_owned()].into(),
        remove: [].into(),
    };
    let mut server = Server::new();
    assert_eq!(server.take(1, 1, 1, vec![add(0, 64)]), []);
    assert_eq!(server.take(1, 2, 2, vec![add(64, 1)]), [(0, rejected(Reason::SetFull))]);
    assert_eq!(server.take(1, 3, 2, vec![add(3, 2)]), [], "what is there takes no room");
    let table = [
        (one("title", "x"), Reason::UnknownField),
        (one("tags", "  "), Reason::BadValue),
        (one("tags", &"x".repeat(51)), Reason::BadValue),
    ];
    for (seq, (change, reason)) in table.into_iter().enumerate() {
        let mut server = Server::new();
        assert_eq!(server.take(1, 1, 1, vec![change]), [(0, rejected(reason))], "row {seq}");
    }
    let tags = crate::review::spec(crate::review::Holder::Review, "tags");
    assert!(
        tags.is_some_and(|spec: &FieldSpec| !spec.takes(&FieldValue::Text("x".into()))),
        "it is no register"
    );
}

#[test]
fn a_settlement_that_keeps_what_stands_is_not_overwritten_by_one_who_has_not_seen_it() {
    let mut people = People::new(3);
    people.of(1).decide(0, Status::Approved, None).unwrap();
    people.of(2).decide(0, Status::ChangesRequested, None).unwrap();
    people.settle();
    let id = people.open()[0].id;
    people.told(2);
    // The third keeps what stands; the second, who sees it open, decides once more.
    people.leave(2);
    people.of(2).decide(0, Status::Pending, None).unwrap();
    people.of(3).settle(0, id, Resolution::Side(user(1))).unwrap();
    people.settle();
    assert!(people.open().is_empty());
    people.come_back(2);
    people.settle();
    let told =
        people.told(2).iter().any(|event| matches!(event, Event::AlreadySettled(_) | Event::Conflict(_)));
    let silently = people.of(1).status() != Status::Approved && people.open().is_empty();
    assert!(!silently, "the settlement is gone, nobody was asked (told: {told})");
}

#[test]
fn whose_decision_loses_to_the_last_writer_is_told() {
    let mut people = People::new(2);
    people.server = Server::lww();
    let (lww, head) = (people.server.sequencer.committed().clone(), people.server.sequencer.head());
    for who in 1..=2 {
        people.of(who).offline();
        people.of(who).start_over();
        people.of(who).opened(0, opened_whole(lww.clone(), head)).unwrap();
    }
    people.told(1);
    people.leave(1);
    people.of(1).decide(5, Status::ChangesRequested, None).unwrap();
    people.of(2).decide(900, Status::Approved, None).unwrap();
    people.settle();
    people.come_back(1);
    people.settle();
    assert_eq!(people.of(1).status(), Status::Approved);
    let told = people.told(1);
    assert!(told.iter().any(|event| matches!(event, Event::Superseded { .. })), "{told:?}");
}

#[test]
fn a_decision_is_of_the_code_that_its_author_looked_at() {
    let mut people = People::new(2);
    people.server.sequencer.patch_sets.insert(1, patch_sets::code(patch_sets::FIRST));
    people.add_patch_set(patch_sets::next(2, patch_sets::FIRST, patch_sets::SECOND));
    people.of(1).decide_on(0, Status::Approved, None, Some(1)).unwrap();
    assert_eq!(people.of(1).decisions()[&user(1)].patch_set, 1, "at once");
    people.of(2).decide_on(0, Status::Approved, None, None).unwrap();
    people.settle();
    for who in 1..=2 {
        let decisions = people.of(who).decisions();
        assert_eq!((decisions[&user(1)].patch_set, decisions[&user(2)].patch_set), (1, 2));
        assert!(decisions[&user(1)].is_stale(2) && !decisions[&user(2)].is_stale(2));
    }
    for number in [0, 3] {
        let unknown = EditError::UnknownPatchSet { number, newest: 2 };
        let first = people.of(1);
        assert_eq!(first.decide_on(0, Status::Pending, None, Some(number)), Err(unknown));
        assert_eq!(first.decision(Status::Pending, None, Some(number)), Err(unknown), "nor to publish");
    }
    let published = people.of(1).decision(Status::ChangesRequested, None, Some(1)).unwrap();
    assert_eq!(published.status.patch_set, Some(1));
}

/// A decision of a patch set by somebody who had seen a version.
fn decided(value: Status, patch_set: u32, seen: u64) -> Change {
    let status = FieldWrite { patch_set: Some(patch_set), ..FieldWrite::new(value.into(), seen) };
    Change::Decided { status, note: None, at: HlcTime { ms: seen, n: 0 } }
}

#[test]
fn the_same_decision_by_somebody_who_knows_more_by_now_is_of_that() {
    for policy in [StatusPolicy::UserGuided, StatusPolicy::Lww] {
        let mut server = Server::of(Limits::default(), policy);
        server.sequencer.patch_sets.insert(1, patch_sets::code(patch_sets::FIRST));
        let stands = |server: &Server| {
            let review = server.sequencer.committed();
            let status = review.fields.register(Status::FIELD).unwrap();
            let mine = &review.decisions[&user(1)];
            ((status.seen, status.patch_set), (mine.seen, mine.patch_set), status.by.clone())
        };
        server.take(1, 1, 1, vec![decided(Status::Approved, 1, 1)]);
        server.take(1, 2, 2, vec![decided(Status::Approved, 1, 2)]);
        assert_eq!(server.delivered.last().unwrap().facts, [], "their own word is nothing new");
        server.take(2, 1, 3, vec![add(1, "what about this?")]);
        // Of the same code, having read what was said since.
        server.take(1, 3, 4, vec![decided(Status::Approved, 1, 4)]);
        assert_eq!(stands(&server), ((Some(4), Some(1)), (4, 1), user(1)), "{policy:?}");
        // Of code that has come since.
        server.sequencer.add_patch_set(1_000, patch_sets::next(2, patch_sets::FIRST, patch_sets::SECOND));
        server.poll();
        server.commit();
        let newest = server.sequencer.head().version;
        server.take(1, 4, newest, vec![decided(Status::Approved, 2, newest)]);
        assert_eq!(stands(&server), ((Some(newest), Some(2)), (newest, 2), user(1)), "{policy:?}");
        // And once more of the first, on purpose, at once.
        server.take(1, 5, newest + 1, vec![decided(Status::Approved, 1, newest + 1)]);
        assert_eq!(stands(&server), ((Some(newest + 1), Some(1)), (newest + 1, 1), user(1)), "{policy:?}");
        assert!(server.sequencer.committed().conflicts.is_empty());
    }
}

#[test]
fn a_status_that_stands_is_said_once_more_only_where_that_says_something() {
    let approve = |people: &mut People, who: usize| {
        people.of(who).set_field(0, Entity::Review, "status", Status::Approved.into()).unwrap();
        let count = people.of(who).unsynced().count;
        people.settle();
        count
    };
    let mut people = People::new(2);
    assert_eq!((approve(&mut people, 1), approve(&mut people, 1)), (1, 0));
    people.of(2).add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "but").unwrap();
    people.settle();
    assert_eq!((approve(&mut people, 1), approve(&mut people, 1)), (1, 0), "having read that");
    assert_eq!((approve(&mut people, 2), approve(&mut people, 2)), (1, 0), "the other agrees");
    let status = people.server.sequencer.committed().fields.register(Status::FIELD).cloned().unwrap();
    assert_eq!((status.by, status.seen), (user(2), Some(4)));
}
