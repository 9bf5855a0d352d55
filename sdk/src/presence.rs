//! Where this user is, told to the others: the latest only, and not too often.

use interline_core::clock::Millis;
use interline_core::id::CommentId;
use interline_core::presence::{PresencePlace, PresenceUpdate as Frame};
use interline_core::review::Side;
use interline_core::sync::{Event as Change, Origin, Replica};
use interline_core::text::cursor::{Bias, Range, forward};

/// The shortest time between two updates, in milliseconds.
const INTERVAL_MS: u64 = 100;

/// What an application tells of its user. What is left out is cleared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PresenceUpdate {
    /// The file they look at.
    pub file: Option<String>,
    /// The line they are at, counted from 1.
    pub line: Option<u32>,
    /// The half of the diff that the line is counted on.
    pub side: Option<Side>,
    /// The patch set that they look at; the newest unless they say.
    pub patch_set: Option<u32>,
    /// Their caret or selection in a comment.
    pub selection: Option<TextSelection>,
    /// Whether they are writing there what the others do not see yet, such as a draft. What, nobody is told.
    pub writing: bool,
    /// Whether they have done something lately.
    pub active: bool,
}

/// A caret, or a selection, in a comment's text as it is shown here. Offsets count Unicode scalars.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextSelection {
    /// Which comment.
    pub comment: CommentId,
    /// Where the selection began.
    pub anchor: usize,
    /// Where the caret is.
    pub head: usize,
}

/// The update that waits to be sent.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    wanted: Option<PresenceUpdate>,
    /// Not sent as it is.
    dirty: bool,
    /// Sent, but the place in the confirmed text was a guess: the text around it was still pending.
    guessed: bool,
    sent_at: Millis,
}

impl Outgoing {
    /// The user is here now.
    pub(crate) fn update(&mut self, update: PresenceUpdate) {
        self.wanted = Some(update);
        self.dirty = true;
    }

    /// The others have to be told anew: the review is online again.
    pub(crate) fn again(&mut self) {
        self.dirty = self.wanted.is_some();
    }

    /// Something of what was pending is confirmed: the others can place what was a guess.
    pub(crate) fn confirmed(&mut self) {
        self.dirty |= self.guessed;
    }

    /// Keeps the selection in its place while the text moves.
    pub(crate) fn carry(&mut self, change: &Change) {
        let Change::TextEdited { comment, op, origin, .. } = change else { return };
        let selection = self.wanted.as_mut().and_then(|update| update.selection.as_mut());
        let Some(selection) = selection.filter(|selection| selection.comment == *comment) else { return };
        let moved = match origin {
            Origin::Local => Range {
                anchor: forward(op, selection.anchor, Bias::After),
                head: forward(op, selection.head, Bias::After),
            },
            _ => Range { anchor: selection.anchor, head: selection.head }.forward(op),
        };
        (selection.anchor, selection.head) = (moved.anchor, moved.head);
        // The others learn of it once they have the edit that it moved with.
        self.guessed |= *origin == Origin::Local;
    }

    /// When there is something to send.
    pub(crate) fn due_at(&self) -> Option<Millis> {
        self.dirty.then_some(self.sent_at.saturating_add(INTERVAL_MS))
    }

    /// What to send now, its offsets in the confirmed text.
    pub(crate) fn take(&mut self, now: Millis, replica: &Replica) -> Option<Frame> {
        // A clock that was set back must not silence anybody.
        if self.sent_at > now {
            self.sent_at = 0;
        }
        if self.due_at().is_none_or(|at| at > now) {
            return None;
        }
        let update = self.wanted.as_ref()?;
        let pending = |selection: TextSelection| replica.is_pending(selection.comment);
        self.guessed = update.selection.is_some_and(pending);
        self.dirty = false;
        self.sent_at = now;
        let PresenceUpdate { file, line, side, patch_set, .. } = update;
        let place = PresencePlace { file: file.clone(), line: *line, side: *side, patch_set: *patch_set };
        let selection = update.selection.and_then(|TextSelection { comment, anchor, head }| {
            let end = replica.comment(comment)?.text.len();
            replica.selection_confirmed(comment, Range { anchor: anchor.min(end), head: head.min(end) })
        });
        Some(Frame { place, selection, writing: update.writing, active: update.active })
    }
}
