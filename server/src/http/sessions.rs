//! Who is connected, to any node; and closing a connection, of any node.

use std::fmt::Display;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use interline_core::id::SessionId;
use serde::Serialize;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::ApiError;
use crate::app::AppState;
use crate::fanout::Closed;
use crate::presence::SessionRecord;

/// How long closing a session of another node may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two questions to all nodes.
const PAUSE: Duration = Duration::from_millis(100);

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
    let (until, mut on_record) = (Instant::now() + PATIENCE, false);
    while Instant::now() < until {
        // One of this node's own has just ended.
        let record = state.board.session(session).await.map_err(not_known)?;
        on_record |= record.is_some_and(|record| record.node != state.node);
        match state.fanout.close(session).await.map_err(not_known)? {
            Closed::Done => return Ok(HttpResponse::NoContent().finish()),
            // A record that goes may only have expired, and then its node cannot be reached.
            Closed::Nobodys if !on_record => return Err(unknown()),
            Closed::Nobodys | Closed::NotSaid => sleep(PAUSE).await,
        }
    }
    Err(ApiError::unavailable(
        "session_not_closed",
        "the session's node has not said that it is closed; it may be cut off or gone",
    ))
}

fn not_known(error: impl Display) -> ApiError {
    ApiError::unavailable("sessions_not_known", error.to_string())
}

fn unknown() -> ApiError {
    ApiError::not_found("there is no such session")
}
