//! Nodes that are told to stop while what they need does not answer: they stop in time, and nobody's words are lost.

use std::time::Instant;

use anyhow::{Result, ensure};
use interline_services::BreakableProxy;
use interline_tests::until;

use crate::cluster::{Cluster, STOP, Ways};
use crate::people::People;

/// Stops the first node behind a broken way, and starts it again behind a whole one.
async fn stops(trouble: impl Fn(&Ways), noticed: impl Fn(&Cluster) -> bool) -> Result<()> {
    let Some(mut cluster) = Cluster::start(2).await? else { return Ok(()) };
    let people = People::come(&cluster).await?;
    cluster.ready().await;
    trouble(&cluster.ways[0]);
    until("the trouble is noticed", || noticed(&cluster).then_some(())).await;
    let began = Instant::now();
    let status = cluster.nodes[0].terminate()?;
    println!("stopped in {:?}", began.elapsed());
    ensure!(status.success(), "{status}");
    ensure!(began.elapsed() < STOP, "{:?}", began.elapsed());
    cluster.heal();
    cluster.nodes[0].restart()?;
    println!("{} words", people.finish(&cluster, || {}).await?);
    Ok(())
}

fn no_redis(cluster: &Cluster) -> bool {
    cluster.metric(0, "interline_redis_up").is_ok_and(|up| up == 0.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis() -> Result<()> {
    stops(|ways| ways.redis.down(), no_redis).await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_redis_that_is_silent() -> Result<()> {
    stops(|ways| ways.redis.partition(), no_redis).await
}

/// At the moment that Redis falls silent, before anybody could have noticed.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_redis_that_falls_silent() -> Result<()> {
    stops(|ways| ways.redis.partition(), |_| true).await
}

/// What its clients have handed in waits for an answer that never comes.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_database_that_is_silent() -> Result<()> {
    stops(
        |ways| ways.postgres.partition(),
        // One has been given up; others are on their way.
        |cluster| cluster.given_up().is_ok_and(|count| count > 0.0),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_database_that_falls_silent() -> Result<()> {
    stops(|ways| ways.postgres.partition(), |_| true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anything() -> Result<()> {
    let all = |ways: &Ways| [&ways.postgres, &ways.redis].into_iter().for_each(BreakableProxy::down);
    stops(all, no_redis).await
}
