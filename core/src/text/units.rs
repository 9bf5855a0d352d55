//! UTF-16, for the browser's edge alone. Everything else counts Unicode scalars.

use super::op::{OpBuilder, OpError, Step, TextOp};

/// An offset or length in UTF-16 code units.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Utf16(pub usize);

/// An offset that no editor of this text could have reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnitError {
    /// It lies behind the end.
    #[error("offset {offset} lies behind the end of a text of {len} UTF-16 units")]
    OutOfRange {
        /// The offset, in UTF-16 units.
        offset: usize,
        /// The text's length, in UTF-16 units.
        len: usize,
    },
    /// It lies between the halves of one character.
    #[error("offset {offset} splits a surrogate pair")]
    InsideSurrogatePair {
        /// The offset, in UTF-16 units.
        offset: usize,
    },
    /// Changes overlap or are out of order.
    #[error("changes must be in order and must not overlap (at offset {offset})")]
    Unordered {
        /// Where the second of them starts, in UTF-16 units.
        offset: usize,
    },
    /// The scalars do not fit the text.
    #[error(transparent)]
    Op(#[from] OpError),
}

/// One replacement: what lies between two offsets becomes `insert`.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Utf16Change {
    /// Start, in UTF-16 units of the text before.
    pub from: usize,
    /// End, in UTF-16 units of the text before.
    pub to: usize,
    /// What stands there afterwards.
    pub insert: String,
}

/// Walks a text once and answers offsets in rising order.
struct Walk<'a> {
    rest: std::str::Chars<'a>,
    units: usize,
    scalars: usize,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str) -> Walk<'a> {
        Walk { rest: text.chars(), units: 0, scalars: 0 }
    }

    fn seek_unit(&mut self, target: usize) -> Result<usize, UnitError> {
        while self.units < target {
            let Some(c) = self.rest.next() else {
                return Err(UnitError::OutOfRange { offset: target, len: self.units });
            };
            self.units += c.len_utf16();
            self.scalars += 1;
        }
        if self.units == target {
            Ok(self.scalars)
        } else {
            Err(UnitError::InsideSurrogatePair { offset: target })
        }
    }

    fn seek_scalar(&mut self, target: usize) -> usize {
        for c in self.rest.by_ref().take(target - self.scalars) {
            self.units += c.len_utf16();
        }
        self.scalars = target;
        self.units
    }
}

/// The scalar offset of a UTF-16 offset.
pub fn to_scalar(text: &str, offset: Utf16) -> Result<usize, UnitError> {
    Walk::new(text).seek_unit(offset.0)
}

/// The UTF-16 offset of a scalar offset; behind the end it is the end.
pub fn to_utf16(text: &str, offset: usize) -> Utf16 {
    Utf16(text.chars().take(offset).map(char::len_utf16).sum())
}

/// The op that an editor's changes amount to; offsets refer to the text before all of them.
pub fn op_from_changes(text: &str, changes: &[Utf16Change]) -> Result<TextOp, UnitError> {
    let mut walk = Walk::new(text);
    let mut op = OpBuilder::default();
    let mut done = 0;
    let mut last = 0;
    for change in changes {
        if change.from < last || change.to < change.from {
            return Err(UnitError::Unordered { offset: change.from });
        }
        last = change.to;
        let from = walk.seek_unit(change.from)?;
        let to = walk.seek_unit(change.to)?;
        op.retain(from - done);
        op.insert(&super::normalize(&change.insert));
        op.delete(to - from);
        done = to;
    }
    let len = walk.scalars + walk.rest.count();
    op.retain(len - done);
    Ok(op.finish())
}

/// An op as an editor's changes; offsets refer to the text before all of them.
pub fn changes_from_op(text: &str, op: &TextOp) -> Vec<Utf16Change> {
    let mut walk = Walk::new(text);
    let mut at = 0;
    let mut changes: Vec<Utf16Change> = Vec::new();
    let mut open = false;
    for step in op.steps() {
        match step {
            Step::Retain(n) => {
                at += n;
                open = false;
                continue;
            }
            Step::Insert(insert, _) => {
                let from = walk.seek_scalar(at);
                changes.push(Utf16Change { from, to: from, insert: insert.to_owned() });
            }
            Step::Delete(n) => {
                let from = walk.seek_scalar(at);
                at += n;
                let to = walk.seek_scalar(at);
                // An op writes the insert before the delete at one place; an editor calls that a replacement.
                match changes.last_mut().filter(|_| open) {
                    Some(change) => change.to = to,
                    None => changes.push(Utf16Change { from, to, insert: String::new() }),
                }
            }
        }
        open = true;
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Text;

    fn change(from: usize, to: usize, insert: &str) -> Utf16Change {
        Utf16Change { from, to, insert: insert.into() }
    }

    #[test]
    fn an_editors_changes_become_one_op_and_come_back() {
        let text = "a\u{1F600}b\u{4E2D}c";
        let changes = [change(0, 1, "A"), change(3, 4, ""), change(5, 5, "\u{1F468}\u{200D}\u{1F469}")];
        let op = op_from_changes(text, &changes).unwrap();
        let mut after = Text::new(text);
        after.apply(&op).unwrap();
        assert_eq!(after.as_str(), "A\u{1F600}\u{4E2D}\u{1F468}\u{200D}\u{1F469}c");
        assert_eq!(changes_from_op(text, &op), changes);
    }

    #[test]
    fn half_a_character_is_refused() {
        let text = "a\u{1F600}b";
        assert_eq!(to_scalar(text, Utf16(2)), Err(UnitError::InsideSurrogatePair { offset: 2 }));
        assert_eq!(to_scalar(text, Utf16(3)), Ok(2));
        assert_eq!(to_scalar(text, Utf16(9)), Err(UnitError::OutOfRange { offset: 9, len: 4 }));
        assert!(op_from_changes(text, &[change(2, 3, "")]).is_err());
        assert_eq!(to_utf16(text, 2), Utf16(3));
    }

    #[test]
    fn changes_must_be_in_order() {
        let error = op_from_changes("abc", &[change(2, 3, ""), change(1, 1, "x")]).unwrap_err();
        assert_eq!(error, UnitError::Unordered { offset: 1 });
    }

    #[test]
    fn windows_line_ends_are_unified() {
        let op = op_from_changes("", &[change(0, 0, "a\r\nb\rc")]).unwrap();
        assert_eq!(serde_json::to_string(&op).unwrap(), "[\"a\\nb\\nc\"]");
    }
}
