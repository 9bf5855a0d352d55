//! The demo, embedded in the program. Without one the server is complete, and says at `/` where it is.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::cached::{is_known, weak};
use super::{ApiError, only_looks};

#[derive(RustEmbed)]
#[folder = "../demo/dist"]
#[allow_missing = true]
struct Demo;

const INDEX: &str = "index.html";

const ABSENT: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Interline</title>\n\
    <p>The Interline server runs. The demo is not built into it: the web app has to be built before the \
    server.\n<p>Run <code>cargo xtask build</code>, which does both, and start the server again.\n\
    <p>The API is there all the same: <a href=\"/api/reviews\">/api/reviews</a>.\n</html>\n";

/// Whether there is a demo.
pub(crate) fn is_embedded() -> bool {
    Demo::get(INDEX).is_some()
}

pub(super) async fn serve(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    if !only_looks(request.method()) {
        return Err(ApiError::method_not_allowed(request.method()));
    }
    let path = request.path().trim_start_matches('/');
    if let Some(file) = Demo::get(path) {
        return Ok(respond(&request, path, &file));
    }
    // The app's own paths: a review's key may look like a file's name.
    let page = path.starts_with("r/") || !path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    match Demo::get(INDEX) {
        Some(index) if page => Ok(respond(&request, INDEX, &index)),
        None if page => {
            let status = if path.is_empty() { StatusCode::OK } else { StatusCode::NOT_FOUND };
            Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(ABSENT))
        }
        _ => Err(ApiError::not_found(format!("there is nothing at /{path}"))),
    }
}

fn respond(request: &HttpRequest, path: &str, file: &EmbeddedFile) -> HttpResponse {
    let hash: String = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    // The names of assets change with their content.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = is_known(request, &hash);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::ETAG, weak(&hash))).insert_header((header::CACHE_CONTROL, cache));
    if known {
        return response.finish();
    }
    let kind = file.metadata.mimetype();
    let kind = if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_owned() };
    response.content_type(kind).body(file.data.to_vec())
}
