//! Runs of lines, and what can be done with them. A list of runs ascends on both sides without overlap.

use serde::{Deserialize, Serialize};

/// `len` lines from `old` on are the `len` lines from `new` on. In JSON `[old, len, new]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u32, u32)", into = "(u32, u32, u32)")]
pub struct Run {
    /// The first line's number in the earlier patch set.
    pub old: u32,
    /// How many lines.
    pub len: u32,
    /// The first line's number in the later one.
    pub new: u32,
}

impl From<(u32, u32, u32)> for Run {
    fn from((old, len, new): (u32, u32, u32)) -> Run {
        Run { old, len, new }
    }
}

impl From<Run> for (u32, u32, u32) {
    fn from(run: Run) -> (u32, u32, u32) {
        (run.old, run.len, run.new)
    }
}

impl Run {
    /// From these lines on to the end of both files, wherever that is.
    pub(super) fn to_end(old: u32, new: u32) -> Run {
        Run { old, len: u32::MAX - old.max(new), new }
    }

    pub(super) fn old_end(&self) -> u32 {
        self.old.saturating_add(self.len)
    }

    pub(super) fn new_end(&self) -> u32 {
        self.new.saturating_add(self.len)
    }
}

/// Adds a run behind the others, as part of the last where it goes on from there.
pub(super) fn push(runs: &mut Vec<Run>, run: Run) {
    if run.len == 0 {
        return;
    }
    match runs.last_mut() {
        Some(last) if last.old_end() == run.old && last.new_end() == run.new => last.len += run.len,
        _ => runs.push(run),
    }
}

/// Where `line` is, if everything up to `last` is behind it.
pub(super) fn find(runs: &[Run], line: u32, last: u32) -> Option<u32> {
    let nth = runs.partition_point(|run| run.old_end() <= line);
    let run = runs.get(nth).filter(|run| run.old <= line && last >= line && last < run.old_end())?;
    run.new.checked_add(line - run.old)
}

/// The same runs, seen from the other side.
pub(super) fn inverted(runs: &[Run]) -> Vec<Run> {
    runs.iter().map(|run| Run { old: run.new, len: run.len, new: run.old }).collect()
}

/// One step after the other.
pub(super) fn composed(first: &[Run], second: &[Run]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut second = second.iter().peekable();
    for run in first {
        while let Some(next) = second.peek() {
            let (start, end) = (run.new.max(next.old), run.new_end().min(next.old_end()));
            if start < end {
                let (old, new) = (run.old + (start - run.new), next.new + (start - next.old));
                push(&mut runs, Run { old, len: end - start, new });
            }
            if next.old_end() > run.new_end() {
                break;
            }
            second.next();
        }
    }
    runs
}

/// Both lists as one, where they do not overlap.
pub(super) fn merged(mut runs: Vec<Run>, more: Vec<Run>) -> Vec<Run> {
    runs.extend(more);
    runs.sort_by_key(|run| run.old);
    let mut all = Vec::with_capacity(runs.len());
    runs.into_iter().for_each(|run| push(&mut all, run));
    all
}
