//! What keeps a batch from being answered twice: every record of an append must carry the seq behind the last
//! one that was answered to its client, as of the append's own transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use interline_core::entry::Answer;
use interline_core::id::{ClientId, ReviewId, Seq};

use super::ReviewAppend;

/// The last seqs of all clients that a group of appends is about.
pub(super) struct Fence {
    last: HashMap<(ReviewId, ClientId), Seq>,
}

impl Fence {
    /// By the last seqs of those that were [`asked`] for, where there are any.
    pub(super) fn new(last: HashMap<(ReviewId, ClientId), Seq>) -> Fence {
        Fence { last }
    }

    /// The seqs that an append leads to, if each of its records follows the one before.
    pub(super) fn passed(&self, append: &ReviewAppend) -> Option<HashMap<(ReviewId, ClientId), Seq>> {
        let mut answered = HashMap::new();
        for record in &append.append.records {
            let client = (append.review, record.client);
            let last = answered.get(&client).or(self.last.get(&client)).copied().unwrap_or(0);
            if Some(record.answer.seq) != last.checked_add(1) {
                return None;
            }
            answered.insert(client, record.answer.seq);
        }
        Some(answered)
    }

    /// An append that passed is part of the transaction.
    pub(super) fn move_on(&mut self, answered: HashMap<(ReviewId, ClientId), Seq>) {
        self.last.extend(answered);
    }
}

/// Whose last seqs a fence for these appends needs.
pub(super) fn asked(appends: &[ReviewAppend]) -> BTreeSet<(ReviewId, ClientId)> {
    let pairs = |append: &ReviewAppend| {
        let review = append.review;
        append.append.records.iter().map(move |record| (review, record.client)).collect::<Vec<_>>()
    };
    appends.iter().flat_map(ReviewAppend::parts).flat_map(pairs).collect()
}

/// The last answer of each client in appends that happen. That none of them is set back is the fence's doing.
pub(super) fn last_answers<'a>(
    appends: impl Iterator<Item = &'a ReviewAppend>,
) -> BTreeMap<(ReviewId, ClientId), &'a Answer> {
    let mut last = BTreeMap::new();
    for append in appends {
        last.extend(append.append.records.iter().map(|r| ((append.review, r.client), &r.answer)));
    }
    last
}
