//! Every change ends confirmed, superseded, or rejected and kept.

use serde_json::Value;

use super::past::Lost;
use super::{Folded, text};
use crate::evidence::{Evidence, Seen};
use crate::ledger::{Deed, Intent};

pub(super) fn check(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    let lost = Lost::of(evidence)?;
    for seen in &evidence.clients {
        for (at, Intent { deed, forgotten, .. }) in seen.intents.iter().enumerate() {
            let settled = match deed {
                Deed::Added { comment, .. } => added(folded, &lost, seen, comment),
                Deed::Removed { comment } => removed(folded, &lost, seen, comment),
                Deed::Wrote { entity, field, value } => {
                    wrote(folded, &lost, seen, at, (entity, field, value))
                }
                // Held to account by what was written in it, and by what is in the set.
                Deed::Edited { .. } | Deed::Tagged { .. } => true,
            };
            if !settled && !forgotten {
                return Err(format!("of client {}, {deed:?} vanished", seen.name()));
            }
            let family = || evidence.clients.iter().filter(|other| other.family == seen.family);
            let sent = match deed {
                Deed::Added { comment, .. } => family().any(|one| in_log(folded, one, comment)),
                // Titles are like no other.
                Deed::Wrote { field, value, .. } => {
                    field == "title" && folded.facts("field_set").any(|(_, fact)| fact["value"] == *value)
                }
                _ => false,
            };
            // A title that was refused can be tried again twice, and by a copy of the local store as well.
            let mut all = family().flat_map(|one| &one.intents);
            let mut again = || all.any(|other| !other.forgotten && other.deed == *deed);
            if *forgotten && sent && !again() {
                return Err(format!("of client {}, {deed:?} was sent before it was saved", seen.name()));
            }
        }
    }
    Ok(())
}

/// Whether it was this client that added a comment: another device of its user's may bring back the same one.
fn in_log(folded: &Folded, seen: &Seen, comment: &str) -> bool {
    let own = |(client, fact): (&str, &Value)| {
        seen.ids.iter().any(|id| id == client) && text(fact, "comment") == comment
    };
    folded.facts("comment_added").any(own)
}

fn added(folded: &Folded, lost: &Lost, seen: &Seen, comment: &str) -> bool {
    in_log(folded, seen, comment)
        || lost.facts("comment_added").any(|fact| text(fact, "comment") == comment)
        || kept(seen, |change| {
            change.get("comment_added").is_some_and(|added| text(added, "comment") == comment)
        })
}

fn removed(folded: &Folded, lost: &Lost, seen: &Seen, comment: &str) -> bool {
    folded.facts("comment_removed").any(|(_, fact)| text(fact, "comment") == comment)
        || lost.facts("comment_removed").any(|fact| text(fact, "comment") == comment)
        || kept(seen, |change| {
            change.get("comment_removed").is_some_and(|removed| text(removed, "comment") == comment)
        })
}

/// A field's value is in the log, or stands aside for another: of somebody else, as the log says, or of the same
/// user, who wrote again before this was sent.
fn wrote(
    folded: &Folded,
    lost: &Lost,
    seen: &Seen,
    at: usize,
    (entity, field, value): (&str, &str, &Value),
) -> bool {
    let same = |fact: &Value| {
        let of = fact["entity"].as_str().unwrap_or_else(|| text(&fact["entity"], "comment"));
        of == entity && text(fact, "field") == field
    };
    let confirmed = || folded.facts("field_set").any(|(_, fact)| same(fact) && fact["value"] == *value);
    let superseded = || {
        let own = folded
            .entries
            .iter()
            .chain(&lost.entries)
            .filter(|entry| seen.ids.iter().any(|id| id == text(entry, "client")));
        let verdicts = own.flat_map(|entry| entry["verdicts"].as_array().into_iter().flatten());
        verdicts
            .flat_map(|verdict| {
                ["superseded", "conflict", "already_settled"].map(|how| &verdict["outcome"][how])
            })
            .map(|outcome| text(outcome, "field"))
            // Whoever decided later elsewhere has their status as well.
            .any(|of| of == field || (field == "status" && of == "decision"))
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
                || (field == "status" && change.get("decided").is_some())
                || change.get("conflict_settled").is_some_and(|settled| text(settled, "field") == field)
        })
    };
    let gone = || lost.facts("field_set").any(same);
    confirmed() || superseded() || gone() || again() || rejected()
}

/// Whether a change was refused or lost: it waits for its user's decision, or had it.
pub(super) fn kept(seen: &Seen, is: impl Fn(&Value) -> bool) -> bool {
    let all =
        [&seen.rejected, &seen.discarded, &seen.retried].into_iter().flat_map(Value::as_array).flatten();
    all.flat_map(|record| record["changes"].as_array().into_iter().flatten()).any(is)
}
