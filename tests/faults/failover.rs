//! A primary that is killed while people type, and the standby that takes over at its address.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use interline_services::{BreakableProxy, Postgres};
use interline_tests::server::verify_in_postgres;
use interline_tests::until;

use crate::cluster::Cluster;
use crate::people::{KEY, People};
use crate::standbys::wait_for;

/// How much later everything reaches the standby, and its word the primary: what would not wait for it would be
/// acknowledged long before the standby has it.
const FAR: Duration = Duration::from_millis(100);
/// How many entries lie before the primary is killed, and after the standby has taken over.
const ENTRIES: u64 = 20;

/// A standby that is far away, and that commits wait for from now on.
async fn standby(cluster: &Cluster) -> Result<(Arc<Postgres>, BreakableProxy)> {
    let primary = cluster.database.postgres();
    let (standby, way) = (primary.standby()?, BreakableProxy::start(primary.port())?);
    way.delay(FAR);
    standby.follow(way.port())?;
    wait_for(cluster, "walreceiver")?;
    // Its connections come by the proxy now: those over a socket in a folder have no port.
    let sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND client_port > 0";
    until("commits wait for it", || cluster.database.sql(sql).ok().filter(|count| count == "1")).await;
    Ok((standby, way))
}

/// Waits until people have gone on by so much, as some node says.
async fn go_on(cluster: &Cluster) -> Result<()> {
    let version = |n: usize| cluster.nodes[n].review(KEY).ok()?["version"].as_u64();
    let before = until("a version", || version(0).max(version(1))).await;
    let on = |n: usize| move || version(n).filter(|now| *now > before + ENTRIES);
    for n in 0..cluster.nodes.len() {
        until("people type on", on(n)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_whose_standby_takes_over_at_its_address() -> Result<()> {
    let Some(mut cluster) = Cluster::start_apart(2).await? else { return Ok(()) };
    let (standby, _way) = standby(&cluster).await?;
    let people = People::come(&cluster).await?;
    go_on(&cluster).await?;

    cluster.database.postgres().kill()?;
    let killed = Instant::now();
    // What was acknowledged by then; some of it a moment before.
    let folder = tempfile::tempdir()?;
    let mut receipts: Vec<PathBuf> = Vec::new();
    for (n, typist) in people.typists.iter().enumerate() {
        let file = folder.path().join(format!("receipts-{n}.json"));
        std::fs::write(&file, typist.review.export_receipts())?;
        receipts.push(file);
    }
    standby.promote()?;
    for way in &cluster.ways {
        way.postgres.lead_to(standby.port());
        way.postgres.cut();
    }
    go_on(&cluster).await?;
    println!("{ENTRIES} entries further {:?} after the primary was killed", killed.elapsed());
    let words = people.finish(&cluster, || {}).await?;
    let version = cluster.nodes[0].review(KEY)?["version"].as_u64().context("a version")?;
    for node in &mut cluster.nodes {
        ensure!(node.terminate()?.success());
    }
    let (good, said) = verify_in_postgres(&standby.url(cluster.database.name()), &receipts)?;
    ensure!(good, "{said}");
    println!("{words} words, version {version}: {said}");
    Ok(())
}
