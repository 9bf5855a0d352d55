//! What one client's user did, to be held against what became of it.

use std::collections::BTreeSet;

use super::ink::{marks, shared};
use super::text::Done;

/// Something a person did.
#[derive(Clone, PartialEq, Debug)]
pub enum Deed {
    /// A comment was added with these marks in it.
    Added {
        /// Which.
        comment: String,
        /// Marks that are new.
        marks: String,
        /// Marks that had been there before.
        copied: String,
        /// All else that is in it.
        shared: String,
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
        /// All else that it may have written: nobody knows whose such text is, but there is no more of it than this.
        shared: String,
        /// The marks of the whole text as its author saw it then.
        after: String,
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
    /// A tag of the review was put in or taken out.
    Tagged {
        /// Which.
        tag: String,
        /// Put in rather than taken out.
        put: bool,
        /// The version that the replica had confirmed then.
        head: u64,
    },
}

/// A deed, and whether it outlived the client's crashes.
#[derive(Clone, PartialEq, Debug)]
pub struct Intent {
    /// What was done.
    pub deed: Deed,
    /// Set where the client died before it had saved this. Nobody may ever hear of it.
    pub forgotten: bool,
    /// Something refused was made once more.
    pub retried: bool,
    /// Set where this was an undo: the version that its client had confirmed then.
    pub undone_at: Option<u64>,
    /// The newest version that its author had been shown by then, as the network tells: whatever their replica says.
    pub knew: u64,
}

/// Everything that one client's user did.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    intents: Vec<Intent>,
    /// How many of them the local store holds.
    kept: usize,
    /// How many of them were done before a part of the local store broke, and with it proofs of what was acknowledged.
    unproved: usize,
    /// The newest version that its user was ever shown.
    knew: u64,
}

impl Ledger {
    pub(super) fn add(&mut self, deed: Deed) {
        self.intents.push(Intent {
            deed,
            forgotten: false,
            retried: false,
            undone_at: None,
            knew: self.knew,
        });
    }

    /// Its user was shown this version.
    pub(super) fn shown(&mut self, version: u64) {
        self.knew = self.knew.max(version);
    }

    /// One of somebody who has been shown the same.
    pub(super) fn next(&self) -> Ledger {
        Ledger { knew: self.knew, ..Ledger::default() }
    }

    /// Something refused was made once more by all of these.
    pub(super) fn retried_since(&mut self, from: usize) {
        self.intents[from..].iter_mut().for_each(|intent| intent.retried = true);
    }

    /// All of these took something back, with this version confirmed.
    pub(super) fn undone_since(&mut self, from: usize, version: u64) {
        self.intents[from..].iter_mut().for_each(|intent| intent.undone_at = Some(version));
    }

    pub(super) fn edited(&mut self, comment: String, before: &str, done: &Done) {
        let (copied, written) = marks(&done.inserted)
            .chars()
            .partition(|mark| done.deleted.contains(*mark) || before.contains(*mark));
        let (deleted, shared, after) = (marks(&done.deleted), shared(&done.inserted), marks(&done.text));
        self.add(Deed::Edited { comment, written, copied, deleted, shared, after });
    }

    /// A part of the local store broke.
    pub(super) fn broken(&mut self) {
        self.unproved = self.intents.len();
    }

    /// The marks that its user has put into a comment since the local store was whole.
    pub(super) fn put(&self, comment: &str) -> BTreeSet<char> {
        let mut put = BTreeSet::new();
        for Intent { deed, .. } in &self.intents[self.unproved..] {
            match deed {
                Deed::Added { comment: of, marks, copied, .. }
                | Deed::Edited { comment: of, written: marks, copied, .. }
                    if of == comment =>
                {
                    put.extend(marks.chars().chain(copied.chars()));
                }
                _ => {}
            }
        }
        put
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

    /// What its user did once more is known by now, and with it what a save under way holds.
    pub(super) fn told(&mut self, saving: Option<&mut usize>) {
        if let Some(deeds) = saving {
            *deeds = self.intents.len().min(*deeds);
        }
        self.kept = self.kept.min(self.intents.len());
    }

    /// The client died.
    pub(super) fn forget(&mut self) {
        self.told(None);
        self.intents[self.kept..].iter_mut().for_each(|intent| intent.forgotten = true);
        self.kept = self.intents.len();
    }
}
