//! The code under review, as far as comments need it: which lines there are, and what they hash to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{LineHash, Side};
use crate::diff::PatchSet;

/// The states of the code, by number.
#[derive(Clone, Debug, Default)]
pub struct PatchSets(BTreeMap<u32, Arc<PatchSet>>);

impl PatchSets {
    /// Adds one.
    pub fn insert(&mut self, number: u32, code: Arc<PatchSet>) {
        self.0.insert(number, code);
    }

    /// The hash of a line that one of them carries.
    pub fn line_hash(&self, number: u32, file: &str, side: Side, line: u32) -> Option<LineHash> {
        self.0.get(&number)?.line(file, side, line).map(LineHash::of)
    }
}
