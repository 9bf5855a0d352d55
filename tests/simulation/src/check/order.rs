//! What one author wrote stays in the order in which they wrote it: in the log from entry to entry, and in the texts
//! beside all that they saw while they wrote.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::past::Lost;
use super::{Folded, text};
use crate::evidence::{Evidence, Seen};
use crate::ink::{is_mark, marks, number, writer};
use crate::ledger::{Deed, Intent};

/// A writer, which text of theirs (a comment's id, or `title`), and under which client id it was sent where that matters.
type Text<'a> = (u32, &'a str, &'a str);

pub(super) fn check(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    let copied = copied(evidence);
    in_the_log(evidence, folded, &copied)?;
    in_the_texts(evidence, folded, &copied, &Lost::of(evidence)?)
}

/// Marks that were written again, as by a whole new text or by undo: they stand where that put them.
fn copied(evidence: &Evidence) -> BTreeSet<char> {
    let intents = evidence.clients.iter().flat_map(|seen| &seen.intents);
    let mut copied = BTreeSet::new();
    for Intent { deed, retried, .. } in intents {
        match deed {
            Deed::Added { copied: marks, .. } | Deed::Edited { copied: marks, .. } => {
                copied.extend(marks.chars());
            }
            Deed::Wrote { value, .. } if *retried => {
                copied.extend(value.as_str().into_iter().flat_map(str::chars));
            }
            _ => {}
        }
    }
    copied
}

/// Everybody's marks ascend. What was sent later holds none that are older than those in what was sent before.
fn in_the_log(evidence: &Evidence, folded: &Folded, copied: &BTreeSet<char>) -> Result<(), String> {
    // What was pending in a store when it was copied may be sent by the copy, under the id that was the original's, while
    // the original goes on under another.
    let with_copies = evidence.clients.iter().filter(|seen| copies(evidence, seen).next().is_some());
    let with_copies: BTreeSet<u32> = with_copies.map(|seen| seen.writer).collect();
    let mut newest: BTreeMap<Text<'_>, char> = BTreeMap::new();
    for entry in &folded.entries {
        for fact in entry["facts"].as_array().into_iter().flatten() {
            let (of, inserted) = if let Some(fact) = fact.get("comment_added") {
                (text(fact, "comment"), text(fact, "text").to_owned())
            } else if let Some(fact) = fact.get("text_edited") {
                let parts = fact["op"].as_array().into_iter().flatten();
                (text(fact, "comment"), parts.filter_map(Value::as_str).collect())
            } else if let Some(fact) = fact.get("field_set").filter(|fact| text(fact, "field") == "title") {
                ("title", text(fact, "value").to_owned())
            } else {
                continue;
            };
            let mut latest: BTreeMap<Text<'_>, char> = BTreeMap::new();
            for mark in inserted.chars().filter(|scalar| is_mark(*scalar) && !copied.contains(scalar)) {
                let writer = writer(mark);
                let sender = if with_copies.contains(&writer) { text(entry, "client") } else { "" };
                if newest.get(&(writer, of, sender)).is_some_and(|newest| mark < *newest) {
                    return Err(format!(
                        "{mark:?} was written in {of} earlier than what entry {} comes after",
                        entry["version"]
                    ));
                }
                let latest = latest.entry((writer, of, sender)).or_insert(mark);
                *latest = mark.max(*latest);
            }
            newest.extend(latest);
        }
    }
    Ok(())
}

/// Of what an author saw after an edit, all that is still there stands in the same order.
fn in_the_texts(
    evidence: &Evidence,
    folded: &Folded,
    copied: &BTreeSet<char>,
    lost: &Lost,
) -> Result<(), String> {
    // By the mark's number: the place of each in its text, and 0 for those that are gone or may have been moved.
    let mut places: Vec<u32> = Vec::new();
    for (_, comment) in folded.comments() {
        for (at, mark) in marks(text(comment, "text")).chars().enumerate() {
            if !copied.contains(&mark) {
                let number = number(mark);
                places.resize(places.len().max(number + 1), 0);
                places[number] = at as u32 + 1;
            }
        }
    }
    for seen in &evidence.clients {
        // What was pending in a store when it was copied is carried over what others wrote twice, each time with what
        // else was pending there.
        let family: BTreeSet<u32> = copies(evidence, seen).map(|copy| copy.writer).collect();
        let twice = |mark: &char| {
            !family.is_empty() && (writer(*mark) == seen.writer || family.contains(&writer(*mark)))
        };
        let kept = seen.intents.iter().enumerate().filter(|(_, intent)| !intent.forgotten);
        for (at, Intent { deed, .. }) in kept {
            let (Deed::Added { comment, marks: after, .. } | Deed::Edited { comment, after, .. }) = deed
            else {
                continue;
            };
            // Others' text may have come differently the second time. Where what was done was rebased three ways since,
            // a comparison of texts has put it beside what others wrote.
            let compared = seen.rebased.get(comment).is_some_and(|by| at < *by)
                || copies(evidence, seen).any(|copy| copy.rebased.contains_key(comment));
            if lost.comments.contains(comment) || compared {
                continue;
            }
            let mut last = 0;
            for mark in after.chars().filter(|mark| !twice(mark)) {
                let place = places.get(number(mark)).copied().unwrap_or_default();
                if place > 0 && place < last {
                    return Err(format!("client {} saw {mark:?} further behind in {comment}", seen.name()));
                }
                last = last.max(place);
            }
        }
    }
    Ok(())
}

/// The clients that began with a copy of the same local store: what was pending in it may have been rebased there.
fn copies<'a>(evidence: &'a Evidence, of: &'a Seen) -> impl Iterator<Item = &'a Seen> {
    evidence.clients.iter().filter(move |seen| seen.family == of.family && seen.ids != of.ids)
}
