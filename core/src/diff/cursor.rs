//! The input, line by line, with the number of the line at hand.

use super::DiffError;

/// A place in the input. It is cheap to clone, so looking ahead is moving a copy.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    line: Option<&'a [u8]>,
    rest: &'a [u8],
    number: usize,
    /// Whether the line at hand ends in a newline; only the very last may lack it.
    whole: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut cursor = Self { line: None, rest: bytes, number: 0, whole: true };
        cursor.advance();
        cursor
    }

    /// The line at hand without its `\n`, or `None` at the end of the input.
    pub(super) fn peek(&self) -> Option<&'a [u8]> {
        self.line
    }

    /// Whether the line at hand begins with `prefix`.
    pub(super) fn at(&self, prefix: &[u8]) -> bool {
        self.line.is_some_and(|line| line.starts_with(prefix))
    }

    /// The 1-based number of the line at hand; at the end of the input, of its last line.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    pub(super) fn advance(&mut self) {
        if self.rest.is_empty() {
            self.line = None;
            return;
        }
        self.number += 1;
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        let (line, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.whole = end.is_some();
        self.line = Some(line);
        self.rest = rest.get(1..).unwrap_or_default();
    }

    /// Whether the input ends before it could show that the line at hand begins with `prefix`.
    pub(super) fn ends_within(&self, prefix: &[u8]) -> bool {
        self.line.is_none_or(|line| !self.whole && prefix.starts_with(line))
    }

    /// Takes the line at hand, which must be there, and all of it.
    pub(super) fn take(&mut self) -> Result<&'a [u8], DiffError> {
        match self.line {
            Some(line) if self.whole => {
                self.advance();
                Ok(line)
            }
            Some(_) => Err(self.truncated("the rest of the line and a newline")),
            None => Err(self.truncated("another line")),
        }
    }

    /// Takes a line of a header. Names and numbers never end in a bare `\r`, so it is the transport's.
    pub(super) fn take_header(&mut self) -> Result<&'a [u8], DiffError> {
        self.take().map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }

    pub(super) fn truncated(&self, expected: impl Into<String>) -> DiffError {
        DiffError::Truncated { line: self.number, expected: expected.into() }
    }

    pub(super) fn unexpected(&self, expected: impl Into<String>) -> DiffError {
        DiffError::UnexpectedLine { line: self.number, expected: expected.into() }
    }

    /// The error for a part of a file that is not at hand: cut short if the file, or the input, stops
    /// here; else the line at hand is in the wrong place.
    pub(super) fn missing(&self, expected: impl Into<String>) -> DiffError {
        let stops = self.line.is_none_or(|line| line.trim_ascii().is_empty()) || self.at(b"diff --git ");
        if stops || !self.whole { self.truncated(expected) } else { self.unexpected(expected) }
    }
}
