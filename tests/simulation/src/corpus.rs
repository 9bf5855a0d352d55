//! Plans, and courses of drafts, in files: one step a line, so that people can read them and git can show what changed.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::drafts::Course;
use super::failure::Failure;
use super::plan::Plan;

/// What a file of the corpus holds.
pub trait Kept: DeserializeOwned {
    /// Where such files are.
    fn directory() -> PathBuf;

    /// It as it stands in the corpus.
    fn to_json(&self) -> serde_json::Result<String>;
}

impl Kept for Plan {
    fn directory() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
    }

    fn to_json(&self) -> serde_json::Result<String> {
        let setup = format!("\"setup\": {}", serde_json::to_string(&self.setup)?);
        in_lines(&self.about, &[setup], &self.steps)
    }
}

impl Kept for Course {
    fn directory() -> PathBuf {
        Plan::directory().join("drafts")
    }

    fn to_json(&self) -> serde_json::Result<String> {
        let ends = [format!("\"people\": {}", self.people), format!("\"rest\": {}", self.rest)];
        in_lines(&self.about, &ends, &self.steps)
    }
}

fn in_lines(about: &str, first: &[String], steps: &[impl Serialize]) -> serde_json::Result<String> {
    let mut json = String::from("{\n");
    if !about.is_empty() {
        let _ = writeln!(json, "  \"about\": {},", serde_json::to_string(about)?);
    }
    for line in first {
        let _ = writeln!(json, "  {line},");
    }
    json.push_str("  \"steps\": [");
    for (at, step) in steps.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(json, "{comma}\n    {}", serde_json::to_string(step)?);
    }
    json.push_str("\n  ]\n}\n");
    Ok(json)
}

/// Reads such a file.
pub fn read<T: Kept>(file: &Path) -> io::Result<T> {
    let json = fs::read_to_string(file)?;
    serde_json::from_str(&json).map_err(|error| io::Error::other(format!("{}: {error}", file.display())))
}

/// Writes one.
pub fn write<T: Kept>(file: &Path, kept: &T) -> io::Result<()> {
    fs::write(file, kept.to_json().map_err(io::Error::other)?)
}

/// What fails of the corpus, a line each; an error where there is no corpus.
pub fn failing<T: Kept>(live: impl Fn(&T) -> Result<(), Failure>) -> io::Result<Vec<String>> {
    let files = files::<T>()?;
    if files.is_empty() {
        return Err(io::Error::other("the corpus is gone"));
    }
    let mut failing = Vec::new();
    for file in files {
        let lived = live(&read(&file)?);
        failing.extend(lived.err().map(|failure| format!("{}: {failure}", file.display())));
    }
    Ok(failing)
}

/// The files of the corpus, by name.
fn files<T: Kept>() -> io::Result<Vec<PathBuf>> {
    let entries: io::Result<Vec<_>> = fs::read_dir(T::directory())?.map(|entry| Ok(entry?.path())).collect();
    let mut files = entries?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}
