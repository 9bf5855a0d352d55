//! The code under review, as far as comments need it: which lines there are, what they hash to, and where the lines of
//! one patch set are in the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Anchor, ContextLine, LineHash, PlaceState, Side, Standing};
use crate::diff::{FileDiff, Line, LineMap, MappedLines, PatchSet};

/// How many lines are kept before and behind those that are gone.
const CONTEXT: u32 = 3;
/// How many of those that are gone.
const CONTEXT_LINES: u32 = 8;
/// How much of each line, in Unicode scalars.
const CONTEXT_CHARS: usize = 200;

/// The states of the code, by number.
#[derive(Clone, Debug, Default)]
pub struct PatchSets {
    code: BTreeMap<u32, Arc<PatchSet>>,
    /// Where the lines of the one before are.
    maps: BTreeMap<u32, Arc<LineMap>>,
}

impl PatchSets {
    /// Adds one.
    pub fn insert(&mut self, number: u32, code: Arc<PatchSet>) {
        self.code.insert(number, code);
    }

    /// Adds where the lines of the patch set before `number` are in it.
    pub fn insert_map(&mut self, number: u32, map: Arc<LineMap>) {
        self.maps.insert(number, map);
    }

    /// Forgets every one behind a number.
    pub fn truncate(&mut self, number: u32) {
        self.code.retain(|at, _| *at <= number);
        self.maps.retain(|at, _| *at <= number);
    }

    /// One of them.
    pub fn get(&self, number: u32) -> Option<&Arc<PatchSet>> {
        self.code.get(&number)
    }

    /// The hash of a line that one of them carries.
    pub fn line_hash(&self, number: u32, file: &str, side: Side, line: u32) -> Option<LineHash> {
        self.code.get(&number)?.line(file, side, line).map(LineHash::of)
    }

    /// An anchor with the hashes of its lines, if the patch set carries every one of them.
    pub fn hashed(&self, anchor: &Anchor) -> Option<Anchor> {
        let Anchor { patch_set, file, side, line, last, .. } = anchor;
        if !anchor.is_possible() {
            return None;
        }
        let hash = self.line_hash(*patch_set, file, *side, *line)?;
        let span = match last {
            Some(last) => Some(self.span_hash(*patch_set, file, *side, *line, *last)?),
            None => None,
        };
        Some(Anchor { hash: Some(hash), span, ..anchor.clone() })
    }

    fn span_hash(&self, number: u32, file: &str, side: Side, line: u32, last: u32) -> Option<LineHash> {
        let code = self.code.get(&number)?;
        let lines: Option<Vec<&str>> = (line..=last).map(|line| code.line(file, side, line)).collect();
        Some(LineHash::of_lines(lines?))
    }

    /// Whether a file's diff says the same in two patch sets, wherever its lines are.
    pub fn is_same(&self, file: &str, from: u32, to: u32) -> bool {
        let find = |number| {
            let code: &Arc<PatchSet> = self.code.get(&number)?;
            code.files().iter().find(|other| other.path() == file)
        };
        let (Some(old), Some(new)) = (find(from), find(to)) else { return false };
        let named = old.new_id.is_some() && (&old.old_id, &old.new_id) == (&new.old_id, &new.new_id);
        let lines = |file: &'_ FileDiff| -> Vec<Line> {
            file.hunks.iter().flat_map(|hunk| hunk.lines.iter().cloned()).collect()
        };
        let binary = old.binary || new.binary;
        let header = |file: &FileDiff| (file.status, file.old_path.clone(), file.new_mode.clone());
        from == to || named || (!binary && header(old) == header(new) && lines(old) == lines(new))
    }

    /// Where a comment stands in patch set `to` that was written at, and by now stands at, these places. Nothing
    /// where it stands as before.
    pub fn carry(&self, at: &Anchor, standing: Option<&Standing>, to: u32) -> Option<(Anchor, Standing)> {
        let written = standing.map_or(at, |standing| &standing.written).clone();
        let (mut at, mut standing) = (at.clone(), standing.cloned());
        let before = standing.clone();
        let from = if is_outdated(&standing) { to.saturating_sub(1) } else { at.patch_set };
        for number in from.saturating_add(1)..=to {
            let was = standing.take();
            if let Some(was) = was.filter(|was| was.state == PlaceState::Outdated) {
                // What is gone stays gone; the file may still get another name.
                let file = was.file.as_deref().and_then(|file| self.path_in(number, file));
                standing = Some(Standing { file, ..was });
                continue;
            }
            let (next, state, file) = self.step(&at, number);
            let context = if state == PlaceState::Outdated { self.context(&at) } else { Vec::new() };
            let state = match state {
                PlaceState::Outdated => state,
                _ if same_lines(&next, &written) => PlaceState::Current,
                _ => PlaceState::Moved,
            };
            at = next;
            standing = Some(Standing { state, written: written.clone(), file, context });
        }
        let standing = standing?;
        (before.as_ref() != Some(&standing) || !matches!(standing.state, PlaceState::Outdated))
            .then_some((at, standing))
    }

    /// One patch set further.
    fn step(&self, at: &Anchor, number: u32) -> (Anchor, PlaceState, Option<String>) {
        let Anchor { file, side, line, last, .. } = at;
        let gone = |file| (at.clone(), PlaceState::Outdated, file);
        let Some(map) = self.maps.get(&number) else { return gone(None) };
        let (path, first) = match map.map(file, *side, *line, at.last_line()) {
            MappedLines::Outdated { file } => return gone(file),
            MappedLines::Current => (file.clone(), *line),
            MappedLines::Moved { file, line } => (file, line),
        };
        let last = last.map(|last| first.saturating_add(last - line));
        let next = Anchor { patch_set: number, file: path.clone(), line: first, last, ..at.clone() };
        // Whatever the map says: where the diff shows the lines they must be the same.
        let shown = self.line_hash(number, &path, *side, first);
        let differs = shown.is_some_and(|shown| Some(shown) != at.hash);
        let spans = next.last.and_then(|last| self.span_hash(number, &path, *side, first, last));
        if differs || spans.is_some_and(|shown| Some(shown) != at.span) {
            return gone(Some(path));
        }
        (next, PlaceState::Moved, None)
    }

    /// A path of the patch set before `number` in that.
    fn path_in(&self, number: u32, file: &str) -> Option<String> {
        let found = self.maps.get(&number)?.files().get(file)?;
        Some(found.path.as_deref().unwrap_or(file).to_owned())
    }

    /// The lines of an anchor and those around them, as far as their patch set carries them.
    fn context(&self, at: &Anchor) -> Vec<ContextLine> {
        let Some(code) = self.code.get(&at.patch_set) else { return Vec::new() };
        let end = at.last_line().min(at.line.saturating_add(CONTEXT_LINES - 1));
        let lines = at.line.saturating_sub(CONTEXT)..=end.saturating_add(CONTEXT);
        let text = |line| {
            let text = code.line(&at.file, at.side, line)?;
            Some(ContextLine { line, text: text.chars().take(CONTEXT_CHARS).collect() })
        };
        lines.filter_map(text).collect()
    }
}

fn is_outdated(standing: &Option<Standing>) -> bool {
    standing.as_ref().is_some_and(|standing| standing.state == PlaceState::Outdated)
}

/// Whether two anchors are the same lines of the same file, in whichever patch sets.
fn same_lines(a: &Anchor, b: &Anchor) -> bool {
    (&a.file, a.side, a.line, a.last) == (&b.file, b.side, b.line, b.last)
}
