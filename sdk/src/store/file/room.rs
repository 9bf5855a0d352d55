//! Making room where there is none: what the server has as well goes, the least recently used first.

use std::path::Path;
use std::sync::Arc;

use interline_core::clock::Millis;
use interline_core::id::ReviewId;
use redb::Database;

use super::folder::{Folder, Lock};
use super::rows;
use super::slot::{Slot, visit};
use crate::store::{StoreError, StoreErrorKind};

/// Where a cache is.
enum Place {
    /// In a slot of this store, of a review that is not open.
    Held(Arc<Slot>),
    /// In one that nobody living holds.
    Free(usize),
}

/// What could go, and the slots in which some of it is, which nobody can take meanwhile.
struct Room {
    caches: Vec<(Millis, ReviewId, Place)>,
    visited: Vec<(Database, Lock)>,
}

/// Does something that takes space; as long as there is none, a cache goes and it tries again.
pub(super) fn make<T>(
    root: &Path,
    held: &[Arc<Slot>],
    mut attempt: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let is_full = |result: &Result<T, StoreError>| {
        result.as_ref().is_err_and(|error| error.kind() == StoreErrorKind::Full)
    };
    let mut result = attempt();
    if !is_full(&result) {
        return result;
    }
    let mut room = survey(root, held);
    while let Some((_, review, place)) = room.caches.pop() {
        let evicted = match place {
            Place::Held(slot) => slot.evict(review).unwrap_or(false),
            Place::Free(at) => evict(&mut room.visited[at].0, review),
        };
        if evicted {
            result = attempt();
            if !is_full(&result) {
                break;
            }
        }
    }
    result
}

/// Looks for what could go; the last is to go first.
fn survey(root: &Path, held: &[Arc<Slot>]) -> Room {
    let mut room = Room { caches: Vec::new(), visited: Vec::new() };
    for slot in held {
        let caches = slot.caches().unwrap_or_default().into_iter();
        room.caches.extend(caches.map(|(at, review)| (at, review, Place::Held(Arc::clone(slot)))));
    }
    for folder in Folder::all(root).unwrap_or_default() {
        for name in folder.slots().unwrap_or_default() {
            let Some((lock, database)) = visit(&folder, name) else { continue };
            let caches = rows::caches(&database).unwrap_or_default();
            if !caches.is_empty() {
                let here = room.visited.len();
                room.caches.extend(caches.into_iter().map(|(at, review)| (at, review, Place::Free(here))));
                room.visited.push((database, lock));
            }
        }
    }
    room.caches.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
    room
}

/// Drops a cache and gives its space back.
fn evict(database: &mut Database, review: ReviewId) -> bool {
    rows::evict(database, review).is_ok() && database.compact().is_ok()
}
