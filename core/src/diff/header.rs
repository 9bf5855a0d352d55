//! The header of a file in git's format: the lines from `diff --git` to the content.

use super::DiffError;
use super::cursor::Cursor;
use super::model::FileStatus;
use super::path::{self, Name};

const KEYS: [&str; 11] = [
    "old mode ",
    "new mode ",
    "new file mode ",
    "deleted file mode ",
    "similarity index ",
    "dissimilarity index ",
    "rename from ",
    "rename to ",
    "copy from ",
    "copy to ",
    "index ",
];

/// The names, as abbreviated as can be, of the empty blob: its SHA-1 and its SHA-256.
const EMPTY_BLOBS: [&[u8]; 2] = [
    b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    b"473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
];

/// What the header says, before any content is read.
#[derive(Debug, Default)]
pub(super) struct Header<'a> {
    /// The line of the `diff --git`.
    pub(super) line: usize,
    /// The names of the `diff --git` line, prefixes and all, if they can be told apart.
    pub(super) pair: Option<(Name<'a>, Name<'a>)>,
    pub(super) status: Option<FileStatus>,
    /// What the file was renamed or copied from and to; these never have prefixes.
    pub(super) moved: (Option<Name<'a>>, Option<Name<'a>>),
    pub(super) old_mode: Option<String>,
    pub(super) new_mode: Option<String>,
    pub(super) similarity: Option<u8>,
    blobs: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Header<'a> {
    /// Reads the header at hand.
    pub(super) fn read(lines: &mut Cursor<'a>) -> Result<Self, DiffError> {
        let mut header = Self { line: lines.number(), ..Self::default() };
        header.pair = lines.take_header()?.strip_prefix(b"diff --git ").and_then(path::git_pair);
        while let Some(key) = KEYS.into_iter().find(|key| lines.at(key.as_bytes())) {
            let here = lines.clone();
            let value = &lines.take_header()?[key.len()..];
            header.put(key, value, &here)?;
        }
        header.check(lines)?;
        Ok(header)
    }

    fn put(&mut self, key: &str, value: &'a [u8], here: &Cursor<'a>) -> Result<(), DiffError> {
        let name = || path::whole(value).ok_or(DiffError::BadPath { line: here.number() });
        let fine = match key {
            "old mode " => fill(&mut self.old_mode, mode(value)),
            "new mode " => fill(&mut self.new_mode, mode(value)),
            "new file mode " => fill(&mut self.new_mode, mode(value)) && self.is(FileStatus::Added),
            "deleted file mode " => fill(&mut self.old_mode, mode(value)) && self.is(FileStatus::Deleted),
            "similarity index " => fill(&mut self.similarity, percent(value)),
            "rename from " => fill(&mut self.moved.0, Some(name()?)) && self.is(FileStatus::Renamed),
            "rename to " => fill(&mut self.moved.1, Some(name()?)) && self.is(FileStatus::Renamed),
            "copy from " => fill(&mut self.moved.0, Some(name()?)) && self.is(FileStatus::Copied),
            "copy to " => fill(&mut self.moved.1, Some(name()?)) && self.is(FileStatus::Copied),
            "index " => fill(&mut self.blobs, blobs(value)),
            // Only how much of a file was rewritten, which the hunks tell as well.
            _ => percent(value).is_some(),
        };
        if fine { Ok(()) } else { Err(here.unexpected("a header that is well formed and said once")) }
    }

    fn is(&mut self, status: FileStatus) -> bool {
        *self.status.get_or_insert(status) == status
    }

    /// What the header calls the content before and after the change; a file that is not there has none.
    pub(super) fn content_ids(&self) -> (Option<String>, Option<String>) {
        let id = |id: &[u8]| {
            let absent = id.iter().all(|&byte| byte == b'0');
            (!absent).then(|| String::from_utf8_lossy(id).to_ascii_lowercase())
        };
        self.blobs.map_or((None, None), |(old, new)| (id(old), id(new)))
    }

    /// Whether the header says what the file is called.
    pub(super) fn has_names(&self) -> bool {
        self.pair.is_some() || self.moved.0.is_some()
    }

    /// Refuses a header that has one half of a pair only.
    fn check(&self, lines: &Cursor<'_>) -> Result<(), DiffError> {
        use FileStatus::{Added, Copied, Deleted, Renamed};
        let modes = (self.old_mode.is_some(), self.new_mode.is_some());
        let (modes_fit, moved) = match self.status {
            Some(Added) => (!modes.0, false),
            Some(Deleted) => (!modes.1, false),
            status => {
                (modes.0 == modes.1, matches!(status, Some(Renamed | Copied)) || self.similarity.is_some())
            }
        };
        if !modes_fit {
            return Err(lines.missing("the old and the new mode"));
        }
        if moved && (self.moved.0.is_none() || self.moved.1.is_none()) {
            return Err(lines.missing("the old and the new name"));
        }
        Ok(())
    }

    /// Whether the header promises content, so that without any the file was cut short. At the end of the
    /// input, more is suspicious.
    pub(super) fn promises_content(&self, at_end: bool) -> bool {
        match (self.status, self.blobs) {
            // Without white space (`-w`) there may be nothing to show but the new name or mode.
            (Some(FileStatus::Renamed | FileStatus::Copied), _) => false,
            (Some(FileStatus::Added), Some((_, blob))) | (Some(FileStatus::Deleted), Some((blob, _))) => {
                !EMPTY_BLOBS.iter().any(|empty| empty.starts_with(blob))
            }
            // Mercurial has no `index` lines, so an empty file of its may end here; so may half of git's.
            (Some(_), None) => at_end,
            _ => self.new_mode.is_none(),
        }
    }
}

/// Fills an empty slot with a value that could be read.
fn fill<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    let fine = slot.is_none() && value.is_some();
    *slot = value;
    fine
}

fn mode(value: &[u8]) -> Option<String> {
    let fine = value.len() == 6 && value.iter().all(|byte| matches!(byte, b'0'..=b'7'));
    fine.then(|| String::from_utf8_lossy(value).into_owned())
}

fn percent(value: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(value.strip_suffix(b"%")?).ok()?;
    let fine = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|&percent| fine && percent <= 100)
}

/// The blobs of `index 1234567..89abcde 100644`.
fn blobs(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let names = value.split(|&byte| byte == b' ').next()?;
    let dots = names.windows(2).position(|window| window == b"..")?;
    let (old, new) = (&names[..dots], &names[dots + 2..]);
    let fine = |name: &[u8]| (4..=64).contains(&name.len()) && name.iter().all(u8::is_ascii_hexdigit);
    (fine(old) && fine(new)).then_some((old, new))
}
