//! A node whose way to the database is so slow that a busy log grows faster than it can be read.

use std::time::Duration;

use anyhow::Result;
use interline_tests::until;

use crate::cluster::Cluster;
use crate::people::{KEY, People, Typist, first};

/// How slow, either way: several entries come while one question is asked.
const SLOW: Duration = Duration::from_millis(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_grows_faster_than_it_is_read_lets_people_in_and_write() -> Result<()> {
    let Some(cluster) = Cluster::start(2).await? else { return Ok(()) };
    let mut people = People::come_by(&cluster, cluster.nodes[1].url()).await?;
    cluster.ways[0].postgres.delay(SLOW);
    let late = Typist::start(cluster.nodes[0].url(), KEY, "late").await?;
    people.typists.push(late);
    let elsewhere = people.typists[0].review.clone();
    let arrived = || first(&elsewhere).filter(|comment| comment.text().contains("<late 0>")).map(drop);
    until("what is typed at the slow node is taken", arrived).await;
    cluster.heal();
    people.finish(&cluster, || ()).await?;
    Ok(())
}
