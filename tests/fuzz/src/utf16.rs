//! What a browser's editor reports, against what its text really is.

use interline_core::text::units::{
    Utf16, Utf16Change, changes_from_op, op_from_changes, to_scalar, to_utf16,
};
use interline_core::text::{Text, TextOp, normalize};

use super::raw::Raw;

/// A text on a line; on the next, changes in JSON, an op in JSON, or bytes that become changes.
pub(crate) fn target(data: &[u8]) {
    let mut raw = Raw::new(data);
    let text = normalize(&String::from_utf8_lossy(raw.line()));
    let second = raw.line();
    if let Ok(op) = serde_json::from_slice::<TextOp>(second) {
        // Of an op that is for another text nothing is asked but an end.
        let changes = changes_from_op(&text, &op);
        if op.base_len() == text.chars().count() {
            comes_back(&text, &op, &changes);
        }
    }
    let changes = serde_json::from_slice(second).unwrap_or_else(|_| made(&mut Raw::new(second)));
    reported(&text, &changes);
    offsets(&text);
}

fn made(raw: &mut Raw<'_>) -> Vec<Utf16Change> {
    let mut changes = Vec::new();
    let mut at = 0;
    while !raw.is_empty() {
        let (gap, length) = (raw.below(4) as u64, raw.below(4) as u64);
        let from = raw.near(at + gap);
        let to = raw.near(from.saturating_add(length));
        changes.push(Utf16Change { from: from as usize, to: to as usize, insert: raw.text() });
        at = to.min(1 << 32);
    }
    changes
}

fn applied(text: &str, op: &TextOp) -> Text {
    let mut text = Text::new(text);
    text.apply(op).expect("it fits");
    text
}

/// A text with changes made in it, said as plainly as possible.
fn changed(text: &str, changes: &[Utf16Change]) -> String {
    let mut units: Vec<u16> = text.encode_utf16().collect();
    for change in changes.iter().rev() {
        units.splice(change.from..change.to, normalize(&change.insert).encode_utf16());
    }
    String::from_utf16(&units).expect("no character is split")
}

fn comes_back(text: &str, op: &TextOp, changes: &[Utf16Change]) {
    let again = op_from_changes(text, changes).expect("an op's changes are an editor's");
    let written = serde_json::to_string(op).unwrap();
    if !written.contains("\\r") && !written.contains("\\u0000") {
        let after = applied(text, op);
        assert_eq!(applied(text, &again), after);
        assert_eq!(changed(text, changes), after.as_str());
    }
}

fn reported(text: &str, changes: &[Utf16Change]) {
    let Ok(op) = op_from_changes(text, changes) else { return };
    let after = applied(text, &op);
    assert_eq!(after.as_str(), changed(text, changes));
    comes_back(text, &op, &changes_from_op(text, &op));
}

fn offsets(text: &str) {
    let units = text.encode_utf16().count();
    for at in 0..=text.chars().count().min(100) {
        let offset = to_utf16(text, at);
        assert!(offset.0 <= units);
        assert_eq!(to_scalar(text, offset), Ok(at));
    }
    for offset in [0, 1, 2, 3, units, units + 1, usize::MAX] {
        match to_scalar(text, Utf16(offset)) {
            Ok(at) => assert_eq!(to_utf16(text, at), Utf16(offset)),
            Err(error) => assert!(offset > 0 && !error.to_string().is_empty()),
        }
    }
    assert_eq!(to_utf16(text, usize::MAX), Utf16(units));
}
