//! The last seqs of clients, for the fence that keeps a batch from being answered twice.

use std::collections::HashMap;

use interline_core::id::{ClientId, ReviewId};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::error::classify;
use super::transaction::Transaction;
use crate::store::fence::{Fence, asked};
use crate::store::rows::natural;
use crate::store::{ReviewAppend, StoreError};

/// Pairs of one query: SQLite takes 32,766 parameters.
const PAIRS: usize = 1_000;

/// Reads them.
pub(super) async fn raise(
    transaction: &mut Transaction,
    appends: &[ReviewAppend],
) -> Result<Fence, StoreError> {
    let pairs: Vec<_> = asked(appends).into_iter().collect();
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
    Ok(Fence::new(last))
}
