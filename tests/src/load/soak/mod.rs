//! Two nodes for a long time: people come, type and leave, nodes are restarted; and once everybody has gone, memory
//! is where it was.
//!
//! What is compared is the same state twice: everybody has gone, rooms are unloaded, Redis has emptied itself. The
//! first time is after a short while of the same work, for what is allocated once and kept (connections, caches, the
//! allocator's own arenas) is no leak. People go on to new reviews every half minute, so that what is loaded at once does
//! not grow as the work goes on. The first node is not restarted in between; the last one is, by SIGTERM and
//! SIGKILL in turn.

mod visitor;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::resp;
use super::scene::Scene;
use super::usage::{self, Database};
use crate::DEADLINE;
use crate::server::Server;
use visitor::{Guestbook, visits};

/// What a node may have more at the end. Its allocator gives back whole pages only, and spreads what it has over
/// arenas as threads happen to allocate: some MiB either way. What is kept for each of some 100,000 edits of a long
/// soak would be more than this from 170 bytes on.
const NODE_SLACK: u64 = 16 << 20;
/// What Redis may have more at the end: buffers of its connections, and pages that its allocator has not given back.
const REDIS_SLACK: u64 = 1 << 20;
/// How long after the last one has left everything may be there: rooms stay loaded for a minute, and what is in Redis
/// for ten seconds.
const EMPTY: Duration = Duration::from_secs(120);
/// How long people stay with the same reviews.
const RENEWED: Duration = Duration::from_secs(30);
/// How many figures are printed on the way.
const SAMPLES: u32 = 15;
/// How often one looks.
const LOOK: Duration = Duration::from_millis(200);

/// How long, and how many.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long people come and go, between the two comparisons.
    pub span: Duration,
    /// How long they do before the first one.
    pub warm: Duration,
    /// People at once.
    pub people: usize,
    /// Reviews that they choose from.
    pub reviews: usize,
    /// How long they do before there are others.
    pub renewed: Duration,
    /// How often the last node is restarted.
    pub restarts: u32,
    /// Whether rooms have to be unloaded before anything is compared, which they are after a minute.
    pub unload: bool,
}

impl Options {
    /// So long in all, but for the time that it takes to become idle.
    pub fn lasting(span: Duration) -> Options {
        // As many reviews are loaded at once by then as ever will be.
        let warm = (span / 10).max(Duration::from_secs(60));
        let restarts = u32::try_from(span.as_secs() / 45).unwrap_or(u32::MAX).max(2);
        Options { span, warm, people: 24, reviews: 6, renewed: RENEWED, restarts, unload: true }
    }
}

/// What there is at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Since the start.
    pub at: Duration,
    /// Memory of the first node, in bytes.
    pub first: u64,
    /// Memory of the last node, in bytes.
    pub last: u64,
    /// `used_memory` of Redis.
    pub redis: u64,
    /// Keys in Redis.
    pub keys: u64,
    /// How large the database is, in bytes.
    pub database: u64,
    /// Connections at both nodes.
    pub sessions: u64,
    /// Reviews that are loaded at both nodes.
    pub rooms: u64,
    /// Files that the first node has open.
    pub files: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let Figures { at, first, last, redis, keys, database, sessions, rooms, files } = *self;
        write!(
            f,
            "{:>5.0} s  nodes {:>6.1} and {:>6.1} MiB, {files:>3} files  Redis {:>5.2} MiB, {keys:>3} keys  PostgreSQL {:>6.1} MiB  \
             {sessions:>3} sessions  {rooms:>2} rooms",
            at.as_secs_f64(),
            mib(first),
            mib(last),
            mib(redis),
            mib(database)
        )
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// When everybody had gone for the first time.
    pub first: Figures,
    /// When everybody had gone at the end.
    pub last: Figures,
    /// How often somebody came and left.
    pub visits: usize,
    /// Words that were typed; all of them are there, once.
    pub words: usize,
    /// How often the last node was restarted, every other time after SIGKILL.
    pub restarts: u32,
    /// How long it took at the end until everything was empty.
    pub emptied: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { first, last, visits, words, restarts, emptied } = self;
        writeln!(
            f,
            "{visits} visits, {words} words, each of them there once; {restarts} restarts of the last node"
        )?;
        writeln!(f, "first {first}")?;
        writeln!(f, "last  {last}")?;
        write!(f, "empty {:.0} s after the last one had left", emptied.as_secs_f64())
    }
}

impl Report {
    /// Whether memory came back.
    pub fn check(&self) -> Result<()> {
        let Report { first, last, .. } = self;
        let within = |what: &str, now: u64, then: u64, slack: u64| {
            ensure!(now <= then + slack, "{what} had {then} bytes and has {now}, {slack} more are allowed");
            Ok(())
        };
        within("the first node", last.first, first.first, NODE_SLACK)?;
        // It has lived for less long than the first one had.
        within("the last node", last.last, first.last.max(first.first), NODE_SLACK)?;
        within("Redis", last.redis, first.redis, REDIS_SLACK)?;
        ensure!(last.files <= first.files + 16, "files stay open: {} and {}", first.files, last.files);
        Ok(())
    }
}

/// A soak under way.
struct Soak {
    scene: Scene,
    options: Options,
    /// All that there ever were.
    reviews: Vec<String>,
    book: Arc<Guestbook>,
    began: Instant,
    restarts: u32,
}

/// Soaks; nothing where PostgreSQL or Redis is left out. Figures on the way go to `say`.
pub async fn run(options: Options, mut say: impl FnMut(&Figures)) -> Result<Option<Report>> {
    let Some(scene) = Scene::start(2).await? else { return Ok(None) };
    let (book, began) = (Arc::default(), Instant::now());
    let mut soak = Soak { scene, options, reviews: Vec::new(), book, began, restarts: 0 };
    say(&soak.figures()?);
    soak.work(options.warm, 0, &mut |_| {}).await.context("warming up")?;
    soak.empty().await.context("after warming up")?;
    let first = soak.figures()?;
    say(&first);
    soak.work(options.span, options.restarts, &mut say).await?;
    let emptied = soak.empty().await?;
    let last = soak.figures()?;
    let words = soak.all_is_there()?;
    let visits = soak.book.visits.load(Relaxed);
    Ok(Some(Report { first, last, visits, words, restarts: soak.restarts, emptied }))
}

impl Soak {
    fn figures(&self) -> Result<Figures> {
        let mut processes = self.scene.nodes.iter().map(|node| usage::memory(node.process()));
        let (first, last) =
            (processes.next().context("a node")??, processes.next_back().context("two nodes")??);
        let redis = &self.scene.redis;
        let [sessions, rooms] = self.counts()?;
        Ok(Figures {
            at: self.began.elapsed(),
            first,
            last,
            redis: resp::info(redis, "used_memory")?,
            keys: resp::keys(redis)?,
            database: Database::now(self.scene.postgres(), self.scene.database.name())?.size,
            sessions,
            rooms,
            files: usage::files(self.scene.nodes[0].process())?,
        })
    }

    /// Connections and loaded reviews at all nodes.
    fn counts(&self) -> Result<[u64; 2]> {
        let mut counts = [0; 2];
        for node in 0..self.scene.nodes.len() {
            let health = self.scene.ask(node, "/healthz")?;
            for (count, name) in counts.iter_mut().zip(["sessions", "rooms"]) {
                *count += health[name].as_u64().with_context(|| format!("how many {name}"))?;
            }
        }
        Ok(counts)
    }

    /// People come and go for so long, and leave.
    async fn work(&mut self, span: Duration, restarts: u32, say: &mut impl FnMut(&Figures)) -> Result<()> {
        let (stop, stopped) = watch::channel(false);
        let (renew, reviews) = watch::channel(self.new_reviews()?);
        let mut people = JoinSet::new();
        for n in 0..self.options.people {
            let (url, reviews) = (self.scene.balancer.url(), reviews.clone());
            let name = format!("p{n}x{}", self.restarts);
            people.spawn(visits(url, name, reviews, self.book.clone(), stopped.clone()));
        }
        let end = tokio::time::Instant::now() + span;
        let mut sample = interval(span / SAMPLES);
        sample.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // Not in the last third: what is measured at the end has lived for a while.
        let mut restart = interval(span * 2 / 3 / restarts.max(1));
        restart.set_missed_tick_behavior(MissedTickBehavior::Delay);
        restart.reset();
        sample.reset();
        let mut renewal = interval(self.options.renewed);
        renewal.reset();
        let until = self.restarts + restarts;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => break,
                _ = restart.tick(), if self.restarts < until => self.restart().await?,
                _ = renewal.tick() => drop(renew.send_replace(self.new_reviews()?)),
                _ = sample.tick() => say(&self.figures()?),
                Some(ended) = people.join_next() => {
                    ended??;
                    bail!("somebody left for good");
                }
            }
        }
        stop.send_replace(true);
        while let Some(ended) = people.join_next().await {
            ended??;
        }
        Ok(())
    }

    fn new_reviews(&mut self) -> Result<Arc<[String]>> {
        let from = self.reviews.len();
        let keys: Vec<String> = (from..from + self.options.reviews).map(|n| format!("soak-{n}")).collect();
        for key in &keys {
            self.scene.nodes[0].create_review(key)?;
        }
        self.reviews.extend(keys.iter().cloned());
        Ok(keys.into())
    }

    async fn restart(&mut self) -> Result<()> {
        let kill = self.restarts % 2 == 1;
        self.restarts += 1;
        let mut node = self.scene.nodes.pop().context("a node")?;
        // Waits for processes, while people go on here.
        let restarted = tokio::task::spawn_blocking(move || -> Result<Server> {
            match kill {
                true => node.kill()?,
                false => ensure!(node.terminate()?.success(), "the node does not stop well"),
            }
            node.restart()?;
            Ok(node)
        });
        self.scene.nodes.push(restarted.await??);
        Ok(())
    }

    /// Waits until nobody is there, no room is loaded and Redis is empty; how long that took.
    async fn empty(&self) -> Result<Duration> {
        let began = Instant::now();
        loop {
            let [sessions, rooms] = self.counts()?;
            let keys = resp::keys(&self.scene.redis)?;
            if (sessions, keys) == (0, 0) && (rooms == 0 || !self.options.unload) {
                return Ok(began.elapsed());
            }
            let left = format!("{sessions} sessions, {rooms} rooms and {keys} keys are left");
            ensure!(began.elapsed() < EMPTY + DEADLINE, "{left}");
            sleep(LOOK).await;
        }
    }

    /// Every word that was acknowledged is there once, at both nodes.
    fn all_is_there(&self) -> Result<usize> {
        let words = self.book.words.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for key in &self.reviews {
            let path = format!("/api/reviews/{key}");
            let shown = self.scene.ask(0, &path)?;
            ensure!(self.scene.ask(1, &path)?["hash"] == shown["hash"], "nodes show different things");
            let comments = shown["comments"].as_array().context("comments")?;
            let texts: Vec<&str> = comments.iter().filter_map(|comment| comment["text"].as_str()).collect();
            let all = texts.concat();
            let mut there: Vec<&str> = all.split_inclusive('>').collect();
            let mut typed: Vec<&str> =
                words.iter().filter(|(of, _)| of == key).map(|(_, word)| word.as_str()).collect();
            there.sort_unstable();
            typed.sort_unstable();
            ensure!(there == typed, "{key}: {} words were typed, {} are there", typed.len(), there.len());
        }
        Ok(words.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(node: u64, redis: u64, files: u64) -> Figures {
        let at = Duration::ZERO;
        Figures { at, first: node, last: node, redis, keys: 0, database: 0, sessions: 0, rooms: 0, files }
    }

    #[test]
    fn memory_that_does_not_come_back_is_a_failure() {
        let first = figures(50 << 20, 2 << 20, 30);
        let check = |last| {
            let emptied = Duration::ZERO;
            Report { first, last, visits: 0, words: 0, restarts: 0, emptied }.check().is_ok()
        };
        assert!(check(figures(60 << 20, 2 << 20, 30)));
        assert!(!check(figures(67 << 20, 2 << 20, 30)));
        assert!(!check(figures(50 << 20, 4 << 20, 30)));
        assert!(!check(figures(50 << 20, 2 << 20, 60)));
    }
}
