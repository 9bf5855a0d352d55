//! What a server may send to a client.

use interline_core::entry::EncodedEntry;
use interline_core::wire::{self, ServerFrame};

/// Reads a frame; what is one comes back from its own JSON, and an entry within keeps its bytes.
pub(crate) fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(frame) = wire::decode_server(text) else { return };
    let written = wire::encode(&frame);
    let again = wire::decode_server(&written).expect("what was written is a frame");
    assert_eq!(wire::encode(&again), written);
    let ServerFrame::Entry(frame) = frame else { return };
    assert!(text.contains(frame.entry.get()), "an entry keeps its bytes");
    let encoded = EncodedEntry { version: 1, hash: frame.hash, payload: frame.entry.get().into() };
    let put_together = wire::entry_frame(frame.review, &encoded);
    assert_eq!(put_together, written);
}
