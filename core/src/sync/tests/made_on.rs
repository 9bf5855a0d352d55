//! What somebody makes of a text while they settle a conflict about it: others may write on meanwhile.

use super::meetings::People;
use super::words::{BASE, ONE, OTHER, begun, the_one};
use super::*;
use crate::review::{Conflict, How};

/// Two sides, and a third person who was told of them beside the text that holds both.
fn told_beside_the_text() -> (People, Conflict, String) {
    let mut people = begun(4, BASE);
    people.of(1).set_text(0, comment(1), ONE).unwrap();
    people.of(2).set_text(0, comment(1), OTHER).unwrap();
    people.settle();
    let told = people.of(3).conflicts().remove(0);
    let text = people.server.text(1).to_owned();
    (people, told, text)
}

fn value(text: impl Into<String>) -> Resolution {
    Resolution::Value(FieldValue::Text(text.into()))
}

#[test]
fn words_written_behind_the_text_that_a_settlement_was_made_on_stay() {
    for how in [value("Surely: This definitely might need refactoring"), Resolution::Side(user(2))] {
        let (mut people, told, text) = told_beside_the_text();
        people.of(2).replace_text(0, comment(1), text.chars().count(), 0, " It leaks").unwrap();
        people.settle();
        people.of(3).settle_made_on(0, &told, Some(&text), how.clone()).unwrap();
        people.settle();
        let chosen = match &how {
            Resolution::Value(FieldValue::Text(text)) => text,
            _ => OTHER,
        };
        assert_eq!(people.server.text(1), format!("{chosen} It leaks"));
        assert!(people.open().is_empty(), "{how:?}: every side was seen, and no words are disputed");
        let last = people.server.sequencer.committed().conflicts.settled().last().cloned().unwrap();
        assert_eq!((last.by, last.how), (user(3), How::Value), "neither side says just that");
    }
}

#[test]
fn words_written_where_a_settlement_writes_stay_and_it_stays_open() {
    let (mut people, told, text) = told_beside_the_text();
    people.of(2).replace_text(0, comment(1), text.chars().count(), 0, " It leaks").unwrap();
    people.settle();
    people.of(3).settle_made_on(0, &told, Some(&text), value(format!("{text} soon"))).unwrap();
    people.settle();
    let now = people.server.text(1).to_owned();
    assert!(now.contains(" It leaks") && now.contains(" soon"), "{now}");
    let open = the_one(&people);
    assert_eq!(open.merged.as_deref(), Some(&*now));
    assert_eq!(
        open.side_of(&user(3)).map(|side| &side.value),
        Some(&FieldValue::Text(format!("{text} soon")))
    );
    assert!(people.told(3).iter().any(|event| matches!(event, Event::Conflict(_))), "its author is told");
    // Who has looked at that ends it.
    people.of(3).settle_made_on(0, &open, Some(&now), value("Both")).unwrap();
    people.settle();
    assert!(people.open().is_empty());
    assert_eq!(people.server.text(1), "Both");
}

#[test]
fn a_side_that_joined_while_somebody_wrote_keeps_it_open() {
    let (mut people, told, text) = told_beside_the_text();
    people.leave(4);
    people.of(4).set_text(0, comment(1), &text.replace("This", "This hardly")).unwrap();
    people.of(2).replace_text(0, comment(1), 5, 0, "surely ").unwrap();
    people.settle();
    people.come_back(4);
    people.settle();
    assert_eq!(the_one(&people).sides.len(), 3, "the fourth has joined");
    people.of(3).settle_made_on(0, &told, Some(&text), value(format!("{text} soon"))).unwrap();
    people.settle();
    let now = people.server.text(1).to_owned();
    assert!(now.contains("hardly") && now.ends_with(" soon"), "{now}");
    assert!(the_one(&people).side_of(&user(4)).is_some(), "nobody has looked at theirs");
}

#[test]
fn words_that_were_there_when_somebody_began_to_write_are_theirs_to_take_out() {
    let (mut people, told, text) = told_beside_the_text();
    people.of(2).replace_text(0, comment(1), text.chars().count(), 0, " It leaks").unwrap();
    people.settle();
    let text = people.server.text(1).to_owned();
    people.of(1).replace_text(0, comment(1), 0, 0, "Hm: ").unwrap();
    people.settle();
    people.of(3).settle_made_on(0, &told, Some(&text), value("This hardly might need refactoring")).unwrap();
    people.settle();
    assert_eq!(people.server.text(1), "Hm: This hardly might need refactoring");
    assert!(people.open().is_empty());
}

#[test]
fn what_has_no_room_for_what_it_was_made_on_settles_nothing() {
    let long = "漢".repeat(20_000);
    let mut people = begun(4, &format!("{long} needs"));
    let say = |people: &mut People, who: usize, word: &str| {
        people.of(who).set_text(0, comment(1), &format!("{long} {word}")).unwrap();
    };
    say(&mut people, 1, "one needs");
    say(&mut people, 2, "other needs");
    people.leave(4);
    people.settle();
    let told = the_one(&people);
    let text = people.server.text(1).to_owned();
    say(&mut people, 4, "further needs");
    people.come_back(4);
    people.settle();
    assert_eq!(the_one(&people).sides.len(), 3);
    people.of(3).settle_made_on(0, &told, Some(&text), value("字".repeat(20_000))).unwrap();
    people.settle();
    assert!(people.server.text(1).contains('字'), "it is an edit like others");
    assert!(people.server.text(1).contains("further"), "{}", people.server.text(1).replace(['漢', '字'], ""));
    assert!(the_one(&people).side_of(&user(4)).is_some(), "nobody has looked at the fourth's");
    assert_eq!(people.of(3).conflicts().len(), 1);
}

#[test]
fn what_comes_second_is_kept_with_the_words_of_others() {
    let (mut people, told, text) = told_beside_the_text();
    people.of(2).replace_text(0, comment(1), text.chars().count(), 0, " It leaks").unwrap();
    people.settle();
    people.of(1).settle(0, told.id, Resolution::Merged).unwrap();
    people.of(3).settle_made_on(0, &told, Some(&text), value(format!("So: {text}"))).unwrap();
    people.send_only(1);
    people.settle();
    assert!(people.open().is_empty());
    let kept = format!("So: {text} It leaks");
    assert!(
        matches!(people.of(3).rejected(), [Rejected { cause: Cause::AlreadySettled, mine: Some(mine), .. }] if *mine == kept)
    );
}
