//! What a client was told is durable can be proved: `interline-server verify --receipts`.

use anyhow::Result;
use interline::{Anchor, Client};
use interline_tests::database::{copy_database, replace_in_entry};
use interline_tests::server::{Server, verify};

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_found_and_a_changed_entry_is() -> Result<()> {
    let mut server = Server::start()?;
    let id = server.create_review("proved")?;
    let folder = tempfile::tempdir()?;
    let client = Client::builder(server.url()).user("ann", "Ann").store_dir(folder.path()).connect().await?;
    let review = client.open("proved").await?;
    let comment = review.comment(Anchor::head("src/lib.rs", 3), "one")?;
    review.synced().await?;
    for word in ["two", "three", "four"] {
        comment.insert(0, word)?;
        review.synced().await?;
    }
    let receipts = review.receipts();
    assert_eq!(receipts.iter().map(|receipt| receipt.version).collect::<Vec<_>>(), [2, 3, 4, 5]);
    let file = folder.path().join("receipts.json");
    std::fs::write(&file, review.export_receipts())?;
    let file = std::slice::from_ref(&file);

    // A server may be using the database.
    let (good, said) = verify(server.data(), file)?;
    assert!(good && said.contains("4 receipts: all good"), "{said}");
    assert!(server.terminate()?.success());
    let (good, said) = verify(server.data(), file)?;
    assert!(good, "{said}");

    let copy = tempfile::tempdir()?;
    copy_database(server.data(), copy.path())?;
    replace_in_entry(copy.path(), &id, 4, "three", "thief").await?;
    let (good, said) = verify(copy.path(), file)?;
    assert!(!good && said.contains(&id) && said.contains('4'), "{said}");
    let (good, said) = verify(server.data(), file)?;
    assert!(good, "it is the copy that was changed: {said}");

    // They outlive the process, and so does what they prove.
    let (before, version) = (review.export_receipts(), review.version());
    client.closed().await?;
    drop((comment, review, client));
    let client = Client::builder(server.url()).user("ann", "Ann").store_dir(folder.path()).build().await?;
    let review = client.open("proved").await?;
    assert_eq!((review.export_receipts(), review.version()), (before, version));
    Ok(())
}
