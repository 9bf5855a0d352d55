//! The data directory, held by one server at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::app::StartError;

/// A data directory that is ours for as long as this lives. The lock is the operating system's, so it goes with
/// the process, however that ends.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    lock: File,
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // Closing it is not enough: a process that is just being started from this one has it for a moment as well.
        let _ = self.lock.unlock();
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
            Ok(()) => Ok(DataDir { path: path.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(StartError(format!(
                "the data directory {shown} is in use by another server: stop that one, or choose another with --data-dir"
            ))),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
