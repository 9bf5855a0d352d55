//! What somebody who was away is told of their own, however they catch up: that it was overwritten unseen, or that
//! another's comment came to stand on the same line.

use super::meetings::People;
use super::*;
use crate::clock::Stamp;

/// The ways to catch up.
const WAYS: [fn(&mut People, usize); 3] = [People::come_back, People::step_back, People::leap_back];

/// Says what the first was told that concerns their own.
fn told(people: &mut People) -> Vec<(&'static str, Option<UserId>)> {
    let news = |event| match event {
        Event::Overwritten { by, .. } => Some(("overwritten", Some(by))),
        Event::SameLine { .. } => Some(("same line", None)),
        _ => None,
    };
    people.settle();
    people.told(1).into_iter().filter_map(news).collect()
}

fn title(people: &mut People, who: usize, title: &str) {
    let title = FieldValue::Text(title.into());
    people.of(who).set_field(0, Entity::Review, "title", title).unwrap();
}

fn resolve(people: &mut People, who: usize, n: u128, value: bool) {
    let resolved = FieldValue::Flag(value);
    people.of(who).set_field(0, Entity::Comment(comment(n)), "resolved", resolved).unwrap();
}

fn write(people: &mut People, who: usize, n: u128) {
    people.of(who).add_comment(0, comment(n), Place::Line(Anchor::head("x", 1)), "look").unwrap();
}

#[test]
fn a_value_that_was_overwritten_unseen_meanwhile() {
    for come in WAYS {
        let mut people = People::new(3);
        write(&mut people, 1, 1);
        people.settle();
        people.leave(2);
        title(&mut people, 1, "one");
        resolve(&mut people, 1, 1, true);
        people.settle();
        people.leave(1);
        people.told(1);
        // The second has seen neither; the third sees what the second writes.
        people.now += 5;
        let now = people.now;
        let resolved = FieldValue::Flag(false);
        people.of(2).set_field(now, Entity::Comment(comment(1)), "resolved", resolved).unwrap();
        people.of(2).set_field(now, Entity::Review, "title", FieldValue::Text("two".into())).unwrap();
        people.come_back(2);
        people.settle();
        title(&mut people, 3, "three");
        write(&mut people, 3, 3);
        people.settle();
        come(&mut people, 1);
        let by = Some(user(2));
        assert_eq!(told(&mut people), [("overwritten", by.clone()), ("overwritten", by)]);
        assert_eq!(people.of(1).confirmed().title(), "three");
        assert_eq!(people.of(1).confirmed().clone(), *people.server.sequencer.committed());
    }
}

#[test]
fn what_was_overwritten_seen_is_no_news() {
    for come in WAYS {
        let mut people = People::new(2);
        title(&mut people, 1, "one");
        people.settle();
        people.leave(1);
        title(&mut people, 2, "two");
        people.settle();
        come(&mut people, 1);
        assert_eq!(told(&mut people), []);
    }
}

#[test]
fn a_comment_that_came_to_stand_beside_ones_own_unseen() {
    for come in WAYS {
        let mut people = People::new(3);
        people.leave(2);
        write(&mut people, 1, 1);
        people.settle();
        people.leave(1);
        people.told(1);
        write(&mut people, 2, 2);
        people.come_back(2);
        people.settle();
        // What answers both is no third.
        write(&mut people, 3, 3);
        resolve(&mut people, 3, 2, true);
        people.settle();
        come(&mut people, 1);
        assert_eq!(told(&mut people), [("same line", None)]);
        assert_eq!(people.of(1).confirmed().clone(), *people.server.sequencer.committed());
    }
}

#[test]
fn a_comment_of_ones_own_that_was_on_its_way() {
    for come in WAYS {
        let mut people = People::new(2);
        write(&mut people, 1, 1);
        write(&mut people, 2, 2);
        people.leave_after_sending(1);
        people.told(1);
        people.settle();
        come(&mut people, 1);
        assert_eq!(told(&mut people), [("same line", None)]);
    }
}

#[test]
fn a_value_that_was_overwritten_unseen_many_times_is_told_once() {
    for (way, come) in WAYS.into_iter().enumerate().skip(1) {
        let mut people = People::new(3);
        write(&mut people, 1, 1);
        people.settle();
        people.leave(1);
        people.told(1);
        let set = |n: u64, of: Entity, field: &str, value: FieldValue, unseen: u128| Fact::FieldSet {
            entity: of,
            field: field.into(),
            value,
            stamp: Stamp { at: HlcTime { ms: n, n: 0 }, client: client(92) },
            unseen: Some(user(unseen)),
            seen: None,
            patch_set: None,
            with: vec![],
        };
        for n in 0..30 {
            let title = set(n, Entity::Review, "title", FieldValue::Text(format!("{n}")), 1);
            let other = set(n, Entity::Review, "title", FieldValue::Text(format!("{n}!")), 3);
            let thread = Entity::Comment(comment(1));
            let resolved = set(n, thread, "resolved", FieldValue::Flag(n % 2 == 0), 1);
            people.overhear(2, vec![title, other, resolved]);
        }
        come(&mut people, 1);
        people.settle();
        let told = people.told(1).into_iter().filter_map(|event| match event {
            Event::Overwritten { field, value, .. } => Some((field, value)),
            _ => None,
        });
        let last = |field: &str, value: FieldValue| (field.to_owned(), value);
        let once = [last("title", FieldValue::Text("29".into())), last("resolved", FieldValue::Flag(false))];
        assert_eq!(told.collect::<Vec<_>>(), once, "way {way}");
        assert_eq!(people.of(1).confirmed().title(), "29!");
        assert_eq!(people.of(1).confirmed().clone(), *people.server.sequencer.committed());
    }
}
