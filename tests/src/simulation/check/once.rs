//! What was acknowledged is in the log; nothing is there twice; everybody's batches are in order.

use std::collections::BTreeMap;

use super::{Folded, text};
use crate::simulation::evidence::{Answered, Evidence};

/// Whatever a client was told of is in the log, at its place.
pub(super) fn durable(evidence: &Evidence, _: &Folded) -> Result<(), String> {
    for seen in &evidence.clients {
        for place in &seen.heard {
            let at = usize::try_from(place.0).unwrap_or_default().checked_sub(1);
            let there = at.and_then(|at| evidence.log.get(at));
            if there.is_none_or(|logged| logged.place != *place) {
                return Err(format!("client {} was told of {place:?}, which is not in the log", seen.id));
            }
        }
    }
    Ok(())
}

/// A batch is at most one entry, has one answer, and is either an entry or rejected.
pub(super) fn once(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    let mut answers = BTreeMap::new();
    for answered in &evidence.answers {
        let key = (answered.client.as_str(), answered.seq);
        if let Some(first) = answers.insert(key, answered)
            && first.answer != answered.answer
        {
            return Err(format!("{key:?} was answered {}, then {}", first.answer, answered.answer));
        }
    }
    let mut entries = BTreeMap::new();
    for entry in &folded.entries {
        let key = (text(entry, "client"), entry["seq"].as_u64().unwrap_or_default());
        if let Some(first) = entries.insert(key, &entry["version"]) {
            return Err(format!("{key:?} is entry {first} and entry {}", entry["version"]));
        }
        if answers.get(&key).is_some_and(|answered| answered.rejected) {
            return Err(format!("{key:?} was rejected and is entry {}", entry["version"]));
        }
    }
    Ok(())
}

/// The seqs of each client ascend in the log; each that is not there was rejected.
pub(super) fn ordered(evidence: &Evidence, folded: &Folded) -> Result<(), String> {
    for seen in &evidence.clients {
        let own = folded.entries.iter().filter(|entry| text(entry, "client") == seen.id);
        let mut next = 1;
        for seq in own.map(|entry| entry["seq"].as_u64().unwrap_or_default()) {
            if seq < next {
                return Err(format!("batch {seq} of client {} comes after batch {}", seen.id, next - 1));
            }
            for missing in next..seq {
                let rejected = |a: &Answered| a.client == seen.id && a.seq == missing && a.rejected;
                if !evidence.answers.iter().any(rejected) {
                    return Err(format!("batch {missing} of client {} is missing before {seq}", seen.id));
                }
            }
            next = seq + 1;
        }
    }
    Ok(())
}
