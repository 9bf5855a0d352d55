//! Where the lines of one patch set are in the next.
//!
//! A diff holds hunks, not files, so of most lines nothing is known. What is found is only ever what can be
//! shown, and what cannot is gone: a comment on such a line is outdated, never on other code.
//!
//! * If both diffs start from the same content (git's `index` lines say so, or the file is new in both), a kept
//!   line is followed through the base by its number: from the old head back to the base, from there to the new
//!   head. That is exact, for lines in no hunk too. Lines that were added are then searched for between those.
//! * If nothing says so but every base line that both diffs carry reads the same at the same number, the same is
//!   done for lines that both carry. Of others nothing is claimed.
//! * Otherwise, as after a rebase, stretches of at least three lines with one that occurs once in each diff are
//!   matched in their order, and what lies between two of them without a gap is compared line by line.
//!
//! Whatever is found is held against the content: no line is mapped to one that is known to read otherwise.
//! The work is bounded: what would take too long to compare is gone as well.

mod align;
mod column;
mod pair;
mod runs;

#[cfg(test)]
pub(super) mod rounds;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FileDiff, FileStatus, PatchSet};
use crate::review::Side;
use align::Budget;

/// The most runs of one map: a diff with every other line changed has no more to say than that its lines are gone.
const MAX_RUNS: usize = 200_000;

pub use runs::Run;

/// Where the lines of one patch set are in the next. Stored with the later one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineMap {
    /// By the path in the earlier patch set; a file that the later one does not have is absent.
    files: BTreeMap<String, FileMap>,
}

/// Where the lines of one file are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileMap {
    /// Its path in the later patch set, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The lines before the change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub base: Vec<Run>,
    /// The lines after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub head: Vec<Run>,
}

/// What became of some lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MappedLines {
    /// They are there, at the same number in the same file.
    Current,
    /// They are there, elsewhere.
    Moved {
        /// The path in the later patch set.
        file: String,
        /// The number of the first of them.
        line: u32,
    },
    /// They are gone, or nothing says where they are.
    Outdated {
        /// The file's path in the later patch set, if that has the file.
        file: Option<String>,
    },
}

impl LineMap {
    /// Finds the lines of `old` in `new`.
    pub fn between(old: &PatchSet, new: &PatchSet) -> LineMap {
        let mut budget = Budget::default();
        let index = Index::new(new);
        let (mut files, mut all) = (BTreeMap::new(), 0);
        for file in old.files() {
            let Some(other) = index.find(file) else { continue };
            let path = file.path().to_owned();
            // A path that stands twice has been deleted and added: each side is in one of them.
            let found: &mut FileMap = files.entry(path).or_default();
            if other.path() != file.path() {
                found.path = Some(other.path().to_owned());
            }
            for side in [Side::Base, Side::Head] {
                let other = index.with_lines(other, side);
                let mut runs = pair::runs(file, other, side, &mut budget);
                all += runs.len();
                runs.truncate(if all > MAX_RUNS { 0 } else { runs.len() });
                let filled = if side == Side::Base { &mut found.base } else { &mut found.head };
                if filled.is_empty() {
                    *filled = runs;
                }
            }
        }
        LineMap { files }
    }

    /// What became of the lines from `line` to `last` of a file's side. They are found together or not at all.
    pub fn map(&self, file: &str, side: Side, line: u32, last: u32) -> MappedLines {
        let Some(found) = self.files.get(file) else { return MappedLines::Outdated { file: None } };
        let path = found.path.as_deref().unwrap_or(file);
        let runs = if side == Side::Base { &found.base } else { &found.head };
        match runs::find(runs, line, last) {
            Some(new) if new == line && path == file => MappedLines::Current,
            Some(new) => MappedLines::Moved { file: path.to_owned(), line: new },
            None => MappedLines::Outdated { file: Some(path.to_owned()) },
        }
    }

    /// The files, by their paths in the earlier patch set.
    pub fn files(&self) -> &BTreeMap<String, FileMap> {
        &self.files
    }
}

/// The files of the later patch set, by what an earlier one may know them by.
struct Index<'a> {
    by_path: BTreeMap<&'a str, Vec<&'a FileDiff>>,
    renamed: BTreeMap<&'a str, &'a FileDiff>,
}

impl<'a> Index<'a> {
    fn new(patch_set: &'a PatchSet) -> Index<'a> {
        let mut index = Index { by_path: BTreeMap::new(), renamed: BTreeMap::new() };
        for file in patch_set.files() {
            index.by_path.entry(file.path()).or_default().push(file);
            if let (FileStatus::Renamed, Some(old)) = (file.status, file.old_path.as_deref()) {
                index.renamed.entry(old).or_insert(file);
            }
        }
        index
    }

    /// The same file: of the same path, or else what one of its names was renamed to, or else under the name that
    /// it has not been renamed from any more.
    fn find(&self, file: &FileDiff) -> Option<&'a FileDiff> {
        let same = |path: &str| self.by_path.get(path).and_then(|files| files.first()).copied();
        let before = file.old_path.as_deref().filter(|_| file.status == FileStatus::Renamed);
        let renamed = |path: Option<&str>| path.and_then(|path| self.renamed.get(path)).copied();
        same(file.path())
            .or_else(|| renamed(Some(file.path())))
            .or_else(|| renamed(file.old_path.as_deref()).filter(|_| file.status != FileStatus::Copied))
            .or_else(|| before.and_then(same))
    }

    /// Of a path that stands twice, the file with lines on a side.
    fn with_lines(&self, file: &'a FileDiff, side: Side) -> &'a FileDiff {
        let has = |file: &FileDiff| file.hunks.iter().any(|hunk| !hunk.range(side).is_empty());
        let all = self.by_path.get(file.path()).into_iter().flatten();
        all.copied().find(|file| has(file)).unwrap_or(file)
    }
}
