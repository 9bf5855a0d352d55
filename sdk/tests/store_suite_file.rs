//! The store in files: slots, damage, other schemas, sudden ends.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the suite")]
#[path = "store/mod.rs"]
mod common;
#[allow(dead_code, reason = "shared with the tests of clients")]
mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::{begin, client, entries, keystroke, owner, record, review, stored};
use interline::store::{Confirmed, Owner, Record, Scope, Stored};
use interline::{
    Anchor, BuildError, Client, ClientBuilder, Coded, FileStore, Store, StoreError, StoreErrorKind,
};
use redb::{Database, TableDefinition, WriteTransaction};
use support::Server;

const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
const ENTRIES: TableDefinition<'_, (u128, u64), &[u8]> = TableDefinition::new("entries");

/// One of the tables of texts.
fn texts(name: &str) -> TableDefinition<'_, u128, &'static [u8]> {
    TableDefinition::new(name)
}

/// Changes a database behind everybody's back.
fn meddle(path: &Path, change: impl FnOnce(&WriteTransaction)) {
    let database = Database::open(path).unwrap();
    let write = database.begin_write().unwrap();
    change(&write);
    write.commit().unwrap();
}

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
        store.save(&ann, review(n), &record(n as u64)).await.unwrap();
    }
    store.release(&ann).await;
    let path = files(dir.path(), ".redb").remove(0);
    (dir, ann, path)
}

async fn refused(dir: &Path, owner: &Owner) -> StoreError {
    open(dir).client_id(owner, client(1)).await.unwrap_err()
}

#[tokio::test]
async fn a_clone_is_another_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).unwrap();
    let clone = Arc::new(store.clone()) as Arc<dyn Store>;
    let ann = begin(&clone, &owner("ann")).await;
    clone.save(&ann, review(1), &record(1)).await.unwrap();
    let store = Arc::new(store) as Arc<dyn Store>;
    assert_ne!(begin(&store, &owner("ann")).await, ann);
    drop(clone);
    assert_eq!(begin(&store, &owner("ann")).await, ann);
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let (dir, ann, path) = filled().await;
    let schema = |value: &str| {
        meddle(&path, |write| {
            write.open_table(META).unwrap().insert("schema", value).unwrap();
        });
    };
    schema("3");
    for _ in 0..2 {
        let error = refused(dir.path(), &ann.owner).await;
        assert_eq!(error.kind(), StoreErrorKind::Newer, "{error}");
        assert!(error.to_string().contains("newer software") && !error.is_retryable());
    }
    assert_eq!(open(dir.path()).hold(&ann).await.unwrap_err().kind(), StoreErrorKind::Newer);
    schema("2");
    // What comes later may not even be a database that this software can read.
    let lock = files(dir.path(), ".lock").remove(0);
    fs::write(&lock, "3\n").unwrap();
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
    assert_eq!(store.load(&ann, review(1)).await.unwrap(), Some(stored(1)));
}

/// A folder as the first release left it: whole replicas in JSON.
fn first_release(dir: &Path, replicas: &[(u128, &str)]) -> PathBuf {
    // Where the present software puts Ann's: the folder's name never changed.
    let folder = dir.join("4d8a1fd8f0c6ca1fe6c6cd3e39f9ba08");
    let folder = fs::read_dir(dir).unwrap().next().map_or(folder, |entry| entry.unwrap().path());
    let stem = folder.join(format!("0-{}", client(7)));
    let path = stem.with_extension("redb");
    let database = Database::create(&path).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut meta = write.open_table(META).unwrap();
        let (client, owner) = (client(7).to_string(), owner("ann"));
        let about =
            [("schema", "1"), ("server", &owner.server), ("user", owner.user.as_str()), ("client", &client)];
        for (name, value) in about {
            meta.insert(name, value).unwrap();
        }
        write.open_table(TableDefinition::<&str, u128>::new("keys")).unwrap().insert("pr-1", 1).unwrap();
        let mut table = write.open_table(texts("replicas")).unwrap();
        for (review, replica) in replicas {
            table.insert(review, replica.as_bytes()).unwrap();
        }
    }
    write.commit().unwrap();
    fs::write(stem.with_extension("lock"), "1\n").unwrap();
    path
}

const IDLE: &str = r#"{"format":1,"confirmed":{"id":1},"in_flight":null,"buffer":[],"rejected":[]}"#;
const BUSY: &str = r#"{"format":1,"confirmed":{"id":2},"in_flight":{"x":1},"buffer":[],"rejected":[]}"#;

/// A folder in which Ann has begun once and left nothing.
async fn begun() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    begin(&store, &owner("ann")).await;
    drop(store);
    files(dir.path(), "").iter().for_each(|path| fs::remove_file(path).unwrap());
    dir
}

#[tokio::test]
async fn what_the_first_release_saved_is_read() {
    let dir = begun().await;
    let bad = r#"{"format":1,"confir"#;
    let path = first_release(dir.path(), &[(1, IDLE), (2, BUSY), (3, bad)]);
    let store = open(dir.path());
    let ann = begin(&store, &owner("ann")).await;
    assert_eq!(ann.client, client(7));
    assert_eq!(store.resolve(&ann.owner, "pr-1").await.unwrap(), Some(review(1)));
    for (n, replica) in [(1, IDLE), (2, BUSY)] {
        let found = store.load(&ann, review(n)).await.unwrap().unwrap();
        assert_eq!((&*found.pending, found.ledger, found.confirmed), (replica, None, None));
    }
    // What cannot be migrated is set aside and told of, and the rest goes on.
    assert_eq!(store.load(&ann, review(3)).await.unwrap_err().kind(), StoreErrorKind::Unreadable);
    let aside = store.unreadable(&ann.owner).await.unwrap();
    assert_eq!((aside.len(), aside[0].review, &*aside[0].bytes), (1, Some(review(3)), bad.as_bytes()));
    let reports = store.reports();
    assert_eq!(reports.len(), 1);
    assert!(reports[0].kind() == StoreErrorKind::Unreadable && reports[0].to_string().contains("1 records"));
    assert!(store.reports().is_empty(), "once");
    assert_eq!(
        fs::read_to_string(path.with_extension("lock")).unwrap(),
        "2\n",
        "the first release keeps away"
    );
    store.release(&ann).await;
    assert_eq!(begin(&open(dir.path()), &owner("ann")).await, ann);
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
        let at = bytes.windows(11).position(|part| part == b"confirmed 1").unwrap();
        bytes[at] ^= 1;
    };
    let damages: [(Damage<'_>, bool); 5] =
        [(&garbage, false), (&nothing, false), (&cut_off, false), (&first_half, false), (&some_text, true)];
    for (n, (damage, readable)) in damages.into_iter().enumerate() {
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
        let reports = store.reports();
        assert!(reports.len() == 1 && reports[0].kind() == StoreErrorKind::Unreadable, "{n}: {reports:?}");
        let scope = Scope { client: fresh, ..ann.clone() };
        assert!(store.list(&scope).await.unwrap().is_empty());
        store.save(&scope, review(1), &record(1)).await.unwrap();

        // What was pending and can be read waits to be run to the end under the id that it was written under.
        let orphans = store.orphans(&ann.owner).await.unwrap();
        assert_eq!(orphans, if readable { vec![ann.clone()] } else { vec![] }, "{n}");
        for orphan in orphans {
            store.hold(&orphan).await.unwrap();
            assert_eq!(store.list(&orphan).await.unwrap(), [review(1), review(2)]);
            let found = store.load(&orphan, review(1)).await.unwrap().unwrap();
            assert_eq!(found, Stored { confirmed: None, ..stored(1) });
            for n in [1, 2] {
                store.remove(&orphan, review(n)).await.unwrap();
            }
            store.release(&orphan).await;
            assert!(store.orphans(&ann.owner).await.unwrap().is_empty());
            assert!(files(dir.path(), ".redb").len() == 1, "the slot went with what was in it");
        }
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
    for name in ["schema", "server", "client", "pending"] {
        let (dir, ann, path) = filled().await;
        meddle(&path, |write| match name {
            "pending" => assert!(write.delete_table(texts("pending")).unwrap()),
            name => assert!(write.open_table(META).unwrap().remove(name).unwrap().is_some()),
        });
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
    assert!(store.orphans(&owner("bo")).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_unreadable_record_leaves_the_others() {
    for bad in [&b"\x01no such checksum"[..], b"\x02", b""] {
        let (dir, ann, path) = filled().await;
        meddle(&path, |write| {
            write.open_table(texts("pending")).unwrap().insert(1, bad).unwrap();
        });
        let store = open(dir.path());
        assert_eq!(begin(&store, &ann.owner).await, ann);
        for _ in 0..2 {
            let error = store.load(&ann, review(1)).await.unwrap_err();
            assert_eq!((error.kind(), &*error.code()), (StoreErrorKind::Unreadable, "store_unreadable"));
        }
        let kept = store.unreadable(&ann.owner).await.unwrap();
        let kept: Vec<_> = kept.iter().map(|found| (&*found.name, &*found.bytes)).collect();
        assert_eq!(kept, [("confirmed", &b"confirmed 1"[..]), ("ledger", b"ledger 1"), ("pending", bad)]);
        assert_eq!(store.load(&ann, review(2)).await.unwrap(), Some(stored(2)));
        assert_eq!(store.list(&ann).await.unwrap(), [review(1), review(2)]);
    }
}

#[tokio::test]
async fn what_is_pending_survives_its_unreadable_review() {
    for part in ["confirmed", "entry", "ledger"] {
        let (dir, ann, path) = filled().await;
        let store = open(dir.path());
        begin(&store, &ann.owner).await;
        store.save(&ann, review(1), &keystroke("mine", Confirmed::Behind(entries(1..=3)))).await.unwrap();
        store.release(&ann).await;
        meddle(&path, |write| {
            match part {
                "entry" => write.open_table(ENTRIES).unwrap().insert((1, 2), &b"no"[..]).unwrap().is_some(),
                name => write.open_table(texts(name)).unwrap().insert(1, &b"no"[..]).unwrap().is_some(),
            };
        });
        begin(&store, &ann.owner).await;
        let found = store.load(&ann, review(1)).await.unwrap().unwrap();
        assert_eq!(found.pending, "mine", "{part}");
        assert!(found.damaged.is_some_and(|damage| damage.contains("set aside")), "{part}");
        if part == "ledger" {
            assert_eq!(
                (found.ledger, found.confirmed, found.entries),
                (None, stored(1).confirmed, entries(1..=3))
            );
        } else {
            assert_eq!((found.ledger, found.confirmed, found.entries), (stored(1).ledger, None, Vec::new()));
        }
        assert_eq!(store.unreadable(&ann.owner).await.unwrap().len(), if part == "ledger" { 1 } else { 4 });
        let again = store.load(&ann, review(1)).await.unwrap().unwrap();
        assert_eq!((&*again.pending, again.damaged), ("mine", None), "told once");
        store.save(&ann, review(1), &Record { ledger: None, ..record(2) }).await.unwrap();
        assert!(store.load(&ann, review(1)).await.unwrap().unwrap().confirmed.is_some());
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
        store.save(&ann, review(n % 3), &record(n as u64)).await.unwrap();
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
            let n = found.ledger.as_ref().unwrap().strip_prefix("ledger ").unwrap().parse().unwrap();
            assert_eq!(found, stored(n));
            newest = newest.max(n);
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
    other.closed().await.unwrap();
    server.world().away = true;
    server.cut();
    comment.insert(3, " two").unwrap();
    client.closed().await.unwrap();
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
    client.closed().await.unwrap();
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
