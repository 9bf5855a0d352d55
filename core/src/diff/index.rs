//! Where each line of a diff is, by its number.

use std::collections::BTreeMap;

use super::model::FileDiff;
use crate::review::Side;

/// For each side, the lines of every path. It holds places, not content: four bytes a line and side.
#[derive(Debug, Clone)]
pub(super) struct LineIndex {
    base: BTreeMap<String, Column>,
    head: BTreeMap<String, Column>,
}

/// One side of one file.
#[derive(Debug, Clone)]
struct Column {
    /// The place of the file in the diff.
    file: usize,
    /// For each hunk, the places in `Hunk::lines` of the lines that are on this side.
    hunks: Vec<Vec<u32>>,
}

impl LineIndex {
    pub(super) fn new(files: &[FileDiff]) -> Self {
        Self { base: columns(files, Side::Base), head: columns(files, Side::Head) }
    }

    /// `files` must be those the index was made from.
    pub(super) fn line<'f>(
        &self,
        files: &'f [FileDiff],
        path: &str,
        side: Side,
        line: u32,
    ) -> Option<&'f str> {
        let columns = match side {
            Side::Base => &self.base,
            Side::Head => &self.head,
        };
        let column = columns.get(path)?;
        let hunks = &files.get(column.file)?.hunks;
        // Hunks ascend without overlap, so the first that ends past the line is the only candidate.
        let nth = hunks.partition_point(|hunk| hunk.range(side).end <= line);
        let hunk = hunks.get(nth)?;
        let offset = line.checked_sub(hunk.range(side).start)?;
        let place = column.hunks.get(nth)?.get(offset as usize)?;
        hunk.lines.get(*place as usize).map(|line| line.text.as_str())
    }
}

fn columns(files: &[FileDiff], side: Side) -> BTreeMap<String, Column> {
    let mut columns = BTreeMap::new();
    for (nth, file) in files.iter().enumerate() {
        if file.hunks.iter().any(|hunk| !hunk.range(side).is_empty()) {
            columns.entry(file.path().to_owned()).or_insert_with(|| Column::new(nth, file, side));
        }
    }
    columns
}

impl Column {
    fn new(nth: usize, file: &FileDiff, side: Side) -> Self {
        let places = |hunk: &super::Hunk| {
            (0u32..).zip(&hunk.lines).filter(|(_, line)| line.kind.is_on(side)).map(|(at, _)| at).collect()
        };
        Self { file: nth, hunks: file.hunks.iter().map(places).collect() }
    }
}
