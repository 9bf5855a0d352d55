//! The op that turns one text into another.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::op::{OpBuilder, TextOp};

/// Above this many words on either side the middle is replaced as one piece: diffing is quadratic at worst.
const MAX_WORDS: usize = 2_000;
/// Above this many pieces as well: such a text has been rewritten, and servers limit the components of an op.
const MAX_PIECES: usize = 200;

/// Finds an op from `old` to `new` that keeps the words they share, so that people who edit elsewhere in the
/// text meanwhile are not disturbed. Myers' algorithm over words, after a common start and end. Of a word only a part
/// is replaced where one other comes of it; what a stretch of several words happens to share with another is none of
/// theirs, and whoever edits there would find a word of somebody else's cut in two.
pub fn diff(old: &str, new: &str) -> TextOp {
    let (start, end) = common_words(old, new);
    let old_middle = words(&old[start..old.len() - end]);
    let new_middle = words(&new[start..new.len() - end]);

    let mut op = OpBuilder::default();
    op.retain(old[..start].chars().count());
    let small = old_middle.len().max(new_middle.len()) <= MAX_WORDS;
    let pieces = small.then(|| capture_diff_slices(Algorithm::Myers, &old_middle, &new_middle));
    match pieces.filter(|pieces| pieces.len() <= MAX_PIECES) {
        None => {
            op.insert(&new_middle.concat());
            op.delete(chars(&old_middle));
        }
        Some(pieces) => {
            for piece in pieces {
                let (old, new) = (&old_middle[piece.old_range()], &new_middle[piece.new_range()]);
                match (piece, old, new) {
                    (DiffOp::Equal { .. }, ..) => op.retain(chars(old)),
                    (_, [old], [new]) => replace_word(&mut op, old, new),
                    _ => {
                        op.insert(&new.concat());
                        op.delete(chars(old));
                    }
                }
            }
        }
    }
    op.retain(old[old.len() - end..].chars().count());
    op.finish()
}

/// Puts a word in the place of another, and leaves what they share at their ends.
fn replace_word(op: &mut OpBuilder, old: &str, new: &str) {
    let (start, end) = common(old, new);
    let (gone, come) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    op.retain(old[..start].chars().count());
    op.insert(come);
    op.delete(gone.chars().count());
    op.retain(old[old.len() - end..].chars().count());
}

/// How much two texts share at the start, and behind that at the end, in bytes.
fn common(old: &str, new: &str) -> (usize, usize) {
    let start = shared(old.chars(), new.chars());
    (start, shared(old[start..].chars().rev(), new[start..].chars().rev()))
}

/// How much two texts share from one end, in bytes.
fn shared(left: impl Iterator<Item = char>, right: impl Iterator<Item = char>) -> usize {
    left.zip(right).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum()
}

/// The same in whole words of both.
fn common_words(old: &str, new: &str) -> (usize, usize) {
    let (mut start, mut end) = common(old, new);
    while splits(old, start) || splits(new, start) {
        start -= old[..start].chars().next_back().map_or(start, char::len_utf8);
    }
    while splits(old, old.len() - end) || splits(new, new.len() - end) {
        end -= old[old.len() - end..].chars().next().map_or(end, char::len_utf8);
    }
    (start, end)
}

/// Whether a place is within a word, or within white space.
fn splits(text: &str, at: usize) -> bool {
    match (text[..at].chars().next_back().map(class), text[at..].chars().next().map(class)) {
        (Some(before), Some(behind)) => before == behind && before != OTHER,
        _ => false,
    }
}

fn chars(words: &[&str]) -> usize {
    words.iter().map(|word| word.chars().count()).sum()
}

/// The class of characters of which each is a word.
const OTHER: u8 = 2;

fn class(c: char) -> u8 {
    if c.is_alphanumeric() {
        0
    } else if c.is_whitespace() {
        1
    } else {
        OTHER
    }
}

/// Splits into runs of letters and digits, runs of white space, and single other characters.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in text.char_indices() {
        let class = class(c);
        if last.is_some_and(|last| last != class || class == OTHER) {
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
    fn of_words_only_what_differs_is_replaced() {
        assert_eq!(shape("fix indentaton here", "fix indentation here"), r#"[12,"i",7]"#);
        assert_eq!(shape("one two", "ones twos"), r#"[3,"s",4,"s"]"#);
        assert_eq!(shape("a \u{e9}t\u{e9} b", "a \u{e9}t\u{e8} b"), "[4,\"\u{e8}\",-1,2]");
    }

    #[test]
    fn words_are_not_cut_for_a_letter_that_others_share() {
        assert_eq!(shape("kept and lost", "<ann>kept"), r#"["<ann>",4,-9]"#);
        assert_eq!(shape("keep it", "know that bit"), r#"["know that",-4,1,"b",2]"#);
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
