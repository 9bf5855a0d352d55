//! Looking back: how a comment came to be, and what it was.

use actix_web::{HttpResponse, web};
use interline_core::id::{CommentId, Version};
use serde::Deserialize;

use super::read::find;
use super::{ApiError, query};
use crate::app::AppState;
use crate::room::{CommentPast, RoomHandle};

#[derive(Deserialize)]
pub(super) struct HistoryQuery {
    #[serde(default, deserialize_with = "query::after_version")]
    after: Version,
}

#[derive(Deserialize)]
pub(super) struct VersionQuery {
    #[serde(default, deserialize_with = "query::version")]
    pub(super) version: Option<Version>,
}

pub(super) async fn history(
    path: web::Path<(String, String)>,
    query: web::Query<HistoryQuery>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let (room, comment, reaches) = found(&state, path.into_inner()).await?;
    let past = CommentPast { store: &*state.store, room: &room, comment, reaches };
    Ok(HttpResponse::Ok().json(past.history(query.after).await?))
}

pub(super) async fn comment(
    path: web::Path<(String, String)>,
    query: web::Query<VersionQuery>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let (room, comment, reaches) = found(&state, path.into_inner()).await?;
    let past = CommentPast { store: &*state.store, room: &room, comment, reaches };
    Ok(HttpResponse::Ok().json(past.at(query.version).await?))
}

/// The review's room, the comment's id, and a version that the store has.
async fn found(
    state: &AppState,
    (name, id): (String, String),
) -> Result<(RoomHandle, CommentId, Version), ApiError> {
    let row = find(state, &name).await?;
    let id = id.parse().map_err(|_| ApiError::unknown_comment(format!("{id:?} is no comment's id")))?;
    Ok((state.rooms.get(row.id), id, row.head.version))
}
