//! A store in files: what was typed survives the end of the process.
//!
//! Below the folder that a [`FileStore`] was opened with there is one folder per [`Owner`], named by a hash of server
//! and user. In it, every *slot* holds the records of one client:
//!
//! | file | what it is |
//! |---|---|
//! | `0-<client id>.redb` | a database: the schema's number, whose it is, keys of reviews, records |
//! | `0-<client id>.lock` | locked for as long as a client lives on the slot; says which schema that takes |
//! | `0-<client id>.redb.unreadable-<when>` | a database that was moved aside |
//! | `salvaged-<client id>.redb` | what was pending in such a database and could be read |
//!
//! # Slots
//!
//! Two living clients, of one process or of several, never share a client id: each takes the first slot that nobody
//! has locked, and makes another where there is none. A client that starts again thus finds its replicas, with all
//! that was unsent. What other processes left behind that will never come back is in slots that nobody holds:
//! [`orphans`](Store::orphans) lists them, and whoever holds one runs it to the end under the id it was written under.
//! The lock goes with the process, however that ends. On a network drive the locks are as good as that drive's;
//! therefore every write also checks in its transaction that nobody has taken the slot since.
//!
//! A client that names itself ([`ClientBuilder::client_id`](crate::ClientBuilder::client_id)) has a slot to itself that
//! nobody else takes, and is refused while another one lives on it.
//!
//! # What goes wrong
//!
//! - A save is on the disk when it returns. A process that is killed loses nothing that was saved; a save that was
//!   under way happened wholly or not at all.
//! - Where the disk is full, or the file may not grow, confirmed reviews that nobody uses go, the least recently used
//!   first, whosever they are below this folder. Nothing precious ever goes.
//! - After an I/O error the database is opened again at the next use.
//! - A database of an older schema is migrated in one transaction. A record that cannot come along is set aside in it.
//!   One of a newer schema is [refused](StoreErrorKind::Newer) and left alone.
//! - Every checksum is verified when a slot is taken. A database that fails is moved aside, never deleted, and the
//!   client goes on with another slot and *another id*: the numbers of batches that were in it are not known any more.
//!   What was pending in it and can still be read becomes an [orphan](Store::orphans): all that is in pages that are
//!   well, also after a sudden end. Where there is no space to save it, that is an error, and the database stays where
//!   it is until there is.
//!   [`FileStore::quarantined`] lists what was moved aside, and [`reports`](Store::reports) tells of it.
//! - One record that cannot be read is an error for that review alone, and is set aside as it is.

mod folder;
mod migrate;
mod pack;
mod raw;
mod room;
mod rows;
mod salvage;
mod schema;
mod slot;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use interline_core::clock::Millis;
use interline_core::id::{ClientId, ReviewId};

use self::folder::{Folder, Name, Place};
use self::rows::Worth;
use self::schema::Opened;
use self::slot::{Damage, Slot, Taken};
use super::{Owner, Part, Record, Scope, Storage, Store, StoreError, Stored, Unreadable};
use crate::lock::lock;

/// Keeps replicas in a folder. Not on `wasm32`. See the [module](self) about slots and about what can go wrong.
///
/// Any number of stores may be open on one folder, in any number of processes. A clone is another store on the same
/// folder. What a client holds is given back when the client ends, or with the store that it was built with.
/// Everything that touches the disk needs a tokio runtime.
pub struct FileStore {
    root: PathBuf,
    held: Mutex<BTreeMap<Scope, Arc<Slot>>>,
    reports: Arc<Mutex<Vec<StoreError>>>,
    /// The clients of slots that could not be looked into, as was told.
    skipped: Arc<Mutex<BTreeSet<ClientId>>>,
}

/// A database that could not be read and was moved aside.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Quarantined {
    /// Where it is now.
    pub path: PathBuf,
    /// Whose replicas are in it.
    pub client: ClientId,
    /// When it was moved there.
    pub at: Millis,
}

impl FileStore {
    /// A store in a folder, which is made if there is none.
    pub fn open(folder: impl AsRef<Path>) -> Result<FileStore, StoreError> {
        let folder = folder.as_ref();
        let root = std::path::absolute(folder).and_then(|root| std::fs::create_dir_all(&root).map(|()| root));
        let root = root.map_err(|error| folder::failed("made", folder, error))?;
        Ok(FileStore::at(root))
    }

    fn at(root: PathBuf) -> FileStore {
        FileStore { root, held: Mutex::default(), reports: Arc::default(), skipped: Arc::default() }
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        &self.root
    }

    /// The databases of any owner that were ever moved aside here because they could not be read, oldest first.
    /// They stay until somebody deletes them. Reads the folder.
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, StoreError> {
        folder::quarantined(&self.root)
    }

    /// The slot of a client that began here.
    fn slot(&self, scope: &Scope) -> Result<Arc<Slot>, StoreError> {
        let slot = lock(&self.held).get(scope).map(Arc::clone);
        slot.ok_or_else(StoreError::not_held)
    }

    /// The slots of an owner's clients that began here.
    fn slots(&self, owner: &Owner) -> Vec<Arc<Slot>> {
        let held = lock(&self.held);
        held.iter().filter(|(scope, _)| scope.owner == *owner).map(|(_, slot)| Arc::clone(slot)).collect()
    }

    /// The slots of all clients that began here.
    fn all(&self) -> Vec<Arc<Slot>> {
        lock(&self.held).values().map(Arc::clone).collect()
    }

    /// Does something with an owner's folder, somewhere where blocking does no harm.
    async fn folder_of<T: Send + 'static>(
        &self,
        owner: &Owner,
        work: impl FnOnce(&Visit) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (folder, owner) = (Folder::of(&self.root, owner), owner.clone());
        let (reports, skipped) = (Arc::clone(&self.reports), Arc::clone(&self.skipped));
        blocking(move || work(&Visit { folder, owner, reports, skipped })).await
    }

    fn keep(&self, owner: &Owner, mut slot: Slot) -> ClientId {
        lock(&self.reports).append(&mut slot.reports);
        let client = slot.client();
        lock(&self.held).insert(Scope { owner: owner.clone(), client }, Arc::new(slot));
        client
    }
}

impl Clone for FileStore {
    fn clone(&self) -> FileStore {
        FileStore::at(self.root.clone())
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("folder", &self.root).finish_non_exhaustive()
    }
}

/// Runs what blocks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(StoreError::because("the local store did not finish", error)))
}

/// The folder of an owner, and where to tell of what was found damaged in it.
struct Visit {
    folder: Folder,
    owner: Owner,
    reports: Arc<Mutex<Vec<StoreError>>>,
    /// The clients of slots that could not be looked into, as was told.
    skipped: Arc<Mutex<BTreeSet<ClientId>>>,
}

impl Visit {
    /// Takes a slot if that is possible. What is damaged is set aside.
    fn take(&self, name: Name) -> Result<Option<Slot>, StoreError> {
        match Slot::take(&self.folder, name, &self.owner, Damage::SetAside)? {
            Taken::Ours(slot) => Ok(Some(slot)),
            Taken::Not => Ok(None),
            Taken::SetAside(report) => {
                lock(&self.reports).push(report);
                Ok(None)
            }
        }
    }

    /// The first slot that is free and not empty, or a new one.
    fn first_free(&self, fresh: ClientId) -> Result<Slot, StoreError> {
        self.folder.make()?;
        let mut next = 0;
        for name in self.folder.slots()? {
            let Place::Numbered(number) = name.place else { continue };
            next = number.saturating_add(1);
            let Some(slot) = self.take(name)? else { continue };
            match slot.worth()? {
                // How far it had numbered its batches is not known.
                Worth::Empty => slot.delete(&self.folder)?,
                Worth::Remains => {}
                Worth::Cache | Worth::Precious => return Ok(slot),
            }
        }
        let name = Name { place: Place::Numbered(next), client: fresh };
        Slot::create(&self.folder, name, &self.owner)?.ok_or_else(StoreError::in_use)
    }

    /// The slot of a client that names itself, or one of any other place that is free.
    fn named(&self, client: ClientId) -> Result<Slot, StoreError> {
        self.folder.make()?;
        let known = self.folder.slots()?.into_iter().find(|name| name.client == client);
        let Some(name) = known else {
            let name = Name { place: Place::Named, client };
            return Slot::create(&self.folder, name, &self.owner)?.ok_or_else(StoreError::in_use);
        };
        // Not set aside: under the same id batches would be numbered from 1 again.
        match Slot::take(&self.folder, name, &self.owner, Damage::Refuse)? {
            Taken::Ours(slot) => Ok(slot),
            Taken::Not | Taken::SetAside(_) => Err(StoreError::in_use()),
        }
    }

    /// The clients of slots that nobody holds and that hold something precious.
    fn orphans(&self) -> Result<Vec<ClientId>, StoreError> {
        let mut orphans = Vec::new();
        // What is set aside here may leave something behind that was salvaged.
        for _ in 0..2 {
            orphans.clear();
            for name in self.folder.slots()?.into_iter().filter(|name| name.place != Place::Named) {
                match self.worth(name) {
                    Ok(Some(Worth::Precious)) => orphans.push(name.client),
                    Ok(_) => {}
                    // One that cannot be looked into keeps nobody from the others; it is told once.
                    Err(error) => {
                        if lock(&self.skipped).insert(name.client) {
                            lock(&self.reports).push(error);
                        }
                    }
                }
            }
        }
        Ok(orphans)
    }

    /// What a slot is worth that nobody holds. One in which there is nothing goes.
    fn worth(&self, name: Name) -> Result<Option<Worth>, StoreError> {
        let Some(slot) = self.take(name)? else { return Ok(None) };
        let worth = slot.worth()?;
        if worth == Worth::Empty {
            slot.delete(&self.folder)?;
        }
        Ok(Some(worth))
    }

    /// What was set aside in these slots, and in those that nobody holds; and every database that was.
    fn unreadable(&self, held: &[Arc<Slot>]) -> Result<Vec<Unreadable>, StoreError> {
        let mut found = Vec::new();
        for slot in held {
            found.extend(slot.with(rows::unreadable)?);
        }
        for name in self.folder.slots()? {
            // Let go of in this order: the database, then its lock.
            let Some((_lock, database)) = slot::visit(&self.folder, name) else { continue };
            // What cannot be read at all is found out, and told, by whoever takes the slot.
            found.extend(rows::unreadable(&Opened { database, generation: 0 }).unwrap_or_default());
        }
        found.extend(self.folder.quarantined()?.into_iter().map(|Quarantined { path, at, .. }| Unreadable {
            review: None,
            at,
            name: "database".to_owned(),
            bytes: Vec::new(),
            file: Some(path),
        }));
        found.sort_by_key(|unreadable| unreadable.at);
        Ok(found)
    }
}

#[async_trait]
impl Store for FileStore {
    async fn client_id(&self, owner: &Owner, fresh: ClientId) -> Result<ClientId, StoreError> {
        let (root, held) = (self.root.clone(), self.all());
        let take = move |visit: &Visit| room::make(&root, &held, || visit.first_free(fresh));
        let slot = self.folder_of(owner, take).await?;
        Ok(self.keep(owner, slot))
    }

    async fn hold(&self, scope: &Scope) -> Result<(), StoreError> {
        let (root, held, client) = (self.root.clone(), self.all(), scope.client);
        let take = move |visit: &Visit| room::make(&root, &held, || visit.named(client));
        let slot = self.folder_of(&scope.owner, take).await?;
        self.keep(&scope.owner, slot);
        Ok(())
    }

    async fn release(&self, scope: &Scope) {
        let slot = lock(&self.held).remove(scope);
        if let Some(slot) = slot {
            // Fails only where there is no runtime any more, and then the lock goes with the slot.
            let closed = blocking(move || {
                slot.close();
                Ok(())
            });
            let _ = closed.await;
        }
    }

    async fn orphans(&self, owner: &Owner) -> Result<Vec<Scope>, StoreError> {
        let clients = self.folder_of(owner, Visit::orphans).await?;
        Ok(clients.into_iter().map(|client| Scope { owner: owner.clone(), client }).collect())
    }

    async fn resolve(&self, owner: &Owner, key: &str) -> Result<Option<ReviewId>, StoreError> {
        let (slots, key) = (self.slots(owner), key.to_owned());
        blocking(move || {
            for slot in slots {
                if let Some(review) = slot.with(|opened| rows::resolve(opened, &key))? {
                    return Ok(Some(review));
                }
            }
            Ok(None)
        })
        .await
    }

    async fn remember(&self, owner: &Owner, key: &str, review: ReviewId) -> Result<(), StoreError> {
        let (slots, key) = (self.slots(owner), key.to_owned());
        blocking(move || {
            slots.iter().try_for_each(|slot| slot.with(|opened| rows::remember(opened, &key, review)))
        })
        .await
    }

    async fn load(&self, scope: &Scope, review: ReviewId) -> Result<Option<Stored>, StoreError> {
        let slot = self.slot(scope)?;
        slot.open().insert(review);
        blocking(move || slot.with(|opened| rows::load(opened, review))).await
    }

    async fn peek(&self, scope: &Scope, review: ReviewId) -> Result<Option<String>, StoreError> {
        let slot = self.slot(scope)?;
        blocking(move || slot.with(|opened| rows::peek(opened, review))).await
    }

    async fn save(&self, scope: &Scope, review: ReviewId, record: &Record) -> Result<(), StoreError> {
        let (slot, record, root) = (self.slot(scope)?, record.clone(), self.root.clone());
        let held = self.all();
        slot.open().insert(review);
        blocking(move || room::make(&root, &held, || slot.with(|opened| rows::save(opened, review, &record))))
            .await
    }

    fn left(&self, scope: &Scope, review: ReviewId) {
        if let Ok(slot) = self.slot(scope) {
            slot.open().remove(&review);
        }
    }

    async fn set_aside(&self, scope: &Scope, review: ReviewId, part: Part) -> Result<(), StoreError> {
        let slot = self.slot(scope)?;
        blocking(move || slot.with(|opened| rows::set_aside(opened, review, part))).await
    }

    async fn unreadable(&self, owner: &Owner) -> Result<Vec<Unreadable>, StoreError> {
        let held = self.slots(owner);
        self.folder_of(owner, move |visit| visit.unreadable(&held)).await
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<ReviewId>, StoreError> {
        let slot = self.slot(scope)?;
        blocking(move || slot.with(rows::list)).await
    }

    async fn remove(&self, scope: &Scope, review: ReviewId) -> Result<(), StoreError> {
        let slot = self.slot(scope)?;
        slot.open().remove(&review);
        blocking(move || slot.with(|opened| rows::remove(opened, review))).await
    }

    fn reports(&self) -> Vec<StoreError> {
        std::mem::take(&mut lock(&self.reports))
    }

    fn storage(&self) -> Storage {
        Storage::Files
    }
}
