//! Diffs made from scratch, with both sides known.

use std::fmt::Write;

use proptest::prelude::*;

/// One line of an edit: its prefix and its text.
pub(in crate::diff) type Edit = (char, String);

/// Edits of one file, with many lines that look like parts of a diff.
pub(super) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let text = prop_oneof![
        "[a-c \\r\\t]{0,3}",
        "\\PC{0,8}",
        Just("-- x".to_owned()),
        Just("++ b/x".to_owned()),
        Just("@@ -1 +1 @@".to_owned()),
        Just("diff --git a/x b/x".to_owned()),
    ];
    let kind = prop_oneof![4 => Just(' '), 1 => Just('-'), 1 => Just('+')];
    prop::collection::vec((kind, text), 1..40)
        .prop_filter("has a change", |edits| edits.iter().any(|edit| edit.0 != ' '))
}

/// The lines of the side that has the lines prefixed with `own`.
pub(super) fn side(edits: &[Edit], own: char) -> Vec<&str> {
    edits.iter().filter(|(kind, _)| *kind == ' ' || *kind == own).map(|(_, text)| text.as_str()).collect()
}

/// The diff, and for each hunk the byte at which it begins and the one past its last line.
pub(in crate::diff) fn diff(
    edits: &[Edit],
    context: usize,
    no_newline: bool,
) -> (String, Vec<std::ops::Range<usize>>) {
    let mut out = "diff --git a/x b/x\nindex 1234567..89abcde 100644\n--- a/x\n+++ b/x\n".to_owned();
    let mut hunks = Vec::new();
    let last = |own| edits.iter().rposition(|(kind, _)| *kind == ' ' || *kind == own);
    let lasts = [last('-'), last('+')];
    for group in groups(edits, context) {
        let header = |own| {
            let (before, count) =
                (side(&edits[..group.start], own).len(), side(&edits[group.clone()], own).len());
            format!("{},{count}", before + usize::from(count > 0))
        };
        let start = out.len();
        writeln!(out, "@@ -{} +{} @@", header('-'), header('+')).unwrap();
        let mut end = out.len();
        for nth in group {
            let (kind, text) = &edits[nth];
            writeln!(out, "{kind}{text}").unwrap();
            end = out.len();
            // A context line is the last of both files, or is not marked: the other would end elsewhere.
            let ends = lasts.iter().filter(|last| **last == Some(nth)).count();
            if no_newline && ends == if *kind == ' ' { 2 } else { 1 } {
                out += "\\ No newline at end of file\n";
            }
        }
        hunks.push(start..end);
    }
    (out, hunks)
}

/// The ranges of edits that are shown: every change with its context, merged where they touch.
fn groups(edits: &[Edit], context: usize) -> Vec<std::ops::Range<usize>> {
    let mut groups: Vec<std::ops::Range<usize>> = Vec::new();
    for nth in (0..edits.len()).filter(|&nth| edits[nth].0 != ' ') {
        let (start, end) = (nth.saturating_sub(context), (nth + 1 + context).min(edits.len()));
        match groups.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => groups.push(start..end),
        }
    }
    groups
}
