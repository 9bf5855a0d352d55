//! Who listens to which channel. One listener a channel: a node has one room a review.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Somebody who listens. Called by the connection's task: must not wait.
pub(crate) trait Heard: Send + Sync + 'static {
    /// Something was said.
    fn heard(&self, message: &[u8]);

    /// Something may have been said that was not heard, or will be.
    fn missed(&self);
}

struct Listener {
    /// Which one it is, of those that listened to a channel one after another.
    number: u64,
    heard: Arc<dyn Heard>,
}

/// Everybody who listens.
#[derive(Default)]
pub(super) struct Listeners {
    all: Mutex<BTreeMap<String, Listener>>,
    changed: Notify,
}

/// Somebody listens, for as long as this lives.
pub(crate) struct Listening {
    listeners: Arc<Listeners>,
    channel: String,
    number: u64,
}

impl Listeners {
    pub(super) fn add(listeners: &Arc<Listeners>, channel: String, heard: Arc<dyn Heard>) -> Listening {
        let number = fastrand::u64(..);
        let replaced = listeners.lock().insert(channel.clone(), Listener { number, heard: heard.clone() });
        // Where one follows another on a channel, nothing else tells that its time has begun.
        if replaced.is_some() {
            heard.missed();
        }
        listeners.changed.notify_one();
        Listening { listeners: listeners.clone(), channel, number }
    }

    /// Waits until there are others.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What is listened to, sorted.
    pub(super) fn channels(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    pub(super) fn hear(&self, channel: &str, message: &[u8]) {
        if let Some(listener) = self.get(channel) {
            listener.heard(message);
        }
    }

    pub(super) fn missed(&self, channel: &str) {
        if let Some(listener) = self.get(channel) {
            listener.missed();
        }
    }

    /// Nobody hears anything for now.
    pub(super) fn all_missed(&self) {
        let all: Vec<_> = self.lock().values().map(|listener| listener.heard.clone()).collect();
        all.iter().for_each(|heard| heard.missed());
    }

    fn get(&self, channel: &str) -> Option<Arc<dyn Heard>> {
        self.lock().get(channel).map(|listener| listener.heard.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Listener>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut all = self.listeners.lock();
        // Unless somebody else listens there by now.
        if all.get(&self.channel).is_some_and(|listener| listener.number == self.number) {
            all.remove(&self.channel);
        }
        drop(all);
        self.listeners.changed.notify_one();
    }
}
