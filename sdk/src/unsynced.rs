//! How much is not durable, over all reviews of a client.

use std::collections::{BTreeMap, BTreeSet};

use interline_core::clock::Millis;
use interline_core::id::ReviewId;
use interline_core::sync::Unsynced;

use crate::driver::{Peeked, peek};
use crate::lock::lock;
use crate::shared::Shared;
use crate::store::StoreError;

/// How much of what was done is not durable on the server, over all reviews of a client.
#[derive(Clone, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct ClientUnsynced {
    /// How many changes.
    pub count: usize,
    /// When the oldest of them was made.
    pub since: Option<Millis>,
    /// In which reviews, with the user's drafts in them. Those that are not open are opened for it once there is a
    /// connection; until then drafts are named by the id of their own log.
    pub reviews: BTreeMap<ReviewId, Unsynced>,
    /// Reviews of which something may be pending that cannot be read: not counted.
    pub unreadable: Vec<ReviewId>,
    /// Clients of the same user that ended with something in the store that exists nowhere else, and have not been run
    /// to their end: not counted.
    pub ended_clients: usize,
}

pub(crate) async fn of(shared: &Shared) -> Result<ClientUnsynced, StoreError> {
    let config = &shared.config;
    let mut all = ClientUnsynced::default();
    let is_open = |id| lock(&shared.state).slots.contains_key(&id);
    let mut counted = BTreeSet::new();
    for id in config.store.list(&config.scope).await? {
        if is_open(id) || !counted.insert(id) {
            continue;
        }
        match peek(config, id).await? {
            Peeked::Pending(count, since) => all.add(id, Unsynced { count, of: count, since }),
            Peeked::Unreadable(_) | Peeked::Newer(_) => all.unreadable.push(id),
            Peeked::Nothing => {}
        }
    }
    // One that was opened meanwhile has been counted.
    for slot in shared.slots().iter().filter(|slot| !counted.contains(&slot.id)) {
        // Drafts count in the review that they are in.
        let id = slot.drafts_of().unwrap_or(slot.id);
        all.add(id, slot.read(|inner| inner.replica.unsynced()));
    }
    all.ended_clients = config.store.orphans(&config.scope.owner).await?.len();
    Ok(all)
}

impl ClientUnsynced {
    fn add(&mut self, id: ReviewId, unsynced: Unsynced) {
        if unsynced.count == 0 {
            return;
        }
        let of = self.reviews.entry(id).or_default();
        (of.count, of.of) = (of.count + unsynced.count, of.of + unsynced.of);
        of.since = [of.since, unsynced.since].into_iter().flatten().min();
        self.count += unsynced.count;
        self.since = [self.since, unsynced.since].into_iter().flatten().min();
    }
}
