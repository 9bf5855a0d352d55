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
        self.order.retain(|(at, _)| *at <= version);
        self.ops.retain(|_, ops| {
            ops.retain(|(at, _)| *at <= version);
            !ops.is_empty()
        });
    }

    fn forget_oldest(&mut self) {
        let Some((version, comment)) = self.order.pop_front() else { return };
        self.oldest = self.oldest.max(version);
        if let Some(ops) = self.ops.get_mut(&comment) {
            ops.pop_front();
            if ops.is_empty() {
                self.ops.remove(&comment);
            }
        }
    }
}
