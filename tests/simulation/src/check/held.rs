//! What was acknowledged and went with a store that was set back is there again, or is offered to its author.

use serde_json::{Value, json};

use super::intents::kept;
use super::past::Lost;
use super::{Folded, text};
use crate::evidence::{Evidence, Seen};

pub(super) fn check(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    let lost = Lost::of(evidence)?;
    for seen in &evidence.clients {
        fields(folded, &lost, seen)?;
        tags(folded, &lost, seen)?;
        decisions(folded, &lost, seen)?;
    }
    Ok(())
}

/// What a client had when its server lost it is there, or waits for its user's decision.
fn fields(folded: &Folded, lost: &Lost, seen: &Seen) -> Result<(), String> {
    for (field, value) in seen.held.iter().flat_map(|held| &held.fields) {
        let set = |(_, fact): (&str, &Value)| {
            fact["entity"].is_string() && text(fact, "field") == field && fact["value"] == *value
        };
        let offered = || {
            kept(seen, |change| {
                let decided = field == "status" && change["decided"]["status"]["value"] == *value;
                decided || change["fields_changed"]["fields"][field]["value"] == *value
            })
        };
        let first = || folded.review["fields"][field]["value"] == *value;
        // Lost once, written anew or seen again by now, and lost once more: it had been overwritten before that.
        let overwritten = || {
            let sets = |entry: &Value, is: &dyn Fn(&Value) -> bool| {
                let all = entry["facts"].as_array().into_iter().flatten();
                all.filter_map(|fact| fact.get("field_set"))
                    .any(|fact| text(fact, "field") == field && is(fact))
            };
            let mut entries = lost.entries.iter();
            (lost.more_than_once() || seen.held.len() > 1)
                && entries.any(|entry| sets(entry, &|fact| fact["value"] == *value))
                && entries.any(|entry| sets(entry, &|_| true))
        };
        if !folded.facts("field_set").any(set) && !offered() && !first() && !overwritten() {
            return Err(format!("{field} = {value} of client {} was lost without a word", seen.name()));
        }
    }
    Ok(())
}

/// So it is with the tags that it had put in.
fn tags(folded: &Folded, lost: &Lost, seen: &Seen) -> Result<(), String> {
    for (tag, put) in seen.held.iter().flat_map(|held| &held.tags) {
        let dots = |fact: &Value, half: &str| {
            let of_review = fact["entity"] == "review" && text(fact, "field") == "tags";
            let dots = fact["delta"][half][tag].as_array().filter(|_| of_review);
            dots.is_some_and(|dots| {
                put.as_array().is_some_and(|put| put.iter().any(|dot| dots.contains(dot)))
            })
        };
        let offered = || {
            kept(seen, |change| {
                let add = change["set_changed"]["add"].as_array();
                add.is_some_and(|add| add.iter().any(|one| one == tag))
            })
        };
        let stands = || folded.review["sets"]["tags"].get(tag).is_some();
        // What the log still has was not lost: somebody may have taken it out since. What they took out may have been
        // lost later.
        let there = || folded.facts("set_changed").any(|(_, fact)| dots(fact, "added"));
        let gone = || lost.more_than_once() && lost.facts("set_changed").any(|fact| dots(fact, "removed"));
        if !stands() && !offered() && !there() && !gone() {
            return Err(format!("{tag:?}, which {} had put in, was lost without a word", seen.name()));
        }
    }
    Ok(())
}

/// And with what its user had decided, here or on another device.
fn decisions(folded: &Folded, lost: &Lost, seen: &Seen) -> Result<(), String> {
    for held in seen.held.iter().filter_map(|held| held.decision.as_ref()) {
        let same = |value: &Value, patch_set: &Value, note: &Value| {
            json!({"value": value, "patch_set": patch_set, "note": note}) == held["said"]
        };
        let offered = || {
            kept(seen, |change| {
                let decided = &change["decided"];
                same(&decided["status"]["value"], &decided["status"]["patch_set"], &decided["note"])
            })
        };
        let now = &folded.review["decisions"][&seen.user];
        let stands = same(&now["value"], &now["patch_set"], &now["note"]);
        let there = || folded.facts("decision_set").any(|(_, set)| set["stamp"] == held["stamp"]);
        // On another device they had decided anew before that was lost as well.
        let anew = || {
            let own = lost.entries.iter().filter(|entry| entry["author"] == seen.user.as_str());
            let mut facts = own.flat_map(|entry| entry["facts"].as_array().into_iter().flatten());
            let other = |set: &Value| set["stamp"] != held["stamp"];
            lost.more_than_once() && facts.any(|fact| fact.get("decision_set").is_some_and(other))
        };
        if !stands && !offered() && !there() && !anew() {
            let (said, who) = (&held["said"], seen.name());
            return Err(format!("{said}, which {who} had decided, was lost without a word"));
        }
    }
    Ok(())
}
