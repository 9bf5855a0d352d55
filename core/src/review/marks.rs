//! What one user has read and looked at in a review. Private to them: never in the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Stamp;
use crate::id::{CommentId, Version};
use crate::limits::Limits;

/// A user's marks. Any two can be merged, in any order and as often as one likes: what was read stays read, and of a
/// file the later mark counts.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// Up to which version each thread was read, by its root.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub read: BTreeMap<CommentId, Version>,
    /// The files that were looked at, or no longer count as that, by their paths.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub viewed: BTreeMap<String, Viewed>,
}

/// A mark on a file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Viewed {
    /// Whether it was looked at.
    pub viewed: bool,
    /// In which patch set.
    pub patch_set: u32,
    /// When, and from which client.
    pub at: Stamp,
    /// Whether its diff has changed since. The server says so; from a client it means nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
}

impl Marks {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.viewed.is_empty()
    }

    /// Takes in others. Marks on further threads and files than one review can have are left out.
    pub fn merge(&mut self, others: &Marks) {
        for (thread, version) in &others.read {
            if let Some(read) = self.read.get_mut(thread) {
                *read = (*read).max(*version);
            } else if self.read.len() < Limits::MARKS {
                self.read.insert(*thread, *version);
            }
        }
        let mut bytes: usize = self.viewed.keys().map(String::len).sum();
        for (file, other) in &others.viewed {
            if let Some(viewed) = self.viewed.get_mut(file) {
                if viewed.at < other.at {
                    *viewed = other.clone();
                } else if viewed.at == other.at {
                    viewed.changed |= other.changed;
                }
            } else if self.viewed.len() < Limits::MARKS && bytes + file.len() <= Limits::MARK_BYTES {
                bytes += file.len();
                self.viewed.insert(file.clone(), other.clone());
            }
        }
    }

    /// Forgets the marks that others hold just like this.
    pub fn remove(&mut self, others: &Marks) {
        self.read.retain(|thread, version| others.read.get(thread) != Some(version));
        self.viewed.retain(|file, viewed| others.viewed.get(file) != Some(viewed));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::clock::HlcTime;
    use crate::id::ClientId;

    fn marks() -> impl Strategy<Value = Marks> {
        let read = prop::collection::btree_map(0u128..4, 0u64..9, 0..4);
        let viewed = prop::collection::btree_map("[a-c]", (any::<bool>(), 0u64..4, 0u128..3), 0..3);
        (read, viewed).prop_map(|(read, viewed)| Marks {
            read: read.into_iter().map(|(id, version)| (CommentId(Uuid::from_u128(id)), version)).collect(),
            viewed: viewed
                .into_iter()
                .map(|(file, (changed, ms, client))| {
                    // A client makes one mark at a time: what it says follows from when.
                    let viewed = (ms + client as u64).is_multiple_of(2);
                    let at = Stamp { at: HlcTime { ms, n: 0 }, client: ClientId(Uuid::from_u128(client)) };
                    (file, Viewed { viewed, patch_set: 1, at, changed })
                })
                .collect(),
        })
    }

    fn merged(a: &Marks, b: &Marks) -> Marks {
        let mut both = a.clone();
        both.merge(b);
        both
    }

    proptest! {
        #[test]
        fn marks_merge_in_any_order_and_as_often_as_one_likes(a in marks(), b in marks(), c in marks()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&merged(&a, &b), &b), merged(&a, &b));
            let mut rest = merged(&a, &b);
            rest.remove(&a);
            prop_assert_eq!(merged(&a, &rest), merged(&a, &b));
            rest.remove(&rest.clone());
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn marks_are_bounded() {
        let at = Stamp { at: HlcTime { ms: 1, n: 0 }, client: ClientId(Uuid::nil()) };
        let viewed = Viewed { viewed: true, patch_set: 1, at, changed: false };
        let many = |from: u128| Marks {
            read: (from..from + Limits::MARKS as u128).map(|n| (CommentId(Uuid::from_u128(n)), 1)).collect(),
            viewed: (0..300).map(|n| (format!("{from}-{n}-{}", "x".repeat(4_000)), viewed.clone())).collect(),
        };
        let mut all = many(0);
        all.merge(&many(1_000_000));
        assert_eq!(all.read.len(), Limits::MARKS);
        let bytes: usize = all.viewed.keys().map(String::len).sum();
        assert!(bytes <= 300 * 4_020);
    }
}
