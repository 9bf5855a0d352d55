//! Connections on loan, transactions on them, and calls that are made again.
//!
//! A connection that was not given back in good order is closed: whoever stopped waiting for an answer must not
//! leave it, or half a transaction, to the next. That rolls back whatever there is to roll back.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Error, PgConnection, PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::error::{Result, Trouble, unsettled};
use super::notices::with_warnings;
use super::standbys::{Server, Standbys};
use crate::store::StoreError;

/// How long a call may take, waiting for a connection and for others' locks included; then the network or the
/// database hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The same for calls that carry megabytes.
pub(super) const LONG_PATIENCE: Duration = Duration::from_secs(60);
/// How often a call is made again that fails by what passes, and how long after the first time.
const TRIES: u32 = 6;
const DELAY: Duration = Duration::from_millis(5);
/// How many calls that are no appends write to reviews at once, and may wait for their locks. Together with the
/// committer's they leave some of the connections to everybody else.
const ASIDE: usize = 4;

/// Connections, and the runtime that all of them belong to. Whoever asks for one may be on another that ends sooner, as
/// those of HTTP workers do, and what a connection was opened on it dies with.
#[derive(Debug)]
pub(super) struct Pool {
    connections: PgPool,
    home: Handle,
    aside: Semaphore,
    /// What its connections learn of standbys.
    pub(super) standbys: Arc<Standbys>,
}

impl Pool {
    /// They belong to the runtime that this is called on.
    pub(super) fn new(connections: PgPool, standbys: Arc<Standbys>) -> Pool {
        Pool { connections, home: Handle::current(), aside: Semaphore::new(ASIDE), standbys }
    }

    /// A place for a call that may wait for a review that somebody has locked, and is no append: as many as come must
    /// not take every connection meanwhile.
    pub(super) async fn aside(&self) -> std::result::Result<SemaphorePermit<'_>, StoreError> {
        let busy = || StoreError::Unavailable("too many wait for reviews that somebody has locked".into());
        timeout(PATIENCE, self.aside.acquire()).await.ok().and_then(|place| place.ok()).ok_or_else(busy)
    }

    pub(super) async fn close(&self) {
        self.connections.close().await;
    }
}

const HELD: &str = "a session has its connection until it is dropped";

/// A connection on loan.
pub(super) struct Session {
    /// There until this is dropped.
    connection: Option<PoolConnection<Postgres>>,
    /// Those that it is one of.
    connections: PgPool,
    home: Handle,
    standbys: Arc<Standbys>,
    server: Server,
    in_order: bool,
}

impl Session {
    pub(super) async fn take(pool: &Pool) -> Result<Session> {
        let (connections, server) = (pool.connections.clone(), pool.standbys.server());
        let acquired = connections.clone();
        let connection = pool.home.spawn(async move { acquired.acquire().await });
        // It is not cancelled; the runtime may be at its end, and then so is the pool.
        let connection = connection.await.unwrap_or(Err(Error::PoolClosed))?;
        let (home, standbys) = (pool.home.clone(), pool.standbys.clone());
        let connection = Some(connection);
        let session = Session { connection, connections, home, standbys, server, in_order: false };
        // The first connection to another server may be this one, or made beside it.
        if session.standbys.server() == server { Ok(session) } else { Err(Trouble::Elsewhere) }
    }

    /// The server that it leads to.
    pub(super) fn server(&self) -> Server {
        self.server
    }

    /// One in a transaction, in which every statement sees what was committed before it began.
    pub(super) async fn begin(pool: &Pool) -> Result<Session> {
        let mut session = Session::take(pool).await?;
        sqlx::raw_sql("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").execute(&mut *session).await?;
        Ok(session)
    }

    /// The same, in which no statement waits longer than that for each lock, until told to.
    pub(super) async fn begin_within(pool: &Pool, wait: Duration) -> Result<Session> {
        let mut session = Session::take(pool).await?;
        // None at all would be as long as it takes.
        let wait = wait.as_millis().max(1);
        let sql = format!("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = {wait}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *session).await?;
        Ok(session)
    }

    /// Has the locks: what comes now waits as in any other transaction, see [`super::connect`].
    pub(super) async fn wait_as_ever(&mut self) -> Result<()> {
        sqlx::raw_sql("SET LOCAL lock_timeout = '8s'").execute(&mut **self).await?;
        Ok(())
    }

    /// Gives it back: everything that was asked was answered, by the server that is the database still.
    pub(super) fn done<T>(self, value: T) -> Result<T> {
        if self.standbys.server() == self.server {
            Ok(self.give_back(value))
        } else {
            Err(Trouble::Elsewhere)
        }
    }

    fn give_back<T>(mut self, value: T) -> T {
        self.in_order = true;
        value
    }

    /// Commits. Unless it was in another's way, an error does not say whether it happened.
    pub(super) async fn commit<T>(mut self, value: T) -> Result<T> {
        let waits_at = within(PATIENCE, self.waits_at()).await?;
        let commit = timeout(PATIENCE, sqlx::raw_sql("COMMIT").execute(&mut *self));
        let (answer, warned) = match waits_at {
            Some(_) => with_warnings(commit).await,
            None => (commit.await, false),
        };
        let unknown = |why: &str| Err(StoreError::UnknownOutcome(why.into()).into());
        match answer {
            // It says that it has happened, and warns that it did not wait for a standby.
            Ok(Ok(_)) if warned => unknown("its wait for a standby was cancelled"),
            Ok(Ok(_)) => Ok(self.give_back(value)),
            Ok(Err(error)) => Err(unsettled(error)),
            Err(_) => {
                if let Some(process) = waits_at {
                    self.end_wait_of(process);
                }
                unknown("no answer in time")
            }
        }
    }

    /// By which process of the server a commit would wait for a standby, if commits do.
    async fn waits_at(&mut self) -> Result<Option<i32>> {
        if !self.standbys.are_waited_for() {
            return Ok(None);
        }
        Ok(Some(sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut **self).await?))
    }

    /// A commit that nobody listens to any more shall not wait for a standby that is away: the server does not notice
    /// that its client has gone while it does, no time limit of its own ends that, and all its connections would be
    /// taken before long.
    fn end_wait_of(&self, process: i32) {
        const SQL: &str =
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'";
        let connections = self.connections.clone();
        self.home.spawn(async move {
            let ended = timeout(PATIENCE, sqlx::query(SQL).bind(process).execute(&connections)).await;
            debug!(process, ?ended, "ended the wait of a commit for a standby");
        });
    }

    /// Ends the transaction without a change.
    pub(super) async fn abandon<T>(mut self, value: T) -> Result<T> {
        sqlx::raw_sql("ROLLBACK").execute(&mut *self).await?;
        self.done(value)
    }
}

impl Deref for Session {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_deref().expect(HELD)
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_deref_mut().expect(HELD)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Giving it back takes a task, and so does closing it: not one on the runtime that this happens to be on.
        let _home = self.home.enter();
        if let Some(mut connection) = self.connection.take()
            && !self.in_order
        {
            connection.close_on_drop();
        }
    }
}

/// What a call that writes has come to.
pub(super) enum Prepared<T> {
    /// All it takes is a commit.
    Commit(Session, T),
    /// There is nothing to commit.
    Nothing(T),
}

/// Makes a call that commits nothing, or what does no harm twice.
pub(super) async fn read<T, F: Future<Output = Result<T>>>(
    patience: Duration,
    attempt: impl Fn() -> F,
) -> std::result::Result<T, StoreError> {
    again(TRIES, || within(patience, attempt())).await
}

/// The same for who wants to know soon.
pub(super) async fn read_now<T, F: Future<Output = Result<T>>>(
    attempt: impl Fn() -> F,
) -> std::result::Result<T, StoreError> {
    again(1, || within(PATIENCE, attempt())).await
}

/// Makes a call that prepares a transaction, and commits that.
pub(super) async fn write<T, F: Future<Output = Result<Prepared<T>>>>(
    patience: Duration,
    attempt: impl Fn() -> F,
) -> std::result::Result<T, StoreError> {
    again(TRIES, || async {
        match within(patience, attempt()).await? {
            Prepared::Commit(session, value) => session.commit(value).await,
            Prepared::Nothing(value) => Ok(value),
        }
    })
    .await
}

/// Waits no longer than that: then the future is dropped, and its connection closed.
pub(super) async fn within<T>(patience: Duration, attempt: impl Future<Output = Result<T>>) -> Result<T> {
    let hangs = || StoreError::Unavailable("the database does not answer in time".into());
    timeout(patience, attempt).await.unwrap_or_else(|_| Err(hangs().into()))
}

/// Makes an attempt, and so many more where it fails by what passes. Such an attempt has changed nothing.
async fn again<T, F: Future<Output = Result<T>>>(
    tries: u32,
    attempt: impl Fn() -> F,
) -> std::result::Result<T, StoreError> {
    let mut delays = (0..tries).map(|doubled| DELAY * 2_u32.pow(doubled));
    loop {
        let trouble = match attempt().await {
            Ok(value) => return Ok(value),
            Err(trouble) => trouble,
        };
        let Some(delay) = delays.next().filter(|_| trouble.passes()) else { return Err(trouble.into()) };
        debug!(?trouble, "asking the database again");
        // Two that were in each other's way shall not meet again.
        sleep(delay + delay.mul_f64(fastrand::f64())).await;
    }
}
