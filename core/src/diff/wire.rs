//! The JSON of hunks, and the checks on what is read back. The shape is described in [`super`].

use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::model::{FileDiff, Hunk, Line, LineKind, PatchSet};
use crate::review::Side;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WirePatchSet {
    files: Vec<FileDiff>,
}

impl TryFrom<WirePatchSet> for PatchSet {
    type Error = &'static str;

    fn try_from(wire: WirePatchSet) -> Result<Self, &'static str> {
        for file in &wire.files {
            if file.path().is_empty() {
                return Err("a file without a path");
            }
            if !file.hunks.is_sorted_by(|previous, next| next.follows(previous)) {
                return Err("hunks that overlap or are out of order");
            }
        }
        Ok(PatchSet::new(wire.files))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireHunk {
    old_start: u32,
    old_count: u32,
    new_start: u32,
    new_count: u32,
    #[serde(default)]
    section: String,
    lines: Vec<WireLine>,
    #[serde(default)]
    no_newline: Vec<usize>,
}

impl TryFrom<WireHunk> for Hunk {
    type Error = &'static str;

    fn try_from(wire: WireHunk) -> Result<Self, &'static str> {
        let WireHunk { old_start, old_count, new_start, new_count, section, lines, no_newline } = wire;
        let lines = lines.into_iter().map(|line| line.0).collect();
        let mut hunk = Hunk { old_start, old_count, new_start, new_count, section, lines };
        if !no_newline.is_sorted_by(|a, b| a < b) {
            return Err("no_newline does not ascend");
        }
        for nth in no_newline {
            hunk.lines.get_mut(nth).ok_or("no_newline points past the lines")?.no_newline = true;
        }
        let on = |side| hunk.lines.iter().filter(|line| line.kind.is_on(side)).count();
        if on(Side::Base) != old_count as usize || on(Side::Head) != new_count as usize {
            return Err("a hunk whose counts disagree with its lines");
        }
        if hunk.in_range() { Ok(hunk) } else { Err("a hunk whose line numbers are out of range") }
    }
}

impl Serialize for Hunk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let no_newline: Vec<usize> =
            self.lines.iter().enumerate().filter(|(_, line)| line.no_newline).map(|(nth, _)| nth).collect();
        let (section, marks) = (!self.section.is_empty(), !no_newline.is_empty());
        let fields = 5 + usize::from(section) + usize::from(marks);
        let mut out = serializer.serialize_struct("Hunk", fields)?;
        out.serialize_field("old_start", &self.old_start)?;
        out.serialize_field("old_count", &self.old_count)?;
        out.serialize_field("new_start", &self.new_start)?;
        out.serialize_field("new_count", &self.new_count)?;
        if section {
            out.serialize_field("section", &self.section)?;
        }
        out.serialize_field("lines", &Prefixed(&self.lines))?;
        if marks {
            out.serialize_field("no_newline", &no_newline)?;
        }
        out.end()
    }
}

/// Lines as strings that begin with their kind.
struct Prefixed<'a>(&'a [Line]);

impl Serialize for Prefixed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // One buffer for all lines: a diff has very many of them.
        let mut out = serializer.serialize_seq(Some(self.0.len()))?;
        let mut buffer = String::new();
        for line in self.0 {
            buffer.clear();
            buffer.push(line.kind.prefix());
            buffer.push_str(&line.text);
            out.serialize_element(buffer.as_str())?;
        }
        out.end()
    }
}

struct WireLine(Line);

impl<'de> Deserialize<'de> for WireLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        let kind = match text.as_bytes().first() {
            Some(b' ') => LineKind::Context,
            Some(b'+') => LineKind::Added,
            Some(b'-') => LineKind::Removed,
            _ => return Err(de::Error::custom("a line begins with ' ', '+' or '-'")),
        };
        if text.contains('\n') {
            return Err(de::Error::custom("a line holds no line feed"));
        }
        text.remove(0);
        Ok(Self(Line { kind, text, no_newline: false }))
    }
}
