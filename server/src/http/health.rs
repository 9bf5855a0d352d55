//! For whoever watches the server.

use std::sync::atomic::Ordering;

use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::ApiError;
use crate::app::AppState;
use crate::presence::SessionRecord;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    /// How many reviews are loaded.
    rooms: usize,
    /// How many connections there are.
    sessions: usize,
}

#[derive(Serialize)]
struct Readiness {
    /// `ready`, or `degraded` where presence is local for now: edits are as safe as ever.
    status: &'static str,
    store: &'static str,
    presence: &'static str,
}

#[derive(Serialize)]
struct Sessions {
    sessions: Vec<SessionRecord>,
}

/// Who is connected.
pub(super) async fn sessions(state: web::Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().json(Sessions { sessions: state.board.sessions().await })
}

/// The process is alive.
pub(super) async fn healthz(state: web::Data<AppState>) -> HttpResponse {
    let sessions = state.sessions.load(Ordering::Relaxed);
    HttpResponse::Ok().json(Health { status: "ok", rooms: state.rooms.count(), sessions })
}

/// The server can do its work.
pub(super) async fn readyz(state: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    if *state.draining.borrow() {
        return Err(ApiError::unavailable("draining", "the server is stopping"));
    }
    state.store.ping().await?;
    let (status, presence) = if state.board.healthy() { ("ready", "ok") } else { ("degraded", "degraded") };
    Ok(HttpResponse::Ok().json(Readiness { status, store: "ok", presence }))
}
