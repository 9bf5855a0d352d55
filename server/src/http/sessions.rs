//! Who is connected, to any node; and closing a connection, of any node.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use interline_core::id::SessionId;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::ApiError;
use crate::app::AppState;
use crate::presence::{PresenceError, SessionRecord};

/// How long closing a session of another node may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is looked whether that has happened.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Serialize)]
struct Sessions {
    sessions: Vec<SessionRecord>,
}

/// Who is connected.
pub(super) async fn list(state: web::Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().json(Sessions { sessions: state.board.sessions().await })
}

/// Closes a connection. Its client is told, and does not come back before somebody asks it to.
pub(super) async fn close(
    request: HttpRequest,
    path: web::Path<String>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    state.origins.check(&request)?;
    let session = Uuid::parse_str(&path).map(SessionId).map_err(|_| unknown())?;
    if state.connected.close(session) {
        return Ok(HttpResponse::NoContent().finish());
    }
    let until = Instant::now() + PATIENCE;
    // Whether it is there and whether it is gone is what the presence store says, and nobody else can.
    if state.board.session(session).await.map_err(not_known)?.is_none() {
        return Err(unknown());
    }
    state.fanout.close(session);
    let mut now = Ok(());
    while Instant::now() < until {
        now = match state.board.session(session).await {
            Ok(None) => return Ok(HttpResponse::NoContent().finish()),
            Ok(Some(_)) => Ok(()),
            Err(error) => Err(not_known(error)),
        };
        sleep(LOOK).await;
    }
    now?;
    Err(ApiError::unavailable("session_not_closed", "the session's node does not answer; it may be gone"))
}

fn not_known(error: PresenceError) -> ApiError {
    ApiError::unavailable("sessions_not_known", error.to_string())
}

fn unknown() -> ApiError {
    ApiError::not_found("there is no such session")
}
