//! Undo takes back what its own author did, and nothing that somebody else has done meanwhile.

use std::collections::BTreeSet;

use super::Folded;
use crate::evidence::Evidence;
use crate::ledger::{Deed, Intent};

/// Whoever undoes a deletion brings back only what was there before it: what somebody else had deleted first, as far
/// as the author had heard of it, stays deleted.
pub(super) fn check(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    if !evidence.lost.is_empty() {
        // The versions that were undone at may be those of another past.
        return Ok(());
    }
    for seen in &evidence.clients {
        // Marks that the author has brought back before: by a whole new text, by trying again what was refused, or by
        // undoing a deletion of their own that nobody had heard of yet. What is deleted later is this second one. A
        // copied store holds what was done so in the one before.
        let family = evidence.clients.iter().filter(|other| other.family == seen.family);
        let others = family.filter(|other| !std::ptr::eq(*other, seen)).flat_map(|other| &other.intents);
        let mut again: BTreeSet<char> = others.filter(|of| of.undone_at.is_none()).flat_map(copied).collect();
        for (at, Intent { deed, undone_at, .. }) in seen.intents.iter().enumerate() {
            let (Deed::Added { comment, copied, .. } | Deed::Edited { comment, copied, .. }) = deed else {
                continue;
            };
            let Some(confirmed) = undone_at else {
                again.extend(copied.chars());
                continue;
            };
            // A comparison of texts has decided what was whose.
            if seen.rebased.get(comment).is_some_and(|by| at < *by) {
                continue;
            }
            // What the author had deleted before everything came at once, somebody else may have deleted as well: the
            // text is the same either way.
            let before = seen.rebased.get(comment).copied().unwrap_or_default();
            let both = deleted(seen.intents.iter().take(before), comment);
            for mark in copied.chars().filter(|mark| !again.contains(mark) && !both.contains(mark)) {
                let moves = folded.moves.get(&mark).into_iter().flatten();
                let moves: Vec<_> = moves.take_while(|step| step.version <= *confirmed).collect();
                let Some(last) = moves.last() else { continue };
                // Where the author's own deletion is in the log, what went later is what somebody had brought back: a
                // second one, while the first comes back by this.
                let first =
                    moves.iter().find(|step| step.gone).is_some_and(|step| seen.ids.contains(&step.client));
                if last.gone && !first && !seen.ids.contains(&last.client) {
                    let (who, by, version) = (seen.name(), &last.client, last.version);
                    return Err(format!(
                        "{mark:?}, which {by} deleted from {comment} in entry {version}, {who} brings back by undo"
                    ));
                }
            }
            again.extend(copied.chars());
        }
    }
    Ok(())
}

/// The marks that a deed wrote which had been there before.
fn copied(intent: &Intent) -> impl Iterator<Item = char> + '_ {
    let (Deed::Added { copied, .. } | Deed::Edited { copied, .. }) = &intent.deed else { return "".chars() };
    copied.chars()
}

/// The marks that somebody's deeds have deleted from a text.
fn deleted<'a>(intents: impl Iterator<Item = &'a Intent>, from: &str) -> BTreeSet<char> {
    let edits = intents.filter_map(|intent| match &intent.deed {
        Deed::Edited { comment, deleted, .. } if comment == from => Some(deleted.chars()),
        _ => None,
    });
    edits.flatten().collect()
}
