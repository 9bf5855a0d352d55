//! What a client may send to a server.

use interline_core::change::Batch;
use interline_core::wire::{self, ClientFrame};

/// Reads a frame; what is one comes back from its own JSON, and a batch within keeps its bytes.
pub(crate) fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(frame) = wire::decode_client(text) else { return };
    let written = wire::encode(&frame);
    let again = wire::decode_client(&written).expect("what was written is a frame");
    assert_eq!(wire::encode(&again), written);
    let ClientFrame::Submit(submit) = frame else { return };
    assert!(text.contains(submit.batch.get()), "a batch keeps its bytes");
    let Ok(batch) = serde_json::from_str::<Batch>(submit.batch.get()) else { return };
    let written = serde_json::to_string(&batch).unwrap();
    assert_eq!(serde_json::from_str::<Batch>(&written).unwrap(), batch);
}
