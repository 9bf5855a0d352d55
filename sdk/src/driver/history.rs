//! Asking how a comment's text came to be.

use interline_core::id::{CommentId, ReviewId, Version};
use interline_core::wire::{ClientFrame, HistoryFrame, HistoryRequest};

use super::Driver;
use crate::error::{HistoryError, Problem};
use crate::lock::lock;
use crate::shared::HistoryReply;
use crate::slot::Door;

/// A question that waits for the server.
pub(super) struct Asked {
    reply: HistoryReply,
}

impl Driver {
    pub(super) fn ask_history(
        &mut self,
        review: ReviewId,
        comment: CommentId,
        after: Version,
        reply: HistoryReply,
    ) {
        let slot = lock(&self.shared.state).slots.get(&review).map(std::sync::Arc::clone);
        let open = slot.is_some_and(|slot| slot.read(|inner| inner.door == Door::Open));
        if self.link.ready().is_none() || !open {
            return tell(reply, Err(HistoryError::Offline));
        }
        self.histories.retain(|_, asked| !asked.reply.is_closed());
        self.nonce += 1;
        let nonce = self.nonce;
        self.histories.insert(nonce, Asked { reply });
        self.send(&ClientFrame::History(HistoryRequest { review, comment, after, nonce }));
    }

    pub(super) fn history_came(&mut self, frame: HistoryFrame) {
        if let Some(asked) = self.histories.remove(&frame.nonce) {
            tell(asked.reply, Ok(frame.history));
        }
    }

    pub(super) fn history_failed(&mut self, nonce: u64, problem: Problem) {
        if let Some(asked) = self.histories.remove(&nonce) {
            tell(asked.reply, Err(HistoryError::Server(problem)));
        }
    }

    /// The connection is gone, and with it every answer.
    pub(super) fn forget_histories(&mut self) {
        for asked in std::mem::take(&mut self.histories).into_values() {
            tell(asked.reply, Err(HistoryError::Offline));
        }
    }
}

/// Answers somebody who may have stopped waiting.
fn tell(reply: HistoryReply, result: Result<interline_core::review::CommentHistory, HistoryError>) {
    let _ = reply.send(result);
}
