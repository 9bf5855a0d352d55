//! Who listens to which channel. One listener a channel: a node has one room a review.

use std::collections::{BTreeMap, BTreeSet};
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
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    all: BTreeMap<String, Listener>,
    /// Channels that somebody has begun or ceased to listen to and that the connection has not been asked for since;
    /// nothing while there is no connection.
    touched: Option<BTreeSet<String>>,
}

/// What a connection has to be asked for, so that it subscribes to what is listened to and to nothing else.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Changes {
    pub(super) subscribe: Vec<String>,
    pub(super) unsubscribe: Vec<String>,
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
        let mut state = listeners.lock();
        let replaced = state.all.insert(channel.clone(), Listener { number, heard: heard.clone() });
        state.touch(&channel);
        drop(state);
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

    /// There is a connection, which is subscribed to nothing yet.
    pub(super) fn begin(&self) {
        let mut state = self.lock();
        state.touched = Some(state.all.keys().cloned().collect());
    }

    /// What a connection that is subscribed to these has to be asked for now. Costs no more than what has changed.
    pub(super) fn changes(&self, subscribed: &BTreeSet<String>) -> Changes {
        let mut state = self.lock();
        let touched = state.touched.as_mut().map(std::mem::take).unwrap_or_default();
        let mut changes = Changes::default();
        for channel in touched {
            match (state.all.contains_key(&channel), subscribed.contains(&channel)) {
                (true, false) => changes.subscribe.push(channel),
                (false, true) => changes.unsubscribe.push(channel),
                _ => {}
            }
        }
        changes
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

    /// There is no connection any more: nobody hears anything for now.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.touched = None;
        let all: Vec<_> = state.all.values().map(|listener| listener.heard.clone()).collect();
        drop(state);
        all.iter().for_each(|heard| heard.missed());
    }

    fn get(&self, channel: &str) -> Option<Arc<dyn Heard>> {
        self.lock().all.get(channel).map(|listener| listener.heard.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn touch(&mut self, channel: &str) {
        if let Some(touched) = &mut self.touched {
            touched.insert(channel.to_owned());
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut state = self.listeners.lock();
        // Unless somebody else listens there by now.
        if state.all.get(&self.channel).is_some_and(|listener| listener.number == self.number) {
            state.all.remove(&self.channel);
            state.touch(&self.channel);
        }
        drop(state);
        self.listeners.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Deaf;

    impl Heard for Deaf {
        fn heard(&self, _: &[u8]) {}
        fn missed(&self) {}
    }

    fn listen(listeners: &Arc<Listeners>, channel: &str) -> Listening {
        Listeners::add(listeners, channel.to_owned(), Arc::new(Deaf))
    }

    fn changes(subscribe: &[&str], unsubscribe: &[&str]) -> Changes {
        let owned = |channels: &[&str]| channels.iter().map(|&channel| channel.to_owned()).collect();
        Changes { subscribe: owned(subscribe), unsubscribe: owned(unsubscribe) }
    }

    #[test]
    fn a_connection_is_asked_for_what_has_changed_and_no_more() {
        let (listeners, mut subscribed) = (Arc::<Listeners>::default(), BTreeSet::new());
        let (_a, b) = (listen(&listeners, "a"), listen(&listeners, "b"));
        assert_eq!(listeners.changes(&subscribed), changes(&[], &[]), "there is no connection");
        listeners.begin();
        assert_eq!(listeners.changes(&subscribed), changes(&["a", "b"], &[]));
        subscribed.extend(["a".to_owned(), "b".to_owned()]);
        assert_eq!(listeners.changes(&subscribed), changes(&[], &[]));
        let _c = listen(&listeners, "c");
        drop(b);
        assert_eq!(listeners.changes(&subscribed), changes(&["c"], &["b"]));
        // Who comes and goes at once, and who follows another.
        drop(listen(&listeners, "d"));
        let _after = listen(&listeners, "a");
        assert_eq!(listeners.changes(&subscribed), changes(&[], &[]));
    }

    #[test]
    fn what_comes_and_goes_without_a_connection_is_not_remembered() {
        let listeners = Arc::<Listeners>::default();
        listeners.begin();
        let _a = listen(&listeners, "a");
        listeners.end();
        for channel in 0..1_000 {
            drop(listen(&listeners, &channel.to_string()));
        }
        assert!(listeners.lock().touched.is_none());
        listeners.begin();
        assert_eq!(listeners.changes(&BTreeSet::new()), changes(&["a"], &[]));
    }

    /// One after another, as rooms are loaded: what that takes together grows as they do, and not as their square.
    #[test]
    fn many_that_come_one_after_another_are_asked_for_once_each() {
        let (listeners, mut subscribed) = (Arc::<Listeners>::default(), BTreeSet::new());
        listeners.begin();
        let mut all = Vec::new();
        for channel in 0..5_000 {
            all.push(listen(&listeners, &format!("{channel:04}")));
            assert_eq!(listeners.lock().touched.as_ref().map(BTreeSet::len), Some(1));
            subscribed.extend(listeners.changes(&subscribed).subscribe);
        }
        assert_eq!(subscribed.len(), all.len());
    }
}
