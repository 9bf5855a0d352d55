//! Coming back: which threads are unread since the last visit, and which files were viewed. The user's own, on all
//! their devices; what is marked without a connection is kept and sent later.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{EditError, Event, Replica};
use crate::clock::{Millis, Stamp};
use crate::id::{CommentId, Version};
use crate::limits::Limits;
use crate::review::{Marks, Place, Viewed};

/// A user's marks as a replica knows them; saved with its ledger.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Visits {
    /// What the server has.
    known: Marks,
    /// What it does not have yet.
    pending: Marks,
    /// What was sent and not answered, under this number; and what was sent without marks, to learn the server's.
    #[serde(skip)]
    sent: Option<(u64, Marks)>,
    /// Whether the server has told its marks over this connection.
    #[serde(skip)]
    told: bool,
    /// Set when it did not take them: they go again with the next mark, or the next connection.
    #[serde(skip)]
    refused: bool,
}

impl Visits {
    /// Whether there is nothing worth to be saved.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.pending.is_empty()
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The server's log went back to a version: what comes behind it now was read by nobody.
    pub(super) fn went_back(&mut self, to: Version) {
        self.pending.read.values_mut().for_each(|read| *read = (*read).min(to));
    }

    fn all(&self) -> Marks {
        let mut all = self.known.clone();
        all.merge(&self.pending);
        all
    }
}

impl Replica {
    /// The threads with a comment of somebody else's that this user has not read, by their roots.
    pub fn unread(&self) -> BTreeSet<CommentId> {
        let marks = self.visits.all();
        let comments = self.confirmed.comments.values();
        let others = comments.filter(|comment| comment.author != self.user && comment.removed.is_none());
        let thread = |comment: &crate::review::Comment| match &comment.place {
            Place::Line(_) => comment.id,
            Place::Reply(root) => *root,
        };
        let unread = others
            .filter(|comment| comment.added > marks.read.get(&thread(comment)).copied().unwrap_or_default());
        unread.map(thread).collect()
    }

    /// The user has read a thread as it is now.
    pub fn mark_read(&mut self, thread: CommentId) -> Result<(), EditError> {
        let root = self.confirmed.comments.get(&thread).ok_or(EditError::UnknownComment)?;
        let root = self.confirmed.thread_of(root);
        if self.unread().contains(&root) {
            let read = [(root, self.confirmed.version)].into();
            self.mark(&Marks { read, ..Marks::default() });
        }
        Ok(())
    }

    /// The files that the user has viewed and that have not changed since.
    pub fn viewed(&self) -> BTreeSet<String> {
        let viewed = self.visits.all().viewed.into_iter();
        viewed.filter(|(_, mark)| mark.viewed && !mark.changed).map(|(file, _)| file).collect()
    }

    /// The user has viewed a file as it is in the newest patch set, or takes that back.
    pub fn set_viewed(&mut self, now: Millis, file: &str, viewed: bool) -> Result<(), EditError> {
        if !self.is_loaded() {
            return Err(EditError::NotLoaded);
        }
        if file.is_empty() || file.len() > Limits::PATH_BYTES {
            return Err(EditError::BadPlace);
        }
        if self.viewed().contains(file) != viewed {
            // Later than what was seen, whichever clock that was by.
            let seen = self.visits.all().viewed.get(file).map(|seen| seen.at.at.next());
            let at = Stamp { at: self.clock.tick(now).max(seen.unwrap_or_default()), client: self.client };
            let mark = Viewed { viewed, patch_set: self.confirmed.patch_set, at, changed: false };
            self.mark(&Marks { viewed: [(file.to_owned(), mark)].into(), ..Marks::default() });
        }
        Ok(())
    }

    fn mark(&mut self, marks: &Marks) {
        self.visits.pending.merge(marks);
        self.visits.refused = false;
        self.visits_changed();
    }

    fn visits_changed(&mut self) {
        self.ledger_dirty = true;
        self.dirty += 1;
        self.emit(Event::Marks);
    }

    /// What is to be sent to the server now, under a fresh number: what it does not have, and once a connection
    /// perhaps nothing, to learn what it has.
    pub fn marks_to_send(&mut self, nonce: u64) -> Option<Marks> {
        let due = self.is_online() && self.visits.sent.is_none() && !self.visits.refused;
        if !due || (self.visits.told && self.visits.pending.is_empty()) {
            return None;
        }
        self.visits.sent = Some((nonce, self.visits.pending.clone()));
        Some(self.visits.pending.clone())
    }

    /// The server cannot take now what was sent under a number; says whether that was marks.
    pub fn marks_failed(&mut self, nonce: u64) -> bool {
        let failed = self.visits.sent.take_if(|(number, _)| *number == nonce).is_some();
        self.visits.refused |= failed;
        failed
    }

    /// The server tells the marks of this user, perhaps as the answer to what was sent under a number.
    pub fn marks_came(&mut self, nonce: Option<u64>, marks: Marks) {
        let before = self.visits.all();
        if let Some((_, sent)) = self.visits.sent.take_if(|(number, _)| Some(*number) == nonce) {
            self.visits.pending.remove(&sent);
            self.visits.told = true;
        }
        let known = std::mem::replace(&mut self.visits.known, marks);
        if known != self.visits.known || before != self.visits.all() {
            self.visits_changed();
        }
    }

    /// The connection is gone: what was not answered is sent again over the next.
    pub(super) fn marks_offline(&mut self) {
        (self.visits.sent, self.visits.told, self.visits.refused) = (None, false, false);
    }
}
