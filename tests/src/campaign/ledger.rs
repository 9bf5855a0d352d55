//! What one writer did, in a file of its own that outlives the writer: every line is on the disk before anything
//! else happens.
//!
//! | line | meaning |
//! |---|---|
//! | `typed MS N` | word N is about to be typed, at that time |
//! | `saved N…` | the local store has returned from saving them |
//! | `acked N…` | `synced()` has returned, and they had been typed before it was called |
//! | `gone N…` | typed by a process that was killed, and not in the local store |

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

/// What a ledger says.
#[derive(Clone, Default, Debug)]
pub struct Record {
    /// When each word was typed, in milliseconds since the Unix epoch.
    pub typed: BTreeMap<u32, u64>,
    /// What the local store had.
    pub saved: BTreeSet<u32>,
    /// What was said to be durable.
    pub acked: BTreeSet<u32>,
    /// What was lost with its process.
    pub gone: BTreeSet<u32>,
}

impl Record {
    /// Reads a ledger, which somebody may be writing.
    pub fn read(path: &Path) -> Result<Record> {
        let mut record = Record::default();
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(record),
            text => text?,
        };
        // What is behind the last line's end is being written.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        for line in text[..whole].lines() {
            record.take(line).with_context(|| format!("a ledger says `{line}`"))?;
        }
        Ok(record)
    }

    fn take(&mut self, line: &str) -> Result<()> {
        let (what, numbers) = line.split_once(' ').context("a word and numbers")?;
        if what == "typed" {
            let (ms, number) = numbers.split_once(' ').context("a time and a number")?;
            self.typed.insert(number.parse()?, ms.parse()?);
            return Ok(());
        }
        let set = match what {
            "saved" => &mut self.saved,
            "acked" => &mut self.acked,
            "gone" => &mut self.gone,
            _ => bail!("no such line"),
        };
        for number in numbers.split(' ') {
            set.insert(number.parse()?);
        }
        Ok(())
    }
}

/// A ledger being written.
pub struct Ledger {
    file: File,
    record: Record,
}

impl Ledger {
    /// Opens one, to go on where the process before ended.
    pub fn open(path: &Path) -> Result<Ledger> {
        let record = Record::read(path)?;
        let mut file = File::options().create(true).append(true).open(path)?;
        let text = std::fs::read(path)?;
        if text.last().is_some_and(|last| *last != b'\n') {
            // A line that was not finished was never true.
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            file.set_len(whole as u64)?;
            file.flush()?;
        }
        Ok(Ledger { file, record })
    }

    /// All of it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The number of the next word: none is used twice, whatever became of it.
    pub fn next(&self) -> u32 {
        self.record.typed.last_key_value().map_or(1, |(last, _)| last + 1)
    }

    /// A word is about to be typed.
    pub fn typed(&mut self, number: u32) -> Result<()> {
        let ms = now_ms();
        self.write(&format!("typed {ms} {number}"))
    }

    /// Words are in the local store; those that were said to be before are not told again.
    pub fn saved(&mut self, numbers: impl IntoIterator<Item = u32>) -> Result<()> {
        let fresh: Vec<_> =
            numbers.into_iter().filter(|number| !self.record.saved.contains(number)).collect();
        self.numbers("saved", &fresh)
    }

    /// Words are durable on the server.
    pub fn acked(&mut self, numbers: impl IntoIterator<Item = u32>) -> Result<()> {
        let fresh: Vec<_> =
            numbers.into_iter().filter(|number| !self.record.acked.contains(number)).collect();
        self.numbers("acked", &fresh)
    }

    /// Words went with a process that was killed.
    pub fn gone(&mut self, numbers: &[u32]) -> Result<()> {
        self.numbers("gone", numbers)
    }

    fn numbers(&mut self, what: &str, numbers: &[u32]) -> Result<()> {
        if numbers.is_empty() {
            return Ok(());
        }
        let numbers: Vec<_> = numbers.iter().map(u32::to_string).collect();
        self.write(&format!("{what} {}", numbers.join(" ")))
    }

    fn write(&mut self, line: &str) -> Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.file.sync_data()?;
        self.record.take(line)
    }
}

/// The time, in milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
