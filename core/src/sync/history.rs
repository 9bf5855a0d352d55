//! The text ops of a log's recent entries: what edits made against older versions are transformed over.

use std::collections::{BTreeMap, VecDeque};

use crate::entry::{Entry, Fact};
use crate::id::{CommentId, Version};
use crate::text::TextOp;

/// The ops of the entries in (oldest, newest], by comment.
#[derive(Clone, Debug)]
pub struct History {
    oldest: Version,
    newest: Version,
    ops: BTreeMap<CommentId, VecDeque<(Version, TextOp)>>,
    /// Which op came when, to forget the oldest first.
    order: VecDeque<(Version, CommentId)>,
    max_ops: usize,
}

impl History {
    /// An empty history behind a version, which keeps `max_ops` ops.
    pub fn new(at: Version, max_ops: usize) -> History {
        History { oldest: at, newest: at, ops: BTreeMap::new(), order: VecDeque::new(), max_ops }
    }

    /// Takes in the next entry.
    pub fn push(&mut self, entry: &Entry) {
        debug_assert_eq!(entry.version, self.newest + 1, "history takes entries in order");
        self.newest = entry.version;
        for fact in &entry.facts {
            if let Fact::TextEdited { comment, op, .. } = fact {
                self.ops.entry(*comment).or_default().push_back((entry.version, op.clone()));
                self.order.push_back((entry.version, *comment));
            }
        }
        while self.order.len() > self.max_ops {
            self.forget_oldest();
        }
    }

    /// The version behind which every op is here.
    pub fn oldest(&self) -> Version {
        self.oldest
    }

    /// The ops of a comment in entries after `base`, oldest first. Only complete if `base >= self.oldest()`.
    pub fn since(&self, comment: CommentId, base: Version) -> impl Iterator<Item = &TextOp> {
        let ops = self.ops.get(&comment).into_iter().flatten();
        ops.filter(move |(version, _)| *version > base).map(|(_, op)| op)
    }

    /// Forgets every entry after a version: they did not become part of the log.
    pub fn truncate(&mut self, version: Version) {
        self.newest = self.newest.min(version);
        // What was forgotten for newer entries' sake is in the store.
        self.oldest = self.oldest.min(version);
        self.order.retain(|(at, _)| *at <= version);
        self.ops.retain(|_, ops| {
            ops.retain(|(at, _)| *at <= version);
            !ops.is_empty()
        });
    }

    /// Forgets the oldest entry, whole: half an entry here would be stepped over a second time by those who
    /// read from the store what is missing.
    fn forget_oldest(&mut self) {
        let Some((version, _)) = self.order.front().copied() else { return };
        self.oldest = version;
        while let Some((_, comment)) = self.order.pop_front_if(|(at, _)| *at <= version) {
            if let Some(ops) = self.ops.get_mut(&comment) {
                ops.pop_front();
                if ops.is_empty() {
                    self.ops.remove(&comment);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::entry::ENTRY_FORMAT;
    use crate::id::{ClientId, UserId};

    fn comment(n: u128) -> CommentId {
        CommentId(Uuid::from_u128(n))
    }

    fn entry(version: Version, comments: &[u128]) -> Entry {
        let edit = |n: &u128| Fact::TextEdited { comment: comment(*n), op: TextOp::identity(1), checksum: 0 };
        Entry {
            format: ENTRY_FORMAT,
            version,
            author: UserId::new("a").unwrap(),
            client: ClientId(Uuid::nil()),
            seq: version,
            at: 0,
            facts: comments.iter().map(edit).collect(),
            verdicts: Vec::new(),
        }
    }

    #[test]
    fn entries_are_forgotten_whole() {
        let mut history = History::new(0, 4);
        (1..=3).for_each(|version| history.push(&entry(version, &[1, 2])));
        assert_eq!(history.oldest(), 1);
        for n in [1, 2] {
            assert_eq!(history.since(comment(n), 0).count(), 2, "comment {n}");
        }
        history.push(&entry(4, &[1]));
        assert_eq!((history.oldest(), history.since(comment(2), 0).count()), (2, 1));
    }

    #[test]
    fn what_was_rolled_back_is_gone() {
        let mut history = History::new(0, 4);
        (1..=6).for_each(|version| history.push(&entry(version, &[1])));
        history.truncate(4);
        assert_eq!((history.oldest(), history.since(comment(1), 2).count()), (2, 2));
        history.truncate(1);
        assert_eq!((history.oldest(), history.since(comment(1), 0).count()), (1, 0));
        history.push(&entry(2, &[1]));
        assert_eq!(history.since(comment(1), 1).count(), 1);
    }
}
