//! Threads that go on without the comment that began them.

use super::meetings::People;
use super::*;

const RESOLVED: &str = "resolved";

fn reply(people: &mut People, who: usize, n: u128, root: u128) -> Result<(), EditError> {
    people.of(who).add_comment(1, comment(n), Place::Reply(comment(root)), "an answer")
}

fn resolve(people: &mut People, who: usize, value: bool) -> Result<(), EditError> {
    people.of(who).set_field(1, Entity::Comment(comment(1)), RESOLVED, FieldValue::Flag(value))
}

/// Two people; the first has begun a thread, the second has answered, and what the first began is removed.
fn rootless() -> People {
    let mut people = People::new(2);
    people.of(1).add_comment(0, comment(1), Place::Line(Anchor::head("x", 1)), "a remark").unwrap();
    people.settle();
    reply(&mut people, 2, 2, 1).unwrap();
    people.settle();
    people.of(1).remove_comment(2, comment(1)).unwrap();
    people.settle();
    people
}

#[test]
fn a_thread_can_be_answered_and_resolved_when_the_comment_that_began_it_is_gone() {
    let mut people = rootless();
    reply(&mut people, 1, 3, 1).unwrap();
    resolve(&mut people, 2, true).unwrap();
    people.settle();
    for who in 1..=2 {
        assert_eq!(people.of(who).rejected(), [], "person {who}");
        let threads = people.of(who).threads();
        assert_eq!((threads.len(), threads[0].replies.len()), (1, 2));
        assert!(threads[0].root.removed.is_some());
        let resolved = people.of(who).field(Entity::Comment(comment(1)), RESOLVED);
        assert_eq!(resolved, Some(FieldValue::Flag(true)), "person {who}");
    }
    resolve(&mut people, 1, false).unwrap();
    people.settle();
    assert_eq!(people.of(2).field(Entity::Comment(comment(1)), RESOLVED), Some(FieldValue::Flag(false)));
    // Its text is nobody's any more.
    assert_eq!(people.of(1).replace_text(3, comment(1), 0, 0, "x"), Err(EditError::CommentRemoved));
}

#[test]
fn where_nobody_speaks_any_more_there_is_nothing_to_answer() {
    let mut people = rootless();
    people.of(2).remove_comment(3, comment(2)).unwrap();
    assert_eq!(reply(&mut people, 2, 3, 1), Err(EditError::CommentRemoved));
    people.settle();
    assert_eq!(reply(&mut people, 1, 3, 1), Err(EditError::CommentRemoved));
    assert_eq!(resolve(&mut people, 1, true), Err(EditError::CommentRemoved));
    // Nor does the server take it from whoever has seen that.
    let base = people.server.sequencer.head().version;
    let place = Place::Reply(comment(1));
    let late = Change::CommentAdded {
        comment: comment(4),
        place,
        text: "late".into(),
        at: HlcTime::default(),
        seen: None,
    };
    assert_eq!(people.server.take(2, 3, base, vec![late]), [(0, rejected(Reason::CommentRemoved))]);
}

#[test]
fn an_answer_that_was_on_its_way_when_the_last_one_went_is_there() {
    let mut people = rootless();
    reply(&mut people, 1, 3, 1).unwrap();
    people.of(2).remove_comment(3, comment(2)).unwrap();
    people.settle();
    people.of(1).remove_comment(4, comment(3)).unwrap();
    reply(&mut people, 2, 4, 1).unwrap();
    people.settle();
    assert_eq!(people.of(2).rejected(), []);
    assert_eq!(people.of(1).threads()[0].replies.len(), 1);
}
