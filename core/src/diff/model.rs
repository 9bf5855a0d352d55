//! The model of a diff: files, hunks, lines. Its JSON is described in [`super`].

use std::ops::Range;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::index::LineIndex;
use super::{DiffError, parse};
use crate::review::Side;

/// A whole diff. It does not change once it is made, so its index of lines never goes stale.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "super::wire::WirePatchSet")]
pub struct PatchSet {
    files: Vec<FileDiff>,
    /// Made at the first look-up: most diffs are only shown.
    #[serde(skip)]
    index: OnceLock<LineIndex>,
}

impl PatchSet {
    /// Parses a diff of at most [`MAX_DIFF_BYTES`](super::MAX_DIFF_BYTES).
    ///
    /// # Errors
    ///
    /// A [`DiffError`] that says what is wrong with the input and at which line. Never panics.
    pub fn parse(bytes: &[u8]) -> Result<Self, DiffError> {
        parse::parse(bytes).map(Self::new)
    }

    pub(super) fn new(files: Vec<FileDiff>) -> Self {
        Self { files, index: OnceLock::new() }
    }

    /// The files, in the order of the diff. A path may occur twice: a file that became a symbolic link is
    /// one file deleted and one added.
    pub fn files(&self) -> &[FileDiff] {
        &self.files
    }

    /// The files, by value.
    pub fn into_files(self) -> Vec<FileDiff> {
        self.files
    }

    /// The content of a line by its 1-based number on a side, or `None` if the diff does not carry it.
    ///
    /// `file` is a [`FileDiff::path`], on either side. The base side holds context and removed lines, the
    /// head side context and added ones. Where a path occurs twice, the first that has lines on the side
    /// counts. The first look-up takes time linear in the diff, every further one O(log n).
    pub fn line(&self, file: &str, side: Side, line: u32) -> Option<&str> {
        self.index.get_or_init(|| LineIndex::new(&self.files)).line(&self.files, file, side, line)
    }
}

impl PartialEq for PatchSet {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl Eq for PatchSet {}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    /// The file is new.
    Added,
    /// The file is gone.
    Deleted,
    /// The content has changed, perhaps with the mode.
    Modified,
    /// The file has a new name, and perhaps new content.
    Renamed,
    /// The file began as a copy of another, which is still there.
    Copied,
    /// The mode has changed and nothing else.
    ModeChanged,
}

/// The changes to one file. As the parser makes it, it has at least one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDiff {
    /// What happened to the file.
    pub status: FileStatus,
    /// The name before the change, without git's `a/`; `None` for an added file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_path: Option<String>,
    /// The name after the change, without git's `b/`; `None` for a deleted file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_path: Option<String>,
    /// The mode before the change, six octal digits; only of a deleted file or a changed mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_mode: Option<String>,
    /// The mode after the change, six octal digits; only of an added file or a changed mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_mode: Option<String>,
    /// What git calls the content before the change, abbreviated as in the diff: lowercase hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_id: Option<String>,
    /// What git calls the content after the change, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_id: Option<String>,
    /// How much of a renamed or copied file has stayed the same, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity: Option<u8>,
    /// Whether the content is binary and therefore not shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub binary: bool,
    /// Whether bytes that are not UTF-8 were replaced by U+FFFD, in the content or a name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lossy: bool,
    /// The changes in content, in ascending order on both sides, and without overlap.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hunks: Vec<Hunk>,
}

impl FileDiff {
    /// The name by which a comment is anchored: the new one, or the old one of a deleted file.
    pub fn path(&self) -> &str {
        self.new_path.as_deref().or(self.old_path.as_deref()).unwrap_or_default()
    }

    /// How many lines were added, and how many removed.
    pub fn counts(&self) -> (usize, usize) {
        self.hunks.iter().flat_map(|hunk| &hunk.lines).fold((0, 0), |(added, removed), line| {
            match line.kind {
                LineKind::Context => (added, removed),
                LineKind::Added => (added + 1, removed),
                LineKind::Removed => (added, removed + 1),
            }
        })
    }
}

/// A run of changed lines, with context. The starts and counts are those of its header.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "super::wire::WireHunk")]
pub struct Hunk {
    /// The number of the first line before the change; if `old_count` is 0, of the line before it, or 0.
    pub old_start: u32,
    /// How many lines of the old file the hunk covers: its context and removed lines.
    pub old_count: u32,
    /// The number of the first line after the change; if `new_count` is 0, of the line before it, or 0.
    pub new_start: u32,
    /// How many lines of the new file the hunk covers: its context and added lines.
    pub new_count: u32,
    /// The text after the second `@@`: as a rule the function the hunk is in; often empty.
    pub section: String,
    /// The lines, in the order of the diff.
    pub lines: Vec<Line>,
}

impl Hunk {
    /// The 1-based numbers of the lines the hunk covers on a side; empty, and placed where its lines would
    /// be, if it covers none.
    pub fn range(&self, side: Side) -> Range<u32> {
        let (start, count) = match side {
            Side::Base => (self.old_start, self.old_count),
            Side::Head => (self.new_start, self.new_count),
        };
        let begin = start.saturating_add(u32::from(count == 0));
        begin..begin.saturating_add(count)
    }

    /// Whether the header's numbers make sense: lines count from 1, the last fits, something is covered.
    pub(super) fn in_range(&self) -> bool {
        let fits = |start: u32, count: u32| match count {
            0 => start < u32::MAX,
            _ => start > 0 && start.checked_add(count).is_some(),
        };
        fits(self.old_start, self.old_count)
            && fits(self.new_start, self.new_count)
            && (self.old_count > 0 || self.new_count > 0)
    }

    /// Whether the hunk begins, on both sides, no earlier than `previous` ends.
    pub(super) fn follows(&self, previous: &Hunk) -> bool {
        [Side::Base, Side::Head].into_iter().all(|side| self.range(side).start >= previous.range(side).end)
    }
}

/// What a line of a hunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// On both sides.
    Context,
    /// On the head side only.
    Added,
    /// On the base side only.
    Removed,
}

impl LineKind {
    /// Whether a line of this kind is part of the file on `side`.
    pub fn is_on(self, side: Side) -> bool {
        match self {
            Self::Context => true,
            Self::Added => matches!(side, Side::Head),
            Self::Removed => matches!(side, Side::Base),
        }
    }

    /// The character a diff, and the JSON, puts before the line.
    pub fn prefix(self) -> char {
        match self {
            Self::Context => ' ',
            Self::Added => '+',
            Self::Removed => '-',
        }
    }
}

/// A line of a hunk. It has no JSON of its own: in a [`Hunk`] it is a string, with its prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which sides it is on.
    pub kind: LineKind,
    /// Its content without the `\n`; a `\r` before that is content.
    pub text: String,
    /// Whether it is the last of its file and lacks the `\n`.
    pub no_newline: bool,
}
