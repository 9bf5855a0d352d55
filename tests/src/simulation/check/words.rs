//! Text: nothing made up, nothing doubled, nothing lost, nothing that comes back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Folded, text};
use crate::simulation::evidence::Evidence;
use crate::simulation::ink::{is_mark, is_shared, marks};
use crate::simulation::ledger::{Deed, Intent};

/// What people did with marks.
#[derive(Default)]
struct Marks<'a> {
    /// Who wrote it, and where.
    written: BTreeMap<char, (&'a str, &'a str)>,
    /// Who deleted it. Whoever writes a whole new text may have, and it may have been written again.
    deleted: BTreeMap<char, &'a str>,
    copied: BTreeSet<char>,
}

impl Marks<'_> {
    fn of(evidence: &Evidence) -> Marks<'_> {
        let mut all = Marks::default();
        for seen in &evidence.clients {
            for Intent { deed, .. } in seen.intents.iter().filter(|intent| !intent.forgotten) {
                match deed {
                    Deed::Added { comment, marks } => {
                        all.written
                            .extend(marks.chars().map(|mark| (mark, (seen.id.as_str(), comment.as_str()))));
                    }
                    Deed::Edited { comment, written, copied, deleted } => {
                        all.written
                            .extend(written.chars().map(|mark| (mark, (seen.id.as_str(), comment.as_str()))));
                        all.copied.extend(copied.chars());
                        all.deleted.extend(deleted.chars().map(|mark| (mark, seen.id.as_str())));
                    }
                    Deed::Wrote { .. } | Deed::Removed { .. } => {}
                }
            }
        }
        all
    }
}

pub(super) fn check(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    let marks = Marks::of(evidence);
    written_once(folded, &marks)?;
    let there = shown_once(folded, &marks)?;
    let rejected: BTreeMap<&str, Rejected> =
        evidence.clients.iter().map(|seen| (seen.id.as_str(), Rejected::of(&seen.rejected))).collect();
    for (mark, (client, comment)) in &marks.written {
        let kept = rejected.get(client).is_some_and(|kept| kept.text.contains(*mark));
        match (there.get(mark), marks.deleted.get(mark)) {
            (Some(at), _) if at != comment => {
                return Err(format!("{mark:?} was written in {comment} and is in {at}"));
            }
            (None, None) if !kept => {
                return Err(format!("{mark:?}, which {client} wrote in {comment}, is gone"));
            }
            (Some(_), Some(by)) if !marks.copied.contains(mark) => {
                let taken_back = rejected.get(by).is_some_and(|kept| kept.comments.contains(*comment));
                if !taken_back {
                    return Err(format!("{mark:?}, which {by} deleted from {comment}, is back"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a client keeps of what was rejected.
struct Rejected {
    text: String,
    comments: BTreeSet<String>,
}

impl Rejected {
    fn of(records: &Value) -> Rejected {
        let records = records.as_array().into_iter().flatten();
        let comments = records.clone().map(|record| text(record, "comment").to_owned()).collect();
        Rejected { text: records.map(|record| record["changes"].to_string()).collect(), comments }
    }
}

/// In the log each mark is inserted once, by whoever wrote it.
fn written_once(folded: &Folded, marks_: &Marks<'_>) -> Result<(), String> {
    let added = folded.facts("comment_added").map(|(client, fact)| (client, text(fact, "text").to_owned()));
    let edited = folded.facts("text_edited").map(|(client, fact)| {
        let parts = fact["op"].as_array().into_iter().flatten();
        (client, parts.filter_map(Value::as_str).collect())
    });
    let mut seen = BTreeSet::new();
    for (client, inserted) in added.chain(edited) {
        let inserted: String = inserted;
        for mark in marks(&inserted).chars().filter(|mark| !marks_.copied.contains(mark)) {
            match marks_.written.get(&mark) {
                Some((writer, _)) if *writer == client => {}
                other => {
                    return Err(format!("client {client} inserts {mark:?}, which was written by {other:?}"));
                }
            }
            if !seen.insert(mark) {
                return Err(format!("{mark:?} is inserted twice"));
            }
        }
    }
    Ok(())
}

/// In the final texts each mark stands once, and all else is text that people write. Says where each is.
fn shown_once<'a>(folded: &'a Folded, marks: &Marks<'_>) -> Result<BTreeMap<char, &'a str>, String> {
    let mut there = BTreeMap::new();
    for (id, comment) in folded.comments() {
        for scalar in text(comment, "text").chars() {
            if !is_mark(scalar) {
                if !is_shared(scalar) {
                    return Err(format!("{scalar:?} in {id} was written by nobody"));
                }
            } else if there.insert(scalar, id.as_str()).is_some() && !marks.copied.contains(&scalar) {
                return Err(format!("{scalar:?} stands twice"));
            }
        }
    }
    Ok(there)
}
