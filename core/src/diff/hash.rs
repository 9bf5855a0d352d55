//! A short fingerprint of a line, by which a comment finds its line again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The first 8 bytes of the SHA-256 of a line's UTF-8 content, without its `\n`.
///
/// Written, in JSON too, as 16 lowercase hexadecimal digits, and read from nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineHash([u8; 8]);

/// The text is not 16 lowercase hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a line hash is 16 lowercase hexadecimal digits")]
pub struct ParseLineHashError;

impl LineHash {
    /// The hash of `text` as it is: a trailing `\r` is content, and the caller has taken off the `\n`.
    pub fn of(text: &str) -> Self {
        Self::first(Sha256::digest(text.as_bytes()).into())
    }

    /// The hash of several lines: of their contents with `\n` between them.
    pub fn of_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hasher = Sha256::new();
        for (nth, line) in lines.into_iter().enumerate() {
            if nth > 0 {
                hasher.update(b"\n");
            }
            hasher.update(line.as_bytes());
        }
        Self::first(hasher.finalize().into())
    }

    fn first(digest: [u8; 32]) -> Self {
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(first)
    }
}

impl fmt::Display for LineHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl FromStr for LineHash {
    type Err = ParseLineHashError;

    fn from_str(text: &str) -> Result<Self, ParseLineHashError> {
        // `from_str_radix` alone would let capitals, a sign and short input pass.
        let strict = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let number = strict.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(|n| Self(n.to_be_bytes())).ok_or(ParseLineHashError)
    }
}

impl Serialize for LineHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LineHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
