//! What is tried once more: at once because somebody says so, later than others, from the beginning, or earlier than
//! it was to be because the clock was set back.

use super::{InFlight, Replica, SAVE_RETRY_MS};
use crate::clock::Millis;

/// The longest first wait for an answer to a batch before it is sent again, in milliseconds; doubles up to the last.
const RESEND_MS: (u64, u64) = (5_000, 60_000);
/// The shortest wait for an answer: one that is under way shall not be asked for again.
const ANSWER_LEAST_MS: u64 = 1_000;
/// The longest wait after refusals in a row, in milliseconds, unless the server asks for a longer one.
const REFUSED_MS: u64 = 8_000;
/// The shortest wait that a server may ask for, in milliseconds.
const RESEND_LEAST_MS: u64 = 100;

/// How long a batch that went out waits before it goes out again: somewhere between a least and a most, and the most
/// doubles from time to time. Where in between is for whoever has randomness to say; the most, if nobody does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    least_ms: u64,
    most_ms: u64,
    /// How much sooner than the most.
    sooner_ms: u64,
    /// How often it was refused in a row.
    refusals: u32,
}

impl Default for Wait {
    fn default() -> Wait {
        Wait { least_ms: ANSWER_LEAST_MS, most_ms: RESEND_MS.0, sooner_ms: 0, refusals: 0 }
    }
}

impl Wait {
    /// No answer came in time, or a refusal.
    pub(super) fn longer(&mut self) {
        self.most_ms = self.most_ms.saturating_mul(2).clamp(RESEND_MS.0, RESEND_MS.1);
    }

    /// It goes out, and waits for an answer.
    pub(super) fn begins(&mut self) {
        (self.least_ms, self.sooner_ms) = (ANSWER_LEAST_MS.min(self.most_ms), 0);
    }

    /// It was refused for now. The server's word is the least, within reason: a batch is neither hammered nor
    /// forgotten. Whoever is refused again and again comes less and less often.
    pub(super) fn refused(&mut self, retry_after_ms: Option<u64>) {
        let asked = retry_after_ms.map(|ms| ms.clamp(RESEND_LEAST_MS, RESEND_MS.1));
        self.least_ms = asked.unwrap_or(RESEND_LEAST_MS);
        let base = asked.map_or(RESEND_MS.0, |asked| asked.saturating_mul(2));
        self.most_ms = base.saturating_mul(1 << self.refusals.min(16)).min(REFUSED_MS.max(base));
        self.sooner_ms = 0;
        self.refusals = self.refusals.saturating_add(1);
    }
}

impl Replica {
    /// What waits to be tried again, a save or a batch, is tried now: there is a reason to hope.
    pub fn try_again(&mut self, now: Millis) {
        self.save_again_at = None;
        if let Some(batch) = &mut self.in_flight {
            // One that has just gone out has had no time to be answered.
            batch.sent = batch.sent.filter(|sent| now < sent.saturating_add(RESEND_LEAST_MS));
        }
        self.flush(now);
    }

    /// Says how long what was sent last waits before it is sent again: `draw` is given the longest wait, less the
    /// shortest there may be, and says how much of that. With a number drawn evenly from 0 up to what it is given,
    /// replicas that were refused together, or got no answer together, do not come back together.
    pub fn spread_resend(&mut self, draw: impl FnOnce(Millis) -> Millis) {
        if let Some(InFlight { wait, .. }) = &mut self.in_flight {
            let most = wait.most_ms - wait.least_ms;
            wait.sooner_ms = most.saturating_sub(draw(most));
        }
    }

    /// The local store has lost what was saved: the next save holds everything, and comes at once.
    pub fn save_anew(&mut self) {
        self.whole_due = true;
        self.ledger_dirty = true;
        self.dirty += 1;
        self.save_again_at = None;
    }

    /// The next opening begins again from the server's whole state, as after something that did not fit. What is
    /// pending is carried there.
    pub fn start_over(&mut self) {
        self.start_over = true;
    }

    /// It is this late now.
    pub(super) fn told(&mut self, now: Millis) {
        if now < self.now {
            self.set_back(now);
        }
        self.now = now;
    }

    /// The clock was set back: what was to happen soon shall not wait for the time to come round again.
    fn set_back(&mut self, now: Millis) {
        self.batcher.set_back(now);
        if let Some(batch) = &mut self.in_flight {
            batch.sent = batch.sent.map(|sent| sent.min(now));
        }
        self.save_again_at = self.save_again_at.map(|at| at.min(now + SAVE_RETRY_MS));
    }
}

impl InFlight {
    /// When it goes out again that went out then.
    pub(super) fn resend_at(&self, sent: Millis) -> Millis {
        sent.saturating_add(self.wait.most_ms - self.wait.sooner_ms)
    }
}
