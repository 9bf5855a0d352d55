//! One Redis and all that can become of it, one after another, while people type at two nodes: edits go on, both say
//! that they are degraded, and are ready again soon after it is whole. In the end nothing is lost or there twice.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use interline_services::{BreakableProxy, Redis};
use interline_tests::{http, until};

use crate::cluster::{Cluster, Ways};
use crate::people::{KEY, People};

/// How soon both nodes are ready after Redis is whole again.
const READY: Duration = Duration::from_secs(5);
/// How many entries are to come meanwhile, and how soon.
const ENTRIES: u64 = 60;
const GOING_ON: Duration = Duration::from_secs(10);
/// So slow, either way, that it is of no use.
const SLOW: Duration = Duration::from_secs(2);

/// Something that can become of it, and how it ends.
struct Trouble {
    what: &'static str,
    begin: fn(&mut Cluster) -> Result<()>,
    end: fn(&mut Cluster) -> Result<()>,
    /// Whether nodes cannot go on as ever, and notice.
    degrades: bool,
}

const TROUBLES: [Trouble; 6] = [
    Trouble { what: "killed", begin: |it| it.redis.kill(), end: |it| it.redis.restart(), degrades: true },
    Trouble { what: "flushed", begin: |it| tell(&it.redis, &["FLUSHALL"]), end: |_| Ok(()), degrades: false },
    Trouble {
        what: "full",
        begin: |it| tell(&it.redis, &["CONFIG SET maxmemory-policy noeviction", "CONFIG SET maxmemory 1"]),
        end: |it| tell(&it.redis, &["CONFIG SET maxmemory 0"]),
        degrades: true,
    },
    Trouble { what: "slow", begin: |it| all(it, |way| way.delay(SLOW)), end: heal, degrades: true },
    Trouble {
        what: "partitioned",
        begin: |it| all(it, BreakableProxy::partition),
        end: heal,
        degrades: true,
    },
    Trouble { what: "not there", begin: |it| all(it, BreakableProxy::down), end: heal, degrades: true },
];

fn tell(redis: &Redis, commands: &[&str]) -> Result<()> {
    commands.iter().try_for_each(|command| redis.ask(command).map(drop))
}

/// The same with every node's way to Redis.
fn all(cluster: &Cluster, trouble: impl Fn(&BreakableProxy)) -> Result<()> {
    cluster.ways.iter().map(|Ways { redis, .. }| redis).for_each(trouble);
    Ok(())
}

fn heal(cluster: &mut Cluster) -> Result<()> {
    cluster.heal();
    Ok(())
}

/// Waits until both nodes say so of themselves, being in service all the time; how long that took.
async fn say(cluster: &Cluster, status: &str) -> Result<Duration> {
    let began = Instant::now();
    for node in &cluster.nodes {
        let url = format!("{}/readyz", node.url());
        let said = until(status, || {
            let (code, said) = http::get(&url).ok()?;
            (code != 200 || said["status"] == status).then_some((code, said))
        });
        let (code, said) = said.await;
        ensure!(code == 200, "{said}");
        let reason = said["reason"].as_str().map(str::len);
        ensure!(
            if status == "degraded" { reason < Some(200) && reason.is_some() } else { reason.is_none() },
            "{said}"
        );
    }
    Ok(began.elapsed())
}

/// Waits until edits have gone on at both nodes by so many entries.
async fn go_on(cluster: &Cluster) -> Result<Duration> {
    let version = |n: usize| cluster.nodes[n].review(KEY).ok()?["version"].as_u64();
    let (before, began) = (version(0).context("a version")?, Instant::now());
    let on = || (0..2).all(|n| version(n) > Some(before + ENTRIES)).then_some(());
    until("edits go on", on).await;
    Ok(began.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_becomes_of_redis_edits_go_on_and_it_is_made_up_for_soon() -> Result<()> {
    let Some(mut cluster) = Cluster::start(2).await? else { return Ok(()) };
    let people = People::come(&cluster).await?;
    cluster.ready().await;
    for Trouble { what, begin, end, degrades } in TROUBLES {
        begin(&mut cluster)?;
        let noticed = if degrades { say(&cluster, "degraded").await? } else { Duration::ZERO };
        let went_on = go_on(&cluster).await?;
        ensure!(went_on < GOING_ON, "{what}: {ENTRIES} entries took {went_on:?}");
        if degrades {
            say(&cluster, "degraded").await?;
            ensure!(cluster.counted("interline_degraded")? == 2.0, "{what}: nobody counts that");
        }
        end(&mut cluster)?;
        let ready = say(&cluster, "ready").await?;
        println!(
            "{what}: noticed after {noticed:?}, {ENTRIES} entries in {went_on:?}, ready {ready:?} after it was whole"
        );
        ensure!(ready < READY, "{what}: {ready:?}");
        ensure!(cluster.counted("interline_redis_up")? == 2.0, "{what}: not connected");
        // And not only by looking into the store.
        let heard = cluster.counted("interline_heard_total")?;
        until("nodes hear each other", || {
            (cluster.counted("interline_heard_total").ok()? > heard).then_some(())
        })
        .await;
    }
    let words = people.finish(&cluster, || ()).await?;
    println!("{words} words, each of them there once");
    Ok(())
}
