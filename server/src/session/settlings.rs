//! How many seqs a session may have settled: each is an answer that the store keeps for ever.

use std::time::Duration;

use tokio::time::Instant;

/// So many at once: as many as there may be reviews open, each with a batch in flight.
const AT_ONCE: u32 = 64;
/// After that one more in each of these.
const EVERY: Duration = Duration::from_secs(1);

/// What is left of that.
#[derive(Debug)]
pub(super) struct Settlings {
    left: u32,
    since: Instant,
}

impl Settlings {
    pub(super) fn new(now: Instant) -> Settlings {
        Settlings { left: AT_ONCE, since: now }
    }

    /// Whether one more may be settled now; counts it if so.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let more = now.saturating_duration_since(self.since).as_secs() / EVERY.as_secs();
        self.left = self.left.saturating_add(u32::try_from(more).unwrap_or(AT_ONCE)).min(AT_ONCE);
        self.since += EVERY * u32::try_from(more).unwrap_or(0);
        if self.left == AT_ONCE {
            // What was not used does not add up.
            self.since = now;
        }
        let some = self.left > 0;
        self.left -= u32::from(some);
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_at_a_time() {
        let start = Instant::now();
        let mut settlings = Settlings::new(start);
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
        assert!(settlings.take(rested + EVERY));
    }
}
