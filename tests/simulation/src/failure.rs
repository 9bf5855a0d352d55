//! What can be wrong with a history.

use std::fmt;

/// What was violated. A plan is cut down only as far as the same thing goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// Core panicked.
    Panic,
    /// A stream had a gap, another hash, or an entry that did not fit.
    Stream,
    /// A well-behaved client was refused for good.
    Refused,
    /// Something was told before it was durable, or two appends were under way.
    Order,
    /// What was saved cannot be read again as it was.
    Saved,
    /// What events said is not what the replica shows.
    Screen,
    /// It never came to rest.
    Rest,
    /// The log's chain of hashes or its checksums do not hold.
    Chain,
    /// Replicas, servers and the log differ.
    Converged,
    /// Something that was acknowledged is not in the log.
    Durable,
    /// A batch took effect twice, or was answered in two ways.
    Once,
    /// One author's batches are out of order, or one is missing.
    Ordered,
    /// Text was doubled, lost or made up.
    Words,
    /// A change vanished without a word.
    Intent,
    /// Somebody's decision was overwritten by somebody who had not seen it, or a conflict is not one.
    Guided,
    /// A comment stands on another line than the one that it was written on.
    Placed,
    /// A tag that was put in or taken out is not, or went by somebody who had not seen it.
    Tagged,
    /// A generated history with too few changes or faults: the generator is at fault.
    Dull,
}

/// A violation.
#[derive(Clone, PartialEq, Debug)]
pub struct Failure {
    /// What was violated.
    pub check: Check,
    /// How.
    pub what: String,
    /// After how many steps; none if it showed at the end.
    pub step: Option<usize>,
}

impl Failure {
    /// A violation that showed at the end.
    pub fn new(check: Check, what: impl Into<String>) -> Failure {
        Failure { check, what: what.into(), step: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.check)?;
        if let Some(step) = self.step {
            write!(f, " in step {step}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for Failure {}
