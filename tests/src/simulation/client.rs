//! A client: its replica, its disk, its user's screen, and what its user did.

use std::sync::Arc;

use interline_core::clock::Millis;
use interline_core::entry::Head;
use interline_core::id::{ClientId, ReviewId, UserId};
use interline_core::sync::{Batcher, Replica, Saved};

use super::ink::Pen;
use super::ledger::Ledger;
use super::plan::ClientSetup;
use super::screen::Screen;

/// A save under way.
#[derive(Debug)]
pub(super) struct Saving {
    pub(super) generation: u64,
    pub(super) json: Arc<str>,
    /// How many of its user's deeds it holds.
    pub(super) deeds: usize,
}

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: ClientId,
    pub(super) user: UserId,
    pub(super) review: ReviewId,
    pub(super) skew_ms: i64,
    pub(super) slow_disk: bool,
    pub(super) replica: Replica,
    pub(super) screen: Screen,
    pub(super) ledger: Ledger,
    pub(super) pen: Pen,
    /// The last save that was written.
    pub(super) disk: Option<Arc<str>>,
    pub(super) saving: Option<Saving>,
    /// The connection that it holds, by its place among all.
    pub(super) connection: Option<usize>,
    /// Out of reach.
    pub(super) away: bool,
    /// Every place in the log that it was shown as confirmed, across its crashes.
    pub(super) heard: Vec<Head>,
}

impl Client {
    pub(super) fn new(number: usize, setup: &ClientSetup, review: ReviewId) -> Client {
        let id = ClientId(uuid::Uuid::from_u128(0x100 + number as u128));
        let user = UserId::new(format!("user{}", setup.user)).expect("a printable name");
        let replica = Replica::new(id, user.clone(), review, Batcher::DEBOUNCE_MS);
        Client {
            id,
            user,
            review,
            skew_ms: setup.skew_ms,
            slow_disk: setup.slow_disk,
            screen: Screen::of(&replica),
            replica,
            ledger: Ledger::default(),
            pen: Pen::new(number),
            disk: None,
            saving: None,
            connection: None,
            away: false,
            heard: Vec::new(),
        }
    }

    /// What its clock says.
    pub(super) fn clock(&self, now: Millis) -> Millis {
        now.saturating_add_signed(self.skew_ms)
    }

    /// The save under way is on the disk.
    pub(super) fn written(&mut self) -> Option<Saving> {
        let saving = self.saving.take()?;
        self.disk = Some(saving.json.clone());
        self.ledger.keep(saving.deeds);
        Some(saving)
    }

    /// It dies, and starts again from its disk.
    pub(super) fn restart(&mut self, now: Millis, written: bool) -> Result<(), String> {
        if written {
            self.written();
        }
        self.saving = None;
        self.ledger.forget();
        self.replica = match &self.disk {
            None => Replica::new(self.id, self.user.clone(), self.review, Batcher::DEBOUNCE_MS),
            Some(json) => Replica::restore(self.clock(now), read(json)?, Batcher::DEBOUNCE_MS),
        };
        self.screen = Screen::of(&self.replica);
        Ok(())
    }
}

/// Writes a save as a local store would.
pub(super) fn write(state: &Saved) -> Result<Arc<str>, String> {
    serde_json::to_string(state).map(Into::into).map_err(|error| error.to_string())
}

/// Reads a save.
pub(super) fn read(json: &str) -> Result<Saved, String> {
    serde_json::from_str(json).map_err(|error| format!("{error} in {json}"))
}
