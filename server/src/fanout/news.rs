//! One message between nodes: sixteen bytes that say which node it is from, then JSON.

use interline_core::entry::{EncodedEntry, Head};
use interline_core::id::{SessionId, UserId};
use interline_core::presence::Presence;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Entries that are larger than this, in bytes, are only announced: a Redis is no place for them, and the store has
/// them.
pub(super) const INLINE: usize = 32 << 10;
/// No message is larger, in bytes.
const MESSAGE: usize = 2 * INLINE + 4096;
const NODE: usize = 16;

/// What one node tells the others about a review.
#[derive(Clone, PartialEq, Debug)]
pub enum News {
    /// This was appended.
    Entry(EncodedEntry),
    /// The log reaches to here.
    Ahead(Head),
    /// Somebody is there.
    Present(Presence),
    /// Somebody is gone.
    Gone(SessionId),
    /// A user has read or viewed something: the store has what.
    Marked(UserId),
    /// Nobody says this: something may have been said that was not heard.
    Missed,
}

/// [`News`] on their way; a node that is older passes over what it does not know.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    Entry {
        head: Head,
        payload: String,
    },
    Ahead(Head),
    Present(Presence),
    Gone(SessionId),
    Marked(UserId),
    #[serde(other)]
    Unknown,
}

impl News {
    /// Where the log ends at least, as far as this tells.
    pub(super) fn head(&self) -> Option<Head> {
        match self {
            News::Entry(entry) => Some(Head { version: entry.version, hash: entry.hash }),
            News::Ahead(head) => Some(*head),
            News::Present(_) | News::Gone(_) | News::Marked(_) | News::Missed => None,
        }
    }

    /// As bytes, said by a node.
    pub(super) fn encode(&self, node: Uuid) -> Vec<u8> {
        let message = match self {
            News::Entry(entry) => {
                let head = Head { version: entry.version, hash: entry.hash };
                match entry.payload.len() <= INLINE {
                    true => Message::Entry { head, payload: entry.payload.to_string() },
                    false => Message::Ahead(head),
                }
            }
            News::Ahead(head) => Message::Ahead(*head),
            News::Present(presence) => Message::Present(presence.clone()),
            News::Gone(session) => Message::Gone(*session),
            News::Marked(user) => Message::Marked(user.clone()),
            News::Missed => Message::Unknown,
        };
        let mut bytes = node.as_bytes().to_vec();
        // Plain data always encodes; half a message would be none.
        let _ = serde_json::to_writer(&mut bytes, &message);
        bytes
    }

    /// What another node said; nothing where a node said it itself, or where it is no message.
    pub(super) fn decode(bytes: &[u8], own: Uuid) -> Option<News> {
        let (node, json) = bytes.split_at_checked(NODE)?;
        if node == own.as_bytes() || json.len() > MESSAGE {
            return None;
        }
        Some(match serde_json::from_slice(json).ok()? {
            Message::Entry { head, payload } => {
                News::Entry(EncodedEntry { version: head.version, hash: head.hash, payload: payload.into() })
            }
            Message::Ahead(head) => News::Ahead(head),
            Message::Present(presence) => News::Present(presence),
            Message::Gone(session) => News::Gone(session),
            Message::Marked(user) => News::Marked(user),
            Message::Unknown => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interline_core::entry::Hash;

    fn entry(bytes: usize) -> News {
        News::Entry(EncodedEntry { version: 7, hash: Hash::of(b"7"), payload: "x".repeat(bytes).into() })
    }

    #[test]
    fn news_are_understood_by_other_nodes_only() {
        let [ours, theirs] = [1, 2].map(Uuid::from_u128);
        let head = Head { version: 9, hash: Hash::of(b"9") };
        let (gone, user) = (SessionId(Uuid::from_u128(3)), UserId::new("ann").unwrap());
        for news in [entry(10), News::Ahead(head), News::Gone(gone), News::Marked(user)] {
            let bytes = news.encode(theirs);
            assert_eq!(News::decode(&bytes, ours), Some(news));
            assert_eq!(News::decode(&bytes, theirs), None);
        }
    }

    #[test]
    fn a_large_entry_is_only_announced() {
        let [ours, theirs] = [1, 2].map(Uuid::from_u128);
        assert_eq!(News::decode(&entry(INLINE).encode(theirs), ours), Some(entry(INLINE)));
        let announced = News::decode(&entry(INLINE + 1).encode(theirs), ours);
        assert_eq!(announced, Some(News::Ahead(Head { version: 7, hash: Hash::of(b"7") })));
    }

    #[test]
    fn what_is_no_message_is_passed_over() {
        let node = Uuid::from_u128(1);
        let mut newer = Uuid::from_u128(2).as_bytes().to_vec();
        newer.extend(br#""a_newer_one""#);
        let long = [&[0; NODE][..], &[b' '; MESSAGE + 1]].concat();
        for bytes in [&b""[..], b"short", &[0; 16], &[0; 40], &newer, &long] {
            assert_eq!(News::decode(bytes, node), None);
        }
    }
}
