//! Text and its operations. The one unit is the Unicode scalar; UTF-16 exists only in [`units`].
//!
//! [`TextOp`] wraps the algebra of the `operational-transform` crate behind a strict parser, [`Text`] is what
//! ops are applied to, [`cursor`] moves positions through ops, [`diff`] makes an op from two texts.

mod apply;
pub mod cursor;
mod diff;
mod op;
pub mod units;

pub use apply::{Text, normalize};
pub use diff::diff;
pub(crate) use op::Step;
pub use op::{OpError, TextOp, transform};

#[cfg(test)]
pub(crate) mod generate;
#[cfg(test)]
mod laws;
