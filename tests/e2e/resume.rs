//! The network goes away and comes back: edits go on, and everything arrives once.

use anyhow::Result;
use interline::store::MemoryStore;
use interline::{Anchor, Client, Review};
use interline_tests::proxy::Proxy;
use interline_tests::server::Server;
use interline_tests::until;

async fn join(url: &str, key: &str, name: &str) -> Result<(Client, Review)> {
    let client = Client::builder(url).user(name, name).debounce_ms(2).connect().await?;
    let review = client.open(key).await?;
    Ok((client, review))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_again_and_again_loses_nothing() -> Result<()> {
    let server = Server::start()?;
    server.create_review("cut")?;
    let proxy = Proxy::start(server.url()).await?;
    let (client, ann) = join(&proxy.url(), "cut", "ann").await?;
    let (_b, bo) = join(server.url(), "cut", "bo").await?;
    let anns = ann.comment(Anchor::head("src/lib.rs", 3), "")?;
    ann.synced().await?;
    let bos = until("the comment", || bo.get(anns.id()).ok()).await;
    for n in 0..60 {
        anns.insert(0, &format!("<a{n}>"))?;
        bos.insert(bos.text().chars().count(), &format!("<b{n}>"))?;
        if n % 12 == 5 {
            proxy.cut();
        }
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    ann.synced().await?;
    bo.synced().await?;
    until("both show the same", || (anns.text() == bos.text()).then_some(())).await;
    let text = anns.text();
    for n in 0..60 {
        assert_eq!(
            (text.matches(&format!("<a{n}>")).count(), text.matches(&format!("<b{n}>")).count()),
            (1, 1)
        );
    }
    assert!(client.analytics().reconnects >= 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_while_away_arrives_afterwards() -> Result<()> {
    let server = Server::start()?;
    server.create_review("away")?;
    let proxy = Proxy::start(server.url()).await?;
    let (client, ann) = join(&proxy.url(), "away", "ann").await?;
    let (_b, bo) = join(server.url(), "away", "bo").await?;
    let anns = ann.comment(Anchor::head("src/lib.rs", 3), "shared")?;
    ann.synced().await?;
    let bos = until("the comment", || bo.get(anns.id()).ok()).await;
    proxy.down();
    until("it is noticed", || (!client.connection().is_connected()).then_some(())).await;
    anns.insert(0, "ann was here: ")?;
    let offline = ann.comment(Anchor::head("src/lib.rs", 1), "written offline")?;
    assert!(ann.unsynced().count >= 2);
    bos.insert(6, " by bo")?;
    bo.synced().await?;
    proxy.up();
    client.reconnect();
    ann.synced().await?;
    assert_eq!(ann.unsynced().count, 0);
    until("all of it", || (anns.text() == "ann was here: shared by bo").then_some(())).await;
    until("on both sides", || (bos.text() == anns.text() && bo.get(offline.id()).is_ok()).then_some(()))
        .await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_ended_goes_on_from_its_store() -> Result<()> {
    let server = Server::start()?;
    server.create_review("store")?;
    let proxy = Proxy::start(server.url()).await?;
    let store = MemoryStore::default();
    let start = |store: MemoryStore, url: String| async move {
        Client::builder(&url).user("ann", "Ann").store(store).build().await
    };
    let client = start(store.clone(), proxy.url()).await?;
    let review = client.open("store").await?;
    let comment = review.comment(Anchor::head("src/lib.rs", 3), "first")?;
    review.synced().await?;
    proxy.down();
    comment.insert(5, " and unsent")?;
    let id = comment.id();
    client.closed().await?;

    let client = start(store, proxy.url()).await?;
    let review = client.open("store").await?;
    let comment = review.get(id)?;
    assert_eq!(comment.text(), "first and unsent", "it opens with the network away");
    proxy.up();
    client.reconnect();
    review.synced().await?;
    assert_eq!(server.review("store")?["comments"][0]["text"], "first and unsent");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_review_opened_by_another_name_keeps_what_is_pending() -> Result<()> {
    let server = Server::start()?;
    let id = server.create_review("named")?;
    let proxy = Proxy::start(server.url()).await?;
    let folder = tempfile::tempdir()?;
    let start =
        || async { Client::builder(proxy.url()).user("ann", "Ann").store_dir(folder.path()).build().await };
    let client = start().await?;
    let review = client.open(&id).await?;
    proxy.down();
    let comment = review.comment(Anchor::head("src/lib.rs", 3), "written offline")?.id();
    client.closed().await?;
    drop((review, client));

    proxy.up();
    let client = start().await?;
    let review = client.open("named").await?;
    assert_eq!(review.get(comment)?.text(), "written offline");
    review.synced().await?;
    assert_eq!(server.review(&id)?["comments"][0]["text"], "written offline");
    Ok(())
}
