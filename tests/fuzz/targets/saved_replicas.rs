//! A replica as it was saved, by whatever software, on a disk that may have changed it.

use interline_core::sync::Saved;

use super::device::Device;
use super::made;
use super::raw::Raw;

/// The JSON of a saved replica on a line; then what happens to it, in bytes.
pub(super) fn target(data: &[u8]) {
    let mut raw = Raw::new(data);
    let Ok(saved) = serde_json::from_slice::<Saved>(raw.line()) else { return };
    let json = serde_json::to_string(&saved).unwrap();
    let again: Saved = serde_json::from_str(&json).expect("what was written is a saved replica");
    assert_eq!(again, saved);

    let version = saved.head.version;
    let mut device = Device::restored(saved);
    device.look();
    device.reopen(version);
    while !raw.is_empty() {
        match raw.below(6) {
            0 => device.wait(1_000),
            1 => device.restart(),
            2 => device.reopen(version),
            3 => device.act(&mut raw),
            ours => {
                let facts = made::facts(&mut raw, device.replica.confirmed());
                device.follow(&mut raw, facts, ours == 5);
            }
        }
        device.look();
    }
    device.start_over();
    device.look();
}
