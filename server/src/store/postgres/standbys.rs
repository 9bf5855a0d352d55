//! Standbys that commits have to wait for (`synchronous_standby_names`), and what was read that they may not have.
//!
//! A commit whose wait is cut off is on the primary's disk and can be read there, by every node, while no standby has
//! it. So what is read is told to nobody before a commit of the reader's own has been waited for: what a primary has
//! written is replicated in order, and that commit comes behind everything that was there to be read. One covers what
//! all of a node's calls have read before it began. What this node has had covered, or appended, it need not have
//! covered again. Where commits wait for nobody, none of this happens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use interline_core::id::{ReviewId, Version};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use super::error::{Result, Trouble};
use super::session::{PATIENCE, Pool, Session, within};
use crate::store::{ReviewAppend, ReviewRow, StoreError};

type Stored<T> = std::result::Result<T, StoreError>;

/// Whoever waits for a barrier, and the server that they had read from.
struct Waiting {
    server: Server,
    reply: oneshot::Sender<Stored<()>>,
}

/// Which server connections lead to, counted: the address may lead to another one, and does after a failover.
pub(super) type Server = u64;

/// How old what is known of the server's setting may be.
const FRESH: Duration = Duration::from_secs(1);
/// How many logs it is remembered of how far they are covered.
const MANY: usize = 10_000;
/// How many wait for the next barrier before others wait for a place.
const QUEUE: usize = 1_024;
/// Between two barriers, of which the first was cut off.
const PAUSE: Duration = Duration::from_millis(20);

/// What a node knows of the server's standbys. Its connections keep it up to date.
#[derive(Debug, Default)]
pub(super) struct Standbys(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether commits wait for any.
    waited_for: bool,
    /// When the server was asked that.
    asked: Option<Instant>,
    /// The server that the last new connection led to, by when it was started.
    started: Option<String>,
    server: Server,
    /// When that was first connected to: older connections lead elsewhere.
    since: Option<Instant>,
    /// Up to where logs are covered, at that server.
    covered: HashMap<ReviewId, Version>,
}

impl Standbys {
    /// The server has said whether commits wait for standbys.
    pub(super) fn learn(&self, waited_for: bool) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.waited_for, waited_for) != waited_for {
            info!(waited_for, "whether commits wait for a synchronous standby");
        }
        state.asked = Some(Instant::now());
    }

    /// A connection was made, to a server that was started then. Another one may lack what the one before had.
    pub(super) fn connected(&self, started: String, waited_for: bool) {
        self.learn(waited_for);
        let mut state = self.lock();
        if state.started.as_ref() != Some(&started) {
            state.started = Some(started);
            state.server += 1;
            state.since = Some(Instant::now());
            state.covered.clear();
        }
    }

    /// The server that connections lead to.
    pub(super) fn server(&self) -> Server {
        self.lock().server
    }

    /// Whether a connection of this age was made before that.
    pub(super) fn leads_elsewhere(&self, age: Duration) -> bool {
        self.lock().since.is_some_and(|since| age > since.elapsed())
    }

    /// Whether the server should be asked again.
    pub(super) fn is_stale(&self) -> bool {
        self.lock().asked.is_none_or(|asked| asked.elapsed() >= FRESH)
    }

    /// Whether commits wait for any, as far as is known.
    pub(super) fn are_waited_for(&self) -> bool {
        self.lock().waited_for
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to the task that commits barriers.
#[derive(Debug)]
pub(super) struct Barriers {
    standbys: Arc<Standbys>,
    queue: mpsc::Sender<Waiting>,
    task: AbortHandle,
}

impl Barriers {
    /// Starts the task. It ends once this is gone.
    pub(super) fn start(pool: Arc<Pool>) -> Barriers {
        let standbys = pool.standbys.clone();
        let (queue, asked) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(pool, asked)).abort_handle();
        Barriers { standbys, queue, task }
    }

    /// Waits until standbys have what was read of logs, up to these versions.
    pub(super) async fn cover(&self, read: impl IntoIterator<Item = (ReviewId, Version)>) -> Stored<()> {
        let (lacking, server) = {
            let state = self.standbys.lock();
            if !state.waited_for {
                return Ok(());
            }
            let is_covered = |(review, version): &(ReviewId, Version)| {
                state.covered.get(review).is_some_and(|covered| covered >= version)
            };
            let lacking = read.into_iter().filter(|read| !is_covered(read)).collect::<Vec<_>>();
            (lacking, state.server)
        };
        if lacking.is_empty() {
            return Ok(());
        }
        self.pass(server).await?;
        self.note(lacking, server);
        Ok(())
    }

    /// The same of a head row.
    pub(super) async fn cover_row(&self, row: Option<&ReviewRow>) -> Stored<()> {
        self.cover(row.map(|row| (row.id, row.head.version))).await
    }

    /// Waits until standbys have whatever was read.
    pub(super) async fn cover_all(&self) -> Stored<()> {
        let server = Some(self.standbys.lock()).filter(|state| state.waited_for).map(|state| state.server);
        match server {
            Some(server) => self.pass(server).await,
            None => Ok(()),
        }
    }

    /// Something was appended, and waited for.
    pub(super) fn appended<'a>(&self, appends: impl Iterator<Item = &'a ReviewAppend>) {
        let server = {
            let state = self.standbys.lock();
            if !state.waited_for {
                return;
            }
            state.server
        };
        let last = |part: &'a ReviewAppend| {
            let entry = part.append.records.iter().rev().find_map(|record| record.entry.as_ref());
            entry.map(|entry| (part.review, entry.version))
        };
        self.note(appends.flat_map(ReviewAppend::parts).filter_map(last), server);
    }

    /// Ends the task; a barrier may wait for a standby that is away.
    pub(super) fn stop(&self) {
        self.task.abort();
    }

    fn note(&self, covered: impl IntoIterator<Item = (ReviewId, Version)>, server: Server) {
        let mut state = self.standbys.lock();
        if state.server != server {
            return;
        }
        for (review, version) in covered {
            if state.covered.len() >= MANY && !state.covered.contains_key(&review) {
                state.covered.clear();
            }
            let known = state.covered.entry(review).or_default();
            *known = version.max(*known);
        }
    }

    async fn pass(&self, server: Server) -> Stored<()> {
        let late = |_| StoreError::Unavailable("no standby has confirmed in time what was read".into());
        let stopped = || StoreError::Unavailable("the store is closed".into());
        let passed = async {
            let (reply, passed) = oneshot::channel();
            self.queue.send(Waiting { server, reply }).await.map_err(|_| stopped())?;
            passed.await.unwrap_or_else(|_| Err(stopped()))
        };
        timeout(PATIENCE, passed).await.map_err(late)?
    }
}

impl Drop for Barriers {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Commits barrier after barrier, each for everybody who has asked before it begins.
async fn run(pool: Arc<Pool>, mut asked: mpsc::Receiver<Waiting>) {
    let mut waiting = Vec::new();
    while asked.recv_many(&mut waiting, QUEUE).await > 0 {
        let passed = loop {
            waiting.retain(|one: &Waiting| !one.reply.is_closed());
            if waiting.is_empty() {
                break Ok(pool.standbys.server());
            }
            match barrier(&pool).await.map_err(StoreError::from) {
                // Cut off while it waited, it is no barrier.
                Err(StoreError::UnknownOutcome(why)) => {
                    debug!(%why, "a barrier is made again");
                    sleep(PAUSE).await;
                }
                passed => break passed,
            }
        };
        for Waiting { server, reply } in waiting.drain(..) {
            let _ = reply.send(match &passed {
                // What one server has waited for says nothing of what was read from another.
                Ok(at) if *at != server => Err(StoreError::from(Trouble::Elsewhere)),
                passed => passed.clone().map(drop),
            });
        }
    }
}

/// A commit that changes nothing; says at which server. It has to have something in the log, or nobody would wait for
/// it, and nothing that anybody else could have locked.
async fn barrier(pool: &Pool) -> Result<Server> {
    let session = within(PATIENCE, async {
        let mut session = Session::begin(pool).await?;
        let something = "SELECT pg_logical_emit_message(true, 'interline', '')";
        sqlx::raw_sql(something).execute(&mut *session).await?;
        Ok(session)
    });
    let session = session.await?;
    let server = session.server();
    session.commit(server).await
}
