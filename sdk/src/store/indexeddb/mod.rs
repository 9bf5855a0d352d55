//! A store in the browser's IndexedDB: what was typed survives the tab, and the browser.
//!
//! One database of an origin holds the records of every owner. The object stores, and what they are keyed by, are in
//! `schema.rs`.
//!
//! # Slots
//!
//! Every client of an owner has a slot, and a Web Lock for as long as its tab lives. A tab takes the first slot that
//! nobody has locked, with what was left in it, or begins another. What other tabs left behind is listed by
//! [`orphans`](Store::orphans), to be run to the end by a tab that lives.
//!
//! A tab can be frozen, put into a cache and brought back, or lose its lock. So a slot also has a generation, which
//! grows whenever it is taken and is checked in the transaction of every save: whoever does not have the latest is
//! told that the slot is [in use](super::StoreErrorKind::InUse), and nothing of theirs is written. Where a browser has
//! no locks, each client begins a slot of its own.
//!
//! # What goes wrong
//!
//! - A save is on the disk when it returns, and happens wholly or not at all.
//! - Where there is no space, confirmed reviews that nobody uses go, the least recently used first; nothing precious
//!   ever does.
//! - A newer release in another tab takes the database over: this one lets go at once, saves nothing more, says so in
//!   [`reports`](Store::reports) and answers [`Newer`](super::StoreErrorKind::Newer). If it is this one that has to
//!   wait for an older one, it gives up after three seconds with [`InUse`](super::StoreErrorKind::InUse).
//! - Where the database is deleted under an open tab, as by clearing the data of a site, [`lost`](Store::lost) tells, and
//!   the next save makes it and the slot again. One that does not hold all that the tab has
//!   [fails](super::StoreErrorKind::Failed), so that the one after it does. By the mark of a database a slot that went
//!   with it is told from one that another tab has ended.
//! - Where there is no IndexedDB, or a page may not have one, as in some private windows, [`open_or_memory`] goes on in
//!   memory and says so. Where there is one that cannot be opened, it fails: edits may be waiting in it.

mod locks;
mod room;
mod rows;
mod schema;
mod slots;
mod tx;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use gloo_timers::future::TimeoutFuture;
use interline_core::id::{ClientId, ReviewId};
use tokio::sync::Notify;

use self::rows::Holder;
use self::schema::{Connection, Ended, STEPS};
use self::slots::Taken;
use super::{
    Confirmed, MemoryStore, Owner, Part, Record, Scope, Storage, Store, StoreError, StoreErrorKind, Stored,
    Unreadable,
};

/// The database that a client uses unless it is told otherwise.
pub const DATABASE: &str = "interline";

/// How long to wait before a database that could not be opened is tried again, in milliseconds.
const AGAIN_MS: [u32; 2] = [100, 500];

/// Keeps replicas in IndexedDB. Only on `wasm32`. See the [module](self).
pub struct IndexedDbStore {
    name: String,
    connection: RefCell<Rc<Connection>>,
    held: RefCell<BTreeMap<Scope, Held>>,
    reports: Rc<RefCell<Vec<StoreError>>>,
    /// Told when the database is deleted.
    deleted: Rc<Notify>,
    /// The slots that could not be looked into.
    skipped: RefCell<BTreeSet<Scope>>,
}

/// A slot of a client that began here.
struct Held {
    taken: Taken,
    /// The reviews in use.
    open: BTreeSet<ReviewId>,
}

impl IndexedDbStore {
    /// A store in the database by this name, which is made if there is none.
    pub async fn open(name: &str) -> Result<IndexedDbStore, StoreError> {
        let (reports, deleted) = (Rc::default(), Rc::default());
        let connection = RefCell::new(connect(name, &reports, &deleted).await?);
        let (name, held, skipped) = (name.to_owned(), RefCell::default(), RefCell::default());
        Ok(IndexedDbStore { name, connection, held, reports, deleted, skipped })
    }

    /// The connection; another one where the browser has closed the last.
    async fn connection(&self) -> Result<Rc<Connection>, StoreError> {
        let connection = Rc::clone(&self.connection.borrow());
        match connection.database() {
            Ok(_) => Ok(connection),
            Err(error) if error.kind() == StoreErrorKind::Newer => Err(error),
            Err(_) => {
                let again = connect(&self.name, &self.reports, &self.deleted).await?;
                *self.connection.borrow_mut() = Rc::clone(&again);
                Ok(again)
            }
        }
    }

    fn holder(&self, scope: &Scope) -> Result<Holder, StoreError> {
        let held = self.held.borrow();
        held.get(scope).map(|held| held.taken.holder.clone()).ok_or_else(StoreError::not_held)
    }

    fn keep(&self, taken: Taken) -> ClientId {
        let scope = taken.holder.scope.clone();
        let client = scope.client;
        self.held.borrow_mut().insert(scope, Held { taken, open: BTreeSet::new() });
        client
    }

    /// Whether a record of a client that began here is open.
    fn in_use(&self) -> impl Fn(&Scope, ReviewId) -> Option<bool> {
        |scope, review| self.held.borrow().get(scope).map(|held| held.open.contains(&review))
    }

    fn uses(&self, scope: &Scope, review: ReviewId) {
        if let Some(held) = self.held.borrow_mut().get_mut(scope) {
            held.open.insert(review);
        }
    }
}

async fn connect(
    name: &str,
    reports: &Rc<RefCell<Vec<StoreError>>>,
    deleted: &Rc<Notify>,
) -> Result<Rc<Connection>, StoreError> {
    let (reports, deleted) = (Rc::clone(reports), Rc::clone(deleted));
    let told = move |ended| {
        let error = match ended {
            Ended::Deleted => return deleted.notify_waiters(),
            Ended::Closed(error) => {
                deleted.notify_waiters();
                error
            }
            Ended::TakenOver(error) => error,
        };
        reports.borrow_mut().push(error);
    };
    Ok(Rc::new(schema::open(name, STEPS, told).await?))
}

/// A store in IndexedDB; where there is none, or this page may not have one, one in memory that
/// [says why](Store::reports). What is there but cannot be opened stays an error, after another try or two for what may
/// have been a moment's: what was typed before is in it, and must not be shadowed by something that forgets.
pub async fn open_or_memory(name: &str) -> Result<Arc<dyn Store>, StoreError> {
    for wait in AGAIN_MS {
        match IndexedDbStore::open(name).await {
            Ok(store) => return Ok(Arc::new(store)),
            Err(error) if error.is_absent() => return Ok(Arc::new(MemoryStore::instead_of(error))),
            Err(error) if error.kind() == StoreErrorKind::Failed => TimeoutFuture::new(wait).await,
            Err(error) => return Err(error),
        }
    }
    Ok(Arc::new(IndexedDbStore::open(name).await?))
}

#[async_trait(?Send)]
impl Store for IndexedDbStore {
    async fn client_id(&self, owner: &Owner, fresh: ClientId) -> Result<ClientId, StoreError> {
        let connection = self.connection().await?;
        let taken =
            slots::first_free(connection.database()?, &self.name, owner, fresh, &self.in_use()).await?;
        Ok(self.keep(taken))
    }

    async fn hold(&self, scope: &Scope) -> Result<(), StoreError> {
        if self.held.borrow().contains_key(scope) {
            return Err(StoreError::in_use());
        }
        let connection = self.connection().await?;
        let taken = slots::hold(connection.database()?, &self.name, scope, &self.in_use()).await?;
        self.keep(taken);
        Ok(())
    }

    async fn release(&self, scope: &Scope) {
        let held = self.held.borrow_mut().remove(scope);
        drop(held);
    }

    async fn orphans(&self, owner: &Owner) -> Result<Vec<Scope>, StoreError> {
        let connection = self.connection().await?;
        let ours: Vec<_> = self.held.borrow().keys().cloned().collect();
        let skipped = |scope: &Scope, error| {
            // Told once.
            if self.skipped.borrow_mut().insert(scope.clone()) {
                self.reports.borrow_mut().push(error);
            }
        };
        slots::orphans(connection.database()?, &self.name, owner, &ours, skipped).await
    }

    async fn resolve(&self, owner: &Owner, key: &str) -> Result<Option<ReviewId>, StoreError> {
        let connection = self.connection().await?;
        rows::resolve(connection.database()?, owner, key).await
    }

    async fn remember(&self, owner: &Owner, key: &str, review: ReviewId) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        rows::remember(connection.database()?, owner, key, review).await
    }

    async fn load(&self, scope: &Scope, review: ReviewId) -> Result<Option<Stored>, StoreError> {
        let (holder, connection) = (self.holder(scope)?, self.connection().await?);
        self.uses(scope, review);
        let found = rows::load(connection.database()?, &holder, review).await?;
        if found.is_some() {
            // Only to know what was used last: not worth an error.
            let _ = rows::touch(connection.database()?, &holder, review).await;
        }
        Ok(found)
    }

    async fn peek(&self, scope: &Scope, review: ReviewId) -> Result<Option<String>, StoreError> {
        let (holder, connection) = (self.holder(scope)?, self.connection().await?);
        rows::peek(connection.database()?, &holder, review).await
    }

    async fn save(&self, scope: &Scope, review: ReviewId, record: &Record) -> Result<(), StoreError> {
        let (holder, connection) = (self.holder(scope)?, self.connection().await?);
        self.uses(scope, review);
        let database = connection.database()?;
        let mark = holder.mark.get();
        let attempt = async || rows::save(database, &holder, review, record).await;
        match room::make(database, &self.name, &self.in_use(), attempt).await {
            // The slot was made again with the database that it went with; this is all that there is to keep in it.
            Err(error) if holder.mark.get() != mark && matches!(record.confirmed, Confirmed::Whole(_)) => {
                self.reports.borrow_mut().push(error);
                room::make(database, &self.name, &self.in_use(), attempt).await
            }
            result => result,
        }
    }

    async fn lost(&self) {
        self.deleted.notified().await;
    }

    fn left(&self, scope: &Scope, review: ReviewId) {
        if let Some(held) = self.held.borrow_mut().get_mut(scope) {
            held.open.remove(&review);
        }
    }

    async fn set_aside(&self, scope: &Scope, review: ReviewId, part: Part) -> Result<(), StoreError> {
        let (holder, connection) = (self.holder(scope)?, self.connection().await?);
        rows::set_aside(connection.database()?, &holder, review, part).await
    }

    async fn unreadable(&self, owner: &Owner) -> Result<Vec<Unreadable>, StoreError> {
        let connection = self.connection().await?;
        rows::unreadable(connection.database()?, owner).await
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<ReviewId>, StoreError> {
        let (holder, connection) = (self.holder(scope)?, self.connection().await?);
        rows::list(connection.database()?, &holder).await
    }

    async fn remove(&self, scope: &Scope, review: ReviewId) -> Result<(), StoreError> {
        let (holder, connection) = (self.holder(scope)?, self.connection().await?);
        self.left(scope, review);
        rows::remove(connection.database()?, &holder, review).await
    }

    fn reports(&self) -> Vec<StoreError> {
        std::mem::take(&mut *self.reports.borrow_mut())
    }

    fn storage(&self) -> Storage {
        Storage::IndexedDb
    }
}
