//! All replicas and all servers have what the log makes, and replicas show nothing else.

use serde_json::{Value, json};

use super::Folded;
use crate::evidence::{Evidence, Place};

pub(super) fn check(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    let end = evidence.log.last().map(|logged| logged.place.clone()).ok_or("the log is empty")?;
    for (n, (place, review)) in evidence.nodes.iter().enumerate() {
        same(&format!("node {n}"), &end, place, &folded.review, review)?;
    }
    for seen in &evidence.clients {
        let name = format!("client {}", seen.name());
        same(&name, &end, &seen.place, &folded.review, &seen.review)?;
        if seen.unsynced > 0 {
            return Err(format!("{name} still has {} unsynced changes", seen.unsynced));
        }
        for (id, comment) in folded.comments() {
            if seen.shown.get(id) != Some(comment) {
                return Err(format!("{name} shows {:?} for {comment}", seen.shown.get(id)));
            }
        }
    }
    Ok(())
}

fn same(name: &str, end: &Place, place: &Place, wanted: &Value, review: &Value) -> Result<(), String> {
    if place != end {
        return Err(format!("{name} ends at {place:?}, the log at {end:?}"));
    }
    let mut review = review.clone();
    // The log does not name the review.
    review.as_object_mut().and_then(|review| review.remove("id"));
    if review == *wanted {
        return Ok(());
    }
    for (key, value) in wanted.as_object().into_iter().flatten() {
        if review.get(key) != Some(value) {
            return Err(format!("{name} has another {key}: {} instead of {value}", json!(review.get(key))));
        }
    }
    Err(format!("{name} has more than the log: {review}"))
}
