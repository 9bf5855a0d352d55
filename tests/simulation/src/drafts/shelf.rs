//! The store: two logs, and appends that are for both or for neither.

use std::collections::BTreeMap;

use interline_core::entry::{Answer, EncodedEntry, Head};
use interline_core::id::{ClientId, Version};
use interline_core::sync::Append;

/// Which log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Log {
    Review,
    Drafts,
}

/// What became of an append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Appended,
    /// The log does not end there any more.
    Lost,
    /// The other one does not.
    LinkedLost,
}

/// One log, as it is stored.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    pub(super) log: Vec<EncodedEntry>,
    last: BTreeMap<ClientId, Answer>,
    /// How many answers were ever given.
    written: usize,
}

impl Shelf {
    fn new(first: EncodedEntry) -> Shelf {
        Shelf { log: vec![first], last: BTreeMap::new(), written: 0 }
    }

    pub(super) fn head(&self) -> Head {
        self.log.last().map_or(Head::default(), |entry| Head { version: entry.version, hash: entry.hash })
    }

    pub(super) fn holds(&self, head: Head) -> bool {
        let at = (head.version as usize).checked_sub(1).and_then(|at| self.log.get(at));
        at.is_some_and(|entry| entry.hash == head.hash)
    }

    /// The entries behind a version.
    pub(super) fn behind(&self, version: Version) -> &[EncodedEntry] {
        self.log.get(version as usize..).unwrap_or_default()
    }

    pub(super) fn last(&self, client: ClientId) -> Option<Answer> {
        self.last.get(&client).cloned()
    }

    /// Whether each record's seq follows its client's last answer.
    fn follows(&self, append: &Append) -> bool {
        let mut seqs = BTreeMap::new();
        append.records.iter().all(|record| {
            let stored = self.last.get(&record.client).map_or(0, |answer| answer.seq);
            let last = seqs.insert(record.client, record.answer.seq).unwrap_or(stored);
            record.answer.seq == last + 1
        })
    }

    fn put(&mut self, append: &Append) {
        for record in &append.records {
            self.log.extend(record.entry.clone());
            self.last.insert(record.client, record.answer.clone());
            self.written += 1;
        }
    }
}

/// Both logs.
#[derive(Debug)]
pub(super) struct Shelves {
    review: Shelf,
    drafts: Shelf,
    backup: Option<(Shelf, Shelf)>,
    /// How often they were set back.
    pub(super) restores: usize,
    /// How many answers, with their entries, went by that.
    pub(super) lost: usize,
    /// The review's entries among them.
    pub(super) lost_review: Vec<EncodedEntry>,
}

impl Shelves {
    pub(super) fn new(review: EncodedEntry, drafts: EncodedEntry) -> Shelves {
        let (review, drafts) = (Shelf::new(review), Shelf::new(drafts));
        Shelves { review, drafts, backup: None, restores: 0, lost: 0, lost_review: Vec::new() }
    }

    pub(super) fn of(&self, log: Log) -> &Shelf {
        match log {
            Log::Review => &self.review,
            Log::Drafts => &self.drafts,
        }
    }

    /// Appends to a log, and with it what is linked to the log of drafts: both or nothing.
    pub(super) fn append(&mut self, log: Log, append: &Append, linked: Option<&Append>) -> Outcome {
        let fits = |shelf: &Shelf, append: &Append| append.expected == shelf.head() && shelf.follows(append);
        if linked.is_some_and(|linked| !fits(&self.drafts, linked)) {
            return Outcome::LinkedLost;
        }
        if !fits(self.of(log), append) {
            return Outcome::Lost;
        }
        match log {
            Log::Review => self.review.put(append),
            Log::Drafts => self.drafts.put(append),
        }
        if let Some(linked) = linked {
            self.drafts.put(linked);
        }
        Outcome::Appended
    }

    pub(super) fn back_up(&mut self) {
        self.backup = Some((self.review.clone(), self.drafts.clone()));
    }

    /// Sets both back to what was saved; says whether anything was lost with it.
    pub(super) fn set_back(&mut self) -> bool {
        let Some((review, drafts)) = self.backup.take() else { return false };
        // What was refused whole has an answer, and no entry.
        let lost = self.review.written - review.written + self.drafts.written - drafts.written;
        self.lost_review.extend_from_slice(self.review.behind(review.head().version));
        (self.review, self.drafts) = (review, drafts);
        self.restores += usize::from(lost > 0);
        self.lost += lost;
        lost > 0
    }
}
