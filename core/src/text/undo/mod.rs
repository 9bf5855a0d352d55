//! Undo and redo of one person's own edits of one text, whatever others do to it meanwhile.
//!
//! Every item is an op that takes something back. The newest applies to the text as it is shown, the next one
//! to the text after that, and so on down; the items of redo likewise. What others do is carried through both
//! stacks, so an undo never takes back anybody else's words.
//!
//! An edit that is not confirmed yet may turn out to have done less than it seemed: two people delete the same
//! words, and only the first deletion counts. Then the inverse of what was typed would bring the words back a
//! second time, so [`UndoStack::rebased`] replaces it by the inverse of what is left of it.
//!
//! One case is beyond this: the undo of a deletion that is not confirmed is itself an edit, which brings the words
//! back even if somebody else's deletion of them comes first.

#[cfg(test)]
mod laws;

use serde::{Deserialize, Serialize};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::Text;
use super::op::{OpBuilder, OpError, Step, TextOp, transform};
use super::overlap::{tight, touches};
use crate::clock::Millis;
use crate::limits::Limits;

/// How soon after the last one a keystroke has to come to be undone together with it.
pub const GROUP_MS: Millis = 500;
/// The most items of either stack.
pub const MAX_ITEMS: usize = 100;
/// How much text all items together may hold, in bytes of UTF-8: it is saved with every pending edit.
pub const MAX_BYTES: usize = 16 * 1024;

/// Above this many scalars on either side a replacement is not compared: that is quadratic at worst.
const MAX_COMPARED: usize = 1_000;

/// How far the edit has come that an item takes back; of several edits in one item, the newest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Layer {
    Buffer,
    InFlight,
    Confirmed,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Item {
    op: TextOp,
    layer: Layer,
}

/// What one person can undo and redo in one text.
///
/// At most [`MAX_ITEMS`] items a stack and [`MAX_BYTES`] of text in all of them; the oldest edits are forgotten
/// first, and the newest of each stack never. An op that does not fit empties the
/// stack: there is nothing to undo rather than something wrong.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct UndoStack {
    undo: Vec<Item>,
    redo: Vec<Item>,
    /// When the newest item was last typed at; nothing once something else happened.
    typed: Option<Millis>,
}

/// Somebody else's op as it meets pending edits.
#[derive(Clone, Copy, Debug)]
pub struct Rebase<'a> {
    /// The op on the confirmed text.
    pub op: &'a TextOp,
    /// The confirmed text before it.
    pub confirmed: &'a Text,
    /// All pending edits as one op on that text.
    pub pending: &'a TextOp,
    /// The op carried over them: on the text as it was shown.
    pub shown: &'a TextOp,
    /// The pending edits carried over the op one by one, then as one op on the confirmed text after it.
    pub carried: &'a TextOp,
}

impl UndoStack {
    /// The person edited the shown text, `before`. There is nothing to redo any more.
    ///
    /// Typing joins the newest item if that takes back typing at [most so long ago](GROUP_MS) which the new
    /// text touches; deleting joins deleting on either side of it. Replacements stand alone.
    pub fn edited(&mut self, now: Millis, op: &TextOp, before: &Text) {
        let Ok(inverse) = op.invert(before) else { return self.clear() };
        if inverse.is_identity() {
            return;
        }
        self.redo.clear();
        let recent = self.typed.is_some_and(|at| now.checked_sub(at).is_some_and(|ms| ms <= GROUP_MS));
        let joined = match self.undo.last() {
            Some(newest) if recent && touch(op, &newest.op) => inverse.compose(&newest.op).ok(),
            _ => None,
        };
        match (joined, self.undo.last_mut()) {
            (Some(op), Some(newest)) => *newest = Item { op, layer: Layer::Buffer },
            _ => self.undo.push(Item { op: inverse, layer: Layer::Buffer }),
        }
        self.typed = Some(now);
        self.trim();
    }

    /// The shown text was changed by somebody else's op, and nothing is pending.
    pub fn remote(&mut self, op: &TextOp) {
        let carried = carry(&mut self.undo, op).and_then(|()| carry(&mut self.redo, op));
        self.keep(carried);
    }

    /// Instead of [`remote`](UndoStack::remote) while edits are pending.
    ///
    /// Items stay apart where carrying them leads to what is exactly the text without the pending edits.
    /// Where it does not, for both deleted the same words or one wrote where the other deleted, all that is not
    /// confirmed becomes one item, the inverse of what is left of the pending edits. Where both deleted the same
    /// words there is nothing to redo any more either, and where an undo of what was confirmed was pending as well
    /// there is nothing to undo: it cannot be told any more what would come back twice.
    pub fn rebased(&mut self, rebase: &Rebase<'_>) {
        let rebased = self.try_rebased(rebase);
        self.keep(rebased);
    }

    fn try_rebased(&mut self, rebase: &Rebase<'_>) -> Result<(), OpError> {
        let Rebase { op, confirmed, pending, shown, carried } = *rebase;
        // An entry may hold more than one edit of a text, and then this is not the text before the second.
        for expected in [op.base_len(), pending.base_len()] {
            if expected != confirmed.len() {
                return Err(OpError::Length { expected, found: confirmed.len() });
            }
        }
        let first = self.undo.iter().position(|item| item.layer != Layer::Confirmed);
        let mut items = self.undo.split_off(first.unwrap_or(self.undo.len()));
        let layer = items.last().map_or(Layer::Buffer, |item| item.layer);
        let none = items.is_empty();
        // What taking back every pending item leaves is the confirmed text, unless a pending edit is itself an
        // undo of what was confirmed: then the items below are for a text without that.
        let mut left = pending.clone();
        for item in items.iter().rev() {
            left = left.compose(&item.op)?;
        }
        let before = kept(&left, confirmed.as_str(), &[]);
        let (op_below, left) = transform(op, &before)?;
        let vanished = carried.deletes() < pending.deletes();
        if !before.is_identity() && (vanished || left.deletes() < before.deletes()) {
            // What is gone for good now may stand elsewhere in the items. Rather nothing to undo.
            self.clear();
            return Ok(());
        }
        carry(&mut self.undo, &op_below)?;
        let mut after = confirmed.clone();
        after.apply(op)?;
        let mut below = after.clone();
        below.apply(&left)?;
        let back = carried.invert(&after)?;
        after.apply(carried)?;

        carry(&mut items, shown)?;
        let mut reached = after.clone();
        items.iter().rev().try_for_each(|item| reached.apply(&item.op))?;
        // With nothing to undo, what only moves words about is nothing that anybody wants undone.
        let moves = none && self.undo.is_empty() && letters(&reached) == letters(&below);
        if reached != below && !moves {
            self.typed = None;
            let op = kept(&back.compose(&left)?, after.as_str(), &[]);
            items = vec![Item { op, layer }];
        }
        self.undo.extend(items.into_iter().filter(|item| !item.op.is_identity()));
        if vanished {
            self.redo.clear();
        }
        carry(&mut self.redo, shown)
    }

    /// What was buffered is in flight now.
    pub fn frozen(&mut self) {
        self.promote(Layer::Buffer, Layer::InFlight);
    }

    /// What was in flight is confirmed, all of it. After a rejection the stack is to be [cleared](Self::clear).
    pub fn confirmed(&mut self) {
        self.promote(Layer::InFlight, Layer::Confirmed);
    }

    fn promote(&mut self, from: Layer, to: Layer) {
        for item in self.undo.iter_mut().chain(&mut self.redo).filter(|item| item.layer == from) {
            item.layer = to;
        }
    }

    /// Takes back the newest edit: what it returns is to be applied to `shown` as an edit like any other, but
    /// is not to be reported to [`edited`](UndoStack::edited).
    pub fn undo(&mut self, shown: &Text) -> Option<TextOp> {
        let item = self.undo.pop()?;
        let inverse = self.inverse(&item.op, shown)?;
        self.redo.push(inverse);
        self.trim();
        Some(item.op)
    }

    /// Takes back the newest undo, likewise.
    pub fn redo(&mut self, shown: &Text) -> Option<TextOp> {
        let item = self.redo.pop()?;
        let inverse = self.inverse(&item.op, shown)?;
        self.undo.push(inverse);
        self.trim();
        Some(item.op)
    }

    /// Whether there is anything to undo.
    pub fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Whether there is anything to redo.
    pub fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = UndoStack::default();
    }

    /// The item for the other stack.
    fn inverse(&mut self, op: &TextOp, shown: &Text) -> Option<Item> {
        self.typed = None;
        match op.invert(shown) {
            Ok(op) => Some(Item { op, layer: Layer::Buffer }),
            Err(_) => {
                self.clear();
                None
            }
        }
    }

    fn keep(&mut self, result: Result<(), OpError>) {
        if result.is_err() {
            self.clear();
        }
        self.trim();
    }

    /// Forgets the oldest until the rest is within bounds. What is saved must be read again as well.
    fn trim(&mut self) {
        for items in [&mut self.undo, &mut self.redo] {
            let unreadable = items.iter().rposition(|item| item.op.components() > Limits::LOG_OP_COMPONENTS);
            let excess = items.len().saturating_sub(MAX_ITEMS);
            items.drain(..excess.max(unreadable.map_or(0, |at| at + 1)));
        }
        let held = |items: &[Item]| -> Vec<usize> { items.iter().map(|item| inserted(&item.op)).collect() };
        let sizes = [held(&self.undo), held(&self.redo)];
        let mut total: usize = sizes.iter().flatten().sum();
        for (items, sizes) in [&mut self.undo, &mut self.redo].into_iter().zip(&sizes) {
            let oldest = sizes.iter().take(sizes.len().saturating_sub(1)).take_while(|size| {
                let over = total > MAX_BYTES;
                total -= if over { **size } else { 0 };
                over
            });
            items.drain(..oldest.count());
        }
    }
}

/// Carries an op down a stack and the stack over it; items that have nothing left to take back vanish.
fn carry(items: &mut Vec<Item>, op: &TextOp) -> Result<(), OpError> {
    let mut op = op.clone();
    for item in items.iter_mut().rev() {
        let (below, carried) = transform(&op, &item.op)?;
        (op, item.op) = (below, carried);
    }
    items.retain(|item| !item.op.is_identity());
    Ok(())
}

/// An op composed of one that deletes and one that brings back, with what is there before and after kept. Where that can
/// be seen in several ways, `back` is what was brought back.
pub(crate) fn kept(op: &TextOp, base: &str, back: &[String]) -> TextOp {
    let op = &tight(op, base);
    let base: Vec<char> = base.chars().collect();
    let back: Vec<Vec<char>> = back.iter().map(|text| text.chars().collect()).collect();
    let mut kept = OpBuilder::default();
    let mut at = 0;
    for touch in touches(op) {
        kept.retain(touch.start - at);
        at = touch.end;
        let (old, new) = (&base[touch.start..touch.end], touch.insert.chars().collect::<Vec<_>>());
        if old.len().max(new.len()) > MAX_COMPARED {
            kept.insert(touch.insert);
            kept.delete(old.len());
        } else {
            keep(old, &new, &back, &mut kept);
        }
    }
    kept.retain(op.base_len() - at);
    kept.finish()
}

/// Replaces `old` by `new` but for what both hold: what was brought back first of all.
fn keep(old: &[char], new: &[char], back: &[Vec<char>], kept: &mut OpBuilder) {
    let place = |text: &[char], part: &[char]| text.windows(part.len()).position(|window| window == part);
    let places = |part: &Vec<char>| Some((part.len(), place(old, part)?, place(new, part)?));
    let longest = back.iter().filter(|part| !part.is_empty()).filter_map(places).max();
    if let Some((len, was, is)) = longest {
        keep(&old[..was], &new[..is], back, kept);
        kept.retain(len);
        return keep(&old[was + len..], &new[is + len..], back, kept);
    }
    for piece in capture_diff_slices(Algorithm::Myers, old, new) {
        if matches!(piece, DiffOp::Equal { .. }) {
            kept.retain(piece.old_range().len());
        } else {
            kept.insert(&new[piece.new_range()].iter().collect::<String>());
            kept.delete(piece.old_range().len());
        }
    }
}

/// What a text is made of, in whatever order.
fn letters(text: &Text) -> Vec<char> {
    let mut letters: Vec<char> = text.as_str().chars().collect();
    letters.sort_unstable();
    letters
}

/// How many bytes of text an op holds.
fn inserted(op: &TextOp) -> usize {
    op.steps().map(|step| if let Step::Insert(text, _) = step { text.len() } else { 0 }).sum()
}

/// Whether an edit goes on where `newest`, an inverse that applies to the same text, left off.
fn touch(edit: &TextOp, newest: &TextOp) -> bool {
    match (only(edit), only(newest)) {
        // Typing within or at either end of what was typed: that is what the inverse deletes.
        (Some((at, Step::Insert(..))), Some((start, Step::Delete(n)))) => (start..=start + n).contains(&at),
        // Deleting what stands before or after the place where the inverse inserts.
        (Some((start, Step::Delete(n))), Some((at, Step::Insert(..)))) => at == start || at == start + n,
        _ => false,
    }
}

/// The one thing that an op does, and where, if it is one.
fn only(op: &TextOp) -> Option<(usize, Step<'_>)> {
    let mut at = 0;
    let mut only = None;
    for step in op.steps() {
        match step {
            Step::Retain(n) if only.is_none() => at += n,
            Step::Retain(_) => {}
            step if only.is_none() => only = Some((at, step)),
            _ => return None,
        }
    }
    only
}
