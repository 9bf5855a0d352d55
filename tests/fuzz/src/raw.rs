//! Bytes read as decisions. Where they end, every further decision is 0, so that every input is a whole one.

/// What is left of an input.
#[derive(Clone)]
pub(crate) struct Raw<'a>(&'a [u8]);

/// Texts are made of what breaks naive code.
const PIECES: [&str; 16] = [
    "a",
    "b",
    "word",
    " ",
    "\n",
    "\r\n",
    "\0",
    "é",
    "e\u{301}",
    "中文",
    "\u{1F600}",
    "\u{1F468}\u{200D}\u{1F469}",
    "\u{FE0F}",
    "\u{202E}",
    "\u{FFFD}",
    "\u{10FFFF}",
];

impl<'a> Raw<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Raw<'a> {
        Raw(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Less than `bound`, or 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    /// Around `middle` as a rule, anything at times.
    pub(crate) fn near(&mut self, middle: u64) -> u64 {
        match self.byte() {
            0..200 => middle,
            200..210 => middle.wrapping_sub(1),
            210..220 => middle.wrapping_add(1),
            220..230 => 0,
            230..240 => 1,
            240..250 => u64::MAX,
            n => u64::MAX >> (n - 249),
        }
    }

    pub(crate) fn text(&mut self) -> String {
        let pieces = self.below(6);
        (0..pieces).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }

    /// Everything up to the next line feed, which goes too; all of the rest where there is none.
    pub(crate) fn line(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == b'\n');
        let (line, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        line
    }
}
