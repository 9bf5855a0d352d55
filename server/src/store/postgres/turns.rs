//! Taking turns on a review that several nodes append to.
//!
//! Whoever loses a race has to read what came and sequence again, and by then the winner has long won the next: left
//! to themselves, one node writes and the other never gets to. So a loser leaves its mark in the head row, which costs
//! no sync, and a winner that finds somebody else's mark waits a little before it appends again. If the mark comes
//! back with nobody else having won meanwhile, that was too short, and the next wait is longer.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use interline_core::id::ReviewId;

/// How long a winner waits at first and at least, and at most. A loser takes some milliseconds, on a busy machine or
/// far from the database some hundreds.
const FIRST: Duration = Duration::from_millis(8);
const MOST: Duration = Duration::from_millis(1_024);
/// For how long it is remembered that a review is contended.
const RECENT: Duration = Duration::from_secs(4);
/// Reviews that are contended at once before those are looked through that no longer are.
const MANY: usize = 1_024;

/// Which reviews are contended.
#[derive(Debug)]
pub(super) struct Turns {
    /// Whose marks are ours.
    node: i64,
    contended: Mutex<HashMap<ReviewId, Contended>>,
}

#[derive(Clone, Copy, Debug)]
struct Contended {
    /// How long to wait after an append that found a mark.
    wait: Duration,
    /// When that was.
    marked: Instant,
    /// Whether nothing was appended here since.
    due: bool,
    /// Whether somebody else has won since.
    yielded: bool,
}

impl Turns {
    pub(super) fn new() -> Turns {
        Turns { node: fastrand::i64(..), contended: Mutex::default() }
    }

    /// The mark of this node.
    pub(super) fn node(&self) -> i64 {
        self.node
    }

    /// An append has been won, where a mark was found or none.
    pub(super) fn won(&self, review: ReviewId, mark: Option<i64>) {
        let mut contended = self.lock();
        let before = contended.get_mut(&review).filter(|before| before.marked.elapsed() < RECENT);
        let wait = match (before, mark.filter(|mark| *mark != self.node)) {
            // Somebody may be still reading what came.
            (Some(before), None) => return before.due = false,
            (None, None) => return,
            (None, Some(_)) => FIRST,
            // That was long enough. Perhaps less is.
            (Some(before), Some(_)) if before.yielded => (before.wait * 3 / 4).max(FIRST),
            (Some(before), Some(_)) => (before.wait * 2).min(MOST),
        };
        if contended.len() >= MANY {
            contended.retain(|_, before| before.marked.elapsed() < RECENT);
        }
        contended.insert(review, Contended { wait, marked: Instant::now(), due: true, yielded: false });
    }

    /// An append has been lost.
    pub(super) fn lost(&self, review: ReviewId) {
        if let Some(contended) = self.lock().get_mut(&review) {
            contended.yielded = true;
        }
    }

    /// How much longer to wait before the next append.
    pub(super) fn wait(&self, review: ReviewId) -> Duration {
        let contended = self.lock();
        let due = contended.get(&review).filter(|contended| contended.due);
        due.map_or(Duration::ZERO, |due| due.wait.saturating_sub(due.marked.elapsed()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ReviewId, Contended>> {
        self.contended.lock().unwrap_or_else(PoisonError::into_inner)
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
            // Several appends fit into the time in which somebody reads what came.
            turns.won(one, None);
            assert_eq!(turns.wait(one), Duration::ZERO);
            turns.won(one, somebody);
        }
        assert!(turns.wait(one) > MOST / 2 && turns.wait(one) <= MOST);
        assert_eq!(turns.wait(other), Duration::ZERO);
        for _ in 0..20 {
            turns.lost(one);
            turns.won(one, somebody);
        }
        assert!(turns.wait(one) <= FIRST, "others have had their turns");
    }

    #[test]
    fn reviews_that_nobody_contends_for_any_more_are_forgotten() {
        let turns = Turns::new();
        let marked = Instant::now().checked_sub(RECENT).unwrap();
        for n in 0..MANY as u128 {
            let contended = Contended { wait: FIRST, marked, due: true, yielded: false };
            turns.lock().insert(ReviewId(Uuid::from_u128(n)), contended);
        }
        turns.won(ReviewId(Uuid::nil()), Some(turns.node().wrapping_add(1)));
        assert_eq!(turns.lock().len(), 1);
    }
}
