//! One file in two patch sets.

use super::align::{self, Budget};
use super::column::{Column, Texts, agrees, carried};
use super::runs::{self, Run};
use crate::diff::{FileDiff, FileStatus};
use crate::review::Side;

/// How many lines of the base both diffs must carry to be taken for diffs from the same content.
const SHARED: usize = 3;
/// How many digits two abbreviated names must share to be the same.
const DIGITS: usize = 7;

/// What the content before the change is in two diffs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    /// The same, by its name.
    Same,
    /// The same as far as both carry it.
    Alike,
    Other,
}

/// Where the lines of a side are.
pub(super) fn runs(old: &FileDiff, new: &FileDiff, side: Side, budget: &mut Budget) -> Vec<Run> {
    if old.binary || new.binary {
        return Vec::new();
    }
    let mut texts = Texts::default();
    let bases = (Column::new(old, Side::Base, &mut texts), Column::new(new, Side::Base, &mut texts));
    let base = base(old, new, &bases);
    if side == Side::Base {
        let all = [Run::to_end(1, 1)];
        return match base {
            Base::Same if old.status == FileStatus::Added => Vec::new(),
            Base::Same => all.to_vec(),
            Base::Alike => carried(&all, &bases.0, &bases.1),
            Base::Other => searched(&bases.0, &bases.1, &texts, budget),
        };
    }
    let heads = (Column::new(old, Side::Head, &mut texts), Column::new(new, Side::Head, &mut texts));
    if same(old.new_id.as_deref(), new.new_id.as_deref()) == Some(true) {
        let all = vec![Run::to_end(1, 1)];
        if agrees(&all, &heads.0, &heads.1) {
            return all;
        }
    }
    if base == Base::Other {
        return searched(&heads.0, &heads.1, &texts, budget);
    }
    let kept = (kept(old), kept(new));
    let through = runs::composed(&runs::inverted(&kept.0), &kept.1);
    if base == Base::Same && agrees(&through, &heads.0, &heads.1) {
        // What one diff says of the base the other need not say again.
        let heads = (heads.0.with(&bases.1, &kept.0), heads.1.with(&bases.0, &kept.1));
        return between(through, &heads.0, &heads.1, budget);
    }
    between(carried(&through, &heads.0, &heads.1), &heads.0, &heads.1, budget)
}

fn base(old: &FileDiff, new: &FileDiff, (before, after): &(Column, Column)) -> Base {
    let added = (old.old_path.is_none(), new.old_path.is_none());
    let named = match added {
        (true, true) => Some(true),
        (false, false) => same(old.old_id.as_deref(), new.old_id.as_deref()),
        _ => Some(false),
    };
    let all = [Run::to_end(1, 1)];
    match named {
        Some(true) if agrees(&all, before, after) => Base::Same,
        None if agrees(&all, before, after) => {
            let shared: u32 = carried(&all, before, after).iter().map(|run| run.len).sum();
            if shared as usize >= SHARED { Base::Alike } else { Base::Other }
        }
        _ => Base::Other,
    }
}

/// Whether two abbreviated names are of the same content; unknown if one is missing or too short.
fn same(old: Option<&str>, new: Option<&str>) -> Option<bool> {
    let (old, new) = (old?, new?);
    let digits = old.len().min(new.len());
    match old.get(..digits) == new.get(..digits) {
        true if digits < DIGITS => None,
        same => Some(same),
    }
}

/// The lines that a change keeps, from base to head: those of its hunks, and all that lie in none.
pub(super) fn kept(file: &FileDiff) -> Vec<Run> {
    let mut kept = Vec::new();
    let (mut base, mut head) = (1, 1);
    // A file that is new or gone has nothing outside of its hunks.
    let there = !matches!(file.status, FileStatus::Added | FileStatus::Deleted);
    for hunk in &file.hunks {
        let (base_start, head_start) = (hunk.range(Side::Base).start, hunk.range(Side::Head).start);
        let outside = base_start.saturating_sub(base);
        // Where hunks shift what lies between them the diff hides changes, as of blank lines that it was told to ignore.
        if there && outside == head_start.saturating_sub(head) {
            runs::push(&mut kept, Run { old: base, len: outside, new: head });
        }
        (base, head) = (base_start, head_start);
        for line in &hunk.lines {
            let (on_base, on_head) = (line.kind.is_on(Side::Base), line.kind.is_on(Side::Head));
            if on_base && on_head {
                runs::push(&mut kept, Run { old: base, len: 1, new: head });
            }
            base += u32::from(on_base);
            head += u32::from(on_head);
        }
    }
    if there {
        runs::push(&mut kept, Run::to_end(base, head));
    }
    kept
}

/// Searches for what is known where the bases differ.
fn searched(old: &Column, new: &Column, texts: &Texts<'_>, budget: &mut Budget) -> Vec<Run> {
    between(align::stretches(old, new, texts), old, new, budget)
}

/// Searches between neighbouring runs, before the first and behind the last, where both sides know every line there.
fn between(found: Vec<Run>, old: &Column, new: &Column, budget: &mut Budget) -> Vec<Run> {
    let mut more = Vec::new();
    let (mut old_from, mut new_from) = (1, 1);
    let end = Run { old: old.end(), len: 0, new: new.end() };
    for run in found.iter().copied().chain([end]) {
        let (old_gap, new_gap) = (old_from..run.old, new_from..run.new);
        if !old_gap.is_empty()
            && !new_gap.is_empty()
            && let (Some(before), Some(after)) = (old.all_of(old_gap), new.all_of(new_gap))
        {
            let inner = align::whole(before, after, budget).into_iter();
            more.extend(inner.map(|r| Run { old: r.old + old_from, len: r.len, new: r.new + new_from }));
        }
        (old_from, new_from) = (run.old_end(), run.new_end());
    }
    runs::merged(found, more)
}
