//! A replica as it was saved, by whatever software, on a disk that may have changed it.

use interline_core::entry::{EncodedEntry, Entry, Head};
use interline_core::sync::{Restore, SavedPending, SavedReview};

use super::device::Device;
use super::made;
use super::raw::Raw;

/// The parts of a saved replica in JSON, a line each: what was pending, the ledger, the review, and the entries
/// behind it as a list; then what happens to it, in bytes. A part that cannot be read is missing.
pub(crate) fn target(data: &[u8]) {
    let mut raw = Raw::new(data);
    let Ok(mut pending) = serde_json::from_slice::<SavedPending>(raw.line()) else { return };
    let ledger = serde_json::from_slice(raw.line()).ok();
    let confirmed = serde_json::from_slice(raw.line()).ok();
    let entries = entries(raw.line(), &mut pending, confirmed.as_ref());
    let mut device = Device::restored(Restore { pending, ledger, confirmed, entries });
    device.look();
    device.open_honestly();
    while !raw.is_empty() {
        match raw.below(8) {
            0 => device.wait(1_000),
            1 => device.restart(),
            2 => device.open_honestly(),
            3 | 4 => device.act(&mut raw),
            5 => device.decide(&mut raw),
            ours => {
                let facts = made::facts(&mut raw, device.replica.confirmed());
                device.follow(&mut raw, facts, ours == 7);
            }
        }
        device.look();
    }
    device.open_honestly();
    device.look();
}

/// Entries chained behind the review; where the pending changes do not say what they build on, it is these.
fn entries(line: &[u8], pending: &mut SavedPending, confirmed: Option<&SavedReview>) -> Vec<EncodedEntry> {
    let Ok(entries) = serde_json::from_slice::<Vec<Entry>>(line) else { return Vec::new() };
    let mut head = confirmed.map(|confirmed| confirmed.head).unwrap_or_default();
    let mut encoded = Vec::new();
    for entry in &entries {
        let next = EncodedEntry::new(entry, head.hash);
        head = Head { version: next.version, hash: next.hash };
        encoded.push(next);
    }
    if pending.head == Head::default() {
        pending.head = head;
    }
    encoded
}
