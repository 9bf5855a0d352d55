//! Line maps against generated edits with both versions of every file known, and against real commits.

use proptest::prelude::*;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::*;
use crate::diff::tests::generate;

/// A file as a list of lines, and edits of it: where, how many go, what comes.
type File = Vec<String>;
type Cut = (prop::sample::Index, usize, File);

fn line() -> impl Strategy<Value = String> {
    prop_oneof![2 => "[a-z]{1,3}", 1 => Just("}".to_owned()), 1 => Just(String::new()), 1 => Just("x".to_owned())]
}

fn file() -> impl Strategy<Value = File> {
    prop::collection::vec(line(), 1..50)
}

fn cuts() -> impl Strategy<Value = Vec<Cut>> {
    let cut = (any::<prop::sample::Index>(), 0usize..4, prop::collection::vec(line(), 0..4));
    prop::collection::vec(cut, 0..5)
}

fn cut(file: &[String], cuts: &[Cut]) -> File {
    let mut lines = file.to_vec();
    for (at, gone, come) in cuts {
        let at = at.index(lines.len() + 1);
        let end = (at + gone).min(lines.len());
        lines.splice(at..end, come.iter().cloned());
    }
    lines
}

/// What git would call it.
fn id(file: &[String]) -> String {
    let content: String = file.iter().map(|line| format!("{line}\n")).collect();
    format!("{:08x}f", crc32fast::hash(content.as_bytes()))
}

/// The diff from one to the other, unless they are the same.
fn diff(base: &[String], head: &[String], context: usize, named: bool) -> Option<PatchSet> {
    let mut edits = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, base, head) {
        let (old, new) = (&base[op.old_range()], &head[op.new_range()]);
        if matches!(op, DiffOp::Equal { .. }) {
            edits.extend(old.iter().map(|line| (' ', line.clone())));
        } else {
            edits.extend(old.iter().map(|line| ('-', line.clone())));
            edits.extend(new.iter().map(|line| ('+', line.clone())));
        }
    }
    edits.iter().any(|(kind, _)| *kind != ' ').then(|| {
        let names = if named { format!("index {}..{} 100644\n", id(base), id(head)) } else { String::new() };
        let text = generate::diff(&edits, context, false).0;
        PatchSet::parse(text.replacen("index 1234567..89abcde 100644\n", &names, 1).as_bytes()).unwrap()
    })
}

fn at(file: &[String], line: u32) -> Option<&str> {
    file.get(line as usize - 1).map(String::as_str)
}

/// The line that one of the file's is mapped to.
fn mapped(map: &LineMap, side: Side, line: u32) -> Option<u32> {
    match map.map("x", side, line, line) {
        MappedLines::Current => Some(line),
        MappedLines::Moved { file, line: new } => {
            assert!(file == "x" && new != line, "moved is elsewhere");
            Some(new)
        }
        MappedLines::Outdated { .. } => None,
    }
}

/// No line is mapped to one that reads otherwise, in a hunk or not, and none to one before its neighbour's.
fn is_sound(map: &LineMap, side: Side, old: &[String], new: &[String]) -> Result<(), TestCaseError> {
    let mut last = 0;
    for number in 1..=old.len() as u32 {
        if let Some(other) = mapped(map, side, number) {
            prop_assert_eq!(at(old, number), at(new, other), "{:?} {} to {}", side, number, other);
            prop_assert!(other > last);
            last = other;
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_line_is_mapped_to_another(
        base in file(), first in cuts(), second in cuts(), rebase in prop_oneof![Just(Vec::new()), cuts()],
        contexts in (0usize..5, 0usize..5), named: bool,
    ) {
        let (one, other_base) = (cut(&base, &first), cut(&base, &rebase));
        let two = if rebase.is_empty() { cut(&one, &second) } else { cut(&cut(&other_base, &first), &second) };
        let (Some(old), Some(new)) =
            (diff(&base, &one, contexts.0, named), diff(&other_base, &two, contexts.1, named))
        else { return Ok(()) };
        let map = LineMap::between(&old, &new);
        is_sound(&map, Side::Head, &one, &two)?;
        is_sound(&map, Side::Base, &base, &other_base)?;
        let json = serde_json::to_string(&map).unwrap();
        prop_assert_eq!(serde_json::from_str::<LineMap>(&json).unwrap(), map);
    }

    /// With every line its own, and the same base: what is still there is found, in a hunk or not; what is not is gone.
    #[test]
    fn what_is_there_is_found(
        first in cuts(), second in cuts(), lines in 1usize..60, contexts in (0usize..5, 0usize..5),
    ) {
        let base: File = (0..lines).map(|n| format!("line {n}")).collect();
        let mut come = 0;
        let mut own = |cuts: Vec<Cut>| -> Vec<Cut> {
            let mut fresh = |_| { come += 1; format!("new {come}") };
            cuts.into_iter().map(|(at, gone, lines)| (at, gone, lines.into_iter().map(&mut fresh).collect())).collect()
        };
        let (first, second) = (own(first), own(second));
        let one = cut(&base, &first);
        let two = cut(&one, &second);
        let (Some(old), Some(new)) = (diff(&base, &one, contexts.0, true), diff(&base, &two, contexts.1, true))
        else { return Ok(()) };
        let map = LineMap::between(&old, &new);
        for (number, text) in (1u32..).zip(&one) {
            let there = two.iter().position(|line| line == text).map(|at| at as u32 + 1);
            let found = mapped(&map, Side::Head, number);
            if old.line("x", Side::Head, number).is_some() || base.contains(text) {
                prop_assert_eq!(found, there, "{} {}", number, text);
            }
        }
        for number in 1..=base.len() as u32 {
            prop_assert_eq!(mapped(&map, Side::Base, number), Some(number));
        }
    }

    #[test]
    fn the_same_diff_again_leaves_every_line_where_it_was(
        base in file(), first in cuts(), contexts in (0usize..5, 0usize..5), named: bool,
    ) {
        let one = cut(&base, &first);
        let (Some(old), Some(new)) = (diff(&base, &one, contexts.0, named), diff(&base, &one, contexts.1, named))
        else { return Ok(()) };
        let map = LineMap::between(&old, &new);
        for number in 1..=one.len() as u32 {
            let both = old.line("x", Side::Head, number).is_some() && new.line("x", Side::Head, number).is_some();
            if named {
                prop_assert_eq!(mapped(&map, Side::Head, number), Some(number));
            } else if both && base.len() > 20 && contexts.0 >= 3 && contexts.1 >= 3 {
                prop_assert_eq!(mapped(&map, Side::Head, number), Some(number));
            }
        }
    }

    /// Lists of any kind: what is found is in order and reads the same.
    #[test]
    fn aligned_lists_agree(old in prop::collection::vec(0u32..8, 0..60), new in prop::collection::vec(0u32..8, 0..60), tight: bool) {
        let mut budget = if tight { Budget::none() } else { Budget::default() };
        let found = align::whole(&old, &new, &mut budget);
        let mut from = (0, 0);
        for run in found {
            prop_assert!(run.old >= from.0 && run.new >= from.1 && run.len > 0);
            from = (run.old_end(), run.new_end());
            prop_assert_eq!(&old[run.old as usize..from.0 as usize], &new[run.new as usize..from.1 as usize]);
        }
    }
}

fn parse(text: &str) -> PatchSet {
    PatchSet::parse(text.as_bytes()).unwrap()
}

#[test]
fn ranges_are_found_together_or_not_at_all() {
    let file = |middle: &str| -> File { ["a", "b", "c", middle, "e", "f"].map(str::to_owned).to_vec() };
    let base = file("d");
    let (mut two, one) = (file("D2"), file("D1"));
    two.insert(0, "first".to_owned());
    let map = LineMap::between(&diff(&base, &one, 3, true).unwrap(), &diff(&base, &two, 3, true).unwrap());
    let moved = |line| MappedLines::Moved { file: "x".to_owned(), line };
    assert_eq!(map.map("x", Side::Head, 1, 3), moved(2));
    assert_eq!(map.map("x", Side::Head, 5, 6), moved(6));
    let gone = MappedLines::Outdated { file: Some("x".to_owned()) };
    assert_eq!(map.map("x", Side::Head, 3, 5), gone);
    assert_eq!(map.map("x", Side::Head, 4, 4), gone);
    assert_eq!(map.map("x", Side::Base, 3, 5), MappedLines::Current);
    assert_eq!(map.map("y", Side::Head, 1, 1), MappedLines::Outdated { file: None });
    assert_eq!(map.map("x", Side::Head, 2, 1), gone, "a range that ends before it begins");
    assert_eq!(map.map("x", Side::Head, 1, u32::MAX), gone);
}

#[test]
fn a_file_is_followed_through_its_new_name() {
    let body = "@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n";
    let old = parse(&format!("diff --git a/a b/a\nindex 1111111..2222222 100644\n--- a/a\n+++ b/a\n{body}"));
    let new = parse(&format!(
        "diff --git a/a b/b\nsimilarity index 60%\nrename from a\nrename to b\nindex 1111111..2222222 100644\n--- a/a\n+++ b/b\n{body}"
    ));
    let there = |line| MappedLines::Moved { file: "b".to_owned(), line };
    let map = LineMap::between(&old, &new);
    assert_eq!((map.map("a", Side::Head, 2, 2), map.map("a", Side::Base, 2, 2)), (there(2), there(2)));
    let back = LineMap::between(&new, &old);
    assert_eq!(back.map("b", Side::Head, 2, 2), MappedLines::Moved { file: "a".to_owned(), line: 2 });
}

#[test]
fn a_file_that_is_gone_keeps_no_head() {
    let old = parse(
        "diff --git a/a b/a\nindex 1111111..2222222 100644\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n one\n-two\n+zwei\n",
    );
    let new = parse(
        "diff --git a/a b/a\ndeleted file mode 100644\nindex 1111111..0000000\n--- a/a\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-one\n-two\n",
    );
    let map = LineMap::between(&old, &new);
    assert_eq!(map.map("a", Side::Base, 2, 2), MappedLines::Current);
    assert_eq!(map.map("a", Side::Head, 1, 1), MappedLines::Outdated { file: Some("a".to_owned()) });
}

/// The same words far apart in a file are not the same code, whatever else is unknown.
#[test]
fn a_lone_line_elsewhere_is_not_taken_for_the_same() {
    let hunk = |at: u32, around: &str| {
        format!("--- a/a\n+++ b/a\n@@ -{at},3 +{at},4 @@\n {around}\n+log(\"x\");\n }}\n {around}2\n")
    };
    let map = LineMap::between(&parse(&hunk(100, "one")), &parse(&hunk(300, "two")));
    assert_eq!(map.map("a", Side::Head, 101, 101), MappedLines::Outdated { file: Some("a".to_owned()) });
}

/// An `index` line that lies is not believed where the content says otherwise.
#[test]
fn a_name_that_lies_moves_nothing_to_other_code() {
    let diff = |first: &str| {
        let head = "diff --git a/a b/a\nindex 1111111..2222222 100644\n--- a/a\n+++ b/a\n";
        parse(&format!("{head}@@ -10,2 +10,2 @@\n {first}\n-gone\n+come\n"))
    };
    let map = LineMap::between(&diff("one"), &diff("two"));
    assert_eq!(map.map("a", Side::Head, 10, 10), MappedLines::Outdated { file: Some("a".to_owned()) });
}

#[test]
fn hostile_diffs_take_no_long_time() {
    // Every line occurs on both sides, in another order, and nothing is unique.
    let side = |step: usize| -> String {
        let lines = 60_000;
        let body: String = (0..lines).map(|n| format!("+{}\n", (n * step) % 997)).collect();
        format!("--- /dev/null\n+++ b/a\n@@ -0,0 +1,{lines} @@\n{body}")
    };
    let (old, new) = (parse(&side(7)), parse(&side(11)));
    let map = LineMap::between(&old, &new);
    assert!(map.files().len() == 1);
    // And every line is its own, the order turned around.
    let turned = |turn: bool| -> String {
        let lines = 60_000;
        let body: String = (0..lines).map(|n| format!("+{}\n", if turn { lines - n } else { n })).collect();
        format!("--- /dev/null\n+++ b/a\n@@ -0,0 +1,{lines} @@\n{body}")
    };
    let _ = LineMap::between(&parse(&turned(false)), &parse(&turned(true)));
}
