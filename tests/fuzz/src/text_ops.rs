//! Text ops as they come over the wire: whatever parses keeps the laws.

use interline_core::limits::Limits;
use interline_core::text::cursor::{Bias, Range, backward, forward};
use interline_core::text::{OpError, Text, TextOp, diff, normalize, transform};

use super::raw::Raw;

/// The longest text that ops are tried on here, in Unicode scalars.
const LONGEST: usize = 2_000;

/// A text, then ops in JSON, each on a line.
pub(crate) fn target(data: &[u8]) {
    let mut raw = Raw::new(data);
    let text = Text::new(normalize(&String::from_utf8_lossy(raw.line())));
    let first = parse(raw.line());
    let second = parse(raw.line());
    let next = parse(raw.line());
    for op in [&first, &second, &next].into_iter().flatten() {
        alone(&text, op);
    }
    if let (Some(history), Some(op)) = (&first, &second) {
        meet(&text, history, op);
    }
    if let (Some(op), Some(next)) = (&first, &next) {
        in_a_row(&text, op, next);
    }
}

fn parse(json: &[u8]) -> Option<TextOp> {
    let op = serde_json::from_slice::<TextOp>(json).ok()?;
    assert!(op.base_len().max(op.target_len()) <= Limits::ANY_TEXT_CHARS);
    assert!(op.components() <= Limits::LOG_OP_COMPONENTS);
    let written = serde_json::to_string(&op).unwrap();
    assert_eq!(serde_json::from_str::<TextOp>(&written).unwrap(), op, "{written}");
    Some(op)
}

/// A text that the op is for: the one given, or one made up.
fn fitting(text: &Text, op: &TextOp) -> Option<Text> {
    if op.base_len() == text.len() {
        return Some(text.clone());
    }
    (op.base_len() <= LONGEST)
        .then(|| Text::new("aé中\u{1F600}\n".chars().cycle().take(op.base_len()).collect::<String>()))
}

fn applied(text: &Text, op: &TextOp) -> Text {
    let mut text = text.clone();
    text.apply(op).expect("it fits");
    assert_eq!(text.len(), op.target_len());
    assert_eq!(text.len(), text.as_str().chars().count());
    text
}

fn alone(text: &Text, op: &TextOp) {
    let mut other = text.clone();
    match other.apply(op) {
        Ok(()) => assert_eq!(text.len(), op.base_len()),
        Err(OpError::Length { expected, found }) => {
            assert_eq!((expected, found), (op.base_len(), text.len()));
            assert_eq!(&other, text, "a failed op changes nothing");
        }
        Err(error) => panic!("{error}"),
    }
    let Some(text) = fitting(text, op) else { return };
    let after = applied(&text, op);
    assert!(!op.is_identity() || after == text);
    let between = diff(text.as_str(), after.as_str());
    assert_eq!(applied(&text, &between), after);
    places(op);
}

fn places(op: &TextOp) {
    let ends = [0, 1, op.base_len() / 2, op.base_len(), op.base_len() + 1, usize::MAX];
    for at in ends {
        let (before, after) = (forward(op, at, Bias::Before), forward(op, at, Bias::After));
        assert!(before <= after && after <= op.target_len());
        assert!(backward(op, at) <= op.base_len());
        for head in ends {
            let range = Range { anchor: at, head };
            let moved = range.forward(op);
            assert!(moved.anchor.max(moved.head) <= op.target_len());
            assert!(at > head || moved.anchor <= moved.head);
            let moved = range.backward(op);
            assert!(moved.anchor.max(moved.head) <= op.base_len());
        }
    }
}

fn meet(text: &Text, history: &TextOp, op: &TextOp) {
    let met = transform(history, op);
    assert_eq!(met.is_ok(), history.base_len() == op.base_len());
    let Ok((history_over, op_over)) = met else { return };
    let Some(text) = fitting(text, op) else { return };
    let one = applied(&applied(&text, history), &op_over);
    let other = applied(&applied(&text, op), &history_over);
    assert_eq!(one, other);
}

fn in_a_row(text: &Text, op: &TextOp, next: &TextOp) {
    let both = op.compose(next);
    assert_eq!(both.is_ok(), op.target_len() == next.base_len());
    let (Ok(both), Some(text)) = (both, fitting(text, op)) else { return };
    assert_eq!(applied(&text, &both), applied(&applied(&text, op), next));
}
