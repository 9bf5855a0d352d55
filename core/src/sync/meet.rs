//! Whether somebody rewrote words that somebody else was rewriting, unseen.

use super::history::Past;
use crate::clock::Millis;
use crate::id::{ClientId, UserId, Version};
use crate::limits::Limits;
use crate::text::{TextOp, overlaps};

/// What an edit meets on its way to the tip: the first edit of another user's that it is in conflict with.
pub(super) struct Meeting<'a> {
    user: &'a UserId,
    client: ClientId,
    /// A whole new text meets everything; keystrokes only what their author had not seen for long.
    whole: bool,
    now: Millis,
    pub(super) clash: Option<Clash>,
}

/// An edit by another user whose words an author rewrote without having seen it.
pub(super) struct Clash {
    /// Whose edit.
    pub(super) with: UserId,
    /// In which entry.
    pub(super) version: Version,
    /// When.
    pub(super) at: Millis,
    /// What its author had seen, where that is known: an entry does not say, only who sequenced it knows.
    pub(super) had_seen: Option<Version>,
    /// The version whose text the author had seen, and what they made of that text.
    pub(super) seen: Version,
    pub(super) authored: Option<TextOp>,
    /// That text, where its author had to say what it was.
    pub(super) base: Option<String>,
}

impl Clash {
    /// An edit that was there, unseen.
    pub(super) fn with(past: Past<'_>, seen: Version) -> Clash {
        let Past { version, author, at, seen: had_seen, .. } = past;
        Clash { with: author.clone(), version, at, had_seen, seen, authored: None, base: None }
    }

    /// How long the texts are together that a conflict keeps of it, but for what both made of the text.
    pub(super) fn chars(&self) -> usize {
        self.authored.as_ref().map_or(0, |op| op.base_len() + op.target_len())
    }
}

impl Meeting<'_> {
    pub(super) fn new(user: &UserId, client: ClientId, whole: bool, now: Millis) -> Meeting<'_> {
        Meeting { user, client, whole, now, clash: None }
    }

    /// Holds an edit of the past against what the author has made of the text right before it; they began with
    /// `authored` on the text of `seen`.
    pub(super) fn meet(&mut self, past: Past<'_>, mine: &TextOp, seen: Version, authored: &TextOp) {
        if self.clash.is_none() && self.counts(&past) && overlaps(past.op, mine) {
            self.clash = Some(Clash { authored: Some(authored.clone()), ..Clash::with(past, seen) });
        }
    }

    /// Whether an edit is somebody else's.
    pub(super) fn is_others(&self, past: &Past<'_>) -> bool {
        past.author != self.user && past.client != self.client
    }

    /// Whether an edit is somebody else's which one can be in conflict with.
    pub(super) fn counts(&self, past: &Past<'_>) -> bool {
        let long_unseen = self.now.saturating_sub(past.at) >= Limits::UNSEEN_MS;
        self.is_others(past) && (self.whole || long_unseen)
    }
}
