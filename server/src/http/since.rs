//! What has changed since an older patch set: for whoever looked at that one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{HttpResponse, web};
use interline_core::diff::{ChangedFile, PatchSet, changed_files};
use interline_core::entry::Hash;
use interline_core::id::ReviewId;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::ApiError;
use super::read::find;
use crate::app::AppState;
use crate::store::StoreError;

/// How many are worked out at once: each may take a processor for a while.
static WORKING: Semaphore = Semaphore::const_new(2);
/// How many answers are kept: a job that waits for decisions asks for the same ones.
const KEPT: usize = 256;

/// The code of a patch set and of a newer one, by its hash: under the same number there may be other code, once history
/// was lost.
type Between = (Hash, Hash);

/// Answers that were worked out before.
#[derive(Debug, Default)]
pub(crate) struct Since {
    kept: Mutex<VecDeque<(Between, Arc<Vec<ChangedFile>>)>>,
}

impl Since {
    fn get(&self, between: Between) -> Option<Arc<Vec<ChangedFile>>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(known, _)| *known == between).map(|(_, files)| files.clone())
    }

    fn keep(&self, between: Between, files: Arc<Vec<ChangedFile>>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front((between, files));
        kept.truncate(KEPT);
    }
}

/// The files that changed from one patch set of a review to a newer one.
pub(super) async fn changed(
    state: &AppState,
    id: ReviewId,
    from: u32,
    to: u32,
) -> Result<Arc<Vec<ChangedFile>>, ApiError> {
    let _turn = WORKING.acquire().await.map_err(|error| ApiError::internal(error.to_string()))?;
    let (old, new) = (code(state, id, from).await?, code(state, id, to).await?);
    let between = (Hash::of(old.as_bytes()), Hash::of(new.as_bytes()));
    if let Some(files) = state.since.get(between) {
        return Ok(files);
    }
    let read = |json: String| serde_json::from_str::<PatchSet>(&json);
    let made = web::block(move || Ok(changed_files(&read(old)?, &read(new)?)));
    let made = made.await.map_err(|error| ApiError::internal(error.to_string()))?;
    let files = made.map_err(|error: serde_json::Error| StoreError::corrupt(id, error))?;
    let files = Arc::new(files);
    state.since.keep(between, files.clone());
    Ok(files)
}

async fn code(state: &AppState, id: ReviewId, number: u32) -> Result<String, ApiError> {
    let unknown = || ApiError::not_found(format!("the review has no patch set {number}"));
    state.store.patch_set(id, number).await?.ok_or_else(unknown)
}

#[derive(Serialize)]
struct Answer<'a> {
    from: u32,
    to: u32,
    files: &'a [ChangedFile],
}

pub(super) async fn since(
    path: web::Path<(String, String)>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let (name, number) = path.into_inner();
    let row = find(&state, &name).await?;
    let id = row.id;
    let to = state.rooms.get(id).read(row.head.version).await?.review.patch_set;
    let from = number.parse().ok().filter(|from| (1..=to).contains(from));
    let from = from.ok_or_else(|| ApiError::not_found(format!("the review has no patch set {number}")))?;
    let files = changed(&state, id, from, to).await?;
    Ok(HttpResponse::Ok().json(Answer { from, to, files: &files }))
}
