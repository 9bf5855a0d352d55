//! What an edit costs, and how many there can be.

use std::fmt;
use std::time::Duration;

use anyhow::Result;

use super::Options;
use crate::load::scene::Scene;
use crate::load::traffic::{self, Flow, Shape, Spent};

/// Where a step is too much: so little of what was to be handed in was, or so long did it take, in milliseconds.
const ENOUGH: f64 = 0.95;
const LATE_MS: f64 = 1_000.0;
/// Over how many reviews the price of an edit is measured, and who writes in each of them.
const PRICED: (usize, usize) = (10, 4);
/// The same for steps: as many as can write that much with one edit under way each.
const STEPPED: (usize, usize) = (40, 5);

/// The price of an edit: processor time in milliseconds.
#[derive(Clone, Debug)]
pub struct PerEdit {
    /// How many edits a second there were.
    pub rate: f64,
    /// Of the node where it is written.
    pub writing: f64,
    /// Of the node where it is read.
    pub reading: f64,
    /// Of PostgreSQL.
    pub postgres: f64,
    /// Of Redis.
    pub redis: f64,
    /// Bytes of PostgreSQL's log.
    pub wal: f64,
    /// Bytes that PostgreSQL wrote to disks, its log among them.
    pub written: f64,
    /// Bytes by which the database grew.
    pub size: f64,
    /// Transactions.
    pub transactions: f64,
    /// Bytes that each reader gets.
    pub bytes: f64,
}

impl fmt::Display for PerEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PerEdit { rate, writing, reading, postgres, redis, .. } = self;
        let (reviews, writers) = PRICED;
        writeln!(
            f,
            "an edit, of {rate:.0} a second over {reviews} reviews with {writers} writers at one node and a reader at another:"
        )?;
        writeln!(
            f,
            "  processors    {writing:.2} ms where it is written, {reading:.2} ms where it is read, {postgres:.2} ms PostgreSQL, {redis:.2} ms Redis"
        )?;
        let PerEdit { wal, written, size, transactions, bytes, .. } = self;
        write!(
            f,
            "  bytes         {wal:.0} of PostgreSQL's log, {written:.0} to its disks, {size:.0} the database grew; {bytes:.0} to each reader; {transactions:.2} transactions"
        )
    }
}

pub(super) async fn price(scene: &Scene, options: &Options) -> Result<PerEdit> {
    let (reviews, writers) = PRICED;
    let (rate, measured) = (options.rate, options.measured);
    let shape = Shape { rate, reviews, writers, measured, warm: measured / 4, everywhere: false };
    let Flow { achieved, edits, bytes, spent, .. } = traffic::run(scene, shape, "price").await?;
    let each = |value: f64| value / edits.max(1) as f64;
    let cpu = |spent: Duration| each(spent.as_secs_f64() * 1_000.0);
    let Spent { nodes, postgres, redis, .. } = spent;
    Ok(PerEdit {
        rate: achieved,
        writing: cpu(nodes[0]),
        reading: cpu(nodes[1]),
        postgres: cpu(postgres.cpu),
        redis: cpu(redis),
        wal: each(postgres.wal as f64),
        written: each(postgres.written() as f64),
        size: each(postgres.size as f64),
        transactions: each(postgres.commits as f64),
        bytes,
    })
}

/// So many edits a second, and what came of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// What was tried.
    pub rate: u32,
    /// What came of it; why nothing did.
    outcome: Result<Flow, String>,
    measured: Duration,
}

impl Step {
    /// Whether every edit that was handed in arrived, however late.
    pub fn arrived(&self) -> bool {
        self.outcome.is_ok()
    }

    /// Whether there was no getting through with it.
    pub fn too_much(&self) -> bool {
        match &self.outcome {
            Ok(flow) => flow.achieved < f64::from(self.rate) * ENOUGH || flow.due.p99 > LATE_MS,
            Err(_) => true,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flow = match &self.outcome {
            Ok(flow) => flow,
            Err(why) => return write!(f, "  {:>5}/s: {why}", self.rate),
        };
        let Spent { nodes, postgres, redis, load } = &flow.spent;
        let share = |spent: &Duration| 100.0 * spent.as_secs_f64() / self.measured.as_secs_f64();
        let (writing, reading) = (share(&nodes[0]), share(&nodes[1]));
        write!(
            f,
            "  {:>5}/s: {:>5.0} handed in, arrived p50 {:>4.0} p99 {:>5.0} ms; of a core: {writing:>3.0} % writing node, \
             {reading:>3.0} % reading node, {:>3.0} % PostgreSQL, {:>3.0} % Redis, {:>3.0} % making the load; \
             {:.1} edits a transaction",
            self.rate,
            flow.achieved,
            flow.due.p50,
            flow.due.p99,
            share(&postgres.cpu),
            share(redis),
            share(load),
            flow.edits as f64 / postgres.commits.max(1) as f64,
        )
    }
}

pub(super) async fn steps(scene: &Scene, options: &Options) -> Result<Vec<Step>> {
    let (reviews, writers) = STEPPED;
    let measured = options.step;
    let mut steps = Vec::new();
    for &rate in &options.steps {
        let shape = Shape { rate, reviews, writers, measured, warm: measured / 4, everywhere: false };
        let outcome = traffic::run(scene, shape, &format!("step-{rate}")).await;
        let step = Step { rate, outcome: outcome.map_err(|why| format!("{why:#}")), measured };
        let over = step.too_much();
        steps.push(step);
        if over {
            break;
        }
    }
    Ok(steps)
}
