//! The data directory, held by one server at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::app::StartError;
use crate::store::SQLITE_FILE;

/// A data directory that is ours for as long as this lives. The lock is the operating system's, so it goes with
/// the process, however that ends.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    lock: File,
    /// The database's file, which other directories may lead to as well. To be closed after the database: with any
    /// descriptor of a file a process gives up what it has locked of it, and so what SQLite has.
    database: Option<File>,
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // Closing it is not enough: a process that is just being started from this one has it for a moment as well.
        let _ = self.lock.unlock();
        let _ = self.database.as_ref().map(File::unlock);
    }
}

impl DataDir {
    pub(crate) fn lock(path: &Path) -> Result<DataDir, StartError> {
        let shown = path.display();
        let unusable = |error: std::io::Error| {
            StartError(format!(
                "cannot write to the data directory {shown} ({error}): make it writable, or choose another with --data-dir"
            ))
        };
        fs::create_dir_all(path).map_err(unusable)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(DataDir { path: path.to_owned(), lock, database: None }),
            Err(TryLockError::WouldBlock) => Err(StartError(format!(
                "the data directory {shown} is in use by another server: stop that one, or choose another with --data-dir"
            ))),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// Locks the database's file as well, before it is opened: a directory's lock says nothing of a file that is linked
    /// to from several, and may have been deleted.
    pub(crate) fn lock_database(&mut self) -> Result<(), StartError> {
        // Elsewhere such a lock would be in the way of SQLite's own.
        if cfg!(not(target_os = "linux")) {
            return Ok(());
        }
        let path = self.path.join(SQLITE_FILE);
        let shown = path.display();
        let unusable = |error: std::io::Error| StartError(format!("cannot write to {shown} ({error})"));
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let file = file.map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {
                self.database = Some(file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => {
                // Closed, it would take away the locks of whoever has it open in this very process.
                std::mem::forget(file);
                Err(StartError(format!(
                    "the database {shown} is in use by another server: stop that one, or choose another with --data-dir"
                )))
            }
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
