//! Where a comment sits in the code.

use serde::{Deserialize, Serialize};

pub use crate::diff::LineHash;
use crate::id::CommentId;

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

/// A line of the diff.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// Which state of the code, counted from 1.
    pub patch_set: u32,
    /// The file's path: the new one, or the old one of a deleted file.
    pub file: String,
    /// Which half of the diff.
    pub side: Side,
    /// The line's number on that side, counted from 1.
    pub line: u32,
    /// The hash of the line's content. A client may leave it out; in the log it is always there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<LineHash>,
}

impl Anchor {
    /// A line of the code after the change, in the first patch set.
    pub fn head(file: impl Into<String>, line: u32) -> Anchor {
        Anchor { patch_set: 1, file: file.into(), side: Side::Head, line, hash: None }
    }

    /// A line of the code before the change, in the first patch set.
    pub fn base(file: impl Into<String>, line: u32) -> Anchor {
        Anchor { side: Side::Base, ..Anchor::head(file, line) }
    }
}
