//! What one client's user did, to be held against what became of it.

use super::ink::marks;
use super::text::Done;

/// Something a person did.
#[derive(Clone, PartialEq, Debug)]
pub enum Deed {
    /// A comment was added with these marks in it.
    Added {
        /// Which.
        comment: String,
        /// Its marks.
        marks: String,
    },
    /// A text was edited.
    Edited {
        /// Whose text.
        comment: String,
        /// Marks that are new.
        written: String,
        /// Marks that had been there before: a whole new text may write them again.
        copied: String,
        /// Marks that went.
        deleted: String,
    },
    /// A field was written.
    Wrote {
        /// `review`, or the comment's id.
        entity: String,
        /// Which field.
        field: String,
        /// Its value.
        value: serde_json::Value,
    },
    /// A comment was removed.
    Removed {
        /// Which.
        comment: String,
    },
}

/// A deed, and whether it outlived the client's crashes.
#[derive(Clone, PartialEq, Debug)]
pub struct Intent {
    /// What was done.
    pub deed: Deed,
    /// Set where the client died before it had saved this. Nobody may ever hear of it.
    pub forgotten: bool,
}

/// Everything that one client's user did.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    intents: Vec<Intent>,
    /// How many of them the local store holds.
    kept: usize,
}

impl Ledger {
    pub(super) fn add(&mut self, deed: Deed) {
        self.intents.push(Intent { deed, forgotten: false });
    }

    pub(super) fn edited(&mut self, comment: String, before: &str, done: &Done) {
        let (copied, written) = marks(&done.inserted)
            .chars()
            .partition(|mark| done.deleted.contains(*mark) || before.contains(*mark));
        self.add(Deed::Edited { comment, written, copied, deleted: marks(&done.deleted) });
    }

    pub(super) fn intents(&self) -> &[Intent] {
        &self.intents
    }

    /// How many deeds there are: what a save that is made now holds.
    pub(super) fn len(&self) -> usize {
        self.intents.len()
    }

    /// A save that holds so many deeds is on the disk.
    pub(super) fn keep(&mut self, count: usize) {
        self.kept = count;
    }

    /// The client died.
    pub(super) fn forget(&mut self) {
        self.intents[self.kept..].iter_mut().for_each(|intent| intent.forgotten = true);
        self.kept = self.intents.len();
    }
}
