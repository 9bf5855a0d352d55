//! Random texts and ops for tests. Texts are made of what breaks naive code: combining marks, surrogate
//! pairs, ZWJ sequences, wide characters, line ends.

use fastrand::Rng;
use proptest::prelude::ProptestConfig;

use super::op::OpBuilder;
use super::{TextOp, normalize};

const PIECES: &[&str] = &[
    "a",
    "b",
    "the ",
    "word",
    " ",
    "\n",
    "é",
    "e\u{301}",
    "中文",
    "한",
    "\u{1F600}",
    "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}",
    "\u{1F1E9}\u{1F1EA}",
    "\u{FE0F}",
    "\u{202E}",
    "\r\n",
    "ß",
    "ﬁ",
    "\u{10FFFF}",
];

/// A text of up to `pieces` pieces.
pub(crate) fn text(rng: &mut Rng, pieces: usize) -> String {
    let text: String = (0..rng.usize(..=pieces)).map(|_| PIECES[rng.usize(..PIECES.len())]).collect();
    normalize(&text)
}

/// An op for a text of `len` scalars; dense in ties, for that is where transformations go wrong.
pub(crate) fn op(rng: &mut Rng, len: usize) -> TextOp {
    let mut op = OpBuilder::default();
    let mut left = len;
    while left > 0 {
        let n = rng.usize(1..=left.min(4));
        match rng.u8(..4) {
            0 => op.insert(&text(rng, 2)),
            1 => {
                op.delete(n);
                left -= n;
            }
            _ => {
                op.retain(n);
                left -= n;
            }
        }
    }
    if rng.bool() {
        op.insert(&text(rng, 2));
    }
    op.finish()
}

/// `INTERLINE_CASES` cases, or as many as are usual.
pub(crate) fn cases(usual: u32) -> ProptestConfig {
    #[expect(clippy::disallowed_methods, reason = "tests may be told how long to run")]
    let asked = std::env::var("INTERLINE_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(usual), failure_persistence: None, ..ProptestConfig::default() }
}
