//! Checks a database against itself, and against what clients were told: `interline-server verify`.
//!
//! It only reads, page by page, each review as of one moment, so a server may be using the database.
//!
//! Some damage cannot be told from the database alone, because nothing else in it says the same: the names of
//! users and whose a client is; a review's key and the hash of the request that created it; what a diff says, as
//! long as it can be read; answers by which a batch is no entry (rejected or void), beyond their seqs; whose batch
//! a trimmed entry was, and what it said: the snapshot that a trimmed log begins with has to be taken as it is, and
//! that is said of each. Nor is a log's end missed that was lost together with its head row's update, nor a review
//! that was lost with all its rows: only receipts tell.

mod answers;
mod file;
mod patch_sets;
mod problems;
mod receipts;
mod review;
mod walk;

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::store::{Audit, PostgresAudit, SqliteAudit};
use problems::Problems;
use receipts::Receipts;

/// What was checked, and how it went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// How many reviews there are.
    pub reviews: u64,
    /// How many entries all their logs have, trimmed ones included.
    pub entries: u64,
    /// How many snapshots there are.
    pub snapshots: u64,
    /// How many receipts were looked up.
    pub receipts: u64,
    /// How many things are wrong.
    pub problems: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { reviews, entries, snapshots, receipts, problems } = self;
        write!(f, "{reviews} reviews, {entries} entries, {snapshots} snapshots, {receipts} receipts: ")?;
        if *problems == 0 { f.write_str("all good") } else { write!(f, "{problems} problems") }
    }
}

/// Why nothing can be said about a database; one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CannotVerify(pub String);

/// Checks the database in a directory, and that every receipt in some files is in it. Writes one line for each
/// review that something is wrong with, one for each that begins at a snapshot, and one at the end.
pub async fn verify(
    directory: &Path,
    files: &[PathBuf],
    out: &mut (dyn Write + Send),
) -> Result<Summary, CannotVerify> {
    let receipts = Receipts::read(files).map_err(CannotVerify)?;
    let mut audit = SqliteAudit::open(directory).await.map_err(|error| CannotVerify(error.to_string()))?;
    check(&mut audit, receipts, out).await
}

/// The same for a database in PostgreSQL.
pub async fn verify_postgres(
    url: &str,
    files: &[PathBuf],
    out: &mut (dyn Write + Send),
) -> Result<Summary, CannotVerify> {
    let receipts = Receipts::read(files).map_err(CannotVerify)?;
    let mut audit = PostgresAudit::open(url).await.map_err(|error| CannotVerify(error.to_string()))?;
    check(&mut audit, receipts, out).await
}

async fn check(
    audit: &mut dyn Audit,
    mut receipts: Receipts,
    out: &mut (dyn Write + Send),
) -> Result<Summary, CannotVerify> {
    let mut summary = Summary { receipts: receipts.count(), ..Summary::default() };
    let mut file = Problems::default();
    file::check(audit, &mut file).await;
    let mut last = None;
    loop {
        let id = match audit.next(last).await {
            Ok(Some(id)) => id,
            Ok(None) => break,
            Err(error) => {
                file.add(format!("the reviews that follow cannot be found: {error}"));
                break;
            }
        };
        last = Some(id);
        let checked = review::check(audit, id, receipts.take(id)).await;
        summary.reviews += 1;
        summary.entries += checked.entries;
        summary.snapshots += checked.snapshots;
        summary.problems += checked.problems.count();
        say(out, checked.problems.line(&format!("review {id}")))?;
        let taken_as_it_is = checked.begins_at.map(|version| {
            format!(
                "review {id}: begins at a snapshot at version {version}: it is what was written, but what came \
                 before it cannot be checked beyond versions and hashes"
            )
        });
        say(out, taken_as_it_is)?;
    }
    for (id, left) in receipts.left() {
        let mut problems = Problems::default();
        problems.add(format!("it is not in the database, and there are {left} receipts for it"));
        summary.problems += problems.count();
        say(out, problems.line(&format!("review {id}")))?;
    }
    summary.problems += file.count();
    say(out, file.line(audit.whole()))?;
    say(out, Some(summary.to_string()))?;
    Ok(summary)
}

fn say(out: &mut (dyn Write + Send), line: Option<String>) -> Result<(), CannotVerify> {
    let Some(line) = line else { return Ok(()) };
    writeln!(out, "{line}").map_err(|error| CannotVerify(format!("cannot write what was found: {error}")))
}
