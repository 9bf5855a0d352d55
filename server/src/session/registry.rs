//! The sessions of this node, so that one can be closed from outside.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use interline_core::id::SessionId;
use interline_core::wire::{ErrorCode, ErrorFrame, ServerFrame, encode};

use super::Outbox;
use super::outbox::End;

/// How long it is remembered, and of how many sessions at most, that they were closed for another node: its question
/// may come again, if the answer was lost.
const REMEMBERED: Duration = Duration::from_secs(5);
const MANY: usize = 1_000;

/// The sessions that have said hello to this node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    all: HashMap<SessionId, Outbox>,
    closed: VecDeque<(SessionId, Instant)>,
}

impl Sessions {
    pub(super) fn add(&self, session: SessionId, outbox: Outbox) {
        self.lock().all.insert(session, outbox);
    }

    pub(super) fn remove(&self, session: SessionId) {
        self.lock().all.remove(&session);
    }

    /// Closes a session, if it is one of this node's.
    pub(crate) fn close(&self, session: SessionId) -> bool {
        let Some(outbox) = self.lock().all.get(&session).cloned() else { return false };
        let error = ErrorFrame::new(ErrorCode::SessionClosed, "an operator has closed this session");
        outbox.push(encode(&ServerFrame::Error(error)).into());
        outbox.finish(End::CLOSED);
        true
    }

    /// The same; who asks again a moment later hears the same.
    pub(crate) fn close_for_others(&self, session: SessionId) -> bool {
        let closed = self.close(session);
        let mut state = self.lock();
        while state.closed.len() >= MANY
            || state.closed.front().is_some_and(|(_, at)| at.elapsed() > REMEMBERED)
        {
            state.closed.pop_front();
        }
        if closed {
            state.closed.push_back((session, Instant::now()));
        }
        closed || state.closed.iter().any(|(one, _)| *one == session)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
