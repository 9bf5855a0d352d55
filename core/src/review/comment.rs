//! A comment: a text, a place, and fields.

use serde::{Deserialize, Serialize};

use super::{Anchor, Fields, Holder, Place, PlaceState, Sets, Standing};
use crate::clock::{Millis, Stamp};
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
    /// Where it sits; see `standing`.
    pub place: Place,
    /// How it came there, if the code has moved on since it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// Orders it among its neighbours.
    pub created: Stamp,
    /// The entry that added it.
    pub added: Version,
    /// Its text now.
    pub text: Text,
    /// Who edited it last, if anybody has since that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<LastEdit>,
    /// `resolved` and what else comments have.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub fields: Fields,
    /// `tags`, and what other sets comments have.
    #[serde(default, skip_serializing_if = "Sets::is_empty")]
    pub sets: Sets,
    /// Set when it was removed; the text stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removal>,
    /// Of a draft: the entry of the log of drafts that published it. From then on it is no draft any more, and its text
    /// stays as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Version>,
}

/// When and by whom a comment was removed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// The entry that removed it.
    pub version: Version,
    /// Whose entry that was.
    pub by: UserId,
    /// When, on the server's clock; 0 where it was removed before that was kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub at: Millis,
}

/// When and by whom a comment's text was edited last.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastEdit {
    /// The entry that edited it.
    pub version: Version,
    /// Whose entry that was.
    pub by: UserId,
    /// When, on the server's clock.
    pub at: Millis,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(at: &Millis) -> bool {
    *at == 0
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
            standing: None,
            created,
            added,
            text: Text::new(text),
            edited: None,
            fields: Fields::default(),
            sets: Sets::default(),
            removed: None,
            published: None,
        }
    }

    /// Whether it is a draft still: neither published nor removed.
    pub fn is_draft(&self) -> bool {
        self.published.is_none() && self.removed.is_none()
    }

    /// Which fields it may have: a root holds its thread's as well.
    pub fn holder(&self) -> Holder {
        match self.place {
            Place::Line(_) => Holder::Thread,
            Place::Reply(_) => Holder::Reply,
        }
    }

    /// What became of the lines that it was written on, as far as the server has said.
    pub fn state(&self) -> PlaceState {
        self.standing.as_ref().map_or(PlaceState::Current, |standing| standing.state)
    }

    /// Where it was written, if it starts a thread.
    pub fn written(&self) -> Option<&Anchor> {
        match (&self.standing, &self.place) {
            (Some(standing), _) => Some(&standing.written),
            (None, Place::Line(anchor)) => Some(anchor),
            (None, Place::Reply(_)) => None,
        }
    }

    /// Whether its thread is settled.
    pub fn resolved(&self) -> bool {
        matches!(self.fields.value("resolved"), Some(super::FieldValue::Flag(true)))
    }
}
