//! A commit that waits for a standby, and a node that is killed meanwhile: no node tells anybody of it, nor says that it
//! is kept, before a standby has it.

use anyhow::{Context, Result, ensure};
use interline::{Anchor, Client, Review};
use interline_tests::{http, until};

use crate::cluster::Cluster;
use crate::people::{KEY, first};

/// Has commits wait for standbys of that name, or for none.
pub(super) fn wait_for(cluster: &Cluster, names: &str) -> Result<()> {
    cluster.database.sql(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"))?;
    cluster.database.sql("SELECT pg_reload_conf()").map(drop)
}

/// Waits until every node knows that commits wait, which it asks once a second at most; none does afterwards.
async fn known(cluster: &Cluster) -> Result<()> {
    for node in &cluster.nodes {
        let url = format!("{}/readyz", node.url());
        let knows = || http::get(&url).ok().filter(|(status, _)| *status == 503).map(drop);
        until("a node knows that commits wait", knows).await;
    }
    // Those that it found out by.
    let waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let none = || {
        cluster.database.sql(&format!("SELECT pg_cancel_backend(pid) {waiting}")).ok()?;
        let count = cluster.database.sql(&format!("SELECT count(*) {waiting}")).ok()?;
        (count == "0").then_some(())
    };
    until("nothing waits", none).await;
    Ok(())
}

/// Waits until a session's commit waits for a standby, which does other things than that one; which it is.
async fn waiting(cluster: &Cluster, but: u32) -> u32 {
    let sql = format!("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid <> {but}");
    let found = || cluster.database.sql(&sql).ok()?.lines().next()?.parse().ok();
    let what = format!("somebody but {but} waits for a standby");
    until(&what, found).await
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
    known(&cluster).await?;
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
    // The other node's goes on waiting all the time; with it a new one does, of the node whose was cut off.
    let sql =
        format!("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid <> {barrier}");
    let both = || (cluster.database.sql(&sql).ok()?.parse::<u32>().ok()? > 1).then_some(());
    until("both wait again", both).await;
    ensure!(hers.unsynced().count > 0, "she is told of it after a barrier that was cut off");
    ensure!(first(&his).context("a comment")?.text() == "kept", "after a barrier that was cut off");

    wait_for(&cluster, "")?;
    until("he sees it", || first(&his).filter(|it| it.text() == "not kept")).await;
    hers.synced().await?;
    ensure!(version()? == before + 1, "it is there once");
    Ok(())
}
