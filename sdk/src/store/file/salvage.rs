//! What can still be read of a damaged database: the edits that nobody else has.
//!
//! They go into a slot of their own under their own client id, which somebody living runs to the end. Nobody numbers
//! anything new under that id, for what else it had numbered is not known.

use std::fs;

use redb::{Database, Error, ReadableDatabase, ReadableTable};

use super::folder::{Folder, Name, Place, failed};
use super::migrate::{self, REPLICAS};
use super::pack::{pack, unpack};
use super::schema::{self, FLAG_PRECIOUS, Failure, Identity, LEDGER, PENDING, RECORDS, write};
use super::slot::{draft, guarded, open_with};
use crate::platform;
use crate::store::StoreError;

/// A record: the review, what was pending and what was refused, both packed.
type Rescued = (u128, Vec<u8>, Option<Vec<u8>>);

/// Saves what was pending in a damaged database into a slot of its own; says of how many reviews.
pub(super) fn pending(folder: &Folder, name: Name, identity: &Identity) -> Result<usize, StoreError> {
    let (path, copy) = (folder.database(name), folder.draft(name));
    // What is looked into may be changed by that; the original is kept as it is.
    fs::copy(&path, &copy).map_err(|error| failed("copied", &path, error))?;
    let mut rescued = Vec::new();
    guarded(|| {
        let Ok(database) = open_with(&copy, false) else { return };
        // A database of somebody else's is not ours to send.
        if schema::identity(&database).ok().flatten().as_ref() != Some(identity) {
            return;
        }
        // What was found before the first page that cannot be read is worth having.
        let _ = match schema::found(&database) {
            Ok(1) => older(&database, &mut rescued),
            Ok(schema::CURRENT) => present(&database, &mut rescued),
            _ => Ok(()),
        };
    });
    fs::remove_file(&copy).map_err(|error| failed("deleted", &copy, error))?;
    if rescued.is_empty() {
        return Ok(0);
    }
    let into = Name { place: Place::Salvaged, ..name };
    let Some(mut lock) = folder.lock(into)? else { return Ok(0) };
    if folder.database(into).exists() {
        return Ok(0);
    }
    draft(folder, into, &mut lock, identity, |database| fill(database, &rescued))?;
    Ok(rescued.len())
}

fn older(database: &Database, rescued: &mut Vec<Rescued>) -> Result<(), Error> {
    for row in database.begin_read()?.open_table(REPLICAS)?.iter()? {
        let (review, replica) = row?;
        if migrate::precious(replica.value()) == Some(true) {
            rescued.push((review.value(), pack(&[replica.value()]), None));
        }
    }
    Ok(())
}

fn present(database: &Database, rescued: &mut Vec<Rescued>) -> Result<(), Error> {
    let read = database.begin_read()?;
    let (records, ledger) = (read.open_table(RECORDS), read.open_table(LEDGER));
    for row in read.open_table(PENDING)?.iter()? {
        let (review, pending) = row?;
        let review = review.value();
        // Where that cannot be told, it is.
        let precious = match records.as_ref().map(|records| records.get(review)) {
            Ok(Ok(Some(about))) => about.value().0 & FLAG_PRECIOUS != 0,
            _ => true,
        };
        if precious && unpack(pending.value()).is_some() {
            let ledger = ledger.as_ref().ok().and_then(|ledger| ledger.get(review).ok().flatten());
            let ledger = ledger.map(|row| row.value().to_vec()).filter(|row| unpack(row).is_some());
            rescued.push((review, pending.value().to_vec(), ledger));
        }
    }
    Ok(())
}

fn fill(database: &Database, rescued: &[Rescued]) -> Result<(), Failure> {
    write(database, |write| {
        let mut records = write.open_table(RECORDS)?;
        let mut pendings = write.open_table(PENDING)?;
        let mut ledgers = write.open_table(LEDGER)?;
        for (review, pending, ledger) in rescued {
            records.insert(review, (FLAG_PRECIOUS, platform::now_ms()))?;
            pendings.insert(review, &**pending)?;
            if let Some(ledger) = ledger {
                ledgers.insert(review, &**ledger)?;
            }
        }
        Ok(())
    })
}
