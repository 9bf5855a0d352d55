//! The `opened` frame, around what is encoded already.

use bytestring::ByteString;
use interline_core::entry::{Answer, Head};
use interline_core::id::{ReviewId, User, Version};
use interline_core::presence::Presence;
use interline_core::wire::encode;
use serde::Serialize;
use serde_json::value::RawValue;

/// [`Opened`](interline_core::wire::Opened) around JSON that is there already.
#[derive(Debug, Serialize)]
pub(crate) struct OpenedFrame<'a> {
    pub(crate) requested: &'a str,
    pub(crate) review: ReviewId,
    pub(crate) head: Head,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) snapshot: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) steps: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<&'a Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<Version>,
    pub(crate) users: &'a [User],
    pub(crate) presence: &'a [Presence],
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Frame<'a> {
    Opened(&'a OpenedFrame<'a>),
}

impl OpenedFrame<'_> {
    pub(crate) fn encode(&self) -> ByteString {
        encode(&Frame::Opened(self)).into()
    }
}
