//! Nobody's decision is overwritten unseen: a review's status moves away from what somebody else had made it only by
//! somebody who had seen that, and who had not is in an open conflict with them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::standers::Standers;
use super::{Folded, text};
use crate::evidence::{Evidence, Seen};
use crate::ledger::{Deed, Intent};

pub(super) fn check(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    // Who made the status what it is, when, and what it is.
    let mut standing: Option<(String, u64, Value)> = None;
    let mut ended: BTreeMap<String, u64> = BTreeMap::new();
    let mut raised: BTreeMap<String, u64> = BTreeMap::new();
    let mut removed: BTreeMap<String, String> = BTreeMap::new();
    let mut open: BTreeMap<String, (String, String)> = BTreeMap::new();
    let (mut dispute, mut standers) = (Dispute::default(), Standers::default());
    for entry in &folded.entries {
        let was_disputed = open.values().any(|(_, field)| field == "status");
        dispute.take(evidence, entry)?;
        words(entry, &mut removed, &mut open)?;
        let (author, version) = (text(entry, "author"), entry["version"].as_u64().unwrap_or_default());
        let before = standing.clone();
        for fact in entry["facts"].as_array().into_iter().flatten() {
            if let Some(decision) = fact.get("decision_set")
                && let Some((by, at, value)) = &before
                && (by != author, value == &decision["value"], was_disputed) == (true, true, false)
                && !sets_status(entry)
            {
                return Err(format!(
                    "{author} agrees in {version} with {by}'s {value} of {at}: it is not told"
                ));
            }
            if let Some(set) = fact.get("field_set").filter(|set| is_status(set)) {
                standers.set(author, version, set, seen(evidence, entry, set))?;
                standing = Some((author.to_owned(), version, set["value"].clone()));
            }
            if let Some(conflict) = fact.get("conflict_raised") {
                sides(conflict, version)?;
                if is_status(conflict) {
                    standers.raised(author, conflict)?;
                }
                raised.insert(text(conflict, "id").to_owned(), version);
            }
            if let Some(joined) = fact.get("conflict_joined").filter(|joined| is_about_status(joined)) {
                standers.said(&joined["side"]);
            }
            if let Some(settled) = fact.get("conflict_settled") {
                if is_status(settled) {
                    standers.settled();
                }
                let id = text(settled, "conflict").to_owned();
                if let Some(first) = ended.insert(id.clone(), version) {
                    return Err(format!("conflict {id} is settled in {first} and in {version}"));
                }
            }
        }
        for verdict in entry["verdicts"].as_array().into_iter().flatten() {
            let outcome = &verdict["outcome"];
            if let Some(met) = outcome.get("conflict")
                && !raised.contains_key(text(met, "conflict"))
            {
                return Err(format!("{author} is told in {version} of {met}, which was never raised"));
            }
            if let Some(over) = outcome.get("already_settled")
                && ended.get(text(over, "conflict")) != over["version"].as_u64().as_ref()
            {
                return Err(format!("{author} is told in {version} that {over}, which is not so"));
            }
        }
    }
    Ok(())
}

/// What an entry does to texts and to removed comments; `removed` says by whom each was, `open` what is in conflict.
fn words(
    entry: &Value,
    removed: &mut BTreeMap<String, String>,
    open: &mut BTreeMap<String, (String, String)>,
) -> Result<(), String> {
    let (author, version) = (text(entry, "author"), &entry["version"]);
    let facts = || entry["facts"].as_array().into_iter().flatten();
    let about = |of: &Value| (text(&of["entity"], "comment").to_owned(), text(of, "field").to_owned());
    let ends = |comment: &str, field: &str| {
        let mut settled = facts().filter_map(|fact| fact.get("conflict_settled"));
        settled.rfind(|end| about(end) == (comment.to_owned(), field.to_owned()))
    };
    let mut late = Vec::new();
    for fact in facts() {
        if let Some(edit) = fact.get("text_edited") {
            let comment = text(edit, "comment");
            let changes =
                edit["op"].as_array().is_some_and(|op| op.iter().any(|part| part.as_i64() < Some(1)));
            if changes && removed.get(comment).is_some_and(|by| by != author) {
                late.push(comment.to_owned());
            }
        } else if let Some(gone) = fact.get("comment_removed") {
            removed.entry(text(gone, "comment").to_owned()).or_insert_with(|| author.to_owned());
        } else if let Some(back) = fact.get("comment_restored") {
            let comment = text(back, "comment");
            if removed.remove(comment).is_none()
                || ends(comment, "removed").is_none_or(|end| end["value"] != false)
            {
                return Err(format!(
                    "{author} puts {comment} back in {version} and ends no conflict by that"
                ));
            }
        } else if let Some(conflict) = fact.get("conflict_raised") {
            open.insert(text(conflict, "id").to_owned(), about(conflict));
        } else if let Some(end) = fact.get("conflict_settled") {
            let (comment, field) = about(end);
            open.remove(text(end, "conflict"));
            let edits =
                |fact: &Value| fact.get("text_edited").is_some_and(|edit| text(edit, "comment") == comment);
            let gone = removed.contains_key(&comment)
                && !open.values().any(|(of, field)| *of == comment && field == "removed");
            if field == "text" && !gone && !facts().any(edits) {
                return Err(format!(
                    "{author} settles the text of {comment} in {version} without an edit of it"
                ));
            }
        }
    }
    for (comment, field) in open.values() {
        let may_come_back = open.values().any(|(of, field)| of == comment && field == "removed");
        if field == "text" && removed.contains_key(comment) && !may_come_back {
            return Err(format!("{comment} is gone in {version}, and its text is in conflict for ever"));
        }
    }
    for comment in late {
        let settled = ends(&comment, "removed").is_some();
        if !settled && !open.values().any(|(of, field)| *of == comment && field == "removed") {
            return Err(format!(
                "{author} edits {comment} in {version}, which is removed, and nobody is told"
            ));
        }
    }
    Ok(())
}

/// Whose sides there are while people disagree about the status, and in which entry each of them said it.
#[derive(Default)]
struct Dispute(BTreeMap<String, u64>);

impl Dispute {
    /// Nobody decides without becoming a side, and nobody ends it over a side that they had not seen.
    fn take(&mut self, evidence: &Evidence, entry: &Value) -> Result<(), String> {
        let (author, version) = (text(entry, "author"), &entry["version"]);
        let facts = || entry["facts"].as_array().into_iter().flatten();
        let before = !self.0.is_empty();
        // What an end sets stands before it in its entry; what is written behind it is another matter.
        let mut set = None;
        for fact in facts() {
            set = fact.get("field_set").filter(|set| is_status(set)).or(set);
            if let Some(raised) = fact.get("conflict_raised").filter(|raised| is_status(raised)) {
                let sides = raised["sides"].as_array().into_iter().flatten();
                self.0 = sides.map(|side| (text(side, "user").to_owned(), version_of(side))).collect();
            } else if let Some(joined) = fact.get("conflict_joined").filter(|joined| is_about_status(joined))
            {
                self.0.insert(text(&joined["side"], "user").to_owned(), version_of(&joined["side"]));
            } else if let Some(end) = fact.get("conflict_settled").filter(|end| is_status(end)) {
                let sides = std::mem::take(&mut self.0);
                let seen = set.and_then(|set| seen(evidence, entry, set));
                let unread = |(user, said): &(&String, &u64)| *user != author && seen < Some(**said);
                if let Some((user, said)) = sides.iter().find(unread).filter(|_| end["how"] != "agreed") {
                    let what = format!("{author} ends it in {version}, having seen {seen:?}");
                    return Err(format!("{what} and not what {user} said in {said}"));
                }
            }
        }
        let decides = facts().any(|fact| fact.get("decision_set").is_some());
        if before && decides && !self.0.is_empty() && !self.0.contains_key(author) {
            return Err(format!("{author} decides in {version} and is no side of what is in conflict"));
        }
        Ok(())
    }
}

fn version_of(side: &Value) -> u64 {
    side["version"].as_u64().unwrap_or_default()
}

/// What the author of a status had seen: what their replica says, and no more than they can have been shown.
fn seen(evidence: &Evidence, entry: &Value, set: &Value) -> Option<u64> {
    let told = set["seen"].as_u64();
    if !evidence.lost.is_empty() {
        // The versions that were known may be those of another past.
        return told;
    }
    let of = |seen: &&Seen| seen.ids.iter().any(|id| id == text(entry, "client"));
    let wrote = |intent: &&Intent| {
        let written = matches!(&intent.deed, Deed::Wrote { entity, field, value }
            if entity == "review" && field == "status" && *value == set["value"]);
        written && Some(intent.knew) < entry["version"].as_u64()
    };
    // What is made once more and changes nothing on the screen is no deed of which it is known when it was done.
    let retried = |seen: &Seen| seen.retried.as_array().is_some_and(|records| !records.is_empty());
    if evidence.clients.iter().filter(of).any(retried) {
        return told;
    }
    let shown = evidence.clients.iter().filter(of).flat_map(|seen| &seen.intents).filter(wrote);
    let shown = shown.map(|intent| intent.knew).max();
    told.map(|told| shown.map_or(told, |shown| told.min(shown)))
}

fn sets_status(entry: &Value) -> bool {
    let mut facts = entry["facts"].as_array().into_iter().flatten();
    facts.any(|fact| fact.get("field_set").is_some_and(is_status))
}

fn is_status(set: &Value) -> bool {
    set["entity"] == "review" && text(set, "field") == "status"
}

/// Of the conflicts that are joined, those about texts say what was merged and those about removals have no words.
fn is_about_status(joined: &Value) -> bool {
    joined.get("merged").is_none() && joined["side"]["value"].is_string()
}

/// People who wrote the same, and the last of them something different without having seen it of any; two people, but for
/// the status.
fn sides(conflict: &Value, version: u64) -> Result<(), String> {
    let sides: Vec<&Value> = conflict["sides"].as_array().into_iter().flatten().collect();
    let Some((mine, others)) = sides.split_last() else { return Err(format!("{conflict} has no sides")) };
    let differ = |other: &&Value| {
        other["user"] != mine["user"]
            && (other["value"] != mine["value"] || text(conflict, "field") == "text")
            && other["value"] == others[0]["value"]
    };
    let unseen = |other: &&Value| {
        text(conflict, "field") == "removed" || mine["seen"].as_u64() < other["version"].as_u64()
    };
    let many = others.len() == 1 || others.len() > 1 && is_status(conflict);
    let right = many && others.iter().all(differ) && others.iter().all(unseen);
    if right { Ok(()) } else { Err(format!("{conflict} is raised in {version}")) }
}
