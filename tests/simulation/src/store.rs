//! The store that all servers share: one log, snapshots of it, the last answer of each client, and appends on their
//! way. It can be trimmed, and set back to what an operator had saved of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use interline_core::diff::{LineMap, PatchSet};
use interline_core::entry::{Answer, EncodedEntry, Head};
use interline_core::id::{ClientId, Version};
use interline_core::review::Review;
use interline_core::sync::Append;

/// The store.
#[derive(Debug)]
pub(super) struct Store {
    /// All of it, for the checkers; servers read only what is behind `trimmed`.
    log: Vec<EncodedEntry>,
    /// How far the log is gone.
    trimmed: Version,
    /// Whole reviews in JSON, the newest last.
    snapshots: Vec<(Head, String)>,
    last: BTreeMap<ClientId, Answer>,
    /// The code under review, but for the first that every review begins with, and where lines are in it.
    patch_sets: BTreeMap<u32, (Arc<PatchSet>, Arc<LineMap>)>,
    /// Every answer that was ever written and is not lost, for the checkers.
    written: Vec<(ClientId, Answer)>,
    /// Appends that their servers have given up on, and that may still arrive.
    limbo: Vec<Append>,
    backups: Vec<Backup>,
    /// The entries that went when it was set back, for the checkers.
    lost: Vec<EncodedEntry>,
    restores: usize,
    /// Whether anything was ever trimmed, be it in a past that it was set back from.
    trims: bool,
}

/// What an operator has saved.
#[derive(Clone, Debug)]
struct Backup {
    entries: usize,
    trimmed: Version,
    snapshots: usize,
    last: BTreeMap<ClientId, Answer>,
    patch_sets: usize,
    written: usize,
}

impl Store {
    pub(super) fn new(first: EncodedEntry) -> Store {
        Store {
            log: vec![first],
            trimmed: 0,
            snapshots: Vec::new(),
            last: BTreeMap::new(),
            patch_sets: BTreeMap::new(),
            written: Vec::new(),
            limbo: Vec::new(),
            backups: Vec::new(),
            lost: Vec::new(),
            restores: 0,
            trims: false,
        }
    }

    /// Everything that is durable, whether it is kept or not.
    pub(super) fn log(&self) -> &[EncodedEntry] {
        &self.log
    }

    pub(super) fn written(&self) -> &[(ClientId, Answer)] {
        &self.written
    }

    /// What went when it was set back.
    pub(super) fn lost(&self) -> &[EncodedEntry] {
        &self.lost
    }

    /// How often it was set back.
    pub(super) fn restores(&self) -> usize {
        self.restores
    }

    pub(super) fn head(&self) -> Head {
        let last = self.log.last();
        last.map_or(Head::default(), |entry| Head { version: entry.version, hash: entry.hash })
    }

    /// Entries up to this version are gone.
    pub(super) fn trimmed(&self) -> Version {
        self.trimmed
    }

    /// Whether anything was ever trimmed: a refusal from then may still be under way.
    pub(super) fn was_trimmed(&self) -> bool {
        self.trims
    }

    /// The entries in (after, to]; `None` if some of them are gone.
    pub(super) fn entries(&self, after: Version, to: Version) -> Option<&[EncodedEntry]> {
        let end = self.log.len().min(to as usize);
        (after >= self.trimmed).then(|| &self.log[(after as usize).min(end)..end])
    }

    /// Whether the log has this very link, as far as it can be told.
    pub(super) fn holds(&self, head: Head) -> bool {
        let at = (head.version as usize).checked_sub(1);
        at.and_then(|at| self.log.get(at)).is_some_and(|entry| entry.hash == head.hash)
    }

    /// What a server starts from: the newest snapshot, and the entries behind it.
    pub(super) fn newest(&self, review: Review) -> Result<(Review, &[EncodedEntry]), String> {
        let Some((head, json)) = self.snapshots.last() else { return Ok((review, &self.log)) };
        let review = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Ok((review, &self.log[head.version as usize..]))
    }

    /// Keeps a snapshot, unless there is one as new.
    pub(super) fn snapshot(&mut self, head: Head, review: &Review) {
        if self.snapshots.last().is_none_or(|(last, _)| last.version < head.version) {
            let json = serde_json::to_string(review).expect("a review is plain data");
            self.snapshots.push((head, json));
        }
    }

    /// Drops the entries that the newest snapshot holds, but for the last `keep`.
    pub(super) fn trim(&mut self, keep: u64) -> bool {
        let newest = self.snapshots.last().map_or(0, |(head, _)| head.version);
        let before = self.trimmed;
        self.trimmed = before.max(newest.min(self.head().version.saturating_sub(keep)));
        self.trims |= self.trimmed > before;
        self.trimmed > before
    }

    pub(super) fn patch_set(&self, number: u32) -> Option<&(Arc<PatchSet>, Arc<LineMap>)> {
        self.patch_sets.get(&number)
    }

    pub(super) fn last_answer(&self, client: ClientId) -> Option<Answer> {
        self.last.get(&client).cloned()
    }

    /// Appends all of it or nothing, where the log ends as expected and each batch is its client's next; says which.
    pub(super) fn append(&mut self, append: &Append) -> bool {
        if append.expected != self.head() || !self.follows(append) {
            return false;
        }
        for record in &append.records {
            if let Some(new) = &record.patch_set {
                self.patch_sets.insert(new.number, (new.code.clone(), new.map.clone()));
            }
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

    /// One of those on their way arrives, if there is any; says whether it happened.
    pub(super) fn land_one(&mut self, pick: usize) -> Option<bool> {
        let pick = pick.checked_rem(self.limbo.len())?;
        let append = self.limbo.remove(pick);
        Some(self.append(&append))
    }

    /// Whatever is on its way arrives; says how much of it happened.
    pub(super) fn land(&mut self) -> usize {
        std::mem::take(&mut self.limbo).iter().filter(|append| self.append(append)).count()
    }

    /// An operator saves it.
    pub(super) fn back_up(&mut self) {
        self.backups.push(Backup {
            entries: self.log.len(),
            trimmed: self.trimmed,
            snapshots: self.snapshots.len(),
            last: self.last.clone(),
            patch_sets: self.patch_sets.len(),
            written: self.written.len(),
        });
    }

    /// An operator sets it back to what was saved; nothing of what is on its way arrives any more. Says whether
    /// anything was lost with it.
    pub(super) fn set_back(&mut self, pick: usize) -> bool {
        let Some(pick) = pick.checked_rem(self.backups.len()) else { return false };
        let Some(backup) = self.backups.get(pick).cloned() else { return false };
        if backup.written == self.written.len() {
            return false;
        }
        // What was saved later tells of a past that there has not been.
        self.backups.truncate(pick + 1);
        self.lost.extend(self.log.drain(backup.entries..));
        self.snapshots.truncate(backup.snapshots);
        self.written.truncate(backup.written);
        (self.trimmed, self.last) = (backup.trimmed, backup.last);
        while self.patch_sets.len() > backup.patch_sets {
            self.patch_sets.pop_last();
        }
        self.limbo.clear();
        self.restores += 1;
        true
    }
}
