//! Answers that whoever has asked may keep: each has a tag, by which it is asked whether it is still the one.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use interline_core::entry::Hash;

/// JSON with the tag of its bytes; without them, if whoever asks has them.
pub(super) fn tagged(request: &HttpRequest, cache: &'static str, json: String) -> HttpResponse {
    let tag = Hash::of(json.as_bytes()).to_string();
    let head = |mut response: HttpResponseBuilder| {
        response.insert_header((header::ETAG, weak(&tag))).insert_header((header::CACHE_CONTROL, cache));
        response
    };
    match is_known(request, &tag) {
        true => head(HttpResponse::NotModified()).finish(),
        false => head(HttpResponse::Ok()).content_type("application/json").body(json),
    }
}

/// Weak: the bytes differ with their compression.
pub(super) fn weak(tag: &str) -> String {
    format!("W/\"{tag}\"")
}

/// Whether the one who asks has what has this tag, as `If-None-Match` says.
pub(super) fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let lists = request.headers().get_all(header::IF_NONE_MATCH).filter_map(|tags| tags.to_str().ok());
    lists.flat_map(|tags| tags.split(',')).any(|known| {
        let known = known.trim();
        known.strip_prefix("W/").unwrap_or(known).trim_matches('"') == tag
    })
}
