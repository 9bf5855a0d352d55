//! The laws of registers and sets: what they come to does not depend on how word of them travels.

use fastrand::Rng;
use proptest::prelude::*;
use uuid::Uuid;

use super::{Delta, Dot, Elements, FieldValue, Register};
use crate::clock::{HlcTime, Stamp};
use crate::id::{ClientId, UserId};
use crate::text::generate::cases;

fn client(n: u64) -> ClientId {
    ClientId(Uuid::from_u128(u128::from(n)))
}

/// Concurrent writes of one register: stamps in disorder and close to each other, none twice.
fn writes(rng: &mut Rng) -> Vec<Register> {
    let count = rng.u64(1..8);
    let write = |n: u64, rng: &mut Rng| {
        let at = HlcTime { ms: rng.u64(..4), n: rng.u32(..2) };
        let (stamp, by) = (Stamp { at, client: client(n) }, UserId::new(format!("user{n}")).unwrap());
        Register::new(FieldValue::Text(format!("value {n}")), n, Some(stamp), by)
    };
    (0..count).map(|n| write(n, rng)).collect()
}

/// What a set's replicas do: each adds, and takes out what it has seen of all that happened before.
fn deltas(rng: &mut Rng) -> Vec<Delta> {
    let mut all: Vec<Delta> = Vec::new();
    for version in 1..rng.u64(2..16) {
        let element = ["ui", "docs", "later"][rng.usize(..3)].to_owned();
        let mut delta = Delta::default();
        // Any part of the past may have been seen.
        let seen = all.iter().filter(|_| rng.bool()).flat_map(|past| past.added.get(&element));
        let seen: std::collections::BTreeSet<Dot> = seen.flatten().copied().collect();
        if rng.bool() && !seen.is_empty() {
            delta.removed.insert(element, seen);
        } else {
            let dot = Dot { version, client: client(rng.u64(..3)) };
            delta.added.insert(element, [dot].into());
        }
        all.push(delta);
    }
    all
}

fn value(delta: &Delta) -> Elements {
    let mut set = Elements::default();
    set.apply(delta);
    set
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn concurrent_writes_come_to_the_same_in_any_order(seed in any::<u64>()) {
        let mut rng = Rng::with_seed(seed);
        let writes = writes(&mut rng);
        let first = writes.iter().reduce(|one, other| one.join(other)).unwrap();
        let mut delivered: Vec<&Register> = writes.iter().chain(&writes).collect();
        rng.shuffle(&mut delivered);
        prop_assert_eq!(delivered.into_iter().reduce(|one, other| one.join(other)).unwrap(), first);
        let (a, b, c) = (rng.choice(&writes).unwrap(), rng.choice(&writes).unwrap(), rng.choice(&writes).unwrap());
        prop_assert_eq!(a.join(b), b.join(a));
        prop_assert_eq!(a.join(b).join(c), a.join(b.join(c)));
        prop_assert_eq!(a.join(a), a);
    }

    #[test]
    fn what_comes_to_a_set_and_goes_comes_to_the_same_in_any_order(seed in any::<u64>()) {
        let mut rng = Rng::with_seed(seed);
        let all = deltas(&mut rng);
        let joined = |deltas: &[&Delta]| deltas.iter().fold(Delta::default(), |all, one| all.join(one));
        let whole = joined(&all.iter().collect::<Vec<_>>());
        let mut delivered: Vec<&Delta> = all.iter().chain(&all).collect();
        rng.shuffle(&mut delivered);
        prop_assert_eq!(&joined(&delivered), &whole, "in any order, and twice");
        let (left, right) = delivered.split_at(rng.usize(..=delivered.len()));
        prop_assert_eq!(&joined(left).join(&joined(right)), &whole, "in any grouping");
        prop_assert_eq!(&whole.clone().join(&whole), &whole);
        // The log brings each once, in order, and keeps no trace of what went.
        let mut folded = Elements::default();
        all.iter().for_each(|delta| folded.apply(delta));
        prop_assert_eq!(&folded, &value(&whole));
        // A part of the log, squashed, does what its deltas do.
        let (before, behind) = all.split_at(rng.usize(..=all.len()));
        let mut caught_up = Elements::default();
        before.iter().for_each(|delta| caught_up.apply(delta));
        caught_up.apply(&joined(&behind.iter().collect::<Vec<_>>()));
        prop_assert_eq!(&caught_up, &folded);
    }
}

#[test]
fn who_adds_again_what_somebody_takes_out_keeps_it() {
    let dot = |version| Dot { version, client: client(version) };
    let of = |version: u64| std::collections::BTreeMap::from([("ui".to_owned(), [dot(version)].into())]);
    let mut set = value(&Delta { added: of(1), ..Delta::default() });
    set.apply(&Delta { added: of(2), ..Delta::default() });
    set.apply(&Delta { removed: of(1), ..Delta::default() });
    assert!(set.contains("ui"));
    set.apply(&Delta { removed: of(2), ..Delta::default() });
    assert!(set.is_empty());
}
