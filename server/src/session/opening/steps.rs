//! What a client that was away for long missed, as steps: what is sent follows what has changed, not how often.

use std::collections::BTreeSet;
use std::sync::Arc;

use interline_core::entry::{EncodedEntry, Head, Step};
use interline_core::id::{CommentId, ReviewId, Version};
use interline_core::sync::CatchUp;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use crate::room::Shot;
use crate::store::{Store, StoreError};

/// How many entries are read for one client. To decode and squash that many takes some tens of milliseconds;
/// whoever lacks more has mostly missed so much that the whole review is smaller.
const ENTRIES: u64 = 4_096;
/// How large they may be together: a few of the largest that there are weigh more than any review.
const BYTES: usize = 16 << 20;
/// How large the steps beside a snapshot may be. A comment that grew by more while a batch of it was in flight is
/// better merged three ways.
const BESIDE_BYTES: usize = 4 << 20;
/// Entries read at once.
const PAGE: u64 = 128;
/// How many clients' entries are in memory at once; the others wait.
static GATHERING: Semaphore = Semaphore::const_new(8);

/// What takes a client to the end of a log.
pub(super) struct Caught {
    /// The whole review, where that is smaller than what has changed.
    pub(super) snapshot: Option<Arc<RawValue>>,
    /// What happened; beside a snapshot to the comments in flight, and otherwise only what the snapshot does not tell.
    pub(super) steps: Box<RawValue>,
}

/// Catches a client up from one head to another, at which the review is `whole`; `None` where the steps that it
/// needs cannot be had.
pub(super) async fn catch_up(
    store: &Arc<dyn Store>,
    id: ReviewId,
    have: Head,
    head: Head,
    in_flight: Option<Vec<CommentId>>,
    whole: Arc<Shot>,
) -> Result<Option<Caught>, StoreError> {
    let one_of_a_few = GATHERING.acquire().await;
    let failed = |error: tokio::task::JoinError| StoreError::Unavailable(error.to_string());
    match gather(&**store, id, have, head).await? {
        Gathered::All(entries) => {
            let touched = in_flight.unwrap_or_default();
            // Counted to its end, also where nobody waits for it any more.
            let squashed = move || {
                let _one_of_a_few = one_of_a_few;
                squash(id, &entries, touched, &whole)
            };
            tokio::task::spawn_blocking(squashed).await.map_err(failed)?
        }
        // Nothing that happened to comments concerns it.
        Gathered::TooMuch if in_flight.is_some_and(|comments| comments.is_empty()) => {
            let beside = move || Some(Caught { snapshot: Some(whole.json()?), steps: json(&[(); 0])? });
            tokio::task::spawn_blocking(beside).await.map_err(failed)
        }
        Gathered::TooMuch | Gathered::Trimmed => Ok(None),
    }
}

enum Gathered {
    All(Vec<EncodedEntry>),
    TooMuch,
    Trimmed,
}

async fn gather(store: &dyn Store, id: ReviewId, have: Head, head: Head) -> Result<Gathered, StoreError> {
    if head.version.saturating_sub(have.version) > ENTRIES {
        return Ok(Gathered::TooMuch);
    }
    let (mut entries, mut bytes, mut at) = (Vec::new(), 0, have);
    while at.version < head.version {
        let count = (head.version - at.version).min(PAGE);
        let page = match store.entries(id, at.version, count as u32).await {
            Err(StoreError::Trimmed { .. }) => return Ok(Gathered::Trimmed),
            page => page?,
        };
        let ended = page.is_empty();
        for entry in page {
            check(id, at.version, &entry)?;
            at = super::head_of(&entry);
            bytes += entry.payload.len();
            entries.push(entry);
        }
        if ended || bytes > BYTES {
            break;
        }
    }
    match at == head {
        true => Ok(Gathered::All(entries)),
        false if bytes > BYTES => Ok(Gathered::TooMuch),
        false => Err(StoreError::corrupt(id, format!("its log and its room differ at {}", at.version))),
    }
}

fn check(id: ReviewId, at: Version, entry: &EncodedEntry) -> Result<(), StoreError> {
    match entry.version == at + 1 {
        true => Ok(()),
        false => Err(StoreError::corrupt(id, format!("entry {} is gone", at + 1))),
    }
}

fn squash(
    id: ReviewId,
    entries: &[EncodedEntry],
    touched: Vec<CommentId>,
    whole: &Shot,
) -> Result<Option<Caught>, StoreError> {
    let mut all = CatchUp::new(touched.iter().copied());
    let in_flight: BTreeSet<_> = touched.iter().copied().collect();
    let mut beside = CatchUp::beside_snapshot(touched);
    for entry in entries {
        let entry = entry.decode().map_err(|error| StoreError::corrupt(id, error))?;
        all.push(&entry);
        beside.push(&entry);
    }
    let Some(snapshot) = whole.json() else { return Ok(None) };
    if let Some(steps) = all.finish().and_then(|steps| json(&steps))
        && steps.get().len() < snapshot.get().len()
    {
        return Ok(Some(Caught { snapshot: None, steps }));
    }
    let Some(mut steps) = beside.finish() else { return Ok(None) };
    let fits = |steps: &Vec<Step>| json(steps).filter(|steps| steps.get().len() <= BESIDE_BYTES);
    let fitting = fits(&steps).or_else(|| {
        // A notice less is better than a batch settled for it.
        steps.retain(|step| step.fact.comment().is_some_and(|id| in_flight.contains(&id)));
        fits(&steps)
    });
    Ok(fitting.map(|steps| Caught { snapshot: Some(snapshot), steps }))
}

fn json(steps: &(impl serde::Serialize + ?Sized)) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(steps).ok()
}
