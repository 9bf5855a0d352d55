//! The one place that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use interline_core::clock::Millis;

/// Milliseconds since the Unix epoch, on this machine's clock.
pub(crate) fn now_ms() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
