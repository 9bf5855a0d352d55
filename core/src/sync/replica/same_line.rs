//! Two people on one line at the same time: both are told, for it may be the same remark.

use super::{Event, Replica};
use crate::entry::Fact;
use crate::id::UserId;

impl Replica {
    /// What a new comment that did not come from here means: for this user's own beside it, or, where this user wrote it
    /// on another device or published it with drafts, for it.
    pub(super) fn same_line(&self, author: &UserId, fact: &Fact) -> Vec<Event> {
        let Fact::CommentAdded { comment, beside, .. } = fact else { return Vec::new() };
        let mine = *author == self.user;
        let own =
            |id: &&_| mine || self.confirmed.comments.get(id).is_some_and(|there| there.author == self.user);
        beside.iter().filter(own).map(|other| Event::SameLine { comment: *comment, other: *other }).collect()
    }

    /// A new comment of this user's is in the log.
    pub(super) fn tell_same_line(&mut self, fact: &Fact) {
        let Fact::CommentAdded { comment, beside, .. } = fact else { return };
        for other in beside {
            self.emit(Event::SameLine { comment: *comment, other: *other });
        }
    }
}
