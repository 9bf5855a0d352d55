//! Hunks: a header with counts, and as many lines as it announces.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::model::{Hunk, Line, LineKind};
use super::{DiffError, parse};
use crate::review::Side;

/// Reads the hunks of a file, of which there must be one. Also says whether a line was not UTF-8.
pub(super) fn read(lines: &mut Cursor<'_>) -> Result<(Vec<Hunk>, bool), DiffError> {
    let mut hunks: Vec<Hunk> = Vec::new();
    let (mut lossy, mut shift) = (false, 0);
    while lines.at(b"@@") {
        let number = lines.number();
        let mut hunk = header(lines.take_header()?, number)?;
        if hunks.last().is_some_and(|previous| !hunk.follows(previous)) {
            return Err(DiffError::HunkOutOfOrder { line: number });
        }
        // What came and went so far is all that can put a line under another number.
        if offset(&hunk) != shift {
            return Err(DiffError::HidesChanges { line: number });
        }
        shift += i64::from(hunk.new_count) - i64::from(hunk.old_count);
        lossy |= fill(&mut hunk, lines)?;
        hunks.push(hunk);
    }
    if hunks.is_empty() {
        return Err(lines.missing("a hunk"));
    }
    match lines.peek() {
        // What still looks like a hunk means that its counts were wrong, and would be lost.
        Some([b'+' | b'-' | b' ' | b'@' | b'\\', ..]) if !ends_patch(lines)? => {
            Err(lines.missing("the end of the hunk"))
        }
        _ => Ok((hunks, lossy)),
    }
}

/// How much further down a hunk's first line is in the head than in the base.
fn offset(hunk: &Hunk) -> i64 {
    i64::from(hunk.range(Side::Head).start) - i64::from(hunk.range(Side::Base).start)
}

/// Whether the line at hand is format-patch's signature, or the header of the next file.
fn ends_patch(lines: &Cursor<'_>) -> Result<bool, DiffError> {
    let signature = lines.peek().is_some_and(|line| line.trim_ascii_end() == b"--");
    Ok(signature || parse::at_plain_file(lines)?)
}

fn header(line: &[u8], number: usize) -> Result<Hunk, DiffError> {
    if line.starts_with(b"@@@") {
        return Err(DiffError::Combined { line: number });
    }
    let bad = DiffError::BadHunkHeader { line: number };
    let Some((ranges, section)) = line.strip_prefix(b"@@ -").and_then(ranges) else { return Err(bad) };
    let [old_start, old_count, new_start, new_count] = ranges;
    let section = section.strip_prefix(b" ").unwrap_or(section);
    // git cuts this text at 80 bytes, perhaps in the middle of a character: no reason to call it lossy.
    let section = String::from_utf8_lossy(section).trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned();
    let hunk = match (old_start, old_count, new_start, new_count) {
        (Some(old_start), Some(old_count), Some(new_start), Some(new_count)) => {
            Some(Hunk { old_start, old_count, new_start, new_count, section, lines: Vec::new() })
        }
        _ => None,
    };
    hunk.filter(Hunk::in_range).ok_or(DiffError::HunkOutOfRange { line: number })
}

type Number = Option<u32>;

/// `1,2 +3,4 @@` and what follows; a count that is left out is 1, a number past 2³²−1 is `None`.
fn ranges(field: &[u8]) -> Option<([Number; 4], &[u8])> {
    let (old_start, old_count, field) = range(field)?;
    let (new_start, new_count, field) = range(field.strip_prefix(b" +")?)?;
    Some(([old_start, old_count, new_start, new_count], field.strip_prefix(b" @@")?))
}

fn range(field: &[u8]) -> Option<(Number, Number, &[u8])> {
    let (start, rest) = number(field)?;
    match rest.strip_prefix(b",") {
        Some(rest) => number(rest).map(|(count, rest)| (start, count, rest)),
        None => Some((start, Some(1), rest)),
    }
}

fn number(field: &[u8]) -> Option<(Number, &[u8])> {
    let end = field.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(field.len());
    let (digits, rest) = field.split_at(end);
    let value = digits
        .iter()
        .try_fold(0u32, |value, digit| value.checked_mul(10)?.checked_add(u32::from(digit - b'0')));
    (!digits.is_empty()).then_some((value, rest))
}

/// Reads the lines the header announces; the counts alone decide which those are, for a removed `-- x`
/// looks like a file header. Says whether a line was not UTF-8.
fn fill(hunk: &mut Hunk, lines: &mut Cursor<'_>) -> Result<bool, DiffError> {
    let (mut old, mut new) = (hunk.old_count, hunk.new_count);
    let (mut lossy, mut one_side) = (false, false);
    while old > 0 || new > 0 {
        let (kind, content): (_, &[u8]) = match lines.peek() {
            Some([b' ', content @ ..]) if old > 0 && new > 0 => (LineKind::Context, content),
            // Some tools leave out the space of an empty line.
            Some([]) if old > 0 && new > 0 => (LineKind::Context, &[]),
            Some([b'-', content @ ..]) if old > 0 => (LineKind::Removed, content),
            Some([b'+', content @ ..]) if new > 0 => (LineKind::Added, content),
            Some([b'\\', ..]) if mark(hunk, old, new) => {
                lines.take()?;
                continue;
            }
            // `git diff -w` shows a last line that lacks its newline on one side alone as kept, like all that differs in white
            // space: every line still stands under its number.
            Some([b'\\', ..]) if !one_side && ends_one_side(hunk, old, new) => {
                one_side = true;
                lines.take()?;
                continue;
            }
            Some(_) => return Err(lines.unexpected(due(old, new))),
            None => return Err(lines.truncated(due(old, new))),
        };
        lines.take()?;
        old -= u32::from(kind != LineKind::Added);
        new -= u32::from(kind != LineKind::Removed);
        let text = String::from_utf8_lossy(content);
        lossy |= matches!(text, Cow::Owned(_));
        hunk.lines.push(Line { kind, text: text.into_owned(), no_newline: false });
    }
    if lines.at(b"\\") && mark(hunk, 0, 0) {
        lines.take()?;
    }
    Ok(lossy)
}

/// Notes that the last line lacks its newline. False if it cannot: there is none, it is marked already, or
/// its file goes on, with `old` and `new` lines still to come.
fn mark(hunk: &mut Hunk, old: u32, new: u32) -> bool {
    let Some(last) = hunk.lines.last_mut().filter(|last| !last.no_newline) else { return false };
    last.no_newline = match last.kind {
        LineKind::Context => old == 0 && new == 0,
        LineKind::Removed => old == 0,
        LineKind::Added => new == 0,
    };
    last.no_newline
}

/// Whether the line is kept and the last of one side, while the other goes on.
fn ends_one_side(hunk: &Hunk, old: u32, new: u32) -> bool {
    let kept = hunk.lines.last().is_some_and(|last| last.kind == LineKind::Context);
    kept && (old == 0) != (new == 0)
}

fn due(old: u32, new: u32) -> String {
    format!("{old} more old and {new} more new lines of the hunk")
}
