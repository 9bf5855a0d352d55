//! A review whose stored log is damaged: it is refused by name, others are served, and nobody loses what is pending.

use std::time::Duration;

use anyhow::{Context, Result};
use interline::{Anchor, Client, Coded};
use interline_tests::DEADLINE;
use interline_tests::database::replace_in_entry;
use interline_tests::raw::Raw;
use interline_tests::server::Server;
use interline_tests::{http, until};
use serde_json::json;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_review_is_refused_and_the_others_are_served() -> Result<()> {
    let mut server = Server::start()?;
    let (bad, good) = (server.create_review("bad")?, server.create_review("good")?);
    let folder = tempfile::tempdir()?;
    let url = server.url().to_owned();
    let start = || async { Client::builder(&url).user("ann", "Ann").store_dir(folder.path()).build().await };
    let client = start().await?;
    let review = client.open("bad").await?;
    let comment = review.comment(Anchor::head("src/lib.rs", 3), "what stands")?;
    review.synced().await?;

    server.kill()?;
    until("ann to notice", || (!client.connection().is_connected()).then_some(())).await;
    comment.insert(0, "pending: ")?;
    replace_in_entry(server.data(), &bad, 2, "what stands", "what stinks").await?;
    server.restart()?;

    // Over REST: the one is an error that names it, the other and the list are there. Who comes in the moment in
    // which the room of somebody before ends is told to come again.
    let page = format!("{}/api/reviews/bad", server.url());
    let named = || {
        let (status, error) = http::get(&page).ok()?;
        assert_eq!((status, &error["code"]), (500, &json!("internal")), "{error}");
        error["message"].as_str().is_some_and(|message| message.contains(&bad)).then_some(())
    };
    until("an error that names the review", named).await;
    assert_eq!(server.review("good")?["id"], json!(good));
    assert_eq!(http::get(&format!("{}/api/reviews", server.url()))?.0, 200);

    // Over the socket as well.
    let mut raw = Raw::hello(server.url(), "bo").await?;
    raw.send(&json!({"open": {"review": "bad"}})).await?;
    let error = raw.expect("error").await?;
    assert_eq!((&error["requested"], &error["code"]), (&json!("bad"), &json!("internal")), "{error}");
    assert_eq!(error["review"], json!(bad), "{error}");
    raw.send(&json!({"open": {"review": "good"}})).await?;
    assert_eq!(raw.expect("opened").await?["review"], json!(good));

    // Ann keeps what she wrote, across a restart too, and goes on elsewhere.
    client.reconnect();
    client.connected().await?;
    let other = client.open("good").await?;
    other.comment(Anchor::head("src/lib.rs", 1), "goes on")?;
    timeout(DEADLINE, other.synced()).await??;
    assert!(review.unsynced().count > 0 && !review.is_online());
    client.closed().await?;
    drop((comment, review, other, client));
    let client = start().await?;
    let review = client.open("bad").await?;
    let texts: Vec<_> = review.comments().into_iter().map(|comment| comment.text).collect();
    assert_eq!(texts, ["pending: what stands"]);
    let fresh = Client::builder(server.url()).user("cy", "Cy").connect().await?;
    let refused = fresh.open("bad").await.err().context("a damaged review was opened")?;
    assert_eq!(refused.code(), "internal");

    // Once the file is mended, what was pending goes where it belongs; the server is not started again.
    replace_in_entry(server.data(), &bad, 2, "what stinks", "what stands").await?;
    timeout(DEADLINE + Duration::from_secs(5), review.synced()).await.context("it is not taken")??;
    assert_eq!(server.review("bad")?["comments"][0]["text"], "pending: what stands");
    Ok(())
}
