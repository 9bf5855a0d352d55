//! What the header and the content of a file together make of it: its names and its status.

use super::header::Header;
use super::model::{FileDiff, FileStatus, Hunk};
use super::path::{self, Name, Pair};

/// What comes after a header: the names it states, and the hunks or their absence.
#[derive(Debug, Default)]
pub(super) struct Content<'a> {
    /// The line that states the names.
    pub(super) line: usize,
    /// The names, prefixes and all; `None` if the content states none.
    pub(super) names: Option<(Name<'a>, Name<'a>)>,
    /// Whether the time stamps say that there is no old, or no new file.
    pub(super) absent: (bool, bool),
    pub(super) binary: bool,
    pub(super) lossy: bool,
    pub(super) hunks: Vec<Hunk>,
}

impl<'a> Content<'a> {
    /// The names, prefixes and all, with `None` for a file that is not there.
    pub(super) fn existing(&self) -> Option<Pair<'_>> {
        let (old, new) = self.names.as_ref()?;
        let there = |name: &'_ Name<'a>, absent: bool| !absent && !path::is_null(name);
        Some((
            there(old, self.absent.0).then_some(old.as_ref()),
            there(new, self.absent.1).then_some(new.as_ref()),
        ))
    }

    pub(super) fn file(self, status: FileStatus, sides: Sides) -> FileDiff {
        FileDiff {
            status,
            old_path: sides.old,
            new_path: sides.new,
            old_mode: None,
            new_mode: None,
            old_id: None,
            new_id: None,
            similarity: None,
            binary: self.binary,
            lossy: self.lossy || sides.lossy,
            hunks: self.hunks,
        }
    }
}

/// The final names of a file; at least one is there.
pub(super) struct Sides {
    old: Option<String>,
    new: Option<String>,
    lossy: bool,
}

impl Sides {
    /// The names by the header, which the content must not contradict; by the content, if it alone has any.
    pub(super) fn of_git(header: &Header<'_>, content: &Content<'_>) -> Option<Self> {
        let stated = content.existing();
        if let (Some(from), Some(to)) = (&header.moved.0, &header.moved.1) {
            let ends = |name: Option<&[u8]>, end: &[u8]| name.is_some_and(|name| name.ends_with(end));
            let agrees = stated.is_none_or(|(old, new)| ends(old, from) && ends(new, to));
            return Self::new(Some(from), Some(to)).filter(|_| agrees);
        }
        let Some((left, right)) = &header.pair else {
            return Self::of_plain(content).filter(|sides| sides.fit(header));
        };
        let name = path::common(left, right)?;
        match stated {
            None => {
                let old = (header.status != Some(FileStatus::Added)).then_some(name);
                let new = (header.status != Some(FileStatus::Deleted)).then_some(name);
                Self::new(old, new)
            }
            Some((old, new)) => {
                let agrees =
                    old.is_none_or(|old| old == left.as_ref()) && new.is_none_or(|new| new == right.as_ref());
                Self::new(old.map(|_| name), new.map(|_| name)).filter(|sides| agrees && sides.fit(header))
            }
        }
    }

    pub(super) fn of_plain(content: &Content<'_>) -> Option<Self> {
        let (old, new) = path::strip_pair(content.existing()?);
        Self::new(old, new)
    }

    fn new(old: Option<&[u8]>, new: Option<&[u8]>) -> Option<Self> {
        let lossy = [old, new].into_iter().flatten().any(|name| std::str::from_utf8(name).is_err());
        let text = |name| String::from_utf8_lossy(name).into_owned();
        (old.is_some() || new.is_some()).then(|| Self { old: old.map(text), new: new.map(text), lossy })
    }

    /// What it means that a name is missing.
    pub(super) fn status(&self) -> Option<FileStatus> {
        match (&self.old, &self.new) {
            (None, _) => Some(FileStatus::Added),
            (_, None) => Some(FileStatus::Deleted),
            _ => None,
        }
    }

    /// Whether the names that are missing are those the header says are.
    fn fit(&self, header: &Header<'_>) -> bool {
        header.status.is_none() || header.status == self.status()
    }
}
