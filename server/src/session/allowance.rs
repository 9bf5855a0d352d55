//! How often a session may have done what leaves something in the store for ever.

use std::collections::HashSet;
use std::time::Duration;

use interline_core::id::ClientId;
use tokio::time::Instant;

/// So many at once: as many as there may be reviews open, each with a batch in flight and a client of its own.
const AT_ONCE: u32 = 64;
/// After that one more seq is settled in each of these.
const SETTLED_EVERY: Duration = Duration::from_secs(1);
/// After that the session names one more client in each of these.
const NAMED_EVERY: Duration = Duration::from_secs(10);
/// Of how many clients it is remembered that they were named. Whoever names more names them anew.
const NAMED: usize = 1_024;

/// What is left of that.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u32,
    every: Duration,
    since: Instant,
}

impl Allowance {
    /// How many seqs may be settled: each is an answer that the store keeps.
    pub(super) fn of_settlings(now: Instant) -> Allowance {
        Allowance { left: AT_ONCE, every: SETTLED_EVERY, since: now }
    }

    /// Whether there may be one more now; counts it if so.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let more = now.saturating_duration_since(self.since).as_secs() / self.every.as_secs();
        let more = u32::try_from(more).unwrap_or(AT_ONCE).min(AT_ONCE);
        self.left = self.left.saturating_add(more).min(AT_ONCE);
        self.since += self.every * more;
        if self.left == AT_ONCE {
            // What was not used does not add up.
            self.since = now;
        }
        let some = self.left > 0;
        self.left -= u32::from(some);
        some
    }
}

/// The clients beside its own that a session opens reviews as: each belongs to its user from then on, and the store
/// keeps that.
#[derive(Debug)]
pub(super) struct Named {
    clients: HashSet<ClientId>,
    allowance: Allowance,
}

impl Named {
    pub(super) fn new(now: Instant) -> Named {
        let allowance = Allowance { left: AT_ONCE, every: NAMED_EVERY, since: now };
        Named { clients: HashSet::new(), allowance }
    }

    /// Whether the session may open a review as this client; counts it where that is new.
    pub(super) fn may_name(&mut self, client: ClientId, now: Instant) -> bool {
        if self.clients.contains(&client) {
            return true;
        }
        if !self.allowance.take(now) {
            return false;
        }
        if self.clients.len() >= NAMED {
            self.clients.clear();
        }
        self.clients.insert(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn so_many_at_once_and_then_one_at_a_time() {
        let start = Instant::now();
        let mut settlings = Allowance::of_settlings(start);
        let late = |ms| start + Duration::from_millis(ms);
        for _ in 0..AT_ONCE {
            assert!(settlings.take(late(10)));
        }
        assert!(!settlings.take(late(10)));
        assert!(!settlings.take(late(1_009)));
        assert!(settlings.take(late(1_010)) && !settlings.take(late(1_010)), "one a second");
        assert!(!settlings.take(late(2_009)) && settlings.take(late(2_010)), "refusals cost nothing");
        // However long it rests.
        let rested = late(1_000_000);
        assert_eq!((0..2 * AT_ONCE).filter(|_| settlings.take(rested)).count(), AT_ONCE as usize);
        assert!(!settlings.take(rested + Duration::from_millis(999)));
        assert!(settlings.take(rested + SETTLED_EVERY));
    }

    #[test]
    fn who_was_named_can_be_named_again() {
        let start = Instant::now();
        let mut named = Named::new(start);
        let client = |n: u32| ClientId(Uuid::from_u128(n.into()));
        assert!((0..AT_ONCE).all(|n| named.may_name(client(n), start)));
        assert!(!named.may_name(client(AT_ONCE), start));
        assert!(
            (0..AT_ONCE).all(|n| named.may_name(client(n), start)),
            "each of them, as often as there is need"
        );
        let later = start + NAMED_EVERY;
        assert!(named.may_name(client(AT_ONCE), later) && !named.may_name(client(AT_ONCE + 1), later));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let start = Instant::now();
        let mut named = Named::new(start);
        for n in 0..3 * NAMED as u32 {
            assert!(named.may_name(ClientId(Uuid::from_u128(n.into())), start + NAMED_EVERY * n));
            assert!(named.clients.len() <= NAMED);
        }
    }
}
