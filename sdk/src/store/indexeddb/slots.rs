//! Slots: which client a tab is, and which nobody is any more.

use interline_core::id::ClientId;
use web_sys::IdbDatabase;

use super::locks::{self, Asked, Lock};
use super::room::{self, InUse};
use super::rows::{self, About, Holder, Key, SlotRow};
use super::schema::{RECORDS, SLOTS, UNREADABLE};
use super::tx::{Mode, Tx};
use crate::platform;
use crate::store::{Owner, Scope, StoreError};

/// Where a browser has no locks: a slot that was not used for so long, in milliseconds, is one that nobody lives on.
/// Should somebody all the same, the generation keeps them from writing.
const ABANDONED_MS: f64 = 600_000.0;

/// A slot that is ours.
pub(super) struct Taken {
    pub(super) holder: Holder,
    /// `None` where the browser has no locks.
    pub(super) _lock: Option<Lock>,
}

/// What a slot is worth.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Worth {
    Empty,
    /// Nothing but what was set aside.
    Remains,
    Cache,
    Precious,
}

/// Asks for the lock of a slot.
pub(super) async fn ask(name: &str, scope: &Scope) -> Asked {
    let Owner { server, user } = &scope.owner;
    // No address and no database's name holds a space.
    locks::ask(&format!("{name} {} {server} {}", scope.client, user.as_str())).await
}

/// The slots of an owner, in the order in which they are taken.
async fn slots(database: &IdbDatabase, owner: &Owner) -> Result<Vec<(Scope, SlotRow)>, StoreError> {
    let tx = Tx::begin(database, &[SLOTS], Mode::Read)?;
    let mut slots = Vec::new();
    for (key, row) in tx.rows(SLOTS, &Key::of(owner).range()?).await? {
        let client: Option<ClientId> = key.get(2).as_string().and_then(|id| id.parse().ok());
        let (Some(client), Some(row)) = (client, SlotRow::read(&row)) else { continue };
        slots.push((Scope { owner: owner.clone(), client }, row));
    }
    slots.sort_by(|(a, one), (b, other)| one.place.total_cmp(&other.place).then(a.cmp(b)));
    Ok(slots)
}

/// What there is in a slot, and when any of it was used last.
async fn worth(tx: &Tx, scope: &Scope) -> Result<(Worth, f64), StoreError> {
    let range = Key::of_scope(scope).range()?;
    let records = tx.rows(RECORDS, &range).await?;
    let records = records.iter().map(|(_, about)| About::read(about));
    let used = records.clone().map(|about| about.touched).fold(0.0, f64::max);
    let worth = records.map(|about| if about.precious { Worth::Precious } else { Worth::Cache });
    let worth = worth.reduce(|a, b| if a == Worth::Precious { a } else { b });
    Ok(match worth {
        Some(worth) => (worth, used),
        None if tx.keys(UNREADABLE, &range).await?.is_empty() => (Worth::Empty, used),
        None => (Worth::Remains, used),
    })
}

/// Takes the first free slot in which something is left, or a new one.
pub(super) async fn first_free(
    database: &IdbDatabase,
    name: &str,
    owner: &Owner,
    fresh: ClientId,
    in_use: InUse<'_>,
) -> Result<Taken, StoreError> {
    let mut place = 0.0;
    for (scope, row) in slots(database, owner).await? {
        place = row.place + 1.0;
        if row.named {
            continue;
        }
        // Without locks nobody knows who lives: a client begins anew, and what was left is run to the end by somebody.
        let Asked::Ours(lock) = ask(name, &scope).await else { continue };
        let tx = Tx::begin(database, &[SLOTS, RECORDS, UNREADABLE], Mode::Write)?;
        // Somebody may have run it to the end since it was seen.
        let row = tx.get(SLOTS, &Key::of_scope(&scope).js()).await?;
        let Some(row) = row.as_ref().and_then(SlotRow::read) else { continue };
        match worth(&tx, &scope).await?.0 {
            // How far it had numbered its batches is not known.
            Worth::Empty => {
                tx.delete(SLOTS, Key::of_scope(&scope).js())?;
                tx.done().await?;
            }
            Worth::Remains => {}
            Worth::Cache | Worth::Precious => return own(tx, scope, row, Some(lock)).await,
        }
    }
    let scope = Scope { owner: owner.clone(), client: fresh };
    let lock = lock(name, &scope).await?;
    begin(database, name, scope, SlotRow { place, generation: 0.0, named: false }, lock, in_use).await
}

/// Makes a slot.
async fn begin(
    database: &IdbDatabase,
    name: &str,
    scope: Scope,
    row: SlotRow,
    lock: Option<Lock>,
    in_use: InUse<'_>,
) -> Result<Taken, StoreError> {
    let row = SlotRow { generation: 1.0, ..row };
    let put = async || {
        let tx = Tx::begin(database, &[SLOTS], Mode::Write)?;
        let mark = rows::mark(&tx).await?;
        row.put(&tx, &scope)?;
        tx.done().await.map(|()| mark)
    };
    let mark = room::make(database, name, in_use, put).await?;
    Ok(Taken { holder: Holder::new(scope, row, Some(mark)), _lock: lock })
}

/// The lock of a slot, unless somebody has it.
async fn lock(name: &str, scope: &Scope) -> Result<Option<Lock>, StoreError> {
    match ask(name, scope).await {
        Asked::Ours(lock) => Ok(Some(lock)),
        Asked::Taken => Err(StoreError::in_use()),
        Asked::Unknown => Ok(None),
    }
}

/// Takes the slot of this client.
pub(super) async fn hold(
    database: &IdbDatabase,
    name: &str,
    scope: &Scope,
    in_use: InUse<'_>,
) -> Result<Taken, StoreError> {
    let lock = lock(name, scope).await?;
    let tx = Tx::begin(database, &[SLOTS], Mode::Write)?;
    let row = tx.get(SLOTS, &Key::of_scope(scope).js()).await?;
    let Some(row) = row.as_ref().and_then(SlotRow::read) else {
        drop(tx);
        let named = SlotRow { place: 0.0, generation: 0.0, named: true };
        return begin(database, name, scope.clone(), named, lock, in_use).await;
    };
    own(tx, scope.clone(), row, lock).await
}

/// Takes a slot that is there: from here on nobody else writes to it.
async fn own(tx: Tx, scope: Scope, row: SlotRow, lock: Option<Lock>) -> Result<Taken, StoreError> {
    let next = SlotRow { generation: row.generation + 1.0, ..row };
    let mark = rows::mark(&tx).await;
    let put = mark.and_then(|mark| next.put(&tx, &scope).map(|()| mark));
    let taken = match put {
        Ok(mark) => tx.done().await.map(|()| mark),
        Err(error) => Err(error),
    };
    let (row, mark) = match taken {
        Ok(mark) => (next, Some(mark)),
        // The lock keeps others away as it is; what is here can still be read.
        full if room::is_full(&full) && lock.is_some() => (row, None),
        Err(error) => return Err(error),
    };
    Ok(Taken { holder: Holder::new(scope, row, mark), _lock: lock })
}

/// The slots that nobody living holds and that hold something precious.
pub(super) async fn orphans(
    database: &IdbDatabase,
    name: &str,
    owner: &Owner,
    ours: &[Scope],
    skipped: impl Fn(&Scope, StoreError),
) -> Result<Vec<Scope>, StoreError> {
    let mut orphans = Vec::new();
    for (scope, row) in slots(database, owner).await? {
        if row.named || ours.contains(&scope) {
            continue;
        }
        let lock = ask(name, &scope).await;
        if matches!(lock, Asked::Taken) {
            continue;
        }
        let ours = matches!(lock, Asked::Ours(_));
        match left(database, &scope, ours).await {
            Ok(true) => orphans.push(scope),
            Ok(false) => {}
            // One that cannot be looked into keeps nobody from the others.
            Err(error) => skipped(&scope, error),
        }
        if let Asked::Ours(lock) = lock {
            // Whoever goes through this list asks for it next.
            lock.release().await;
        }
    }
    Ok(orphans)
}

/// Whether there is something precious in a slot that nobody lives on; `ours` if its lock says so. An empty one goes.
async fn left(database: &IdbDatabase, scope: &Scope, ours: bool) -> Result<bool, StoreError> {
    let tx = Tx::begin(database, &[SLOTS, RECORDS, UNREADABLE], Mode::Write)?;
    let (worth, used) = worth(&tx, scope).await?;
    if worth == Worth::Empty && ours {
        tx.delete(SLOTS, Key::of_scope(scope).js())?;
        tx.done().await?;
    }
    Ok(worth == Worth::Precious && (ours || used + ABANDONED_MS < platform::now_ms() as f64))
}
