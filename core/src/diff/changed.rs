//! What has changed from one patch set to another, file by file: for whoever looked at the earlier one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{FileDiff, LineKind, LineMap, MappedLines, PatchSet};
use crate::review::Side;

/// How much of a file has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    /// Its path in the later patch set; in the earlier one, if the later does not have it.
    pub file: String,
    /// How many lines came.
    pub added: u32,
    /// How many lines went.
    pub removed: u32,
}

/// The numbers of a file's lines of one kind.
type Numbers = BTreeSet<u32>;

/// The lines of a path that a diff adds and removes, and all that it shows of the state after it.
#[derive(Default)]
struct Lines<'a> {
    /// As they stand in the diff, wherever in the file that is.
    all: Vec<(LineKind, &'a str)>,
    added: Numbers,
    removed: Numbers,
    head: Numbers,
    /// What it says of the file as a whole.
    headers: Vec<Header<'a>>,
}

/// What a diff says of a file beside its lines.
#[derive(PartialEq)]
struct Header<'a> {
    path: Option<&'a str>,
    mode: Option<&'a str>,
    /// Which content a binary file has.
    content: Option<&'a str>,
    binary: bool,
}

/// The files whose state after the change is another in `new` than in `old`, by path.
///
/// A line that one of them adds came if it is nowhere in the other, and went the other way round; a line that only one
/// of them removes is there in the state after the other. Where lines are is told by [`LineMap::between`].
pub fn changed_files(old: &PatchSet, new: &PatchSet) -> Vec<ChangedFile> {
    let map = LineMap::between(old, new);
    let (before, mut after) = (lines(old), lines(new));
    let mut changed = Vec::new();
    for (path, was) in before {
        let found = map.files().get(path);
        let now = found.map(|found| found.path.as_deref().unwrap_or(path));
        // A path stands for one file; of several that came together there the first is followed.
        let is = now.and_then(|now| after.remove(now)).unwrap_or_default();
        let file = now.unwrap_or(path).to_owned();
        if was.all == is.all {
            // Where the lines are does not matter, if anything tells.
            if was.headers != is.headers {
                changed.push(ChangedFile { file, added: 0, removed: 0 });
            }
            continue;
        }
        let to = |side, line| match map.map(path, side, line, line) {
            MappedLines::Current => Some(line),
            MappedLines::Moved { line, .. } => Some(line),
            MappedLines::Outdated { .. } => None,
        };
        let kept: Numbers = was.head.iter().filter_map(|line| to(Side::Head, *line)).collect();
        let still: Numbers = was.removed.iter().filter_map(|line| to(Side::Base, *line)).collect();
        let gone = was.added.iter().filter(|line| to(Side::Head, **line).is_none()).count();
        // What the other removes is there, and nothing else of the old code is known to be.
        let restored = match now {
            Some(_) => still.difference(&is.removed).count(),
            None => was.removed.len(),
        };
        let taken = is.removed.difference(&still).count();
        let came = is.added.difference(&kept).count();
        let count = |lines: usize| u32::try_from(lines).unwrap_or(u32::MAX);
        let one = ChangedFile { file, added: count(came + restored), removed: count(gone + taken) };
        if one.added + one.removed > 0 || was.headers != is.headers {
            changed.push(one);
        }
    }
    changed.extend(after.into_iter().map(|(path, is)| ChangedFile {
        file: path.to_owned(),
        added: u32::try_from(is.added.len()).unwrap_or(u32::MAX),
        removed: u32::try_from(is.removed.len()).unwrap_or(u32::MAX),
    }));
    changed.sort_by(|a, b| a.file.cmp(&b.file));
    changed
}

/// A path that stands twice, as deleted and as added, is one file.
fn lines(of: &PatchSet) -> BTreeMap<&str, Lines<'_>> {
    let mut files: BTreeMap<&str, Lines<'_>> = BTreeMap::new();
    for file in of.files() {
        let lines = files.entry(file.path()).or_default();
        lines.headers.push(header(file));
        for hunk in &file.hunks {
            let (mut base, mut head) = (hunk.range(Side::Base).start, hunk.range(Side::Head).start);
            for line in &hunk.lines {
                lines.all.push((line.kind, &line.text));
                match line.kind {
                    LineKind::Added => lines.added.insert(head),
                    LineKind::Removed => lines.removed.insert(base),
                    LineKind::Context => false,
                };
                if line.kind.is_on(Side::Head) {
                    lines.head.insert(head);
                    head = head.saturating_add(1);
                }
                if line.kind.is_on(Side::Base) {
                    base = base.saturating_add(1);
                }
            }
        }
    }
    files
}

fn header(file: &FileDiff) -> Header<'_> {
    let content = file.new_id.as_deref().filter(|_| file.binary);
    Header { path: file.new_path.as_deref(), mode: file.new_mode.as_deref(), content, binary: file.binary }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::line_map::rounds::ROUNDS;

    fn changes(old: &str, new: &str) -> Vec<(String, u32, u32)> {
        let parse = |diff: &str| PatchSet::parse(diff.as_bytes()).unwrap();
        let changed = changed_files(&parse(old), &parse(new));
        changed.into_iter().map(|one| (one.file, one.added, one.removed)).collect()
    }

    const FIRST: &str = "diff --git a/x b/x\nindex 1111111..2222222 100644\n--- a/x\n+++ b/x\n\
        @@ -1,4 +1,5 @@\n one\n-two\n+2\n+more\n three\n four\n";

    fn second(lines: &str, counts: &str) -> String {
        format!(
            "diff --git a/x b/x\nindex 1111111..3333333 100644\n--- a/x\n+++ b/x\n@@ {counts} @@\n{lines}"
        )
    }

    #[test]
    fn the_same_is_no_change() {
        assert_eq!(changes(FIRST, FIRST), []);
    }

    #[test]
    fn what_reads_the_same_elsewhere_is_no_change() {
        let plain = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-b\n+c\n";
        assert_eq!(changes(plain, &plain.replace("-1 +1", "-7 +7")), []);
        assert_eq!(changes(plain, &plain.replace("+c", "+d")), [("x".into(), 1, 1)]);
    }

    #[test]
    fn lines_that_came_and_went_are_counted() {
        let edited = second(" one\n-two\n+2\n+most\n three\n four\n", "-1,4 +1,5");
        assert_eq!(changes(FIRST, &edited), [("x".into(), 1, 1)]);
        let also = second(" one\n-two\n+2\n+more\n three\n-four\n", "-1,4 +1,4");
        assert_eq!(changes(FIRST, &also), [("x".into(), 0, 1)]);
        assert_eq!(changes(&also, FIRST), [("x".into(), 1, 0)], "what was removed is back");
        let shown = second(" one\n-two\n+2\n+more\n three\n four\n five\n", "-1,5 +1,6");
        assert_eq!(changes(FIRST, &shown), [], "more of the surroundings is no change");
    }

    #[test]
    fn files_that_came_and_went_are_counted() {
        let other = "diff --git a/y b/y\nnew file mode 100644\nindex 0000000..4444444\n--- /dev/null\n+++ b/y\n\
            @@ -0,0 +1,2 @@\n+a\n+b\n";
        let both = format!("{FIRST}{other}");
        assert_eq!(changes(FIRST, &both), [("y".into(), 2, 0)]);
        assert_eq!(changes(&both, FIRST), [("y".into(), 0, 2)]);
        assert_eq!(changes(FIRST, other), [("x".into(), 1, 2), ("y".into(), 2, 0)]);
    }

    #[test]
    fn binary_files_and_names_are_told_without_lines() {
        let binary = |id: &str| {
            format!("diff --git a/b b/b\nindex 1111111..{id} 100644\nBinary files a/b and b/b differ\n")
        };
        assert_eq!(changes(&binary("2222222"), &binary("3333333")), [("b".into(), 0, 0)]);
        assert_eq!(changes(&binary("2222222"), &binary("2222222")), []);
    }

    #[test]
    fn against_what_git_says_of_ten_rounds() {
        // Of the lines that git says lie between, those that both diffs show have to be counted: at most a few others
        // beside equal ones, of which it cannot be said which one went.
        for (n, round) in ROUNDS.iter().enumerate() {
            let [first, second, between] = round.map(|diff| PatchSet::parse(diff.as_bytes()).unwrap());
            let (added, removed) = between.files().iter().fold((0, 0), |(added, removed), file| {
                let (more, less) = file.counts();
                (added + more as i64, removed + less as i64)
            });
            let found = changed_files(&first, &second);
            let sum = |count: fn(&ChangedFile) -> u32| -> i64 {
                found.iter().map(|one| i64::from(count(one))).sum()
            };
            let (came, went) = (sum(|one| one.added), sum(|one| one.removed));
            assert_eq!(came - went, added - removed, "round {n}: {found:?}");
            assert!(
                (came - added).abs() <= 2 && (went - removed).abs() <= 2,
                "round {n}: +{came} -{went}, git +{added} -{removed}"
            );
        }
    }
}
