//! Every change ends confirmed, superseded, or rejected and kept.

use serde_json::Value;

use super::{Folded, text};
use crate::simulation::evidence::{Evidence, Seen};
use crate::simulation::ledger::{Deed, Intent};

pub(super) fn check(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    for seen in &evidence.clients {
        for (at, Intent { deed, forgotten }) in seen.intents.iter().enumerate() {
            let settled = match deed {
                Deed::Added { comment, .. } => added(folded, seen, comment),
                Deed::Removed { comment } => removed(folded, seen, comment),
                Deed::Wrote { entity, field, value } => wrote(folded, seen, at, (entity, field, value)),
                // Held to account by what was written in it.
                Deed::Edited { .. } => true,
            };
            if !settled && !forgotten {
                return Err(format!("of client {}, {deed:?} vanished", seen.id));
            }
            if *forgotten && matches!(deed, Deed::Added { comment, .. } if in_log(folded, comment)) {
                return Err(format!("of client {}, {deed:?} was sent before it was saved", seen.id));
            }
        }
    }
    Ok(())
}

fn in_log(folded: &Folded, comment: &str) -> bool {
    folded.comments().any(|(id, _)| id == comment)
}

fn added(folded: &Folded, seen: &Seen, comment: &str) -> bool {
    let own = |(client, fact): (&str, &Value)| client == seen.id && text(fact, "comment") == comment;
    folded.facts("comment_added").any(own)
        || kept(seen, |change| {
            change.get("comment_added").is_some_and(|added| text(added, "comment") == comment)
        })
}

fn removed(folded: &Folded, seen: &Seen, comment: &str) -> bool {
    folded.facts("comment_removed").any(|(_, fact)| text(fact, "comment") == comment)
        || kept(seen, |change| {
            change.get("comment_removed").is_some_and(|removed| text(removed, "comment") == comment)
        })
}

/// A field's value is in the log, or stands aside for another: of somebody else, as the log says, or of the same
/// user, who wrote again before this was sent.
fn wrote(folded: &Folded, seen: &Seen, at: usize, (entity, field, value): (&str, &str, &Value)) -> bool {
    let same = |fact: &Value| {
        let of = fact["entity"].as_str().unwrap_or_else(|| text(&fact["entity"], "comment"));
        of == entity && text(fact, "field") == field
    };
    let confirmed = || folded.facts("field_set").any(|(_, fact)| same(fact) && fact["value"] == *value);
    let superseded = || {
        let own = folded.entries.iter().filter(|entry| text(entry, "client") == seen.id);
        let verdicts = own.flat_map(|entry| entry["verdicts"].as_array().into_iter().flatten());
        verdicts
            .map(|verdict| &verdict["outcome"]["superseded"])
            .any(|outcome| text(outcome, "field") == field)
    };
    let again = || {
        let later = seen.intents[at + 1..].iter().filter(|intent| !intent.forgotten);
        later
            .map(|intent| &intent.deed)
            .any(|deed| matches!(deed, Deed::Wrote { entity: e, field: f, .. } if e == entity && f == field))
    };
    let rejected = || {
        kept(seen, |change| {
            change.get("fields_changed").is_some_and(|changed| changed["fields"].get(field).is_some())
        })
    };
    // A field that has its value already needs no fact.
    let default = || field == "status" && value == "pending" || value == false;
    confirmed() || superseded() || again() || rejected() || default()
}

fn kept(seen: &Seen, is: impl Fn(&Value) -> bool) -> bool {
    let records = seen.rejected.as_array().into_iter().flatten();
    records.flat_map(|record| record["changes"].as_array().into_iter().flatten()).any(is)
}
