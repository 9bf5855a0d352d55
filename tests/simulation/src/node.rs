//! A server: its sequencer, the append it waits for, and what it has heard from other servers.

use std::collections::VecDeque;
use std::sync::Arc;

use interline_core::clock::Millis;
use interline_core::entry::{EncodedEntry, Head};
use interline_core::id::ReviewId;
use interline_core::limits::Limits;
use interline_core::review::{PatchSets, Review};
use interline_core::sync::{Append, Sequencer};

use super::patch_sets;
use super::store::Store;

/// One server.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Absent while the server is down.
    pub(super) sequencer: Option<Sequencer>,
    /// The append that it waits for.
    pub(super) append: Option<Append>,
    /// Entries that other servers told of, and that it has not looked at.
    pub(super) heard: VecDeque<EncodedEntry>,
    /// Reaches neither the store nor other servers.
    pub(super) split: bool,
    /// How far its clock is ahead.
    pub(super) skew_ms: i64,
}

impl Node {
    /// Starts, if it is down: from the newest snapshot and what the log has behind it.
    pub(super) fn start(&mut self, store: &Store, review: ReviewId, limits: Limits) -> Result<(), String> {
        if self.sequencer.is_some() || self.split {
            return Ok(());
        }
        let (mut fold, tail) = store.newest(Review::new(review))?;
        for encoded in tail {
            let entry = encoded.decode().map_err(|error| error.to_string())?;
            fold.apply(&entry).map_err(|error| error.to_string())?;
        }
        let mut code = PatchSets::default();
        code.insert(1, Arc::new(patch_sets::code(0)?));
        for number in 2..=fold.patch_set {
            let stored = store.patch_set(number);
            let (added, map) = stored.ok_or_else(|| format!("patch set {number} is not stored"))?;
            code.insert(number, added.clone());
            code.insert_map(number, map.clone());
        }
        self.sequencer = Some(Sequencer::new(fold, store.head(), code, limits));
        Ok(())
    }

    /// Dies. The append that it waited for may have happened.
    pub(super) fn crash(&mut self) -> Option<Append> {
        self.sequencer = None;
        self.heard.clear();
        self.append.take()
    }

    /// What its clock says.
    pub(super) fn clock(&self, now: Millis) -> Millis {
        now.saturating_add_signed(self.skew_ms)
    }

    /// Where its log ends.
    pub(super) fn head(&self) -> Option<Head> {
        self.sequencer.as_ref().map(Sequencer::head)
    }
}
