//! The folder of one owner: which files are in it, what they are called, and who may touch them.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use interline_core::clock::Millis;
use interline_core::id::ClientId;
use sha2::{Digest, Sha256};

use super::Quarantined;
use crate::platform;
use crate::store::{Owner, StoreError, StoreErrorKind};

const DATABASE: &str = ".redb";
const UNREADABLE: &str = ".redb.unreadable-";

/// How a slot came to be; the order in which slots are taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    /// By a client that took the next free one.
    Numbered(u32),
    /// By a client that named itself: nobody else takes it.
    Named,
    /// Out of a damaged database: what was pending in it and could be read. Somebody runs it to the end.
    Salvaged,
}

/// A slot: its place, and the one client whose records are in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Name {
    pub(super) place: Place,
    pub(super) client: ClientId,
}

impl Name {
    fn stem(self) -> String {
        match self.place {
            Place::Numbered(number) => format!("{number}-{}", self.client),
            Place::Named => format!("named-{}", self.client),
            Place::Salvaged => format!("salvaged-{}", self.client),
        }
    }

    fn parse(stem: &str) -> Option<Name> {
        let (place, client) = stem.split_once('-')?;
        let place = match place {
            "named" => Place::Named,
            "salvaged" => Place::Salvaged,
            number => Place::Numbered(number.parse().ok()?),
        };
        let name = Name { place, client: client.parse().ok()? };
        (name.stem() == stem).then_some(name)
    }
}

/// A file that is locked as long as this lives. It says which schema software must know to open the slot.
pub(super) struct Lock(File);

impl Lock {
    /// The schema that software must know at least; `None` where that is not said.
    pub(super) fn schema(&mut self) -> io::Result<Option<usize>> {
        let mut text = String::new();
        self.0.seek(SeekFrom::Start(0))?;
        // What is no text says nothing.
        let read = (&self.0).take(32).read_to_string(&mut text);
        Ok(read.ok().and_then(|_| text.trim().parse().ok()))
    }

    /// Says it before anything of that schema is written.
    pub(super) fn set_schema(&mut self, schema: usize) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(format!("{schema}\n").as_bytes())?;
        self.0.sync_all()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough where this process is just starting another: that has the file open as well
        // until it is on its own. If it fails, closing has to do.
        let _ = self.0.unlock();
    }
}

/// The folder of one owner.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn of(root: &Path, owner: &Owner) -> Folder {
        let mut hash = Sha256::new();
        // No server's address holds a zero byte, so that the two cannot run into one another.
        hash.update(owner.server.as_bytes());
        hash.update([0]);
        hash.update(owner.user.as_str().as_bytes());
        let name: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Folder(root.join(name))
    }

    /// Every folder below a root.
    pub(super) fn all(root: &Path) -> Result<Vec<Folder>, StoreError> {
        let paths = files(root)?.into_iter().map(|name| root.join(name)).filter(|path| path.is_dir());
        Ok(paths.map(Folder).collect())
    }

    /// Makes it, for this account's eyes only.
    pub(super) fn make(&self) -> Result<(), StoreError> {
        if self.0.is_dir() {
            return Ok(());
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.create(&self.0).and_then(|()| self.0.parent().map_or(Ok(()), sync_folder));
        made.map_err(|error| failed("made", &self.0, error))
    }

    /// The slots, in the order in which they are taken.
    pub(super) fn slots(&self) -> Result<Vec<Name>, StoreError> {
        let mut names = Vec::new();
        for file in files(&self.0)? {
            names.extend(file.strip_suffix(DATABASE).and_then(Name::parse));
        }
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn database(&self, name: Name) -> PathBuf {
        self.0.join(name.stem() + DATABASE)
    }

    /// Where a database is made before it is put in its place whole.
    pub(super) fn draft(&self, name: Name) -> PathBuf {
        self.0.join(name.stem() + ".new")
    }

    /// Locks a slot, unless somebody has it.
    pub(super) fn lock(&self, name: Name) -> Result<Option<Lock>, StoreError> {
        let path = self.0.join(name.stem() + ".lock");
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = options.map_err(|error| failed("opened", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed("locked", &path, error)),
        }
    }

    /// Puts a new database in its place.
    pub(super) fn place(&self, name: Name) -> Result<(), StoreError> {
        let path = self.database(name);
        let placed = fs::rename(self.draft(name), &path).and_then(|()| sync_folder(&self.0));
        placed.map_err(|error| failed("made", &path, error))
    }

    /// Deletes a slot in which nothing is left. It has to be locked and closed. No slot is ever called the same again,
    /// so that nobody waits for the lock that goes with it.
    pub(super) fn delete(&self, name: Name) -> Result<(), StoreError> {
        let path = self.database(name);
        let deleted = fs::remove_file(&path).and_then(|()| sync_folder(&self.0));
        // Without its database the lock is of no slot; it may stay if it must.
        let _ = fs::remove_file(self.0.join(name.stem() + ".lock"));
        deleted.map_err(|error| failed("deleted", &path, error))
    }

    /// The databases that were ever moved aside here.
    pub(super) fn quarantined(&self) -> Result<Vec<Quarantined>, StoreError> {
        let mut found = Vec::new();
        for file in files(&self.0)? {
            let parts = file.split_once(UNREADABLE);
            let parts = parts.and_then(|(stem, at)| Some((Name::parse(stem)?, at.parse().ok()?)));
            if let Some((Name { client, .. }, at)) = parts {
                found.push(Quarantined { path: self.0.join(file), client, at });
            }
        }
        Ok(found)
    }

    /// Moves a database aside; says where it is now. It has to be locked and closed.
    pub(super) fn quarantine(&self, name: Name) -> Result<PathBuf, StoreError> {
        let path = self.database(name);
        let aside = |at: Millis| self.0.join(format!("{}{UNREADABLE}{at}", name.stem()));
        let free = (platform::now_ms()..).map(aside).find(|path| !path.exists());
        let aside = free.unwrap_or_else(|| aside(0));
        let moved = fs::rename(&path, &aside).and_then(|()| sync_folder(&self.0));
        moved.map(|()| aside).map_err(|error| failed("moved aside", &path, error))
    }
}

/// What was ever moved aside below a root, oldest first.
pub(super) fn quarantined(root: &Path) -> Result<Vec<Quarantined>, StoreError> {
    let mut found = Vec::new();
    for folder in Folder::all(root)? {
        found.extend(folder.quarantined()?);
    }
    found.sort_by(|a, b| (a.at, &a.path).cmp(&(b.at, &b.path)));
    Ok(found)
}

/// The names of what is in a folder, as far as they are text; none if there is no folder.
fn files(folder: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries,
    };
    let names = entries.and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
    let names: Vec<_> = names.map_err(|error| failed("read", folder, error))?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

/// Makes the names in a folder durable, where that is something to do.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The store's error for a file that could not be … .
pub(super) fn failed(what: &str, path: &Path, error: io::Error) -> StoreError {
    let kind = kind(&error);
    StoreError::because(format!("{} could not be {what}: {error}", path.display()), error).with_kind(kind)
}

/// What kind of thing went wrong with a file.
pub(super) fn kind(error: &io::Error) -> StoreErrorKind {
    match error.kind() {
        // Cut off, or no database at all.
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => StoreErrorKind::Unreadable,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StoreErrorKind::Full,
        _ => StoreErrorKind::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_they_were_written_as() {
        let client = ClientId(uuid::Uuid::from_u128(7));
        let names = [0, 2, 11].map(Place::Numbered).into_iter().chain([Place::Named, Place::Salvaged]);
        let names: Vec<_> = names.map(|place| Name { place, client }).collect();
        assert!(names.is_sorted());
        for name in names {
            assert_eq!(Name::parse(&name.stem()), Some(name));
        }
        for bad in ["", "0", "x-00000000-0000-0000-0000-000000000007", "0-7", "00-", "named-", "salvaged-"] {
            assert_eq!(Name::parse(bad), None, "{bad}");
        }
        assert_eq!(Name::parse(&format!("00-{client}")), None, "one name, one slot");
    }
}
