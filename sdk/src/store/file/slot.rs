//! One slot: a database, and the lock that keeps everybody else away from it.

use std::fs;
use std::io;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use interline_core::id::ClientId;
use redb::{Database, Error};

use super::folder::{Folder, Lock, Name, failed};
use super::schema::{self, Identity};
use crate::lock::lock;
use crate::store::{Owner, StoreError, StoreErrorKind};

/// How much of a database is kept in memory, in bytes: every record is read once and written often.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// What to do about a database that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Damage {
    /// Move it aside and go on without it.
    SetAside,
    /// Say so.
    Refuse,
}

/// A slot that is ours until it is closed or dropped.
pub(super) struct Slot {
    path: PathBuf,
    client: ClientId,
    state: Mutex<State>,
}

struct State {
    /// `None` after a failure: the next use opens it again, for after an I/O error a handle takes nothing more.
    database: Option<Database>,
    /// Let go of after the database; `None` once the slot is closed.
    lock: Option<Lock>,
}

impl Slot {
    /// Takes a slot that is there. `None` if somebody has it, or if it was set aside.
    pub(super) fn take(
        folder: &Folder,
        name: Name,
        owner: &Owner,
        damage: Damage,
    ) -> Result<Option<Slot>, StoreError> {
        let Some(mut lock) = folder.lock(name)? else { return Ok(None) };
        let path = folder.database(name);
        // It may have been set aside since it was seen.
        if !path.try_exists().map_err(|error| failed("read", &path, error))? {
            return Ok(None);
        }
        match prepare(&path, &mut lock, &identity(owner, name.client)) {
            Ok(database) => Ok(Some(Slot::new(path, name, database, lock))),
            Err(error) if error.kind() == StoreErrorKind::Unreadable && damage == Damage::SetAside => {
                folder.quarantine(name)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a slot. `None` if somebody else is just doing that.
    pub(super) fn create(folder: &Folder, name: Name, owner: &Owner) -> Result<Option<Slot>, StoreError> {
        let Some(mut lock) = folder.lock(name)? else { return Ok(None) };
        let (path, draft) = (folder.database(name), folder.draft(name));
        // Left over from a process that ended while it made this slot: nothing was in it yet.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("made", &draft, error));
            }
            _ => {}
        }
        lock.set_schema(schema::CURRENT).map_err(|error| failed("made", &path, error))?;
        let made = Database::create(&draft).map_err(Error::from).and_then(|database| {
            schema::create(&database, &identity(owner, name.client))?;
            Ok(database.close()?)
        });
        made.map_err(|error| explain(&draft, error))?;
        folder.place(name)?;
        let database = open(&path)?;
        Ok(Some(Slot::new(path, name, database, lock)))
    }

    fn new(path: PathBuf, name: Name, database: Database, lock: Lock) -> Slot {
        let state = Mutex::new(State { database: Some(database), lock: Some(lock) });
        Slot { path, client: name.client, state }
    }

    pub(super) fn client(&self) -> ClientId {
        self.client
    }

    /// Calls into the database. Blocks.
    pub(super) fn with<T>(&self, call: impl FnOnce(&Database) -> Result<T, Error>) -> Result<T, StoreError> {
        let mut state = lock(&self.state);
        if state.lock.is_none() {
            return Err(StoreError::new("the client ended: its records are not held any more"));
        }
        let database = state.database.take().map_or_else(|| open(&self.path), Ok)?;
        let result = call(&database).map_err(|error| explain(&self.path, error))?;
        state.database = Some(database);
        Ok(result)
    }

    /// Gives the slot back once whoever uses it is done. Blocks.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        drop(state.database.take());
        drop(state.lock.take());
    }
}

fn identity(owner: &Owner, client: ClientId) -> Identity {
    let Owner { server, user } = owner;
    Identity { server: server.clone(), user: user.as_str().to_owned(), client: client.to_string() }
}

/// Opens a database of any schema, and makes sure that it is what it should be.
fn prepare(path: &Path, lock: &mut Lock, expected: &Identity) -> Result<Database, StoreError> {
    let needed = lock.schema().map_err(|error| failed("read", path, error))?;
    // Before the database itself is touched: a later release may have changed more than its tables.
    refuse_newer(path, needed.unwrap_or(0))?;
    let database = open(path)?;
    let explain = |error: Error| explain(path, error);
    let found = schema::found(&database).map_err(explain)?;
    refuse_newer(path, found)?;
    match schema::identity(&database).map_err(explain)? {
        Some(identity) if identity == *expected => {}
        _ => return Err(explain(Error::Corrupted("it belongs to another client".into()))),
    }
    if found < schema::CURRENT {
        lock.set_schema(schema::CURRENT).map_err(|error| failed("migrated", path, error))?;
        schema::migrate(&database, found).map_err(explain)?;
    }
    schema::check(&database).map_err(explain)?;
    Ok(database)
}

fn refuse_newer(path: &Path, found: usize) -> Result<(), StoreError> {
    if found <= schema::CURRENT {
        return Ok(());
    }
    let (path, known) = (path.display(), schema::CURRENT);
    let message = format!("{path} was written by newer software: schema {found}, known up to {known}");
    Err(StoreError::new(message).with_kind(StoreErrorKind::Newer))
}

/// Opens a database after every checksum in it has been verified.
fn open(path: &Path) -> Result<Database, StoreError> {
    let opened = catch_unwind(|| {
        Database::builder().set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true).open(path)
    });
    // A file that was damaged from outside may be found out as late as that.
    let opened = opened.unwrap_or_else(|_| Err(redb::StorageError::Corrupted("it panicked".into()).into()));
    opened.map_err(|error| explain(path, error.into()))
}

/// The store's error for one of the database.
fn explain(path: &Path, error: Error) -> StoreError {
    let kind = match &error {
        Error::Corrupted(_)
        | Error::TableTypeMismatch { .. }
        | Error::TableIsMultimap(_)
        | Error::TypeDefinitionChanged { .. }
        | Error::TableDoesNotExist(_) => StoreErrorKind::Unreadable,
        // Cut off, or no database at all.
        Error::Io(error)
            if [io::ErrorKind::UnexpectedEof, io::ErrorKind::InvalidData].contains(&error.kind()) =>
        {
            StoreErrorKind::Unreadable
        }
        Error::DatabaseAlreadyOpen | Error::LockProtocolMismatch => StoreErrorKind::InUse,
        _ => StoreErrorKind::Failed,
    };
    StoreError::because(format!("{}: {error}", path.display()), error).with_kind(kind)
}
