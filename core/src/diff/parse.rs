//! The way from bytes to files: what begins one, and what its header and content make of it.

use std::collections::BTreeSet;

use super::content::{Content, Sides};
use super::cursor::Cursor;
use super::header::Header;
use super::model::{FileDiff, FileStatus};
use super::path::{self, Name};
use super::{DiffError, MAX_DIFF_BYTES, MAX_FILES, hunk};
use crate::review::Side;

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<FileDiff>, DiffError> {
    if bytes.len() > MAX_DIFF_BYTES {
        return Err(DiffError::TooLarge { bytes: bytes.len() });
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Err(DiffError::Empty);
    }
    let mut lines = Cursor::new(bytes);
    let mut files = Vec::new();
    let mut claimed = BTreeSet::new();
    while let Some(line) = lines.peek() {
        let number = lines.number();
        let file = if line.starts_with(b"diff --git ") {
            git_file(&mut lines)?
        } else if at_plain_file(&lines)? {
            plain_file(text(&mut lines)?)?
        } else if at_binary(&lines) {
            plain_file(binary(&mut lines)?)?
        } else if [b"diff --cc ".as_slice(), b"diff --combined ", b"@@@ -"]
            .iter()
            .any(|p| line.starts_with(p))
        {
            return Err(DiffError::Combined { line: number });
        } else if line.starts_with(b"\x1b[") {
            // Passed over as prose it would take whole files with it.
            return Err(DiffError::Coloured { line: number });
        } else if line.starts_with(b"@@ -") {
            return Err(lines.unexpected("a file header before the hunk"));
        } else {
            lines.advance();
            continue;
        };
        if files.len() == MAX_FILES {
            return Err(DiffError::TooManyFiles { line: number });
        }
        if !claim(&mut claimed, &file) {
            return Err(DiffError::RepeatedPath { line: number });
        }
        files.push(file);
    }
    if files.is_empty() { Err(DiffError::NotADiff { line: lines.number() }) } else { Ok(files) }
}

/// Notes which sides of a path a file has lines on. A path may stand twice, as when a file becomes a link: once
/// deleted, once added. Two files with lines on one side of it would make a comment's place ambiguous.
fn claim(claimed: &mut BTreeSet<(String, Side)>, file: &FileDiff) -> bool {
    let has = |side| file.hunks.iter().flat_map(|hunk| &hunk.lines).any(|line| line.kind.is_on(side));
    [Side::Base, Side::Head]
        .into_iter()
        .filter(|side| has(*side))
        .all(|side| claimed.insert((file.path().to_owned(), side)))
}

/// Whether a file of a plain diff begins here. Prose may have a line with `--- `, so it takes all of
/// `---`, `+++` and `@@`; if only the end of the input is in the way, the header was cut short.
pub(super) fn at_plain_file(lines: &Cursor<'_>) -> Result<bool, DiffError> {
    if !lines.at(b"--- ") {
        return Ok(false);
    }
    let mut ahead = lines.clone();
    for (prefix, expected) in [(b"+++ ".as_slice(), "a line with `+++`"), (b"@@", "a hunk")] {
        ahead.advance();
        if ahead.ends_within(prefix) {
            return Err(ahead.truncated(expected));
        }
        if !ahead.at(prefix) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn at_binary(lines: &Cursor<'_>) -> bool {
    lines.at(b"Binary files ") && lines.peek().is_some_and(|line| line.trim_ascii_end().ends_with(b" differ"))
}

fn git_file<'a>(lines: &mut Cursor<'a>) -> Result<FileDiff, DiffError> {
    let header = Header::read(lines)?;
    let content = if lines.at(b"--- ") {
        text(lines)?
    } else if lines.at(b"GIT binary patch") {
        skip_payload(lines)?;
        Content { binary: true, ..Content::default() }
    } else if lines.at(b"Binary files ") {
        let content = binary(lines)?;
        // These names are not delimited; if the header has them, it knows better.
        if header.has_names() { Content { names: None, ..content } } else { content }
    } else if header.promises_content(lines.peek().is_none()) {
        return Err(lines.missing("the content of the file"));
    } else {
        Content::default()
    };
    let line = if content.names.is_some() { content.line } else { header.line };
    let sides = Sides::of_git(&header, &content).ok_or(DiffError::BadPath { line })?;
    let otherwise = match content.hunks.is_empty() && !content.binary {
        true => FileStatus::ModeChanged,
        false => FileStatus::Modified,
    };
    let status = header.status.or(sides.status()).unwrap_or(otherwise);
    let (old_id, new_id) = header.content_ids();
    let Header { old_mode, new_mode, similarity, .. } = header;
    Ok(FileDiff { old_mode, new_mode, old_id, new_id, similarity, ..content.file(status, sides) })
}

/// A file of which nothing is known but its content: one of a plain diff.
fn plain_file(content: Content<'_>) -> Result<FileDiff, DiffError> {
    let sides = Sides::of_plain(&content).ok_or(DiffError::BadPath { line: content.line })?;
    let status = sides.status().unwrap_or(FileStatus::Modified);
    Ok(content.file(status, sides))
}

/// Reads `---`, `+++` and the hunks.
fn text<'a>(lines: &mut Cursor<'a>) -> Result<Content<'a>, DiffError> {
    let line = lines.number();
    let (old, old_stamp) = stated(lines, b"--- ")?;
    let (new, new_stamp) = stated(lines, b"+++ ")?;
    let (hunks, lossy) = hunk::read(lines)?;
    // `diff -N` dates a file that is not there to the epoch, in local time.
    let epoch = |stamp: &[u8]| stamp.starts_with(b"1970-01-01 ") || stamp.starts_with(b"1969-12-31 ");
    let absent = (
        epoch(old_stamp) && hunks.iter().all(|hunk| (hunk.old_start, hunk.old_count) == (0, 0)),
        epoch(new_stamp) && hunks.iter().all(|hunk| (hunk.new_start, hunk.new_count) == (0, 0)),
    );
    Ok(Content { line, names: Some((old, new)), absent, binary: false, lossy, hunks })
}

/// Takes a line with a name and perhaps a time stamp.
fn stated<'a>(lines: &mut Cursor<'a>, prefix: &'static [u8]) -> Result<(Name<'a>, &'a [u8]), DiffError> {
    if !lines.at(prefix) {
        return Err(lines.missing(format!("a line with `{}`", prefix.trim_ascii_end().escape_ascii())));
    }
    let line = lines.number();
    let field = &lines.take_header()?[prefix.len()..];
    path::stamped(field).ok_or(DiffError::BadPath { line })
}

fn binary<'a>(lines: &mut Cursor<'a>) -> Result<Content<'a>, DiffError> {
    let line = lines.number();
    let names = path::binary_pair(lines.take_header()?);
    Ok(Content { line, names, binary: true, ..Content::default() })
}

/// Skips a binary patch: one block of data for each direction, each ending in an empty line.
fn skip_payload(lines: &mut Cursor<'_>) -> Result<(), DiffError> {
    let at_block = |lines: &Cursor<'_>| lines.at(b"literal ") || lines.at(b"delta ");
    lines.take()?;
    if !at_block(lines) {
        return Err(lines.missing("the data of a binary patch"));
    }
    while at_block(lines) {
        lines.take()?;
        loop {
            match lines.peek().map(<[u8]>::trim_ascii_end) {
                Some([b'A'..=b'Z' | b'a'..=b'z', ..]) => lines.take()?,
                Some([_, ..]) => return Err(lines.unexpected("the data of a binary patch")),
                Some([]) | None => break,
            };
        }
        lines.take()?;
    }
    Ok(())
}
