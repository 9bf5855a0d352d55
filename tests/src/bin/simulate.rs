//! Runs simulated histories, many at once, and stops at the first that fails.
//!
//! `simulate [--seed N] [--histories M] [--shrink]`, or `simulate --replay FILE` to be told what happens in one plan.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use anyhow::{Context, bail};
use interline_tests::simulation::{Found, corpus, plan, search, shrink, tell};

struct Options {
    seed: u64,
    histories: u64,
    shrink: bool,
    replay: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = options()?;
    // Panics of core are failures of a history, and told as such.
    std::panic::set_hook(Box::new(|_| {}));
    match &options.replay {
        Some(file) => replay(file),
        None => hunt(&options),
    }
}

fn options() -> anyhow::Result<Options> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis() as u64;
    let mut options = Options { seed: now, histories: 10_000, shrink: false, replay: None };
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--seed" => options.seed = value()?.parse()?,
            "--histories" => options.histories = value()?.parse()?,
            "--shrink" => options.shrink = true,
            "--replay" => options.replay = Some(value()?.into()),
            other => bail!("unknown argument {other}"),
        }
    }
    Ok(options)
}

fn replay(file: &Path) -> anyhow::Result<ExitCode> {
    let (lines, result) = tell(&corpus::read(file)?);
    for line in lines {
        println!("{line}");
    }
    Ok(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    })
}

fn hunt(options: &Options) -> anyhow::Result<ExitCode> {
    println!("{} histories from seed {}", options.histories, options.seed);
    let started = Instant::now();
    let Found { histories, failure } = search(options.seed, options.histories);
    let seconds = started.elapsed().as_secs_f64();
    println!("{histories} histories in {seconds:.1} s, {:.0} a second", histories as f64 / seconds);
    let Some((seed, failure)) = failure else { return Ok(ExitCode::SUCCESS) };
    println!("seed {seed} fails: {failure}");
    if options.shrink {
        let plan = shrink(&plan(seed), failure.check);
        let file = corpus::directory().join(format!("{:?}-{seed}.json", failure.check).to_lowercase());
        corpus::write(&file, &plan)?;
        println!("cut down to {} steps: {}", plan.steps.len(), file.display());
    }
    Ok(ExitCode::FAILURE)
}
