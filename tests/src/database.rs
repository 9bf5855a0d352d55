//! The server's database, looked at and damaged behind the server's back.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow, ensure};
use interline_core::entry::{EncodedEntry, Entry, Fact, Hash};
use interline_core::id::{ClientId, Seq, UserId, Version};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, PgConnection, Row};
use uuid::Uuid;

/// What the server calls its file.
const FILE: &str = "interline.db";

async fn open(data: &Path) -> Result<SqliteConnection> {
    Ok(SqliteConnectOptions::new().filename(data.join(FILE)).connect().await?)
}

/// Copies a database that no server uses, as a backup does.
pub fn copy_database(from: &Path, to: &Path) -> Result<()> {
    for file in std::fs::read_dir(from)? {
        let file = file?;
        if file.file_name().to_string_lossy().starts_with(FILE) {
            std::fs::copy(file.path(), to.join(file.file_name()))?;
        }
    }
    Ok(())
}

/// Puts a copy in the place of a database that no server uses.
pub fn restore_database(from: &Path, to: &Path) -> Result<()> {
    for file in std::fs::read_dir(to)? {
        let file = file?;
        if file.file_name().to_string_lossy().starts_with(FILE) {
            std::fs::remove_file(file.path())?;
        }
    }
    copy_database(from, to)
}

/// Waits until a database that no server uses is on the disk, so that whoever opens it does not wait for that.
pub fn sync_database(data: &Path) -> Result<()> {
    for file in std::fs::read_dir(data)? {
        std::fs::File::open(file?.path())?.sync_all()?;
    }
    Ok(())
}

/// Copies a folder with everything in it, as `cp -r` does.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for file in std::fs::read_dir(from)? {
        let file = file?;
        let copy = to.join(file.file_name());
        match file.file_type()?.is_dir() {
            true => copy_folder(&file.path(), &copy)?,
            false => drop(std::fs::copy(file.path(), copy)?),
        }
    }
    Ok(())
}

/// How many entries of a review are not kept whole any more.
pub async fn trimmed(data: &Path, review: &str) -> Result<u64> {
    let mut connection = open(data).await?;
    let row = sqlx::query("SELECT trimmed_to FROM reviews WHERE id = ?")
        .bind(Uuid::parse_str(review)?)
        .fetch_one(&mut connection)
        .await?;
    Ok(u64::try_from(row.try_get::<i64, _>("trimmed_to")?)?)
}

/// The version of a review's newest snapshot.
pub async fn newest_snapshot(data: &Path, review: &str) -> Result<Option<Version>> {
    let mut connection = open(data).await?;
    let newest: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM snapshots WHERE review = ?")
        .bind(Uuid::parse_str(review)?)
        .fetch_one(&mut connection)
        .await?;
    // The last to close a database tidies it up, which is not to happen behind the back of whoever kills the server.
    connection.close().await?;
    Ok(newest.map(u64::try_from).transpose()?)
}

/// The clients whose batches are in the entries of a review that say this, in order.
pub async fn said_by(data: &Path, review: &str, text: &str) -> Result<Vec<ClientId>> {
    let mut connection = open(data).await?;
    let rows = sqlx::query(
        "SELECT payload FROM entries WHERE review = ? AND instr(payload, ?) > 0 ORDER BY version",
    )
    .bind(Uuid::parse_str(review)?)
    .bind(text)
    .fetch_all(&mut connection)
    .await?;
    let client = |row| {
        let entry: serde_json::Value =
            serde_json::from_str(sqlx::sqlite::SqliteRow::try_get(&row, "payload")?)?;
        Ok(serde_json::from_value(entry["client"].clone())?)
    };
    rows.into_iter().map(client).collect()
}

/// Appends an entry with these facts to a review's log, as a server of another release may have written it; by a user and a
/// client of its own. No server uses the database meanwhile.
pub async fn append(data: &Path, review: &str, author: &str, facts: Vec<Fact>) -> Result<Version> {
    let mut connection = open(data).await?;
    let review = Uuid::parse_str(review)?;
    let (version, hash): (i64, Vec<u8>) = sqlx::query_as("SELECT version, hash FROM reviews WHERE id = ?")
        .bind(review)
        .fetch_one(&mut connection)
        .await?;
    let previous = Hash(hash.try_into().map_err(|hash| anyhow!("{hash:?} is no hash"))?);
    let (client, author) = (ClientId(Uuid::now_v7()), UserId::new(author.to_owned())?);
    let at = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let (version, verdicts) = (u64::try_from(version)? + 1, Vec::new());
    let entry = Entry { format: 1, version, author, client, seq: 1, at, facts, verdicts };
    let EncodedEntry { hash, payload, .. } = EncodedEntry::new(&entry, previous);
    sqlx::query("INSERT INTO entries (review, version, hash, payload) VALUES (?, ?, ?, ?)")
        .bind(review)
        .bind(i64::try_from(version)?)
        .bind(hash.0.as_slice())
        .bind(&*payload)
        .execute(&mut connection)
        .await?;
    sqlx::query("UPDATE reviews SET version = ?, hash = ? WHERE id = ?")
        .bind(i64::try_from(version)?)
        .bind(hash.0.as_slice())
        .bind(review)
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(version)
}

/// Checks a review's log as it is stored: versions from 1 without a gap, each the next link of the chain, and the
/// batches of each client once and in order. Returns the last version.
///
/// Batches that were refused wholly leave no entry; there must have been none.
pub async fn check_log(data: &Path, review: &str) -> Result<Version> {
    let mut connection = open(data).await?;
    let review = Uuid::parse_str(review)?;
    let rows = sqlx::query_as("SELECT version, hash, payload FROM entries WHERE review = ? ORDER BY version")
        .bind(review)
        .fetch_all(&mut connection)
        .await?;
    let head = sqlx::query_as("SELECT version, hash FROM reviews WHERE id = ?")
        .bind(review)
        .fetch_one(&mut connection)
        .await?;
    check_rows(rows, head)
}

/// The same for a database in PostgreSQL.
pub async fn check_log_in_postgres(url: &str, review: &str) -> Result<Version> {
    let mut connection = PgConnection::connect(url).await?;
    let review = Uuid::parse_str(review)?;
    let rows =
        sqlx::query_as("SELECT version, hash, payload FROM entries WHERE review = $1 ORDER BY version")
            .bind(review)
            .fetch_all(&mut connection)
            .await?;
    let head = sqlx::query_as("SELECT version, hash FROM reviews WHERE id = $1")
        .bind(review)
        .fetch_one(&mut connection)
        .await?;
    check_rows(rows, head)
}

fn check_rows(rows: Vec<(i64, Vec<u8>, String)>, head: (i64, Vec<u8>)) -> Result<Version> {
    let mut link = Hash::default();
    let mut seqs: BTreeMap<ClientId, Seq> = BTreeMap::new();
    let length = rows.len();
    for ((version, hash, payload), expected) in rows.into_iter().zip(1..) {
        let version = u64::try_from(version)?;
        ensure!(version == expected, "entry {version} is where {expected} should be");
        link = link.chain(payload.as_bytes());
        ensure!(hash == link.0, "entry {version} is no link of the chain");
        let entry = EncodedEntry { version, hash: link, payload: payload.into() }.decode()?;
        // The first entry is the server's own.
        if version > 1 {
            let before = seqs.insert(entry.client, entry.seq).unwrap_or(0);
            let (client, seq) = (entry.client, entry.seq);
            ensure!(seq == before + 1, "entry {version}: batch {seq} of {client} comes behind {before}");
        }
    }
    let (version, hash) = head;
    ensure!(version == i64::try_from(length)?, "the head is at {version}, the log at {length}");
    ensure!(hash == link.0, "the head is another than the log's");
    Ok(length as Version)
}

/// Puts other text in the place of some that an entry holds, as a bad disk would.
pub async fn replace_in_entry(
    data: &Path,
    review: &str,
    version: i64,
    text: &str,
    other: &str,
) -> Result<()> {
    let mut connection = open(data).await?;
    let done = sqlx::query(
        "UPDATE entries SET payload = replace(payload, ?, ?) \
         WHERE review = ? AND version = ? AND instr(payload, ?) > 0",
    )
    .bind(text)
    .bind(other)
    .bind(Uuid::parse_str(review)?)
    .bind(version)
    .bind(text)
    .execute(&mut connection)
    .await?;
    ensure!(done.rows_affected() == 1, "no entry {version} holds {text:?}");
    Ok(())
}
