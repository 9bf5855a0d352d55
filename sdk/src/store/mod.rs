//! Where replicas are kept, so that what was typed survives the program that it was typed into.
//!
//! A [`Store`] holds plain records: client ids, names of reviews, and [`Saved`] replicas. It decides nothing.
//! The driver saves before it sends, and never writes over what it could not read.

#[cfg(not(target_arch = "wasm32"))]
pub mod file;
mod memory;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use interline_core::id::{ClientId, ReviewId, UserId};
use interline_core::sync::Saved;

#[cfg(not(target_arch = "wasm32"))]
pub use file::FileStore;
pub use memory::MemoryStore;

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

/// What kind of thing went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// It did not work: no space, no permission, an I/O error. It may the next time.
    Failed,
    /// What is there cannot be read. It is kept.
    Unreadable,
    /// What is there was written by newer software. It is left alone.
    Newer,
    /// Another living client has it.
    InUse,
}

/// The store could not do it.
#[derive(Clone, Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// An error that says this.
    pub fn new(message: impl Into<String>) -> StoreError {
        StoreError { kind: StoreErrorKind::Failed, message: message.into(), source: None }
    }

    /// An error that says this because of another one.
    pub fn because(
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> StoreError {
        StoreError { source: Some(Arc::new(source)), ..StoreError::new(message) }
    }

    /// The same error, of this kind; [`StoreErrorKind::Failed`] unless given.
    pub fn with_kind(self, kind: StoreErrorKind) -> StoreError {
        StoreError { kind, ..self }
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

/// A place for replicas.
///
/// One live [`Client`](crate::Client) at a time uses the records of a [`Scope`]: two would number different batches
/// alike. A client begins with [`client_id`](Store::client_id) or [`hold`](Store::hold) and ends with
/// [`release`](Store::release); a store that outlives its process gives two living clients different ids. A record
/// that is there but cannot be read is an error, never `None`.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Store: MaybeSend + MaybeSync + 'static {
    /// A client begins: its id is the owner's, or `fresh`, remembered, if there is none yet that nobody uses.
    async fn client_id(&self, owner: &Owner, fresh: ClientId) -> Result<ClientId, StoreError>;

    /// A client begins that has chosen its id itself.
    async fn hold(&self, scope: &Scope) -> Result<(), StoreError> {
        let _ = scope;
        Ok(())
    }

    /// A client has ended: nothing more will be asked for it, and the next may begin where it stopped.
    async fn release(&self, scope: &Scope) {
        let _ = scope;
    }

    /// The id of the review that was opened by this key before, if any.
    async fn resolve(&self, owner: &Owner, key: &str) -> Result<Option<ReviewId>, StoreError>;

    /// Remembers which review a key opened.
    async fn remember(&self, owner: &Owner, key: &str, review: ReviewId) -> Result<(), StoreError>;

    /// The replica of a review.
    async fn load(&self, scope: &Scope, review: ReviewId) -> Result<Option<Saved>, StoreError>;

    /// Puts a replica in the place of the one before it, wholly or not at all.
    async fn save(&self, scope: &Scope, review: ReviewId, saved: &Saved) -> Result<(), StoreError>;

    /// The reviews that have a replica.
    async fn list(&self, scope: &Scope) -> Result<Vec<ReviewId>, StoreError>;

    /// Forgets a replica, with everything unsent in it.
    async fn remove(&self, scope: &Scope, review: ReviewId) -> Result<(), StoreError>;
}
