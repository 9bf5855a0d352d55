//! A comment: a text, a place, and fields.

use serde::{Deserialize, Serialize};

use super::{Fields, Holder, Place};
use crate::clock::Stamp;
use crate::id::{CommentId, UserId, Version};
use crate::text::Text;

/// A comment as of a version.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comment {
    /// Which comment.
    pub id: CommentId,
    /// Who wrote it first.
    pub author: UserId,
    /// Where it sits.
    pub place: Place,
    /// Orders it among its neighbours.
    pub created: Stamp,
    /// The entry that added it.
    pub added: Version,
    /// Its text now.
    pub text: Text,
    /// `resolved` and what else comments have.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub fields: Fields,
    /// Set when it was removed; the text stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removal>,
}

/// When and by whom a comment was removed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// The entry that removed it.
    pub version: Version,
    /// Whose entry that was.
    pub by: UserId,
}

impl Comment {
    pub(crate) fn new(
        id: CommentId,
        author: UserId,
        place: Place,
        created: Stamp,
        added: Version,
        text: &str,
    ) -> Self {
        Comment {
            id,
            author,
            place,
            created,
            added,
            text: Text::new(text),
            fields: Fields::default(),
            removed: None,
        }
    }

    /// Which fields it may have: a root holds its thread's as well.
    pub fn holder(&self) -> Holder {
        match self.place {
            Place::Line(_) => Holder::Thread,
            Place::Reply(_) => Holder::Reply,
        }
    }

    /// Whether its thread is settled.
    pub fn resolved(&self) -> bool {
        matches!(self.fields.value("resolved"), Some(super::FieldValue::Flag(true)))
    }
}
