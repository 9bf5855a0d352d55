//! One round: who is killed or stopped, when, and how they come back.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::ledger::now_ms;
use super::{Campaign, Kind};

/// Of so many rounds one begins in the midst of everybody coming back, the others once everybody is at work.
const ABRUPT: u8 = 4;
/// How long a round waits at most before it strikes, in milliseconds.
const STRIKE_MS: u64 = 300;
/// How long starting and stopping take, about, in milliseconds: a kill lands somewhere in it.
const START_MS: u64 = 60;
const STOP_MS: u64 = 40;
/// How many rounds somebody stays away at most.
const AWAY: u32 = 6;

impl Campaign {
    pub(super) async fn round(&mut self, round: u32) -> Result<()> {
        self.come_back(round)?;
        if self.rng.u8(..ABRUPT) > 0 {
            self.everybody_is_heard().await?;
        }
        self.wait(STRIKE_MS).await;
        let kind = self.options.kinds[self.rng.usize(..self.options.kinds.len())];
        let n = self.rng.usize(..self.nodes.count());
        match kind {
            Kind::Server => {
                self.kill_server(n)?;
                self.wait(STRIKE_MS).await;
                self.nodes.node(n).restart()?;
            }
            Kind::Starting => {
                self.kill_server(n)?;
                self.nodes.node(n).begin()?;
                self.wait(START_MS).await;
                self.kill_server(n)?;
                self.report.while_starting += 1;
                self.nodes.node(n).restart()?;
            }
            Kind::Stopping => {
                self.nodes.node(n).ask_to_stop()?;
                self.wait(STOP_MS).await;
                let stopping = self.nodes.node(n).is_alive()?;
                self.nodes.node(n).kill()?;
                self.report.server_kills += u32::from(stopping);
                self.report.while_stopping += u32::from(stopping);
                self.report.terminations += u32::from(!stopping);
                self.nodes.node(n).restart()?;
            }
            Kind::Rolling => {
                ensure!(self.nodes.node(n).terminate()?.success(), "server {n} does not stop well");
                self.report.terminations += 1;
                self.nodes.node(n).restart()?;
            }
            Kind::Database => self.crash_database().await?,
            Kind::Redis => {
                self.nodes.redis()?.kill()?;
                self.report.redis_kills += 1;
                self.wait(STRIKE_MS).await;
                self.nodes.redis()?.restart()?;
            }
            Kind::Writer => {
                if let Some(at) = self.somebody() {
                    self.kill_writer(at)?;
                    self.start(at)?;
                }
            }
            Kind::Both => self.both().await?,
            Kind::Away => self.go_away(round).await?,
        }
        self.evidence().await
    }

    async fn crash_database(&mut self) -> Result<()> {
        let database = self.options.database.clone().context("a database of its own")?;
        let postgres = database.postgres().clone();
        tokio::task::spawn_blocking(move || postgres.crash()).await??;
        self.wait(STRIKE_MS).await;
        let postgres = database.postgres().clone();
        tokio::task::spawn_blocking(move || postgres.restart()).await??;
        self.report.database_crashes += 1;
        // What is acknowledged cannot be looked up in a database that is away.
        self.everybody_is_heard().await
    }

    /// The writer finds its review and what it had typed without a server.
    async fn both(&mut self) -> Result<()> {
        let Some(at) = self.somebody() else { return Ok(()) };
        // Somebody whose very first opening is cut short has no copy yet.
        self.people[at].opened().await?;
        self.kill_servers()?;
        for _ in 0..self.rng.u8(1..=2) {
            self.wait(STRIKE_MS).await;
            self.kill_writer(at)?;
            self.start(at)?;
            let online = self.people[at].opened().await?;
            ensure!(!online, "{} is online without a server", self.people[at].name);
            self.report.offline_starts += 1;
        }
        self.wait(STRIKE_MS).await;
        self.nodes.restart_all()
    }

    async fn go_away(&mut self, round: u32) -> Result<()> {
        let here = self.people.iter().filter(|person| person.is_here()).count();
        let Some(at) = self.somebody().filter(|_| here > 1) else { return Ok(()) };
        self.people[at].opened().await?;
        self.kill_servers()?;
        self.wait(STRIKE_MS).await;
        if self.rng.bool() {
            self.people[at].close().await?;
        } else {
            self.kill_writer(at)?;
        }
        self.report.absences += 1;
        self.away.push((at, round + self.rng.u32(2..=AWAY)));
        self.nodes.restart_all()
    }

    fn come_back(&mut self, round: u32) -> Result<()> {
        let (back, away) = self.away.iter().partition(|(_, until)| *until <= round);
        self.away = away;
        let back: Vec<(usize, u32)> = back;
        back.into_iter().try_for_each(|(at, _)| self.start(at))
    }

    /// Somebody who is here.
    fn somebody(&mut self) -> Option<usize> {
        let here: Vec<_> = (0..self.people.len()).filter(|at| self.people[*at].is_here()).collect();
        self.rng.choice(here)
    }

    fn kill_server(&mut self, n: usize) -> Result<()> {
        self.report.server_kills += 1;
        self.nodes.node(n).kill()
    }

    fn kill_servers(&mut self) -> Result<()> {
        self.report.server_kills += self.nodes.count() as u32;
        self.nodes.kill_all()
    }

    fn kill_writer(&mut self, at: usize) -> Result<()> {
        self.report.writer_kills += 1;
        self.ends.push((at, now_ms()));
        self.people[at].kill()
    }

    /// Waits until everybody who is here has had something acknowledged from now on: the server is at work, and so
    /// are they.
    pub(super) async fn everybody_is_heard(&mut self) -> Result<()> {
        for person in self.people.iter_mut().filter(|person| person.is_here()) {
            let acks = person.acks()?;
            person.acked_more_than(acks).await?;
        }
        Ok(())
    }

    /// Some time, so that what comes next lands anywhere.
    async fn wait(&mut self, most_ms: u64) {
        let some = Duration::from_micros(self.rng.u64(..most_ms * 1_000));
        tokio::time::sleep(some).await;
    }
}
