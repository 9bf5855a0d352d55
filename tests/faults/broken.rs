//! What nodes need is cut, silent, slow, or not there, while people type. What was acknowledged is kept, nothing is
//! there twice, nobody has to do anything, and soon after it is whole again everything is durable.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use interline_services::BreakableProxy;
use interline_tests::until;
use tokio::time::sleep;

use crate::cluster::{Cluster, Ways};
use crate::people::{KEY, People};

/// How long each trouble lasts. Longer than a node waits for an answer of either.
const TROUBLE: Duration = Duration::from_secs(13);
/// How soon everything is durable afterwards.
const DRAINED: Duration = Duration::from_secs(15);
/// How long connections last before they are cut, in milliseconds.
const CUT_MS: std::ops::Range<u64> = 300..2_000;
/// For how long at most they are cut, until what is to be seen has been seen.
const CUTTING: Duration = Duration::from_secs(60);
/// How slow is slow, either way.
const SLOW: Duration = Duration::from_millis(200);
/// So slow that a transaction takes a while, which is then cut in the midst of it.
const A_LITTLE_SLOW: Duration = Duration::from_millis(8);

const CONNECTIONS: &str = "interline_redis_connections_total";
const UNKNOWN: &str = "interline_unknown_outcomes_total";

type Which = fn(&Ways) -> &BreakableProxy;

fn postgres(ways: &Ways) -> &BreakableProxy {
    &ways.postgres
}

fn redis(ways: &Ways) -> &BreakableProxy {
    &ways.redis
}

struct Scene {
    cluster: Cluster,
    people: People,
    which: Which,
}

impl Scene {
    async fn start(which: Which) -> Result<Option<Scene>> {
        let Some(cluster) = Cluster::start(2).await? else { return Ok(None) };
        let people = People::come(&cluster).await?;
        let scene = Scene { cluster, people, which };
        scene.cluster.ready().await;
        scene.goes_on(10).await?;
        Ok(Some(scene))
    }

    /// The same with every node's way.
    fn all(&self, trouble: impl Fn(&BreakableProxy)) {
        self.cluster.ways.iter().map(self.which).for_each(trouble);
    }

    fn version(&self) -> Option<u64> {
        self.cluster.nodes[0].review(KEY).ok()?["version"].as_u64()
    }

    /// Waits until edits have gone on by so many entries.
    async fn goes_on(&self, entries: u64) -> Result<()> {
        let version = self.version().context("a version")?;
        until("edits go on", || (self.version()? > version + entries).then_some(())).await;
        Ok(())
    }

    /// Cuts connections, again and again, until enough has been seen.
    async fn cut(&self, enough: impl Fn() -> Result<bool>) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < TROUBLE || !enough()? {
            ensure!(began.elapsed() < CUTTING, "what is to be seen does not happen");
            sleep(Duration::from_millis(fastrand::u64(CUT_MS))).await;
            self.all(BreakableProxy::cut);
        }
        Ok(())
    }

    /// Lets the trouble last.
    async fn wait(&self) {
        sleep(TROUBLE).await;
    }

    /// It is whole again: everything is durable soon.
    async fn healed(self, what: &str) -> Result<()> {
        self.cluster.heal();
        let healed = Instant::now();
        let mut took = Duration::MAX;
        let words = self.people.finish(&self.cluster, || took = healed.elapsed()).await?;
        println!("{what}: {words} words, all durable {took:?} after it was whole again");
        ensure!(took < DRAINED, "{what}: {took:?}");
        self.cluster.ready().await;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_whose_connections_are_cut() -> Result<()> {
    let Some(scene) = Scene::start(postgres).await? else { return Ok(()) };
    scene.all(|way| way.delay(A_LITTLE_SLOW));
    let (version, unknown) = (scene.version().context("a version")?, scene.cluster.counted(UNKNOWN)?);
    let seen = || Ok((scene.version(), scene.cluster.counted(UNKNOWN)? - unknown));
    // Commits were cut off from their answers, and others got through.
    scene.cut(|| seen().map(|(now, unknown)| now > Some(version + 10) && unknown > 0.0)).await?;
    println!("version {version}, then, and commits that were cut off: {:?}", seen()?);
    scene.healed("PostgreSQL, cut").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_silent() -> Result<()> {
    let Some(scene) = Scene::start(postgres).await? else { return Ok(()) };
    let before = scene.cluster.given_up()?;
    scene.all(BreakableProxy::partition);
    scene.wait().await;
    ensure!(scene.cluster.given_up()? > before, "nodes wait no longer than they should");
    scene.healed("PostgreSQL, silent").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_one_node_is_cut_off_from() -> Result<()> {
    let Some(scene) = Scene::start(postgres).await? else { return Ok(()) };
    scene.cluster.ways[1].postgres.partition();
    scene.wait().await;
    // Whose locks go when PostgreSQL has waited for it long enough.
    scene.goes_on(10).await?;
    scene.healed("PostgreSQL, silent to one node").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_slow() -> Result<()> {
    let Some(scene) = Scene::start(postgres).await? else { return Ok(()) };
    scene.all(|way| way.delay(SLOW));
    // A transaction takes seconds by now, and two nodes race for the same log.
    scene.wait().await;
    scene.goes_on(0).await?;
    scene.healed("PostgreSQL, slow").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there() -> Result<()> {
    let Some(scene) = Scene::start(postgres).await? else { return Ok(()) };
    let before = scene.cluster.given_up()?;
    scene.all(BreakableProxy::down);
    scene.wait().await;
    ensure!(scene.cluster.given_up()? > before, "nobody noticed");
    scene.healed("PostgreSQL, not there").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_whose_connections_are_cut() -> Result<()> {
    let Some(scene) = Scene::start(redis).await? else { return Ok(()) };
    let before = scene.cluster.counted(CONNECTIONS)?;
    scene.cut(|| Ok(scene.cluster.counted(CONNECTIONS)? > before + 10.0)).await?;
    scene.goes_on(10).await?;
    scene.healed("Redis, cut").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_silent() -> Result<()> {
    let Some(scene) = Scene::start(redis).await? else { return Ok(()) };
    scene.all(BreakableProxy::partition);
    scene.wait().await;
    scene.goes_on(10).await?;
    ensure!(scene.cluster.counted("interline_redis_up")? == 0.0, "nobody noticed");
    scene.healed("Redis, silent").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_slow() -> Result<()> {
    let Some(scene) = Scene::start(redis).await? else { return Ok(()) };
    scene.all(|way| way.delay(SLOW));
    scene.wait().await;
    scene.goes_on(10).await?;
    scene.healed("Redis, slow").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_not_there() -> Result<()> {
    let Some(scene) = Scene::start(redis).await? else { return Ok(()) };
    scene.all(BreakableProxy::down);
    scene.wait().await;
    scene.goes_on(10).await?;
    ensure!(scene.cluster.counted("interline_degraded")? == 2.0, "nobody noticed");
    scene.healed("Redis, not there").await
}
