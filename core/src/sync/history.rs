//! The text ops of a log's recent entries: what edits made against older versions are transformed over.

use std::collections::{BTreeMap, VecDeque};

use crate::clock::Millis;
use crate::entry::{Entry, Fact};
use crate::id::{ClientId, CommentId, UserId, Version};
use crate::review::Review;
use crate::text::{Text, TextOp};

/// How long the texts of what is durable may be together, in scalars.
const CHARS: usize = 1 << 20;

/// The ops of the entries in (oldest, newest], by comment.
#[derive(Clone, Debug)]
pub struct History {
    oldest: Version,
    newest: Version,
    ops: BTreeMap<CommentId, VecDeque<Kept>>,
    /// Which op came when, to forget the oldest first.
    order: VecDeque<(Version, CommentId)>,
    max_ops: usize,
    /// How long their texts are together, in scalars.
    chars: usize,
}

/// An op with the entry that it comes from.
#[derive(Clone, Debug)]
struct Kept {
    version: Version,
    author: UserId,
    client: ClientId,
    at: Millis,
    op: TextOp,
    back: Back,
}

impl Kept {
    /// How long the texts are that are kept for it, in scalars.
    fn chars(&self) -> usize {
        self.op.inserts() + self.back.op.as_ref().map_or(0, TextOp::inserts)
    }
}

/// What is known of an edit beside what its entry says.
#[derive(Clone, Debug, Default)]
pub(super) struct Back {
    /// What takes it back, where the text before it was at hand.
    pub(super) op: Option<TextOp>,
    /// The version whose text its author had seen, where it was sequenced here.
    pub(super) seen: Option<Version>,
}

/// An edit of the past, as those that come late meet it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past<'a> {
    pub(super) version: Version,
    pub(super) author: &'a UserId,
    pub(super) client: ClientId,
    pub(super) at: Millis,
    pub(super) op: &'a TextOp,
    /// The version whose text its author had seen, where that is known.
    pub(super) seen: Option<Version>,
}

impl<'a> Past<'a> {
    /// The edit of a comment in an entry, if it has one.
    pub(super) fn of(entry: &'a Entry, comment: CommentId) -> Option<Past<'a>> {
        let op = entry.facts.iter().find_map(|fact| match fact {
            Fact::TextEdited { comment: of, op, .. } if *of == comment => Some(op),
            _ => None,
        })?;
        let Entry { version, author, client, at, .. } = entry;
        Some(Past { version: *version, author, client: *client, at: *at, op, seen: None })
    }
}

/// What takes each of an entry's edits back, in their order; `before` is the review right before the entry.
pub(super) fn backs(entry: &Entry, before: &Review) -> Vec<Back> {
    let back = |fact: &Fact| match fact {
        Fact::TextEdited { comment, op, .. } => {
            let op = before.comments.get(comment).and_then(|there| op.invert(&there.text).ok());
            Some(Back { op, seen: None })
        }
        _ => None,
    };
    entry.facts.iter().filter_map(back).collect()
}

impl History {
    /// An empty history behind a version, which keeps `max_ops` ops.
    pub fn new(at: Version, max_ops: usize) -> History {
        History { oldest: at, newest: at, ops: BTreeMap::new(), order: VecDeque::new(), max_ops, chars: 0 }
    }

    /// Takes in the next entry.
    pub fn push(&mut self, entry: &Entry) {
        self.push_with(entry, Vec::new());
    }

    /// The same, with what takes each of its edits back.
    pub(super) fn push_with(&mut self, entry: &Entry, backs: Vec<Back>) {
        debug_assert_eq!(entry.version, self.newest + 1, "history takes entries in order");
        self.newest = entry.version;
        let mut backs = backs.into_iter();
        for fact in &entry.facts {
            if let Fact::TextEdited { comment, op, .. } = fact {
                let Entry { version, author, client, at, .. } = entry;
                let (author, op, back) = (author.clone(), op.clone(), backs.next().unwrap_or_default());
                let kept = Kept { version: *version, author, client: *client, at: *at, op, back };
                self.chars += kept.chars();
                self.ops.entry(*comment).or_default().push_back(kept);
                self.order.push_back((entry.version, *comment));
            }
        }
        while self.order.len() > self.max_ops {
            self.forget_oldest();
        }
    }

    /// The store has everything up to a version: of that the oldest is forgotten where texts are long.
    pub(super) fn durable(&mut self, up_to: Version) {
        self.shorten(CHARS, up_to);
    }

    fn shorten(&mut self, max_chars: usize, up_to: Version) {
        while self.chars > max_chars && self.order.front().is_some_and(|(version, _)| *version <= up_to) {
            self.forget_oldest();
        }
    }

    /// The version behind which every op is here.
    pub fn oldest(&self) -> Version {
        self.oldest
    }

    /// The ops of a comment in entries after `base`, oldest first. Only complete if `base >= self.oldest()`.
    pub fn since(&self, comment: CommentId, base: Version) -> impl Iterator<Item = &TextOp> {
        self.past(comment, base).map(|past| past.op)
    }

    /// The same, with where each comes from.
    pub(super) fn past(&self, comment: CommentId, base: Version) -> impl Iterator<Item = Past<'_>> {
        let ops = self.ops.get(&comment).into_iter().flatten();
        ops.filter(move |kept| kept.version > base).map(|kept| {
            let Kept { version, author, client, at, op, back } = kept;
            Past { version: *version, author, client: *client, at: *at, op, seen: back.seen }
        })
    }

    /// A comment's text as it was at a version, from what it is now; `None` where that cannot be told.
    pub(super) fn text_at(&self, comment: CommentId, version: Version, now: &Text) -> Option<Text> {
        if version < self.oldest {
            return None;
        }
        let mut text = now.clone();
        let later = self.ops.get(&comment).into_iter().flatten().rev();
        for kept in later.take_while(|kept| kept.version > version) {
            text.apply(kept.back.op.as_ref()?).ok()?;
        }
        Some(text)
    }

    /// Forgets every entry after a version: they did not become part of the log.
    pub fn truncate(&mut self, version: Version) {
        self.newest = self.newest.min(version);
        // What was forgotten for newer entries' sake is in the store.
        self.oldest = self.oldest.min(version);
        self.order.retain(|(at, _)| *at <= version);
        let chars = &mut self.chars;
        self.ops.retain(|_, ops| {
            while let Some(kept) = ops.pop_back_if(|kept| kept.version > version) {
                *chars -= kept.chars();
            }
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
                self.chars -= ops.pop_front().map_or(0, |kept| kept.chars());
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
    fn long_texts_are_forgotten_sooner_and_never_before_they_may_be() {
        let mut history = History::new(0, 100);
        let push = |history: &mut History, version, chars: usize| {
            let mut entry = entry(version, &[1, 2]);
            for fact in &mut entry.facts {
                let Fact::TextEdited { op, .. } = fact else { continue };
                *op = TextOp::replace(chars, 0, chars, &"x".repeat(chars)).unwrap();
            }
            // What takes it back is as long.
            let op = TextOp::replace(chars, 0, chars, &"y".repeat(chars)).ok();
            history.push_with(&entry, vec![Back { op, seen: None }, Back::default()]);
        };
        (1..=4).for_each(|version| push(&mut history, version, 10));
        assert_eq!(history.chars, 4 * 30);
        history.shorten(120, 4);
        assert_eq!(history.oldest(), 0, "just as much as there is a place for");
        push(&mut history, 5, 1);
        history.shorten(120, 0);
        assert_eq!(history.oldest(), 0, "not what is in no store yet");
        history.shorten(120, 4);
        assert_eq!((history.oldest(), history.chars), (1, 93));
        history.shorten(0, 3);
        assert_eq!((history.oldest(), history.since(comment(1), 3).count()), (3, 2));
        history.truncate(4);
        assert_eq!(history.chars, 30);
        history.shorten(0, 4);
        assert_eq!((history.oldest(), history.chars, history.ops.len()), (4, 0, 0));
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
