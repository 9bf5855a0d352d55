//! Line maps of real commits against what git says of them.

use std::collections::BTreeMap;

use super::{LineMap, MappedLines, Run, pair, runs};
use crate::diff::PatchSet;
use crate::review::Side;

fn parse(text: &str) -> PatchSet {
    PatchSet::parse(text.as_bytes()).unwrap()
}

macro_rules! rounds {
    ($($nth:literal)*) => {
        [$([
            include_str!(concat!("../testdata/rounds/", $nth, ".first.diff")),
            include_str!(concat!("../testdata/rounds/", $nth, ".second.diff")),
            include_str!(concat!("../testdata/rounds/", $nth, ".between.diff")),
        ]),*]
    };
}

/// Two rounds of work on one file, ten times: the diff of the first commit, of both, and what really lies between.
pub(in crate::diff) const ROUNDS: [[&str; 3]; 10] = rounds!("0" "1" "2" "3" "4" "5" "6" "7" "8" "9");

/// What git says of the lines between two commits.
fn truth(between: &PatchSet) -> Vec<Run> {
    pair::kept(&between.files()[0])
}

#[test]
fn real_commits_are_followed_as_git_does() {
    let mut all = BTreeMap::<&str, [usize; 3]>::new();
    for [one, second, between] in ROUNDS {
        let (first, between) = (parse(one), parse(between));
        let truth = truth(&between);
        let path = first.files()[0].path();
        // The second round on the same base; without git's names; and as if the first had been merged before it.
        let plain = |text: &str| {
            text.lines().filter(|l| !l.starts_with("index ")).map(|l| format!("{l}\n")).collect::<String>()
        };
        let stripped = (parse(&plain(one)), parse(&plain(second)));
        let cases = [
            ("same base", LineMap::between(&first, &parse(second))),
            ("unnamed", LineMap::between(&stripped.0, &stripped.1)),
            ("rebased", LineMap::between(&first, &between)),
        ];
        let second = parse(second);
        for (case, map) in cases {
            let counts = all.entry(case).or_default();
            let new = if case == "rebased" { &between } else { &second };
            for hunk in &first.files()[0].hunks {
                for number in hunk.range(Side::Head) {
                    let found = match map.map(path, Side::Head, number, number) {
                        MappedLines::Current => Some(number),
                        MappedLines::Moved { line, .. } => Some(line),
                        MappedLines::Outdated { .. } => None,
                    };
                    let real = runs::find(&truth, number, number);
                    let carried = real.is_some_and(|line| new.line(path, Side::Head, line).is_some());
                    let text = first.line(path, Side::Head, number);
                    let reads =
                        |line: u32| new.line(path, Side::Head, line).is_none_or(|other| Some(other) == text);
                    assert!(found.is_none_or(reads), "{case} {path} {number}: {found:?}");
                    counts[0] += usize::from(carried);
                    counts[1] += usize::from(carried && found == real);
                    counts[2] += usize::from(found.is_some() && found != real);
                }
            }
        }
    }
    for (case, [carried, found, elsewhere]) in all {
        // After a rebase little is known, and what is not known is outdated rather than wrong. What is found elsewhere
        // are braces and empty lines of which one went: which one is anybody's guess, and git's is another.
        let least = if case == "rebased" { 80 } else { 98 };
        assert!(found * 100 >= carried * least, "{case}: {found} of {carried}");
        assert!(elsewhere * 100 <= carried * 3, "{case}: {elsewhere} of {carried}");
    }
}
