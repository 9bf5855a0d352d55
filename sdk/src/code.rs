//! The code under review, asked of the server when somebody looks at it.

use interline_core::diff::{ChangedFile, PatchSet};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{CodeError, Problem};
use crate::platform;
use crate::review::Review;

/// How long the server may take for an answer, in milliseconds.
const PATIENCE_MS: u64 = 30_000;

/// What the server says where it has no answer.
#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
    retryable: bool,
}

#[derive(Deserialize)]
struct Since {
    files: Vec<ChangedFile>,
}

impl Review {
    /// The diff of a patch set, counted from 1. Nothing of it is kept here. It changes only where the server has lost
    /// history: then other code may have the number.
    pub async fn diff(&self, patch_set: u32) -> Result<PatchSet, CodeError> {
        self.ask(&format!("patchsets/{patch_set}")).await
    }

    /// The files that have changed since a patch set, in the newest that the server has, with how many lines came and
    /// went: what somebody has not seen whose [`Decision`](crate::Decision) is [stale](Review::is_stale).
    pub async fn changed_since(&self, patch_set: u32) -> Result<Vec<ChangedFile>, CodeError> {
        let since: Since = self.ask(&format!("patchsets/{patch_set}/since")).await?;
        Ok(since.files)
    }

    async fn ask<T: DeserializeOwned>(&self, what: &str) -> Result<T, CodeError> {
        let server = &self.slot().shared.config.scope.owner.server;
        let url = format!("{server}/api/reviews/{}/{what}", self.id());
        let (status, body) = tokio::select! {
            answer = platform::fetch(url) => answer.map_err(CodeError::Unreachable)?,
            () = platform::sleep(PATIENCE_MS) => return Err(CodeError::TimedOut),
        };
        if status != 200 {
            let refusal: Result<Refusal, _> = serde_json::from_str(&body);
            let Refusal { code, message, retryable } =
                refusal.map_err(|_| CodeError::BadAnswer { status })?;
            return Err(CodeError::Server(Problem { code: code.into(), message, retryable }));
        }
        serde_json::from_str(&body).map_err(|_| CodeError::BadAnswer { status })
    }
}
