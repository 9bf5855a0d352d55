//! Private drafts on their way to everybody.

use std::collections::BTreeSet;

use super::Replica;
use crate::review::Comment;

impl Replica {
    /// The drafts that are being published from here, as they will be. They take no more edits, and
    /// [`list_drafts`](Replica::list_drafts) has them again if the review refuses them.
    pub fn publishing(&self) -> Vec<Comment> {
        let named: BTreeSet<_> =
            self.changes().flat_map(|change| change.published().iter().copied()).collect();
        let named = named.into_iter().filter(|id| {
            let confirmed = self.confirmed.comments.get(id);
            confirmed.is_none_or(|draft| draft.published.is_none())
        });
        named.filter_map(|id| self.comment(id)).filter(|draft| draft.removed.is_none()).collect()
    }
}
