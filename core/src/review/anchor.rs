//! Where a comment sits in the code.

use serde::{Deserialize, Serialize};

pub use crate::diff::LineHash;
use crate::id::CommentId;
use crate::limits::Limits;

/// Which half of a diff.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The code before the change.
    Base,
    /// The code after it.
    Head,
}

/// Where a comment goes: on a line, which starts a thread, or behind a thread's root.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// On a line of the diff.
    Line(Anchor),
    /// In the thread of this root comment.
    Reply(CommentId),
}

/// A line of the diff, or several.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// Which state of the code, counted from 1.
    pub patch_set: u32,
    /// The file's path: the new one, or the old one of a deleted file.
    pub file: String,
    /// Which half of the diff.
    pub side: Side,
    /// The line's number on that side, counted from 1; of several lines the first's.
    pub line: u32,
    /// The hash of the line's content. A client may leave it out; in the log it is always there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<LineHash>,
    /// Of several lines the last one's number, above `line`; absent for one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
    /// Of several lines the hash of all of them: of their contents with LF between them. A client may leave it out;
    /// in the log it is there wherever `last` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<LineHash>,
}

impl Anchor {
    /// A line of the code after the change, in the first patch set; of another one with [`on`](Anchor::on). An open review
    /// of the SDK names the newest one's lines by its own `head` and `base`.
    pub fn head(file: impl Into<String>, line: u32) -> Anchor {
        Anchor { patch_set: 1, file: file.into(), side: Side::Head, line, hash: None, last: None, span: None }
    }

    /// A line of the code before the change, in the first patch set.
    pub fn base(file: impl Into<String>, line: u32) -> Anchor {
        Anchor { side: Side::Base, ..Anchor::head(file, line) }
    }

    /// The same up to another line; for the same line, that line alone.
    pub fn to(self, last: u32) -> Anchor {
        Anchor { last: (last != self.line).then_some(last), span: None, ..self }
    }

    /// In another patch set than the first.
    pub fn on(self, patch_set: u32) -> Anchor {
        Anchor { patch_set, ..self }
    }

    /// The last line's number: the only one's, unless there are several.
    pub fn last_line(&self) -> u32 {
        self.last.unwrap_or(self.line)
    }

    /// Whether such lines can be: numbers from 1, in order, and no more than
    /// [`Limits::RANGE_LINES`](crate::limits::Limits::RANGE_LINES).
    pub fn is_possible(&self) -> bool {
        let lines = self.last.is_none_or(|last| last > self.line && last - self.line < Limits::RANGE_LINES);
        self.line > 0 && lines && self.file.len() <= Limits::PATH_BYTES
    }

    /// Whether it shares a line with another, in the same state of the same file.
    pub fn meets(&self, other: &Anchor) -> bool {
        (self.patch_set, self.side, &self.file) == (other.patch_set, other.side, &other.file)
            && self.line <= other.last_line()
            && other.line <= self.last_line()
    }
}
