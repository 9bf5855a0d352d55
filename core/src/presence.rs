//! Who is here: told often, kept nowhere for long, never in the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::id::{CommentId, SessionId, User, Version};
use crate::review::Side;

/// One session as others see it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Presence {
    /// Whose connection.
    pub session: SessionId,
    /// Who it is.
    pub user: User,
    /// Where they are.
    #[serde(default)]
    pub place: PresencePlace,
    /// Their caret or selection in a comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// Whether they are writing a private draft there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writing: bool,
    /// Whether they have done something lately.
    pub active: bool,
    /// When the server last heard of them, on its clock.
    pub last_seen: Millis,
}

/// A place in the code.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PresencePlace {
    /// The file's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The half of the diff that the line is counted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// The patch set that they look at, and that the line is counted in. Who does not say looks at the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_set: Option<u32>,
}

/// A selection in a comment's confirmed text. Offsets count Unicode scalars.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Selection {
    /// Which comment.
    pub comment: CommentId,
    /// The version that the offsets refer to; who receives them carries them forward.
    pub version: Version,
    /// Where the selection began.
    pub anchor: usize,
    /// Where the caret is.
    pub head: usize,
}

/// What a client tells of itself.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceUpdate {
    /// Where the user is.
    #[serde(default)]
    pub place: PresencePlace,
    /// Their caret or selection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// Whether they are writing a private draft there: what, nobody hears.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writing: bool,
    /// Whether they have done something lately.
    pub active: bool,
}

/// News of one session.
#[derive(Clone, PartialEq, Debug)]
pub enum PresenceChange {
    /// It is here, and there.
    Here(Presence),
    /// It is gone.
    Gone(SessionId),
}

/// Everybody who is here. Bounded by how many sessions a server lets into a review.
#[derive(Clone, Debug, Default)]
pub struct Roster(BTreeMap<SessionId, Presence>);

impl Roster {
    /// Everybody, in the order of their sessions' ids.
    pub fn iter(&self) -> impl Iterator<Item = &Presence> {
        self.0.values()
    }

    /// Adds or moves somebody.
    pub fn insert(&mut self, presence: Presence) {
        self.0.insert(presence.session, presence);
    }

    /// Somebody went.
    pub fn remove(&mut self, session: SessionId) {
        self.0.remove(&session);
    }

    /// Nobody is known to be here any more; says whether anybody was.
    pub fn clear(&mut self) -> bool {
        let any = !self.0.is_empty();
        self.0.clear();
        any
    }

    /// Drops selections that can no longer be carried forward.
    pub(crate) fn forget_selections_before(&mut self, version: Version) {
        for presence in self.0.values_mut() {
            presence.selection = presence.selection.filter(|selection| selection.version >= version);
        }
    }
}
