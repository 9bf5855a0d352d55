//! What is in a database: its tables, its schema's number, and how an older schema becomes the present one.
//!
//! `meta` holds the schema's number and whose database it is. It stays as it is in every schema, so that any release
//! can tell what it has before it.

use redb::{
    Database, Durability, Error, ReadableDatabase, ReadableTable, TableDefinition, TableError,
    WriteTransaction,
};

use super::migrate;
use crate::store::StoreError;

const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
/// Reviews by the keys that opened them.
pub(super) const KEYS: TableDefinition<'_, &str, u128> = TableDefinition::new("keys");
/// The reviews that have a record: whether it is precious or [set aside](FLAG_SET_ASIDE), and when it was last used.
pub(super) const RECORDS: TableDefinition<'_, u128, (u8, u64)> = TableDefinition::new("records");
/// What is pending, by review, packed.
pub(super) const PENDING: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("pending");
/// What was refused and the receipts, by review, packed.
pub(super) const LEDGER: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("ledger");
/// Confirmed reviews, packed.
pub(super) const CONFIRMED: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("confirmed");
/// The entries behind them by review and version: hash and payload, packed together.
pub(super) const ENTRIES: TableDefinition<'_, (u128, u64), &[u8]> = TableDefinition::new("entries");
/// What could not be read, by review, time and what it was.
pub(super) const UNREADABLE: TableDefinition<'_, (u128, u64, &str), &[u8]> =
    TableDefinition::new("unreadable");

/// In [`RECORDS`]: something in it exists nowhere else.
pub(super) const FLAG_PRECIOUS: u8 = 1;
/// In [`RECORDS`]: what was pending could not be read and was set aside.
pub(super) const FLAG_SET_ASIDE: u8 = 2;
/// In [`RECORDS`]: there is a confirmed part. To know that without reading what may be large.
pub(super) const FLAG_CONFIRMED: u8 = 4;

const SCHEMA: &str = "schema";
const GENERATION: &str = "generation";

/// The schema that this software writes.
pub(super) const CURRENT: usize = migrate::STEPS.len();

/// Why a call into a database failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database failed.
    Database(Error),
    /// Something else is the matter.
    Store(StoreError),
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Database(error.into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Store(error)
    }
}

/// Whose database it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Identity {
    pub(super) server: String,
    pub(super) user: String,
    pub(super) client: String,
}

/// A database that is open, and the generation of the slot that it was opened as.
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) generation: u64,
}

impl Opened {
    /// One transaction, on the disk when this returns; nothing if somebody has taken the slot since.
    pub(super) fn write<T>(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        write(&self.database, |write| {
            let current = generation_in(write)?;
            if current != self.generation { Err(StoreError::in_use().into()) } else { change(write) }
        })
    }
}

/// One transaction, on the disk when this returns.
pub(super) fn write<T>(
    database: &Database,
    change: impl FnOnce(&WriteTransaction) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut write = database.begin_write()?;
    write.set_durability(Durability::Immediate)?;
    let done = change(&write)?;
    write.commit()?;
    Ok(done)
}

fn meta(database: &impl ReadableDatabase, name: &str) -> Result<Option<String>, Error> {
    let table = match database.begin_read()?.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        table => table?,
    };
    Ok(table.get(name)?.map(|value| value.value().to_owned()))
}

/// The schema of a database.
pub(super) fn found(database: &impl ReadableDatabase) -> Result<usize, Error> {
    let found = meta(database, SCHEMA)?.and_then(|text| text.parse().ok()).filter(|found| *found > 0);
    found.ok_or_else(|| Error::Corrupted("it does not say which schema it has".into()))
}

/// Makes the present schema of an older one. Says how many records could not come along.
pub(super) fn migrate(database: &Database, from: usize) -> Result<usize, Failure> {
    migrate_by(database, from, migrate::STEPS)
}

/// All steps or none.
pub(super) fn migrate_by(
    database: &Database,
    from: usize,
    steps: &[migrate::Step],
) -> Result<usize, Failure> {
    write(database, |write| {
        let left = steps[from..].iter().map(|step| step(write)).sum::<Result<usize, Failure>>()?;
        write.open_table(META)?.insert(SCHEMA, &*steps.len().to_string())?;
        Ok(left)
    })
}

/// Makes a database of a file that is empty.
pub(super) fn create(database: &Database, identity: &Identity) -> Result<(), Failure> {
    migrate(database, 0)?;
    write(database, |write| {
        let mut meta = write.open_table(META)?;
        meta.insert("server", &*identity.server)?;
        meta.insert("user", &*identity.user)?;
        meta.insert("client", &*identity.client)?;
        Ok(())
    })
}

/// Whose database it is; `None` if it does not say.
pub(super) fn identity(database: &impl ReadableDatabase) -> Result<Option<Identity>, Error> {
    let (server, user) = (meta(database, "server")?, meta(database, "user")?);
    let client = meta(database, "client")?;
    Ok((|| Some(Identity { server: server?, user: user?, client: client? }))())
}

/// Whether the tables are what they should be.
pub(super) fn check(database: &Database) -> Result<(), Error> {
    let read = database.begin_read()?;
    read.open_table(KEYS)?;
    read.open_table(RECORDS)?;
    for table in [PENDING, LEDGER, CONFIRMED] {
        read.open_table(table)?;
    }
    read.open_table(ENTRIES)?;
    read.open_table(UNREADABLE)?;
    Ok(())
}

fn generation_in(write: &WriteTransaction) -> Result<u64, Error> {
    let meta = write.open_table(META)?;
    let generation = meta.get(GENERATION)?.and_then(|text| text.value().parse().ok());
    Ok(generation.unwrap_or(0))
}

/// The generation of a slot: how often it was taken.
pub(super) fn generation(database: &Database) -> Result<u64, Error> {
    Ok(meta(database, GENERATION)?.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// The slot is taken: whoever thinks that they still have it writes no more.
pub(super) fn next_generation(database: &Database) -> Result<u64, Failure> {
    write(database, |write| {
        let next = generation_in(write)?.wrapping_add(1);
        write.open_table(META)?.insert(GENERATION, &*next.to_string())?;
        Ok(next)
    })
}
