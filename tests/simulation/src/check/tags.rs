//! Tags: what somebody put in is in until it is taken out by somebody who had seen that, and what was taken out is out.

use serde_json::Value;

use super::past::Lost;
use super::{Folded, text};
use crate::evidence::{Evidence, Seen};
use crate::ledger::{Deed, Intent};

pub(super) fn check(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    let all: Vec<Tagging<'_>> = folded.entries.iter().flat_map(Tagging::of).collect();
    let lost = Lost::of(evidence)?;
    if lost.entries.is_empty() {
        all.iter().try_for_each(|tagging| only_what_was_seen(evidence, tagging))?;
    }
    for seen in &evidence.clients {
        // Of two copies of a local store either sends what was pending in it. What is made once more is no deed.
        let copied = evidence.clients.iter().filter(|other| other.family == seen.family).count() > 1;
        if copied || seen.retried.as_array().is_some_and(|records| !records.is_empty()) {
            continue;
        }
        for (tag, put, head) in last_deeds(seen) {
            let settled = if put {
                is_in(folded, &lost, &all, seen, tag)
            } else {
                is_out(folded, &lost, seen, tag, head)
            };
            if !settled && !kept(seen, tag) {
                let did = if put { "put in" } else { "took out" };
                return Err(format!("{tag:?}, which {} {did} having seen {head}, is forgotten", seen.name()));
            }
        }
    }
    Ok(())
}

/// One addition that came or went.
struct Tagging<'a> {
    entry: &'a Value,
    tag: &'a str,
    came: bool,
    /// The entry that made the addition, and whose that was.
    dot: (u64, &'a str),
}

impl<'a> Tagging<'a> {
    fn of(entry: &'a Value) -> Vec<Tagging<'a>> {
        let facts = entry["facts"].as_array().into_iter().flatten();
        let tags = |fact: &&Value| fact["entity"] == "review" && fact["field"] == "tags";
        let mut all = Vec::new();
        for fact in facts.filter_map(|fact| fact.get("set_changed")).filter(tags) {
            for (half, came) in [("added", true), ("removed", false)] {
                for (tag, dots) in fact["delta"][half].as_object().into_iter().flatten() {
                    let dots = dots.as_array().into_iter().flatten().map(dot);
                    all.extend(dots.map(|dot| Tagging { entry, tag, came, dot }));
                }
            }
        }
        all
    }

    fn version(&self) -> u64 {
        self.entry["version"].as_u64().unwrap_or_default()
    }

    fn by(&self, seen: &Seen) -> bool {
        is_of(seen, text(self.entry, "client"))
    }
}

/// An addition goes only by whoever had been shown it, or whose own it is.
fn only_what_was_seen(evidence: &Evidence, tagging: &Tagging<'_>) -> Result<(), String> {
    let (version, client) = tagging.dot;
    let by: Vec<&Seen> = evidence.clients.iter().filter(|seen| tagging.by(seen)).collect();
    let out = |intent: &&Intent| matches!(&intent.deed, Deed::Tagged { tag, put, .. } if tag == tagging.tag && !put);
    let knew = by.iter().flat_map(|seen| &seen.intents).filter(out).map(|intent| intent.knew).max();
    let again = by.iter().any(|seen| seen.retried.as_array().is_some_and(|records| !records.is_empty()));
    let own = by.iter().any(|seen| is_of(seen, client));
    if tagging.came || own || again || knew.is_some_and(|knew| version <= knew) {
        return Ok(());
    }
    let (at, tag) = (tagging.version(), tagging.tag);
    Err(format!("{at} takes out {tag:?} of {version}, of which its author had seen {knew:?}"))
}

/// What its user did last to each tag: whether it was put in, and which version the replica had then.
fn last_deeds(seen: &Seen) -> impl Iterator<Item = (&str, bool, u64)> {
    let deeds = || {
        seen.intents.iter().filter(|intent| !intent.forgotten).filter_map(|intent| match &intent.deed {
            Deed::Tagged { tag, put, head } => Some((tag.as_str(), *put, *head)),
            _ => None,
        })
    };
    deeds()
        .enumerate()
        .filter(move |(at, (tag, ..))| deeds().skip(at + 1).all(|(later, ..)| later != *tag))
        .map(|(_, deed)| deed)
}

/// It is in, or somebody took out this very addition, which they had to have seen.
fn is_in(folded: &Folded, lost: &Lost, all: &[Tagging<'_>], seen: &Seen, tag: &str) -> bool {
    let about = || all.iter().filter(|tagging| tagging.tag == tag);
    let put = about().filter(|tagging| tagging.came && tagging.by(seen)).map(|tagging| tagging.dot).max();
    let taken = || about().any(|tagging| !tagging.came && !tagging.by(seen) && put == Some(tagging.dot));
    let gone = || lost.entries.iter().flat_map(Tagging::of).any(|tagging| tagging.tag == tag);
    additions(folded, tag).next().is_some() || taken() || gone()
}

/// Nothing of it that its user had before them is in.
fn is_out(folded: &Folded, lost: &Lost, seen: &Seen, tag: &str, head: u64) -> bool {
    let stands = |(version, client): (u64, &str)| version <= head || is_of(seen, client);
    !lost.entries.is_empty() || !additions(folded, tag).any(stands)
}

/// The additions of a tag that stand at the end.
fn additions<'a>(folded: &'a Folded, tag: &str) -> impl Iterator<Item = (u64, &'a str)> {
    folded.review["sets"]["tags"][tag].as_array().into_iter().flatten().map(dot)
}

fn dot(dot: &Value) -> (u64, &str) {
    (dot["version"].as_u64().unwrap_or_default(), text(dot, "client"))
}

fn is_of(seen: &Seen, client: &str) -> bool {
    seen.ids.iter().any(|id| id == client)
}

/// Whether it was refused, and waits for its user's decision or had it.
fn kept(seen: &Seen, tag: &str) -> bool {
    let records = [&seen.rejected, &seen.discarded].into_iter().flat_map(Value::as_array).flatten();
    let mut changes = records.flat_map(|record| record["changes"].as_array().into_iter().flatten());
    changes.any(|change| {
        change.get("set_changed").is_some_and(|set| {
            set["add"].as_array().is_some_and(|add| add.iter().any(|one| one == tag))
                || set["remove"].get(tag).is_some()
        })
    })
}
