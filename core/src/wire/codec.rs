//! Frames to text and back.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::{ClientFrame, ErrorCode, ServerFrame};
use crate::entry::EncodedEntry;
use crate::id::ReviewId;

/// A text that is not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadFrame {
    /// [`ErrorCode::BadFrame`] or [`ErrorCode::UnknownFrame`].
    pub code: ErrorCode,
    /// What is wrong, and where.
    pub message: String,
}

/// Reads what a client sent.
pub fn decode_client(text: &str) -> Result<ClientFrame, BadFrame> {
    decode(text, &["hello", "open", "submit", "presence", "history", "marks", "leave", "ping"])
}

/// Reads what a server sent.
pub fn decode_server(text: &str) -> Result<ServerFrame, BadFrame> {
    let names = [
        "welcome", "opened", "entry", "answer", "refused", "presence", "gone", "history", "marks", "error",
        "pong", "draining",
    ];
    decode(text, &names)
}

/// Writes a frame.
pub fn encode(frame: &impl Serialize) -> String {
    let text = serde_json::to_string(frame).unwrap_or_default();
    debug_assert!(!text.is_empty(), "a frame is plain data and always encodes");
    text
}

/// Writes an `entry` frame around an entry's bytes, which are not touched.
pub fn entry_frame(review: ReviewId, entry: &EncodedEntry) -> String {
    let EncodedEntry { hash, payload, .. } = entry;
    format!(r#"{{"entry":{{"review":"{review}","hash":"{hash}","entry":{payload}}}}}"#)
}

fn decode<T: DeserializeOwned>(text: &str, names: &[&str]) -> Result<T, BadFrame> {
    serde_json::from_str(text).map_err(|error| {
        let known = match OneKey::deserialize(&mut serde_json::Deserializer::from_str(text)) {
            Ok(OneKey(keys)) if keys.len() == 1 => keys.keys().any(|key| names.contains(&key.as_str())),
            _ => true,
        };
        let code = if known { ErrorCode::BadFrame } else { ErrorCode::UnknownFrame };
        BadFrame { code, message: error.to_string() }
    })
}

#[derive(Deserialize)]
struct OneKey(BTreeMap<String, IgnoredAny>);
