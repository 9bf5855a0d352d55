//! Time as values: a hybrid logical clock (Kulkarni et al., 2014) whose physical half comes in as an argument.

use serde::{Deserialize, Serialize};

use crate::id::ClientId;

/// Milliseconds since the Unix epoch.
pub type Millis = u64;

/// A reading of a hybrid logical clock: wall time, and a counter for what happens within one millisecond.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HlcTime {
    /// Wall time.
    pub ms: Millis,
    /// Orders readings of the same millisecond.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n: u32,
}

/// The time that decides between concurrent writes: the sequencer issues it, the client id breaks ties.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// When, as corrected by the sequencer.
    pub at: HlcTime,
    /// Who wrote.
    pub client: ClientId,
}

impl HlcTime {
    /// The next reading after this one at the same wall time.
    pub fn next(self) -> HlcTime {
        match self.n.checked_add(1) {
            Some(n) => HlcTime { ms: self.ms, n },
            None => HlcTime { ms: self.ms.saturating_add(1), n: 0 },
        }
    }

    /// What a writer's clock would have read on the server's clock. `skew` is server minus writer; the result
    /// is never later than `now`, so that a fast clock cannot win over writes that have not happened yet.
    pub fn corrected(self, skew: i64, now: Millis) -> HlcTime {
        let ms = self.ms.saturating_add_signed(skew);
        if ms > now { HlcTime { ms: now, n: 0 } } else { HlcTime { ms, n: self.n } }
    }
}

/// One replica's clock: every reading is later than all before it and all it has observed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Hlc {
    last: HlcTime,
}

impl Hlc {
    /// A new reading.
    pub fn tick(&mut self, now: Millis) -> HlcTime {
        self.last = if now > self.last.ms { HlcTime { ms: now, n: 0 } } else { self.last.next() };
        self.last
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_only_grow() {
        let mut clock = Hlc::default();
        let times = [5, 5, 3, 9, 9].map(|now| clock.tick(now));
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(times[4], HlcTime { ms: 9, n: 1 });
    }

    #[test]
    fn a_fast_clock_is_held_at_now() {
        let fast = HlcTime { ms: 3_600_000, n: 4 };
        assert_eq!(fast.corrected(0, 1_000), HlcTime { ms: 1_000, n: 0 });
        assert_eq!(fast.corrected(-3_599_500, 1_000), HlcTime { ms: 500, n: 4 });
        assert_eq!(HlcTime { ms: 5, n: 0 }.corrected(i64::MIN, 10), HlcTime { ms: 0, n: 0 });
    }

    #[test]
    fn a_full_counter_moves_on() {
        assert_eq!(HlcTime { ms: 1, n: u32::MAX }.next(), HlcTime { ms: 2, n: 0 });
    }
}
