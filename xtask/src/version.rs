//! Versions as tools print them, and the oldest that will do.

use std::fmt;

/// A version's first three numbers; what follows (a build, a distribution's suffix) never decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32, pub(crate) u32);

impl Version {
    /// Finds the first version in what a tool printed: `v20.19.0`, `Redis server v=7.0.15 sha=…`,
    /// `Chromium 141.0.7390.54 built on …`.
    pub(crate) fn find(printed: &str) -> Option<Self> {
        printed.split(|c: char| c.is_whitespace() || c == '=').find_map(Self::parse)
    }

    /// Reads `1.2`, `1.2.3`, `v1.2.3-rc.1`. A lone number is not taken for a version.
    fn parse(word: &str) -> Option<Self> {
        let word = word.strip_prefix('v').unwrap_or(word);
        let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
        let mut numbers = word[..end].split('.').map(str::parse::<u32>);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next()?.ok()?;
        let patch = numbers.next().and_then(Result::ok).unwrap_or(0);
        Some(Self(major, minor, patch))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What a tool has to be at least, with the words for it.
pub(crate) struct Wanted {
    /// Says whether a version will do.
    pub(crate) fits: fn(Version) -> bool,
    /// The same for a reader: `20.19 or newer`.
    pub(crate) words: &'static str,
}

/// Vite 8 is what asks: it wants a line of Node that is still supported, and within it `require(esm)`.
pub(crate) const NODE: Wanted = Wanted {
    fits: |v| (v >= Version(20, 19, 0) && v < Version(21, 0, 0)) || v >= Version(22, 12, 0),
    words: "20.19 or newer of 20, or 22.12 or newer",
};

/// The first with `--if-present` across workspaces.
pub(crate) const NPM: Wanted = Wanted { fits: |v| v >= Version(8, 0, 0), words: "8 or newer" };

/// The first that speaks RESP3, over which the server receives pushes.
pub(crate) const REDIS: Wanted = Wanted { fits: |v| v >= Version(6, 0, 0), words: "6 or newer" };

/// The oldest that the server takes.
pub(crate) const POSTGRES: Wanted = Wanted { fits: |v| v >= Version(14, 0, 0), words: "14 or newer" };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_version_in_what_tools_print() {
        for (printed, version) in [
            ("v20.20.2", Version(20, 20, 2)),
            ("11.19.1\n", Version(11, 19, 1)),
            ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", Version(7, 0, 15)),
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", Version(15, 14, 0)),
            ("Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)", Version(156, 0, 8078)),
            ("wasm-opt version 132 (version_132) 1.2", Version(1, 2, 0)),
            ("rustfmt 1.8.0-stable (59807616e1 2026-04-14)", Version(1, 8, 0)),
            ("v23.0.0-nightly", Version(23, 0, 0)),
        ] {
            assert_eq!(Version::find(printed), Some(version), "{printed}");
        }
    }

    #[test]
    fn finds_none_where_there_is_none() {
        for printed in ["", "command requires the snap to be installed", "version 12", "v", "1.", ".5", "a.b"]
        {
            assert_eq!(Version::find(printed), None, "{printed}");
        }
    }

    #[test]
    fn compares_numbers_and_not_letters() {
        assert!(Version(20, 9, 0) < Version(20, 19, 0));
        assert!(Version(9, 0, 0) < Version(10, 0, 0));
    }

    #[test]
    fn node_is_taken_only_where_vite_runs() {
        for (version, fits) in [
            (Version(18, 20, 4), false),
            (Version(20, 18, 9), false),
            (Version(20, 19, 0), true),
            (Version(20, 20, 2), true),
            (Version(21, 7, 3), false),
            (Version(22, 11, 0), false),
            (Version(22, 12, 0), true),
            (Version(24, 0, 0), true),
        ] {
            assert_eq!((NODE.fits)(version), fits, "{version}");
        }
    }
}
