//! Where a comment stands once the code under review has moved on.

use serde::{Deserialize, Serialize};

use super::Anchor;
use crate::id::CommentId;

/// What became of the lines that a comment was written on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceState {
    /// They are where they were.
    Current,
    /// They are elsewhere: under another number, or in a file of another name.
    Moved,
    /// They are gone, or nothing says where they are. The comment belongs to the file as a whole.
    Outdated,
}

impl PlaceState {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            PlaceState::Current => "current",
            PlaceState::Moved => "moved",
            PlaceState::Outdated => "outdated",
        }
    }
}

/// How a comment came to stand where it does. Its place is an anchor in the newest patch set, except for an outdated
/// comment's: that is the last one that was right.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// What became of its lines.
    pub state: PlaceState,
    /// Where it was written.
    pub written: Anchor,
    /// Of an outdated comment: its file's path in the newest patch set, absent if that does not have the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Of an outdated comment: its lines as they last were, and a few around them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<ContextLine>,
}

/// A line of code that is not there any more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextLine {
    /// Its number on the anchor's side of the anchor's patch set.
    pub line: u32,
    /// Its content, cut where it is long.
    pub text: String,
}

/// A comment stands elsewhere, or otherwise, since there is a new patch set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// Which comment; one that starts a thread.
    pub comment: CommentId,
    /// Its place from now on.
    pub anchor: Anchor,
    /// How it came there.
    pub standing: Standing,
}
