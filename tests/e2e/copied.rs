//! Somebody copied the folder of a local store and went on with both.

use anyhow::{Context, Result};
use interline::{Anchor, Cause, Client, Review};
use interline_tests::database::{check_log, copy_folder};
use interline_tests::server::Server;
use interline_tests::{DEADLINE, until};
use tokio::time::timeout;

async fn start(server: &Server, folder: &std::path::Path) -> Result<(Client, Review)> {
    let client = Client::builder(server.url()).user("ann", "Ann").store_dir(folder).build().await?;
    let review = client.open("copied").await?;
    Ok((client, review))
}

async fn synced(review: &Review) -> Result<()> {
    Ok(timeout(DEADLINE, review.synced()).await.context("it takes too long")??)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_copy_of_a_store_gets_an_id_of_its_own() -> Result<()> {
    let mut server = Server::start()?;
    let id = server.create_review("copied")?;
    let (folder, copy) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (client, review) = start(&server, folder.path()).await?;
    let comment = review.comment(Anchor::head("src/lib.rs", 3), "base")?.id();
    synced(&review).await?;
    client.closed().await?;
    drop((review, client));
    copy_folder(folder.path(), copy.path())?;

    // The first goes on under its id.
    let (client, first) = start(&server, folder.path()).await?;
    let before = first.client_id();
    first.get(comment)?.insert(4, " <first>")?;
    synced(&first).await?;

    // The second has the same id, and something pending, when it hears of that.
    server.kill()?;
    let (other, second) = start(&server, copy.path()).await?;
    assert_eq!((second.client_id(), second.get(comment)?.text()), (before, "base".to_owned()));
    second.get(comment)?.insert(4, " <second>")?;
    assert!(second.unsynced().count > 0);
    server.restart()?;
    other.reconnect();
    until("the second to have another id", || {
        (second.client_id() != before && second.is_online()).then_some(())
    })
    .await;
    synced(&second).await?;
    let rejected = second.rejected();
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    assert_eq!((rejected[0].cause, rejected[0].mine.as_deref()), (Cause::CopiedStore, Some("base <second>")));
    assert_eq!(second.get(comment)?.text(), "base <first>");

    // Both go on, and what was set aside comes back if somebody wants it.
    client.reconnect();
    first.get(comment)?.insert(0, "<again> ")?;
    synced(&first).await?;
    second.retry_rejected(rejected[0].id)?;
    synced(&second).await?;
    assert_eq!((first.client_id(), first.rejected().len(), second.rejected().len()), (before, 0, 0));
    until("both to show the same", || {
        (first.version() == second.version() && first.threads() == second.threads()).then_some(())
    })
    .await;
    let text = first.get(comment)?.text();
    for word in ["<first>", "<second>", "<again>", "base"] {
        assert_eq!(text.matches(word).count(), 1, "{text}");
    }
    assert_eq!(server.review(&id)?["comments"][0]["text"], text);
    drop((first, second));
    client.closed().await?;
    other.closed().await?;
    assert!(server.terminate()?.success());
    check_log(server.data(), &id).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_copies_that_write_at_the_same_time_double_nothing() -> Result<()> {
    let server = Server::start()?;
    let id = server.create_review("copied")?;
    let (folder, copy) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (client, review) = start(&server, folder.path()).await?;
    let comment = review.comment(Anchor::head("src/lib.rs", 3), "")?.id();
    synced(&review).await?;
    client.closed().await?;
    drop((review, client));
    copy_folder(folder.path(), copy.path())?;
    let (one, first) = start(&server, folder.path()).await?;
    let (two, second) = start(&server, copy.path()).await?;
    let mut words = Vec::new();
    for n in 0..20 {
        for (name, review) in [("one", &first), ("two", &second)] {
            let (word, comment) = (format!("<{name} {n}>"), review.get(comment)?);
            comment.insert(comment.text().len(), &word)?;
            words.push(word);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    for client in [&one, &two] {
        client.connected().await?;
    }
    synced(&first).await?;
    synced(&second).await?;
    until("both to show the same", || {
        let ids = first.client_id() != second.client_id();
        (ids && first.version() == second.version() && first.threads() == second.threads()).then_some(())
    })
    .await;
    // Each word is in the text once, or it is kept for its writer to decide.
    let text = first.get(comment)?.text();
    assert_eq!(server.review(&id)?["comments"][0]["text"], text);
    let aside: String = [&first, &second]
        .iter()
        .flat_map(|review| review.rejected())
        .filter_map(|rejected| rejected.mine)
        .collect();
    for word in words {
        let count = text.matches(&word).count();
        assert!(count <= 1, "{word} is there {count} times: {text}");
        assert!(count == 1 || aside.contains(&word), "{word} is gone: {text}; set aside: {aside}");
    }
    Ok(())
}
