//! The chain that every entry of a log is a link of, and entries as they are stored and sent.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::entry::{ENTRY_FORMAT, Entry};
use crate::hex::hex_bytes;
use crate::id::Version;

/// A SHA-256 digest; 64 lowercase hexadecimal digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Hash(pub [u8; 32]);

hex_bytes!(Hash, 32);

impl Hash {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    /// The next link of a log's chain: SHA-256 over this link and the digest of the next payload. Covering
    /// digests rather than payloads lets a payload be erased while the chain still verifies.
    pub fn chain(self, payload: &[u8]) -> Hash {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.0);
        bytes[32..].copy_from_slice(&Hash::of(payload).0);
        Hash::of(&bytes)
    }
}

/// Where a log ends: how many entries it has, and the link of its chain there. The empty log's link is all zeros.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The last entry's version, 0 for the empty log.
    pub version: Version,
    /// The chain's link at that version.
    pub hash: Hash,
}

/// An entry as it is stored and sent: its bytes are made once and never again.
#[derive(Clone, PartialEq, Debug)]
pub struct EncodedEntry {
    /// Its place in the log.
    pub version: Version,
    /// The chain's link at that place.
    pub hash: Hash,
    /// The entry in JSON.
    pub payload: std::sync::Arc<str>,
}

/// Stored bytes that are not an entry this software can read.
#[derive(Debug, thiserror::Error)]
#[error("entry {version} cannot be read: {why}")]
pub struct UnreadableEntry {
    /// Its place in the log.
    pub version: Version,
    /// What is wrong.
    pub why: String,
}

impl EncodedEntry {
    /// Encodes an entry behind a link of the chain.
    pub fn new(entry: &Entry, previous: Hash) -> EncodedEntry {
        let payload = serde_json::to_string(entry).unwrap_or_default();
        debug_assert!(!payload.is_empty(), "an entry is plain data and always encodes");
        EncodedEntry {
            version: entry.version,
            hash: previous.chain(payload.as_bytes()),
            payload: payload.into(),
        }
    }

    /// Decodes it.
    pub fn decode(&self) -> Result<Entry, UnreadableEntry> {
        let unreadable = |why: String| UnreadableEntry { version: self.version, why };
        let entry: Entry =
            serde_json::from_str(&self.payload).map_err(|error| unreadable(error.to_string()))?;
        if entry.format > ENTRY_FORMAT {
            return Err(unreadable(format!("format {} is newer than this software", entry.format)));
        }
        if entry.version != self.version {
            return Err(unreadable(format!("it calls itself {}", entry.version)));
        }
        Ok(entry)
    }
}
