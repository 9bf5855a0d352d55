//! What is stored or exported as JSON: whatever can be read is the same after it was written again.

use std::fmt::Debug;

use interline_core::change::Batch;
use interline_core::entry::{Answer, Entry, Fact, Head, Step};
use interline_core::presence::{Presence, PresenceUpdate};
use interline_core::review::{Comment, CommentHistory, Review};
use interline_core::sync::{Receipt, Rejected, SavedLedger, SavedPending, SavedReview};
use interline_core::text::{Text, TextOp, UndoStack};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::made;
use super::raw::Raw;

/// The JSON of a record on a line, whatever kind it is; then ops in JSON that an undo stack may meet, a line each.
pub(crate) fn target(data: &[u8]) {
    let mut raw = Raw::new(data);
    let json = raw.line();
    again::<Answer>(json);
    again::<Batch>(json);
    again::<Comment>(json);
    again::<Entry>(json);
    again::<Fact>(json);
    again::<Head>(json);
    again::<Presence>(json);
    again::<PresenceUpdate>(json);
    again::<Receipt>(json);
    again::<Rejected>(json);
    again::<SavedLedger>(json);
    again::<SavedPending>(json);
    again::<SavedReview>(json);
    again::<Step>(json);
    again::<CommentHistory>(json);
    if let Some(review) = again::<Review>(json) {
        let _ = (review.title(), review.status());
        for comment in review.comments.values() {
            let _ = (review.thread_of(comment), comment.resolved(), comment.holder());
        }
    }
    if let Some(stack) = again::<UndoStack>(json) {
        undone(stack, &mut raw);
    }
}

fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(json: &[u8]) -> Option<T> {
    let record: T = serde_json::from_slice(json).ok()?;
    let written = serde_json::to_string(&record).unwrap();
    let back: T = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(back, record);
    Some(record)
}

/// A stack that may hold anything never gives an op that does not fit the text.
fn undone(mut stack: UndoStack, raw: &mut Raw<'_>) {
    let mut text = Text::new("one two three");
    while !raw.is_empty() {
        let line = raw.line();
        let Some((letter, rest)) = line.split_first() else { continue };
        let op = match letter {
            b'u' => stack.undo(&text),
            b'r' => stack.redo(&text),
            b'[' => serde_json::from_slice::<TextOp>(line).ok(),
            _ => Some(made::op(&mut Raw::new(rest), text.len())),
        };
        let Some(op) = op else { continue };
        let before = text.clone();
        if matches!(letter, b'u' | b'r') {
            assert!(text.apply(&op).is_ok(), "an undo that does not fit");
        } else if text.apply(&op).is_ok() {
            match letter {
                b'e' => stack.edited(made::NOW, &op, &before),
                _ => stack.remote(&op),
            }
        }
    }
    let _ = (stack.can_undo(), stack.can_redo());
}
