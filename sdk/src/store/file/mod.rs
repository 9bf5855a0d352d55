//! A store in files: what was typed survives the end of the process.
//!
//! Below the folder that a [`FileStore`] was opened with there is one folder per [`Owner`], named by a hash of server
//! and user. In it, every *slot* holds the records of one client:
//!
//! | file | what it is |
//! |---|---|
//! | `0-<client id>.redb` | a database: the schema's number, whose it is, keys of reviews, replicas |
//! | `0-<client id>.lock` | locked for as long as a client lives on the slot; says which schema that takes |
//! | `0-<client id>.redb.unreadable-<when>` | a database that was moved aside |
//!
//! # Slots
//!
//! Two living clients, of one process or of several, never share a client id: each takes the first slot that nobody
//! has locked, and makes another where there is none. A client that starts again thus finds its replicas, with all
//! that was unsent, and what a process left behind that will never come back is taken up by whoever takes its slot
//! next, under the id it was written under. The lock goes with the process, however that ends.
//!
//! Not done yet: one client drives one slot. Where two processes leave unsent edits behind in two slots, it takes two
//! clients at a time to send them; until then they wait, and nothing is lost. On a network drive the locks are as good
//! as that drive's.
//!
//! A client that names itself ([`ClientBuilder::client_id`](crate::ClientBuilder::client_id)) has a slot to itself that
//! nobody else takes, and is refused while another one lives on it.
//!
//! # What goes wrong
//!
//! - A save is on the disk when it returns. A process that is killed loses nothing that was saved; a save that was
//!   under way happened wholly or not at all.
//! - After a full disk or another I/O error the database is opened again at the next use.
//! - A database of an older schema is migrated in one transaction. One of a newer schema is
//!   [refused](StoreErrorKind::Newer) and left alone.
//! - Every checksum is verified when a slot is taken. A database that fails is moved aside, never deleted, and the
//!   client goes on with another slot and *another id*: the numbers of batches that were in it are not known any more.
//!   [`FileStore::quarantined`] lists what was moved aside.
//! - One record that cannot be decoded is an error for that review alone, and stays as it is.

mod folder;
mod schema;
mod slot;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use interline_core::clock::Millis;
use interline_core::id::{ClientId, ReviewId};
use interline_core::sync::Saved;
use serde::Deserialize;

use self::folder::{Folder, Name, Place};
use self::slot::{Damage, Slot};
use super::{Owner, Scope, Store, StoreError, StoreErrorKind};
use crate::lock::lock;

/// Keeps replicas in a folder. Not on `wasm32`. See the [module](self) about slots and about what can go wrong.
///
/// Any number of stores may be open on one folder, in any number of processes. A clone is another store on the same
/// folder. What a client holds is given back when the client ends, or with the store that it was built with.
/// Everything that touches the disk needs a tokio runtime.
pub struct FileStore {
    root: PathBuf,
    held: Mutex<BTreeMap<Scope, Arc<Slot>>>,
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
        Ok(FileStore { root, held: Mutex::default() })
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
        slot.ok_or_else(|| StoreError::new("no such client holds its records here"))
    }

    /// The slots of an owner's clients that began here.
    fn slots(&self, owner: &Owner) -> Vec<Arc<Slot>> {
        let held = lock(&self.held);
        held.iter().filter(|(scope, _)| scope.owner == *owner).map(|(_, slot)| Arc::clone(slot)).collect()
    }

    /// Takes a slot somewhere where blocking does no harm.
    async fn take(
        &self,
        owner: &Owner,
        take: impl FnOnce(&Folder, &Owner) -> Result<Slot, StoreError> + Send + 'static,
    ) -> Result<ClientId, StoreError> {
        let (root, of) = (self.root.clone(), owner.clone());
        let slot = blocking(move || {
            let folder = Folder::of(&root, &of);
            folder.make()?;
            take(&folder, &of)
        });
        let slot = slot.await?;
        let client = slot.client();
        lock(&self.held).insert(Scope { owner: owner.clone(), client }, Arc::new(slot));
        Ok(client)
    }
}

impl Clone for FileStore {
    fn clone(&self) -> FileStore {
        FileStore { root: self.root.clone(), held: Mutex::default() }
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

/// The first slot that is free, or a new one.
fn first_free(folder: &Folder, owner: &Owner, fresh: ClientId) -> Result<Slot, StoreError> {
    let mut next = 0;
    for name in folder.slots()? {
        let Place::Numbered(number) = name.place else { continue };
        next = number.saturating_add(1);
        if let Some(slot) = Slot::take(folder, name, owner, Damage::SetAside)? {
            return Ok(slot);
        }
    }
    let name = Name { place: Place::Numbered(next), client: fresh };
    Slot::create(folder, name, owner)?.ok_or_else(in_use)
}

/// The slot of a client that names itself.
fn named(folder: &Folder, owner: &Owner, client: ClientId) -> Result<Slot, StoreError> {
    let known = folder.slots()?.into_iter().find(|name| name.client == client);
    let slot = match known {
        // Not set aside: under the same id batches would be numbered from 1 again.
        Some(name) => Slot::take(folder, name, owner, Damage::Refuse)?,
        None => Slot::create(folder, Name { place: Place::Named, client }, owner)?,
    };
    slot.ok_or_else(in_use)
}

fn in_use() -> StoreError {
    StoreError::new("another living client has this id").with_kind(StoreErrorKind::InUse)
}

/// Reads a record.
fn decode(record: &[u8], review: ReviewId) -> Result<Saved, StoreError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    serde_json::from_slice(record).map_err(|error| {
        let known = serde_json::from_slice::<Format>(record).map(|record| record.format);
        let format = known.map_or("of no known format".into(), |format| format!("of format {format}"));
        let message = format!("the local copy of {review}, {format}, cannot be read: {error}");
        StoreError::because(message, error).with_kind(StoreErrorKind::Unreadable)
    })
}

#[async_trait]
impl Store for FileStore {
    async fn client_id(&self, owner: &Owner, fresh: ClientId) -> Result<ClientId, StoreError> {
        self.take(owner, move |folder, owner| first_free(folder, owner, fresh)).await
    }

    async fn hold(&self, scope: &Scope) -> Result<(), StoreError> {
        let client = scope.client;
        self.take(&scope.owner, move |folder, owner| named(folder, owner, client)).await?;
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

    async fn resolve(&self, owner: &Owner, key: &str) -> Result<Option<ReviewId>, StoreError> {
        let (slots, key) = (self.slots(owner), key.to_owned());
        blocking(move || {
            for slot in slots {
                if let Some(review) = slot.with(|database| schema::resolve(database, &key))? {
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
            slots.iter().try_for_each(|slot| slot.with(|database| schema::remember(database, &key, review)))
        })
        .await
    }

    async fn load(&self, scope: &Scope, review: ReviewId) -> Result<Option<Saved>, StoreError> {
        let slot = self.slot(scope)?;
        blocking(move || {
            let record = slot.with(|database| schema::load(database, review))?;
            record.map(|record| decode(&record, review)).transpose()
        })
        .await
    }

    async fn save(&self, scope: &Scope, review: ReviewId, saved: &Saved) -> Result<(), StoreError> {
        let (slot, saved) = (self.slot(scope)?, saved.clone());
        blocking(move || {
            let record = serde_json::to_vec(&saved)
                .map_err(|error| StoreError::because("the replica cannot be written", error))?;
            slot.with(|database| schema::save(database, review, &record))
        })
        .await
    }

    async fn list(&self, scope: &Scope) -> Result<Vec<ReviewId>, StoreError> {
        let slot = self.slot(scope)?;
        blocking(move || slot.with(schema::list)).await
    }

    async fn remove(&self, scope: &Scope, review: ReviewId) -> Result<(), StoreError> {
        let slot = self.slot(scope)?;
        blocking(move || slot.with(|database| schema::remove(database, review))).await
    }
}
