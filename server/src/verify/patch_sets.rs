//! The code under review: every patch set that the log speaks of is there and can be read, and no other.
//!
//! What a diff says cannot be checked: nothing else in the database says it.

use interline_core::diff::{LineMap, PatchSet};
use interline_core::id::ReviewId;

use super::problems::Problems;
use crate::store::{Audit, StoreError};

/// `newest` is by the fold of the log, where there is one; without it there is at least the first.
pub(super) async fn check(
    audit: &mut dyn Audit,
    id: ReviewId,
    newest: Option<u32>,
    problems: &mut Problems,
) -> Result<(), StoreError> {
    // One at a time: they are large.
    let (mut last, mut due) = (None, 1);
    while let Some(number) = audit.next_patch_set(id, last).await? {
        last = Some(number);
        if number < 1 || newest.is_some_and(|newest| number > i64::from(newest)) {
            problems.add(format!("patch set {number}: the log does not speak of it"));
            continue;
        }
        missing(due, number - 1, problems);
        due = number.saturating_add(1);
        let read = match audit.patch_set(id, number).await {
            Ok(json) => serde_json::from_str::<PatchSet>(&json).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = read {
            problems.add(format!("patch set {number}: it cannot be read: {why}"));
        }
        if number == 1 {
            continue;
        }
        let map = match audit.line_map(id, number).await {
            Ok(json) => serde_json::from_str::<LineMap>(&json).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = map {
            problems.add(format!("patch set {number}: its line map cannot be read: {why}"));
        }
    }
    missing(due, newest.map_or(1, i64::from), problems);
    Ok(())
}

fn missing(from: i64, to: i64, problems: &mut Problems) {
    match to - from {
        ..0 => {}
        0 => problems.add(format!("patch set {from}: it is missing")),
        _ => problems.add(format!("patch sets {from} to {to}: they are missing")),
    }
}
