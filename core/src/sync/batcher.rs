//! When to send what was typed: once typing rests, or has gone on for long enough.

use crate::clock::Millis;

/// Decides when the buffer becomes a batch. Knows nothing of what is in it.
#[derive(Clone, Debug)]
pub struct Batcher {
    /// How long typing has to rest, in milliseconds.
    debounce_ms: u64,
    /// How long an edit waits at most, in milliseconds.
    max_wait_ms: u64,
    waiting: Option<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    first: Millis,
    last: Millis,
    flush: bool,
}

impl Batcher {
    /// Rest of typing before a batch goes out, unless configured otherwise, in milliseconds.
    pub const DEBOUNCE_MS: u64 = 50;
    /// The longest that an edit waits while typing goes on, in milliseconds.
    pub const MAX_WAIT_MS: u64 = 1_000;

    /// A batcher with nothing waiting.
    pub fn new(debounce_ms: u64) -> Batcher {
        Batcher { debounce_ms, max_wait_ms: Batcher::MAX_WAIT_MS.max(debounce_ms), waiting: None }
    }

    /// Something was edited.
    pub fn edited(&mut self, now: Millis) {
        let waiting = self.waiting.get_or_insert(Waiting { first: now, last: now, flush: false });
        waiting.last = now;
    }

    /// Whatever waits goes now: blur, close, reconnect.
    pub fn flush(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.flush = true;
        }
    }

    /// When what waits is due; `None` while nothing waits.
    pub fn due_at(&self) -> Option<Millis> {
        self.waiting.map(|w| match w.flush {
            true => w.first,
            false => (w.last + self.debounce_ms).min(w.first + self.max_wait_ms),
        })
    }

    /// When the oldest of what waits was edited.
    pub fn since(&self) -> Option<Millis> {
        self.waiting.map(|waiting| waiting.first)
    }

    /// The clock was set back to `now`.
    pub fn set_back(&mut self, now: Millis) {
        if let Some(waiting) = &mut self.waiting {
            (waiting.first, waiting.last) = (waiting.first.min(now), waiting.last.min(now));
        }
    }

    /// All that waited is on its way.
    pub fn taken(&mut self) {
        self.waiting = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_that_rests_goes_out() {
        let mut batcher = Batcher::new(50);
        assert_eq!(batcher.due_at(), None);
        batcher.edited(100);
        batcher.edited(120);
        assert_eq!(batcher.due_at(), Some(170));
        batcher.flush();
        assert_eq!(batcher.due_at(), Some(100));
        batcher.taken();
        assert_eq!(batcher.due_at(), None);
    }

    #[test]
    fn typing_that_never_rests_goes_out_too() {
        let mut batcher = Batcher::new(50);
        (0..100).for_each(|n| batcher.edited(n * 30));
        assert_eq!(batcher.due_at(), Some(1_000));
    }
}
