//! Who decided what having seen what, and what only people can settle.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpResponse, web};
use interline_core::change::Entity;
use interline_core::clock::Millis;
use interline_core::diff::ChangedFile;
use interline_core::entry::{Entry, Fact};
use interline_core::id::{ReviewId, UserId, Version};
use interline_core::review::{Conflict, Settlement, Status};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::read::find;
use super::{ApiError, query, since};
use crate::app::AppState;
use crate::room::View;
use crate::store::StoreError;

/// How many wait for something to happen at once; whoever comes then is told to come again.
const WAITING: usize = 256;
static WAITERS: Semaphore = Semaphore::const_new(WAITING);
/// The longest wait, in seconds.
const MAX_WAIT: u64 = 60;
/// How often those who wait look, whatever this node hears: another one may have appended.
const LOOK: Duration = Duration::from_secs(1);
/// Entries read at once, and in all for one answer.
const PAGE: u32 = 500;
const SCANNED: u64 = 20_000;
/// The most that one answer tells.
const TOLD: usize = 1_000;

#[derive(Serialize)]
struct Open<'a> {
    version: Version,
    conflicts: Vec<&'a Conflict>,
    settled: Vec<&'a Settlement>,
}

pub(super) async fn conflicts(
    name: web::Path<String>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let row = find(&state, &name).await?;
    let View { review, head, .. } = state.rooms.get(row.id).read(row.head.version).await?;
    let conflicts = review.conflicts.open().collect();
    let settled = review.conflicts.settled().collect();
    Ok(HttpResponse::Ok().json(Open { version: head.version, conflicts, settled }))
}

#[derive(Deserialize)]
pub(super) struct LogQuery {
    #[serde(default, deserialize_with = "query::after_version")]
    after: Version,
    /// How long to wait for something to tell, in seconds.
    #[serde(default, deserialize_with = "query::wait")]
    wait: u64,
}

/// A part of the story.
#[derive(Serialize)]
struct Story {
    events: Vec<Told>,
    /// Everything up to this version has been told.
    to: Version,
    /// Whether there was nothing behind that.
    complete: bool,
}

#[derive(Serialize)]
struct Told {
    version: Version,
    at: Millis,
    by: UserId,
    fact: Fact,
    /// Of a decision on code that is not the newest any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    stale: Option<Stale>,
}

/// What its author had not seen.
#[derive(Serialize)]
struct Stale {
    /// The newest patch set.
    patch_set: u32,
    /// What has changed up to there.
    files: Arc<Vec<ChangedFile>>,
}

pub(super) async fn log(
    name: web::Path<String>,
    query: web::Query<LogQuery>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let LogQuery { after, wait } = query.into_inner();
    if wait > MAX_WAIT {
        return Err(ApiError::bad_request("bad_query", format!("wait is at most {MAX_WAIT} seconds")));
    }
    let row = find(&state, &name).await?;
    if after > row.head.version {
        return Err(ApiError::unknown_version(after, row.head.version));
    }
    let waiter = match wait {
        0 => None,
        _ => Some(WAITERS.try_acquire().map_err(|_| {
            ApiError::unavailable("overloaded", format!("{WAITING} requests wait already; come again"))
        })?),
    };
    let deadline = Instant::now() + Duration::from_secs(wait);
    let listener = state.rooms.bells().listen(row.id);
    let mut draining = state.draining.clone();
    let mut story = Story { events: Vec::new(), to: after, complete: false };
    loop {
        // What happens from here on rings, or has been read.
        let mut rung = pin!(listener.rung());
        rung.as_mut().enable();
        read_on(&state, row.id, &mut story).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        let told = !story.events.is_empty() || !story.complete;
        if told || left.is_zero() || *draining.borrow_and_update() {
            break;
        }
        tokio::select! {
            _ = timeout(left.min(LOOK), rung) => {}
            _ = draining.changed() => {}
        }
    }
    drop(waiter);
    mark_stale(&state, row.id, &mut story).await?;
    Ok(HttpResponse::Ok().json(story))
}

/// Goes on with the story to the log's end, or to as much as one answer takes.
async fn read_on(state: &AppState, id: ReviewId, story: &mut Story) -> Result<(), ApiError> {
    let from = story.to;
    loop {
        let page = match state.store.entries(id, story.to, PAGE).await {
            Err(StoreError::Trimmed { oldest, .. }) => return Err(ApiError::not_kept(story.to, oldest)),
            page => page?,
        };
        let last = page.len() < PAGE as usize;
        for encoded in page {
            let entry = encoded.decode().map_err(|error| StoreError::corrupt(id, error))?;
            story.to = entry.version;
            let Entry { version, at, author, facts, .. } = entry;
            let told = facts.into_iter().filter(is_told);
            story.events.extend(told.map(|fact| Told { version, at, by: author.clone(), fact, stale: None }));
        }
        story.complete = last;
        if last || story.events.len() >= TOLD || story.to - from >= SCANNED {
            return Ok(());
        }
    }
}

/// Says of decisions on older code what has changed since.
async fn mark_stale(state: &AppState, id: ReviewId, story: &mut Story) -> Result<(), ApiError> {
    if !story.events.iter().any(|told| matches!(told.fact, Fact::DecisionSet { .. })) {
        return Ok(());
    }
    // What the story tells of new code counts, whether this node has heard of it or not.
    let newest = state.rooms.get(id).read(story.to).await?.review.patch_set;
    for told in &mut story.events {
        if let Fact::DecisionSet { patch_set: from, .. } = told.fact
            && from < newest
        {
            // No client has seen a patch set 0; it may say so all the same.
            let files = since::changed(state, id, from.max(1), newest).await?;
            told.stale = Some(Stale { patch_set: newest, files });
        }
    }
    Ok(())
}

/// Whether a fact belongs to the story: decisions, the review's status, conflicts, and the code they are about.
fn is_told(fact: &Fact) -> bool {
    match fact {
        Fact::ReviewCreated { .. }
        | Fact::PatchSetAdded { .. }
        | Fact::DecisionSet { .. }
        | Fact::ConflictRaised(_)
        | Fact::ConflictJoined { .. }
        | Fact::ConflictSettled { .. } => true,
        Fact::FieldSet { entity: Entity::Review, field, .. } => field == Status::FIELD,
        _ => false,
    }
}
