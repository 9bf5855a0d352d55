//! What a server leaves behind, to be damaged.

use std::path::{Path, PathBuf};

use interline_core::id::ReviewId;
use interline_server::store::{SqliteStore, Store};
use serde_json::{Value, json};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::support::{Client, Running, comment, edit, entry, head, id};

/// Edits of one comment: enough for a snapshot when the review is unloaded.
pub(super) const EDITS: u64 = 40;

/// A server's data: two reviews, the first with one client's edits and their receipts.
pub(super) struct Data {
    pub(super) directory: tempfile::TempDir,
    pub(super) review: String,
    pub(super) receipts: Vec<Value>,
}

/// The client of that number adds a comment and edits it, up to a seq; receipts of what was acknowledged.
pub(super) async fn write(
    client: &mut Client,
    review: &str,
    seqs: std::ops::RangeInclusive<u64>,
) -> Vec<Value> {
    let mut receipts = Vec::new();
    for seq in seqs {
        let batch = match seq {
            1 => comment(1, 1, 10, ""),
            seq => edit(seq, seq, 10, "x", seq as usize - 2),
        };
        client.submit(review, &batch).await;
        let frame = client.next().await;
        assert_eq!(entry(&frame), (seq + 1, seq));
        receipts.push(json!({ "seq": seq, "version": seq + 1, "hash": head(&frame)["hash"], "at": 1 }));
    }
    receipts
}

impl Data {
    pub(super) async fn new() -> Data {
        let server = Running::start().await;
        let review = server.review("damaged").await;
        server.review("good").await;
        let mut ann = server.client(1).await;
        ann.open("damaged", None).await;
        let receipts = write(&mut ann, &review, 1..=EDITS).await;
        let mut bo = server.client(2).await;
        bo.open("damaged", None).await;
        // All of it is rejected: there is no such comment.
        bo.submit(&review, &edit(1, 1, 99, "x", 0)).await;
        assert!(bo.next().await["answer"]["answer"]["result"]["rejected"].is_array());
        Data { directory: server.stop().await, review, receipts }
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) async fn store(&self) -> SqliteStore {
        SqliteStore::open(self.path()).await.unwrap()
    }

    pub(super) fn id(&self) -> ReviewId {
        self.review.parse().unwrap()
    }

    /// Trims all that the server has written, and has it write some more.
    pub(super) async fn trim(&mut self) {
        let store = self.store().await;
        assert_eq!(store.trim(self.id(), u64::MAX).await.unwrap(), EDITS + 1);
        store.close().await;
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        let server = Running::start_in(directory).await;
        let mut ann = server.client(1).await;
        ann.open("damaged", None).await;
        self.receipts.extend(write(&mut ann, &self.review, EDITS + 1..=2 * EDITS).await);
        self.directory = server.stop().await;
    }

    /// Changes what is stored, with the review's id as `?1`.
    pub(super) async fn damage(&self, sql: &'static str) {
        let file = self.path().join("interline.db");
        let mut connection =
            SqliteConnectOptions::new().filename(file).foreign_keys(false).connect().await.unwrap();
        let done = sqlx::query(sql).bind(self.id().0).execute(&mut connection).await.unwrap();
        assert!(done.rows_affected() > 0, "{sql}");
        sqlx::Connection::close(connection).await.unwrap();
    }

    /// A copy, so that each kind of damage stands alone.
    pub(super) fn copy(&self) -> Data {
        let directory = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(self.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), directory.path().join(entry.file_name())).unwrap();
        }
        Data { directory, review: self.review.clone(), receipts: self.receipts.clone() }
    }

    pub(super) fn export(&self, receipts: &[Value]) -> Value {
        json!({ "format": 1, "review": self.review, "client": id(1), "receipts": receipts })
    }

    pub(super) fn file(&self, name: &str, content: &Value) -> PathBuf {
        let file = self.path().join(name);
        std::fs::write(&file, content.to_string()).unwrap();
        file
    }
}
