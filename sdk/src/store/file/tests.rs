//! Migrations, generations and room, from the inside.

use std::sync::Arc;

use redb::{Database, Error, ReadableTable, WriteTransaction};

use super::folder::{Folder, Name, Place};
use super::migrate::{REPLICAS, STEPS, Step};
use super::room;
use super::rows::{self, Worth};
use super::schema::{self, Failure, Identity, KEYS, Opened};
use super::slot::Slot;
use crate::store::{Confirmed, Owner, Record, StoreError, StoreErrorKind};
use interline_core::id::{ClientId, ReviewId, UserId};

/// A database of schema 1 with two replicas and one key.
fn first_schema(dir: &std::path::Path) -> Database {
    let database = Database::create(dir.join("x.redb")).unwrap();
    schema::migrate_by(&database, 0, &STEPS[..1]).unwrap();
    schema::write(&database, |write| {
        write.open_table(KEYS)?.insert("pr-1", 7)?;
        let mut replicas = write.open_table(REPLICAS)?;
        let idle = r#"{"format":1,"confirmed":{},"in_flight":null,"buffer":[],"rejected":[]}"#;
        let busy = r#"{"format":1,"confirmed":{},"in_flight":null,"buffer":[1],"rejected":[]}"#;
        replicas.insert(7, idle.as_bytes())?;
        replicas.insert(8, busy.as_bytes())?;
        replicas.insert(9, &b"{\"format\":1,"[..])?;
        Ok(())
    })
    .unwrap();
    database
}

fn review(n: u128) -> ReviewId {
    ReviewId(uuid::Uuid::from_u128(n))
}

/// A schema in which every key begins with a star.
fn stars(write: &WriteTransaction) -> Result<usize, Failure> {
    let mut keys = write.open_table(KEYS)?;
    let old = keys.iter()?.map(|entry| entry.map(|(key, id)| (key.value().to_owned(), id.value())));
    let old: Vec<_> = old.collect::<Result<_, _>>()?;
    for (key, id) in old {
        keys.remove(&*key)?;
        keys.insert(&*format!("*{key}"), id)?;
    }
    Ok(0)
}

fn fails(write: &WriteTransaction) -> Result<usize, Failure> {
    write.open_table(KEYS)?.insert("half", 1)?;
    Err(Error::Corrupted("no".into()).into())
}

#[test]
fn the_first_schema_becomes_the_second() {
    let dir = tempfile::tempdir().unwrap();
    let database = first_schema(dir.path());
    assert_eq!(schema::migrate(&database, 1).unwrap(), 1, "one record cannot come along");
    assert_eq!(schema::found(&database).unwrap(), schema::CURRENT);
    schema::check(&database).unwrap();
    let opened = Opened { generation: schema::next_generation(&database).unwrap(), database };
    assert_eq!(rows::resolve(&opened, "pr-1").unwrap(), Some(review(7)));
    assert_eq!(rows::list(&opened).unwrap(), [7, 8, 9].map(review));
    let stored = rows::load(&opened, review(8)).unwrap().unwrap();
    assert!(stored.pending.contains("\"buffer\":[1]") && stored.confirmed.is_none());
    let Err(Failure::Store(error)) = rows::load(&opened, review(9)) else { panic!("it was readable") };
    assert_eq!(error.kind(), StoreErrorKind::Unreadable);
    let aside = rows::unreadable(&opened).unwrap();
    assert_eq!(
        (aside.len(), aside[0].review, &*aside[0].bytes),
        (1, Some(review(9)), &b"{\"format\":1,"[..])
    );
    assert_eq!(rows::worth(&opened.database).unwrap(), Worth::Precious);
    // What is idle is no treasure.
    rows::remove(&opened, review(8)).unwrap();
    assert_eq!(rows::worth(&opened.database).unwrap(), Worth::Cache);
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let database = first_schema(dir.path());
    let rows = |database: &Database| -> Vec<(u128, Vec<u8>)> {
        use redb::ReadableDatabase;
        let table = database.begin_read().unwrap().open_table(REPLICAS).unwrap();
        table.iter().unwrap().map(|row| row.unwrap()).map(|(k, v)| (k.value(), v.value().to_vec())).collect()
    };
    let before = rows(&database);
    let [first, second] = STEPS else { panic!("more steps") };
    let steps: [&[Step]; 2] = [&[*first, fails], &[*first, *second, stars, fails]];
    for steps in steps {
        assert!(schema::migrate_by(&database, 1, steps).is_err());
        assert_eq!(schema::found(&database).unwrap(), 1);
        assert_eq!(rows(&database), before, "untouched");
    }
    drop(database);
    // It opens again, and goes through once nothing is in the way.
    let database = Database::open(dir.path().join("x.redb")).unwrap();
    schema::migrate_by(&database, 1, &[*first, *second, stars, stars]).unwrap();
    assert_eq!(schema::found(&database).unwrap(), 4);
    let opened = Opened { generation: 0, database };
    assert_eq!(rows::resolve(&opened, "**pr-1").unwrap(), Some(review(7)));
    assert_eq!(rows::resolve(&opened, "pr-1").unwrap(), None);
}

#[test]
fn whoever_lost_a_slot_writes_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::create(dir.path().join("x.redb")).unwrap();
    let text = String::from;
    let identity = Identity { server: text("s"), user: text("u"), client: text("c") };
    schema::create(&database, &identity).unwrap();
    assert_eq!(schema::identity(&database).unwrap(), Some(identity));
    let record = |pending: &str| Record {
        pending: pending.into(),
        ledger: None,
        confirmed: Confirmed::Same,
        precious: true,
    };
    let opened = Opened { generation: schema::next_generation(&database).unwrap(), database };
    rows::save(&opened, review(1), &record("mine")).unwrap();
    let lost = opened.generation;
    let current = schema::next_generation(&opened.database).unwrap();
    assert_ne!(current, lost);
    let refused = |result: Result<(), Failure>| {
        let Err(Failure::Store(error)) = result else { panic!("it was written") };
        assert_eq!(error.kind(), StoreErrorKind::InUse);
    };
    refused(rows::save(&opened, review(1), &record("stale")));
    refused(rows::remove(&opened, review(1)));
    refused(rows::remember(&opened, "pr-1", review(1)));
    let opened = Opened { generation: current, ..opened };
    assert_eq!(rows::load(&opened, review(1)).unwrap().unwrap().pending, "mine");
    rows::save(&opened, review(1), &record("theirs")).unwrap();
}

#[test]
fn what_is_opened_while_room_is_made_stays() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Owner { server: "s".into(), user: UserId::new("u").unwrap() };
    let folder = Folder::of(dir.path(), &owner);
    folder.make().unwrap();
    let name = Name { place: Place::Numbered(0), client: ClientId(uuid::Uuid::from_u128(1)) };
    let slot = Arc::new(Slot::create(&folder, name, &owner).unwrap().unwrap());
    let record = |confirmed| Record { pending: String::new(), ledger: None, confirmed, precious: false };
    for n in 1..=3 {
        let whole = record(Confirmed::Whole(format!("confirmed {n}")));
        slot.with(|opened| rows::save(opened, review(n), &whole)).unwrap();
    }
    let whole = || -> Vec<ReviewId> {
        let is_whole =
            |id: &ReviewId| slot.with(|opened| rows::load(opened, *id)).unwrap().unwrap().confirmed.is_some();
        (1..=3).map(review).filter(is_whole).collect()
    };
    // All three could go when it begins; of the two that the first leaves, one is opened before its turn.
    let (mut tries, mut opened) = (0, None);
    let result = room::make(dir.path(), &[Arc::clone(&slot)], || {
        tries += 1;
        if tries == 2 {
            opened = whole().first().copied();
            slot.open().extend(opened);
        }
        Err::<(), _>(StoreError::new("no space").with_kind(StoreErrorKind::Full))
    });
    assert_eq!(result.unwrap_err().kind(), StoreErrorKind::Full);
    assert_eq!((tries, whole()), (3, Vec::from_iter(opened)));
    let more = record(Confirmed::Behind(Vec::new()));
    slot.with(|database| rows::save(database, opened.unwrap(), &more)).unwrap();
}
