//! Taking turns on a review that several nodes append to.
//!
//! Whoever loses a race has to read what came and sequence again, and by then the winner has long won the next: left
//! to themselves, one node writes and the other never gets to. So a loser leaves its mark in the head row, which costs
//! no sync, and a winner that finds somebody else's mark waits a little before it appends again. It waits longer as
//! long as the mark comes back.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use interline_core::id::ReviewId;

/// How long a winner waits at first, at least and at most. A loser takes some milliseconds.
const FIRST: Duration = Duration::from_millis(8);
const LEAST: Duration = Duration::from_millis(1);
const MOST: Duration = Duration::from_millis(64);
/// Reviews that are contended at once before those are looked through that no longer are.
const MANY: usize = 1_024;

/// Which reviews are contended.
#[derive(Debug)]
pub(super) struct Turns {
    /// Whose marks are ours.
    node: i64,
    waits: Mutex<HashMap<ReviewId, (Duration, Instant)>>,
}

impl Turns {
    pub(super) fn new() -> Turns {
        Turns { node: fastrand::i64(..), waits: Mutex::default() }
    }

    /// The mark of this node.
    pub(super) fn node(&self) -> i64 {
        self.node
    }

    /// An append has been won, where a mark was found or none.
    pub(super) fn won(&self, review: ReviewId, mark: Option<i64>) {
        let mut waits = self.lock();
        let recent =
            waits.get(&review).filter(|(_, since)| since.elapsed() < 4 * MOST).map(|(wait, _)| *wait);
        let wait = match mark.filter(|mark| *mark != self.node) {
            Some(_) => recent.map_or(FIRST, |wait| (wait * 2).min(MOST)),
            // Less every time, for the others may just not have been here again.
            None => recent.unwrap_or_default() / 2,
        };
        if wait < LEAST {
            waits.remove(&review);
            return;
        }
        if waits.len() >= MANY {
            waits.retain(|_, (_, since)| since.elapsed() < 4 * MOST);
        }
        waits.insert(review, (wait, Instant::now()));
    }

    /// How much longer to wait before the next append.
    pub(super) fn wait(&self, review: ReviewId) -> Duration {
        self.lock().get(&review).map_or(Duration::ZERO, |(wait, since)| wait.saturating_sub(since.elapsed()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ReviewId, (Duration, Instant)>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_winner_waits_for_others_and_longer_for_those_who_are_slow() {
        let (turns, [one, other]) = (Turns::new(), [1, 2].map(|n| ReviewId(Uuid::from_u128(n))));
        turns.won(one, None);
        turns.won(one, Some(turns.node()));
        assert_eq!(turns.wait(one), Duration::ZERO);
        let somebody = Some(turns.node().wrapping_add(1));
        turns.won(one, somebody);
        assert!(turns.wait(one) <= FIRST);
        for _ in 0..10 {
            turns.won(one, somebody);
        }
        assert!(turns.wait(one) > FIRST && turns.wait(one) <= MOST);
        assert_eq!(turns.wait(other), Duration::ZERO);
        for _ in 0..8 {
            turns.won(one, None);
        }
        assert_eq!(turns.wait(one), Duration::ZERO, "nobody has lost for long");
    }

    #[test]
    fn reviews_that_nobody_contends_for_any_more_are_forgotten() {
        let turns = Turns::new();
        let long_ago = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        for n in 0..MANY as u128 {
            turns.lock().insert(ReviewId(Uuid::from_u128(n)), (FIRST, long_ago));
        }
        turns.won(ReviewId(Uuid::nil()), Some(turns.node().wrapping_add(1)));
        assert_eq!(turns.lock().len(), 1);
    }
}
