//! Connections on loan, transactions on them, and calls that are made again.
//!
//! A connection that was not given back in good order is closed: whoever stopped waiting for an answer must not
//! leave it, or half a transaction, to the next. That rolls back whatever there is to roll back.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::error::{Result, unsettled};
use crate::store::StoreError;

/// How long a call may take, waiting for a connection and for others' locks included; then the network or the
/// database hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The same for calls that carry megabytes.
pub(super) const LONG_PATIENCE: Duration = Duration::from_secs(60);
/// How often a call is made again that fails by what passes, and how long after the first time.
const TRIES: u32 = 6;
const DELAY: Duration = Duration::from_millis(5);

/// A connection on loan.
pub(super) struct Session {
    connection: PoolConnection<Postgres>,
    in_order: bool,
}

impl Session {
    pub(super) async fn take(pool: &PgPool) -> Result<Session> {
        Ok(Session { connection: pool.acquire().await?, in_order: false })
    }

    /// One in a transaction, in which every statement sees what was committed before it began.
    pub(super) async fn begin(pool: &PgPool) -> Result<Session> {
        let mut session = Session::take(pool).await?;
        sqlx::raw_sql("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").execute(&mut *session).await?;
        Ok(session)
    }

    /// Gives it back: everything that was asked was answered.
    pub(super) fn done<T>(mut self, value: T) -> Result<T> {
        self.in_order = true;
        Ok(value)
    }

    /// Commits. Unless it was in another's way, an error does not say whether it happened.
    pub(super) async fn commit<T>(mut self, value: T) -> Result<T> {
        match timeout(PATIENCE, sqlx::raw_sql("COMMIT").execute(&mut *self)).await {
            Ok(Ok(_)) => self.done(value),
            Ok(Err(error)) => Err(unsettled(error)),
            Err(_) => Err(StoreError::UnknownOutcome("no answer in time".into()).into()),
        }
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
        &self.connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.in_order {
            self.connection.close_on_drop();
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
async fn within<T>(patience: Duration, attempt: impl Future<Output = Result<T>>) -> Result<T> {
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
