//! Replicas as a store takes them, and as they come back.
//!
//! What cannot be read is set aside in the store, and the rest goes on: without its confirmed review a replica gets
//! that from the server, without what was pending it begins anew, under another client id.

use interline_core::clock::Millis;
use interline_core::id::{ClientId, ReviewId};
use interline_core::sync::{
    Replica, Restore, SAVED_FORMAT, Save, SavedConfirmed, SavedLedger, SavedPending, SavedReview,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::drafts::is_drafts;
use super::saved_v1::SavedV1;
use crate::error::Problem;
use crate::platform;
use crate::shared::Config;
use crate::store::{Confirmed, Part, Record, StoreError, StoreErrorKind, Stored};

/// A replica from the local store.
pub(super) struct Loaded {
    pub(super) replica: Replica,
    /// What was wrong with the local copy.
    pub(super) problems: Vec<Problem>,
}

/// A replica as a store takes it.
pub(super) fn record(save: &Save) -> Result<Record, StoreError> {
    let confirmed = match &save.confirmed {
        SavedConfirmed::Same => Confirmed::Same,
        SavedConfirmed::Behind(entries) => Confirmed::Behind(entries.clone()),
        SavedConfirmed::Whole(whole) => Confirmed::Whole(write(whole)?),
    };
    let ledger = save.ledger.as_ref().map(write).transpose()?;
    Ok(Record { pending: write(&save.pending)?, ledger, confirmed, precious: save.precious })
}

/// The replica of a review, if there is one; of private drafts, with the review that they are in, where that is known:
/// their record says so as well, unless an earlier release has written it or it is damaged. The review is in use where
/// this does not fail.
pub(super) async fn load(
    config: &Config,
    id: ReviewId,
    of: Option<ReviewId>,
) -> Result<Option<Loaded>, StoreError> {
    let of = match of {
        None if is_drafts(id) => stored_of(config, id).await,
        of => of,
    };
    let loaded = match config.store.load(&config.scope, id).await {
        Ok(None) => return Ok(None),
        Ok(Some(stored)) => read(config, id, of, stored).await,
        Err(error) if error.kind() == StoreErrorKind::Unreadable => {
            Ok(anew(config, id, of, &error.to_string()))
        }
        Err(error) => Err(error),
    };
    if loaded.is_err() {
        config.store.left(&config.scope, id);
    }
    loaded.map(Some)
}

/// The review that drafts are in, if it is in the store as well: their id follows from its.
async fn stored_of(config: &Config, drafts: ReviewId) -> Option<ReviewId> {
    let user = &config.scope.owner.user;
    // Whoever opens the review finds them as well.
    let ids = config.store.list(&config.scope).await.unwrap_or_default();
    ids.into_iter().find(|id| id.drafts_of(user) == drafts)
}

async fn read(
    config: &Config,
    id: ReviewId,
    of: Option<ReviewId>,
    stored: Stored,
) -> Result<Loaded, StoreError> {
    let (store, scope) = (&config.store, &config.scope);
    let Stored { pending, ledger, confirmed, entries, damaged } = stored;
    let mut problems: Vec<_> = damaged.iter().map(|what| damage(id, what)).collect();
    let mut restore = match read_pending(&pending, id) {
        Ok(Found::Present(pending)) => {
            let mut restore = Restore { pending: *pending, ledger: None, confirmed: None, entries };
            if let Some(text) = ledger {
                match read_part::<SavedLedger>(&text, id) {
                    Ok(ledger) => restore.ledger = Some(ledger),
                    Err(Unread::Newer(error)) => return Err(error),
                    Err(Unread::Damaged(why)) => {
                        problems.push(damage(id, &format!("what was refused cannot be read: {why}")));
                        store.set_aside(scope, id, Part::Ledger).await?;
                    }
                }
            }
            if let Some(text) = confirmed {
                match read_part::<SavedReview>(&text, id) {
                    Ok(confirmed) => restore.confirmed = Some(confirmed),
                    Err(Unread::Newer(error)) => return Err(error),
                    Err(Unread::Damaged(why)) => {
                        problems.push(damage(id, &format!("the review cannot be read: {why}")));
                        store.set_aside(scope, id, Part::Confirmed).await?;
                    }
                }
            }
            restore
        }
        Ok(Found::Before(before)) => {
            let save = before.upgrade(config.clock.now());
            check(&save.pending, config, id)?;
            // From here on saves say what has changed: this one has to be there for them.
            store.save(scope, id, &record(&save)?).await?;
            let confirmed = match save.confirmed {
                SavedConfirmed::Whole(whole) => Some(*whole),
                _ => None,
            };
            Restore { pending: save.pending, ledger: save.ledger, confirmed, entries: Vec::new() }
        }
        Err(Unread::Newer(error)) => return Err(error),
        Err(Unread::Damaged(why)) => {
            store.set_aside(scope, id, Part::Record).await?;
            return Ok(anew(config, id, of, &why));
        }
    };
    check(&restore.pending, config, id)?;
    let had = restore.confirmed.is_some();
    restore.pending.drafts_of = restore.pending.drafts_of.or(of);
    let replica = Replica::restore(config.clock.now(), restore, config.debounce_ms);
    if had && !replica.is_loaded() {
        problems.push(damage(id, "the review and what was pending do not fit together"));
        store.set_aside(scope, id, Part::Confirmed).await?;
    }
    Ok(Loaded { replica, problems })
}

/// A replica that begins anew: how far the one before it had numbered its batches is not known.
fn anew(config: &Config, id: ReviewId, of: Option<ReviewId>, why: &str) -> Loaded {
    let (fresh, user) = (ClientId(platform::new_id()), config.scope.owner.user.clone());
    let replica = match of {
        Some(of) => Replica::drafts(fresh, user, of, config.debounce_ms),
        None => Replica::new(fresh, user, id, config.debounce_ms),
    };
    Loaded { replica, problems: vec![unreadable(id, why)] }
}

/// A problem that a person has to look into.
pub(super) fn unreadable(id: ReviewId, why: &str) -> Problem {
    let message = format!(
        "what was pending in {id} cannot be read ({why}); it is kept in the local store, where `Client::unreadable` \
         finds it"
    );
    Problem { code: "local_copy_unreadable".into(), message, retryable: false }
}

/// A problem that the server's copy heals.
fn damage(id: ReviewId, what: &str) -> Problem {
    let message =
        format!("the local copy of {id} is damaged: {what}; it is kept in the local store, and fetched anew");
    Problem { code: "local_copy_damaged".into(), message, retryable: false }
}

/// Why a text is not what it should be.
enum Unread {
    Newer(StoreError),
    Damaged(String),
}

/// What was pending, as this release writes it or as an earlier one did.
enum Found {
    Present(Box<SavedPending>),
    Before(Box<SavedV1>),
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

fn read_pending(text: &str, id: ReviewId) -> Result<Found, Unread> {
    match serde_json::from_str(text) {
        Ok(Format { format: 1 }) => serde_json::from_str(text).map(Found::Before).map_err(damaged),
        _ => read_part(text, id).map(|pending| Found::Present(Box::new(pending))),
    }
}

fn read_part<T: DeserializeOwned>(text: &str, id: ReviewId) -> Result<T, Unread> {
    let Format { format } = serde_json::from_str(text).map_err(damaged)?;
    match format {
        2..=SAVED_FORMAT => serde_json::from_str(text).map_err(damaged),
        newer if newer > SAVED_FORMAT => {
            let message = format!("the local copy of {id} was saved by newer software, in format {newer}");
            Err(Unread::Newer(StoreError::new(message).with_kind(StoreErrorKind::Newer)))
        }
        unknown => Err(Unread::Damaged(format!("there is no format {unknown}"))),
    }
}

fn damaged(error: serde_json::Error) -> Unread {
    Unread::Damaged(error.to_string())
}

/// Checks that a saved replica is what it was asked for as.
fn check(pending: &SavedPending, config: &Config, id: ReviewId) -> Result<(), StoreError> {
    if pending.review != id || pending.user != config.scope.owner.user {
        return Err(StoreError::new("the local copy belongs to something else"));
    }
    Ok(())
}

/// What is pending in a replica that is only in the store.
pub(crate) enum Peeked {
    /// Nothing is there.
    Nothing,
    /// So many changes; none, or since when.
    Pending(usize, Option<Millis>),
    /// Nobody can read it, and why.
    Unreadable(String),
    /// Only newer software can read it.
    Newer(StoreError),
}

/// Looks at what is pending in a replica that is only in the store, and changes nothing.
pub(crate) async fn peek(config: &Config, id: ReviewId) -> Result<Peeked, StoreError> {
    let text = match config.store.peek(&config.scope, id).await {
        Ok(None) => return Ok(Peeked::Nothing),
        Ok(Some(text)) => text,
        Err(error) if error.kind() == StoreErrorKind::Unreadable => {
            return Ok(Peeked::Unreadable(error.to_string()));
        }
        Err(error) => return Err(error),
    };
    let found = match read_pending(&text, id) {
        Ok(found) => found,
        Err(Unread::Newer(error)) => return Ok(Peeked::Newer(error)),
        Err(Unread::Damaged(why)) => return Ok(Peeked::Unreadable(why)),
    };
    let (in_flight, buffer, since) = match found {
        Found::Present(saved) => {
            let SavedPending { in_flight, buffer, buffered_since, .. } = *saved;
            (in_flight, buffer, buffered_since)
        }
        Found::Before(before) => {
            let SavedPending { in_flight, buffer, buffered_since, .. } = before.upgrade(0).pending;
            (in_flight, buffer, buffered_since)
        }
    };
    let sent = in_flight.as_ref().map_or(0, |batch| batch.changes.changes().len().max(1));
    let since = in_flight.map(|batch| batch.since).or(since);
    Ok(Peeked::Pending(sent + buffer.changes().len(), since))
}

fn write(part: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(part).map_err(|error| StoreError::because("the replica cannot be written", error))
}
