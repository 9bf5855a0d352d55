//! The op that turns one text into another.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::op::{OpBuilder, TextOp};

/// Above this many words on either side the middle is replaced as one piece: diffing is quadratic at worst.
const MAX_WORDS: usize = 2_000;
/// Above this many pieces as well: such a text has been rewritten, and servers limit the components of an op.
const MAX_PIECES: usize = 200;

/// Finds an op from `old` to `new` that keeps the words they share, so that people who edit elsewhere in the
/// text meanwhile are not disturbed. Myers' algorithm over words, after a common start and end.
pub fn diff(old: &str, new: &str) -> TextOp {
    let start = common(old.chars(), new.chars());
    let (start_bytes, start_chars) = start;
    let (old_rest, new_rest) = (&old[start_bytes..], &new[start_bytes..]);
    let (end_bytes, end_chars) = common(old_rest.chars().rev(), new_rest.chars().rev());
    let old_middle = words(&old_rest[..old_rest.len() - end_bytes]);
    let new_middle = words(&new_rest[..new_rest.len() - end_bytes]);

    let mut op = OpBuilder::default();
    op.retain(start_chars);
    let small = old_middle.len().max(new_middle.len()) <= MAX_WORDS;
    let pieces = small.then(|| capture_diff_slices(Algorithm::Myers, &old_middle, &new_middle));
    match pieces.filter(|pieces| pieces.len() <= MAX_PIECES) {
        None => {
            op.insert(&new_middle.concat());
            op.delete(chars(&old_middle));
        }
        Some(pieces) => {
            for piece in pieces {
                let old = &old_middle[piece.old_range()];
                if matches!(piece, DiffOp::Equal { .. }) {
                    op.retain(chars(old));
                } else {
                    op.insert(&new_middle[piece.new_range()].concat());
                    op.delete(chars(old));
                }
            }
        }
    }
    op.retain(end_chars);
    op.finish()
}

/// How much two texts share from one end: bytes and scalars.
fn common(left: impl Iterator<Item = char>, right: impl Iterator<Item = char>) -> (usize, usize) {
    left.zip(right)
        .take_while(|(a, b)| a == b)
        .fold((0, 0), |(bytes, chars), (c, _)| (bytes + c.len_utf8(), chars + 1))
}

fn chars(words: &[&str]) -> usize {
    words.iter().map(|word| word.chars().count()).sum()
}

/// Splits into runs of letters and digits, runs of white space, and single other characters.
fn words(text: &str) -> Vec<&str> {
    let class = |c: char| {
        if c.is_alphanumeric() {
            0
        } else if c.is_whitespace() {
            1
        } else {
            2
        }
    };
    let mut words = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in text.char_indices() {
        let class = class(c);
        if last.is_some_and(|last| last != class || class == 2) {
            words.push(&text[start..at]);
            start = at;
        }
        last = Some(class);
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(old: &str, new: &str) -> String {
        serde_json::to_string(&diff(old, new)).unwrap()
    }

    #[test]
    fn shared_words_stay() {
        assert_eq!(
            shape("This needs refactoring", "This definitely needs refactoring"),
            r#"[5,"definitely ",17]"#
        );
        assert_eq!(shape("one two three", "one 2 three"), r#"[4,"2",-3,6]"#);
        assert_eq!(shape("same", "same"), "[4]");
        assert_eq!(shape("", "new"), r#"["new"]"#);
        assert_eq!(shape("old", ""), "[-3]");
    }

    #[test]
    fn long_texts_are_replaced_in_one_piece() {
        for words in [MAX_PIECES, MAX_WORDS] {
            let old = "a ".repeat(words);
            let new = "b ".repeat(words);
            assert_eq!(diff(&old, &new).components(), 3, "{words} words");
        }
    }
}
