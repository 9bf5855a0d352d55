//! The text of a comment, ready to take ops.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::op::{OpError, Step, TextOp};

/// Ops of more components than this rebuild a text rather than splice it.
const SPLICES: usize = 16;

/// A text whose length in scalars is known. Line ends are LF once it has gone through [`normalize`].
///
/// Applying an op walks its components, not the text's characters: an ASCII text is spliced in place.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Text {
    content: String,
    chars: usize,
}

impl Text {
    /// Takes a text as it is.
    pub fn new(content: impl Into<String>) -> Text {
        let content = content.into();
        let chars = content.chars().count();
        Text { content, chars }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.content
    }

    /// Its length, in Unicode scalars.
    pub fn len(&self) -> usize {
        self.chars
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.chars == 0
    }

    /// CRC-32 (ISO-HDLC, as in zlib) of the UTF-8 text: what replicas compare.
    pub fn checksum(&self) -> u32 {
        crc32fast::hash(self.content.as_bytes())
    }

    /// Applies an op in place; an op for another length changes nothing.
    pub fn apply(&mut self, op: &TextOp) -> Result<(), OpError> {
        if op.base_len() != self.chars {
            return Err(OpError::Length { expected: op.base_len(), found: self.chars });
        }
        if op.components() > SPLICES {
            self.rebuild(op);
            return Ok(());
        }
        let mut at = 0;
        for step in op.steps() {
            match step {
                Step::Retain(chars) => at = self.byte_after(at, chars),
                Step::Delete(chars) => {
                    let end = self.byte_after(at, chars);
                    self.content.replace_range(at..end, "");
                    self.chars -= chars;
                }
                Step::Insert(text, chars) => {
                    self.content.insert_str(at, text);
                    self.chars += chars;
                    at += text.len();
                }
            }
        }
        Ok(())
    }

    /// One pass instead of moving the rest of the text at every step.
    fn rebuild(&mut self, op: &TextOp) {
        let mut content = String::with_capacity(self.content.len());
        let mut at = 0;
        for step in op.steps() {
            match step {
                Step::Retain(chars) => {
                    let end = self.byte_after(at, chars);
                    content.push_str(&self.content[at..end]);
                    at = end;
                }
                Step::Delete(chars) => at = self.byte_after(at, chars),
                Step::Insert(text, _) => content.push_str(text),
            }
        }
        (self.content, self.chars) = (content, op.target_len());
    }

    /// The byte offset `chars` scalars after byte `from`.
    fn byte_after(&self, from: usize, chars: usize) -> usize {
        // All ASCII: one byte a scalar.
        if self.content.len() == self.chars {
            return from + chars;
        }
        self.content[from..].char_indices().nth(chars).map_or(self.content.len(), |(byte, _)| from + byte)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.content.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Text::new)
    }
}

/// What a text becomes on entry: CRLF and lone CR are line feeds, NUL is U+FFFD.
pub fn normalize(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "\u{FFFD}")
}
