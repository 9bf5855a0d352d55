//! HTTP: reviews in and out, the socket, health, and the demo.

mod cached;
mod create;
mod decisions;
mod demo;
mod error;
mod guard;
mod health;
mod history;
mod patch_sets;
mod query;
mod read;
mod sessions;
mod since;
mod socket;

use actix_web::http::Method;
use actix_web::middleware::DefaultHeaders;
use actix_web::{HttpRequest, Resource, web};

pub(crate) use demo::is_embedded as demo_is_embedded;
pub(crate) use error::ApiError;
pub(crate) use guard::{Origins, check_host};
pub(crate) use since::Since;

/// Only what this server serves runs in its pages, and no other page frames them.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
    script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; connect-src 'self' ws:; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A comment. Where there is no id the path is a key that goes on.
const COMMENT: &str = "/reviews/{name:.+}/comments/{comment:[0-9A-Fa-f-]{36}}";

/// What every response says.
pub(crate) fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("content-security-policy", CONTENT_SECURITY_POLICY))
        .add(("x-content-type-options", "nosniff"))
        .add(("referrer-policy", "same-origin"))
}

/// Every path there is.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    let query = web::QueryConfig::default()
        .error_handler(|error, _| ApiError::bad_request("bad_query", error.to_string()).into());
    let api = web::scope("/api")
        .app_data(query)
        .service(resource("/socket").route(web::get().to(socket::socket)))
        .service(resource("/reviews").route(web::post().to(create::create)).route(web::get().to(read::list)))
        .service(resource("/sessions").route(web::get().to(sessions::list)))
        .service(resource("/sessions/{session}").route(web::delete().to(sessions::close)))
        // A key may hold slashes.
        .service(resource("/reviews/{name:.+}/patchsets/{number}/since").route(web::get().to(since::since)))
        .service(resource("/reviews/{name:.+}/patchsets/{number}").route(web::get().to(read::patch_set)))
        .service(
            resource("/reviews/{name:.+}/patchsets")
                .route(web::post().to(patch_sets::add))
                .route(web::get().to(patch_sets::list)),
        )
        .service(resource(&format!("{COMMENT}/history")).route(web::get().to(history::history)))
        .service(resource(COMMENT).route(web::get().to(history::comment)))
        .service(resource("/reviews/{name:.+}/conflicts").route(web::get().to(decisions::conflicts)))
        .service(resource("/reviews/{name:.+}/log").route(web::get().to(decisions::log)))
        .service(resource("/reviews/{name:.+}").route(web::get().to(read::show)))
        .default_service(web::to(unknown_path));
    config
        .service(resource("/healthz").route(web::get().to(health::healthz)))
        .service(resource("/readyz").route(web::get().to(health::readyz)))
        .service(resource("/metrics").route(web::get().to(health::metrics)))
        .service(api)
        .default_service(web::to(demo::serve));
}

/// A path that answers other methods than its own with an error like all others.
fn resource(path: &str) -> Resource {
    web::resource(path.to_owned()).default_service(web::to(wrong_method))
}

async fn wrong_method(request: HttpRequest) -> Result<&'static str, ApiError> {
    Err(ApiError::method_not_allowed(request.method()))
}

async fn unknown_path(request: HttpRequest) -> Result<&'static str, ApiError> {
    Err(ApiError::not_found(format!("there is nothing at {}", request.path())))
}

/// Whether a method only looks.
fn only_looks(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}
