//! What happened in a history: every effect goes into one digest, so that two runs can be compared.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// What a history came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// Over everything that happened, in order.
    pub digest: String,
    /// How many changes people made.
    pub changes: usize,
    /// How many faults struck.
    pub faults: usize,
    /// How long the log became.
    pub entries: usize,
}

/// Takes down what happens.
pub(super) struct Recorder {
    digest: Sha256,
    lines: Option<Vec<String>>,
    line: String,
    changes: usize,
    faults: usize,
}

impl Recorder {
    pub(super) fn new(verbose: bool) -> Recorder {
        let lines = verbose.then(Vec::new);
        Recorder { digest: Sha256::new(), lines, line: String::new(), changes: 0, faults: 0 }
    }

    /// Something happened.
    pub(super) fn note(&mut self, what: std::fmt::Arguments<'_>) {
        self.line.clear();
        self.line.write_fmt(what).expect("a string takes everything");
        self.digest.update(self.line.as_bytes());
        self.digest.update(b"\n");
        if let Some(lines) = &mut self.lines {
            lines.push(self.line.clone());
        }
    }

    /// More about it, for people alone: whoever compares runs has enough in what follows from it.
    pub(super) fn detail(&mut self, what: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(what());
        }
    }

    pub(super) fn change(&mut self) {
        self.changes += 1;
    }

    pub(super) fn fault(&mut self) {
        self.faults += 1;
    }

    /// What happened, in words, where that was asked for.
    pub(super) fn lines(&mut self) -> Vec<String> {
        self.lines.take().unwrap_or_default()
    }

    pub(super) fn finish(self, entries: usize) -> Trace {
        let mut digest = String::new();
        for byte in self.digest.finalize() {
            write!(digest, "{byte:02x}").expect("a string takes everything");
        }
        Trace { digest, changes: self.changes, faults: self.faults, entries }
    }
}
