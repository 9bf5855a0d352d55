//! What is saved of a replica, and what comes back. Texts that the store does not understand.

use std::path::PathBuf;

use interline_core::clock::Millis;
use interline_core::entry::EncodedEntry;
use interline_core::id::ReviewId;

/// What is written in one go of a replica, wholly or not at all.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// What is pending, in JSON; always written.
    pub pending: String,
    /// What was refused or recovered and the receipts, in JSON; `None`: as it was saved before.
    pub ledger: Option<String>,
    /// The confirmed review.
    pub confirmed: Confirmed,
    /// Whether there is anything in it that exists nowhere else: edits that are pending or were refused. Of such a
    /// record nothing is ever evicted, the confirmed review under its edits neither.
    pub precious: bool,
}

/// What is written of the confirmed review.
#[derive(Clone, PartialEq, Debug)]
pub enum Confirmed {
    /// Nothing: it is as it was saved before, or was not saved yet.
    Same,
    /// Entries that come behind what was saved before. An error if there is nothing before them.
    Behind(Vec<EncodedEntry>),
    /// The review in JSON, in place of what was saved before, entries included.
    Whole(String),
}

/// A replica as it comes back.
#[derive(Clone, PartialEq, Debug)]
pub struct Stored {
    /// What was pending.
    pub pending: String,
    /// What was refused or recovered and the receipts, if that was ever saved.
    pub ledger: Option<String>,
    /// The confirmed review; `None` if it was never saved, was evicted to make room, or is damaged: the server has it.
    pub confirmed: Option<String>,
    /// The entries that come behind the confirmed review, in order; none without one.
    pub entries: Vec<EncodedEntry>,
    /// What could not be read, for people. It is [kept](super::Store::unreadable), and is not in here.
    pub damaged: Option<String>,
}

/// A part of a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// All of it.
    Record,
    /// What was refused and the receipts.
    Ledger,
    /// The confirmed review with the entries behind it.
    Confirmed,
}

/// A text that could not be read and was set aside, or a whole database.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Unreadable {
    /// Of which review; `None` of a whole database.
    pub review: Option<ReviewId>,
    /// When it was set aside.
    pub at: Millis,
    /// Which text it was: `pending`, `ledger`, `confirmed`, or `entry` and its version. Or `database`.
    pub name: String,
    /// What was there; empty of a whole database.
    pub bytes: Vec<u8>,
    /// The file that a whole database was moved to.
    pub file: Option<PathBuf>,
}

impl Unreadable {
    /// A text of a review.
    pub(super) fn text(review: ReviewId, at: Millis, name: impl Into<String>, bytes: Vec<u8>) -> Unreadable {
        Unreadable { review: Some(review), at, name: name.into(), bytes, file: None }
    }
}
