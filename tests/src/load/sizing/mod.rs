//! What a node, PostgreSQL and Redis spend: for each connection, for each open review, for each edit; and what gives
//! way first where more edits come than all of them together can take.

mod edits;
mod idle;

use std::fmt;
use std::time::Duration;

use anyhow::Result;

pub use edits::{PerEdit, Step};
pub use idle::Idle;

use super::scene::Scene;

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections that do nothing.
    pub connections: usize,
    /// Reviews that they have open: no more than there are connections.
    pub rooms: usize,
    /// How long they are watched doing nothing.
    pub still: Duration,
    /// Edits a second of which the price is told.
    pub rate: u32,
    /// How long these come.
    pub measured: Duration,
    /// Edits a second that are tried in turn, up to the first that is too much.
    pub steps: Vec<u32>,
    /// How long each of them is tried.
    pub step: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            connections: 4_000,
            rooms: 400,
            still: Duration::from_secs(15),
            rate: 200,
            measured: Duration::from_secs(20),
            steps: vec![250, 500, 1_000, 1_500, 2_000, 3_000, 4_000, 6_000, 8_000],
            step: Duration::from_secs(6),
        }
    }
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Report {
    /// Connections and open reviews, at one node.
    pub idle: Idle,
    /// An edit, written at one node and read at another.
    pub edit: PerEdit,
    /// More and more edits.
    pub steps: Vec<Step>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n\n{}\n\nmore and more edits:", self.idle, self.edit)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// Measures; nothing where PostgreSQL or Redis is left out.
pub async fn run(options: &Options) -> Result<Option<Report>> {
    let Some(mut one) = Scene::start(1).await? else { return Ok(None) };
    let idle = idle::measure(&mut one, options).await?;
    drop(one);
    let Some(two) = Scene::start(2).await? else { return Ok(None) };
    let edit = edits::price(&two, options).await?;
    let steps = edits::steps(&two, options).await?;
    Ok(Some(Report { idle, edit, steps }))
}
