//! Errors of the HTTP interface: a code for programs, a message for people, and whether a retry makes sense.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use interline_core::diff::DiffError;
use interline_core::id::Version;
use interline_core::wire::ErrorCode;
use serde::Serialize;

use crate::room::Failure;
use crate::store::StoreError;

/// An error as JSON.
#[derive(Debug, Serialize, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ApiError {
    #[serde(skip)]
    status: StatusCode,
    code: &'static str,
    message: String,
    retryable: bool,
    /// Of a bad diff: the line it is about, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { status, code, message: message.into(), retryable: false, line: None }
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn forbidden(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, code, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn unknown_review() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "unknown_review", "there is no such review")
    }

    pub(crate) fn unknown_comment(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "unknown_comment", message)
    }

    pub(crate) fn unknown_version(version: Version, head: Version) -> ApiError {
        Failure::unknown_version(version, head).into()
    }

    pub(crate) fn not_kept(version: Version, oldest: Version) -> ApiError {
        Failure::not_kept(version, oldest).into()
    }

    pub(crate) fn key_in_use(key: &str) -> ApiError {
        let message = format!("the key {key} belongs to a review with another diff");
        ApiError::new(StatusCode::CONFLICT, "key_in_use", message)
    }

    pub(crate) fn patch_set_key_in_use(key: &str) -> ApiError {
        let message = format!("the key {key} belongs to another patch set of the review");
        ApiError::new(StatusCode::CONFLICT, "key_in_use", message)
    }

    pub(crate) fn too_many_patch_sets(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, "too_many_patch_sets", message)
    }

    pub(crate) fn method_not_allowed(method: &Method) -> ApiError {
        let message = format!("{method} is not possible here");
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    pub(crate) fn timeout(message: impl Into<String>) -> ApiError {
        let error = ApiError::new(StatusCode::REQUEST_TIMEOUT, "timeout", message);
        ApiError { retryable: true, ..error }
    }

    pub(crate) fn unavailable(code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { retryable: true, ..ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message) }
    }

    pub(crate) fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }
}

impl From<DiffError> for ApiError {
    fn from(error: DiffError) -> ApiError {
        let status = match error {
            DiffError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        ApiError { line: error.line(), ..ApiError::new(status, error.code(), error.to_string()) }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        tracing::error!(%error, "a request failed");
        match error {
            StoreError::Corrupt { .. } => ApiError::internal(error.to_string()),
            StoreError::Trimmed { .. } => ApiError::new(StatusCode::GONE, "trimmed", error.to_string()),
            _ => ApiError::unavailable("store_failed", error.to_string()),
        }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> ApiError {
        match failure.code {
            ErrorCode::StoreFailed => ApiError::unavailable("store_failed", failure.message),
            ErrorCode::UnknownComment => ApiError::unknown_comment(failure.message),
            ErrorCode::UnknownVersion => {
                ApiError::new(StatusCode::NOT_FOUND, "unknown_version", failure.message)
            }
            ErrorCode::VersionNotKept => ApiError::new(StatusCode::GONE, "version_not_kept", failure.message),
            _ => ApiError::internal(failure.message),
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status).json(self)
    }
}
