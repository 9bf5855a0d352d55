//! What tells a client the time.

use std::fmt;
use std::sync::Arc;

use interline_core::clock::Millis;

use crate::platform::{self, MaybeSend, MaybeSync};

/// Wall time, by the machine or by what a program has in its place.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Now>);

trait Now: MaybeSend + MaybeSync {
    fn now(&self) -> Millis;
}

impl<F: Fn() -> u64 + MaybeSend + MaybeSync> Now for F {
    fn now(&self) -> Millis {
        self()
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::of(platform::now_ms)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

impl Clock {
    pub(crate) fn of(now: impl Fn() -> u64 + MaybeSend + MaybeSync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    pub(crate) fn now(&self) -> Millis {
        self.0.now()
    }
}
