//! How soon an edit that is handed in at one node arrives at somebody who reads at another, and how soon where there
//! is one node alone.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::scene::Scene;
use super::times::Times;
use super::traffic::{self, Shape};
use super::usage::machine;

/// Of what was to be handed in so much has to be, or nothing was measured.
const ENOUGH: f64 = 0.97;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many nodes.
    pub nodes: usize,
    /// Edits a second, all in all.
    pub rate: u32,
    /// Over how many reviews.
    pub reviews: usize,
    /// Who writes in each of them.
    pub writers: usize,
    /// How long, and a quarter of that before.
    pub measured: Duration,
    /// Half of each review's writers are at either node, so that nodes race for the ends of logs. Otherwise all write
    /// at the first, and read at the last.
    pub everywhere: bool,
}

impl Default for Options {
    fn default() -> Options {
        let measured = Duration::from_secs(20);
        Options { nodes: 2, rate: 500, reviews: 10, writers: 5, measured, everywhere: false }
    }
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Report {
    /// How.
    pub options: Options,
    /// Edits a second that were handed in.
    pub achieved: f64,
    /// From handing in to arriving at a reader.
    pub arrival: Times,
    /// The same, counted from when each edit was to be handed in, which may be earlier.
    pub due: Times,
    /// From handing in to being acknowledged.
    pub acks: Times,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { nodes, rate, reviews, writers, measured, everywhere } = self.options;
        let place = match (nodes, everywhere) {
            (1, _) => "one node",
            (_, false) => "written at the first node, read at the last",
            (_, true) => "written at both nodes, read at the other",
        };
        writeln!(
            f,
            "{nodes} nodes, {reviews} reviews with {writers} writers each, {rate} edits/s for {measured:?}, {place}"
        )?;
        writeln!(f, "  handed in      {:.0} edits/s", self.achieved)?;
        writeln!(f, "  arrived        {}", self.arrival)?;
        writeln!(f, "  since due      {}", self.due)?;
        write!(f, "  acknowledged   {}", self.acks)
    }
}

/// Measures; fails where an edit does not come, or where fewer were handed in than was asked for.
pub async fn run(options: Options) -> Result<Option<Report>> {
    let Some(scene) = Scene::start(options.nodes).await? else { return Ok(None) };
    let Options { rate, reviews, writers, measured, everywhere, .. } = options;
    let shape = Shape { rate, reviews, writers, measured, warm: measured / 4, everywhere };
    let flow = traffic::run(&scene, shape, "arrival").await?;
    let enough = f64::from(rate) * ENOUGH;
    ensure!(flow.achieved >= enough, "{:.0} of {rate} edits/s were handed in; {}", flow.achieved, machine());
    Ok(Some(Report {
        options,
        achieved: flow.achieved,
        arrival: flow.arrival,
        due: flow.due,
        acks: flow.acks,
    }))
}
