//! What a store says when it cannot do something.

use std::fmt;
use std::sync::Arc;

/// What kind of thing went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// It did not work: no permission, an I/O error. It may the next time.
    Failed,
    /// There is no space, and nothing left that could make room without losing something.
    Full,
    /// What is there cannot be read. It is kept.
    Unreadable,
    /// What is there was written by newer software, or newer software has taken over. It is left alone.
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
    /// There is no such store here, nor was there ever one.
    #[cfg(target_arch = "wasm32")]
    absent: bool,
}

impl StoreError {
    /// An error that says this.
    pub fn new(message: impl Into<String>) -> StoreError {
        StoreError {
            kind: StoreErrorKind::Failed,
            message: message.into(),
            source: None,
            #[cfg(target_arch = "wasm32")]
            absent: false,
        }
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

    /// The same error, of a store that there is none of here.
    #[cfg(target_arch = "wasm32")]
    pub fn absent(self) -> StoreError {
        StoreError { absent: true, ..self }
    }

    /// Whether there is no such store here, so that nothing can have been kept in it.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn is_absent(&self) -> bool {
        self.absent
    }

    /// A save that would come behind something that is not there.
    pub(super) fn nothing_before() -> StoreError {
        StoreError::new("there is no confirmed review that these entries would come behind")
    }

    /// A record that cannot be read.
    pub(super) fn unreadable(message: impl Into<String>) -> StoreError {
        StoreError::new(message).with_kind(StoreErrorKind::Unreadable)
    }

    /// Somebody else lives under this id.
    pub(super) fn in_use() -> StoreError {
        StoreError::new("another living client has this id").with_kind(StoreErrorKind::InUse)
    }

    /// A client that never began here, or has ended.
    pub(super) fn not_held() -> StoreError {
        StoreError::new("no such client holds its records here")
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
