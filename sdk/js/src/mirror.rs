//! The texts as JavaScript was told of them.
//!
//! An op applies to the text before it, and only that text says how many UTF-16 units its scalars are. The review
//! itself may be ahead of the event that is being told, so a copy is kept that moves event by event.

use std::collections::BTreeMap;

use interline::{CommentId, TextOp};
use interline_core::text::units::{Utf16Change, changes_from_op};
use interline_core::text::{Text, diff};

/// A copy of every text.
#[derive(Default)]
pub(crate) struct Mirror(BTreeMap<CommentId, Text>);

impl Mirror {
    /// Follows an op. `None` if it is not for the text that is here; then [`catch_up`](Mirror::catch_up).
    pub(crate) fn follow(&mut self, comment: CommentId, op: &TextOp) -> Option<Vec<Utf16Change>> {
        let text = self.0.get_mut(&comment).filter(|text| text.len() == op.base_len())?;
        let changes = changes_from_op(text.as_str(), op);
        text.apply(op).ok()?;
        Some(changes)
    }

    /// Makes a text what it is now; says what changed, if it was there and anything did.
    pub(crate) fn catch_up(&mut self, comment: CommentId, now: &str) -> Option<Vec<Utf16Change>> {
        let before = self.0.insert(comment, Text::new(now))?;
        let changes = changes_from_op(before.as_str(), &diff(before.as_str(), now));
        (!changes.is_empty()).then_some(changes)
    }
}

#[cfg(test)]
mod tests {
    use interline_core::text::units::op_from_changes;

    use super::*;

    fn id() -> CommentId {
        "00000000-0000-0000-0000-000000000001".parse().unwrap()
    }

    #[test]
    fn each_op_is_counted_in_the_text_before_it() {
        let mut mirror = Mirror::default();
        assert_eq!(mirror.catch_up(id(), "a\u{1F600}b"), None);
        let first = op_from_changes("a\u{1F600}b", &[change(3, 4, "\u{1F600}\u{1F600}")]).unwrap();
        let second = op_from_changes("a\u{1F600}\u{1F600}\u{1F600}", &[change(5, 7, "c")]).unwrap();
        assert_eq!(mirror.follow(id(), &first), Some(vec![change(3, 4, "\u{1F600}\u{1F600}")]));
        assert_eq!(mirror.follow(id(), &second), Some(vec![change(5, 7, "c")]));
        assert_eq!(mirror.follow(id(), &first), None, "made for another text");
        assert_eq!(mirror.catch_up(id(), "a\u{1F600}!"), Some(vec![change(3, 6, "!")]));
        assert_eq!(mirror.catch_up(id(), "a\u{1F600}!"), None);
    }

    fn change(from: usize, to: usize, insert: &str) -> Utf16Change {
        Utf16Change { from, to, insert: insert.into() }
    }
}
