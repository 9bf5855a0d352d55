//! `POST /api/reviews`: a diff becomes a review.

use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use interline_core::diff::{DiffError, MAX_DIFF_BYTES, PatchSet};
use interline_core::entry::Hash;
use interline_core::id::ReviewId;
use interline_core::review::{FieldValue, Holder, StatusPolicy, spec};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use uuid::Uuid;

use super::{ApiError, query};
use crate::app::AppState;
use crate::store::{Creation, NewReview, ReviewRow};
use crate::time::now_ms;

/// What a review is called that nobody has named.
const UNTITLED: &str = "Untitled review";
/// The longest key.
const KEY_BYTES: usize = 128;
/// How long a diff may take to arrive.
const UPLOAD: Duration = Duration::from_secs(60);
/// How much of a diff that is too large is still read: an answer before the end of a request often does not
/// reach whoever is still sending.
const READ_ON: usize = 4 * MAX_DIFF_BYTES;

#[derive(Deserialize)]
pub(super) struct Query {
    title: Option<String>,
    key: Option<String>,
    #[serde(default, deserialize_with = "query::status_policy")]
    status_policy: StatusPolicy,
}

#[derive(Serialize)]
struct Created<'a> {
    id: ReviewId,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    url: &'a str,
}

pub(super) async fn create(
    request: HttpRequest,
    query: web::Query<Query>,
    body: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    state.origins.check(&request)?;
    let Query { title, key, status_policy } = query.into_inner();
    let title = checked_title(title)?;
    let key = key.filter(|key| !key.is_empty()).map(checked_key).transpose()?;
    let (patch_set, body_hash) = parsed(body).await?;
    let id = ReviewId(Uuid::now_v7());
    let new = NewReview { id, key: key.clone(), title, status_policy, patch_set, body_hash, at: now_ms() };
    let (row, mut response) = match state.store.create_review(new).await? {
        Creation::Created(row) => (row, HttpResponse::Created()),
        Creation::Existing(row) => (row, HttpResponse::Ok()),
        Creation::KeyInUse => return Err(ApiError::key_in_use(&key.unwrap_or_default())),
    };
    let url = url_of(&state, &request, &row);
    let created = Created { id: row.id, key: row.key.as_deref(), url: &url };
    Ok(response.insert_header((header::LOCATION, url.as_str())).json(created))
}

/// Where people find a review.
pub(super) fn url_of(state: &AppState, request: &HttpRequest, row: &ReviewRow) -> String {
    let address = state.origins.address(request);
    match &row.key {
        // Of what a key may hold only the slash means something in a path.
        Some(key) => format!("{address}/r/{}", key.replace('/', "%2F")),
        None => format!("{address}/r/{}", row.id),
    }
}

/// Reads a diff, and what its bytes hash to.
pub(super) async fn parsed(body: web::Payload) -> Result<(PatchSet, Hash), ApiError> {
    let body = timeout(UPLOAD, read(body)).await;
    let body = body.map_err(|_| ApiError::timeout("the diff took too long to arrive"))??;
    let body_hash = Hash::of(&body);
    // A large diff takes tens of milliseconds: not on the thread that serves sockets.
    let parsed = web::block(move || PatchSet::parse(&body)).await;
    Ok((parsed.map_err(|error| ApiError::internal(error.to_string()))??, body_hash))
}

async fn read(mut body: web::Payload) -> Result<Vec<u8>, ApiError> {
    let (mut diff, mut bytes) = (Vec::new(), 0);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| ApiError::bad_request("bad_body", error.to_string()))?;
        bytes += piece.len();
        if bytes <= MAX_DIFF_BYTES {
            diff.extend_from_slice(&piece);
        } else if bytes > READ_ON {
            break;
        }
    }
    if bytes > MAX_DIFF_BYTES { Err(DiffError::TooLarge { bytes }.into()) } else { Ok(diff) }
}

fn checked_title(title: Option<String>) -> Result<String, ApiError> {
    let title = title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty());
    let title = title.unwrap_or_else(|| UNTITLED.to_owned());
    let fits = spec(Holder::Review, "title").is_some_and(|spec| spec.takes(&FieldValue::Text(title.clone())));
    let message = "a title is one line of at most 200 characters";
    if fits { Ok(title) } else { Err(ApiError::bad_request("bad_title", message)) }
}

pub(super) fn checked_key(key: String) -> Result<String, ApiError> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"._/-".contains(&b);
    // A part of dots alone would not survive a browser's idea of a path.
    let parts = key.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if key.len() <= KEY_BYTES && key.bytes().all(known) && parts && Uuid::try_parse(&key).is_err() {
        return Ok(key);
    }
    let message = format!(
        "a key is 1 to {KEY_BYTES} letters, digits, '.', '_', '-', and '/' between parts, and does not read as a UUID"
    );
    Err(ApiError::bad_request("bad_key", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_can_stand_in_a_path_and_are_no_ids() {
        for key in ["pr-456", "a", "org/repo/12", "v1.2_x"] {
            assert!(checked_key(key.to_owned()).is_ok(), "{key}");
        }
        let long = "x".repeat(KEY_BYTES + 1);
        let id = Uuid::nil().to_string();
        for key in
            ["a b", "ä", "/a", "a/", "a//b", "..", "a/../b", "a?b", "%2F", &long, &id, &id.replace('-', "")]
        {
            assert!(checked_key(key.to_owned()).is_err(), "{key}");
        }
    }

    #[test]
    fn titles_are_one_line() {
        assert_eq!(checked_title(None).unwrap(), UNTITLED);
        assert_eq!(checked_title(Some("  ".into())).unwrap(), UNTITLED);
        assert_eq!(checked_title(Some(" Fix it ".into())).unwrap(), "Fix it");
        assert!(checked_title(Some("a\nb".into())).is_err());
        assert!(checked_title(Some("x".repeat(201))).is_err());
    }
}
