//! `POST /api/reviews/{name}/patchsets`: a diff becomes a review's newest code.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use interline_core::diff::{LineMap, PatchSet};
use interline_core::entry::Hash;
use interline_core::id::{ReviewId, UserId};
use interline_core::limits::Limits;
use interline_core::sync::{NewPatchSet, PatchSetOutcome};
use serde::{Deserialize, Serialize};

use super::ApiError;
use super::create::{checked_key, parsed};
use super::read::find;
use crate::app::AppState;
use crate::room::Code;
use crate::store::{PatchSetRow, SYSTEM};

/// How often the line map is made anew because another patch set came first.
const TRIES: u32 = 8;

#[derive(Deserialize)]
pub(super) struct Query {
    key: Option<String>,
}

#[derive(Serialize)]
struct Added<'a> {
    review: ReviewId,
    number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

#[derive(Serialize)]
struct List {
    patch_sets: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

pub(super) async fn add(
    request: HttpRequest,
    name: web::Path<String>,
    query: web::Query<Query>,
    body: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    state.origins.check(&request)?;
    let key = query.into_inner().key.filter(|key| !key.is_empty()).map(checked_key).transpose()?;
    let row = find(&state, &name).await?;
    let (review, reaches) = (row.id, row.head.version);
    let (patch_set, body_hash) = parsed(body).await?;
    let code = Arc::new(patch_set);
    let code_json = encoded(&code).await?;
    let key = key.as_deref();
    for _ in 0..TRIES {
        let rows = state.store.patch_sets(review).await?;
        if let Some(number) = before(&rows, key, body_hash)? {
            return Ok(HttpResponse::Ok().json(Added { review, number, key }));
        }
        check_limits(&rows, code_json.len())?;
        let room = state.rooms.get(review);
        let Code { number, code: newest } = room.code(reaches).await?;
        if rows.last().is_none_or(|row| row.number < number) {
            // One came since the list was read: it may be this very request's.
            continue;
        }
        let (map, map_json) = mapped(newest, code.clone()).await?;
        let new = NewPatchSet {
            number: number + 1,
            author: UserId::new(SYSTEM).map_err(|error| ApiError::internal(error.to_string()))?,
            code: code.clone(),
            map,
            code_json: code_json.clone(),
            map_json,
            body_hash,
            key: key.map(str::to_owned),
        };
        match room.add_patch_set(new).await.transpose()? {
            Some(PatchSetOutcome::Added(_)) => {
                return Ok(HttpResponse::Created().json(Added { review, number: number + 1, key }));
            }
            Some(PatchSetOutcome::StoreFailed) => {
                return Err(ApiError::unavailable(
                    "store_failed",
                    "the store did not take it; nothing happened",
                ));
            }
            // What the store has by now tells what became of it.
            Some(PatchSetOutcome::Overtaken) | None => {}
        }
    }
    Err(ApiError::unavailable("overloaded", "other patch sets came at the same time, try again"))
}

/// Which patch sets there are, oldest first.
pub(super) async fn list(
    name: web::Path<String>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let review = find(&state, &name).await?.id;
    let rows = state.store.patch_sets(review).await?;
    let patch_sets = rows.into_iter().map(|row| Listed { number: row.number, key: row.key }).collect();
    Ok(HttpResponse::Ok().json(List { patch_sets }))
}

/// The patch set that the same request added before: under its key, or as the newest one.
fn before(rows: &[PatchSetRow], key: Option<&str>, body_hash: Hash) -> Result<Option<u32>, ApiError> {
    if let Some(key) = key {
        let used = rows.iter().find(|row| row.key.as_deref() == Some(key));
        return match used {
            Some(row) if row.body_hash == body_hash => Ok(Some(row.number)),
            Some(_) => Err(ApiError::patch_set_key_in_use(key)),
            None => Ok(None),
        };
    }
    Ok(rows.last().filter(|row| row.body_hash == body_hash).map(|row| row.number))
}

fn check_limits(rows: &[PatchSetRow], more: usize) -> Result<(), ApiError> {
    let bytes: u64 = rows.iter().map(|row| row.bytes).sum();
    let bytes = bytes.saturating_add(more as u64);
    if rows.len() >= Limits::PATCH_SETS as usize || bytes > Limits::PATCH_SET_BYTES as u64 {
        let (count, mib) = (Limits::PATCH_SETS, Limits::PATCH_SET_BYTES >> 20);
        return Err(ApiError::too_many_patch_sets(format!(
            "a review takes at most {count} patch sets, together at most {mib} MiB"
        )));
    }
    Ok(())
}

/// Large diffs take tens of milliseconds: not on the thread that serves sockets.
async fn encoded(code: &Arc<PatchSet>) -> Result<Arc<str>, ApiError> {
    let code = code.clone();
    let json = web::block(move || serde_json::to_string(&*code)).await;
    let json = json.map_err(|error| ApiError::internal(error.to_string()))?;
    json.map(Arc::from).map_err(|error| ApiError::internal(error.to_string()))
}

async fn mapped(old: Arc<PatchSet>, new: Arc<PatchSet>) -> Result<(Arc<LineMap>, Arc<str>), ApiError> {
    let made = web::block(move || {
        let map = LineMap::between(&old, &new);
        serde_json::to_string(&map).map(|json| (Arc::new(map), Arc::from(json)))
    });
    let made = made.await.map_err(|error| ApiError::internal(error.to_string()))?;
    made.map_err(|error| ApiError::internal(error.to_string()))
}
