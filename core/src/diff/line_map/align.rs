//! Which lines of one list are in another, in order.

use std::collections::BTreeMap;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::column::{Column, Texts};
use super::runs::{self, Run};

/// What comparing two lists line by line may cost at most, as the product of their lengths: it is quadratic at worst.
const CELLS: usize = 1_000_000;
/// What all of it together may cost.
const ALL_CELLS: usize = 64_000_000;
/// How often a list that is too long is divided by the lines that occur once in it.
const DEPTH: u32 = 4;
/// How many lines a stretch must have to be believed where nothing else speaks for it.
const STRETCH: u32 = 3;

/// What may still be spent on comparing.
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Budget {
        Budget(ALL_CELLS)
    }
}

impl Budget {
    /// Nothing.
    #[cfg(test)]
    pub(super) fn none() -> Budget {
        Budget(0)
    }

    fn take(&mut self, old: usize, new: usize) -> bool {
        let cells = old.saturating_mul(new);
        let fits = cells <= CELLS && cells <= self.0;
        self.0 -= if fits { cells } else { 0 };
        fits
    }
}

/// Where the lines of one whole list are in another, whose surroundings are known to be the same. Indices from 0.
pub(super) fn whole(old: &[u32], new: &[u32], budget: &mut Budget) -> Vec<Run> {
    let mut found = Vec::new();
    gap(old, new, (0, 0), DEPTH, budget, &mut found);
    found
}

fn gap(old: &[u32], new: &[u32], at: (u32, u32), depth: u32, budget: &mut Budget, found: &mut Vec<Run>) {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    runs::push(found, Run { old: at.0, len: start as u32, new: at.1 });
    let (old, new) = (&old[start..], &new[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let at = (at.0 + start as u32, at.1 + start as u32);
    let (old_middle, new_middle) = (&old[..old.len() - end], &new[..new.len() - end]);
    if old_middle.is_empty() || new_middle.is_empty() {
    } else if budget.take(old_middle.len(), new_middle.len()) {
        line_by_line(old_middle, new_middle, at, found);
    } else if depth > 0 {
        divided(old_middle, new_middle, at, depth - 1, budget, found);
    }
    let (old_end, new_end) = (at.0 + old_middle.len() as u32, at.1 + new_middle.len() as u32);
    runs::push(found, Run { old: old_end, len: end as u32, new: new_end });
}

/// Myers' algorithm. A line by itself that occurs more than once is not taken for the same: where everything
/// around it has been rewritten it says nothing.
fn line_by_line(old: &[u32], new: &[u32], at: (u32, u32), found: &mut Vec<Run>) {
    let (in_old, in_new) = (counts(old), counts(new));
    for op in capture_diff_slices(Algorithm::Myers, old, new) {
        let DiffOp::Equal { old_index, new_index, len } = op else { continue };
        let once = |text: &u32| in_old.get(text) == Some(&1) && in_new.get(text) == Some(&1);
        if len > 1 || old.get(old_index).is_some_and(once) {
            let (old, new) = (at.0 + old_index as u32, at.1 + new_index as u32);
            runs::push(found, Run { old, len: len as u32, new });
        }
    }
}

fn counts(texts: &[u32]) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    texts.iter().for_each(|text| *counts.entry(*text).or_default() += 1);
    counts
}

/// Divides lists that are too long by the lines that occur once in each.
fn divided(old: &[u32], new: &[u32], at: (u32, u32), depth: u32, budget: &mut Budget, found: &mut Vec<Run>) {
    let (mut old_from, mut new_from) = (0, 0);
    for (old_at, new_at) in once_in_each(old, new).into_iter().chain([(old.len(), new.len())]) {
        let from = (at.0 + old_from as u32, at.1 + new_from as u32);
        gap(&old[old_from..old_at], &new[new_from..new_at], from, depth, budget, found);
        if old_at < old.len() {
            runs::push(found, Run { old: at.0 + old_at as u32, len: 1, new: at.1 + new_at as u32 });
        }
        (old_from, new_from) = (old_at + 1, new_at + 1);
    }
}

/// The places of texts that occur once in each list: the most of them that are in the same order.
fn once_in_each(old: &[u32], new: &[u32]) -> Vec<(usize, usize)> {
    let places = |texts: &[u32]| {
        let mut places: BTreeMap<u32, Option<usize>> = BTreeMap::new();
        for (at, text) in texts.iter().enumerate() {
            places.entry(*text).and_modify(|place| *place = None).or_insert(Some(at));
        }
        places
    };
    let in_new = places(new);
    let mut pairs: Vec<(usize, usize)> = places(old)
        .into_iter()
        .filter_map(|(text, at)| Some((at?, in_new.get(&text).copied().flatten()?)))
        .collect();
    pairs.sort_unstable();
    longest_ascending(&pairs)
}

/// The longest part of a list, ascending by its first numbers, that ascends by its second numbers too.
fn longest_ascending(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length the end of the best part of that length, and for each pair the one before it in its part.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (nth, (_, new)) in pairs.iter().enumerate() {
        let len = ends.partition_point(|end| pairs[*end].1 < *new);
        before.push(len.checked_sub(1).map(|shorter| ends[shorter]));
        if len == ends.len() { ends.push(nth) } else { ends[len] = nth }
    }
    let mut part = Vec::with_capacity(ends.len());
    let mut at = ends.last().copied();
    while let Some(nth) = at {
        part.push(pairs[nth]);
        at = before[nth];
    }
    part.reverse();
    part
}

/// Where stretches of the known lines are among others, when nothing is known of what lies between. Numbers of lines.
pub(super) fn stretches(old: &Column, new: &Column, texts: &Texts<'_>) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    let next_to =
        |numbers: &[u32], nth: usize| nth > 0 && numbers[nth].checked_sub(1) == numbers.get(nth - 1).copied();
    for (old_at, new_at) in once_in_each(&old.texts, &new.texts) {
        let covered = found
            .last()
            .is_some_and(|run| old.numbers[old_at] < run.old_end() || new.numbers[new_at] < run.new_end());
        if covered || !texts.is_telling(old.texts[old_at]) {
            continue;
        }
        let (floor_old, floor_new) = found.last().map_or((0, 0), |run| (run.old_end(), run.new_end()));
        let (mut from_old, mut from_new) = (old_at, new_at);
        while next_to(&old.numbers, from_old)
            && next_to(&new.numbers, from_new)
            && old.texts[from_old - 1] == new.texts[from_new - 1]
            && old.numbers[from_old - 1] >= floor_old
            && new.numbers[from_new - 1] >= floor_new
        {
            (from_old, from_new) = (from_old - 1, from_new - 1);
        }
        let (mut to_old, mut to_new) = (old_at + 1, new_at + 1);
        while to_old < old.numbers.len()
            && to_new < new.numbers.len()
            && next_to(&old.numbers, to_old)
            && next_to(&new.numbers, to_new)
            && old.texts[to_old] == new.texts[to_new]
        {
            (to_old, to_new) = (to_old + 1, to_new + 1);
        }
        let run =
            Run { old: old.numbers[from_old], len: (to_old - from_old) as u32, new: new.numbers[from_new] };
        if run.len >= STRETCH || (run.old, run.new) == (1, 1) {
            runs::push(&mut found, run);
        }
    }
    found
}
