//! For whoever watches the server.

use std::sync::atomic::Ordering;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use uuid::Uuid;

use super::ApiError;
use crate::app::AppState;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    /// Which of the nodes this is, as in session records; another one after each start.
    node: Uuid,
    /// How many reviews are loaded, without private drafts.
    rooms: usize,
    /// How many connections there are.
    sessions: usize,
}

#[derive(Serialize)]
struct Readiness {
    /// `ready`, or `degraded` where nodes cannot hear each other or presence is local for now: edits are as safe as
    /// ever, and this node takes them.
    status: &'static str,
    store: &'static str,
    presence: &'static str,
    fanout: &'static str,
    /// Why it is degraded.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The process is alive.
pub(super) async fn healthz(state: web::Data<AppState>) -> HttpResponse {
    let sessions = state.sessions.load(Ordering::Relaxed);
    let (node, rooms) = (state.node, state.rooms.count());
    HttpResponse::Ok().json(Health { status: "ok", node, rooms, sessions })
}

/// The server can do its work.
pub(super) async fn readyz(state: web::Data<AppState>) -> Result<HttpResponse, ApiError> {
    if *state.draining.borrow() {
        return Err(ApiError::unavailable("draining", "the server is stopping"));
    }
    state.store.ping().await?;
    let (presence, fanout) = (state.board.trouble(), state.fanout.trouble());
    let word = |trouble: &Option<String>| if trouble.is_none() { "ok" } else { "degraded" };
    Ok(HttpResponse::Ok().json(Readiness {
        status: if presence.is_none() && fanout.is_none() { "ready" } else { "degraded" },
        store: "ok",
        presence: word(&presence),
        fanout: word(&fanout),
        reason: fanout.or(presence),
    }))
}

/// What Prometheus reads.
pub(super) async fn metrics(state: web::Data<AppState>) -> HttpResponse {
    let number = |is: bool| f64::from(u8::from(is));
    let (presence, fanout) = (state.board.healthy(), state.fanout.is_healthy());
    let metrics = &state.metrics;
    metrics.sessions.set(state.sessions.load(Ordering::Relaxed) as f64);
    metrics.rooms.set(state.rooms.count() as f64);
    metrics.presence_up.set(number(presence));
    metrics.degraded.set(number(!presence || !fanout));
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(metrics.render())
}
