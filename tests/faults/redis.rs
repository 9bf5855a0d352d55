//! One Redis and all that can become of it, one after another, while people type at two nodes: everybody's edits go on
//! and arrive at the other node, both say that they are degraded, and are ready again soon after it is whole, when nodes
//! hear each other as before. In the end nothing is lost or there twice.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use interline::{Anchor, Client, Comment, Review};
use interline_services::{BreakableProxy, Redis};
use interline_tests::{http, until};
use tokio::time::timeout;

use crate::cluster::{Cluster, Ways};
use crate::people::{KEY, PEOPLE, People, first};

/// How soon both nodes are ready after Redis is whole again.
const READY: Duration = Duration::from_secs(5);
/// How soon everybody has typed on, and it is seen at both nodes: each types five words a second.
const GOING_ON: Duration = Duration::from_secs(10);
/// How many words that is.
const WORDS: u64 = 5;
/// How soon an edit is acknowledged, whatever becomes of Redis, and how soon it is at the other node by a look into the
/// store.
const KEPT: Duration = Duration::from_secs(2);
const LOOKED: Duration = Duration::from_secs(5);
/// How soon it is there over Redis. Rooms look into the store every 2 to 4 s then.
const HEARD: Duration = Duration::from_secs(1);
/// How many edits one after another have to arrive that soon, each way.
const EDITS: u32 = 5;
/// So slow, either way, that it is of no use.
const SLOW: Duration = Duration::from_secs(2);

/// Something that can become of it, and how it ends.
struct Trouble {
    what: &'static str,
    begin: fn(&mut Cluster) -> Result<()>,
    end: fn(&mut Cluster) -> Result<()>,
    /// Whether nodes cannot go on as ever, and notice.
    degrades: bool,
    /// Whether they hear each other all the same.
    hear: bool,
}

const TROUBLES: [Trouble; 7] = [
    Trouble {
        what: "killed",
        begin: |it| it.redis.kill(),
        end: |it| it.redis.restart(),
        degrades: true,
        hear: false,
    },
    Trouble {
        what: "flushed",
        begin: |it| tell(&it.redis, &["FLUSHALL"]),
        end: |_| Ok(()),
        degrades: false,
        hear: true,
    },
    Trouble {
        what: "unable to save",
        begin: |it| it.redis.fail_to_save(),
        end: |it| it.redis.save_nothing(),
        degrades: true,
        hear: true,
    },
    Trouble {
        what: "full",
        begin: |it| tell(&it.redis, &["CONFIG SET maxmemory-policy noeviction", "CONFIG SET maxmemory 1"]),
        end: |it| tell(&it.redis, &["CONFIG SET maxmemory 0"]),
        degrades: true,
        hear: true,
    },
    Trouble {
        what: "slow",
        begin: |it| all(it, |way| way.delay(SLOW)),
        end: heal,
        degrades: true,
        hear: false,
    },
    Trouble {
        what: "partitioned",
        begin: |it| all(it, BreakableProxy::partition),
        end: heal,
        degrades: true,
        hear: false,
    },
    Trouble {
        what: "not there",
        begin: |it| all(it, BreakableProxy::down),
        end: heal,
        degrades: true,
        hear: false,
    },
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

/// Waits until everybody has typed on by so many words that both nodes have; how long that took.
async fn go_on(cluster: &Cluster) -> Result<Duration> {
    let words = |node: usize, person: usize| {
        let shown = cluster.nodes[node].review(KEY).ok()?;
        let text = shown["comments"][0]["text"].as_str()?.to_owned();
        Some(text.matches(&format!("<person{person} ")).count() as u64)
    };
    let (mut before, began) = (Vec::new(), Instant::now());
    for person in 0..PEOPLE {
        before.push(words(0, person).context("a text")?);
    }
    for (person, before) in before.into_iter().enumerate() {
        for node in 0..2 {
            let on = || (words(node, person)? >= before + WORDS).then_some(());
            until("everybody types on, at both nodes", on).await;
        }
    }
    Ok(began.elapsed())
}

/// Two who are alone in a review, each at a node of their own: what one says and when the other has it.
struct Pair {
    reviews: [Review; 2],
    comments: [Comment; 2],
    said: u32,
    _clients: Vec<Client>,
}

impl Pair {
    async fn come(cluster: &Cluster) -> Result<Pair> {
        cluster.nodes[0].create_review("pair")?;
        let (mut clients, mut reviews) = (Vec::new(), Vec::new());
        for (node, name) in cluster.nodes.iter().zip(["ann", "bo"]) {
            let client = Client::builder(node.url()).user(name, name).debounce_ms(5).connect().await?;
            reviews.push(client.open("pair").await?);
            clients.push(client);
        }
        let reviews: [Review; 2] = reviews.try_into().map_err(|_| anyhow::anyhow!("two nodes"))?;
        let comment = reviews[0].comment(Anchor::head("src/lib.rs", 3), "0")?;
        let other = until("the other has it", || first(&reviews[1])).await;
        Ok(Pair { reviews, comments: [comment, other], said: 0, _clients: clients })
    }

    /// One of them says something: how long it takes to be kept, and to arrive at the other's node.
    async fn says(&mut self, one: usize) -> Result<(Duration, Duration)> {
        self.said += 1;
        let (words, began) = (self.said.to_string(), Instant::now());
        self.comments[one].set_text(&words)?;
        let arrives = async {
            let other = &self.comments[1 - one];
            until("it arrives at the other node", || (other.text() == words).then_some(())).await;
            began.elapsed()
        };
        let kept = async {
            self.reviews[one].synced().await?;
            anyhow::Ok(began.elapsed())
        };
        let (kept, arrived) =
            timeout(LOOKED, async { tokio::join!(kept, arrives) }).await.context("in time")?;
        Ok((kept?, arrived))
    }

    /// What each says arrives over Redis, and the other's node counts that it has heard it.
    async fn hear_each_other(&mut self, cluster: &Cluster) -> Result<Duration> {
        let mut longest = Duration::ZERO;
        for one in 0..2 {
            let heard = || cluster.metric(1 - one, "interline_heard_total");
            let before = heard()?;
            for _ in 0..EDITS {
                longest = longest.max(self.says(one).await?.1);
            }
            ensure!(longest < HEARD, "it took {longest:?} from node {one} to the other");
            ensure!(heard()? >= before + f64::from(EDITS), "node {} has not heard it", 1 - one);
        }
        Ok(longest)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_becomes_of_redis_edits_go_on_and_it_is_made_up_for_soon() -> Result<()> {
    let Some(mut cluster) = Cluster::start(2).await? else { return Ok(()) };
    let people = People::come(&cluster).await?;
    let mut pair = Pair::come(&cluster).await?;
    cluster.ready().await;
    for Trouble { what, begin, end, degrades, hear } in TROUBLES {
        begin(&mut cluster)?;
        let noticed = if degrades { say(&cluster, "degraded").await? } else { Duration::ZERO };
        let went_on = go_on(&cluster).await?;
        ensure!(went_on < GOING_ON, "{what}: {WORDS} words of everybody took {went_on:?}");
        for one in 0..2 {
            let (kept, _) = pair.says(one).await.context(what)?;
            ensure!(kept < KEPT, "{what}: an edit was kept after {kept:?}");
        }
        if hear {
            pair.hear_each_other(&cluster).await.context(what)?;
        }
        if degrades {
            say(&cluster, "degraded").await?;
            ensure!(cluster.counted("interline_degraded")? == 2.0, "{what}: nobody counts that");
        }
        end(&mut cluster)?;
        let ready = say(&cluster, "ready").await?;
        ensure!(ready < READY, "{what}: {ready:?}");
        ensure!(cluster.counted("interline_redis_up")? == 2.0, "{what}: not connected");
        // And not only by looking into the store.
        let heard = pair.hear_each_other(&cluster).await.context(what)?;
        println!(
            "{what}: noticed after {noticed:?}, {WORDS} words of everybody in {went_on:?}, ready {ready:?} after it \
             was whole, then from node to node in {heard:?}"
        );
    }
    let words = people.finish(&cluster, || ()).await?;
    println!("{words} words, each of them there once");
    Ok(())
}
