//! Records in the database. Every key begins with the owner and the client whose it is.

use std::cell::Cell;
use std::rc::Rc;

use idb::KeyRange;
use interline_core::clock::Millis;
use interline_core::entry::{EncodedEntry, Hash};
use interline_core::id::{ClientId, ReviewId, UserId};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::IdbDatabase;

use super::schema::{CONFIRMED, ENTRIES, KEYS, LEDGER, PENDING, RECORDS, SLOTS, UNREADABLE};
use super::tx::{Mode, Tx};
use crate::platform;
use crate::store::{Confirmed, Owner, Part, Record, Scope, StoreError, Stored, Unreadable};

/// Everything that a record is in.
const PARTS: [&str; 5] = [RECORDS, PENDING, LEDGER, CONFIRMED, ENTRIES];

/// A key, or the beginning of keys.
#[derive(Clone)]
pub(super) struct Key(Array);

impl Key {
    pub(super) fn of(owner: &Owner) -> Key {
        Key(Array::of2(&(&*owner.server).into(), &owner.user.as_str().into()))
    }

    pub(super) fn of_scope(scope: &Scope) -> Key {
        Key::of(&scope.owner).and(&*scope.client.to_string())
    }

    pub(super) fn of_review(scope: &Scope, review: ReviewId) -> Key {
        Key::of_scope(scope).and(&*review.to_string())
    }

    pub(super) fn js(&self) -> JsValue {
        JsValue::from(&self.0)
    }

    pub(super) fn and(&self, part: impl Into<JsValue>) -> Key {
        Key(self.0.concat(&Array::of1(&part.into())))
    }

    /// All keys that begin like this. An array comes behind every number and text.
    pub(super) fn range(&self) -> Result<KeyRange, StoreError> {
        let end = self.0.concat(&Array::of1(&Array::new()));
        let range = KeyRange::bound(&self.0, &end, None, None);
        range.map_err(|error| StoreError::new(format!("IndexedDB: {error}")))
    }
}

/// A slot as the database knows it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct SlotRow {
    pub(super) place: f64,
    pub(super) generation: f64,
    pub(super) named: bool,
}

impl SlotRow {
    pub(super) fn read(value: &JsValue) -> Option<SlotRow> {
        let row = value.dyn_ref::<Array>()?;
        let place = row.get(0).as_f64()?;
        Some(SlotRow { place, generation: row.get(1).as_f64()?, named: row.get(2).as_bool()? })
    }

    pub(super) fn put(self, tx: &Tx, scope: &Scope) -> Result<(), StoreError> {
        let row = Array::of3(&self.place.into(), &self.generation.into(), &self.named.into());
        tx.put(SLOTS, &Key::of_scope(scope).0, &row)
    }
}

/// What is known of a record without reading it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct About {
    pub(super) precious: bool,
    pub(super) set_aside: bool,
    pub(super) touched: f64,
}

impl About {
    /// Where it cannot be read, a record is precious.
    pub(super) fn read(value: &JsValue) -> About {
        let row = value.dyn_ref::<Array>();
        let flag = |n, unknown| row.and_then(|row| row.get(n).as_bool()).unwrap_or(unknown);
        let touched = row.and_then(|row| row.get(2).as_f64()).unwrap_or(0.0);
        About { precious: flag(0, true), set_aside: flag(1, false), touched }
    }

    fn put(self, tx: &Tx, key: &Key) -> Result<(), StoreError> {
        let row = Array::of3(&self.precious.into(), &self.set_aside.into(), &self.touched.into());
        tx.put(RECORDS, &key.0, &row)
    }
}

/// Which database this is: one that was deleted and made again has the same name, and another number here.
pub(super) async fn mark(tx: &Tx) -> Result<f64, StoreError> {
    let key = JsValue::from_str("database");
    if let Some(mark) = tx.get(SLOTS, &key).await?.and_then(|mark| mark.as_f64()) {
        return Ok(mark);
    }
    let mark = js_sys::Math::random();
    tx.put(SLOTS, &key, &mark.into())?;
    Ok(mark)
}

/// A client's records, and the slot that it took.
#[derive(Clone)]
pub(super) struct Holder {
    pub(super) scope: Scope,
    pub(super) row: SlotRow,
    /// The [mark] of the database that the slot is in; `None` where there was no space to write one.
    pub(super) mark: Rc<Cell<Option<f64>>>,
}

impl Holder {
    pub(super) fn new(scope: Scope, row: SlotRow, mark: Option<f64>) -> Holder {
        Holder { scope, row, mark: Rc::new(Cell::new(mark)) }
    }

    /// A transaction that writes, unless somebody has taken the slot since.
    async fn write(&self, database: &IdbDatabase, stores: &[&str]) -> Result<Tx, StoreError> {
        let stores: Vec<_> = stores.iter().chain(&[SLOTS]).copied().collect();
        let tx = Tx::begin(database, &stores, Mode::Write)?;
        let row = tx.get(SLOTS, &Key::of_scope(&self.scope).0).await?;
        if row.is_none() {
            return Err(self.begin_again(tx).await?);
        }
        let current = row.as_ref().and_then(SlotRow::read).map(|row| row.generation);
        if current == Some(self.row.generation) { Ok(tx) } else { Err(StoreError::in_use()) }
    }

    /// Makes the slot again where it went with the database that it was in, and says what to answer: this time it did
    /// not work, so that the client saves all it has. A slot that somebody ended in this database stays ended.
    async fn begin_again(&self, tx: Tx) -> Result<StoreError, StoreError> {
        let now = mark(&tx).await?;
        if self.mark.get().is_none_or(|before| before == now) {
            return Ok(StoreError::in_use());
        }
        self.row.put(&tx, &self.scope)?;
        tx.done().await?;
        self.mark.set(Some(now));
        Ok(StoreError::new(
            "the local store was deleted; what is on this page is kept there again from now on",
        ))
    }
}

fn set_aside_before(review: ReviewId) -> StoreError {
    StoreError::unreadable(format!("the local copy of {review} cannot be read and was set aside"))
}

pub(super) async fn resolve(
    database: &IdbDatabase,
    owner: &Owner,
    key: &str,
) -> Result<Option<ReviewId>, StoreError> {
    let tx = Tx::begin(database, &[KEYS], Mode::Read)?;
    let found = tx.get(KEYS, &Key::of(owner).and(key).0).await?;
    Ok(found.and_then(|id| id.as_string()).and_then(|id| id.parse().ok()))
}

pub(super) async fn remember(
    database: &IdbDatabase,
    owner: &Owner,
    key: &str,
    review: ReviewId,
) -> Result<(), StoreError> {
    let tx = Tx::begin(database, &[KEYS], Mode::WriteLater)?;
    tx.put(KEYS, &Key::of(owner).and(key).0, &review.to_string().into())?;
    tx.done().await
}

pub(super) async fn load(
    database: &IdbDatabase,
    holder: &Holder,
    review: ReviewId,
) -> Result<Option<Stored>, StoreError> {
    let key = Key::of_review(&holder.scope, review);
    let tx = Tx::begin(database, &PARTS, Mode::Read)?;
    let Some(about) = tx.get(RECORDS, &key.0).await? else { return Ok(None) };
    if About::read(&about).set_aside {
        return Err(set_aside_before(review));
    }
    let pending = tx.get(PENDING, &key.0).await?.and_then(|value| value.as_string());
    let (ledger, confirmed) = (tx.get(LEDGER, &key.0).await?, tx.get(CONFIRMED, &key.0).await?);
    let rows = tx.rows(ENTRIES, &key.range()?).await?;
    tx.done().await?;

    let Some(pending) = pending else {
        set_aside(database, holder, review, Part::Record).await?;
        return Err(set_aside_before(review));
    };
    let mut stored = Stored { pending, ledger: None, confirmed: None, entries: Vec::new(), damaged: None };
    if let Some(ledger) = ledger {
        stored.ledger = ledger.as_string();
        if stored.ledger.is_none() {
            set_aside(database, holder, review, Part::Ledger).await?;
            stored.damaged = Some(format!("what was refused of {review} cannot be read and was set aside"));
        }
    }
    let entries: Option<Vec<_>> = rows.iter().map(|(key, row)| decode(key, row)).collect();
    let text = confirmed.as_ref().and_then(JsValue::as_string);
    match (text, entries) {
        (Some(text), Some(entries)) => (stored.confirmed, stored.entries) = (Some(text), entries),
        (None, Some(entries)) if confirmed.is_none() && entries.is_empty() => {}
        _ => {
            set_aside(database, holder, review, Part::Confirmed).await?;
            stored.damaged = Some(format!("the confirmed part of {review} cannot be read and was set aside"));
        }
    }
    Ok(Some(stored))
}

/// What is pending of a review. Changes nothing.
pub(super) async fn peek(
    database: &IdbDatabase,
    holder: &Holder,
    review: ReviewId,
) -> Result<Option<String>, StoreError> {
    let key = Key::of_review(&holder.scope, review);
    let tx = Tx::begin(database, &[RECORDS, PENDING], Mode::Read)?;
    let Some(about) = tx.get(RECORDS, &key.0).await? else { return Ok(None) };
    let pending = tx.get(PENDING, &key.0).await?.and_then(|value| value.as_string());
    tx.done().await?;
    match pending {
        Some(pending) if !About::read(&about).set_aside => Ok(Some(pending)),
        _ => Err(StoreError::unreadable(format!("what is pending in {review} cannot be read"))),
    }
}

/// Notes that a record was used.
pub(super) async fn touch(
    database: &IdbDatabase,
    holder: &Holder,
    review: ReviewId,
) -> Result<(), StoreError> {
    let key = Key::of_review(&holder.scope, review);
    let tx = Tx::begin(database, &[RECORDS], Mode::WriteLater)?;
    if let Some(about) = tx.get(RECORDS, &key.0).await? {
        About { touched: now(), ..About::read(&about) }.put(&tx, &key)?;
    }
    tx.done().await
}

fn now() -> f64 {
    platform::now_ms() as f64
}

fn decode(key: &Array, row: &JsValue) -> Option<EncodedEntry> {
    let version = key.get(key.length().checked_sub(1)?).as_f64()?;
    let row = row.dyn_ref::<Array>()?;
    let hash = row.get(0).dyn_into::<Uint8Array>().ok()?.to_vec();
    let (hash, payload) = (Hash(hash.try_into().ok()?), row.get(1).as_string()?.into());
    Some(EncodedEntry { version: version as u64, hash, payload })
}

pub(super) async fn save(
    database: &IdbDatabase,
    holder: &Holder,
    review: ReviewId,
    record: &Record,
) -> Result<(), StoreError> {
    let key = Key::of_review(&holder.scope, review);
    let tx = holder.write(database, &PARTS).await?;
    let about = tx.get(RECORDS, &key.0).await?.as_ref().map(About::read);
    match &record.confirmed {
        Confirmed::Whole(text) => {
            tx.delete(ENTRIES, key.range()?)?;
            tx.put(CONFIRMED, &key.0, &(&**text).into())?;
        }
        _ if about.is_some_and(|about| about.set_aside) => return Err(set_aside_before(review)),
        Confirmed::Same => {}
        Confirmed::Behind(more) => {
            // Without reading it: it may be large.
            if tx.keys(CONFIRMED, &key.range()?).await?.is_empty() {
                return Err(StoreError::nothing_before());
            }
            for entry in more {
                let row = Array::of2(&Uint8Array::from(&entry.hash.0[..]), &(&*entry.payload).into());
                tx.put(ENTRIES, &key.and(entry.version as f64).0, &row)?;
            }
        }
    }
    tx.put(PENDING, &key.0, &(&*record.pending).into())?;
    if let Some(ledger) = &record.ledger {
        tx.put(LEDGER, &key.0, &(&**ledger).into())?;
    }
    About { precious: record.precious, set_aside: false, touched: now() }.put(&tx, &key)?;
    tx.done().await
}

/// Moves a part to what cannot be read.
pub(super) async fn set_aside(
    database: &IdbDatabase,
    holder: &Holder,
    review: ReviewId,
    part: Part,
) -> Result<(), StoreError> {
    let key = Key::of_review(&holder.scope, review);
    let tx = holder.write(database, &[PARTS.as_slice(), &[UNREADABLE]].concat()).await?;
    let Some(about) = tx.get(RECORDS, &key.0).await? else { return Ok(()) };
    let before = tx.keys(UNREADABLE, &key.range()?).await?;
    let last = before.last().and_then(|key| key.get(key.length() - 2).as_f64());
    // Nothing takes the place of what was set aside before.
    let aside = key.and(last.map_or(now(), |last| now().max(last + 1.0)));
    let texts: &[&str] = match part {
        Part::Record => &[PENDING, LEDGER, CONFIRMED],
        Part::Ledger => &[LEDGER],
        Part::Confirmed => &[CONFIRMED],
    };
    for name in texts {
        if let Some(value) = tx.get(name, &key.0).await? {
            tx.put(UNREADABLE, &aside.and(*name).0, &value)?;
            tx.delete(name, key.js())?;
        }
    }
    if part != Part::Ledger {
        for (entry, row) in tx.rows(ENTRIES, &key.range()?).await? {
            let version = entry.get(entry.length() - 1).as_f64().unwrap_or_default();
            let payload = row.dyn_ref::<Array>().map(|row| row.get(1)).filter(JsValue::is_string);
            tx.put(UNREADABLE, &aside.and(format!("entry {version}")).0, &payload.unwrap_or(row))?;
        }
        tx.delete(ENTRIES, key.range()?)?;
    }
    if part == Part::Record {
        About { precious: false, set_aside: true, ..About::read(&about) }.put(&tx, &key)?;
    }
    tx.done().await
}

pub(super) async fn unreadable(database: &IdbDatabase, owner: &Owner) -> Result<Vec<Unreadable>, StoreError> {
    let tx = Tx::begin(database, &[UNREADABLE], Mode::Read)?;
    let mut found = Vec::new();
    for (key, value) in tx.rows(UNREADABLE, &Key::of(owner).range()?).await? {
        let review = key.get(3).as_string().and_then(|id| id.parse().ok());
        let (at, name) = (key.get(4).as_f64(), key.get(5).as_string());
        let (Some(review), Some(at), Some(name)) = (review, at, name) else { continue };
        let json = || js_sys::JSON::stringify(&value).ok().and_then(|text| text.as_string());
        let text = value.as_string().or_else(json).unwrap_or_default();
        found.push(Unreadable::text(review, at as Millis, name, text.into_bytes()));
    }
    found.sort_by_key(|unreadable| unreadable.at);
    Ok(found)
}

pub(super) async fn list(database: &IdbDatabase, holder: &Holder) -> Result<Vec<ReviewId>, StoreError> {
    let tx = Tx::begin(database, &[RECORDS], Mode::Read)?;
    let keys = tx.keys(RECORDS, &Key::of_scope(&holder.scope).range()?).await?;
    Ok(keys.iter().filter_map(|key| key.get(3).as_string()?.parse().ok()).collect())
}

pub(super) async fn remove(
    database: &IdbDatabase,
    holder: &Holder,
    review: ReviewId,
) -> Result<(), StoreError> {
    let key = Key::of_review(&holder.scope, review);
    let tx = holder.write(database, &PARTS).await?;
    for name in [RECORDS, PENDING, LEDGER, CONFIRMED] {
        tx.delete(name, key.js())?;
    }
    tx.delete(ENTRIES, key.range()?)?;
    tx.done().await
}

/// A record whose confirmed part could go.
pub(super) struct Cache {
    pub(super) scope: Scope,
    pub(super) review: ReviewId,
    pub(super) touched: f64,
}

/// What the server has as well, of everybody in this database.
pub(super) async fn caches(database: &IdbDatabase) -> Result<Vec<Cache>, StoreError> {
    let tx = Tx::begin(database, &[RECORDS, CONFIRMED], Mode::Read)?;
    let all = Key(Array::new()).range()?;
    let mut caches = Vec::new();
    for (key, about) in tx.rows(RECORDS, &all).await? {
        let (about, text) = (About::read(&about), |n| key.get(n).as_string());
        let client = text(2).and_then(|id| id.parse::<ClientId>().ok());
        let user = text(1).and_then(|user| UserId::new(user).ok());
        let review = text(3).and_then(|id| id.parse().ok());
        let (Some(server), Some(user), Some(client), Some(review)) = (text(0), user, client, review) else {
            continue;
        };
        if !about.precious && !tx.keys(CONFIRMED, &Key(key).range()?).await?.is_empty() {
            let scope = Scope { owner: Owner { server, user }, client };
            caches.push(Cache { scope, review, touched: about.touched });
        }
    }
    Ok(caches)
}

/// Drops the confirmed part of a record, unless it has become precious. Nothing is written: a transaction that only
/// deletes needs no space.
pub(super) async fn evict(database: &IdbDatabase, cache: &Cache) -> Result<(), StoreError> {
    let key = Key::of_review(&cache.scope, cache.review);
    let tx = Tx::begin(database, &[RECORDS, CONFIRMED, ENTRIES], Mode::Write)?;
    let about = tx.get(RECORDS, &key.0).await?;
    if about.is_some_and(|about| !About::read(&about).precious) {
        tx.delete(CONFIRMED, key.js())?;
        tx.delete(ENTRIES, key.range()?)?;
    }
    tx.done().await
}

/// A transaction that changes nothing.
pub(super) async fn delete_nothing(database: &IdbDatabase) -> Result<(), StoreError> {
    let tx = Tx::begin(database, &[RECORDS], Mode::Write)?;
    tx.delete(RECORDS, JsValue::from_str("nothing"))?;
    tx.done().await
}

/// The slot's generation grows, of which something is gone that was not ours: should a tab that lost its lock come back
/// to life, it may not save behind that.
pub(super) async fn outdate(database: &IdbDatabase, scope: &Scope) -> Result<(), StoreError> {
    let tx = Tx::begin(database, &[SLOTS], Mode::Write)?;
    let row = tx.get(SLOTS, &Key::of_scope(scope).0).await?;
    let Some(row) = row.as_ref().and_then(SlotRow::read) else { return Ok(()) };
    SlotRow { generation: row.generation + 1.0, ..row }.put(&tx, scope)?;
    tx.done().await
}
