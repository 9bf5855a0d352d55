//! Connections that do nothing, and reviews that they have open.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use uuid::Uuid;

use super::Options;
use crate::load::resp;
use crate::load::scene::Scene;
use crate::load::traffic::Spent;
use crate::load::usage;
use crate::raw::{Raw, hello};

/// How many come at once.
const AT_ONCE: usize = 50;
/// What is in each review: so many comments of so many scalars.
const COMMENTS: usize = 10;
const CHARS: usize = 200;
/// Nothing but pings may come for this long.
const QUIET: Duration = Duration::from_secs(3_600);

/// What connections and open reviews take.
#[derive(Clone, Debug)]
pub struct Idle {
    /// How many connections there were.
    pub connections: usize,
    /// How many reviews.
    pub rooms: usize,
    /// Memory of a node that nobody is connected to, in bytes.
    pub node: f64,
    /// Memory of a node for each connection, in bytes.
    pub connection: f64,
    /// Files that a node has open for each.
    pub files: f64,
    /// Memory of a node for each connection that has a review open which is loaded already, in bytes.
    pub member: f64,
    /// Memory of a node for each review that is loaded, in bytes.
    pub room: f64,
    /// Memory of Redis for each connection, with its session record alone, in bytes.
    pub record: f64,
    /// And with the review and presence, in bytes.
    pub presence: f64,
    /// Processor time of the node in a second, for a thousand connections with reviews open, in milliseconds.
    pub node_cpu: f64,
    /// The same of Redis.
    pub redis_cpu: f64,
    /// The same of PostgreSQL, for a thousand loaded reviews.
    pub postgres_cpu: f64,
    /// Transactions of PostgreSQL in a second, for each loaded review.
    pub transactions: f64,
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = |bytes: f64| bytes / 1_024.0;
        let Idle { connections, rooms, node, connection, files, member, room, .. } = self;
        writeln!(
            f,
            "{connections} connections that do nothing, over {rooms} reviews of {COMMENTS} comments, one node:"
        )?;
        writeln!(f, "  the node alone          {:.1} MiB", kib(*node) / 1_024.0)?;
        writeln!(
            f,
            "  a connection            {:.1} KiB, {files:.2} files; in Redis {:.2} KiB",
            kib(*connection),
            kib(self.record)
        )?;
        writeln!(
            f,
            "  with a review open      {:.1} KiB more; in Redis {:.2} KiB in all",
            kib(*member),
            kib(self.presence)
        )?;
        writeln!(f, "  a loaded review         {:.1} KiB", kib(*room))?;
        let Idle { node_cpu, redis_cpu, postgres_cpu, transactions, .. } = self;
        writeln!(
            f,
            "  1,000 connections       {node_cpu:.1} ms/s of the node, {redis_cpu:.1} ms/s of Redis"
        )?;
        write!(
            f,
            "  1,000 loaded reviews    {postgres_cpu:.1} ms/s of PostgreSQL, {:.0} transactions/s",
            transactions * 1_000.0
        )
    }
}

/// One who is connected, and does what it is told.
struct Guest {
    orders: mpsc::Sender<(String, oneshot::Sender<()>)>,
}

impl Guest {
    async fn connect(url: &str, n: usize) -> Result<Guest> {
        let mut raw = Raw::connect(url).await?;
        raw.send(&hello(Uuid::now_v7(), &format!("guest{n}"))).await?;
        raw.expect("welcome").await?;
        let (orders, mut ordered) = mpsc::channel::<(String, oneshot::Sender<()>)>(1);
        tokio::spawn(async move {
            loop {
                let order = tokio::select! {
                    order = ordered.recv() => order,
                    text = raw.text(QUIET) => match text {
                        Ok(Some(_)) => continue,
                        _ => None,
                    },
                };
                let Some((review, opened)) = order else { return Ok::<(), anyhow::Error>(()) };
                raw.send(&json!({"open": {"review": review}})).await?;
                raw.expect("opened").await?;
                let place = json!({"file": "src/lib.rs", "line": 3, "side": "head"});
                let update = json!({"place": place, "active": true});
                raw.send(&json!({"presence": {"review": review, "update": update}})).await?;
                // Answered behind it.
                raw.send(&json!({"ping": {"nonce": 1}})).await?;
                raw.expect("pong").await?;
                let _ = opened.send(());
            }
        });
        Ok(Guest { orders })
    }

    async fn open(&self, review: &str) -> Result<()> {
        let (opened, open) = oneshot::channel();
        self.orders.send((review.to_owned(), opened)).await.context("a guest was sent away")?;
        open.await.context("a guest was sent away")
    }
}

/// What a node and Redis have.
struct Level {
    memory: f64,
    files: f64,
    redis: f64,
}

impl Level {
    fn now(scene: &Scene) -> Result<Level> {
        let node = scene.nodes[0].process();
        Ok(Level {
            memory: usage::memory(node)? as f64,
            files: usage::files(node)? as f64,
            redis: resp::info(&scene.redis, "used_memory")? as f64,
        })
    }
}

async fn fill(scene: &Scene, review: &str) -> Result<()> {
    let url = scene.nodes[0].url();
    let mut raw = Raw::hello(url, "author").await?;
    raw.send(&json!({"open": {"review": review}})).await?;
    let base = raw.expect("opened").await?["head"]["version"].as_u64().context("a version")?;
    let place = json!({"line": {"patch_set": 1, "file": "src/lib.rs", "side": "head", "line": 3}});
    let text = "words and words ".chars().cycle().take(CHARS).collect::<String>();
    let comment = |_| json!({"comment_added": {"comment": Uuid::now_v7(), "place": place, "text": text, "at": {"ms": 1}}});
    let changes: Vec<_> = (0..COMMENTS).map(comment).collect();
    raw.send(&json!({"submit": {"review": review, "batch": {"seq": 1, "base": base, "changes": changes}}}))
        .await?;
    raw.expect("entry").await?;
    Ok(())
}

pub(super) async fn measure(scene: &mut Scene, options: &Options) -> Result<Idle> {
    let Options { connections, rooms, still, .. } = *options;
    ensure!(connections > rooms && rooms > 0, "every review is opened, and some by several");
    let mut reviews = Vec::new();
    for n in 0..rooms {
        let review = scene.nodes[0].create_review(&format!("idle-{n}"))?;
        fill(scene, &review).await?;
        reviews.push(review);
    }
    // What loading them once left in its memory is not counted.
    ensure!(scene.nodes[0].terminate()?.success(), "the node does not stop well");
    scene.nodes[0].restart()?;
    let nobody = Level::now(scene)?;

    let scene = &*scene;
    let url = scene.nodes[0].url();
    let mut guests = Vec::new();
    while guests.len() < connections {
        let next = guests.len()..(guests.len() + AT_ONCE).min(connections);
        guests.extend(try_join_all(next.map(|n| Guest::connect(url, n))).await?);
    }
    listed(scene, connections).await?;
    let connected = Level::now(scene)?;

    open(&guests[..rooms], &reviews).await?;
    let loaded = Level::now(scene)?;
    open(&guests[rooms..], &reviews).await?;
    // Presence goes to Redis a little later, and stays for longer than this.
    let before = Spent::now(scene)?;
    sleep(still).await;
    let spent = Spent::now(scene)?.since(&before);
    let all = Level::now(scene)?;
    listed(scene, connections).await?;

    let each = |more: f64, less: f64, count: usize| (more - less) / count as f64;
    let member = each(all.memory, loaded.memory, connections - rooms);
    let a_second = |spent: Duration, count: usize| {
        spent.as_secs_f64() * 1_000.0 / still.as_secs_f64() / count as f64 * 1_000.0
    };
    Ok(Idle {
        connections,
        rooms,
        node: nobody.memory,
        connection: each(connected.memory, nobody.memory, connections),
        files: each(connected.files, nobody.files, connections),
        member,
        room: each(loaded.memory, connected.memory, rooms) - member,
        record: each(connected.redis, nobody.redis, connections),
        presence: each(all.redis, nobody.redis, connections),
        node_cpu: a_second(spent.nodes.iter().sum(), connections),
        redis_cpu: a_second(spent.redis, connections),
        postgres_cpu: a_second(spent.postgres.cpu, rooms),
        transactions: spent.postgres.commits as f64 / still.as_secs_f64() / rooms as f64,
    })
}

async fn open(guests: &[Guest], reviews: &[String]) -> Result<()> {
    for (some, first) in guests.chunks(AT_ONCE).zip((0..).step_by(AT_ONCE)) {
        let open = some.iter().zip(first..).map(|(guest, n)| guest.open(&reviews[n % reviews.len()]));
        try_join_all(open).await?;
    }
    Ok(())
}

/// Waits until Redis knows of everybody.
async fn listed(scene: &Scene, connections: usize) -> Result<()> {
    let end = Instant::now() + crate::DEADLINE;
    loop {
        let sessions = scene.ask(0, "/api/sessions")?;
        let count = sessions["sessions"].as_array().map_or(0, Vec::len);
        if count == connections {
            return Ok(());
        }
        ensure!(Instant::now() < end, "{count} of {connections} are listed");
        sleep(Duration::from_millis(50)).await;
    }
}
