//! Properties that hold for every diff, and for everything that is none.

use proptest::prelude::*;

use super::super::{DiffError, Hunk};
use super::generate::{diff, edits, side};
use super::*;
use crate::review::Side;

/// The lines of a side: those the hunks carry, and between them those of the other side.
fn rebuild<'a>(hunks: &'a [Hunk], own: Side, other: Side, lines: &[&'a str]) -> Vec<&'a str> {
    let mut out = Vec::new();
    let mut from = 0;
    for hunk in hunks {
        let range = hunk.range(other);
        out.extend(&lines[from..range.start as usize - 1]);
        assert_eq!(out.len() + 1, hunk.range(own).start as usize);
        out.extend(hunk.lines.iter().filter(|line| line.kind.is_on(own)).map(|line| line.text.as_str()));
        from = range.end as usize - 1;
    }
    out.extend(&lines[from..]);
    out
}

/// A hunk's header where lines came or went before it that are not shown.
fn shift(header: &str, by: u32, added: bool) -> String {
    let mut words: Vec<String> = header.split(' ').map(str::to_owned).collect();
    let moved = &mut words[if added { 2 } else { 1 }];
    let (start, count) = moved[1..].split_once(',').unwrap();
    *moved = format!("{}{},{count}", &moved[..1], start.parse::<u32>().unwrap() + by);
    words.join(" ")
}

proptest! {
    #[test]
    fn both_sides_are_rebuilt(edits in edits(), context in 0usize..4, no_newline: bool) {
        let patch = parse(diff(&edits, context, no_newline).0);
        let hunks = &patch.files()[0].hunks;
        let (old, new) = (side(&edits, '-'), side(&edits, '+'));
        prop_assert_eq!(rebuild(hunks, Side::Head, Side::Base, &old), new.clone());
        prop_assert_eq!(rebuild(hunks, Side::Base, Side::Head, &new), old.clone());
        for (side, lines) in [(Side::Base, old), (Side::Head, new)] {
            for (number, text) in (1..).zip(lines) {
                let carried = hunks.iter().any(|hunk| hunk.range(side).contains(&number));
                prop_assert_eq!(patch.line("x", side, number), carried.then_some(text));
            }
        }
        let json = serde_json::to_string(&patch).unwrap();
        prop_assert_eq!(serde_json::from_str::<PatchSet>(&json).unwrap(), patch);
    }

    /// A change that is left out is noticed at the next hunk, wherever lines come or go by it.
    #[test]
    fn a_hidden_change_is_noticed(
        edits in edits(), context in 0usize..4, at: prop::sample::Index, hidden in 1u32..4, added: bool,
    ) {
        let (text, hunks) = diff(&edits, context, false);
        let first = at.index(hunks.len());
        let shifted: Vec<String> = hunks
            .iter()
            .enumerate()
            .map(|(nth, hunk)| {
                let (header, lines) = text[hunk.clone()].split_once('\n').unwrap();
                let header = if nth < first { header.to_owned() } else { shift(header, hidden, added) };
                format!("{header}\n{lines}")
            })
            .collect();
        let whole = format!("{}{}", &text[..hunks[0].start], shifted.concat());
        let line = whole[..whole.find(&shifted[first]).unwrap()].lines().count() + 1;
        prop_assert_eq!(PatchSet::parse(whole.as_bytes()), Err(DiffError::HidesChanges { line }));
    }

    /// A cut inside a hunk is refused as one. Between hunks, and before a mark that the last line lacks its
    /// newline, nothing tells a cut from an end; what is left then is whole hunks.
    #[test]
    fn a_cut_is_noticed(edits in edits(), context in 0usize..4, no_newline: bool) {
        let (text, hunks) = diff(&edits, context, no_newline);
        for cut in 0..text.len() {
            let result = PatchSet::parse(&text.as_bytes()[..cut]);
            if cut < "diff --git ".len() {
                prop_assert!(result.is_err());
            } else if cut <= hunks[0].start || hunks.iter().any(|hunk| hunk.start < cut && cut < hunk.end) {
                prop_assert!(matches!(result, Err(DiffError::Truncated { .. })), "{cut}: {result:?}");
            }
        }
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = PatchSet::parse(&noise);
    }

    /// Noise that gets past the first lines: pieces of diffs in any order.
    #[test]
    fn shuffled_pieces_never_panic(
        pieces in prop::collection::vec((0usize..200, any::<prop::sample::Index>()), 1..30),
    ) {
        let all = [GIT, BINARY, PLAIN, FORMAT_PATCH, COMBINED, TYPECHANGE].concat();
        let lines: Vec<&[u8]> = all.split_inclusive(|&byte| byte == b'\n').collect();
        let mut input = Vec::new();
        for (keep, nth) in pieces {
            let line = nth.get(&lines);
            input.extend_from_slice(&line[..keep.min(line.len())]);
        }
        if let Ok(patch) = PatchSet::parse(&input) {
            let json = serde_json::to_string(&patch).unwrap();
            prop_assert_eq!(serde_json::from_str::<PatchSet>(&json).unwrap(), patch);
        }
    }
}

#[test]
fn cutting_genuine_diffs_never_panics() {
    for input in [GIT, FORMAT_PATCH, SHOW, BINARY, NO_PREFIX, PLAIN, COMBINED, TYPECHANGE] {
        for cut in 0..input.len() {
            if let Err(error) = PatchSet::parse(&input[..cut]) {
                assert!(error.line().is_none_or(|line| line >= 1 && line <= input.len()));
            }
        }
    }
}
