//! Diffs, and the JSON of what was parsed.

use std::collections::BTreeSet;

use interline_core::diff::PatchSet;
use interline_core::review::{LineHash, Side};

/// A diff; or, beginning with a brace, the JSON of one.
pub(crate) fn target(data: &[u8]) {
    match PatchSet::parse(data) {
        Ok(diff) => checked(&diff),
        Err(error) => {
            let lines = data.split(|byte| *byte == b'\n').count();
            assert!(error.line().is_none_or(|line| line >= 1 && line <= lines), "{error}");
            assert!(!error.to_string().is_empty() && !error.code().is_empty());
        }
    }
    if data.first() == Some(&b'{')
        && let Ok(diff) = serde_json::from_slice::<PatchSet>(data)
    {
        checked(&diff);
    }
}

fn checked(diff: &PatchSet) {
    let json = serde_json::to_string(diff).unwrap();
    let again: PatchSet = serde_json::from_str(&json).expect("what was written is a diff");
    assert_eq!(&again, diff);
    let mut seen = BTreeSet::new();
    for file in diff.files() {
        assert!(!file.path().is_empty());
        let (added, removed) = file.counts();
        let lines: usize = file.hunks.iter().map(|hunk| hunk.lines.len()).sum();
        assert!(added + removed <= lines);
        for side in [Side::Base, Side::Head] {
            let hunks = file.hunks.iter().filter(|hunk| !hunk.range(side).is_empty());
            // Where a path occurs twice, the first file with lines on the side counts.
            let first = hunks.clone().count() > 0 && seen.insert((file.path(), side));
            for hunk in hunks {
                let range = hunk.range(side);
                let there = hunk.lines.iter().filter(|line| line.kind.is_on(side));
                assert_eq!(there.clone().count(), range.len());
                for (number, line) in range.zip(there).filter(|_| first) {
                    let found = diff.line(file.path(), side, number).expect("the line is there");
                    assert_eq!(found, line.text);
                    assert!(!found.contains('\n'));
                    let hash = LineHash::of(found);
                    assert_eq!(hash.to_string().parse(), Ok(hash));
                }
            }
        }
        for line in [0, 1, u32::MAX] {
            let _ = (diff.line(file.path(), Side::Base, line), diff.line(file.path(), Side::Head, line));
        }
    }
    assert_eq!(diff.line("", Side::Head, 1), None);
}
