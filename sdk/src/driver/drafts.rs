//! Opening a user's private drafts in a review: a log beside it, which the server makes at its first opening and which
//! can be written here before that.

use std::sync::Arc;

use interline_core::id::{ClientId, ReviewId};
use interline_core::sync::{Replica, ResyncReason};
use interline_core::wire::{ErrorCode, ErrorFrame};

use super::open::problem;
use super::records::{self, Loaded};
use super::{Driver, Stored, answer};
use crate::lock::lock;
use crate::shared::Reply;
use crate::slot::{Door, Held, Slot};
use crate::store::StoreError;

impl Driver {
    /// Somebody wants the user's drafts in a review, or nobody does and only what waits in the local store is to go out.
    pub(super) fn open_drafts(&mut self, of: ReviewId, reply: Option<Reply>) {
        let id = of.drafts_of(&self.shared.config.user.id);
        if self.shared.entered(&id.to_string()).is_some() {
            return self.drafts_open(id, reply);
        }
        let shared = Arc::clone(&self.shared);
        self.stores.push(Box::pin(async move {
            let result = records::load(&shared.config, id, Some(of)).await.map(|loaded| loaded.map(Box::new));
            Stored::Drafts { of, reply, result }
        }));
    }

    /// The local store has answered.
    pub(super) fn drafts_loaded(
        &mut self,
        of: ReviewId,
        reply: Option<Reply>,
        result: Result<Option<Box<Loaded>>, StoreError>,
    ) {
        let config = &self.shared.config;
        let id = of.drafts_of(&config.user.id);
        // Somebody else may have opened it meanwhile.
        if self.shared.entered(&id.to_string()).is_some() {
            return self.drafts_open(id, reply);
        }
        let loaded = match result {
            Ok(Some(loaded)) => *loaded,
            Ok(None) => {
                let (client, user) = (config.scope.client, config.user.id.clone());
                let replica = Replica::drafts(client, user, of, config.debounce_ms);
                Loaded { replica, problems: Vec::new() }
            }
            Err(error) => {
                if let Some(reply) = reply {
                    answer(reply, Err(error.into()));
                }
                return;
            }
        };
        // One that begins here knows nothing of what other devices have written.
        let whole = loaded.replica.head().is_some_and(|head| head.version > 1);
        let slot = self.enter_loaded(loaded);
        match reply {
            Some(reply)
                if !whole
                    && (self.waits_for_review(&slot) || slot.read(|inner| inner.door == Door::Asked)) =>
            {
                self.awaiting.entry(id.to_string()).or_default().push(reply);
            }
            reply => self.drafts_open(id, reply),
        }
    }

    /// They are here: whoever wants them waits only where nothing can be shown before the server has answered.
    fn drafts_open(&mut self, id: ReviewId, reply: Option<Reply>) {
        let Some(reply) = reply else { return };
        match self.shared.find(&id.to_string()) {
            Some(held) => answer(reply, Ok(held)),
            None => self.await_server(id.to_string(), reply),
        }
    }

    /// A review is open: what waits in the local store of the user's drafts in it goes out as well.
    pub(super) fn look_for_drafts(&mut self, slot: &Slot) {
        let ours = !self.shared.config.orphan && slot.drafts_of().is_none();
        if ours && self.stored.as_ref().is_some_and(|stored| stored.contains(&slot.beside)) {
            self.open_drafts(slot.id, None);
        }
    }

    /// Whether drafts are asked for only once the server has said what it has of their review: a publication says which
    /// version of that its author has seen, and a server that was restored from an older copy may have another by that number.
    pub(super) fn waits_for_review(&self, slot: &Slot) -> bool {
        let review = slot.drafts_of().and_then(|of| self.shared.entered(&of.to_string()));
        review.is_some_and(|review| review.read(|inner| inner.door == Door::Asked))
    }

    /// The server has said what it has of a review, or nobody asks any more: the drafts in it need not wait.
    pub(super) fn drafts_follow(&mut self, slot: &Slot) {
        let waiting = slot.open_drafts().filter(|drafts| drafts.read(|inner| inner.door == Door::Shut));
        if let Some(drafts) = waiting {
            self.reopen(&drafts);
        }
    }

    /// The drafts that an error about an opening speaks of, if it does: they go by the id of their log.
    pub(super) fn named_drafts(&self, requested: &str, named: Option<ReviewId>) -> Option<Arc<Slot>> {
        let id = named.or_else(|| requested.parse().ok()).filter(|id| is_drafts(*id))?;
        lock(&self.shared.state).slots.get(&id).map(Arc::clone)
    }

    /// The server does not open drafts; what is here of them can be read and written all the same.
    pub(super) fn drafts_not_opened(&mut self, slot: &Arc<Slot>, error: ErrorFrame) {
        let stale = slot.with(|inner, _| {
            inner.asked = inner.asked.saturating_sub(1);
            inner.asked > 0
        });
        if stale || error.code == ErrorCode::AlreadyOpen {
            return;
        }
        if error.code == ErrorCode::HistoryLost {
            return self.resync(slot, ResyncReason::HistoryLost);
        }
        if error.code == ErrorCode::UnknownReview {
            self.review_lost(slot);
        }
        self.refused(slot, problem(error));
        self.answer_drafts(slot);
    }

    /// Whoever waits for what the server has of them gets it once that is here: it may come entry by entry.
    pub(super) fn drafts_are_here(&mut self, slot: &Arc<Slot>) {
        if !self.awaiting.is_empty()
            && slot.read(|inner| inner.replica.drafts_of().is_some() && inner.replica.is_online())
        {
            self.answer_drafts(slot);
        }
    }

    /// Whoever waits for what the server has of them gets what is here.
    pub(super) fn answer_drafts(&mut self, slot: &Arc<Slot>) {
        for reply in self.awaiting.remove(&slot.id.to_string()).unwrap_or_default() {
            answer(reply, Ok(Held::new(slot)));
        }
    }
}

/// Whether an id is that of a log of drafts.
pub(super) fn is_drafts(id: ReviewId) -> bool {
    ClientId(id.0).is_reserved()
}
