//! One slot: a database, and the lock that keeps everybody else away from it.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use interline_core::clock::Millis;
use interline_core::id::{ClientId, ReviewId};
use redb::{Database, Error};

use super::folder::{self, Folder, Lock, Name, failed};
use super::rows::{self, Worth};
use super::salvage;
use super::schema::{self, Failure, Identity, Opened};
use crate::lock::lock;
use crate::store::{Owner, StoreError, StoreErrorKind};

/// How much of a database is kept in memory, in bytes: every record is read once and written often.
pub(super) const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// What to do about a database that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Damage {
    /// Move it aside and go on without it.
    SetAside,
    /// Say so.
    Refuse,
}

/// What came of taking a slot.
pub(super) enum Taken {
    /// It is ours.
    Ours(Slot),
    /// Somebody has it, or it is not there any more.
    Not,
    /// It was set aside, as this says.
    SetAside(StoreError),
}

/// A slot that is ours until it is closed or dropped.
pub(super) struct Slot {
    path: PathBuf,
    name: Name,
    generation: u64,
    state: Mutex<State>,
    /// The reviews in use.
    open: Mutex<BTreeSet<ReviewId>>,
    /// What its owner has to hear of.
    pub(super) reports: Vec<StoreError>,
}

struct State {
    /// `None` after a failure: the next use opens it again, for after an I/O error a handle takes nothing more.
    opened: Option<Opened>,
    /// Let go of after the database; `None` once the slot is closed.
    lock: Option<Lock>,
}

impl Slot {
    /// Takes a slot that is there.
    pub(super) fn take(
        folder: &Folder,
        name: Name,
        owner: &Owner,
        damage: Damage,
    ) -> Result<Taken, StoreError> {
        let Some(mut lock) = folder.lock(name)? else { return Ok(Taken::Not) };
        let path = folder.database(name);
        // It may have been set aside since it was seen.
        if !path.try_exists().map_err(|error| failed("read", &path, error))? {
            return Ok(Taken::Not);
        }
        let identity = identity(owner, name.client);
        match prepare(&path, &mut lock, &identity) {
            Ok((database, reports)) => Ok(Taken::Ours(Slot::new(path, name, database, lock, reports)?)),
            Err(error) if error.kind() == StoreErrorKind::Unreadable && damage == Damage::SetAside => {
                // Where that fails, as without space, it stays where it is, and whoever takes it next tries again.
                let saved = salvage::pending(folder, name, &identity).map_err(|failed| {
                    let message = format!("{error}; what is pending in it could not be saved: {failed}");
                    StoreError::because(message, failed.clone()).with_kind(failed.kind())
                })?;
                let aside = folder.quarantine(name)?;
                let message = format!(
                    "{error}; it was moved to {}, what was pending could be read of {saved} reviews",
                    aside.display()
                );
                Ok(Taken::SetAside(StoreError::unreadable(message)))
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a slot. `None` if somebody else is just doing that.
    pub(super) fn create(folder: &Folder, name: Name, owner: &Owner) -> Result<Option<Slot>, StoreError> {
        let Some(mut lock) = folder.lock(name)? else { return Ok(None) };
        let path = folder.database(name);
        draft(folder, name, &mut lock, &identity(owner, name.client), |_| Ok(()))?;
        let database = open(&path)?;
        Ok(Some(Slot::new(path, name, database, lock, Vec::new())?))
    }

    fn new(
        path: PathBuf,
        name: Name,
        database: Database,
        lock: Lock,
        reports: Vec<StoreError>,
    ) -> Result<Slot, StoreError> {
        let generation = match schema::next_generation(&database) {
            Ok(generation) => Ok(generation),
            // The lock keeps others away as it is; what is here can still be read.
            Err(failure) => match explain(&path, failure) {
                error if error.kind() == StoreErrorKind::Full => {
                    schema::generation(&database).map_err(|error| explain(&path, error.into()))
                }
                error => Err(error),
            },
        };
        let opened = Some(Opened { database, generation: generation? });
        let generation = opened.as_ref().map_or(0, |opened| opened.generation);
        let state = Mutex::new(State { opened, lock: Some(lock) });
        Ok(Slot { path, name, generation, state, open: Mutex::default(), reports })
    }

    pub(super) fn client(&self) -> ClientId {
        self.name.client
    }

    /// The reviews in use.
    pub(super) fn open(&self) -> MutexGuard<'_, BTreeSet<ReviewId>> {
        lock(&self.open)
    }

    /// Calls into the database. Blocks.
    pub(super) fn with<T>(&self, call: impl FnOnce(&Opened) -> Result<T, Failure>) -> Result<T, StoreError> {
        let mut state = lock(&self.state);
        if state.lock.is_none() {
            return Err(StoreError::not_held());
        }
        let again = || open(&self.path).map(|database| Opened { database, generation: self.generation });
        let opened = state.opened.take().map_or_else(again, Ok)?;
        match call(&opened) {
            Ok(done) => {
                state.opened = Some(opened);
                Ok(done)
            }
            Err(Failure::Store(error)) => {
                state.opened = Some(opened);
                Err(error)
            }
            Err(failure) => Err(explain(&self.path, failure)),
        }
    }

    /// What could be evicted of it.
    pub(super) fn caches(&self) -> Result<Vec<(Millis, ReviewId)>, StoreError> {
        let mut caches = self.with(|opened| rows::caches(&opened.database))?;
        let open = self.open();
        caches.retain(|(_, review)| !open.contains(review));
        Ok(caches)
    }

    /// Drops the confirmed part of a review; false if that has come into use, and it stays.
    pub(super) fn evict(&self, review: ReviewId) -> Result<bool, StoreError> {
        self.with(|opened| {
            // Whoever uses it says so before they wait for the database, and finds it as this leaves it.
            if self.open().contains(&review) {
                return Ok(false);
            }
            rows::evict(&opened.database, review).map(|()| true)
        })
    }

    pub(super) fn worth(&self) -> Result<Worth, StoreError> {
        self.with(|opened| rows::worth(&opened.database))
    }

    /// Gives the slot back once whoever uses it is done. Blocks.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        drop(state.opened.take());
        drop(state.lock.take());
    }

    /// Deletes a slot in which nothing is left.
    pub(super) fn delete(self, folder: &Folder) -> Result<(), StoreError> {
        drop(lock(&self.state).opened.take());
        folder.delete(self.name)
    }
}

/// Makes a database whole before it is in its place.
pub(super) fn draft(
    folder: &Folder,
    name: Name,
    lock: &mut Lock,
    identity: &Identity,
    fill: impl FnOnce(&Database) -> Result<(), Failure>,
) -> Result<(), StoreError> {
    let draft = folder.draft(name);
    // Left over from a process that ended while it made this slot: nothing was in it yet.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed("made", &draft, error)),
        _ => {}
    }
    lock.set_schema(schema::CURRENT).map_err(|error| failed("made", &draft, error))?;
    let made = Database::create(&draft).map_err(Failure::from).and_then(|database| {
        schema::create(&database, identity)?;
        fill(&database)?;
        Ok(database.close()?)
    });
    let made = made.map_err(|failure| explain(&draft, failure)).and_then(|()| folder.place(name));
    if made.is_err() {
        // Nobody may come here a second time; at worst whoever does removes it.
        let _ = fs::remove_file(&draft);
    }
    made
}

fn identity(owner: &Owner, client: ClientId) -> Identity {
    let Owner { server, user } = owner;
    Identity { server: server.clone(), user: user.as_str().to_owned(), client: client.to_string() }
}

/// Opens a database of any schema, and makes sure that it is what it should be. Tells what was set aside on the way.
fn prepare(
    path: &Path,
    lock: &mut Lock,
    expected: &Identity,
) -> Result<(Database, Vec<StoreError>), StoreError> {
    let needed = lock.schema().map_err(|error| failed("read", path, error))?;
    // Before the database itself is touched: a later release may have changed more than its tables.
    refuse_newer(path, needed.unwrap_or(0))?;
    let database = open(path)?;
    let explained = |error: Error| explain(path, error.into());
    let found = schema::found(&database).map_err(explained)?;
    refuse_newer(path, found)?;
    match schema::identity(&database).map_err(explained)? {
        Some(identity) if identity == *expected => {}
        _ => return Err(explained(Error::Corrupted("it belongs to another client".into()))),
    }
    let mut reports = Vec::new();
    if found < schema::CURRENT {
        lock.set_schema(schema::CURRENT).map_err(|error| failed("migrated", path, error))?;
        let left = schema::migrate(&database, found).map_err(|failure| {
            // What the older release can open, it may go on with.
            let _ = lock.set_schema(found);
            explain(path, failure)
        })?;
        if left > 0 {
            let message = format!("{}: {left} records of schema {found} cannot be read", path.display());
            reports.push(StoreError::unreadable(format!("{message} and were set aside")));
        }
    }
    schema::check(&database).map_err(explained)?;
    Ok((database, reports))
}

/// Opens a database that nobody lives on for as long as its lock is held: one of the present schema only.
pub(super) fn visit(folder: &Folder, name: Name) -> Option<(Lock, Database)> {
    let mut lock = folder.lock(name).ok()??;
    if lock.schema().ok()? != Some(schema::CURRENT) {
        return None;
    }
    let path = folder.database(name);
    let database = path.exists().then(|| open(&path).ok())??;
    let found = schema::found(&database).ok()?;
    (found == schema::CURRENT && schema::check(&database).is_ok()).then_some((lock, database))
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
    guarded(|| Database::builder().set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true).open(path))
        .unwrap_or_else(|| Err(redb::StorageError::Corrupted("it panicked".into()).into()))
        .map_err(|error| explain(path, error.into()))
}

/// A file that was damaged from outside may be found out as late as by a panic: `None`.
pub(super) fn guarded<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

/// The store's error for one of the database.
fn explain(path: &Path, failure: Failure) -> StoreError {
    let error = match failure {
        Failure::Store(error) => return error,
        Failure::Database(error) => error,
    };
    let kind = match &error {
        Error::Corrupted(_)
        | Error::TableTypeMismatch { .. }
        | Error::TableIsMultimap(_)
        | Error::TypeDefinitionChanged { .. }
        | Error::TableDoesNotExist(_) => StoreErrorKind::Unreadable,
        Error::Io(error) => folder::kind(error),
        Error::DatabaseAlreadyOpen | Error::LockProtocolMismatch => StoreErrorKind::InUse,
        _ => StoreErrorKind::Failed,
    };
    StoreError::because(format!("{}: {error}", path.display()), error).with_kind(kind)
}
