//! Text ops, said as plainly as possible: over the JSON array, scalar by scalar. Shares nothing with core.

use serde_json::{Value, json};

use super::ink::Pen;
use super::plan::Piece;

/// What an op did.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Done {
    /// The text after it.
    pub(super) text: String,
    /// All that it inserted.
    pub(super) inserted: String,
    /// All that it deleted.
    pub(super) deleted: String,
}

/// Applies an op to a text.
pub(super) fn apply(text: &str, op: &Value) -> Result<Done, String> {
    let bad = || format!("{op} does not fit {text:?}");
    let scalars: Vec<char> = text.chars().collect();
    let mut at = 0;
    let mut done = Done::default();
    for part in op.as_array().ok_or_else(bad)? {
        if let Some(insert) = part.as_str() {
            done.text.push_str(insert);
            done.inserted.push_str(insert);
            continue;
        }
        let count = part.as_i64().ok_or_else(bad)?;
        let end = at + usize::try_from(count.unsigned_abs()).map_err(|_| bad())?;
        let range = scalars.get(at..end).ok_or_else(bad)?;
        if count > 0 { &mut done.text } else { &mut done.deleted }.extend(range);
        at = end;
    }
    if at == scalars.len() { Ok(done) } else { Err(bad()) }
}

/// Makes an op of a plan's pieces for a text of `len` scalars. It always changes something.
pub(super) fn op(len: usize, pieces: &[Piece], pen: &mut Pen) -> Value {
    let mut op = Builder::default();
    let mut left = len;
    let mut changes = false;
    for piece in pieces {
        let keep = usize::from(piece.keep).min(left);
        op.keep(keep);
        left -= keep;
        let delete = usize::from(piece.delete).min(left);
        op.delete += delete;
        left -= delete;
        let insert = pen.write(piece.ink);
        changes |= delete > 0 || !insert.is_empty();
        op.insert.push_str(&insert);
    }
    if !changes {
        op.insert.push(pen.mark());
    }
    op.keep(left);
    op.flush();
    json!(op.parts)
}

/// Writes an op in its one normal form.
#[derive(Default)]
struct Builder {
    parts: Vec<Value>,
    kept: usize,
    insert: String,
    delete: usize,
}

impl Builder {
    fn keep(&mut self, count: usize) {
        if count > 0 {
            if !self.insert.is_empty() || self.delete > 0 {
                self.flush();
            }
            self.kept += count;
        }
    }

    /// What was kept comes before what is inserted and deleted behind it.
    fn flush(&mut self) {
        if self.kept > 0 {
            self.parts.push(json!(std::mem::take(&mut self.kept)));
        }
        if !self.insert.is_empty() {
            self.parts.push(json!(std::mem::take(&mut self.insert)));
        }
        if self.delete > 0 {
            self.parts.push(json!(-(std::mem::take(&mut self.delete) as i64)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_op_counts_scalars() {
        let done = apply("a\u{1F600}b", &json!([1, "xy", -1, 1])).unwrap();
        assert_eq!((&*done.text, &*done.inserted, &*done.deleted), ("axyb", "xy", "\u{1F600}"));
        assert!(apply("ab", &json!([1])).is_err());
        assert!(apply("ab", &json!([3])).is_err());
    }

    #[test]
    fn pieces_make_an_op_in_normal_form() {
        let piece = |keep, delete, ink| Piece { keep, delete, ink };
        let mut pen = Pen::new(0);
        let op = op(5, &[piece(0, 1, 4), piece(0, 1, 8), piece(9, 9, 4)], &mut pen);
        assert_eq!(op, json!(["ab", -2, 3, "a"]));
        assert_eq!(super::op(2, &[], &mut pen), json!(["\u{100000}", 2]));
    }
}
