//! Tests of the diff parser.

mod bad;
pub(super) mod generate;
mod good;
mod json;
mod property;

use super::{FileDiff, PatchSet};

const GIT: &[u8] = include_bytes!("../testdata/git.diff");
const FORMAT_PATCH: &[u8] = include_bytes!("../testdata/format_patch.diff");
const SHOW: &[u8] = include_bytes!("../testdata/show.diff");
const BINARY: &[u8] = include_bytes!("../testdata/binary.diff");
const NO_PREFIX: &[u8] = include_bytes!("../testdata/no_prefix.diff");
const PLAIN: &[u8] = include_bytes!("../testdata/plain.diff");
const COMBINED: &[u8] = include_bytes!("../testdata/combined.diff");
const TYPECHANGE: &[u8] = include_bytes!("../testdata/typechange.diff");

fn parse(bytes: impl AsRef<[u8]>) -> PatchSet {
    PatchSet::parse(bytes.as_ref()).unwrap()
}

/// A file in one line: status, names, modes, flags, and the lines with their prefixes.
fn summary(file: &FileDiff) -> String {
    let mut out = format!("{:?} {:?}", file.status, file.path());
    if file.old_path != file.new_path && file.old_path.is_some() && file.new_path.is_some() {
        out += &format!(" from {:?}", file.old_path.as_deref().unwrap());
    }
    for (name, mode) in [("old", &file.old_mode), ("new", &file.new_mode)] {
        out += &mode.as_ref().map(|mode| format!(" {name}={mode}")).unwrap_or_default();
    }
    out += &file.similarity.map(|percent| format!(" {percent}%")).unwrap_or_default();
    out += if file.binary { " binary" } else { "" };
    out += if file.lossy { " lossy" } else { "" };
    if !file.hunks.is_empty() {
        let (added, removed) = file.counts();
        out += &format!(" +{added} -{removed}");
    }
    out
}

fn summaries(bytes: impl AsRef<[u8]>) -> Vec<String> {
    parse(bytes).files().iter().map(summary).collect()
}

/// All lines of a file, with their prefixes; `$` stands for a newline that is there.
fn body(file: &FileDiff) -> Vec<String> {
    let lines = file.hunks.iter().flat_map(|hunk| &hunk.lines);
    let end = |no_newline: bool| if no_newline { "" } else { "$" };
    lines.map(|line| format!("{}{}{}", line.kind.prefix(), line.text, end(line.no_newline))).collect()
}
