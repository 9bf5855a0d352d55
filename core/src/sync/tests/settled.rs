//! What was done behind a settlement that came second: it stands, but for the words that were never there.

use super::meetings::People;
use super::replica::drain;
use super::words::{BASE, ONE, OTHER, begun, the_merged, the_one};
use super::*;

/// The first settles it; the second does so too, then goes on before they hear of that. What is kept of theirs.
fn settled_second(how: Resolution, edit: bool) -> (People, Vec<(Cause, Option<String>)>) {
    let mut people = begun(2, BASE);
    people.of(1).set_text(0, comment(1), ONE).unwrap();
    people.of(2).set_text(0, comment(1), OTHER).unwrap();
    people.settle();
    let id = the_one(&people).id;
    people.of(1).settle(0, id, Resolution::Merged).unwrap();
    people.of(2).settle(0, id, how).unwrap();
    let now = people.now;
    people.of(2).flush(now);
    let sent = drain(people.of(2), now).0.remove(0);
    if edit {
        let end = people.of(2).comment(comment(1)).unwrap().text.len();
        people.of(2).replace_text(0, comment(1), end, 0, "!").unwrap();
    }
    people.of(2).add_comment(0, comment(5), Place::Reply(comment(1)), "a reply").unwrap();
    people.of(2).set_field(0, Entity::Comment(comment(1)), "resolved", FieldValue::Flag(true)).unwrap();
    people.send_only(1);
    people.submit(1, sent);
    people.settle();
    assert_eq!(people.server.text(5), "a reply");
    assert!(people.server.sequencer.committed().comments[&comment(1)].resolved());
    let kept = people.of(2).rejected().iter().map(|kept| (kept.cause, kept.mine.clone())).collect();
    (people, kept)
}

#[test]
fn what_was_done_behind_a_settlement_that_came_second_stands() {
    let (people, kept) = settled_second(Resolution::Merged, true);
    assert_eq!(
        (people.server.text(1), kept),
        (&*(the_merged() + "!"), vec![]),
        "nothing was other than it seemed"
    );
    let neither = || Resolution::Value(FieldValue::Text("Neither".into()));
    let (people, kept) = settled_second(neither(), false);
    assert_eq!((people.server.text(1), kept.len()), (&*the_merged(), 1));
    let (people, kept) = settled_second(neither(), true);
    let causes: Vec<_> = kept.iter().map(|(cause, _)| *cause).collect();
    assert_eq!(people.server.text(1), the_merged());
    assert_eq!(causes, [Cause::Refused(Reason::DependsOnRejected), Cause::AlreadySettled]);
}
