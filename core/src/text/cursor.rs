//! Positions in a text, carried through ops. All positions count scalars from the start.

use super::op::{Step, TextOp};

/// Which side of an insertion at its very place a position ends up on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bias {
    /// Stays before what is inserted: other people's carets, the end of a selection.
    Before,
    /// Moves behind what is inserted: one's own caret, the start of a selection.
    After,
}

/// Where `position` of the text before `op` is in the text after it.
pub fn forward(op: &TextOp, position: usize, bias: Bias) -> usize {
    let mut before = 0;
    let mut after = 0;
    for step in op.steps() {
        match step {
            Step::Retain(n) => {
                if position < before + n {
                    return after + (position - before);
                }
                before += n;
                after += n;
            }
            Step::Insert(_, n) => {
                if position == before && bias == Bias::Before {
                    return after;
                }
                after += n;
            }
            Step::Delete(n) => {
                if position < before + n {
                    return after;
                }
                before += n;
            }
        }
    }
    after.min(op.target_len())
}

/// Where `position` of the text after `op` was in the text before it; within an insert: where it was inserted.
pub fn backward(op: &TextOp, position: usize) -> usize {
    let mut before = 0;
    let mut after = 0;
    for step in op.steps() {
        match step {
            Step::Retain(n) => {
                if position <= after + n {
                    return before + (position - after);
                }
                before += n;
                after += n;
            }
            Step::Insert(_, n) => {
                if position <= after + n {
                    return before;
                }
                after += n;
            }
            Step::Delete(n) => before += n,
        }
    }
    before.min(op.base_len())
}

/// A selection from where it began to where the caret is; they are equal for a bare caret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// Where the selection began.
    pub anchor: usize,
    /// Where the caret is.
    pub head: usize,
}

impl Range {
    /// Somebody else's range, carried through an op: it does not grow over what is inserted at its ends.
    pub fn forward(self, op: &TextOp) -> Range {
        if self.anchor == self.head {
            let at = forward(op, self.head, Bias::Before);
            return Range { anchor: at, head: at };
        }
        let start = forward(op, self.anchor.min(self.head), Bias::After);
        let end = forward(op, self.anchor.max(self.head), Bias::Before).max(start);
        if self.anchor < self.head {
            Range { anchor: start, head: end }
        } else {
            Range { anchor: end, head: start }
        }
    }

    /// The range as it was before an op.
    pub fn backward(self, op: &TextOp) -> Range {
        Range { anchor: backward(op, self.anchor), head: backward(op, self.head) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_move_with_the_text() {
        // "abcdef" -> "aXYdef"
        let op = TextOp::replace(6, 1, 2, "XY").unwrap();
        let moved: Vec<_> = (0..=6).map(|at| forward(&op, at, Bias::Before)).collect();
        assert_eq!(moved, [0, 1, 3, 3, 4, 5, 6]);
        assert_eq!(forward(&op, 1, Bias::After), 3);
        let back: Vec<_> = (0..=6).map(|at| backward(&op, at)).collect();
        assert_eq!(back, [0, 1, 1, 1, 4, 5, 6]);
    }

    #[test]
    fn an_insert_at_the_end_of_the_text() {
        let op = TextOp::replace(3, 3, 0, "!!").unwrap();
        assert_eq!(forward(&op, 3, Bias::Before), 3);
        assert_eq!(forward(&op, 3, Bias::After), 5);
    }

    #[test]
    fn a_selection_does_not_grow_at_its_ends() {
        let at_start = TextOp::replace(6, 2, 0, "__").unwrap();
        let at_end = TextOp::replace(6, 4, 0, "__").unwrap();
        let range = Range { anchor: 2, head: 4 };
        assert_eq!(range.forward(&at_start), Range { anchor: 4, head: 6 });
        assert_eq!(range.forward(&at_end), range);
        let reversed = Range { anchor: 4, head: 2 };
        assert_eq!(reversed.forward(&at_start), Range { anchor: 6, head: 4 });
    }
}
