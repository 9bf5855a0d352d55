//! Whether two people rewrote the same words, and edits carried to a text that has moved on without a history.

use super::op::{OpBuilder, OpError, Step, TextOp, transform};
use super::{Text, diff};

/// One place that an op changes, in scalars of the text before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Touch<'a> {
    pub(super) start: usize,
    /// Where what is deleted ends; `start` for a bare insert.
    pub(super) end: usize,
    pub(super) insert: &'a str,
}

impl Touch<'_> {
    fn overlaps(&self, other: &Touch<'_>) -> bool {
        if self == other {
            return false;
        }
        let both_insert = !self.insert.is_empty() && !other.insert.is_empty();
        (both_insert && self.start == other.start) || (self.start < other.end && other.start < self.end)
    }
}

/// The places that an op changes, in order; what lies between them stays.
pub(super) fn touches(op: &TextOp) -> Vec<Touch<'_>> {
    let mut touches: Vec<Touch<'_>> = Vec::new();
    let mut at = 0;
    let mut open = false;
    for step in op.steps() {
        match step {
            Step::Retain(n) => {
                at += n;
                open = false;
                continue;
            }
            Step::Insert(insert, _) => touches.push(Touch { start: at, end: at, insert }),
            Step::Delete(n) => {
                // An insert stands before the delete that it replaces.
                match touches.last_mut().filter(|_| open) {
                    Some(touch) => touch.end = at + n,
                    None => touches.push(Touch { start: at, end: at + n, insert: "" }),
                }
                at += n;
            }
        }
        open = true;
    }
    touches
}

/// Whether two concurrent ops of one text rewrote the same words: what they delete or replace intersects, one
/// inserts strictly within what the other deletes, or both insert at one place (a replacement inserts at its
/// start). Edits that are merely next to each other do not overlap, nor do places where both did exactly the
/// same. Neither argument is special.
pub fn overlaps(a: &TextOp, b: &TextOp) -> bool {
    let (a, b) = (touches(a), touches(b));
    // Touches of one op are in order and apart, so what is done with one side is done for good.
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(one), Some(other)) = (a.peek(), b.peek()) {
        if one.overlaps(other) {
            return true;
        }
        if (one.end, one.start) <= (other.end, other.start) {
            a.next();
        } else {
            b.next();
        }
    }
    false
}

/// An edit of an older text, carried to the text that others have made of it meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreeWay {
    /// Mine, carried over theirs: applies to their text. What both did alike is not in it.
    pub op: TextOp,
    /// Whether both rewrote the same words.
    pub overlap: bool,
}

/// Rebases an edit where the ops that led from `base` to `theirs` are not known any more. What both changed is
/// found by comparing texts, so words that both made alike are there once and are not an overlap.
pub fn three_way(base: &str, mine: &TextOp, theirs: &str) -> Result<ThreeWay, OpError> {
    let mut shown = Text::new(base);
    shown.apply(mine)?;
    // How it was typed does not matter any more: both sides are cut alike.
    let mine = tight(&diff(base, shown.as_str()), base);
    let theirs = tight(&diff(base, theirs), base);
    let overlap = overlaps(&mine, &theirs);
    let (_, op) = transform(&theirs, &without(&mine, &theirs))?;
    Ok(ThreeWay { op, overlap })
}

/// The same op with nothing replaced by itself: how much of a word a diff replaces depends on its neighbours.
pub(super) fn tight(op: &TextOp, base: &str) -> TextOp {
    let base: Vec<char> = base.chars().collect();
    let mut tight = OpBuilder::default();
    let mut at = 0;
    for touch in touches(op) {
        let (old, new) = (&base[touch.start..touch.end], touch.insert);
        let start = old.iter().zip(new.chars()).take_while(|(old, new)| **old == *new).count();
        let (old, new) = (&old[start..], skip(new, start));
        let end = old.iter().rev().zip(new.chars().rev()).take_while(|(old, new)| **old == *new).count();
        let (old, kept) = old.split_at(old.len() - end);
        let kept: usize = kept.iter().map(|c| c.len_utf8()).sum();
        tight.retain(touch.start - at + start);
        tight.insert(&new[..new.len() - kept]);
        tight.delete(old.len());
        tight.retain(end);
        at = touch.end;
    }
    tight.retain(op.base_len() - at);
    tight.finish()
}

/// An edit of a base without the words that another text made of it has at their place.
pub(crate) fn unsaid(base: &str, mine: &str, theirs: &str) -> TextOp {
    let (mine, theirs) = (tight(&diff(base, mine), base), tight(&diff(base, theirs), base));
    let others = touches(&theirs);
    let mut rest = OpBuilder::default();
    let mut at = 0;
    for touch in touches(&mine) {
        let there = |other: &Touch<'_>| {
            other.start <= touch.end && touch.start <= other.end && says(other.insert, touch.insert)
        };
        rest.retain(touch.start - at);
        if !others.iter().any(there) {
            rest.insert(touch.insert);
        }
        rest.delete(touch.end - touch.start);
        at = touch.end;
    }
    rest.retain(mine.base_len() - at);
    rest.finish()
}

/// Whether a text has some words in it, none of them as a part of a longer one. White space alone is only itself.
fn says(text: &str, words: &str) -> bool {
    let trimmed = words.trim();
    let within = |a: Option<char>, b: Option<char>| {
        a.is_some_and(char::is_alphanumeric) && b.is_some_and(char::is_alphanumeric)
    };
    let whole = |at: usize| {
        let (before, after) = (&text[..at], &text[at + trimmed.len()..]);
        !within(before.chars().next_back(), trimmed.chars().next())
            && !within(trimmed.chars().next_back(), after.chars().next())
    };
    if trimmed.is_empty() { text == words } else { text.match_indices(trimmed).any(|(at, _)| whole(at)) }
}

fn skip(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).map_or("", |(byte, _)| &text[byte..])
}

/// An op without the places where another does exactly the same.
fn without(op: &TextOp, other: &TextOp) -> TextOp {
    let others = touches(other);
    let mut rest = OpBuilder::default();
    let mut at = 0;
    for touch in touches(op).iter().filter(|touch| !others.contains(touch)) {
        rest.retain(touch.start - at);
        rest.insert(touch.insert);
        rest.delete(touch.end - touch.start);
        at = touch.end;
    }
    rest.retain(op.base_len() - at);
    rest.finish()
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use proptest::prelude::*;

    use super::*;
    use crate::text::generate;
    use crate::text::generate::cases;

    const BASE: &str = "This needs refactoring";

    fn after(text: &str, op: &TextOp) -> String {
        let mut text = Text::new(text);
        text.apply(op).unwrap();
        text.as_str().to_owned()
    }

    /// What `three_way` makes of one text that became two.
    fn merged(base: &str, mine: &str, theirs: &str) -> (String, bool) {
        let three_way = three_way(base, &diff(base, mine), theirs).unwrap();
        (after(theirs, &three_way.op), three_way.overlap)
    }

    fn replace(at: usize, delete: usize, insert: &str) -> TextOp {
        TextOp::replace(10, at, delete, insert).unwrap()
    }

    #[test]
    fn no_word_is_cut_in_two() {
        // Theirs ends with a letter that the base ends with as well: mine is not put before that letter.
        let both = ("<ann><bo>kept".to_owned(), true);
        assert_eq!(merged("kept and lost", "<bo>kept and lost", "<ann>kept"), both);
    }

    /// The rule, said as plainly as possible.
    fn overlaps_slowly(a: &TextOp, b: &TextOp) -> bool {
        touches(a).iter().any(|one| touches(b).iter().any(|other| one.overlaps(other)))
    }

    #[test]
    fn both_rewrote_the_same_words() {
        let (text, overlap) =
            merged(BASE, "This definitely needs refactoring", "This might need refactoring");
        assert!(overlap);
        assert_eq!(text, "This might needdefinitely  refactoring");
        assert!(merged(BASE, "This might need refactoring", "This definitely needs refactoring").1);
    }

    #[test]
    fn different_words_do_not_overlap() {
        let both = merged(BASE, "That needs refactoring", "This needs rewriting");
        assert_eq!(both, ("That needs rewriting".into(), false));
        let both = merged("a \u{1F600} b \u{1F601}", "a \u{1F602} b \u{1F601}", "a \u{1F600} b \u{1F603}");
        assert_eq!(both, ("a \u{1F602} b \u{1F603}".into(), false));
        assert!(merged("a \u{1F600}", "a \u{1F602}", "a \u{1F603}").1);
    }

    #[test]
    fn an_empty_text_that_both_filled() {
        assert_eq!(merged("", "mine", "theirs"), ("theirsmine".into(), true));
        assert_eq!(merged("", "mine", ""), ("mine".into(), false));
        assert_eq!(merged("", "", "theirs"), ("theirs".into(), false));
        assert_eq!(merged("", "", ""), (String::new(), false));
    }

    #[test]
    fn what_both_did_alike_is_done_once() {
        let same = "This requires refactoring";
        assert_eq!(merged(BASE, same, same), (same.into(), false));
        let both = merged(BASE, "This requires rewriting", "That requires refactoring");
        assert_eq!(both, ("That requires rewriting".into(), false));
        // Typed differently: all of it deleted and written anew.
        let typed = TextOp::replace(BASE.len(), 0, BASE.len(), same).unwrap();
        let three_way = three_way(BASE, &typed, same).unwrap();
        assert_eq!(three_way, ThreeWay { op: TextOp::identity(same.len()), overlap: false });
    }

    #[test]
    fn an_op_for_another_text_is_refused() {
        let wrong = OpError::Length { expected: 3, found: BASE.len() };
        assert_eq!(three_way(BASE, &TextOp::identity(3), BASE), Err(wrong));
    }

    #[test]
    fn the_rules() {
        let table = [
            // Deletions that intersect, or lie next to each other.
            (replace(2, 3, ""), replace(4, 3, ""), true),
            (replace(2, 3, ""), replace(5, 3, ""), false),
            (replace(0, 10, ""), replace(4, 1, ""), true),
            // An insert within a deletion, and at its ends.
            (replace(2, 4, ""), replace(3, 0, "x"), true),
            (replace(2, 4, ""), replace(2, 0, "x"), false),
            (replace(2, 4, ""), replace(6, 0, "x"), false),
            // Two inserts at one place.
            (replace(2, 0, "x"), replace(2, 0, "y"), true),
            (replace(2, 0, "x"), replace(3, 0, "y"), false),
            (replace(2, 3, "x"), replace(2, 0, "y"), true),
            (replace(2, 3, "x"), replace(5, 3, "y"), false),
            // The very same.
            (replace(2, 3, "x"), replace(2, 3, "x"), false),
            (replace(2, 3, "x"), replace(2, 3, "y"), true),
            (replace(2, 3, ""), replace(2, 3, "y"), true),
        ];
        for (a, b, expected) in &table {
            assert_eq!((overlaps(a, b), overlaps(b, a)), (*expected, *expected), "{a:?} {b:?}");
        }
    }

    proptest! {
        #![proptest_config(cases(2_000))]

        #[test]
        fn the_walk_agrees_with_the_rule(seed in any::<u64>()) {
            let mut rng = Rng::with_seed(seed);
            let len = rng.usize(..12);
            let (a, b) = (generate::op(&mut rng, len), generate::op(&mut rng, len));
            prop_assert_eq!(overlaps(&a, &b), overlaps_slowly(&a, &b));
            prop_assert_eq!(overlaps(&a, &b), overlaps(&b, &a));
            prop_assert!(!overlaps(&a, &a));
            prop_assert!(!overlaps(&a, &TextOp::identity(len)));
        }

        #[test]
        fn carried_edits_apply_to_their_text(seed in any::<u64>()) {
            let mut rng = Rng::with_seed(seed);
            let base = generate::text(&mut rng, 8);
            let mine = generate::op(&mut rng, base.chars().count());
            let theirs = generate::text(&mut rng, 8);
            let carried = three_way(&base, &mine, &theirs).unwrap();
            let alone = three_way(&base, &mine, &base).unwrap();
            prop_assert_eq!(after(&base, &alone.op), after(&base, &mine));
            prop_assert_eq!(carried.op.base_len(), theirs.chars().count());
            let nothing = three_way(&base, &TextOp::identity(mine.base_len()), &theirs).unwrap();
            prop_assert!(nothing.op.is_identity() && !nothing.overlap);
        }
    }
}
