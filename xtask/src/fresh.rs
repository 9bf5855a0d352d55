//! Not doing again what would come out the same.
//!
//! Cargo looks after itself. What npm and wasm-bindgen make does not, and the server embeds it: a
//! demo written anew, though unchanged, would have the server compiled anew at every start.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::project;

/// Remembers, in a file below the target directory, what some outputs were made from.
pub(crate) struct Stamp {
    file: PathBuf,
    made_from: String,
    outputs: Vec<PathBuf>,
}

impl Stamp {
    /// Describes the inputs as they are now, so before they are used: an edit during the build
    /// is then seen by the next one. `recipe` is whatever else decides about the outputs.
    ///
    /// Inputs may be folders; the outputs and installed packages within them do not count.
    pub(crate) fn of(name: &str, recipe: &str, inputs: &[PathBuf], outputs: &[PathBuf]) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        recipe.hash(&mut hasher);
        for input in inputs {
            describe(input, outputs, &mut hasher)
                .with_context(|| format!("could not look at {}", input.display()))?;
        }
        Ok(Self {
            file: project::target_dir().join("xtask").join(format!("{name}.stamp")),
            made_from: format!("{:016x}\n", hasher.finish()),
            outputs: outputs.to_vec(),
        })
    }

    /// Says whether the outputs are there and were made from just this.
    pub(crate) fn holds(&self) -> bool {
        self.outputs.iter().all(|output| output.exists())
            && fs::read_to_string(&self.file).is_ok_and(|made_from| made_from == self.made_from)
    }

    /// To be called once the outputs are made.
    pub(crate) fn set(&self) -> Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&self.file, &self.made_from))
            .with_context(|| format!("could not write {}", self.file.display()))
    }
}

/// Takes in every file's name, length and time of change. Names are sorted: a folder lists them as
/// it likes.
fn describe(path: &Path, outputs: &[PathBuf], hasher: &mut DefaultHasher) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default();
    // The compiler of TypeScript keeps its notes beside the sources.
    let notes = path.extension().is_some_and(|extension| extension == "tsbuildinfo");
    if name == "node_modules" || notes || outputs.iter().any(|output| output == path) {
        return Ok(());
    }
    if path.is_dir() {
        let mut entries = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<Vec<_>>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| describe(entry, outputs, hasher));
    }
    path.hash(hasher);
    // An editor's lock file may be a link to nowhere.
    if let Ok(about) = fs::metadata(path) {
        about.len().hash(hasher);
        about.modified()?.hash(hasher);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this test's own, below the target directory.
    fn folder(name: &str) -> PathBuf {
        let folder = project::target_dir().join("xtask-tests").join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("out")).expect("a folder for the test");
        fs::write(folder.join("in.ts"), "1").expect("an input");
        folder
    }

    fn stamp(folder: &Path, recipe: &str) -> Stamp {
        let mut stamp =
            Stamp::of("test", recipe, &[folder.to_path_buf()], &[folder.join("out")]).expect("a stamp");
        stamp.file = folder.join("out/stamp");
        stamp
    }

    #[test]
    fn holds_until_an_input_changes() {
        let folder = folder("inputs");
        assert!(!stamp(&folder, "").holds());
        stamp(&folder, "").set().expect("the stamp is written");
        fs::write(folder.join("out/made.js"), "1").expect("an output");
        assert!(stamp(&folder, "").holds(), "an output is no input");
        assert!(!stamp(&folder, "other").holds(), "the recipe counts");
        fs::write(folder.join("new.ts"), "").expect("another input");
        assert!(!stamp(&folder, "").holds(), "a new file counts");
        fs::remove_file(folder.join("new.ts")).expect("the new file goes");
        fs::write(folder.join("in.ts"), "12").expect("the input changes");
        assert!(!stamp(&folder, "").holds(), "a changed file counts");
        fs::remove_dir_all(folder).expect("the folder goes");
    }

    #[test]
    fn does_not_hold_without_the_outputs() {
        let folder = folder("outputs");
        let mut stamp = stamp(&folder, "");
        stamp.set().expect("the stamp is written");
        stamp.outputs.push(folder.join("gone"));
        assert!(!stamp.holds());
        fs::remove_dir_all(folder).expect("the folder goes");
    }
}
