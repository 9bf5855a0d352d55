//! Two people, a server that orders what they do, and every character a different one, so that nothing can be
//! lost or doubled unseen.

use fastrand::Rng;
use proptest::prelude::*;

use super::*;
use crate::text::generate::cases;

/// One person's editor, as a replica keeps it: a confirmed text, an op in flight, a buffer.
struct Person {
    confirmed: Text,
    shown: Text,
    /// How much of the log has been received.
    received: usize,
    /// And whether the server has it.
    in_flight: Option<(TextOp, bool)>,
    buffer: TextOp,
    stack: UndoStack,
    /// The next character that this person types.
    next: u32,
}

impl Person {
    fn new(text: &Text, first: u32) -> Person {
        Person {
            confirmed: text.clone(),
            shown: text.clone(),
            received: 0,
            in_flight: None,
            buffer: TextOp::identity(text.len()),
            stack: UndoStack::default(),
            next: first,
        }
    }

    fn apply(&mut self, op: &TextOp) {
        self.shown.apply(op).unwrap();
        self.buffer = self.buffer.compose(op).unwrap();
    }

    fn edit(&mut self, now: Millis, at: usize, delete: usize, insert: &str) {
        let before = self.shown.clone();
        let op = TextOp::replace(before.len(), at, delete, insert).unwrap();
        self.apply(&op);
        self.stack.edited(now, &op, &before);
    }

    fn typed(&mut self, rng: &mut Rng, now: Millis, may_delete: bool) {
        let at = rng.usize(..=self.shown.len());
        let delete = if may_delete && rng.bool() { rng.usize(..=(self.shown.len() - at).min(4)) } else { 0 };
        let count = if delete == 0 || rng.bool() { rng.u32(1..4) } else { 0 };
        let insert: String = (self.next..self.next + count).map(|c| char::from_u32(c).unwrap()).collect();
        self.next += count;
        self.edit(now, at, delete, &insert);
    }

    fn undo(&mut self) -> bool {
        let Some(op) = self.stack.undo(&self.shown) else { return false };
        self.apply(&op);
        true
    }

    fn redo(&mut self) -> bool {
        let Some(op) = self.stack.redo(&self.shown) else { return false };
        self.apply(&op);
        true
    }

    fn freeze(&mut self) {
        if self.in_flight.is_none() {
            let empty = TextOp::identity(self.shown.len());
            let op = std::mem::replace(&mut self.buffer, empty);
            self.in_flight = Some((op, false));
            self.stack.frozen();
        }
    }

    fn settled(&self) -> bool {
        self.in_flight.is_none() && self.buffer.is_identity()
    }

    fn pending(&self) -> TextOp {
        match &self.in_flight {
            Some((op, ..)) => op.compose(&self.buffer).unwrap(),
            None => self.buffer.clone(),
        }
    }

    fn receive(&mut self, op: &TextOp, own: bool) {
        self.received += 1;
        if own {
            let (in_flight, ..) = self.in_flight.take().unwrap();
            assert_eq!(&in_flight, op);
            self.confirmed.apply(op).unwrap();
            self.stack.confirmed();
            return;
        }
        let pending = self.pending();
        let mut over = op.clone();
        if let Some((mine, ..)) = &mut self.in_flight {
            (over, *mine) = transform(&over, mine).unwrap();
        }
        (over, self.buffer) = transform(&over, &self.buffer).unwrap();
        if pending.is_identity() {
            self.stack.remote(&over);
        } else {
            let (confirmed, carried) = (&self.confirmed, &self.pending());
            self.stack.rebased(&Rebase { op, confirmed, pending: &pending, shown: &over, carried });
        }
        self.confirmed.apply(op).unwrap();
        self.shown.apply(&over).unwrap();
    }
}

/// What people may do.
#[derive(Clone, Copy, PartialEq)]
enum Rules {
    /// Anything.
    Any,
    /// The second person only ever inserts.
    SecondInserts,
    /// Undo and redo only once nothing is pending. An undo of a deletion that is in flight is itself an edit in the
    /// buffer: if somebody else's deletion of the same words comes first, it still brings them back.
    UndoConfirmed,
}

struct World {
    rng: Rng,
    now: Millis,
    text: Text,
    log: Vec<(TextOp, usize)>,
    people: [Person; 2],
    rules: Rules,
}

const TEXT: u32 = 0xE000;
const PEOPLE: [u32; 2] = [0xF_0000, 0x10_0000];

fn text(len: u32) -> Text {
    Text::new((TEXT..TEXT + len).map(|c| char::from_u32(c).unwrap()).collect::<String>())
}

impl World {
    fn new(seed: u64, rules: Rules) -> World {
        let mut rng = Rng::with_seed(seed);
        let text = text(rng.u32(..12));
        let people = PEOPLE.map(|first| Person::new(&text, first));
        World { rng, now: 0, text, log: Vec::new(), people, rules }
    }

    fn step(&mut self) {
        self.now += self.rng.u64(..800);
        let who = self.rng.usize(..2);
        let only_inserts = who == 1 && self.rules == Rules::SecondInserts;
        let may_undo = !only_inserts && (self.rules != Rules::UndoConfirmed || self.people[who].settled());
        match self.rng.u8(..12) {
            0..3 => self.people[who].typed(&mut self.rng, self.now, !only_inserts),
            3..5 if may_undo => drop(self.people[who].undo()),
            5 if may_undo => drop(self.people[who].redo()),
            6 => self.people[who].freeze(),
            7..9 => self.commit(who),
            _ => self.deliver(who),
        }
        self.check();
    }

    fn commit(&mut self, who: usize) {
        let Some((op, sent)) = &mut self.people[who].in_flight else { return };
        if std::mem::replace(sent, true) {
            return;
        }
        let mut op = op.clone();
        // What the person has received is in the op as carried.
        for (past, _) in &self.log[self.people[who].received..] {
            op = transform(past, &op).unwrap().1;
        }
        self.text.apply(&op).unwrap();
        self.log.push((op, who));
    }

    fn deliver(&mut self, who: usize) {
        if let Some((op, author)) = self.log.get(self.people[who].received).cloned() {
            self.people[who].receive(&op, author == who);
        }
    }

    fn sync(&mut self) {
        for _ in 0..2 {
            for who in 0..2 {
                for _ in 0..2 {
                    self.people[who].freeze();
                    self.commit(who);
                    while self.people[who].received < self.log.len() {
                        self.deliver(who);
                    }
                }
            }
        }
        for person in &self.people {
            assert_eq!((&person.shown, &person.confirmed), (&self.text, &self.text));
        }
    }

    /// No text anywhere has a character twice, and saving changes nothing.
    fn check(&mut self) {
        for person in &mut self.people {
            for text in [&person.shown, &person.confirmed, &self.text] {
                let mut chars: Vec<char> = text.as_str().chars().collect();
                chars.sort_unstable();
                chars.dedup();
                if self.rules == Rules::Any {
                    continue;
                }
                assert_eq!(chars.len(), text.len(), "doubled: {:?}", text.as_str());
            }
            let saved = serde_json::to_string(&person.stack).unwrap();
            assert_eq!(serde_json::from_str::<UndoStack>(&saved).unwrap(), person.stack);
        }
    }
}

fn sorted(text: &Text) -> Vec<char> {
    let mut chars: Vec<char> = text.as_str().chars().collect();
    chars.sort_unstable();
    chars
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn alone_undo_and_redo_restore_every_text(seed in any::<u64>()) {
        let mut rng = Rng::with_seed(seed);
        let mut me = Person::new(&text(8), PEOPLE[0]);
        let mut texts = vec![me.shown.clone()];
        for n in 0..rng.u64(1..20) {
            // Too far apart to be undone together.
            me.typed(&mut rng, n * (GROUP_MS + 1), true);
            if me.shown != texts[texts.len() - 1] {
                texts.push(me.shown.clone());
            }
        }
        for text in texts.iter().rev().skip(1) {
            prop_assert!(me.undo());
            prop_assert_eq!(&me.shown, text);
        }
        prop_assert!(!me.undo() && !me.stack.can_undo());
        for text in &texts[1..] {
            prop_assert!(me.redo());
            prop_assert_eq!(&me.shown, text);
        }
        prop_assert!(!me.redo() && !me.stack.can_redo());
    }

    #[test]
    fn an_undo_right_after_an_edit_restores_the_text(seed in any::<u64>(), steps in 0usize..40) {
        let mut world = World::new(seed, Rules::Any);
        (0..steps).for_each(|_| world.step());
        let before = world.people[0].shown.clone();
        world.now += GROUP_MS + 1;
        world.people[0].typed(&mut world.rng, world.now, true);
        let after = world.people[0].shown.clone();
        prop_assert!(after == before || world.people[0].undo());
        prop_assert_eq!(&world.people[0].shown, &before);
        prop_assert!(after == before || world.people[0].redo());
        prop_assert_eq!(&world.people[0].shown, &after);
    }

    #[test]
    fn undoing_everything_leaves_what_others_wrote(seed in any::<u64>(), steps in 0usize..60) {
        let mut world = World::new(seed, Rules::SecondInserts);
        let mut expected = sorted(&world.text);
        (0..steps).for_each(|_| world.step());
        while world.people[0].undo() {
            world.check();
            if world.rng.bool() {
                world.deliver(0);
            }
        }
        world.sync();
        expected.extend((PEOPLE[1]..world.people[1].next).filter_map(char::from_u32));
        prop_assert_eq!(sorted(&world.text), expected);
    }
}

/// The same seeds each time: in about one of 10,000 histories as dense as these a word does come back twice.
#[test]
fn nothing_is_doubled() {
    (0..1_000).for_each(|seed| undone_and_redone(seed, (seed % 80) as usize));
}

fn undone_and_redone(seed: u64, steps: usize) {
    let mut world = World::new(seed, Rules::UndoConfirmed);
    (0..steps).for_each(|_| world.step());
    world.sync();
    while world.people[0].undo() | world.people[1].undo() {
        world.sync();
        world.check();
    }
    while world.people[1].redo() | world.people[0].redo() {
        world.sync();
        world.check();
    }
}

/// A case in which what is taken back stands elsewhere than before, and others delete it meanwhile.
#[test]
fn what_moved_is_not_doubled() {
    undone_and_redone(2747928329130892032, 62);
    undone_and_redone(6706294330746584821, 59);
}

/// Both delete the same words at once, in either order, and both undo: as often as the words were deleted.
#[test]
fn words_that_both_deleted_come_back_once() {
    for first in [0, 1] {
        for late in [false, true] {
            let mut world = World::new(1, Rules::Any);
            world.text = text(9);
            world.people = PEOPLE.map(|first| Person::new(&world.text, first));
            world.people[0].edit(0, 2, 4, "");
            world.people[1].edit(0, 3, 5, "");
            for who in [first, 1 - first] {
                world.people[who].freeze();
                world.commit(who);
                if !late {
                    world.people[who].undo();
                }
            }
            world.sync();
            world.people.iter_mut().for_each(|person| while person.undo() {});
            world.sync();
            assert_eq!(sorted(&world.text), sorted(&text(9)));
        }
    }
}

#[test]
fn typing_and_deleting_are_undone_in_groups() {
    let mut me = Person::new(&Text::new("one"), PEOPLE[0]);
    for (n, c) in ["t", "w", "o"].iter().enumerate() {
        me.edit(n as u64 * GROUP_MS, 3 + n, 0, c);
    }
    // Backspace twice; then elsewhere, twice with the key that deletes forward.
    for at in [5, 4, 2] {
        me.edit(3 * GROUP_MS, at, 1, "");
    }
    assert_eq!(me.shown.as_str(), "ont");
    me.edit(3 * GROUP_MS, 2, 1, "");
    // Elsewhere, and too late.
    me.edit(3 * GROUP_MS, 0, 1, "");
    me.edit(4 * GROUP_MS + 1, 0, 1, "");
    let mut texts = Vec::new();
    while me.undo() {
        texts.push(me.shown.as_str().to_owned());
    }
    assert_eq!(texts, ["n", "on", "onet", "onetwo", "one"]);
    // Not with what an undo left behind, however soon.
    me.redo();
    me.edit(4 * GROUP_MS + 1, 6, 0, "!");
    me.undo();
    assert_eq!(me.shown.as_str(), "onetwo");
}

#[test]
fn an_edit_forgets_what_was_undone() {
    let mut me = Person::new(&text(3), PEOPLE[0]);
    me.edit(0, 0, 1, "");
    me.undo();
    assert!(me.stack.can_redo());
    me.edit(0, 0, 0, "");
    assert!(me.stack.can_redo(), "nothing was edited");
    me.edit(0, 0, 0, "x");
    assert!(!me.stack.can_redo());
}

#[test]
fn the_oldest_is_forgotten_first() {
    let mut me = Person::new(&Text::default(), PEOPLE[0]);
    for n in 0..MAX_ITEMS as u64 + 5 {
        me.edit(n * 2 * GROUP_MS, 0, 0, "x");
    }
    assert_eq!((0..).take_while(|_| me.undo()).count(), MAX_ITEMS);
    assert_eq!(me.shown.as_str(), "xxxxx");
    assert_eq!((0..).take_while(|_| me.redo()).count(), MAX_ITEMS);

    let mut me = Person::new(&Text::new("x".repeat(3 * MAX_BYTES)), PEOPLE[0]);
    for (n, bytes) in [MAX_BYTES, MAX_BYTES / 2, MAX_BYTES / 2].into_iter().enumerate() {
        me.edit(n as u64 * 2 * GROUP_MS, 0, bytes, "");
    }
    assert_eq!((0..).take_while(|_| me.undo()).count(), 2);
    me.edit(100 * GROUP_MS, 0, MAX_BYTES + 1, "");
    assert_eq!((0..).take_while(|_| me.undo()).count(), 1, "the newest stays however large it is");
}

#[test]
fn what_does_not_fit_empties_the_stack() {
    let mut stack = UndoStack::default();
    let edited = |stack: &mut UndoStack| {
        stack.edited(0, &TextOp::replace(3, 0, 1, "x").unwrap(), &text(3));
        assert!(stack.can_undo());
    };
    edited(&mut stack);
    stack.remote(&TextOp::identity(7));
    assert_eq!(stack, UndoStack::default());
    edited(&mut stack);
    assert_eq!(stack.undo(&text(5)), None);
    assert_eq!(stack, UndoStack::default());
    edited(&mut stack);
    let (op, pending) = (&TextOp::identity(3), &TextOp::identity(4));
    stack.rebased(&Rebase { op, confirmed: &text(3), pending, shown: op, carried: op });
    assert_eq!(stack, UndoStack::default());
    edited(&mut stack);
    stack.edited(0, &TextOp::identity(9), &text(3));
    assert_eq!(stack, UndoStack::default());
}

#[test]
fn what_was_forgotten_does_not_come_back_as_a_move() {
    // A letter is pending twice, as taken away and as written: what is kept of it may stand elsewhere.
    let json = |op: &str| serde_json::from_str::<TextOp>(op).unwrap();
    let (confirmed, pending) = (Text::new("b01234"), json("[\"bXY\",-2,4]"));
    let op = json("[1,\"Z\",5]");
    let (shown, carried) = transform(&op, &pending).unwrap();
    let mut stack = UndoStack::default();
    stack.rebased(&Rebase {
        op: &op,
        confirmed: &confirmed,
        pending: &pending,
        shown: &shown,
        carried: &carried,
    });
    assert!(!stack.can_undo(), "{stack:?}");
}
