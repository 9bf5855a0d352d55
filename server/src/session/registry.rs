//! The sessions of this node, so that one can be closed from outside.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use interline_core::id::SessionId;
use interline_core::wire::{ErrorCode, ErrorFrame, ServerFrame, encode};

use super::Outbox;
use super::outbox::End;

/// The sessions that have said hello to this node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<SessionId, Outbox>>>);

impl Sessions {
    pub(super) fn add(&self, session: SessionId, outbox: Outbox) {
        self.lock().insert(session, outbox);
    }

    pub(super) fn remove(&self, session: SessionId) {
        self.lock().remove(&session);
    }

    /// Closes a session, if it is one of this node's.
    pub(crate) fn close(&self, session: SessionId) -> bool {
        let Some(outbox) = self.lock().get(&session).cloned() else { return false };
        let error = ErrorFrame::new(ErrorCode::SessionClosed, "an operator has closed this session");
        outbox.push(encode(&ServerFrame::Error(error)).into());
        outbox.finish(End::CLOSED);
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Outbox>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
