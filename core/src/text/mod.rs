//! Text and its operations. The one unit is the Unicode scalar; UTF-16 exists only in [`units`].
//!
//! [`TextOp`] wraps the algebra of the `operational-transform` crate behind a strict parser, [`Text`] is what
//! ops are applied to, [`cursor`] moves positions through ops, [`diff`] makes an op from two texts.

mod apply;
mod blame;
pub mod cursor;
mod diff;
mod op;
mod overlap;
mod squash;
pub mod undo;
pub mod units;

pub use apply::{Text, normalize};
pub use blame::Blame;
pub use diff::diff;
pub(crate) use op::Step;
pub use op::{OpError, TextOp, transform};
pub(crate) use overlap::unsaid;
pub use overlap::{ThreeWay, overlaps, three_way};
pub use squash::{SquashError, squash};
pub use undo::UndoStack;

#[cfg(test)]
pub(crate) mod generate;
#[cfg(test)]
mod laws;
