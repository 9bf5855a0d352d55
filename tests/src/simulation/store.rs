//! The store that all servers share: one log, the last answer of each client, and appends on their way.

use std::collections::BTreeMap;

use interline_core::entry::{Answer, EncodedEntry, Head};
use interline_core::id::{ClientId, Version};
use interline_core::sync::Append;

/// The store.
#[derive(Debug)]
pub(super) struct Store {
    log: Vec<EncodedEntry>,
    last: BTreeMap<ClientId, Answer>,
    /// Every answer that was ever written, for the checkers.
    written: Vec<(ClientId, Answer)>,
    /// Appends that their servers have given up on, and that may still arrive.
    limbo: Vec<Append>,
    fenced: bool,
}

impl Store {
    pub(super) fn new(first: EncodedEntry, fenced: bool) -> Store {
        Store { log: vec![first], last: BTreeMap::new(), written: Vec::new(), limbo: Vec::new(), fenced }
    }

    pub(super) fn log(&self) -> &[EncodedEntry] {
        &self.log
    }

    pub(super) fn written(&self) -> &[(ClientId, Answer)] {
        &self.written
    }

    pub(super) fn head(&self) -> Head {
        let last = self.log.last();
        last.map_or(Head::default(), |entry| Head { version: entry.version, hash: entry.hash })
    }

    /// The entries in (after, to].
    pub(super) fn entries(&self, after: Version, to: Version) -> &[EncodedEntry] {
        let end = self.log.len().min(to as usize);
        &self.log[(after as usize).min(end)..end]
    }

    pub(super) fn last_answer(&self, client: ClientId) -> Option<Answer> {
        self.last.get(&client).cloned()
    }

    /// Appends all of it or nothing; says which.
    pub(super) fn append(&mut self, append: &Append) -> bool {
        if append.expected != self.head() || (self.fenced && !self.follows(append)) {
            return false;
        }
        for record in &append.records {
            self.log.extend(record.entry.clone());
            self.last.insert(record.client, record.answer.clone());
            self.written.push((record.client, record.answer.clone()));
        }
        true
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

    /// An append is on its way with nobody waiting for it.
    pub(super) fn forget(&mut self, append: Append) {
        self.limbo.push(append);
    }

    /// Whatever is on its way arrives; says how much of it happened.
    pub(super) fn land(&mut self) -> usize {
        std::mem::take(&mut self.limbo).iter().filter(|append| self.append(append)).count()
    }
}
