//! Measures nodes under load, over a PostgreSQL and a Redis of its own. See `interline_tests::load`.
//!
//! `load arrival [--nodes N] [--rate N] [--reviews N] [--writers N] [--seconds N] [--at both] [--p99 MS]`: how soon edits
//! arrive, and with `--nodes 2` how soon they do at one node, to compare with; fails above MS.
//! `load soak [--minutes N] [--people N]`: whether memory comes back.
//! `load sizing [--connections N] [--rooms N] [--rate N] [--seconds N]`: what everything spends.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use interline_tests::load::{arrival, machine, sizing, soak};

/// The arguments behind the first: names and values.
struct Arguments(Vec<(String, String)>);

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
        let mut pairs = Vec::new();
        while let Some(name) = words.next() {
            let value = words.next().with_context(|| format!("{name} needs a value"))?;
            pairs.push((name, value));
        }
        Ok(Arguments(pairs))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(given, _)| given == name)?;
        Some(self.0.remove(at).1)
    }

    /// A number, if it is given.
    fn number<T: std::str::FromStr>(&mut self, name: &str, number: &mut T) -> Result<()> {
        if let Some(value) = self.take(name) {
            *number = value.parse().ok().with_context(|| format!("{name} {value} is no number"))?;
        }
        Ok(())
    }

    fn end(self) -> Result<()> {
        match self.0.first() {
            Some((name, _)) => bail!("unknown argument {name}"),
            None => Ok(()),
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let what = words.next().unwrap_or_default();
    let arguments = Arguments::read(words)?;
    println!("{}", machine());
    match what.as_str() {
        "arrival" => arrives(arguments).await?,
        "soak" => soaks(arguments).await?,
        "sizing" => sizes(arguments).await?,
        other => bail!("`{other}` is none of `arrival`, `soak` and `sizing`"),
    }
    println!("{}", machine());
    Ok(())
}

async fn arrives(mut arguments: Arguments) -> Result<()> {
    let mut options = arrival::Options::default();
    let (mut seconds, mut most) = (options.measured.as_secs(), f64::INFINITY);
    arguments.number("--nodes", &mut options.nodes)?;
    arguments.number("--rate", &mut options.rate)?;
    arguments.number("--reviews", &mut options.reviews)?;
    arguments.number("--writers", &mut options.writers)?;
    arguments.number("--seconds", &mut seconds)?;
    arguments.number("--p99", &mut most)?;
    options.everywhere = match arguments.take("--at").as_deref() {
        None | Some("first") => false,
        Some("both") => true,
        Some(other) => bail!("--at {other} is neither `first` nor `both`"),
    };
    arguments.end()?;
    options.measured = Duration::from_secs(seconds);
    ensure!(
        options.nodes >= 1 && options.rate >= 1 && options.reviews >= 1 && options.writers >= 1,
        "nothing to do"
    );
    if options.nodes > 1 {
        let one = arrival::Options { nodes: 1, everywhere: false, ..options };
        println!("{}", arrival::run(one).await?.context(LEFT_OUT)?);
    }
    let report = arrival::run(options).await?.context(LEFT_OUT)?;
    println!("{report}");
    let p99 = report.arrival.p99;
    ensure!(p99 < most, "p99 is {p99:.1} ms, and was to be under {most} ms; {}", machine());
    Ok(())
}

const LEFT_OUT: &str = "INTERLINE_WITHOUT leaves PostgreSQL or Redis out";

async fn soaks(mut arguments: Arguments) -> Result<()> {
    let mut minutes = 15.0;
    arguments.number("--minutes", &mut minutes)?;
    let mut options = soak::Options::lasting(Duration::try_from_secs_f64(minutes * 60.0)?);
    arguments.number("--people", &mut options.people)?;
    arguments.end()?;
    let report = soak::run(options, |figures| println!("      {figures}")).await?.context(LEFT_OUT)?;
    println!("{report}");
    report.check()
}

async fn sizes(mut arguments: Arguments) -> Result<()> {
    let mut options = sizing::Options::default();
    let mut seconds = options.measured.as_secs();
    arguments.number("--connections", &mut options.connections)?;
    arguments.number("--rooms", &mut options.rooms)?;
    arguments.number("--rate", &mut options.rate)?;
    arguments.number("--seconds", &mut seconds)?;
    arguments.end()?;
    options.measured = Duration::from_secs(seconds);
    println!("{}", sizing::run(&options).await?.context(LEFT_OUT)?);
    Ok(())
}
