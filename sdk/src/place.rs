//! Where a comment stands once the code under review has moved on.

use interline_core::id::CommentId;
use interline_core::review::{self, Anchor, ContextLine, Place, PlaceState, Side, Standing};
use interline_core::sync::Replica;

use crate::comment::Comment;
use crate::error::EditError;
use crate::review::Review;

/// Where a thread stands.
#[derive(Clone, PartialEq, Debug)]
pub struct CommentPlace {
    /// What became of the lines that it was written on. A comment that is not durable yet and was written on an older
    /// patch set counts as outdated until the server has said where it stands.
    pub state: PlaceState,
    /// Its lines: of the newest patch set, unless it is outdated; then the last that were right, in their patch set.
    pub anchor: Anchor,
    /// Where it was written.
    pub written: Anchor,
    /// The file in the newest patch set to show it at; `None` for an outdated comment whose file is not there.
    pub file: Option<String>,
    /// Of an outdated comment: its lines as they last were, and a few around them.
    pub context: Vec<ContextLine>,
}

impl Review {
    /// Where a comment's thread stands; `None` if there is no such comment.
    pub fn place(&self, comment: CommentId) -> Option<CommentPlace> {
        self.slot().read(|inner| {
            let shown = inner.replica.comment(comment)?;
            match &shown.place {
                Place::Line(_) => place_of(&inner.replica, &shown),
                Place::Reply(root) => place_of(&inner.replica, &inner.replica.comment(*root)?),
            }
        })
    }

    /// Lines after the change, in the newest patch set.
    pub fn head(&self, file: impl Into<String>, line: u32) -> Anchor {
        Anchor::head(file, line).on(self.patch_set())
    }

    /// Lines before the change, in the newest patch set.
    pub fn base(&self, file: impl Into<String>, line: u32) -> Anchor {
        Anchor { side: Side::Base, ..self.head(file, line) }
    }
}

impl Comment {
    /// Where its thread stands.
    pub fn place(&self) -> Result<CommentPlace, EditError> {
        let unknown = interline_core::sync::EditError::UnknownComment;
        self.review.place(self.id).ok_or(unknown.into())
    }
}

/// Where a draft is to go. Nobody has looked for its lines in newer code than it was written on.
pub(crate) fn drafted_at(anchor: &Anchor, newest: u32) -> CommentPlace {
    let state = if anchor.patch_set == newest { PlaceState::Current } else { PlaceState::Outdated };
    let (file, context) = (Some(anchor.file.clone()), Vec::new());
    CommentPlace { state, anchor: anchor.clone(), written: anchor.clone(), file, context }
}

/// Where the thread of a root comment stands.
pub(crate) fn place_of(replica: &Replica, root: &review::Comment) -> Option<CommentPlace> {
    let Place::Line(anchor) = &root.place else { return None };
    let (anchor, newest) = (anchor.clone(), replica.confirmed().patch_set);
    Some(match &root.standing {
        Some(Standing { state, written, file, context }) => CommentPlace {
            state: *state,
            file: if *state == PlaceState::Outdated { file.clone() } else { Some(anchor.file.clone()) },
            anchor,
            written: written.clone(),
            context: context.clone(),
        },
        None => {
            let known = anchor.patch_set == newest || !replica.is_pending(root.id);
            let state = if known { PlaceState::Current } else { PlaceState::Outdated };
            let file = Some(anchor.file.clone());
            CommentPlace { state, file, written: anchor.clone(), anchor, context: Vec::new() }
        }
    })
}
