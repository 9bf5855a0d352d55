//! When to connect again.

use interline_core::clock::Millis;

use crate::platform;

/// Exponential backoff with full jitter: each wait is drawn evenly from nothing up to a bound that doubles. Clients that
/// lost their server together do not come back together.
pub(crate) struct Backoff {
    rng: fastrand::Rng,
    failures: u32,
}

impl Backoff {
    /// The bound of the first wait, in milliseconds; it doubles with each failure.
    const FIRST_MS: u64 = 250;
    /// No wait is longer, in milliseconds.
    const LAST_MS: u64 = 30_000;
    /// A connection that lasted this long, in milliseconds, was no failure.
    const STABLE_MS: u64 = 5_000;

    pub(crate) fn new() -> Backoff {
        Backoff { rng: platform::rng(), failures: 0 }
    }

    /// How long to wait after another failure, in milliseconds.
    pub(crate) fn next(&mut self) -> Millis {
        let bound = Backoff::FIRST_MS.saturating_mul(1 << self.failures.min(16)).min(Backoff::LAST_MS);
        self.failures = self.failures.saturating_add(1);
        self.rng.u64(0..=bound)
    }

    /// Whether this is the first try since a connection lasted, or since somebody asked for one.
    pub(crate) fn is_fresh(&self) -> bool {
        self.failures <= 1
    }

    /// Somebody asked for a connection, or one lasted.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// A connection ended that was of use for so long, in milliseconds.
    pub(crate) fn lasted(&mut self, ms: Millis) {
        if ms >= Backoff::STABLE_MS {
            self.reset();
        }
    }

    /// A part of a wait, up to all of it, in milliseconds.
    pub(crate) fn jitter(&mut self, ms: Millis) -> Millis {
        self.rng.u64(0..=ms)
    }

    /// A moment behind the one that a draining server named, in milliseconds.
    pub(crate) fn spread(&mut self, after_ms: Millis) -> Millis {
        let after_ms = after_ms.min(Backoff::LAST_MS);
        after_ms + self.rng.u64(0..=after_ms.max(1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound() {
        let mut backoff = Backoff::new();
        let longest = |backoff: &mut Backoff| {
            (0..200).map(|_| (backoff.next(), backoff.failures -= 1).0).max().unwrap_or_default()
        };
        assert!(longest(&mut backoff) <= 250);
        (0..100).for_each(|_| assert!(backoff.next() <= 30_000));
        assert!(longest(&mut backoff) > 20_000, "200 draws below two thirds of the bound");
        backoff.lasted(4_999);
        assert!(backoff.failures > 0);
        backoff.lasted(5_000);
        assert!(longest(&mut backoff) <= 250);
    }

    #[test]
    fn waits_are_drawn_from_all_that_there_is() {
        let mut backoff = Backoff::new();
        backoff.failures = 16;
        let mut waits: Vec<_> = (0..400).map(|_| backoff.next()).collect();
        waits.extend((0..400).map(|_| backoff.jitter(Backoff::LAST_MS)));
        // In each tenth of the bound there are some: one in 10^18 times there are none.
        for tenth in 0..10 {
            let span = tenth * Backoff::LAST_MS / 10..=(tenth + 1) * Backoff::LAST_MS / 10;
            assert!(waits.iter().any(|wait| span.contains(wait)), "none in {span:?}");
        }
        assert!((0..100).all(|_| backoff.jitter(0) == 0));
    }

    #[test]
    fn a_draining_server_is_not_stormed() {
        let mut backoff = Backoff::new();
        let waits: Vec<_> = (0..200).map(|_| backoff.spread(2_000)).collect();
        assert!(waits.iter().all(|wait| (2_000..=4_000).contains(wait)));
        assert!(waits.iter().max() > waits.iter().min());
        assert!(backoff.spread(u64::MAX) <= 60_000);
    }
}
