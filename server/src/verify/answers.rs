//! The last answers: what each says of the log must be so, and every client with an entry has one.
//!
//! By an answer that is no entry (rejected or void) the log has nothing of that batch, so there is nothing to hold
//! it against but this: its seq is none before the client's last entry, nor that of it. That a later such answer
//! was changed or is gone cannot be told.

use interline_core::entry::{AnswerResult, Hash, Head};
use interline_core::id::{ReviewId, Version};
use serde::Deserialize;

use super::walk::Walk;
use crate::store::{Audit, RawAnswer, StoreError};

/// Answers read at once.
const PAGE: u32 = 500;

/// The hash in an answer, for those that have one.
#[derive(Deserialize)]
struct Hashed {
    committed: Committed,
}

#[derive(Deserialize)]
struct Committed {
    #[serde(default)]
    hash: Option<Hash>,
}

pub(super) async fn check(
    audit: &mut dyn Audit,
    id: ReviewId,
    trimmed_to: Version,
    walk: &mut Walk,
) -> Result<(), StoreError> {
    let mut last = None;
    loop {
        let page = audit.answers(id, last, PAGE).await?;
        let Some(end) = page.last() else { break };
        last = Some(end.client);
        for answer in page {
            if let Some(what) = wrong(audit, id, trimmed_to, walk, &answer).await? {
                walk.problems.add(format!("the answer of client {}: {what}", answer.client));
            }
            walk.clients.remove(&answer.client);
        }
    }
    for (client, entry) in std::mem::take(&mut walk.clients) {
        let version = entry.at.version;
        walk.problems
            .add(format!("the answer of client {client}: it is missing, and entry {version} is theirs"));
    }
    Ok(())
}

async fn wrong(
    audit: &mut dyn Audit,
    id: ReviewId,
    trimmed_to: Version,
    walk: &Walk,
    answer: &RawAnswer,
) -> Result<Option<String>, StoreError> {
    let result: AnswerResult = match serde_json::from_str(&answer.result) {
        Ok(result) => result,
        Err(error) => return Ok(Some(format!("it cannot be read: {error}"))),
    };
    let (seq, entry) = (answer.seq, walk.clients.get(&answer.client));
    // Clients count from 1.
    if seq == 0 {
        return Ok(Some("it is to batch 0, which there is not".to_owned()));
    }
    if let Some(entry) = entry.filter(|entry| entry.seq > seq) {
        let (later, version) = (entry.seq, entry.at.version);
        return Ok(Some(format!("it is to batch {seq}, and entry {version} is batch {later}")));
    }
    let AnswerResult::Committed { version, .. } = result else {
        let entry = entry.filter(|entry| entry.seq == seq);
        return Ok(
            entry.map(|entry| format!("batch {seq} is no entry by it, and is entry {}", entry.at.version))
        );
    };
    if version == 0 || version > walk.at.version {
        return Ok(Some(format!("batch {seq} is entry {version} by it, which there is not")));
    }
    let so = match entry {
        Some(entry) => (entry.seq, entry.at.version) == (seq, version),
        // Whose batch a trimmed entry was nobody knows any more.
        None => version <= trimmed_to,
    };
    if !so {
        return Ok(Some(format!("batch {seq} is entry {version} by it, and that is another batch")));
    }
    let Ok(Hashed { committed: Committed { hash: Some(hash) } }) = serde_json::from_str(&answer.result)
    else {
        return Ok(None);
    };
    let at = match entry {
        Some(entry) => Some(entry.at),
        None => {
            let found = audit.entries(id, version - 1, 1).await?.into_iter().next();
            found.map(|entry| Head { version: entry.version, hash: entry.hash })
        }
    };
    let same = at == Some(Head { version, hash });
    Ok((!same).then(|| format!("entry {version} has another hash by it")))
}
