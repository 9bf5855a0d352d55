//! What a diff knows of one side of a file: some of its lines, by number.

use std::collections::BTreeMap;
use std::ops::Range;

use super::runs::{self, Run};
use crate::diff::FileDiff;
use crate::review::Side;

/// Gives equal texts equal numbers, so that long lines are compared once.
#[derive(Default)]
pub(super) struct Texts<'a> {
    ids: BTreeMap<&'a str, u32>,
    /// Whether a text says something: has a letter or a digit.
    telling: Vec<bool>,
}

impl<'a> Texts<'a> {
    fn id(&mut self, text: &'a str) -> u32 {
        let next = self.telling.len() as u32;
        let id = *self.ids.entry(text).or_insert(next);
        if id == next {
            self.telling.push(text.chars().any(char::is_alphanumeric));
        }
        id
    }

    pub(super) fn is_telling(&self, id: u32) -> bool {
        self.telling.get(id as usize).copied().unwrap_or(false)
    }
}

/// The lines that are known, ascending.
pub(super) struct Column {
    pub(super) numbers: Vec<u32>,
    pub(super) texts: Vec<u32>,
}

impl Column {
    pub(super) fn new<'a>(file: &'a FileDiff, side: Side, all: &mut Texts<'a>) -> Column {
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        for hunk in &file.hunks {
            let lines = hunk.lines.iter().filter(|line| line.kind.is_on(side));
            for (number, line) in hunk.range(side).zip(lines) {
                numbers.push(number);
                texts.push(all.id(&line.text));
            }
        }
        Column { numbers, texts }
    }

    /// With the lines that the other diff from the same base knows: `kept` leads from that base to this side.
    pub(super) fn with(mut self, base: &Column, kept: &[Run]) -> Column {
        let mut lines: BTreeMap<u32, u32> = self.numbers.drain(..).zip(self.texts.drain(..)).collect();
        for (number, text) in base.numbers.iter().zip(&base.texts) {
            if let Some(number) = runs::find(kept, *number, *number) {
                lines.entry(number).or_insert(*text);
            }
        }
        let (numbers, texts) = lines.into_iter().unzip();
        Column { numbers, texts }
    }

    pub(super) fn text(&self, number: u32) -> Option<u32> {
        let nth = self.numbers.binary_search(&number).ok()?;
        self.texts.get(nth).copied()
    }

    /// The texts of a range of lines, if all of them are known.
    pub(super) fn all_of(&self, range: Range<u32>) -> Option<&[u32]> {
        let from = self.numbers.partition_point(|number| *number < range.start);
        let to = self.numbers.partition_point(|number| *number < range.end);
        let texts = self.texts.get(from..to)?;
        (texts.len() == range.len()).then_some(texts)
    }

    /// The number behind the last line that is known, 1 if none is.
    pub(super) fn end(&self) -> u32 {
        self.numbers.last().map_or(1, |last| last.saturating_add(1))
    }
}

/// Whether no run leads from a line to one that is known to read otherwise.
pub(super) fn agrees(found: &[Run], old: &Column, new: &Column) -> bool {
    old.numbers.iter().zip(&old.texts).all(|(number, text)| {
        let other = runs::find(found, *number, *number).and_then(|number| new.text(number));
        other.is_none_or(|other| other == *text)
    })
}

/// What of the runs is known on both sides, and reads the same there.
pub(super) fn carried(found: &[Run], old: &Column, new: &Column) -> Vec<Run> {
    let mut kept = Vec::new();
    for (number, text) in old.numbers.iter().zip(&old.texts) {
        if let Some(other) = runs::find(found, *number, *number)
            && new.text(other) == Some(*text)
        {
            runs::push(&mut kept, Run { old: *number, len: 1, new: other });
        }
    }
    kept
}
