//! The end of a log as frames, so that a client that was away for a moment needs no store.

use std::collections::VecDeque;

use bytestring::ByteString;
use interline_core::entry::Head;

/// How many entries are kept, and how many bytes of them: whoever lacks more reads from the store.
const ENTRIES: usize = 1_024;
const BYTES: usize = 2 << 20;

/// The frames of a log's last entries.
#[derive(Debug)]
pub(super) struct Ring {
    /// What the oldest frame comes behind.
    base: Head,
    frames: VecDeque<(Head, ByteString)>,
    /// How long they are together.
    bytes: usize,
}

/// Where a head lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Position {
    /// In the ring: so many entries come behind it.
    Here(usize),
    /// Before the ring.
    Older,
    /// Not in this log.
    Nowhere,
}

impl Ring {
    pub(super) fn new(base: Head) -> Ring {
        Ring { base, frames: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, head: Head, frame: ByteString) {
        self.bytes += frame.len();
        self.frames.push_back((head, frame));
        while (self.frames.len() > ENTRIES || self.bytes > BYTES)
            && let Some((oldest, frame)) = self.frames.pop_front()
        {
            self.base = oldest;
            self.bytes -= frame.len();
        }
    }

    pub(super) fn position(&self, have: Head) -> Position {
        let Some(behind) = have.version.checked_sub(self.base.version) else { return Position::Older };
        let last = usize::try_from(behind).ok().and_then(|behind| match behind {
            0 => Some(self.base),
            _ => self.frames.get(behind - 1).map(|(head, _)| *head),
        });
        match last {
            Some(head) if head == have => Position::Here(self.frames.len() - behind as usize),
            _ => Position::Nowhere,
        }
    }

    /// The last so many entries, oldest first.
    pub(super) fn last(&self, count: usize) -> impl Iterator<Item = &(Head, ByteString)> {
        self.frames.iter().skip(self.frames.len().saturating_sub(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interline_core::entry::Hash;

    fn head(version: u64) -> Head {
        Head { version, hash: Hash::of(&version.to_le_bytes()) }
    }

    #[test]
    fn a_head_is_found_where_it_is() {
        let mut ring = Ring::new(head(5));
        for version in 6..=9 {
            ring.push(head(version), "x".into());
        }
        assert_eq!(ring.position(head(4)), Position::Older);
        assert_eq!(ring.position(head(5)), Position::Here(4));
        assert_eq!(ring.position(head(9)), Position::Here(0));
        assert_eq!(ring.position(head(10)), Position::Nowhere);
        assert_eq!(ring.position(Head { hash: Hash::default(), ..head(7) }), Position::Nowhere);
        assert_eq!(ring.position(Head { version: u64::MAX, ..head(7) }), Position::Nowhere);
        assert_eq!(ring.last(2).map(|(head, _)| head.version).collect::<Vec<_>>(), [8, 9]);
    }

    #[test]
    fn it_forgets_the_oldest() {
        let mut ring = Ring::new(head(0));
        for version in 1..=ENTRIES as u64 + 3 {
            ring.push(head(version), "x".into());
        }
        assert_eq!(ring.position(head(2)), Position::Older);
        assert_eq!(ring.position(head(3)), Position::Here(ENTRIES));
    }

    #[test]
    fn it_forgets_the_oldest_where_they_are_long() {
        let mut ring = Ring::new(head(0));
        let kib = |count: usize| ByteString::from("x".repeat(count << 10));
        for version in 1..=8 {
            ring.push(head(version), kib(256));
        }
        assert_eq!(ring.position(head(0)), Position::Here(8), "just as much as there is a place for");
        ring.push(head(9), "x".into());
        assert_eq!((ring.position(head(0)), ring.position(head(1))), (Position::Older, Position::Here(8)));
        ring.push(head(10), kib(1_024));
        assert_eq!((ring.position(head(4)), ring.position(head(5))), (Position::Older, Position::Here(5)));
        // One that is longer than all that is kept is not, and what comes behind it is.
        ring.push(head(11), kib(2_049));
        assert_eq!((ring.position(head(10)), ring.position(head(11))), (Position::Older, Position::Here(0)));
        ring.push(head(12), "x".into());
        assert_eq!((ring.position(head(11)), ring.bytes), (Position::Here(1), 1));
    }
}
