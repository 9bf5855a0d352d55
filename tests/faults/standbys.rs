//! A commit that waits for a standby, and a node that is killed meanwhile: no node tells anybody of it, nor says that it
//! is kept, before a standby has it.

use anyhow::{Context, Result, ensure};
use interline::{Anchor, Client, Review};
use interline_tests::until;

use crate::cluster::Cluster;
use crate::people::{KEY, first};

/// Has commits wait for standbys of that name, or for none.
fn wait_for(cluster: &Cluster, names: &str) -> Result<()> {
    cluster.database.sql(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"))?;
    cluster.database.sql("SELECT pg_reload_conf()").map(drop)
}

/// Waits until a session's commit waits for a standby, which does other things than that one; which it is.
async fn waiting(cluster: &Cluster, but: u32) -> u32 {
    let sql = format!("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid <> {but}");
    let found = || cluster.database.sql(&sql).ok()?.lines().next()?.parse().ok();
    until("somebody waits for a standby", found).await
}

async fn open(url: &str, name: &str) -> Result<(Client, Review)> {
    let client = Client::builder(url).user(name, name).debounce_ms(5).connect().await?;
    let review = client.open(KEY).await?;
    Ok((client, review))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_while_its_commit_waits_for_a_standby() -> Result<()> {
    let Some(mut cluster) = Cluster::start_apart(2).await? else { return Ok(()) };
    cluster.nodes[0].create_review(KEY)?;
    let (_ann, hers) = open(cluster.nodes[0].url(), "ann").await?;
    let (_bo, his) = open(cluster.nodes[1].url(), "bo").await?;
    let comment = hers.comment(Anchor::head("src/lib.rs", 3), "kept")?;
    hers.synced().await?;
    until("he sees it", || first(&his).filter(|it| it.text() == "kept")).await;

    wait_for(&cluster, "nobody")?;
    let version =
        || -> Result<u64> { Ok(cluster.database.sql("SELECT max(version) FROM reviews")?.parse()?) };
    let before = version()?;
    comment.set_text("not kept")?;
    let commit = waiting(&cluster, 0).await;
    ensure!(version()? == before, "it can be seen while it waits");
    cluster.nodes[0].kill()?;
    cluster.database.sql(&format!("SELECT pg_terminate_backend({commit})"))?;
    let seen = || (version().ok()? > before).then_some(());
    until("it can be read at the primary", seen).await;
    // Both nodes find it, and have a commit of their own wait.
    let barrier = waiting(&cluster, commit).await;
    cluster.nodes[0].restart()?;
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let both = || (cluster.database.sql(sql).ok()?.parse::<u32>().ok()? > 1).then_some(());
    until("she comes back to a node that has begun anew", both).await;
    ensure!(hers.unsynced().count > 0, "she is told that no standby has it");
    let text = first(&his).context("a comment")?.text();
    ensure!(text == "kept", "he is told of what no standby has: {text}");
    // What is cut off is no barrier.
    cluster.database.sql(&format!("SELECT pg_cancel_backend({barrier})"))?;
    let again = waiting(&cluster, 0).await;
    ensure!(again > 0 && hers.unsynced().count > 0);
    ensure!(first(&his).context("a comment")?.text() == "kept", "after a barrier that was cut off");

    wait_for(&cluster, "")?;
    until("he sees it", || first(&his).filter(|it| it.text() == "not kept")).await;
    hers.synced().await?;
    ensure!(version()? == before + 1, "it is there once");
    Ok(())
}
