//! `history`: how a comment's text came to be.

use std::rc::Rc;

use interline_core::wire::{ErrorCode, HistoryFrame, HistoryRequest, ServerFrame, encode};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Session;
use crate::room::{CommentPast, Failure};

/// How many requests of a session wait; one is worked on at a time.
const WAITING: usize = 16;

/// The requests of a session that are under way. They end with it.
pub(super) struct Histories {
    turn: Rc<Semaphore>,
    tasks: JoinSet<()>,
}

impl Default for Histories {
    fn default() -> Histories {
        Histories { turn: Rc::new(Semaphore::new(1)), tasks: JoinSet::new() }
    }
}

impl Session {
    pub(super) fn history(&mut self, asked: HistoryRequest) {
        let HistoryRequest { review, comment, after, nonce } = asked;
        while self.histories.tasks.try_join_next().is_some() {}
        let Some((room, _)) = self.room(review) else {
            let failure = Failure::new(ErrorCode::NotOpen, "the review is not open in this session");
            self.state.metrics.error(failure.code);
            self.outbox.push(failure.history_frame(review, nonce));
            return;
        };
        if self.histories.tasks.len() >= WAITING {
            let failure = Failure::new(ErrorCode::Overloaded, "too many histories are asked for at once");
            self.state.metrics.error(failure.code);
            self.outbox.push(failure.history_frame(review, nonce));
            return;
        }
        let (store, outbox, metrics) =
            (self.state.store.clone(), self.outbox.clone(), self.state.metrics.clone());
        let turn = self.histories.turn.clone();
        self.histories.tasks.spawn_local(async move {
            // In the order in which they came: the semaphore is fair.
            let _turn = turn.acquire().await;
            // The room has whatever the session has been told.
            let past = CommentPast { store: &*store, room: &room, comment, reaches: 0 };
            let frame = match past.history(after).await {
                Ok(history) => encode(&ServerFrame::History(HistoryFrame { review, nonce, history })).into(),
                Err(failure) => {
                    metrics.error(failure.code);
                    failure.history_frame(review, nonce)
                }
            };
            // An error means that the session has ended.
            let _ = outbox.push_bulk(frame).await;
        });
    }
}
