//! Many consecutive ops as one.

use super::op::{OpError, TextOp};
use crate::limits::Limits;

/// Why a run of ops cannot be one op.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SquashError {
    /// It would have more components than any op may have: a snapshot says the same in less.
    #[error("as one operation this would have {components} components")]
    TooLarge {
        /// How many the piece had that was given up on.
        components: usize,
    },
    /// Two neighbours do not belong together.
    #[error(transparent)]
    Op(#[from] OpError),
}

/// Composes a run of consecutive ops, oldest first, into one; nothing for an empty run.
///
/// Neighbours first, then pairs of pairs: a fold from the left would walk all that has been changed so far
/// once for every op. It gives up as soon as a part has more than [`Limits::LOG_OP_COMPONENTS`] components,
/// even if later ops would have undone some of it, so that its cost is bounded.
///
/// The result is for a text alone: like everything composed, it must never be transformed against what was in
/// flight meanwhile (see [`TextOp::compose`]).
pub fn squash<'a>(ops: impl Iterator<Item = &'a TextOp>) -> Result<Option<TextOp>, SquashError> {
    // As digits of a binary counter: the sizes of the parts are falling powers of two.
    let mut parts: Vec<(u32, TextOp)> = Vec::new();
    for op in ops {
        let mut part = (0, op.clone());
        while let Some((doublings, earlier)) = parts.pop_if(|(doublings, _)| *doublings == part.0) {
            part = (doublings + 1, join(&earlier, &part.1)?);
        }
        parts.push(part);
    }
    let Some((_, mut whole)) = parts.pop() else { return Ok(None) };
    while let Some((_, earlier)) = parts.pop() {
        whole = join(&earlier, &whole)?;
    }
    Ok(Some(whole))
}

fn join(earlier: &TextOp, later: &TextOp) -> Result<TextOp, SquashError> {
    let both = earlier.compose(later)?;
    let components = both.components();
    if components > Limits::LOG_OP_COMPONENTS {
        return Err(SquashError::TooLarge { components });
    }
    Ok(both)
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use proptest::prelude::*;

    use super::*;
    use crate::text::generate::cases;
    use crate::text::{Text, generate};

    /// A run of ops for a text, and the text after them.
    fn run(rng: &mut Rng, text: &Text, count: usize) -> (Vec<TextOp>, Text) {
        let mut after = text.clone();
        let ops = (0..count).map(|_| {
            let op = generate::op(rng, after.len());
            after.apply(&op).unwrap();
            op
        });
        (ops.collect(), after)
    }

    proptest! {
        #![proptest_config(cases(1_000))]

        #[test]
        fn a_squash_does_what_its_ops_do(seed in any::<u64>(), count in 0usize..20) {
            let mut rng = Rng::with_seed(seed);
            let mut text = Text::new(generate::text(&mut rng, 8));
            let (ops, after) = run(&mut rng, &text, count);
            match squash(ops.iter()).unwrap() {
                None => prop_assert!(ops.is_empty()),
                Some(op) => text.apply(&op).unwrap(),
            }
            prop_assert_eq!(text, after);
        }
    }

    #[test]
    fn ops_that_do_not_follow_each_other_are_refused() {
        let ops = [TextOp::identity(3), TextOp::identity(4)];
        let wrong = OpError::Length { expected: 4, found: 3 };
        assert_eq!(squash(ops.iter()), Err(SquashError::Op(wrong)));
    }

    #[test]
    fn too_many_places_are_too_large() {
        let len = 4 * Limits::LOG_OP_COMPONENTS;
        let ops = |count: usize| -> Vec<TextOp> {
            (0..count).map(|n| TextOp::replace(len, 2 * n + 1, 1, "x").unwrap()).collect()
        };
        // Each place takes a retain, an insert and a delete; then the retain to the end.
        let fit = (Limits::LOG_OP_COMPONENTS - 1) / 3;
        let whole = squash(ops(fit).iter()).unwrap().unwrap();
        assert_eq!(whole.components(), 3 * fit + 1);
        let components = 3 * (fit + 1) + 1;
        assert_eq!(squash(ops(fit + 1).iter()), Err(SquashError::TooLarge { components }));
    }
}
