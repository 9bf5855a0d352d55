//! Records in a database.

use interline_core::clock::Millis;
use interline_core::entry::{EncodedEntry, Hash};
use interline_core::id::ReviewId;
use redb::{
    Database, Durability, Error, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    WriteTransaction,
};
use uuid::Uuid;

use super::pack::{pack, unpack, unpack_text};
use super::schema::{
    CONFIRMED, ENTRIES, FLAG_CONFIRMED, FLAG_PRECIOUS, FLAG_SET_ASIDE, Failure, KEYS, LEDGER, Opened,
    PENDING, RECORDS, UNREADABLE, write,
};
use crate::platform;
use crate::store::{Confirmed, Part, Record, StoreError, Stored, Unreadable};

type Texts = TableDefinition<'static, u128, &'static [u8]>;

/// The length of an entry's hash, which comes before its payload.
const HASH: usize = 32;

/// The rows of a review in [`ENTRIES`].
fn entries_of(review: u128) -> std::ops::RangeInclusive<(u128, u64)> {
    (review, 0)..=(review, u64::MAX)
}

pub(super) fn resolve(opened: &Opened, key: &str) -> Result<Option<ReviewId>, Failure> {
    let found = opened.database.begin_read()?.open_table(KEYS)?.get(key)?;
    Ok(found.map(|id| ReviewId(Uuid::from_u128(id.value()))))
}

pub(super) fn remember(opened: &Opened, key: &str, review: ReviewId) -> Result<(), Failure> {
    if resolve(opened, key)? == Some(review) {
        return Ok(());
    }
    opened.write(|write| {
        write.open_table(KEYS)?.insert(key, review.0.as_u128())?;
        Ok(())
    })
}

fn set_aside_before(review: ReviewId) -> StoreError {
    StoreError::unreadable(format!("the local copy of {review} cannot be read and was set aside"))
}

/// What of a record can be read, if what is pending can, and the parts that cannot.
type Found = (Option<Stored>, Vec<Part>);

/// What the tables hold of a review.
fn read(opened: &Opened, review: ReviewId) -> Result<Option<Found>, Failure> {
    let id = review.0.as_u128();
    let read = opened.database.begin_read()?;
    let Some(about) = read.open_table(RECORDS)?.get(id)?.map(|about| about.value()) else { return Ok(None) };
    if about.0 & FLAG_SET_ASIDE != 0 {
        return Err(set_aside_before(review).into());
    }
    let mut bad = Vec::new();
    let pending = read.open_table(PENDING)?.get(id)?.and_then(|row| unpack_text(row.value()));
    let Some(pending) = pending else { return Ok(Some((None, vec![Part::Record]))) };
    let mut text = |table: Texts, part: Part| -> Result<Option<String>, Failure> {
        let row = read.open_table(table)?.get(id)?;
        let text = row.as_ref().and_then(|row| unpack_text(row.value()));
        if row.is_some() && text.is_none() {
            bad.push(part);
        }
        Ok(text)
    };
    let ledger = text(LEDGER, Part::Ledger)?;
    let mut confirmed = text(CONFIRMED, Part::Confirmed)?;
    let mut entries = Vec::new();
    for row in read.open_table(ENTRIES)?.range(entries_of(id))? {
        let (key, value) = row?;
        match decode(key.value().1, value.value()) {
            Some(entry) if confirmed.is_some() => entries.push(entry),
            _ => {
                confirmed = None;
                entries.clear();
                bad.push(Part::Confirmed);
                break;
            }
        }
    }
    Ok(Some((Some(Stored { pending, ledger, confirmed, entries, damaged: None }), bad)))
}

fn decode(version: u64, row: &[u8]) -> Option<EncodedEntry> {
    let (hash, payload) = unpack(row)?.split_at_checked(HASH)?;
    let payload = std::str::from_utf8(payload).ok()?.into();
    Some(EncodedEntry { version, hash: Hash(hash.try_into().ok()?), payload })
}

pub(super) fn load(opened: &Opened, review: ReviewId) -> Result<Option<Stored>, Failure> {
    let Some((stored, bad)) = read(opened, review)? else { return Ok(None) };
    for part in &bad {
        set_aside(opened, review, *part)?;
    }
    let Some(mut stored) = stored else { return Err(set_aside_before(review).into()) };
    if bad.contains(&Part::Ledger) {
        stored.damaged = Some(format!("what was refused of {review} cannot be read and was set aside"));
    } else if !bad.is_empty() {
        stored.damaged = Some(format!("the confirmed part of {review} cannot be read and was set aside"));
    }
    // Only to know what was used last: not worth an error, nor a wait for the disk.
    let _ = touch(opened, review);
    Ok(Some(stored))
}

/// What is pending of a review. Changes nothing.
pub(super) fn peek(opened: &Opened, review: ReviewId) -> Result<Option<String>, Failure> {
    let id = review.0.as_u128();
    let read = opened.database.begin_read()?;
    let Some(about) = read.open_table(RECORDS)?.get(id)?.map(|about| about.value()) else { return Ok(None) };
    let pending = read.open_table(PENDING)?.get(id)?.and_then(|row| unpack_text(row.value()));
    match pending {
        Some(pending) if about.0 & FLAG_SET_ASIDE == 0 => Ok(Some(pending)),
        _ => Err(StoreError::unreadable(format!("what is pending in {review} cannot be read")).into()),
    }
}

fn touch(opened: &Opened, review: ReviewId) -> Result<(), Error> {
    let mut write = opened.database.begin_write()?;
    write.set_durability(Durability::None)?;
    {
        let mut records = write.open_table(RECORDS)?;
        let flags = records.get(review.0.as_u128())?.map(|about| about.value().0);
        if let Some(flags) = flags {
            records.insert(review.0.as_u128(), (flags, platform::now_ms()))?;
        }
    }
    write.commit()?;
    Ok(())
}

pub(super) fn save(opened: &Opened, review: ReviewId, record: &Record) -> Result<(), Failure> {
    let id = review.0.as_u128();
    opened.write(|write| {
        let mut records = write.open_table(RECORDS)?;
        let before = records.get(id)?.map_or(0, |about| about.value().0);
        let mut flags = before & FLAG_CONFIRMED;
        match &record.confirmed {
            Confirmed::Whole(text) => {
                drop_entries(write, id)?;
                write.open_table(CONFIRMED)?.insert(id, &*pack(&[text.as_bytes()]))?;
                flags = FLAG_CONFIRMED;
            }
            _ if before & FLAG_SET_ASIDE != 0 => return Err(set_aside_before(review).into()),
            Confirmed::Same => {}
            Confirmed::Behind(more) => {
                if flags == 0 {
                    return Err(StoreError::nothing_before().into());
                }
                let mut entries = write.open_table(ENTRIES)?;
                for entry in more {
                    let row = pack(&[&entry.hash.0, entry.payload.as_bytes()]);
                    entries.insert((id, entry.version), &*row)?;
                }
            }
        }
        write.open_table(PENDING)?.insert(id, &*pack(&[record.pending.as_bytes()]))?;
        if let Some(ledger) = &record.ledger {
            write.open_table(LEDGER)?.insert(id, &*pack(&[ledger.as_bytes()]))?;
        }
        flags |= if record.precious { FLAG_PRECIOUS } else { 0 };
        records.insert(id, (flags, platform::now_ms()))?;
        Ok(())
    })
}

fn drop_entries(write: &WriteTransaction, id: u128) -> Result<(), Failure> {
    write.open_table(ENTRIES)?.retain_in(entries_of(id), |_, _| false)?;
    Ok(())
}

/// Moves a part to what cannot be read.
pub(super) fn set_aside(opened: &Opened, review: ReviewId, part: Part) -> Result<(), Failure> {
    let id = review.0.as_u128();
    opened.write(|write| {
        let mut unreadable = write.open_table(UNREADABLE)?;
        let mut records = write.open_table(RECORDS)?;
        let Some((flags, touched)) = records.get(id)?.map(|about| about.value()) else { return Ok(()) };
        let at = free_time(&unreadable, id)?;
        let texts: &[(Texts, &str)] = match part {
            Part::Record => &[(PENDING, "pending"), (LEDGER, "ledger"), (CONFIRMED, "confirmed")],
            Part::Ledger => &[(LEDGER, "ledger")],
            Part::Confirmed => &[(CONFIRMED, "confirmed")],
        };
        for (table, name) in texts {
            if let Some(row) = write.open_table(*table)?.remove(id)? {
                let bytes = unpack(row.value()).unwrap_or(row.value());
                unreadable.insert((id, at, *name), bytes)?;
            }
        }
        if part != Part::Ledger {
            let mut entries = write.open_table(ENTRIES)?;
            for row in entries.extract_from_if(entries_of(id), |_, _| true)? {
                let (key, row) = row?;
                let payload = unpack(row.value()).and_then(|bytes| bytes.get(HASH..));
                let bytes = payload.unwrap_or(row.value());
                unreadable.insert((id, at, &*format!("entry {}", key.value().1)), bytes)?;
            }
        }
        let flags = match part {
            Part::Record => FLAG_SET_ASIDE,
            Part::Ledger => flags,
            Part::Confirmed => flags & !FLAG_CONFIRMED,
        };
        records.insert(id, (flags, touched))?;
        Ok(())
    })
}

/// The present, or the first moment after it at which nothing of this review was set aside: nothing is overwritten.
fn free_time(
    unreadable: &impl ReadableTable<(u128, u64, &'static str), &'static [u8]>,
    id: u128,
) -> Result<Millis, Error> {
    let now = platform::now_ms();
    let last = unreadable.range((id, 0, "")..=(id, u64::MAX, ""))?.next_back().transpose()?;
    Ok(last.map_or(now, |(key, _)| now.max(key.value().1 + 1)))
}

pub(super) fn unreadable(opened: &Opened) -> Result<Vec<Unreadable>, Failure> {
    let table = opened.database.begin_read()?.open_table(UNREADABLE)?;
    let mut found = Vec::new();
    for row in table.iter()? {
        let (key, bytes) = row?;
        let (review, at, name) = key.value();
        let review = ReviewId(Uuid::from_u128(review));
        found.push(Unreadable::text(review, at, name, bytes.value().to_vec()));
    }
    found.sort_by_key(|unreadable| unreadable.at);
    Ok(found)
}

pub(super) fn list(opened: &Opened) -> Result<Vec<ReviewId>, Failure> {
    let table = opened.database.begin_read()?.open_table(RECORDS)?;
    let ids = table.iter()?.map(|row| Ok(ReviewId(Uuid::from_u128(row?.0.value()))));
    ids.collect()
}

pub(super) fn remove(opened: &Opened, review: ReviewId) -> Result<(), Failure> {
    let id = review.0.as_u128();
    opened.write(|write| {
        write.open_table(RECORDS)?.remove(id)?;
        for table in [PENDING, LEDGER, CONFIRMED] {
            write.open_table(table)?.remove(id)?;
        }
        drop_entries(write, id)
    })
}

/// What a slot is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Worth {
    /// There is nothing in it.
    Empty,
    /// There is nothing in it but what was set aside.
    Remains,
    /// What is in it can be had from the server.
    Cache,
    /// Something in it exists nowhere else.
    Precious,
}

pub(super) fn worth(database: &Database) -> Result<Worth, Failure> {
    let read = database.begin_read()?;
    let mut worth = if read.open_table(UNREADABLE)?.is_empty()? { Worth::Empty } else { Worth::Remains };
    for row in read.open_table(RECORDS)?.iter()? {
        if row?.1.value().0 & FLAG_PRECIOUS != 0 {
            return Ok(Worth::Precious);
        }
        worth = Worth::Cache;
    }
    Ok(worth)
}

/// The reviews whose confirmed part could go, with the time of their last use.
pub(super) fn caches(database: &Database) -> Result<Vec<(Millis, ReviewId)>, Failure> {
    let mut caches = Vec::new();
    for row in database.begin_read()?.open_table(RECORDS)?.iter()? {
        let (id, about) = row?;
        let (flags, touched) = about.value();
        if flags & (FLAG_PRECIOUS | FLAG_CONFIRMED) == FLAG_CONFIRMED {
            caches.push((touched, ReviewId(Uuid::from_u128(id.value()))));
        }
    }
    Ok(caches)
}

/// Drops the confirmed part of a record, unless it has become precious.
pub(super) fn evict(database: &Database, review: ReviewId) -> Result<(), Failure> {
    let id = review.0.as_u128();
    write(database, |write| {
        let mut records = write.open_table(RECORDS)?;
        let about = records.get(id)?.map(|about| about.value());
        let Some((flags, touched)) = about.filter(|(flags, _)| flags & FLAG_PRECIOUS == 0) else {
            return Ok(());
        };
        records.insert(id, (flags & !FLAG_CONFIRMED, touched))?;
        write.open_table(CONFIRMED)?.remove(id)?;
        drop_entries(write, id)
    })
}
