//! Why a diff was refused.

use thiserror::Error;

use super::{MAX_DIFF_BYTES, MAX_FILES, MAX_PATH_BYTES};

/// Why a diff was refused. Every `line` is a 1-based line number of the input.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DiffError {
    /// The input holds nothing but white space.
    #[error("the diff is empty")]
    Empty,
    /// The input was read to its last line, and no file header was found.
    #[error("no file header in {line} lines: this is not a unified diff")]
    NotADiff {
        /// The last line of the input.
        line: usize,
    },
    /// Something that was announced is missing: the input, or one of its files, was cut short.
    #[error("line {line}: the diff is cut short, expected {expected}")]
    Truncated {
        /// The last line of the input, or the line at which the next file begins instead.
        line: usize,
        /// What should have come, in words.
        expected: String,
    },
    /// A line begins with `@@` and is not a hunk header.
    #[error("line {line}: malformed hunk header, expected `@@ -start,count +start,count @@`")]
    BadHunkHeader {
        /// The line of the header.
        line: usize,
    },
    /// A hunk header has a line number past 2³²−1, or counts from line 0.
    #[error("line {line}: the line numbers of this hunk are out of range")]
    HunkOutOfRange {
        /// The line of the header.
        line: usize,
    },
    /// A hunk begins before the previous one of its file has ended.
    #[error("line {line}: this hunk overlaps the one before it, or is out of order")]
    HunkOutOfOrder {
        /// The line of the header.
        line: usize,
    },
    /// A hunk does not stand where the lines that came and went before it put it: changes in between are not shown.
    #[error(
        "line {line}: the hunks before this one leave changes out, as with `--ignore-blank-lines`; use plain `git diff`"
    )]
    HidesChanges {
        /// The line of the header.
        line: usize,
    },
    /// A line that cannot stand where it does.
    #[error("line {line}: unexpected line, expected {expected}")]
    UnexpectedLine {
        /// The line.
        line: usize,
        /// What should have come, in words.
        expected: String,
    },
    /// A file name that is missing, malformed, too long, or contradicts the rest of its header.
    #[error("line {line}: the file name is missing, malformed, contradictory or over {MAX_PATH_BYTES} bytes")]
    BadPath {
        /// The line that should have carried the name.
        line: usize,
    },
    /// A combined diff, as git prints it for merges.
    #[error("line {line}: combined diffs of merges are not supported, use `git diff` between two commits")]
    Combined {
        /// The line that gives it away.
        line: usize,
    },
    /// A line is coloured for a terminal.
    #[error("line {line}: the diff is coloured for a terminal, use `git diff --no-color`")]
    Coloured {
        /// The first such line.
        line: usize,
    },
    /// A second file of the same path, as in the output of `git log -p`.
    #[error("line {line}: this file's path has stood before; give one diff, such as `git diff A B`")]
    RepeatedPath {
        /// The line at which the second begins.
        line: usize,
    },
    /// The input is longer than [`MAX_DIFF_BYTES`].
    #[error("the diff is {bytes} bytes long, the limit is {MAX_DIFF_BYTES}")]
    TooLarge {
        /// The length of the input, in bytes.
        bytes: usize,
    },
    /// The input has more than [`MAX_FILES`] files.
    #[error("line {line}: more than {MAX_FILES} files")]
    TooManyFiles {
        /// The line at which the first file too many begins.
        line: usize,
    },
}

impl DiffError {
    /// The error's stable name, in snake case, for programs to tell errors apart.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotADiff { .. } => "not_a_diff",
            Self::Truncated { .. } => "truncated",
            Self::BadHunkHeader { .. } => "bad_hunk_header",
            Self::HunkOutOfRange { .. } => "hunk_out_of_range",
            Self::HunkOutOfOrder { .. } => "hunk_out_of_order",
            Self::HidesChanges { .. } => "hides_changes",
            Self::UnexpectedLine { .. } => "unexpected_line",
            Self::BadPath { .. } => "bad_path",
            Self::Combined { .. } => "combined",
            Self::Coloured { .. } => "coloured",
            Self::RepeatedPath { .. } => "repeated_path",
            Self::TooLarge { .. } => "too_large",
            Self::TooManyFiles { .. } => "too_many_files",
        }
    }

    /// The 1-based line of the input the error is about; `None` if it is about the input as a whole.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Empty | Self::TooLarge { .. } => None,
            Self::NotADiff { line }
            | Self::Truncated { line, .. }
            | Self::BadHunkHeader { line }
            | Self::HunkOutOfRange { line }
            | Self::HunkOutOfOrder { line }
            | Self::HidesChanges { line }
            | Self::UnexpectedLine { line, .. }
            | Self::BadPath { line }
            | Self::Combined { line }
            | Self::Coloured { line }
            | Self::RepeatedPath { line }
            | Self::TooManyFiles { line } => Some(*line),
        }
    }
}
