//! Names of things. Every id is made outside of core and comes in as a value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The position of an entry in a review's log, counted from 1; 0 is the empty log.
pub type Version = u64;

/// The number of a batch among all that one client submitted to one review, counted from 1.
pub type Seq = u64;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map($name)
            }
        }
    };
}

uuid_id!(
    /// A review: the unit of sync, of permission and of ordering.
    ReviewId
);
uuid_id!(
    /// One local replica; survives restarts and belongs to one user.
    ClientId
);
uuid_id!(
    /// A comment; its author's client makes it up.
    CommentId
);
uuid_id!(
    /// One authenticated connection of a client.
    SessionId
);

/// An opaque, stable name of a person: 1 to [`UserId::MAX_CHARS`] printable characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(String);

/// Why a text is not a user id or a display name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {max} printable characters without space at either end")]
pub struct BadName {
    /// The most characters allowed.
    pub max: usize,
}

impl UserId {
    /// The longest id, in Unicode scalars.
    pub const MAX_CHARS: usize = 128;

    /// Checks and wraps an id.
    pub fn new(id: impl Into<String>) -> Result<Self, BadName> {
        printable(id.into(), Self::MAX_CHARS).map(UserId)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for UserId {
    type Error = BadName;
    fn try_from(id: String) -> Result<Self, BadName> {
        UserId::new(id)
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> String {
        id.0
    }
}

/// A person: an opaque id, and the name to show for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct User {
    /// Stable and opaque.
    pub id: UserId,
    /// What others see; may change, and is not unique.
    pub display_name: DisplayName,
}

/// A name to show: 1 to [`DisplayName::MAX_CHARS`] printable characters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DisplayName(String);

impl DisplayName {
    /// The longest name, in Unicode scalars.
    pub const MAX_CHARS: usize = 80;

    /// Checks and wraps a name.
    pub fn new(name: impl Into<String>) -> Result<Self, BadName> {
        printable(name.into(), Self::MAX_CHARS).map(DisplayName)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DisplayName {
    type Error = BadName;
    fn try_from(name: String) -> Result<Self, BadName> {
        DisplayName::new(name)
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> String {
        name.0
    }
}

fn printable(text: String, max: usize) -> Result<String, BadName> {
    let fits = !text.is_empty() && text.chars().count() <= max;
    if fits && text.trim() == text && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err(BadName { max })
    }
}
