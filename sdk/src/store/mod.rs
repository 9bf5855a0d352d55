//! Where replicas are kept, so that what was typed survives the program that it was typed into.
//!
//! A [`Store`] holds plain texts: client ids, names of reviews, and the [`Record`] of each replica. It decides nothing
//! and understands none of them. The driver saves before it sends, and never writes over what it could not read.
//!
//! A record is three things that change at different speeds, so that saving a key press costs what the key press is
//! worth: what is pending (small, written every time), a ledger of what was refused and of receipts (written when it
//! changes), and the confirmed review (large; mostly only entries are put behind it).

mod error;
#[cfg(not(target_arch = "wasm32"))]
pub mod file;
#[cfg(target_arch = "wasm32")]
pub mod indexeddb;
mod memory;
mod record;

use async_trait::async_trait;
use interline_core::id::{ClientId, ReviewId, UserId};

pub use error::{StoreError, StoreErrorKind};
#[cfg(not(target_arch = "wasm32"))]
pub use file::FileStore;
#[cfg(target_arch = "wasm32")]
pub use indexeddb::IndexedDbStore;
pub use memory::MemoryStore;
pub use record::{Confirmed, Part, Record, Stored, Unreadable};

use crate::platform::{MaybeSend, MaybeSync};

/// Whose records: one user at one server. What Ann typed never goes out as Bo's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Owner {
    /// The server's origin, such as `http://127.0.0.1:8080`.
    pub server: String,
    /// The user at that server.
    pub user: UserId,
}

/// Whose replicas: one client of an [`Owner`]. A replica never changes hands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Scope {
    /// Whose client.
    pub owner: Owner,
    /// Its id.
    pub client: ClientId,
}

/// What kind of place a store is, for people.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Storage {
    /// Memory: what is unsent ends with the program.
    Memory,
    /// Files.
    Files,
    /// The browser's database.
    IndexedDb,
    /// A store that does not say.
    Other,
}

/// A place for replicas.
///
/// One live [`Client`](crate::Client) at a time uses the records of a [`Scope`]: two would number different batches
/// alike. A client begins with [`client_id`](Store::client_id) or [`hold`](Store::hold) and ends with
/// [`release`](Store::release); two living clients get different ids. A record that is there but cannot be read is an
/// error, never `None`.
///
/// Saves of one review do not overlap: the next begins when the one before it has returned. After a save that failed
/// everything is as it was before it, and the next says what changed since the last that did not fail.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Store: MaybeSend + MaybeSync + 'static {
    /// A client begins: its id is that of the first slot of the owner's that nobody living holds, or `fresh`, in a slot
    /// of its own, if there is none. A slot in which nothing is left is not taken again under its id: how far that had
    /// numbered its batches is not known any more.
    async fn client_id(&self, owner: &Owner, fresh: ClientId) -> Result<ClientId, StoreError>;

    /// A client begins that has chosen its id itself, or that runs one of the [`orphans`](Store::orphans) to the end.
    /// [`StoreErrorKind::InUse`] if somebody living has it.
    async fn hold(&self, scope: &Scope) -> Result<(), StoreError>;

    /// A client has ended: nothing more will be asked for it, and the next may begin where it stopped.
    async fn release(&self, scope: &Scope);

    /// The slots that nobody living holds and in which there is something precious, except those of clients that
    /// [named](Store::hold) themselves. To run one to the end: hold it, sync every review in its
    /// [`list`](Store::list) under its own id, [`remove`](Store::remove) the review, and release it.
    async fn orphans(&self, owner: &Owner) -> Result<Vec<Scope>, StoreError>;

    /// The id of the review that was opened by this key before, if any.
    async fn resolve(&self, owner: &Owner, key: &str) -> Result<Option<ReviewId>, StoreError>;

    /// Remembers which review a key opened.
    async fn remember(&self, owner: &Owner, key: &str, review: ReviewId) -> Result<(), StoreError>;

    /// The replica of a review. From here on it is in use, and nothing of it is evicted until it is
    /// [`left`](Store::left).
    ///
    /// Where only a part cannot be read, that is set aside and [said](Stored::damaged). Where what was pending cannot,
    /// all of it is set aside, and this is an [`Unreadable`](StoreErrorKind::Unreadable) error, each time, until the
    /// review is saved with its confirmed part [`Whole`](Confirmed::Whole), or removed. Such a replica has to number
    /// its batches under another client id.
    async fn load(&self, scope: &Scope, review: ReviewId) -> Result<Option<Stored>, StoreError>;

    /// What is pending of a review, as [`load`](Store::load) would find it, for whoever only wants to know: the review
    /// is not in use for it, is not used more lately than before, and nothing is set aside.
    async fn peek(&self, scope: &Scope, review: ReviewId) -> Result<Option<String>, StoreError>;

    /// Saves a replica, durably. It is in use from here on.
    ///
    /// Where there is no space, confirmed reviews that are not precious and that nobody living uses make room, the
    /// least recently used first; [`StoreErrorKind::Full`] once none is left.
    async fn save(&self, scope: &Scope, review: ReviewId, record: &Record) -> Result<(), StoreError>;

    /// The review is not open any more: nobody minds if its confirmed part is evicted.
    fn left(&self, scope: &Scope, review: ReviewId) {
        let _ = (scope, review);
    }

    /// Sets a part aside that turned out not to be what it should be. Afterwards [`load`](Store::load) answers as
    /// where the store itself found that out.
    async fn set_aside(&self, scope: &Scope, review: ReviewId, part: Part) -> Result<(), StoreError>;

    /// What was ever set aside of the records of an owner's clients, in order of time: of those that began here, and of
    /// those that nobody living holds. Databases that were set aside whole are among it.
    async fn unreadable(&self, owner: &Owner) -> Result<Vec<Unreadable>, StoreError>;

    /// The reviews that have a replica, also those whose confirmed part was evicted or that cannot be read.
    async fn list(&self, scope: &Scope) -> Result<Vec<ReviewId>, StoreError>;

    /// Forgets a replica, with everything unsent in it; what was set aside stays. A replica of the same review must not
    /// begin again under this client's id.
    async fn remove(&self, scope: &Scope, review: ReviewId) -> Result<(), StoreError>;

    /// Waits until what was kept here is there no longer, as where a person clears a site's data, and the next save is
    /// to hold all that a replica has. May be dropped and called again.
    async fn lost(&self) {
        std::future::pending::<()>().await;
    }

    /// What went wrong since this was last asked that no call had to fail for: a database that was set aside, a
    /// newer release that has taken over, a browser without a database.
    fn reports(&self) -> Vec<StoreError> {
        Vec::new()
    }

    /// What kind of place it is.
    fn storage(&self) -> Storage {
        Storage::Other
    }

    /// Why it is in the place of another, better one.
    fn instead_of(&self) -> Option<StoreError> {
        None
    }
}
