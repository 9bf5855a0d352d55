//! A transaction on the one writing connection.
//!
//! SQLite ends a transaction by itself when the disk is full, and whoever counts transactions on their own (as
//! sqlx does) is left with a connection that takes no further one. So a transaction that does not end well takes
//! its connection with it, which rolls back whatever there is to roll back; the next opens another.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};

use super::error::{classify, unsettled};
use crate::store::StoreError;

pub(super) struct Transaction {
    connection: PoolConnection<Sqlite>,
    ended: bool,
}

impl Transaction {
    pub(super) async fn begin(writer: &SqlitePool) -> Result<Transaction, StoreError> {
        let connection = writer.acquire().await.map_err(classify)?;
        let mut transaction = Transaction { connection, ended: false };
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *transaction).await.map_err(classify)?;
        Ok(transaction)
    }

    /// Commits. Unless there was no room, an error does not say whether it happened.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        sqlx::query("COMMIT").execute(&mut *self).await.map_err(unsettled)?;
        self.ended = true;
        Ok(())
    }

    /// Ends it without a change.
    pub(super) async fn abandon(mut self) -> Result<(), StoreError> {
        sqlx::query("ROLLBACK").execute(&mut *self).await.map_err(classify)?;
        self.ended = true;
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.close_on_drop();
        }
    }
}
