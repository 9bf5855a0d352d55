//! What was acknowledged is in the log; nothing is there twice; everybody's batches are in order.

use std::collections::{BTreeMap, BTreeSet};

use super::{Folded, text};
use crate::evidence::{Answered, Evidence};

/// Whatever a client was told of is in the log, at its place; whatever it was answered is in the store.
pub(super) fn durable(evidence: &Evidence, _: &Folded) -> Result<(), String> {
    let stored: BTreeSet<_> = evidence.answers.iter().collect();
    for seen in &evidence.clients {
        if let Some(told) = seen.told.iter().find(|told| !stored.contains(told)) {
            return Err(format!("client {} was answered {told:?}, which is not in the store", seen.name()));
        }
        for place in &seen.heard {
            let at = usize::try_from(place.0).unwrap_or_default().checked_sub(1);
            let there = at.and_then(|at| evidence.log.get(at));
            if there.is_none_or(|logged| logged.place != *place) {
                return Err(format!("client {} was told of {place:?}, which is not in the log", seen.name()));
            }
        }
    }
    Ok(())
}

/// A batch is at most one entry, has one answer, and is either the entry that this names or rejected.
pub(super) fn once(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    let mut answers = BTreeMap::new();
    for answered in &evidence.answers {
        let key = (answered.client.as_str(), answered.seq);
        // Not even the same once more: whoever writes it again has not seen that it was there.
        if let Some(first) = answers.insert(key, answered) {
            return Err(format!("{key:?} was answered {}, then {}", first.answer, answered.answer));
        }
    }
    let mut entries = BTreeMap::new();
    for entry in &folded.entries {
        let key = (text(entry, "client"), entry["seq"].as_u64().unwrap_or_default());
        if let Some(first) = entries.insert(key, &entry["version"]) {
            return Err(format!("{key:?} is entry {first} and entry {}", entry["version"]));
        }
        let answered = answers.get(&key);
        // The first entry is nobody's.
        if entry["seq"] != 0 && answered.is_none_or(|answered| answered.version != entry["version"].as_u64())
        {
            return Err(format!("{key:?} was answered {answered:?} and is entry {}", entry["version"]));
        }
    }
    for (key, answered) in answers {
        if answered.version.is_some() && !entries.contains_key(&key) {
            return Err(format!("{key:?} was answered {} and is no entry", answered.answer));
        }
    }
    Ok(())
}

/// The seqs of each client ascend in the log; each that is not there was rejected, or settled for nothing.
pub(super) fn ordered(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    let ids: BTreeSet<&String> = evidence.clients.iter().flat_map(|seen| &seen.ids).collect();
    for id in ids {
        let own = folded.entries.iter().filter(|entry| text(entry, "client") == id);
        let mut next = 1;
        for seq in own.map(|entry| entry["seq"].as_u64().unwrap_or_default()) {
            if seq < next {
                return Err(format!("batch {seq} of client {id} comes after batch {}", next - 1));
            }
            for missing in next..seq {
                let rejected = |a: &Answered| a.client == *id && a.seq == missing && a.version.is_none();
                if !evidence.answers.iter().any(rejected) {
                    return Err(format!("batch {missing} of client {id} is missing before {seq}"));
                }
            }
            next = seq + 1;
        }
    }
    Ok(())
}
