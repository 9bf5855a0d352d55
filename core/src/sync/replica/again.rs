//! What is tried once more: at once because somebody says so, later than others, from the beginning, or earlier than
//! it was to be because the clock was set back.

use super::{InFlight, RESEND_LEAST_MS, Replica, SAVE_RETRY_MS};
use crate::clock::Millis;

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

    /// What was sent last waits longer before it is sent again, by `more` of the wait that it has now: replicas that
    /// were refused together do not come back together.
    pub fn spread_resend(&mut self, more: impl FnOnce(Millis) -> Millis) {
        if let Some(batch) = &mut self.in_flight {
            batch.spread_ms = more(batch.resend_ms);
        }
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
        sent.saturating_add(self.resend_ms).saturating_add(self.spread_ms)
    }
}
