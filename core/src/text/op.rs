//! One edit of a text: retain, insert and delete, in order, over the whole text.

use std::fmt;

use operational_transform::{Operation, OperationSeq};
use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::apply::Text;
use crate::limits::Limits;

/// An operation on a text of exactly [`base_len`](TextOp::base_len) scalars.
///
/// JSON: `[5,"abc",-3]` retains 5, inserts, deletes 3. The retain at the end is mandatory. Parsing is strict:
/// no zero, no empty string, no two neighbours of one kind, no insert right after a delete, no sum over
/// [`Limits::ANY_TEXT_CHARS`], no more than [`Limits::LOG_OP_COMPONENTS`] components.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TextOp(OperationSeq);

/// Two ops, or an op and a text, that do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpError {
    /// The op was made for a text of another length.
    #[error("the operation is for a text of {expected} characters, this one has {found}")]
    Length {
        /// What the op was made for, in scalars.
        expected: usize,
        /// What it met.
        found: usize,
    },
    /// A range that does not lie within the text.
    #[error("position {position} lies outside a text of {len} characters")]
    OutOfRange {
        /// The first offset that is wrong, in scalars.
        position: usize,
        /// The text's length.
        len: usize,
    },
}

/// One step of an op, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Retain(usize),
    Insert(&'a str, usize),
    Delete(usize),
}

impl TextOp {
    /// Replaces `delete` scalars at `at` by `insert`, in a text of `len` scalars.
    pub fn replace(len: usize, at: usize, delete: usize, insert: &str) -> Result<TextOp, OpError> {
        let end = at.checked_add(delete).filter(|end| *end <= len);
        let Some(end) = end else {
            return Err(OpError::OutOfRange { position: at.saturating_add(delete), len });
        };
        let mut op = OpBuilder::default();
        op.retain(at);
        op.insert(insert);
        op.delete(delete);
        op.retain(len - end);
        Ok(op.finish())
    }

    /// The op that changes nothing.
    pub fn identity(len: usize) -> TextOp {
        let mut op = OpBuilder::default();
        op.retain(len);
        op.finish()
    }

    /// The length of a text this op applies to, in scalars.
    pub fn base_len(&self) -> usize {
        self.0.base_len()
    }

    /// The length of the text it results in, in scalars.
    pub fn target_len(&self) -> usize {
        self.0.target_len()
    }

    /// How many components it has.
    pub fn components(&self) -> usize {
        self.0.ops().len()
    }

    /// Whether it leaves every text as it was.
    pub fn is_identity(&self) -> bool {
        self.0.is_noop()
    }

    /// The op that inserts what this one does and deletes nothing.
    pub fn inserts_alone(&self) -> TextOp {
        let mut op = OpBuilder::default();
        for step in self.steps() {
            match step {
                Step::Retain(chars) | Step::Delete(chars) => op.retain(chars),
                Step::Insert(text, _) => op.insert(text),
            }
        }
        op.finish()
    }

    /// The op that deletes what this one does and inserts nothing.
    pub fn deletes_alone(&self) -> TextOp {
        let mut op = OpBuilder::default();
        for step in self.steps() {
            match step {
                Step::Retain(chars) => op.retain(chars),
                Step::Delete(chars) => op.delete(chars),
                Step::Insert(..) => {}
            }
        }
        op.finish()
    }

    /// How many scalars it inserts.
    pub fn inserts(&self) -> usize {
        self.steps().map(|step| if let Step::Insert(_, chars) = step { chars } else { 0 }).sum()
    }

    /// How many scalars it deletes.
    pub fn deletes(&self) -> usize {
        self.steps().map(|step| if let Step::Delete(chars) = step { chars } else { 0 }).sum()
    }

    /// One op that does what this one and then `next` do.
    ///
    /// Loses an insert's place among deletes: never compose what is then transformed against something that
    /// was in flight meanwhile (`docs/decisions/0002-stepwise-transform.md`).
    pub fn compose(&self, next: &TextOp) -> Result<TextOp, OpError> {
        let error = OpError::Length { expected: next.base_len(), found: self.target_len() };
        self.0.compose(&next.0).map(TextOp).map_err(|_| error)
    }

    /// The op that takes this one back; `before` is the text that this one applies to.
    pub fn invert(&self, before: &Text) -> Result<TextOp, OpError> {
        // The crate itself checks nothing: it would make up an op for some other text.
        if self.base_len() != before.len() {
            return Err(OpError::Length { expected: self.base_len(), found: before.len() });
        }
        Ok(TextOp(self.0.invert(before.as_str())))
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.0.ops().iter().map(|step| match step {
            Operation::Retain(n) => Step::Retain(*n as usize),
            Operation::Insert(text) => Step::Insert(text, text.chars().count()),
            Operation::Delete(n) => Step::Delete(*n as usize),
        })
    }
}

/// Carries two concurrent ops over each other, `history` first where they insert at one place.
///
/// Returns `(history', op')` such that `history` then `op'` equals `op` then `history'` (TP1).
pub fn transform(history: &TextOp, op: &TextOp) -> Result<(TextOp, TextOp), OpError> {
    let error = OpError::Length { expected: op.base_len(), found: history.base_len() };
    let (history, op) = history.0.transform(&op.0).map_err(|_| error)?;
    Ok((TextOp(history), TextOp(op)))
}

/// Builds an op step by step; neighbours of one kind join, empty steps vanish.
#[derive(Default)]
pub(crate) struct OpBuilder(OperationSeq);

impl OpBuilder {
    pub(crate) fn retain(&mut self, chars: usize) {
        self.0.retain(chars as u64);
    }

    pub(crate) fn delete(&mut self, chars: usize) {
        self.0.delete(chars as u64);
    }

    pub(crate) fn insert(&mut self, text: &str) {
        self.0.insert(text);
    }

    pub(crate) fn finish(self) -> TextOp {
        TextOp(self.0)
    }
}

impl Serialize for TextOp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.components()))?;
        for step in self.0.ops() {
            match step {
                Operation::Retain(n) => seq.serialize_element(n)?,
                Operation::Insert(text) => seq.serialize_element(text)?,
                Operation::Delete(n) => seq.serialize_element(&-(*n as i64))?,
            }
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for TextOp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(OpVisitor)
    }
}

/// What the crate's own parser lets through panics, wraps or loops, so ops are parsed here.
struct OpVisitor;

impl<'de> Visitor<'de> for OpVisitor {
    type Value = TextOp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text operation such as [5,\"abc\",-3]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<TextOp, A::Error> {
        let mut op = OpBuilder::default();
        let mut last = None;
        let mut components = 0;
        let (mut base, mut target) = (0usize, 0usize);
        while let Some(part) = seq.next_element::<Part>()? {
            components += 1;
            if components > Limits::LOG_OP_COMPONENTS {
                return Err(de::Error::custom("too many components"));
            }
            let kind = part.kind();
            if last == Some(kind) {
                return Err(de::Error::custom("two neighbouring components of one kind"));
            }
            if last == Some(Kind::Delete) && kind == Kind::Insert {
                return Err(de::Error::custom("an insert after a delete; write the insert first"));
            }
            last = Some(kind);
            match &part {
                Part::Retain(n) => {
                    (base, target) = (base + n, target + n);
                    op.retain(*n);
                }
                Part::Delete(n) => {
                    base += n;
                    op.delete(*n);
                }
                Part::Insert(text) => {
                    target += text.chars().count();
                    op.insert(text);
                }
            }
            if base.max(target) > Limits::ANY_TEXT_CHARS {
                return Err(de::Error::custom("a text longer than any text may be"));
            }
        }
        Ok(op.finish())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Retain,
    Insert,
    Delete,
}

enum Part {
    Retain(usize),
    Insert(String),
    Delete(usize),
}

impl Part {
    fn kind(&self) -> Kind {
        match self {
            Part::Retain(_) => Kind::Retain,
            Part::Insert(_) => Kind::Insert,
            Part::Delete(_) => Kind::Delete,
        }
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor)
    }
}

struct PartVisitor;

/// A count of scalars within bounds; checked before any sum is formed, so that no sum can overflow.
fn count<E: de::Error>(n: u64) -> Result<usize, E> {
    match usize::try_from(n) {
        Ok(0) => Err(E::custom("a count of zero")),
        Ok(n) if n <= Limits::ANY_TEXT_CHARS => Ok(n),
        _ => Err(E::custom("a count longer than any text may be")),
    }
}

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number other than 0 or a text that is not empty")
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Part, E> {
        count(n).map(Part::Retain)
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Part, E> {
        if n < 0 {
            count(n.unsigned_abs()).map(Part::Delete)
        } else {
            count(n.unsigned_abs()).map(Part::Retain)
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Part, E> {
        if text.is_empty() { Err(E::custom("an empty insert")) } else { Ok(Part::Insert(text.to_owned())) }
    }
}
