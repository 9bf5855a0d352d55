//! A whole local store of an earlier release: it opens, shows what it held, goes on, and loses nothing of it.
//!
//! Its first client has a comment in `pr-1`, edited since, an edit that the server took without its hearing so, another
//! behind that, a new comment, and one that was refused. Its second has edited a comment in `pr-2`.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use interline::store::{Confirmed, Owner, Record, Scope};
use interline::{
    Cause, Client, ClientId, CommentId, FileStore, MemoryStore, Reason, Review, ReviewId, Store, UserId,
};
use interline_core::entry::{Answer, EncodedEntry, Hash};
use serde::Deserialize;
use support::{Server, builder, synced, until};

/// What there was when the store was made.
#[derive(Deserialize)]
struct World {
    folder: String,
    server: String,
    client: ClientId,
    other: ClientId,
    comment: CommentId,
    new: CommentId,
    theirs: CommentId,
    reviews: BTreeMap<String, Had>,
}

/// What the server had of a review.
#[derive(Deserialize)]
struct Had {
    id: ReviewId,
    client: ClientId,
    last: Answer,
    log: Vec<Logged>,
}

#[derive(Deserialize)]
struct Logged {
    version: u64,
    hash: Hash,
    payload: String,
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store_v2")
}

fn world() -> World {
    serde_json::from_slice(&fs::read(fixture().join("world.json")).unwrap()).unwrap()
}

/// The store as it was left.
fn unpacked(world: &World) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join(&world.folder);
    fs::create_dir(&folder).unwrap();
    let packed = fs::read_dir(fixture()).unwrap().map(|entry| entry.unwrap().path());
    for file in packed.filter(|path| path.extension().is_some_and(|ending| ending == "gz")) {
        let mut bytes = Vec::new();
        GzDecoder::new(fs::File::open(&file).unwrap()).read_to_end(&mut bytes).unwrap();
        let database = folder.join(file.file_stem().unwrap());
        fs::write(database.with_extension("lock"), "2\n").unwrap();
        fs::write(database, bytes).unwrap();
    }
    root
}

fn owner(server: &str) -> Owner {
    Owner { server: server.to_owned(), user: UserId::new("ann").unwrap() }
}

/// A client that begins on it where its server is not there any more.
async fn begin(world: &World, root: &Path) -> (Client, Review) {
    let client = Client::builder(&world.server).user("ann", "ann").store_dir(root).build().await.unwrap();
    let review = client.open("pr-1").await.unwrap();
    (client, review)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_opens_without_a_server_and_is_written_in_the_present_format() {
    let world = world();
    let root = unpacked(&world);
    let (client, review) = begin(&world, root.path()).await;
    assert_eq!((client.id(), review.id()), (world.client, world.reviews["pr-1"].id));
    assert_eq!(review.get(world.comment).unwrap().text(), "one two three four");
    assert_eq!(review.get(world.new).unwrap().text(), "new");
    assert_eq!(review.comments().len(), 2);
    let rejected = review.rejected();
    assert_eq!((rejected.len(), rejected[0].mine.as_deref()), (1, Some("on no line")));
    assert_eq!(rejected[0].cause, Cause::Refused(Reason::UnknownLine));
    assert_eq!(review.receipts().iter().map(|one| one.version).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(review.unsynced().count, 3);
    let unsynced = client.unsynced().await.unwrap();
    assert_eq!((unsynced.count, unsynced.ended_clients), (3, 1), "and the other client's");
    // It is gone on with, and saved as this release does.
    let comment = review.get(world.comment).unwrap();
    assert!(comment.undo().unwrap());
    let undone = comment.text();
    assert!(undone.starts_with("one") && undone != "one two three four", "{undone}");
    comment.insert(0, "still ").unwrap();
    until("it is saved", || review.is_saved()).await;
    client.closed().await.unwrap();
    drop((client, review, comment));

    let store = FileStore::open(root.path()).unwrap();
    let scope = Scope { owner: owner(&world.server), client: world.client };
    store.hold(&scope).await.unwrap();
    let stored = store.load(&scope, world.reviews["pr-1"].id).await.unwrap().unwrap();
    let format: serde_json::Value = serde_json::from_str(&stored.pending).unwrap();
    assert_eq!(format["format"], interline_core::sync::SAVED_FORMAT);
    store.release(&scope).await;
    drop(store);
    let (client, review) = begin(&world, root.path()).await;
    assert_eq!(review.get(world.comment).unwrap().text(), format!("still {undone}"));
    assert_eq!((review.rejected(), review.get(world.new).unwrap().text()), (rejected, "new".to_owned()));
    client.closed().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_was_pending_in_it_goes_out_once_under_the_ids_of_its_clients() {
    let world = world();
    let root = unpacked(&world);
    let server = Server::start().await;
    for (key, had) in &world.reviews {
        let log = had.log.iter().map(|one| EncodedEntry {
            version: one.version,
            hash: one.hash,
            payload: one.payload.as_str().into(),
        });
        server.world().hold(key, log.collect(), had.id, had.client, had.last.clone());
    }
    // That server has another address than the one it was made with: the records are carried to where it is looked for.
    let (old, new) = (FileStore::open(root.path()).unwrap(), MemoryStore::new());
    for client in [world.client, world.other] {
        let from = Scope { owner: owner(&world.server), client };
        let to = Scope { owner: owner(&server.url), client };
        assert_eq!(new.client_id(&to.owner, client).await.unwrap(), client);
        old.hold(&from).await.unwrap();
        for id in old.list(&from).await.unwrap() {
            let stored = old.load(&from, id).await.unwrap().unwrap();
            assert_eq!(stored.damaged, None);
            let confirmed = stored.confirmed.map_or(Confirmed::Same, Confirmed::Whole);
            let (pending, ledger) = (stored.pending, stored.ledger);
            let whole = Record { pending: pending.clone(), ledger, confirmed, precious: true };
            new.save(&to, id, &whole).await.unwrap();
            let confirmed = Confirmed::Behind(stored.entries);
            new.save(&to, id, &Record { pending, ledger: None, confirmed, precious: true }).await.unwrap();
        }
        old.release(&from).await;
    }
    for client in [world.client, world.other] {
        new.release(&Scope { owner: owner(&server.url), client }).await;
    }

    let client = builder(&server, "ann").store(new).connect().await.unwrap();
    assert_eq!(client.id(), world.client);
    let review = client.open("pr-1").await.unwrap();
    synced(&review).await;
    let text = |key: &str, id: CommentId| {
        let world = server.world();
        world.committed(key).comments.get(&id).map(|comment| comment.text.as_str().to_owned())
    };
    assert_eq!(text("pr-1", world.comment).as_deref(), Some("one two three four"));
    assert_eq!(text("pr-1", world.new).as_deref(), Some("new"));
    assert_eq!(review.rejected().len(), 1);
    until("the other client's is run to its end", || client.analytics().finished == 1).await;
    assert_eq!(text("pr-2", world.theirs).as_deref(), Some("late word of the second client"));
    let authors =
        |key: &str| -> Vec<_> { server.world().log(key).iter().skip(1).map(|entry| entry.client).collect() };
    assert!(authors("pr-1").iter().all(|author| *author == world.client), "{:?}", authors("pr-1"));
    assert_eq!(authors("pr-2"), [world.other; 2]);
    client.closed().await.unwrap();
}
