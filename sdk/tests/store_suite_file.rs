//! The store in files: slots, damage, other schemas, sudden ends.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "store/mod.rs"]
mod common;
#[allow(dead_code, reason = "shared with the tests of clients")]
mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::{begin, client, owner, review, saved};
use interline::store::{Owner, Scope};
use interline::{
    Anchor, BuildError, Client, ClientBuilder, Coded, FileStore, Store, StoreError, StoreErrorKind,
};
use redb::{Database, TableDefinition};
use support::Server;

const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
const REPLICAS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("replicas");

fn open(dir: &Path) -> Arc<dyn Store> {
    Arc::new(FileStore::open(dir).unwrap())
}

/// The files below a folder that end so.
fn files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let folders = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut files: Vec<_> = files.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    files.sort();
    files
}

/// A folder with one database of Ann's, in which two reviews are.
async fn filled() -> (tempfile::TempDir, Scope, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let ann = begin(&store, &owner("ann")).await;
    for n in [1, 2] {
        store.save(&ann, review(n), &saved(&ann, review(n), 5)).await.unwrap();
    }
    store.release(&ann).await;
    let path = files(dir.path(), ".redb").remove(0);
    (dir, ann, path)
}

async fn refused(dir: &Path, owner: &Owner) -> StoreError {
    open(dir).client_id(owner, client(1)).await.unwrap_err()
}

#[tokio::test]
async fn each_living_client_has_a_slot_to_itself() {
    let dir = tempfile::tempdir().unwrap();
    let stores: Vec<_> = (0..3).map(|_| open(dir.path())).collect();
    let mut scopes = Vec::new();
    for store in &stores {
        scopes.push(begin(store, &owner("ann")).await);
        let last = scopes.last().unwrap();
        store.save(last, review(1), &saved(last, review(1), scopes.len() as u64)).await.unwrap();
    }
    assert!(scopes[0].client != scopes[1].client && scopes[1].client != scopes[2].client);
    assert!(stores[0].load(&scopes[1], review(1)).await.is_err(), "not held there");
    // The one that is free is taken, with what was left in it; the first of several.
    stores[1].release(&scopes[1]).await;
    let next = open(dir.path());
    assert_eq!(begin(&next, &owner("ann")).await, scopes[1]);
    assert_eq!(next.load(&scopes[1], review(1)).await.unwrap().unwrap().next_seq, 2);
    drop((stores, next));
    let (first, second) = (open(dir.path()), open(dir.path()));
    assert_eq!(begin(&first, &owner("ann")).await, scopes[0]);
    assert_eq!(begin(&second, &owner("ann")).await, scopes[1]);
    // Two clients on one store are two clients as well, and a store's clone is another store.
    assert_eq!(begin(&second, &owner("ann")).await, scopes[2]);
    let store = FileStore::open(dir.path()).unwrap();
    let fourth = begin(&(Arc::new(store.clone()) as Arc<dyn Store>), &owner("ann")).await;
    assert!(!scopes.contains(&fourth));
    assert_eq!(begin(&(Arc::new(store) as Arc<dyn Store>), &owner("ann")).await, fourth);
}

#[tokio::test]
async fn a_client_that_names_itself_lives_once() {
    let (dir, ann, _) = filled().await;
    let bot = Scope { client: client(7), ..ann.clone() };
    let (store, other) = (open(dir.path()), open(dir.path()));
    for scope in [&bot, &ann] {
        store.hold(scope).await.unwrap();
        let error = other.hold(scope).await.unwrap_err();
        assert_eq!((error.kind(), &*error.code()), (StoreErrorKind::InUse, "store_in_use"));
        assert!(store.hold(scope).await.is_err(), "nor twice in one store");
    }
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(saved(&ann, review(1), 5)));
    store.release(&bot).await;
    other.hold(&bot).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let (dir, ann, path) = filled().await;
    let schema = |value: &str| {
        let database = Database::open(&path).unwrap();
        let write = database.begin_write().unwrap();
        write.open_table(META).unwrap().insert("schema", value).unwrap();
        write.commit().unwrap();
    };
    schema("2");
    for _ in 0..2 {
        let error = refused(dir.path(), &ann.owner).await;
        assert_eq!(error.kind(), StoreErrorKind::Newer, "{error}");
        assert!(error.to_string().contains("newer software") && !error.is_retryable());
    }
    assert_eq!(open(dir.path()).hold(&ann).await.unwrap_err().kind(), StoreErrorKind::Newer);
    schema("1");
    // What comes later may not even be a database that this software can read.
    let lock = files(dir.path(), ".lock").remove(0);
    fs::write(&lock, "2\n").unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(refused(dir.path(), &ann.owner).await.kind(), StoreErrorKind::Newer);
    let builder = Client::builder("http://127.0.0.1:8080").user("ann", "Ann").store_dir(dir.path());
    let error = builder.build().await.err().unwrap();
    assert!(matches!(&error, BuildError::Store(error) if error.kind() == StoreErrorKind::Newer));
    assert_eq!((&*error.code(), error.is_retryable()), ("store_newer", false));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!((files(dir.path(), ".redb").len(), files(dir.path(), ".lock").len()), (1, 1));
    // Nothing was lost by it.
    fs::write(&lock, "no number").unwrap();
    let store = open(dir.path());
    assert_eq!(begin(&store, &ann.owner).await, ann);
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(saved(&ann, review(1), 5)));
}

/// What happens to a file.
type Damage<'a> = &'a dyn Fn(&mut Vec<u8>);

#[tokio::test]
async fn a_damaged_database_is_moved_aside() {
    let garbage = |bytes: &mut Vec<u8>| bytes.fill(b'x');
    let nothing = |bytes: &mut Vec<u8>| bytes.clear();
    let cut_off = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
    let first_half = |bytes: &mut Vec<u8>| {
        let half = bytes.len() / 2;
        bytes[64..half].fill(0);
    };
    let some_text = |bytes: &mut Vec<u8>| {
        let at = bytes.windows(11).position(|part| part == b"typed since").unwrap();
        bytes[at] ^= 1;
    };
    let damages: [Damage<'_>; 5] = [&garbage, &nothing, &cut_off, &first_half, &some_text];
    for (n, damage) in damages.into_iter().enumerate() {
        let (dir, ann, path) = filled().await;
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        let error = open(dir.path()).hold(&ann).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unreadable, "{n}: {error}");
        assert!(path.exists(), "{n}: whoever insists on the id is told");

        let store = FileStore::open(dir.path()).unwrap();
        assert!(store.quarantined().unwrap().is_empty());
        let fresh = client(99);
        assert_eq!(store.client_id(&ann.owner, fresh).await.unwrap(), fresh, "{n}");
        let scope = Scope { client: fresh, ..ann.clone() };
        assert!(store.list(&scope).await.unwrap().is_empty());
        store.save(&scope, review(1), &saved(&scope, review(1), 1)).await.unwrap();
        drop(store);

        let store = FileStore::open(dir.path()).unwrap();
        let aside = store.quarantined().unwrap();
        assert_eq!(aside.len(), 1, "{n}");
        assert_eq!((aside[0].client, aside[0].path.parent()), (ann.client, path.parent()));
        assert!(aside[0].at > 1_700_000_000_000 && !path.exists());
        assert_eq!(fs::metadata(&aside[0].path).unwrap().len(), bytes.len() as u64, "{n}: kept");
        assert_eq!(store.client_id(&ann.owner, client(1)).await.unwrap(), fresh, "{n}: it stays well");
    }
}

#[tokio::test]
async fn a_database_that_is_not_what_it_should_be_is_moved_aside() {
    let remove = |name: &'static str| {
        move |path: &Path| {
            let database = Database::open(path).unwrap();
            let write = database.begin_write().unwrap();
            match name {
                "replicas" => assert!(write.delete_table(REPLICAS).unwrap()),
                name => assert!(write.open_table(META).unwrap().remove(name).unwrap().is_some()),
            }
            write.commit().unwrap();
        }
    };
    for name in ["schema", "server", "client", "replicas"] {
        let (dir, ann, path) = filled().await;
        remove(name)(&path);
        let store = FileStore::open(dir.path()).unwrap();
        assert_eq!(store.client_id(&ann.owner, client(1)).await.unwrap(), client(1), "{name}");
        assert_eq!(store.quarantined().unwrap().len(), 1, "{name}");
    }
    // Ann's queue never goes out as Bo's, whatever her files are called.
    let (dir, ann, path) = filled().await;
    let store = open(dir.path());
    let bo = begin(&store, &owner("bo")).await;
    let folder = files(dir.path(), ".redb").into_iter().find(|other| *other != path).unwrap();
    store.release(&bo).await;
    fs::copy(&path, folder.parent().unwrap().join(path.file_name().unwrap())).unwrap();
    let (one, other) = (begin(&store, &owner("bo")).await, begin(&store, &owner("bo")).await);
    assert!(one.client != ann.client && other.client != ann.client);
    assert!(store.list(&one).await.unwrap().is_empty() && store.list(&other).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_unreadable_record_leaves_the_others() {
    let (dir, ann, path) = filled().await;
    for (n, record) in [&b"{\"format\":2,\"more\":1}"[..], b"{", b""].into_iter().enumerate() {
        let database = Database::open(&path).unwrap();
        let write = database.begin_write().unwrap();
        write.open_table(REPLICAS).unwrap().insert(1, record).unwrap();
        write.commit().unwrap();
        drop(database);
        let store = open(dir.path());
        assert_eq!(begin(&store, &ann.owner).await, ann);
        for _ in 0..2 {
            let error = store.load(&ann, review(1)).await.unwrap_err();
            assert_eq!((error.kind(), &*error.code()), (StoreErrorKind::Unreadable, "store_unreadable"));
            assert!(n > 0 || error.to_string().contains("format 2"), "{error}");
        }
        assert_eq!(store.load(&ann, review(2)).await.unwrap(), Some(saved(&ann, review(2), 5)));
        assert_eq!(store.list(&ann).await.unwrap(), [review(1), review(2)]);
    }
}

/// Names the folder in which the child process of the next test saves.
const CHILD: &str = "INTERLINE_TEST_SAVES_IN";

#[tokio::test]
async fn child_that_saves_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let store = open(Path::new(&dir));
    let ann = begin(&store, &owner("ann")).await;
    println!("\nclient {}", ann.client);
    for n in 1.. {
        store.save(&ann, review(n % 3), &saved(&ann, review(n % 3), n as u64)).await.unwrap();
        println!("saved {n}");
        std::io::stdout().flush().unwrap();
    }
}

#[tokio::test]
async fn what_was_saved_survives_a_process_that_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_saves_until_it_is_killed", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let theirs = lines.find_map(|line| line.strip_prefix("client ").map(str::to_owned)).unwrap();
        let enough = format!("saved {}", 20 + round);
        assert!(lines.any(|line| line == enough));
        // While it lives, its slot is its own.
        let here = begin(&open(dir.path()), &owner("ann")).await;
        assert_ne!(here.client.to_string(), theirs);
        child.kill().unwrap();
        let told = lines.filter_map(|line| line.strip_prefix("saved ").and_then(|n| n.parse().ok())).last();
        child.wait().unwrap();
        last = told.unwrap_or(20 + round);
        let store = open(dir.path());
        let ann = begin(&store, &owner("ann")).await;
        assert_eq!(ann.client.to_string(), theirs, "its slot is free again");
        let mut newest = 0;
        for id in store.list(&ann).await.unwrap() {
            let found = store.load(&ann, id).await.unwrap().unwrap();
            assert_eq!(found, saved(&ann, id, found.next_seq));
            newest = newest.max(found.next_seq);
        }
        assert!(newest >= last, "{newest} of {last}");
        assert!(FileStore::open(dir.path()).unwrap().quarantined().unwrap().is_empty());
    }
    assert!(last >= 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_go_on_from_their_files() {
    let server = Server::start().await;
    let dir = tempfile::tempdir().unwrap();
    let builder = |name: &str| -> ClientBuilder {
        Client::builder(&server.url).user(name, name).debounce_ms(5).store_dir(dir.path().join("reviews"))
    };
    let client = builder("ann").connect().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    let comment = review.comment(Anchor::head("src/lib.rs", 2), "one").unwrap();
    review.synced().await.unwrap();
    let (ann, other) = (client.id(), builder("ann").build().await.unwrap());
    assert_ne!(other.id(), ann, "two clients at a time");
    other.closed().await;
    server.world().away = true;
    server.cut();
    comment.insert(3, " two").unwrap();
    client.closed().await;
    assert!(client.stored().await.is_err(), "its records may be somebody else's by now");

    // Its handles are still there, and it is over all the same.
    let client = builder("ann").build().await.unwrap();
    assert_eq!(client.id(), ann);
    let review = client.open("pr-1").await.unwrap();
    let again = review.get(comment.id()).unwrap();
    assert_eq!(again.text(), "one two");
    assert_eq!(review.unsynced().count, 1);
    server.world().away = false;
    client.reconnect();
    review.synced().await.unwrap();
    assert_eq!(server.world().committed("pr-1").comments[&comment.id()].text.as_str(), "one two");
    client.closed().await;
    server.world().away = true;
    for _ in 0..3 {
        assert!(builder("ann").connect().await.is_err());
    }
    assert_eq!(builder("ann").build().await.unwrap().id(), ann, "what failed to connect holds nothing");
    server.world().away = false;
    let bo = builder("bo").connect().await.unwrap();
    assert!(bo.id() != ann && bo.stored().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_folder_that_cannot_be_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    assert_eq!(FileStore::open(&file).unwrap_err().kind(), StoreErrorKind::Failed);
    let built = Client::builder("http://127.0.0.1:8080").user("ann", "Ann").store_dir(&file).build().await;
    assert!(matches!(built.err(), Some(BuildError::Store(_))));
}
