//! A database that is read as it is, with what is damaged in it: nothing is verified, repaired or written.
//!
//! Opened in the ordinary way after a sudden end, a database is repaired first, which takes that every page of it is
//! well. What is looked for may be in pages that are.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Bound;
use std::path::Path;
use std::sync::Mutex;

use redb::{BackendError, ConcurrencyMode, Database, DatabaseError, ReadOnlyDatabase, StorageBackend};

use super::slot::CACHE_BYTES;
use crate::lock::lock;

/// Where the file says how it was left, in redb's format.
const STATE: u64 = 9;
/// In that byte: the last writer did not close the file.
const UNCLEAN: u8 = 2;

/// Opens a file whose slot is locked, so that nobody else has it. Reading it may fail, or panic, at any moment.
pub(super) fn open(path: &Path) -> Result<ReadOnlyDatabase, DatabaseError> {
    let file = Mutex::new(File::open(path)?);
    let mut builder = Database::builder();
    // For a reader beside a writer, which needs nothing but the pages it reads; there is no such writer here.
    builder.set_cache_size(CACHE_BYTES).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder.open_read_only_with_backend(Raw(file))
}

/// A file as if it had been closed in order.
#[derive(Debug)]
struct Raw(Mutex<File>);

fn read_only<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl StorageBackend for Raw {
    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.0).metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut file = lock(&self.0);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(out)?;
        let at = STATE.checked_sub(offset).and_then(|at| usize::try_from(at).ok());
        if let Some(state) = at.and_then(|at| out.get_mut(at)) {
            *state &= !UNCLEAN;
        }
        Ok(())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        read_only()
    }

    fn sync_data(&self) -> io::Result<()> {
        read_only()
    }

    fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
        read_only()
    }

    // The slot's lock keeps everybody else away.

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn try_lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn query_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(false)
    }
}
