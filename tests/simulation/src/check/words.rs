//! Text: nothing made up, nothing doubled, nothing lost, nothing that comes back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::past::{Lost, inserted};
use super::{Folded, text};
use crate::evidence::{Evidence, Seen};
use crate::ink::{is_mark, is_shared, marks};
use crate::ledger::{Deed, Intent};

/// Who wrote a mark again that had been there before, as by undoing its deletion.
#[derive(Default)]
struct Copies<'a> {
    by: BTreeSet<usize>,
    /// How often something refused was made once more.
    retries: usize,
    /// How often it was written again in a text that was then compared with the server's: where that took the mark for
    /// one that others had moved, their deletion of it and the author's own are one, and both stand that were written.
    compared: usize,
    at: BTreeSet<&'a str>,
}

/// What people did with marks.
#[derive(Default)]
struct Marks<'a> {
    /// Who wrote it, and where.
    written: BTreeMap<char, (usize, &'a str)>,
    /// Who deleted it last, and which of their deeds that was. Whoever writes a whole new text may have, and it may have been written again.
    deleted: BTreeMap<char, (usize, usize)>,
    copied: BTreeMap<char, Copies<'a>>,
}

impl Marks<'_> {
    fn of(evidence: &Evidence) -> Marks<'_> {
        let mut all = Marks::default();
        for (c, seen) in evidence.clients.iter().enumerate() {
            let kept = seen.intents.iter().enumerate().filter(|(_, intent)| !intent.forgotten);
            for (at, Intent { deed, retried, .. }) in kept {
                let (comment, written, copied) = match deed {
                    Deed::Added { comment, marks, copied, .. } => (comment, marks, copied),
                    Deed::Edited { comment, written, copied, deleted, .. } => {
                        all.deleted.extend(deleted.chars().map(|mark| (mark, (c, at))));
                        (comment, written, copied)
                    }
                    Deed::Wrote { .. } | Deed::Removed { .. } | Deed::Tagged { .. } => continue,
                };
                all.written.extend(written.chars().map(|mark| (mark, (c, comment.as_str()))));
                for mark in copied.chars() {
                    let copies = all.copied.entry(mark).or_default();
                    copies.by.insert(c);
                    copies.retries += usize::from(*retried);
                    copies.compared += usize::from(seen.rebased.get(comment).is_some_and(|done| at < *done));
                    copies.at.insert(comment);
                }
            }
        }
        all
    }

    /// How often a mark may stand in the texts. Each of several people may bring back what all of them had deleted.
    fn most(&self, mark: char) -> usize {
        self.copied.get(&mark).map_or(1, |copies| copies.by.len().max(1) + copies.retries + copies.compared)
    }
}

pub(super) fn check(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    let marks = Marks::of(evidence);
    let lost = Lost::of(evidence)?;
    written_once(evidence, folded, &marks)?;
    not_sent_again(evidence, folded, &marks)?;
    let there = shown_once(folded, &marks, &lost)?;
    no_more_than_written(evidence, folded)?;
    let kept: Vec<Kept> = evidence.clients.iter().map(Kept::of).collect();
    for (mark, (client, comment)) in &marks.written {
        let who = &evidence.clients[*client];
        match (there.get(mark), marks.deleted.get(mark)) {
            (Some(at), _) if at != comment => {
                let moved = marks.copied.get(mark).is_some_and(|copies| copies.at.contains(at));
                if !moved {
                    return Err(format!("{mark:?} was written in {comment} and is in {at}"));
                }
            }
            (None, None) if !kept[*client].text.contains(*mark) => {
                // What went with the store is gone, unless its author still had it, and did not remove it since, be it
                // where it was brought back.
                let is_there = |of: &str| {
                    of == *comment || marks.copied.get(mark).is_some_and(|copies| copies.at.contains(of))
                };
                let removed = who.intents.iter().any(
                    |Intent { deed, forgotten, .. }| matches!(deed, Deed::Removed { comment: of } if !forgotten && is_there(of)),
                );
                // Who made it once more, before it was lost again, has it offered in place of its author.
                let again = lost.more_than_once()
                    && marks.copied.get(mark).is_some_and(|copies| {
                        copies.by.iter().any(|by| by != client && kept[*by].text.contains(*mark))
                    });
                let held = !removed && !again && who.held.iter().any(|held| held.marks.contains(*mark));
                if held || !lost.marks.contains(mark) {
                    return Err(format!("{mark:?}, which {} wrote in {comment}, is gone", who.name()));
                }
            }
            (Some(_), Some((by, at))) if !marks.copied.contains_key(mark) => {
                let taken_back = kept[*by].comments.contains(*comment);
                let compared = evidence.clients[*by].rebased.get(*comment).is_some_and(|done| at < done);
                // What was pending in a store when it was copied goes out from one of the two, whatever the other does
                // with it.
                let family = evidence.clients.iter().filter(|seen| seen.family == who.family).count();
                let copied = family > 1 && evidence.clients[*by].family == who.family;
                if !taken_back && !compared && !copied && !lost.comments.contains(*comment) {
                    let by = evidence.clients[*by].name();
                    return Err(format!("{mark:?}, which {by} deleted from {comment}, is back"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a client keeps, or has discarded, of what was refused.
struct Kept {
    text: String,
    comments: BTreeSet<String>,
}

impl Kept {
    fn of(seen: &Seen) -> Kept {
        let records = || [&seen.rejected, &seen.discarded].into_iter().flat_map(Value::as_array).flatten();
        let comments = records().chain(seen.retried.as_array().into_iter().flatten());
        Kept {
            text: records().map(|record| format!("{}{}", record["changes"], record["mine"])).collect(),
            comments: comments.map(|record| text(record, "comment").to_owned()).collect(),
        }
    }
}

/// In the log each mark is inserted once, by whoever wrote it.
fn written_once(evidence: &Evidence, folded: &Folded, marks_: &Marks<'_>) -> Result<(), String> {
    let mut families: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for seen in &evidence.clients {
        for id in &seen.ids {
            families.entry(id).or_default().insert(seen.family);
        }
    }
    let mut seen = BTreeSet::new();
    for (client, _, inserted) in inserted(&folded.entries) {
        for mark in marks(&inserted).chars().filter(|mark| !marks_.copied.contains_key(mark)) {
            let writer = marks_.written.get(&mark).map(|(writer, _)| evidence.clients[*writer].family);
            let own = |families: &BTreeSet<usize>| writer.is_some_and(|writer| families.contains(&writer));
            if !families.get(client).is_some_and(own) {
                return Err(format!("client {client} inserts {mark:?}, which was written by {writer:?}"));
            }
            if !seen.insert(mark) {
                return Err(format!("{mark:?} is inserted twice"));
            }
        }
    }
    Ok(())
}

/// What was acknowledged and lost is never sent again by itself.
fn not_sent_again(evidence: &Evidence, folded: &Folded, marks_: &Marks<'_>) -> Result<(), String> {
    for held in evidence.clients.iter().flat_map(|seen| &seen.held) {
        let all = inserted(&folded.entries);
        for (client, _, inserted) in all.filter(|(client, ..)| held.later.iter().any(|id| id == client)) {
            let again = |mark: &char| held.marks.contains(*mark) && !marks_.copied.contains_key(mark);
            if let Some(mark) = marks(&inserted).chars().find(again) {
                return Err(format!("{mark:?} was acknowledged and lost, and is sent again as {client}"));
            }
        }
    }
    Ok(())
}

/// Of the text that anybody may write, no text holds more than was ever written in it.
fn no_more_than_written(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    let mut left: BTreeMap<(&str, char), usize> = BTreeMap::new();
    let intents = evidence.clients.iter().flat_map(|seen| &seen.intents);
    for Intent { deed, .. } in intents.filter(|intent| !intent.forgotten) {
        if let Deed::Added { comment, shared, .. } | Deed::Edited { comment, shared, .. } = deed {
            shared.chars().for_each(|scalar| *left.entry((comment, scalar)).or_default() += 1);
        }
    }
    for (id, comment) in folded.comments() {
        for scalar in text(comment, "text").chars().filter(|scalar| !is_mark(*scalar)) {
            match left.get_mut(&(id.as_str(), scalar)) {
                Some(left) if *left > 0 => *left -= 1,
                _ => return Err(format!("{id} holds more {scalar:?} than was written in it")),
            }
        }
    }
    Ok(())
}

/// In the final texts each mark stands once, and all else is text that people write. Says where each is.
fn shown_once<'a>(
    folded: &'a Folded,
    marks: &Marks<'_>,
    lost: &Lost,
) -> Result<BTreeMap<char, &'a str>, String> {
    let mut there: BTreeMap<char, (&str, usize)> = BTreeMap::new();
    for (id, comment) in folded.comments() {
        for scalar in text(comment, "text").chars() {
            if !is_mark(scalar) {
                if !is_shared(scalar) {
                    return Err(format!("{scalar:?} in {id} was written by nobody"));
                }
                continue;
            }
            let (_, count) = there.entry(scalar).or_insert((id, 0));
            *count += 1;
            // Who undid a deletion before they heard that it was lost has brought back what had come back already.
            let undone = marks.copied.get(&scalar).filter(|_| lost.comments.contains(id));
            if *count > marks.most(scalar) + undone.map_or(0, |copies| copies.by.len()) {
                return Err(format!("{scalar:?} stands {count} times"));
            }
        }
    }
    Ok(there.into_iter().map(|(mark, (at, _))| (mark, at)).collect())
}
