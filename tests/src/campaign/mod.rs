//! `kill -9` under load, again and again: a server, or several over one database, and several writers, each a process
//! of its own, that are killed and stopped at random moments and started again on what they had on disk.
//!
//! Every writer keeps a [ledger] outside of anything that is tested. After each round what was acknowledged has to
//! be there once; at the end everything that was typed, but for what went with a writer's process before the local
//! store had it, has to be there once and in order, for everybody alike.
//!
//! Everything that is drawn comes from one seed. Where exactly a kill lands is up to the machine.

mod evidence;
pub mod ledger;
mod nodes;
pub mod person;
mod rounds;
mod tools;
pub mod witness;
pub mod words;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fastrand::Rng;
use interline_services::Database;
use tempfile::TempDir;

use crate::database::{check_log, check_log_in_postgres};
use crate::server::{built, verify, verify_in_postgres};
use nodes::{Nodes, Shown};
use person::{Desk, Person};
pub use tools::seed;

/// The key of the review that everybody writes in.
const REVIEW: &str = "crash";
/// No name is the beginning of another, or could be part of an id.
const NAMES: [&str; 6] = ["kim", "lou", "max", "nia", "oli", "pim"];

/// What a campaign is.
#[derive(Clone, Debug)]
pub struct Options {
    /// What everything is drawn from.
    pub seed: u64,
    /// How many rounds; one has at least one kill or stop.
    pub rounds: u32,
    /// How many writers, six at most.
    pub writers: usize,
    /// The `writer` program.
    pub writer: PathBuf,
    /// Which rounds there are.
    pub kinds: &'static [Kind],
    /// Where the server keeps reviews, if not in SQLite.
    pub database: Option<Database>,
    /// How many servers; more than one share a database and a Redis, behind a balancer.
    pub nodes: usize,
    /// Whether writers knock again and again while the server is away, see [`Desk::eager`].
    pub eager: bool,
}

/// What happens in a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A server is killed, and started again.
    Server,
    /// It is killed, and killed once more while it starts.
    Starting,
    /// It is told to stop, and killed while it does.
    Stopping,
    /// It is told to stop, and started again once it has.
    Rolling,
    /// PostgreSQL is stopped as by a crash, and started again, while the servers go on.
    Database,
    /// Redis is killed, and started again, while the servers go on.
    Redis,
    /// A writer is killed and started again.
    Writer,
    /// All servers are killed, then a writer; the writer starts offline, types, perhaps is killed again, before there
    /// is a server again.
    Both,
    /// A writer types offline, is killed or closed, and stays away for several rounds.
    Away,
}

impl Kind {
    /// All kinds, as often as they are to be drawn.
    pub const ALL: &[Kind] = &[
        Kind::Server,
        Kind::Server,
        Kind::Server,
        Kind::Starting,
        Kind::Stopping,
        Kind::Rolling,
        Kind::Writer,
        Kind::Writer,
        Kind::Both,
        Kind::Both,
        Kind::Away,
    ];

    /// The same for a server over PostgreSQL, which is stopped as well.
    pub const WITH_POSTGRES: &[Kind] = &[
        Kind::Server,
        Kind::Server,
        Kind::Starting,
        Kind::Stopping,
        Kind::Rolling,
        Kind::Database,
        Kind::Database,
        Kind::Database,
        Kind::Writer,
        Kind::Both,
        Kind::Away,
    ];

    /// The same for several servers: mostly one of them goes while others stay.
    pub const WITH_NODES: &[Kind] = &[
        Kind::Server,
        Kind::Server,
        Kind::Server,
        Kind::Starting,
        Kind::Stopping,
        Kind::Rolling,
        Kind::Database,
        Kind::Database,
        Kind::Redis,
        Kind::Writer,
        Kind::Writer,
        Kind::Both,
        Kind::Away,
    ];
}

impl Options {
    /// Three writers and all kinds of rounds, with the `writer` that was built beside this program.
    pub fn new(seed: u64, rounds: u32) -> Result<Options> {
        let writer =
            built("writer").context("no writer: run `cargo build -p interline-tests --bins` first")?;
        Ok(Options::with(seed, rounds, writer))
    }

    /// The same with a `writer` that is somewhere else.
    pub fn with(seed: u64, rounds: u32, writer: PathBuf) -> Options {
        Options { seed, rounds, writers: 3, writer, kinds: Kind::ALL, database: None, nodes: 1, eager: true }
    }

    /// The same over a database in PostgreSQL.
    pub fn over(self, database: Database) -> Options {
        Options { database: Some(database), kinds: Kind::WITH_POSTGRES, ..self }
    }

    /// The same with so many servers over that database, which share a Redis.
    pub fn on(self, nodes: usize) -> Options {
        Options { nodes, kinds: if nodes > 1 { Kind::WITH_NODES } else { self.kinds }, ..self }
    }
}

/// What came of a campaign without a failure.
#[derive(Clone, Default, Debug)]
pub struct Report {
    /// SIGKILLs of servers, all in all.
    pub server_kills: u32,
    /// Those of them while it was starting.
    pub while_starting: u32,
    /// Those of them while it was stopping.
    pub while_stopping: u32,
    /// Crashes of their database.
    pub database_crashes: u32,
    /// SIGKILLs of their Redis.
    pub redis_kills: u32,
    /// SIGTERMs after which it ended by itself.
    pub terminations: u32,
    /// SIGKILLs of writers.
    pub writer_kills: u32,
    /// Starts of writers while there was no server.
    pub offline_starts: u32,
    /// Writers who stayed away for several rounds, with edits that the server had not.
    pub absences: u32,
    /// Words typed.
    pub typed: usize,
    /// Words that had been in a local store when their writer was killed or ended, or later.
    pub saved: usize,
    /// Words acknowledged before the last round was over.
    pub acked: usize,
    /// Words at the end.
    pub found: usize,
    /// Words that went with a killed writer before the local store had them.
    pub gone: usize,
    /// The most of them at one kill.
    pub gone_at_once: usize,
    /// The longest time before a kill that the local store did not have, in milliseconds.
    pub gone_ms: u64,
    /// Slips that a kill left.
    pub slips: usize,
    /// Entries of the review's log.
    pub versions: u64,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { server_kills, while_starting, while_stopping, terminations, .. } = self;
        writeln!(
            f,
            "server: {server_kills} kills ({while_starting} while it started, {while_stopping} while it stopped), \
             {terminations} orderly restarts; its database: {} crashes; Redis: {} kills",
            self.database_crashes, self.redis_kills
        )?;
        let Report { writer_kills, offline_starts, absences, .. } = self;
        writeln!(
            f,
            "writers: {writer_kills} kills, {offline_starts} starts without a server, {absences} long absences"
        )?;
        let Report { typed, saved, acked, found, versions, .. } = self;
        writeln!(
            f,
            "words: {typed} typed, {saved} saved, {acked} acknowledged under way, {found} at the end"
        )?;
        writeln!(
            f,
            "acknowledged and lost: 0; saved and lost: 0; doubled: 0; the log has {versions} entries"
        )?;
        let Report { gone, gone_at_once, gone_ms, slips, .. } = self;
        writeln!(
            f,
            "typed in the last moments of a killed writer and never saved: {gone} words, at most {gone_at_once} \
             at once, of at most {gone_ms} ms; {slips} slips stayed"
        )?;
        write!(f, "took {:.1} s", self.took.as_secs_f64())
    }
}

/// A campaign under way.
struct Campaign {
    options: Options,
    rng: Rng,
    nodes: Nodes,
    review: String,
    people: Vec<Person>,
    /// Who is away, and until which round.
    away: Vec<(usize, u32)>,
    /// When each writer was killed or closed, by writer.
    ends: Vec<(usize, u64)>,
    report: Report,
    // Removed last.
    folder: TempDir,
}

/// Runs a campaign; fails at the first thing that is not as it should be.
pub async fn run(options: Options) -> Result<Report> {
    let began = Instant::now();
    let mut campaign = Campaign::begin(options).await?;
    let result = campaign.all().await;
    if result.is_err() {
        campaign.keep();
    }
    result?;
    Ok(Report { took: began.elapsed(), ..campaign.report })
}

impl Campaign {
    async fn begin(options: Options) -> Result<Campaign> {
        let mut nodes = Nodes::start(&options).await?;
        let review = nodes.node(0).create_review(REVIEW)?;
        let folder = tempfile::Builder::new().prefix("interline-crash-").tempdir()?;
        let desk = Desk {
            program: options.writer.clone(),
            url: nodes.url(),
            review: REVIEW.to_owned(),
            folder: folder.path().to_owned(),
            eager: options.eager,
            user: None,
        };
        let people = NAMES.iter().take(options.writers).map(|name| Person::new(name, desk.clone())).collect();
        let mut campaign = Campaign {
            rng: Rng::with_seed(options.seed),
            options,
            nodes,
            review,
            people,
            away: Vec::new(),
            ends: Vec::new(),
            report: Report::default(),
            folder,
        };
        for at in 0..campaign.people.len() {
            campaign.start(at)?;
        }
        campaign.everybody_is_heard().await?;
        Ok(campaign)
    }

    async fn all(&mut self) -> Result<()> {
        for round in 0..self.options.rounds {
            self.round(round).await.with_context(|| format!("round {round}"))?;
        }
        self.finish().await.context("at the end")
    }

    /// Leaves everything on the disk for whoever looks into a failure.
    fn keep(&mut self) {
        self.nodes.keep();
        self.folder.disable_cleanup(true);
        eprintln!("kept: {}", self.folder.path().display());
    }

    /// Everybody comes back, stops and syncs; then everything has to be in its place.
    async fn finish(&mut self) -> Result<()> {
        self.evidence().await?;
        self.report.acked = self.records()?.iter().map(|record| record.acked.len()).sum();
        for at in 0..self.people.len() {
            if !self.people[at].is_here() {
                self.start(at)?;
            }
        }
        for person in &mut self.people {
            person.finish().await?;
        }
        // Nobody writes any more: all nodes have the same to show.
        let mut shown = self.nodes.shown().await?;
        let all_alike = shown.windows(2).all(|two| two[0] == two[1]);
        anyhow::ensure!(all_alike, "nodes show different things: {shown:?}");
        let Shown { version, texts, .. } = shown.pop().context("a node")?;
        for person in &mut self.people {
            let shows = person.shows(version).await?;
            anyhow::ensure!(
                shows == serde_json::to_value(&texts)?,
                "{} shows {shows}, the server has {texts:?}",
                person.name
            );
        }
        self.everything(&texts)?;
        for person in &mut self.people {
            person.close().await?;
        }
        for n in 0..self.nodes.count() {
            anyhow::ensure!(self.nodes.node(n).terminate()?.success(), "server {n} does not stop well");
        }
        let database = self.options.database.as_ref().map(Database::url);
        self.report.versions = match &database {
            Some(url) => check_log_in_postgres(url, &self.review).await?,
            None => check_log(self.nodes.node(0).data(), &self.review).await?,
        };
        anyhow::ensure!(self.report.versions == version, "the log has more than was shown");
        let (good, said) = match &database {
            Some(url) => verify_in_postgres(url, &[])?,
            None => verify(self.nodes.node(0).data(), &[])?,
        };
        anyhow::ensure!(good, "{said}");
        Ok(())
    }

    fn start(&mut self, at: usize) -> Result<()> {
        let seed = self.rng.u64(..);
        self.people[at].start(seed)
    }
}
