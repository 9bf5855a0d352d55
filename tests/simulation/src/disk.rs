//! A client's local store: the three records of a replica. They become JSON, and those records again, when a client
//! starts from them.

use interline_core::entry::EncodedEntry;
use interline_core::sync::{Restore, Save, SavedConfirmed, SavedLedger, SavedPending, SavedReview};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::plan::Damage;

/// What is on a disk.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pending: SavedPending,
    ledger: Option<SavedLedger>,
    confirmed: Option<SavedReview>,
    entries: Vec<EncodedEntry>,
    /// It may not be evicted.
    pub(super) precious: bool,
}

impl Disk {
    /// The first save.
    pub(super) fn new(save: Save) -> Disk {
        let mut disk = Disk {
            pending: save.pending.clone(),
            ledger: None,
            confirmed: None,
            entries: Vec::new(),
            precious: false,
        };
        disk.write(save);
        disk
    }

    /// All of it in one go.
    pub(super) fn write(&mut self, save: Save) {
        let Save { pending, ledger, confirmed, precious } = save;
        (self.pending, self.precious) = (pending, precious);
        self.ledger = ledger.or(self.ledger.take());
        match confirmed {
            SavedConfirmed::Same => {}
            SavedConfirmed::Behind(entries) => self.entries.extend(entries),
            SavedConfirmed::Whole(review) => {
                self.confirmed = Some(*review);
                self.entries.clear();
            }
        }
    }

    /// A part of it breaks.
    pub(super) fn suffer(&mut self, damage: Option<Damage>) {
        match damage {
            Some(Damage::Whole) => self.confirmed = None,
            Some(Damage::Tail) => drop(self.entries.pop()),
            Some(Damage::Entries) => self.entries.clear(),
            Some(Damage::Payload) => {
                let middle = self.entries.len() / 2;
                if let Some(entry) = self.entries.get_mut(middle) {
                    entry.payload = entry.payload.replacen('a', "b", 1).into();
                }
            }
            Some(Damage::Evicted) | None => {}
        }
    }

    /// What a replica starts from.
    pub(super) fn read(&self) -> Result<Restore, String> {
        Ok(Restore {
            pending: reread(&self.pending)?,
            ledger: self.ledger.as_ref().map(reread).transpose()?,
            confirmed: self.confirmed.as_ref().map(reread).transpose()?,
            entries: self.entries.clone(),
        })
    }
}

/// Writes what a save holds as a local store would, and reads it.
pub(super) fn reread_all(save: &Save) -> Result<(), String> {
    reread(&save.pending)?;
    save.ledger.as_ref().map(reread).transpose()?;
    if let SavedConfirmed::Whole(review) = &save.confirmed {
        reread(&**review)?;
    }
    let pending = save.pending.in_flight.is_some() || !save.pending.buffer.is_empty();
    if pending && !save.precious {
        return Err("what is pending may be evicted".into());
    }
    Ok(())
}

/// What comes back must be what was given.
fn reread<T: Serialize + DeserializeOwned + PartialEq>(state: &T) -> Result<T, String> {
    let json = serde_json::to_string(state).map_err(|error| error.to_string())?;
    let read: T = serde_json::from_str(&json).map_err(|error| format!("{error} in {json}"))?;
    if read == *state { Ok(read) } else { Err(format!("reads otherwise than it was written: {json}")) }
}
