//! Plan files: one step a line, so that people can read them and git can show what changed.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::plan::Plan;

/// Writes a plan as it stands in the corpus.
pub fn to_json(plan: &Plan) -> serde_json::Result<String> {
    let mut json = String::from("{\n");
    if !plan.about.is_empty() {
        let _ = writeln!(json, "  \"about\": {},", serde_json::to_string(&plan.about)?);
    }
    let _ = write!(json, "  \"setup\": {},\n  \"steps\": [", serde_json::to_string(&plan.setup)?);
    for (at, step) in plan.steps.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(json, "{comma}\n    {}", serde_json::to_string(step)?);
    }
    json.push_str("\n  ]\n}\n");
    Ok(json)
}

/// Reads a plan file.
pub fn read(file: &Path) -> io::Result<Plan> {
    let json = fs::read_to_string(file)?;
    serde_json::from_str(&json).map_err(|error| io::Error::other(format!("{}: {error}", file.display())))
}

/// Writes a plan file.
pub fn write(file: &Path, plan: &Plan) -> io::Result<()> {
    fs::write(file, to_json(plan).map_err(io::Error::other)?)
}

/// The plan files in a directory, by name.
pub fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries: io::Result<Vec<_>> = fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect();
    let mut files = entries?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

/// Where the corpus is kept.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}
