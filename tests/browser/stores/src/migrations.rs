//! Schemas of IndexedDB: older ones, newer ones, and steps that fail.

use std::future::Future;
use std::pin::Pin;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use idb::{Database, ObjectStoreParams, Transaction, TransactionMode};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::schema::{Step, open};
use crate::store::StoreErrorKind;

type Test = fn() -> LocalBoxFuture<'static, ()>;

pub const TESTS: &[(&str, Test)] = &[
    ("an_older_schema_becomes_the_present_one", || older().boxed_local()),
    ("a_migration_that_fails_changes_nothing", || fails_half_way().boxed_local()),
    ("what_cannot_be_migrated_is_kept_and_the_rest_goes_on", || keeps_the_rest().boxed_local()),
    ("a_newer_schema_is_left_alone", || newer().boxed_local()),
];

type Upgrading<'a> = Pin<Box<dyn Future<Output = Result<(), idb::Error>> + 'a>>;

/// One object store with texts by number.
fn texts<'a>(database: &'a Database, _: &'a Transaction) -> Upgrading<'a> {
    Box::pin(async {
        let texts = database.create_object_store("texts", ObjectStoreParams::new())?;
        for (key, text) in [(1, "one"), (2, "two")] {
            texts.put(&text.into(), Some(&key.into()))?.await?;
        }
        // What no later schema can read.
        texts.put(&JsValue::TRUE, Some(&3.into()))?.await.map(drop)
    })
}

/// Every text begins with a star; what is no text is moved to where it is kept.
fn stars<'a>(database: &'a Database, transaction: &'a Transaction) -> Upgrading<'a> {
    Box::pin(async {
        if !database.store_names().contains(&"unreadable".into()) {
            database.create_object_store("unreadable", ObjectStoreParams::new())?;
        }
        let (texts, aside) = (transaction.object_store("texts")?, transaction.object_store("unreadable")?);
        for key in texts.get_all_keys(None, None)?.await? {
            let value = texts.get(key.clone())?.await?.unwrap();
            match value.as_string() {
                Some(text) => texts.put(&format!("*{text}").into(), Some(&key))?.await.map(drop)?,
                None => {
                    aside.put(&value, Some(&key))?.await?;
                    texts.delete(key)?.await?;
                }
            }
        }
        Ok(())
    })
}

fn fails<'a>(database: &'a Database, transaction: &'a Transaction) -> Upgrading<'a> {
    Box::pin(async {
        database.create_object_store("half", ObjectStoreParams::new())?;
        transaction.object_store("texts")?.clear()?.await?;
        // A name that is taken.
        database.create_object_store("half", ObjectStoreParams::new()).map(drop)
    })
}

const FIRST: &[Step] = &[texts];
const SECOND: &[Step] = &[texts, stars];
const THIRD: &[Step] = &[texts, stars, stars];
const BROKEN: &[Step] = &[texts, stars, fails];

/// The texts in it, the schema, and how many object stores there are.
async fn found(steps: &'static [Step]) -> (Vec<Option<String>>, u32, usize) {
    let connection = open("schema", steps, |_| ()).await.unwrap();
    let database = Database::from(connection.database().unwrap().clone());
    let transaction = database.transaction(&["texts"], TransactionMode::ReadOnly).unwrap();
    let texts = transaction.object_store("texts").unwrap().get_all(None, None).unwrap().await.unwrap();
    let texts = texts.into_iter().map(|text| text.as_string()).collect();
    (texts, database.version().unwrap(), database.store_names().len())
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

async fn older() {
    assert_eq!(found(FIRST).await, ([some(&["one", "two"]), vec![None]].concat(), 1, 1));
    assert_eq!(found(THIRD).await, (some(&["**one", "**two"]), 3, 2));
    assert_eq!(found(THIRD).await, (some(&["**one", "**two"]), 3, 2), "once");
}

async fn fails_half_way() {
    let before = found(FIRST).await;
    for _ in 0..2 {
        let error = open("schema", BROKEN, |_| ()).await.err().unwrap();
        assert!(error.to_string().contains("migrated"), "{error}");
        assert_eq!(found(FIRST).await, before, "untouched");
    }
    assert_eq!(found(SECOND).await.1, 2);
}

async fn keeps_the_rest() {
    found(FIRST).await;
    assert_eq!(found(SECOND).await, (some(&["*one", "*two"]), 2, 2));
    let connection = open("schema", SECOND, |_| ()).await.unwrap();
    let database = Database::from(connection.database().unwrap().clone());
    let transaction = database.transaction(&["unreadable"], TransactionMode::ReadOnly).unwrap();
    let kept = transaction.object_store("unreadable").unwrap().get_all(None, None).unwrap().await.unwrap();
    assert_eq!(kept, [JsValue::TRUE]);
}

async fn newer() {
    let before = found(SECOND).await;
    for _ in 0..2 {
        let error = open("schema", FIRST, |_| ()).await.err().unwrap();
        assert_eq!(error.kind(), StoreErrorKind::Newer, "{error}");
    }
    assert_eq!(found(SECOND).await, before);
}

/// Opens the database of these tests with so many steps, and closes it again; says which schema it has then.
#[wasm_bindgen]
pub async fn open_schema(steps: usize) -> Result<u32, JsValue> {
    match open("schema", &THIRD[..steps], |_| ()).await {
        Ok(connection) => Ok(Database::from(connection.database().unwrap().clone()).version().unwrap()),
        Err(error) => Err(js_sys::Error::new(&format!("{:?}: {error}", error.kind())).into()),
    }
}
