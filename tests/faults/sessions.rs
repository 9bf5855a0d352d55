//! Sessions that an operator closes.

use anyhow::{Context, Result, ensure};
use interline::{Anchor, Client, ConnectionState, DisconnectReason};
use interline_tests::{http, until};

use crate::cluster::Cluster;

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_session_stays_away_until_somebody_asks() -> Result<()> {
    let Some(cluster) = Cluster::start(2).await? else { return Ok(()) };
    let [a, b] = [0, 1].map(|n| cluster.nodes[n].url());
    cluster.nodes[0].create_review("pr")?;
    let client = Client::builder(a).user("ann", "Ann").debounce_ms(5).connect().await?;
    let review = client.open("pr").await?;
    let listed = || {
        http::get(&format!("{b}/api/sessions")).ok().and_then(|(_, listed)| {
            Some(listed["sessions"].as_array()?.first()?["session"].as_str()?.to_owned())
        })
    };
    let session = until("the other node knows of it", listed).await;
    assert_eq!(http::delete(&format!("{b}/api/sessions/{session}"))?, 204);
    let closed = || match client.connection() {
        ConnectionState::Disconnected { reason: DisconnectReason::Refused, message } => Some(message),
        _ => None,
    };
    let message = until("its client is told", closed).await;
    ensure!(message.contains("operator"), "{message}");
    // What is typed is kept, and goes out once somebody wants that.
    review.comment(Anchor::head("src/lib.rs", 3), "still here")?;
    assert_eq!(review.unsynced().count, 1);
    client.reconnect();
    review.synced().await?;
    let shown = cluster.nodes[1].review("pr")?;
    assert_eq!(shown["comments"][0]["text"].as_str().context("a text")?, "still here");
    Ok(())
}
