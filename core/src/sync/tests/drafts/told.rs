//! What its author is told of a publication in the review, and whoever it meets there.

use super::super::meetings::People;
use super::*;

/// Two people in a review whose status the last writer decides.
fn two_in_lww() -> People {
    let mut people = People::new(2);
    people.server = Server::lww();
    let (lww, head) = (people.server.sequencer.committed().clone(), people.server.sequencer.head());
    for who in 1..=2 {
        people.of(who).offline();
        people.of(who).start_over();
        people.of(who).opened(0, opened_whole(lww.clone(), head)).unwrap();
        people.told(who);
    }
    people
}

/// Bo approves; Ann, who has not seen that and whose clock says that she was first, publishes an objection.
fn objection_loses(people: &mut People) {
    people.of(2).decide(900, Status::Approved, None).unwrap();
    people.settle();
    people.publish(1, &[], Some(Status::ChangesRequested), 1);
}

fn superseded(events: &[Event]) -> usize {
    let by_bo = |event: &&Event| {
        matches!(event, Event::Superseded { entity: Entity::Review, field, by, value }
            if field == "status" && *by == user(2) && *value == Status::Approved.into())
    };
    events.iter().filter(by_bo).count()
}

#[test]
fn whose_published_decision_loses_to_the_last_writer_is_told() {
    let mut people = two_in_lww();
    objection_loses(&mut people);
    assert_eq!(people.of(1).status(), Status::Approved);
    assert_eq!(people.of(1).decisions()[&user(1)].value, Status::ChangesRequested, "their own stands");
    let (ann, bo) = (people.told(1), people.told(2));
    assert_eq!((superseded(&ann), superseded(&bo)), (1, 0), "{ann:?} {bo:?}");
}

#[test]
fn and_so_is_one_who_was_away_when_it_happened() {
    for whole in [false, true] {
        let mut people = two_in_lww();
        people.leave(1);
        objection_loses(&mut people);
        if whole {
            let (now, head) = (people.server.sequencer.committed().clone(), people.server.sequencer.head());
            people.of(1).opening();
            people.of(1).opened(0, opened_whole(now, head)).unwrap();
        } else {
            people.step_back(1);
        }
        people.send();
        assert_eq!(superseded(&people.told(1)), 1, "whole: {whole}");
        people.leave(1);
        people.step_back(1);
        people.send();
        assert_eq!(superseded(&people.told(1)), 0, "once, whole: {whole}");
    }
}

#[test]
fn who_is_overwritten_by_a_published_decision_is_told() {
    for (seen, expected) in [(1, 1), (2, 0)] {
        let mut people = two_in_lww();
        people.of(2).decide(0, Status::Approved, None).unwrap();
        people.settle();
        people.told(2);
        people.publish(1, &[], Some(Status::ChangesRequested), seen);
        assert_eq!(people.of(2).status(), Status::ChangesRequested);
        let told = people.told(2);
        let overwritten = told.iter().filter(|event| matches!(event, Event::Overwritten { .. })).count();
        assert_eq!(overwritten, expected, "seen: {seen}, {told:?}");
    }
}

/// The pairs of comments that somebody is told of.
fn same_line(events: &[Event]) -> Vec<(CommentId, CommentId)> {
    let pair = |event: &Event| match event {
        Event::SameLine { comment, other } => Some((*comment, *other)),
        _ => None,
    };
    events.iter().filter_map(pair).collect()
}

#[test]
fn two_who_publish_on_one_line_at_once_are_both_told() {
    let mut people = People::new(2);
    people.publish(1, &[1], None, 1);
    people.publish(2, &[2], None, 1);
    let pair = vec![(comment(2), comment(1))];
    assert_eq!((same_line(&people.told(1)), same_line(&people.told(2))), (pair.clone(), pair));
    // Who had seen the other's meant another one.
    people.publish(1, &[3], None, 3);
    assert_eq!((same_line(&people.told(1)), same_line(&people.told(2))), (vec![], vec![]));
}

#[test]
fn one_who_was_away_is_told_of_the_same_line_as_well() {
    let mut people = People::new(2);
    people.publish(1, &[1], None, 1);
    people.leave(2);
    people.publish(2, &[2], None, 1);
    people.step_back(2);
    people.send();
    assert_eq!(same_line(&people.told(2)), [(comment(2), comment(1))]);
}

#[test]
fn a_publication_of_before_there_was_a_word_for_what_was_seen_still_reads() {
    let old = r#"{"drafts_published":{"comments":["00000000-0000-0000-0000-000000000001"],"at":{"ms":30}}}"#;
    let change: Change = serde_json::from_str(old).unwrap();
    assert_eq!(change, publish(&[1], None));
    assert_eq!(serde_json::to_string(&change).unwrap(), old);
}

#[test]
fn after_lost_history_a_publication_that_waits_has_seen_nothing() {
    let mut laptop = Replica::drafts(client(1), user(1), REVIEW, 50);
    laptop.add_comment(5, comment(1), Place::Line(Anchor::head("x", 1)), "first").unwrap();
    laptop.publish_drafts(6, vec![comment(1)], approved(9), Some(9)).unwrap();
    laptop.review_went_back();
    let sent = published(&mut laptop);
    let Change::DraftsPublished { decision, seen, .. } = sent else { panic!("{sent:?}") };
    assert_eq!((seen, decision.unwrap().status.seen), (None, 0));
}

#[test]
fn a_publication_on_its_way_when_history_was_lost_is_said_anew_unless_it_had_happened() {
    for (taken, restarts) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut two = Two::new();
        let mut laptop = Replica::drafts(client(1), user(1), REVIEW, 50);
        two.open(&mut laptop, 1);
        laptop.publish_drafts(6, vec![], approved(1), Some(1)).unwrap();
        laptop.flush(1_000);
        let first = super::replica::sent(&mut laptop).expect("it is sent");
        if taken {
            two.hand_in(1, first.seq, first.base, first.changes);
            two.pump();
        }
        assert!(laptop.review_went_back(), "its connection has nothing more for it");
        let state = super::super::replica::saves(&mut laptop, 7);
        laptop.tick(100_000);
        assert!(super::replica::sent(&mut laptop).is_none(), "nor does it go there again as it is");
        assert_eq!(laptop.wake_at(), None);
        laptop.offline();
        if restarts {
            laptop = Replica::restore(100_000, saved_parts(&state), 50);
        }
        let asked = laptop.opening();
        assert_eq!((asked.have, asked.in_flight.map(|batch| batch.seq)), (None, Some(1)));
        let void = Answer { seq: 1, payload: Hash::default(), result: AnswerResult::Void };
        let last = two.drafts.sequencer.last_answer(client(1)).cloned().unwrap_or(void);
        let (review, head) = (two.drafts.sequencer.committed().clone(), two.drafts.sequencer.head());
        let digest = Some(review.digest());
        let id = review.id;
        let whole = Opened { digest, snapshot: Some(review), held: Some(1), ..Opened::new(id, head) };
        laptop.opened(100_000, Opened { last: Some(last), ..whole }).unwrap();
        laptop.flush(100_001);
        let again = super::replica::sent(&mut laptop);
        if taken {
            assert!(again.is_none() && laptop.unsynced().count == 0);
            continue;
        }
        let again = again.expect("it goes out under another number");
        let [Change::DraftsPublished { decision, seen, .. }] = &again.changes[..] else {
            panic!("{again:?}")
        };
        assert_eq!((again.seq, *seen, decision.as_ref().unwrap().status.seen), (2, None, 0));
    }
}

#[test]
fn what_was_refused_is_published_again_with_what_is_seen_by_then() {
    for by_review in [true, false] {
        let mut two = Two::new();
        let mut laptop = Replica::drafts(client(1), user(1), REVIEW, 50);
        laptop.add_comment(5, comment(1), Place::Line(Anchor::head("x", 1)), "first").unwrap();
        // The review had nine versions; after a restored backup it has one.
        laptop.publish_drafts(6, vec![comment(1)], approved(9), Some(9)).unwrap();
        let mut seen = 0;
        two.open(&mut laptop, 1);
        two.sync(&mut laptop, &mut seen);
        let record = laptop.rejected()[0].clone();
        assert_eq!(record.cause, Cause::Refused(Reason::BadValue));
        if by_review {
            laptop.retry_publication(7, record.id, approved(1), Some(1)).unwrap();
        } else {
            laptop.retry_rejected(7, record.id, comment(50)).unwrap();
        }
        two.sync(&mut laptop, &mut seen);
        assert_eq!((two.review.text(1), laptop.rejected().len()), ("first", 0), "by the review: {by_review}");
        let review = two.review.sequencer.committed();
        let decided = review.decisions[&user(1)].seen;
        assert_eq!((review.status(), decided), (Status::Approved, u64::from(by_review)));
    }
}

/// The publication that a replica of drafts sends once what comes before it has been taken.
fn published(replica: &mut Replica) -> Change {
    let mut two = Two::new();
    let mut seen = 0;
    two.open(replica, 1);
    loop {
        replica.flush(1_000);
        let batch = super::replica::sent(replica).expect("it is sent");
        if let Some(change) = batch.changes.iter().find(|change| !change.published().is_empty()) {
            return change.clone();
        }
        two.hand_in(1, batch.seq, batch.base, batch.changes);
        two.pump();
        two.catch_up(replica, &mut seen);
    }
}
