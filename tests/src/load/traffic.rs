//! Edits at a rate, handed in at one node and read at another, and what that costs.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::pen::{Pen, Read, Reader, Sent, Written};
use super::scene::Scene;
use super::times::Times;
use super::usage::{self, Database};

/// How much is written, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Edits a second, all in all.
    pub(super) rate: u32,
    pub(super) reviews: usize,
    /// Who writes in each of them.
    pub(super) writers: usize,
    /// How long is measured.
    pub(super) measured: Duration,
    /// How long edits are handed in before that.
    pub(super) warm: Duration,
    /// Half of each review's writers are at the first node and half at the last, and so for readers. Otherwise all
    /// writers are at the first node, and readers at the last.
    pub(super) everywhere: bool,
}

/// What processes have spent.
#[derive(Clone, Default, Debug)]
pub(super) struct Spent {
    pub(super) nodes: Vec<Duration>,
    pub(super) postgres: Database,
    pub(super) redis: Duration,
    /// Who makes the load, and takes its time.
    pub(super) load: Duration,
}

impl Spent {
    pub(super) fn now(scene: &Scene) -> Result<Spent> {
        let nodes = scene.nodes.iter().map(|node| usage::cpu(node.process()));
        Ok(Spent {
            nodes: nodes.collect::<Result<_>>()?,
            postgres: Database::now(scene.postgres(), scene.database.name())?,
            redis: usage::cpu(scene.redis.pid()?)?,
            load: usage::cpu(std::process::id())?,
        })
    }

    pub(super) fn since(&self, then: &Spent) -> Spent {
        let nodes = self.nodes.iter().zip(&then.nodes).map(|(now, then)| now.saturating_sub(*then));
        Spent {
            nodes: nodes.collect(),
            postgres: self.postgres.since(&then.postgres),
            redis: self.redis.saturating_sub(then.redis),
            load: self.load.saturating_sub(then.load),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// Edits that were handed in while it was measured, each a second.
    pub(super) achieved: f64,
    pub(super) edits: usize,
    /// From handing in to arriving at a reader.
    pub(super) arrival: Times,
    /// The same, counted from when it was to be handed in.
    pub(super) due: Times,
    /// From handing in to being acknowledged.
    pub(super) acks: Times,
    /// What a reader gets for an edit.
    pub(super) bytes: f64,
    pub(super) spent: Spent,
}

/// Lets it flow through new reviews.
pub(super) async fn run(scene: &Scene, shape: Shape, key: &str) -> Result<Flow> {
    let urls: Vec<&str> = scene.nodes.iter().map(|node| node.url()).collect();
    let (first, last) = (*urls.first().context("a node")?, *urls.last().context("a node")?);
    let people = shape.reviews * shape.writers;
    let mut pens = Vec::new();
    let mut readers = Vec::new();
    for n in 0..shape.reviews {
        let review = scene.nodes[0].create_review(&format!("{key}-{n}"))?;
        for writer in 0..shape.writers {
            let there = shape.everywhere && writer % 2 == 1;
            let pen = Pen::open(if there { last } else { first }, &review, &format!("w{n}-{writer}")).await?;
            pens.push((n, there, pen));
        }
        // Whose edits a reader counts are those of the other node.
        let here = shape.everywhere.then_some((first, true));
        for (url, counts) in [Some((last, false)), here].into_iter().flatten() {
            let reader = Reader::open(url, &review, &format!("r{n}")).await?;
            let (tell, told) = watch::channel(None);
            readers.push((n, counts, tell, tokio::spawn(reader.read(told))));
        }
    }
    let from = Instant::now() + Duration::from_millis(100);
    let measured = from + shape.warm;
    let end = measured + shape.measured;
    let every = Duration::from_secs_f64(people as f64 / f64::from(shape.rate));
    let writing: Vec<(usize, bool, JoinHandle<Result<Written>>)> = pens
        .into_iter()
        .enumerate()
        .map(|(at, (n, there, pen))| {
            let from = from + every.mul_f64(at as f64 / people as f64);
            (n, there, tokio::spawn(pen.write(from, every, end)))
        })
        .collect();
    sleep_until(measured).await;
    let before = Spent::now(scene)?;
    sleep_until(end).await;
    let spent = Spent::now(scene)?.since(&before);

    let mut written: Vec<(usize, bool, Written)> = Vec::new();
    for (n, there, pen) in writing {
        written.push((n, there, pen.await??));
    }
    let mut totals = vec![0; shape.reviews];
    for (n, _, written) in &written {
        totals[*n] += written.sent.len();
    }
    let mut seen: Vec<(usize, bool, Read)> = Vec::new();
    for (n, counts, tell, reading) in readers {
        tell.send_replace(Some(totals[n]));
        seen.push((n, counts, reading.await??));
    }
    tally(shape, measured, &written, &seen, spent)
}

/// Every edit has come to every reader of its review, once; how long that took.
fn tally(
    shape: Shape,
    measured: Instant,
    written: &[(usize, bool, Written)],
    seen: &[(usize, bool, Read)],
    spent: Spent,
) -> Result<Flow> {
    let mut sent: HashMap<(Uuid, u64), (usize, bool, Sent)> = HashMap::new();
    for (n, there, written) in written {
        sent.extend(written.sent.iter().map(|edit| ((written.client, edit.seq), (*n, *there, *edit))));
    }
    let (mut arrivals, mut late) = (Vec::new(), Vec::new());
    let (mut bytes, mut entries) = (0, 0);
    for (n, counts, read) in seen {
        let mut left: HashMap<(Uuid, u64), Sent> =
            sent.iter().filter(|(_, (of, ..))| of == n).map(|(edit, (.., sent))| (*edit, *sent)).collect();
        for (client, seq, came) in &read.seen {
            let edit =
                left.remove(&(*client, *seq)).with_context(|| format!("{seq} of {client} came twice"))?;
            let there = sent.get(&(*client, *seq)).is_some_and(|(_, there, _)| there == counts);
            if edit.due >= measured && there {
                arrivals.push(*came - edit.at);
                late.push(*came - edit.due);
            }
        }
        ensure!(left.is_empty(), "{} edits never came", left.len());
        (bytes, entries) = (bytes + read.bytes, entries + read.seen.len());
    }
    let counted =
        |written: &&(usize, bool, Written)| written.2.sent.iter().filter(|edit| edit.due >= measured).count();
    let edits: usize = written.iter().map(|written| counted(&written)).sum();
    let acks = written.iter().flat_map(|(_, _, written)| {
        let pairs = written.sent.iter().zip(&written.acks);
        pairs.filter(|(edit, _)| edit.due >= measured).map(|(_, took)| *took)
    });
    Ok(Flow {
        achieved: edits as f64 / shape.measured.as_secs_f64(),
        edits,
        arrival: Times::of(arrivals),
        due: Times::of(late),
        acks: Times::of(acks),
        bytes: bytes as f64 / entries.max(1) as f64,
        spent,
    })
}
