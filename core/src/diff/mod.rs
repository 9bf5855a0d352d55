//! Unified diffs: what `git diff`, `git show`, `git format-patch` and `diff -u` print, as a model.
//!
//! [`PatchSet::parse`] reads the bytes, trusts only the counts in the hunk headers, and refuses whatever
//! does not add up with a [`DiffError`] that names the line. It is linear in the size of its input.
//!
//! # What is refused, and what is let pass
//!
//! * Text before, between and after the files (commit messages, mail headers, the `-- ` signature) is
//!   skipped. A hunk with no file header before it is not: skipping it would lose a change.
//! * The last line the parser uses must end in a newline, as every tool writes it: without one there is
//!   no telling a whole line from half of one.
//! * Between two hunks, and before the first, as many lines lie on one side as on the other. Where they do not, changes
//!   are left out, as with `git diff --ignore-blank-lines`, and numbers behind them would point at other lines.
//! * Combined diffs (`diff --cc`) have two bases, so their lines have no single old number.
//! * Bytes that are not UTF-8 become U+FFFD, in content and in names, and [`FileDiff::lossy`] says so.
//!
//! # JSON
//!
//! The model serialises to the shape below, reads back only that shape, and rejects unknown fields, counts
//! that disagree with the lines, and hunks that overlap. `?` marks a field that is left out when it is
//! empty or false. Every line is one string, its kind the first character, so that the JSON stays about
//! as long as the diff; the rare "no newline at end of file" is a list of indices into `lines`.
//!
//! ```typescript
//! interface PatchSet { files: FileDiff[] }
//!
//! interface FileDiff {
//!   status: "added" | "deleted" | "modified" | "renamed" | "copied" | "mode_changed";
//!   old_path?: string;    // absent for an added file
//!   new_path?: string;    // absent for a deleted file
//!   old_mode?: string;    // six octal digits; of a deleted file or a changed mode
//!   new_mode?: string;    // six octal digits; of an added file or a changed mode
//!   old_id?: string;      // what git calls the content before the change, abbreviated; absent if there is none
//!   new_id?: string;      // the same of the content after the change
//!   similarity?: number;  // percent, 0 to 100; of a renamed or copied file
//!   binary?: true;        // the content differs and is not shown
//!   lossy?: true;         // some bytes were not UTF-8 and were replaced
//!   hunks?: Hunk[];
//! }
//!
//! interface Hunk {
//!   old_start: number;    // 1-based, as in the header: 0, or the line before, when old_count is 0
//!   old_count: number;
//!   new_start: number;
//!   new_count: number;
//!   section?: string;     // the text after the second "@@"
//!   lines: string[];      // " context", "-removed" or "+added"; no "\n", but a "\r" is content
//!   no_newline?: number[];  // ascending 0-based indices into lines
//! }
//! ```

mod changed;
mod content;
mod cursor;
mod error;
mod hash;
mod header;
mod hunk;
mod index;
mod line_map;
mod model;
mod parse;
mod path;
mod wire;

#[cfg(test)]
mod tests;

pub use changed::{ChangedFile, changed_files};
pub use error::DiffError;
pub use hash::{LineHash, ParseLineHashError};
pub use line_map::{FileMap, LineMap, MappedLines, Run};
pub use model::{FileDiff, FileStatus, Hunk, Line, LineKind, PatchSet};

/// The longest diff that is parsed, in bytes.
pub const MAX_DIFF_BYTES: usize = 10 * 1024 * 1024;

/// The most files one diff may carry.
pub const MAX_FILES: usize = 10_000;

/// The longest file name, in bytes: what Linux calls `PATH_MAX`.
pub const MAX_PATH_BYTES: usize = 4096;
