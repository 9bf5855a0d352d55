//! The upgrade of a request to a session.

use actix_web::{HttpRequest, HttpResponse, rt, web};

use super::ApiError;
use crate::app::AppState;
use crate::session::{self, Connection};

pub(super) async fn socket(
    request: HttpRequest,
    body: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    state.origins.check(&request)?;
    if *state.draining.borrow() {
        return Err(ApiError::unavailable("draining", "the server is stopping"));
    }
    let (response, socket, stream) = actix_ws::handle(&request, body)
        .map_err(|error| ApiError::bad_request("websocket_expected", error.to_string()))?;
    let connection = request.conn_data::<Connection>().cloned();
    rt::spawn(session::run(state.get_ref().clone(), socket, stream, connection));
    Ok(response)
}
