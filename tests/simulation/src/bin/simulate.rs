//! Runs simulated histories, many at once, and stops at the first that fails.
//!
//! - `simulate [--seed N] [--histories M] [--shrink]`: cuts a failing history down into the corpus, if asked to.
//! - `simulate --catch`: something is broken on purpose, and has to be found.
//! - `simulate --replay FILE`: tells what happens in one plan.
//! - `--drafts` with any of these: histories of private drafts, of which a replay tells no more than how it ends.

use std::env;
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use interline_simulation::corpus::{self, Kept};
use interline_simulation::drafts::{Course, cut_down, drawn, follow};
use interline_simulation::{Failure, Found, plan, run, search, search_drafts, shrink, tell};

/// A history is mostly small values that come and go: this made it a fifth faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often progress is told where nobody watches: into a log.
const NEWS: Duration = Duration::from_secs(30);

/// How much of what was caught is told, in scalars.
const MOST: usize = 150;

struct Options {
    seed: u64,
    histories: u64,
    shrink: bool,
    drafts: bool,
    catch: bool,
    replay: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = options()?;
    // Panics of core are failures of a history, and told as such.
    std::panic::set_hook(Box::new(|_| {}));
    match &options.replay {
        Some(file) if options.drafts => Ok(told(follow(&corpus::read(file)?).map(drop))),
        Some(file) => replay(file),
        None if options.catch => Ok(catch(&options)),
        None => hunt(&options),
    }
}

fn options() -> anyhow::Result<Options> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis() as u64;
    let mut options =
        Options { seed: now, histories: 10_000, shrink: false, drafts: false, catch: false, replay: None };
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--seed" => options.seed = value()?.parse()?,
            "--histories" => options.histories = value()?.parse()?,
            "--shrink" => options.shrink = true,
            "--drafts" => options.drafts = true,
            "--catch" => options.catch = true,
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
    Ok(told(result))
}

fn told(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// In one line, how what is broken was found out; fails where it was not.
fn catch(options: &Options) -> ExitCode {
    match find(options, |_| {}).failure {
        Some((seed, failure)) => {
            let count = seed.wrapping_sub(options.seed) + 1;
            let told = failure.to_string();
            let told = told.char_indices().nth(MOST).map_or(&*told, |(end, _)| &told[..end]);
            println!("caught after {count} {}: {told}", if count == 1 { "history" } else { "histories" });
            ExitCode::SUCCESS
        }
        None => ExitCode::FAILURE,
    }
}

fn hunt(options: &Options) -> anyhow::Result<ExitCode> {
    println!("{} histories from seed {}", options.histories, options.seed);
    let mut progress = Progress::new(options.histories);
    let Found { histories, failure } = find(options, |done| progress.tell(done));
    progress.end();
    let seconds = progress.started.elapsed().as_secs_f64();
    println!("{histories} histories in {seconds:.1} s, {:.0} a second", histories as f64 / seconds);
    let Some((seed, failure)) = failure else { return Ok(ExitCode::SUCCESS) };
    println!("seed {seed} fails: {failure}");
    if options.drafts {
        let fails = |course: &Course| follow(course).is_err_and(|other| other.check == failure.check);
        let short = cut_down(&drawn(seed).0, fails);
        let file = keep(options, &failure, seed, &short)?;
        println!("cut down to {} steps: {}", short.steps.len(), file.display());
        println!("once more: simulate --drafts --replay {}", file.display());
        return Ok(told(follow(&short).map(drop)));
    }
    let short = shrink(&plan(seed), |plan| run(plan).is_err_and(|other| other.check == failure.check));
    let file = keep(options, &failure, seed, &short)?;
    println!("cut down to {} steps: {}", short.steps.len(), file.display());
    for step in &short.steps {
        println!("  {step:?}");
    }
    if let Err(failure) = run(&short) {
        println!("{failure}");
    }
    println!("be told what happens: simulate --replay {}", file.display());
    Ok(ExitCode::FAILURE)
}

fn find(options: &Options, told: impl FnMut(u64)) -> Found {
    match options.drafts {
        true => search_drafts(options.seed, options.histories, told),
        false => search(options.seed, options.histories, told),
    }
}

/// Writes a history that fails where it can be found again, or into the corpus.
fn keep<T: Kept>(options: &Options, failure: &Failure, seed: u64, short: &T) -> anyhow::Result<PathBuf> {
    let directory = if options.shrink { T::directory() } else { env::temp_dir() };
    let file = directory.join(format!("{:?}-{seed}.json", failure.check).to_lowercase());
    corpus::write(&file, short)?;
    Ok(file)
}

/// Says how far a search has come: each second in place where somebody watches, else now and then in a line.
struct Progress {
    started: Instant,
    told: Instant,
    histories: u64,
    watched: bool,
}

impl Progress {
    fn new(histories: u64) -> Progress {
        let now = Instant::now();
        Progress { started: now, told: now, histories, watched: stderr().is_terminal() }
    }

    fn tell(&mut self, done: u64) {
        if !self.watched && self.told.elapsed() < NEWS {
            return;
        }
        self.told = Instant::now();
        let rate = done as f64 / self.started.elapsed().as_secs_f64();
        let left = (self.histories - done) as f64 / rate.max(1.0);
        let news = format!("{done} of {}, {rate:.0} a second, {left:.0} s to go", self.histories);
        // Whoever cannot be told goes without.
        let _ = if self.watched { write!(stderr(), "\r{news}   ") } else { writeln!(stderr(), "{news}") };
    }

    fn end(&self) {
        if self.watched {
            let _ = writeln!(stderr());
        }
    }
}
