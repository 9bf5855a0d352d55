//! What keeps a batch from being answered twice: every record of an append must carry the seq behind the last
//! one that was answered to its client, as of the append's own transaction.

use std::collections::{BTreeSet, HashMap};

use interline_core::id::{ClientId, ReviewId, Seq};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::error::classify;
use super::reviews::natural;
use super::transaction::Transaction;
use crate::store::{ReviewAppend, StoreError};

/// Pairs of one query: SQLite takes 32,766 parameters.
const PAIRS: usize = 1_000;

/// The last seqs of all clients that a group of appends is about.
pub(super) struct Fence {
    last: HashMap<(ReviewId, ClientId), Seq>,
}

impl Fence {
    /// Reads them.
    pub(super) async fn raise(
        transaction: &mut Transaction,
        appends: &[ReviewAppend],
    ) -> Result<Fence, StoreError> {
        let pairs: BTreeSet<(ReviewId, ClientId)> = appends
            .iter()
            .flat_map(|append| append.append.records.iter().map(|record| (append.review, record.client)))
            .collect();
        let pairs: Vec<_> = pairs.into_iter().collect();
        let mut last = HashMap::with_capacity(pairs.len());
        for pairs in pairs.chunks(PAIRS) {
            let mut select = QueryBuilder::<Sqlite>::new("WITH asked (review, client) AS (");
            select.push_values(pairs, |mut values, (review, client)| {
                values.push_bind(review.0).push_bind(client.0);
            });
            // A cross join is not reordered: one look-up in the primary key for each pair.
            select.push(
                ") SELECT answers.review, answers.client, answers.seq FROM asked CROSS JOIN answers \
                 ON answers.review = asked.review AND answers.client = asked.client",
            );
            let query = select.build().persistent(pairs.len() == 1);
            for row in query.fetch_all(&mut **transaction).await.map_err(classify)? {
                let review = ReviewId(row.try_get("review").map_err(classify)?);
                let client = ClientId(row.try_get("client").map_err(classify)?);
                last.insert((review, client), natural(row.try_get("seq").map_err(classify)?)?);
            }
        }
        Ok(Fence { last })
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
