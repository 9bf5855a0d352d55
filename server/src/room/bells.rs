//! Who waits for a review's next entry, beside those who take part: a long poll.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use interline_core::id::ReviewId;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Rings when a room has an entry of a review that is durable. What another node appends rings nothing where no room
/// of this one is open for it: whoever waits looks now and then as well.
#[derive(Clone, Default, Debug)]
pub(crate) struct Bells(Arc<Mutex<HashMap<ReviewId, Bell>>>);

#[derive(Debug)]
struct Bell {
    notify: Arc<Notify>,
    listeners: usize,
}

/// Somebody who listens; the bell goes with the last of them.
pub(crate) struct Listener {
    bells: Bells,
    review: ReviewId,
    notify: Arc<Notify>,
}

impl Bells {
    /// Listens from now on.
    pub(crate) fn listen(&self, review: ReviewId) -> Listener {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bell = bells.entry(review).or_insert_with(|| Bell { notify: Arc::default(), listeners: 0 });
        bell.listeners += 1;
        let notify = Arc::clone(&bell.notify);
        drop(bells);
        Listener { bells: self.clone(), review, notify }
    }

    /// Something has become durable.
    pub(super) fn ring(&self, review: ReviewId) {
        let bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(&review) {
            bell.notify.notify_waiters();
        }
    }
}

impl Listener {
    /// What to wait for. Whoever enables it before they look misses nothing.
    pub(crate) fn rung(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut bells = self.bells.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get_mut(&self.review) {
            bell.listeners -= 1;
            if bell.listeners == 0 {
                bells.remove(&self.review);
            }
        }
    }
}
