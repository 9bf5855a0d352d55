//! What can still be read of a damaged database: the edits that nobody else has.
//!
//! They go into a slot of their own under their own client id, which somebody living runs to the end. Nobody numbers
//! anything new under that id, for what else it had numbered is not known.

use std::collections::BTreeMap;
use std::path::Path;

use redb::{Database, Error, Key, ReadOnlyDatabase, ReadableDatabase, ReadableTable, TableDefinition, Value};

use super::folder::{self, Folder, Name, Place, failed};
use super::migrate::{self, REPLICAS};
use super::pack::{pack, unpack};
use super::raw;
use super::schema::{
    self, CONFIRMED, ENTRIES, FLAG_CONFIRMED, FLAG_PRECIOUS, Failure, Identity, LEDGER, PENDING, RECORDS,
    write,
};
use super::slot::{draft, guarded};
use crate::platform;
use crate::store::{StoreError, StoreErrorKind};

/// What could be read of a record, each part packed.
#[derive(Default)]
struct Rescued {
    pending: Vec<u8>,
    ledger: Option<Vec<u8>>,
    /// What the edits were made on. The server has it as well, but may have gone on; with it they find their place.
    confirmed: Option<Vec<u8>>,
    entries: Vec<(u64, Vec<u8>)>,
}

/// Records by review.
type Records = BTreeMap<u128, Rescued>;

/// Saves what was pending in a damaged database into a slot of its own; says of how many reviews. After an error
/// nothing is saved, and the next attempt may do better.
pub(super) fn pending(folder: &Folder, name: Name, identity: &Identity) -> Result<usize, StoreError> {
    let rescued = rescue(&folder.database(name), identity)?;
    if rescued.is_empty() {
        return Ok(0);
    }
    let into = Name { place: Place::Salvaged, ..name };
    let Some(mut lock) = folder.lock(into)? else { return Ok(0) };
    // Saved by a process that ended before it had moved the database aside.
    if !folder.database(into).exists() {
        draft(folder, into, &mut lock, identity, |database| fill(database, &rescued))?;
    }
    Ok(rescued.len())
}

/// What can be read of a database. It is read as it is, and stays as it is.
fn rescue(path: &Path, identity: &Identity) -> Result<Records, StoreError> {
    let mut about = None;
    look(path, |database| {
        about = schema::identity(database)?.zip(Some(schema::found(database)?));
        Ok(())
    })?;
    match about {
        // A database of somebody else's is not ours to send.
        Some((found, _)) if found != *identity => Ok(Records::new()),
        Some((_, 1)) => older(path),
        Some((_, schema::CURRENT)) => present(path),
        _ => Ok(Records::new()),
    }
}

/// Looks into a damaged database. How far that comes is all that there is; an error is one that has nothing to do with
/// the damage.
fn look(path: &Path, work: impl FnOnce(&ReadOnlyDatabase) -> Result<(), Error>) -> Result<(), StoreError> {
    match guarded(|| raw::open(path).map_err(Error::from).and_then(|database| work(&database))) {
        Some(Err(Error::Io(error))) if folder::kind(&error) != StoreErrorKind::Unreadable => {
            Err(failed("read", path, error))
        }
        _ => Ok(()),
    }
}

/// The rows of a table before the first page that cannot be read. By a handle of their own, for after a page that is
/// not there a handle reads nothing more.
fn rows<K: Key, V: Value>(
    path: &Path,
    table: TableDefinition<'_, K, V>,
    mut row: impl FnMut(K::SelfType<'_>, V::SelfType<'_>),
) -> Result<(), StoreError> {
    look(path, |database| {
        for entry in database.begin_read()?.open_table(table)?.iter()? {
            let (key, value) = entry?;
            row(key.value(), value.value());
        }
        Ok(())
    })
}

fn older(path: &Path) -> Result<Records, StoreError> {
    let mut records = Records::new();
    rows(path, REPLICAS, |review, replica| {
        if migrate::precious(replica) == Some(true) {
            records.insert(review, Rescued { pending: pack(&[replica]), ..Rescued::default() });
        }
    })?;
    Ok(records)
}

fn present(path: &Path) -> Result<Records, StoreError> {
    let mut records = Records::new();
    rows(path, PENDING, |review, pending| {
        if let Some(pending) = whole(pending) {
            records.insert(review, Rescued { pending, ..Rescued::default() });
        }
    })?;
    // Where it cannot be told that they are not precious, they are.
    rows(path, RECORDS, |review, (flags, _)| {
        if flags & FLAG_PRECIOUS == 0 {
            records.remove(&review);
        }
    })?;
    rows(path, LEDGER, |review, ledger| {
        if let Some(record) = records.get_mut(&review) {
            record.ledger = whole(ledger);
        }
    })?;
    rows(path, CONFIRMED, |review, confirmed| {
        if let Some(record) = records.get_mut(&review) {
            record.confirmed = whole(confirmed);
        }
    })?;
    rows(path, ENTRIES, |(review, version), entry| {
        let record = records.get_mut(&review).filter(|record| record.confirmed.is_some());
        if let (Some(record), Some(entry)) = (record, whole(entry)) {
            // Whether they follow one another is found out by whoever loads them.
            record.entries.push((version, entry));
        }
    })?;
    Ok(records)
}

/// What was packed, if it is as it was.
fn whole(packed: &[u8]) -> Option<Vec<u8>> {
    unpack(packed).map(|_| packed.to_vec())
}

fn fill(database: &Database, rescued: &Records) -> Result<(), Failure> {
    write(database, |write| {
        let mut records = write.open_table(RECORDS)?;
        let mut pendings = write.open_table(PENDING)?;
        let mut ledgers = write.open_table(LEDGER)?;
        let mut confirmeds = write.open_table(CONFIRMED)?;
        let mut entries = write.open_table(ENTRIES)?;
        for (review, record) in rescued {
            let mut flags = FLAG_PRECIOUS;
            pendings.insert(review, &*record.pending)?;
            if let Some(ledger) = &record.ledger {
                ledgers.insert(review, &**ledger)?;
            }
            if let Some(confirmed) = &record.confirmed {
                flags |= FLAG_CONFIRMED;
                confirmeds.insert(review, &**confirmed)?;
            }
            for (version, entry) in &record.entries {
                entries.insert((*review, *version), &**entry)?;
            }
            records.insert(review, (flags, platform::now_ms()))?;
        }
        Ok(())
    })
}
