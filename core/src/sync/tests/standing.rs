//! Several people stand for a status: whoever moves it has to have seen each of them.

use super::*;
use crate::review::{Conflict, How, Register};

/// People who decide at one review, each on devices of their own.
struct Table(Server, std::collections::BTreeMap<u128, u64>);

impl Table {
    fn new() -> Table {
        let mut server = Server::new();
        (3..=40).for_each(|n| server.sequencer.client_opened(client(n), None));
        Table(server, Default::default())
    }

    /// Somebody says, on a device, what the status shall be, having seen a version, at a time.
    fn says(&mut self, who: u128, device: u128, value: Status, seen: u64, at: u64) -> Vec<Outcome> {
        let write = FieldWrite { patch_set: Some(1), ..FieldWrite::new(value.into(), seen) };
        let (entity, fields) = (Entity::Review, [(Status::FIELD.to_owned(), write)].into());
        let changes = vec![Change::FieldsChanged { entity, fields, at: HlcTime { ms: at, n: 0 } }];
        let seq = self.1.entry(device).or_default();
        *seq += 1;
        let batch = Batch { seq: *seq, base: self.0.sequencer.head().version, changes };
        let payload = Hash::of(serde_json::to_string(&batch).unwrap().as_bytes());
        let submission = Submission { client: client(device), user: user(who), batch, payload, skew: 0 };
        self.0.sequencer.submit(1_000, submission, Past::default());
        self.0.poll();
        self.0.commit();
        let entry = self.0.delivered.last().unwrap();
        entry.verdicts.iter().map(|verdict| verdict.outcome.clone()).collect()
    }

    fn review(&self) -> &Review {
        self.0.sequencer.committed()
    }

    fn register(&self) -> &Register {
        self.review().fields.register(Status::FIELD).unwrap()
    }

    fn open(&self) -> Option<&Conflict> {
        self.review().conflicts.open().next()
    }

    /// The sides of the open conflict: who says what.
    fn sides(&self) -> Vec<(u128, Status)> {
        let who = |of: &UserId| (0..40).find(|n| user(*n) == *of).unwrap();
        let sides = self.open().into_iter().flat_map(|open| &open.sides);
        sides.map(|side| (who(&side.user), Status::from_value(&side.value).unwrap())).collect()
    }

    /// Who stands for the status.
    fn standing(&self) -> Vec<UserId> {
        self.register().sides().map(|side| side.user).collect()
    }
}

const YES: Status = Status::Approved;
const NO: Status = Status::ChangesRequested;
const WAIT: Status = Status::Pending;

#[test]
fn who_agreed_unseen_and_then_disagrees_is_in_conflict_with_who_was_first() {
    // From the same device, and from another one of theirs.
    for device in [2, 20] {
        let mut table = Table::new();
        table.says(1, 1, YES, 1, 5);
        table.says(2, 2, YES, 1, 6);
        assert_eq!(table.standing(), [user(2), user(1)]);
        table.says(2, device, NO, 1, 7);
        assert_eq!(table.sides(), [(1, YES), (2, NO)], "device {device}");
        assert_eq!(table.review().status(), YES);
        assert_eq!((table.open().unwrap().sides[0].version, table.open().unwrap().sides[0].at), (2, 5));
        // The first, who has not heard of it, comes to the same.
        table.says(1, 1, NO, 2, 8);
        assert_eq!((table.open(), table.review().status()), (None, NO));
        assert_eq!(table.review().conflicts.settled().next().unwrap().how, How::Agreed);
        assert_eq!(table.standing(), [user(1), user(2)]);
    }
}

#[test]
fn who_has_seen_them_all_moves_it() {
    for (seen, open) in [(2, true), (3, false)] {
        let mut table = Table::new();
        table.says(1, 1, YES, 1, 5);
        table.says(2, 2, YES, 1, 6);
        table.says(3, 3, NO, seen, 7);
        assert_eq!(table.open().is_some(), open, "having seen {seen}");
    }
    let mut table = Table::new();
    table.says(1, 1, YES, 1, 5);
    table.says(2, 2, YES, 1, 6);
    table.says(2, 2, NO, 3, 7);
    assert_eq!((table.open(), table.standing()), (None, vec![user(2)]), "a new value, a new list");
}

#[test]
fn whoever_was_unseen_is_a_side_and_nobody_else() {
    let mut table = Table::new();
    table.says(1, 1, YES, 1, 5);
    table.says(2, 2, YES, 1, 6);
    table.says(3, 3, YES, 1, 7);
    table.says(4, 4, NO, 2, 8);
    assert_eq!(table.sides(), [(3, YES), (2, YES), (4, NO)], "the first's was seen");
    // Two of three is not all: it cannot be ended over the third's head.
    table.says(4, 4, NO, 3, 9);
    assert!(table.open().is_some());
    table.says(4, 4, WAIT, 5, 10);
    assert_eq!((table.open(), table.standing()), (None, vec![user(4)]));
}

#[test]
fn a_word_from_another_device_that_is_older_than_ones_latest_does_not_count() {
    let mut table = Table::new();
    table.says(1, 1, YES, 1, 5);
    table.says(2, 2, YES, 1, 60);
    let told = table.says(2, 20, NO, 1, 7);
    assert_eq!((table.open(), table.review().status()), (None, YES));
    let (field, by, value) = (Status::FIELD.to_owned(), user(2), YES.into());
    assert_eq!(told, [Outcome::Superseded { field, by, value }]);
}

#[test]
fn a_word_from_another_device_that_is_later_counts_though_somebody_else_spoke_in_between() {
    let mut table = Table::new();
    table.says(1, 1, YES, 1, 60);
    table.says(2, 2, YES, 1, 5);
    table.says(2, 20, NO, 1, 7);
    assert_eq!(table.sides(), [(1, YES), (2, NO)]);
}

#[test]
fn the_first_side_moves_and_who_stands_with_them_unseen_becomes_a_side() {
    for (seen, sides) in [(1, vec![(2, WAIT), (3, NO), (1, YES)]), (2, vec![(2, WAIT), (3, NO)])] {
        let mut table = Table::new();
        table.says(1, 1, YES, 1, 5);
        table.says(2, 2, YES, 1, 6);
        table.says(3, 3, NO, 2, 7);
        assert_eq!(table.sides(), [(2, YES), (3, NO)]);
        table.says(2, 2, WAIT, seen, 8);
        assert_eq!((table.sides(), table.review().status()), (sides, WAIT), "having seen {seen}");
    }
    // To what the one who disagrees says: that does not end it over the other's head either.
    let mut table = Table::new();
    table.says(1, 1, YES, 1, 5);
    table.says(2, 2, YES, 1, 6);
    table.says(3, 3, NO, 2, 7);
    table.says(2, 2, NO, 1, 8);
    assert_eq!(table.sides(), [(2, NO), (3, NO), (1, YES)]);
    table.says(1, 1, YES, 5, 9);
    assert_eq!((table.open(), table.review().status()), (None, YES));
}

#[test]
fn whoever_settles_stands_with_those_who_had_said_so() {
    let mut table = Table::new();
    table.says(1, 1, YES, 1, 5);
    table.says(2, 2, NO, 1, 6);
    table.says(3, 3, NO, 1, 7);
    table.says(4, 4, NO, 4, 8);
    assert_eq!((table.open(), table.standing()), (None, vec![user(4), user(3), user(2)]));
    // Whose other device has seen none of that does not end it alone.
    table.says(4, 40, YES, 1, 9);
    assert_eq!(table.sides(), [(3, NO), (2, NO), (4, YES)]);
    table.says(5, 5, YES, 6, 10);
    assert_eq!((table.open(), table.standing()), (None, vec![user(5), user(4)]));
}

#[test]
fn what_one_person_says_alone_is_kept_as_it_was() {
    let mut table = Table::new();
    table.says(1, 1, YES, 1, 5);
    let json = serde_json::to_string(table.register()).unwrap();
    assert!(!json.contains("with"), "{json}");
    assert_eq!(serde_json::from_str::<Register>(&json).unwrap(), *table.register());
    let alone = table.review().digest();
    table.says(2, 2, YES, 1, 6);
    let mut known = table.review().clone();
    let main = Register { with: vec![], ..table.register().clone() };
    known.fields.set(Status::FIELD, main);
    assert_eq!(known.digest(), table.review().digest(), "a digest does not tell who stands beside");
    assert_ne!(alone, known.digest());
}

#[test]
fn more_people_than_it_keeps_are_not_overwritten_unseen_either() {
    let many = Register::MOST_WITH as u128 + 3;
    let mut table = Table::new();
    (41..=100 + many).for_each(|n| table.0.sequencer.client_opened(client(n), None));
    for n in 1..=many {
        table.says(100 + n, 100 + n, YES, 1, 5);
    }
    assert_eq!(table.register().with.len(), Register::MOST_WITH);
    table.says(100 + many, 100 + many, NO, 1, 6);
    assert_eq!(table.open().map(|open| open.sides.len()), Some(Register::MOST_WITH + 1));
}
