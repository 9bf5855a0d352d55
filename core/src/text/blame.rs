//! Who wrote which part of a text.

use super::op::{OpError, Step, TextOp};

/// The authors of a text, as runs of characters; `A` is whatever names one.
#[derive(Clone, PartialEq, Debug)]
pub struct Blame<A> {
    spans: Vec<(usize, A)>,
}

impl<A: Clone + PartialEq> Blame<A> {
    /// A text of `chars` scalars, all of one author.
    pub fn new(chars: usize, by: A) -> Blame<A> {
        let mut blame = Blame { spans: Vec::new() };
        blame.push(chars, &by);
        blame
    }

    /// The runs in the order of the text, their lengths in scalars; no run is empty, and neighbours differ.
    pub fn spans(&self) -> &[(usize, A)] {
        &self.spans
    }

    /// What an op inserts is by its author, whoever wrote what it deletes; an op for a text of another length
    /// changes nothing.
    pub fn apply(&mut self, op: &TextOp, by: A) -> Result<(), OpError> {
        let found = self.spans.iter().map(|(chars, _)| chars).sum();
        if op.base_len() != found {
            return Err(OpError::Length { expected: op.base_len(), found });
        }
        let mut old = std::mem::take(&mut self.spans).into_iter();
        let mut rest = None;
        for step in op.steps() {
            let (mut left, keep) = match step {
                Step::Insert(_, chars) => {
                    self.push(chars, &by);
                    continue;
                }
                Step::Retain(chars) => (chars, true),
                Step::Delete(chars) => (chars, false),
            };
            while left > 0 {
                let Some((chars, author)) = rest.take().or_else(|| old.next()) else { break };
                let taken = chars.min(left);
                left -= taken;
                if keep {
                    self.push(taken, &author);
                }
                if taken < chars {
                    rest = Some((chars - taken, author));
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, chars: usize, by: &A) {
        match self.spans.last_mut() {
            _ if chars == 0 => {}
            Some((last, author)) if author == by => *last += chars,
            _ => self.spans.push((chars, by.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use proptest::prelude::*;

    use super::*;
    use crate::text::generate::cases;
    use crate::text::{Text, generate};

    /// An author for every character.
    fn applied_slowly(authors: &[u8], op: &TextOp, by: u8) -> Vec<u8> {
        let (mut at, mut after) = (0, Vec::new());
        for step in op.steps() {
            match step {
                Step::Retain(n) => {
                    after.extend(&authors[at..at + n]);
                    at += n;
                }
                Step::Insert(_, n) => after.extend(vec![by; n]),
                Step::Delete(n) => at += n,
            }
        }
        after
    }

    proptest! {
        #![proptest_config(cases(1_000))]

        #[test]
        fn every_character_has_its_author(seed in any::<u64>(), ops in 0usize..12) {
            let mut rng = Rng::with_seed(seed);
            let mut text = Text::new(generate::text(&mut rng, 8));
            let mut authors = vec![0; text.len()];
            let mut blame = Blame::new(text.len(), 0);
            for _ in 0..ops {
                let by = rng.u8(..4);
                let op = generate::op(&mut rng, text.len());
                text.apply(&op).unwrap();
                authors = applied_slowly(&authors, &op, by);
                blame.apply(&op, by).unwrap();
                let spans = blame.spans();
                prop_assert_eq!(spans.iter().map(|(chars, _)| chars).sum::<usize>(), text.len());
                let each: Vec<u8> = spans.iter().flat_map(|(chars, by)| vec![*by; *chars]).collect();
                prop_assert_eq!(&each, &authors);
                prop_assert!(spans.iter().all(|(chars, _)| *chars > 0));
                prop_assert!(spans.windows(2).all(|pair| pair[0].1 != pair[1].1));
            }
        }
    }

    #[test]
    fn an_op_for_another_text_changes_nothing() {
        let mut blame = Blame::new(3, "a");
        let wrong = OpError::Length { expected: 4, found: 3 };
        assert_eq!(blame.apply(&TextOp::replace(4, 0, 4, "x").unwrap(), "b"), Err(wrong));
        assert_eq!(blame.spans(), [(3, "a")]);
        blame.apply(&TextOp::replace(3, 1, 1, "xy").unwrap(), "b").unwrap();
        assert_eq!(blame.spans(), [(1, "a"), (2, "b"), (1, "a")]);
        blame.apply(&TextOp::replace(4, 1, 2, "").unwrap(), "c").unwrap();
        assert_eq!(blame.spans(), [(2, "a")]);
        blame.apply(&TextOp::replace(2, 0, 2, "").unwrap(), "c").unwrap();
        assert!(blame.spans().is_empty());
    }
}
