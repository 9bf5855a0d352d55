//! The database as a whole: its own checks, and rows that belong to no review.

use std::fmt::Write;

use uuid::Uuid;

use super::problems::Problems;
use crate::store::Audit;

/// One check that fails leaves the others.
pub(super) async fn check(audit: &mut dyn Audit, problems: &mut Problems) {
    match audit.own_check().await {
        Ok(said) => said.into_iter().for_each(|what| problems.add(what)),
        Err(error) => problems.add(format!("cannot be checked: {error}")),
    }
    match audit.references().await {
        Ok(tables) => {
            for (table, rows) in tables {
                problems.add(format!("{table}: rows that refer to nothing: {rows}"));
            }
        }
        Err(error) => problems.add(format!("its references cannot be checked: {error}")),
    }
    match audit.orphans().await {
        Ok(orphans) => {
            for orphans in orphans {
                let (table, review, rows) = (orphans.table, name(&orphans.review), orphans.rows);
                problems.add(format!("{table}: rows of review {review}, which has no head row: {rows}"));
            }
        }
        Err(error) => problems.add(format!("rows without reviews cannot be found: {error}")),
    }
}

/// An id, or the bytes that stand where one should be.
fn name(review: &[u8]) -> String {
    match Uuid::from_slice(review) {
        Ok(id) => id.to_string(),
        Err(_) => review.iter().fold("0x".to_owned(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
    }
}
