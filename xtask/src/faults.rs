//! `cargo xtask faults`: proof that the simulator finds something. Each patch in `tests/simulation/faults` breaks
//! the product in one way. It is applied to a scratch copy of core and the simulator, and the simulator built from
//! that has to catch it; built from the copy as it is, it must find nothing. What is wrong with private drafts
//! (`drafts-*.patch`) is looked for in histories of those.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::patch::{self, FilePatch};
use crate::project::{root, target_dir};
use crate::step::{Failed, command, line, run};

/// Where the patches are.
const FAULTS: &str = "tests/simulation/faults";
/// What the scratch copy is made of. `simulate` needs no more than this.
const PARTS: [&str; 3] = ["core/src", "tests/simulation/src", "Cargo.lock"];
const MANIFESTS: [&str; 2] = ["core", "tests/simulation"];
/// How many histories a fault may hide in, and how many the unbroken copy has to live through.
const HISTORIES: &str = "2000";
/// How many histories of drafts the unbroken copy has to live through.
const DRAFTS: &str = "300";
/// How faults are called that only such histories can find.
const OF_DRAFTS: &str = "drafts-";
/// How many histories the unbroken copy lives through that nobody has seen before.
const NEW: &str = "3000";
/// All start with the same seed, so that what is caught once is caught again.
const SEED: &str = "1";
/// Optimised only as far as pays for itself: each fault is compiled once more and run for a few seconds. Without
/// core's own assertions, so that it is the checkers that catch.
const PROFILE: &str = r#"
[profile.faults]
inherits = "dev"
opt-level = 1
debug = false
debug-assertions = false
overflow-checks = true
incremental = true

[profile.faults.package."*"]
opt-level = 3
"#;

/// Which faults.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// The names of some faults; all of them if none is given
    names: Vec<String>,
}

struct Fault {
    name: String,
    about: String,
    files: Vec<FilePatch>,
}

/// Has each fault caught; all of them are tried, and those that were not caught are named at the end.
pub(crate) fn faults(args: &Args) -> Result<()> {
    let faults = read(args)?;
    let scratch = Scratch::make()?;
    scratch.restore(&[])?;
    run(&mut scratch.build())?;
    run(scratch.simulate().args(["--seed", SEED, "--histories", HISTORIES]))
        .context("histories fail in a copy in which nothing was broken")?;
    run(scratch.simulate().args(["--drafts", "--seed", SEED, "--histories", DRAFTS]))
        .context("histories of drafts fail in a copy in which nothing was broken")?;
    if args.names.is_empty() {
        run(scratch.simulate().args(["--histories", NEW])).context("a new history fails")?;
    }

    let mut missed = Vec::new();
    for fault in &faults {
        match scratch.catch(fault) {
            Ok(told) => println!("{}: {told}", fault.name),
            Err(error) => {
                println!("{}: NOT CAUGHT ({}): {error:#}", fault.name, fault.about);
                missed.push(fault.name.as_str());
            }
        }
    }
    ensure!(missed.is_empty(), "not caught: {}", missed.join(", "));
    println!("{} faults, all caught", faults.len());
    Ok(())
}

fn read(args: &Args) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for file in files(&root().join(FAULTS))? {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))?;
        let (about, files) =
            patch::parse(&text).with_context(|| format!("{} is no patch", file.display()))?;
        faults.push(Fault { about: about.to_owned(), files, name });
    }
    for name in &args.names {
        ensure!(faults.iter().any(|fault| fault.name == *name), "there is no fault {name}");
    }
    faults.retain(|fault| args.names.is_empty() || args.names.contains(&fault.name));
    ensure!(!faults.is_empty(), "there are no patches in {FAULTS}");
    faults.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(faults)
}

/// A workspace of its own with core and the simulator, and one target folder over all faults, so that only those
/// two are compiled again.
struct Scratch {
    root: PathBuf,
}

impl Scratch {
    fn make() -> Result<Scratch> {
        let scratch = Scratch { root: target_dir().join("faults") };
        let manifest =
            fs::read_to_string(root().join("Cargo.toml")).context("the workspace has no manifest")?;
        scratch.write("Cargo.toml", workspace(&manifest)?.as_bytes())?;
        for member in MANIFESTS {
            scratch.copy(&format!("{member}/Cargo.toml"))?;
        }
        Ok(scratch)
    }

    /// Makes the copy as the project is, but for some files. Files that read as they should keep their times,
    /// those that are written get new ones: that is what cargo goes by.
    fn restore(&self, but: &[&str]) -> Result<()> {
        for part in PARTS {
            let mut wanted = BTreeSet::new();
            for file in files(&root().join(part))? {
                let path = file.strip_prefix(root()).context("files of the project lie in it")?.to_path_buf();
                let name = path.to_string_lossy();
                if !but.contains(&&*name) {
                    self.copy(&name)?;
                }
                wanted.insert(path);
            }
            for file in files(&self.root.join(part))? {
                if !wanted.contains(file.strip_prefix(&self.root).context("files of the copy lie in it")?) {
                    fs::remove_file(&file).with_context(|| format!("could not remove {}", file.display()))?;
                }
            }
        }
        Ok(())
    }

    fn copy(&self, path: &str) -> Result<()> {
        let bytes = fs::read(root().join(path)).with_context(|| format!("could not read {path}"))?;
        self.write(path, &bytes)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let file = self.root.join(path);
        if fs::read(&file).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        let write = || {
            fs::create_dir_all(file.parent().unwrap_or(&self.root))?;
            fs::write(&file, bytes)
        };
        write().with_context(|| format!("could not write {}", file.display()))
    }

    fn build(&self) -> Command {
        let mut cargo = command("cargo");
        // What the project has compiled already may be of no use here, but what it has downloaded is all there is to
        // download.
        cargo.current_dir(&self.root).env("CARGO_TARGET_DIR", self.root.join("target"));
        // Broken code has unused parts.
        cargo.env("RUSTFLAGS", "--cap-lints=allow");
        cargo.args(["build", "--quiet", "--offline", "--profile", "faults", "--bin", "simulate"]);
        cargo
    }

    fn simulate(&self) -> Command {
        command(self.root.join("target/faults/simulate"))
    }

    /// Breaks the copy, and has the simulator tell how it found out.
    fn catch(&self, fault: &Fault) -> Result<String> {
        let mut patched = Vec::new();
        for file in &fault.files {
            let there = fs::read_to_string(root().join(&file.path));
            let there = there.with_context(|| format!("{} is gone", file.path))?;
            self.write(&file.path, file.apply(&there)?.as_bytes())?;
            patched.push(file.path.as_str());
        }
        self.restore(&patched)?;
        let built = self.build().output().context("could not start cargo")?;
        if !built.status.success() {
            bail!("it does not compile:\n{}", String::from_utf8_lossy(&built.stderr));
        }
        let mut simulate = self.simulate();
        simulate.args(["--seed", SEED, "--catch", "--histories", HISTORIES]);
        simulate.args(fault.name.starts_with(OF_DRAFTS).then_some("--drafts"));
        let caught = simulate.output().with_context(|| format!("could not start {}", line(&simulate)))?;
        let told = String::from_utf8_lossy(&caught.stdout).trim().to_owned();
        if !caught.status.success() {
            bail!(Failed::new(line(&simulate), caught.status));
        }
        Ok(told)
    }
}

/// The project's manifest for the members of the copy alone.
fn workspace(manifest: &str) -> Result<String> {
    let members = MANIFESTS.map(|member| format!("{member:?}")).join(", ");
    let mut lines: Vec<String> = Vec::new();
    let (mut replaced, mut inside) = (false, false);
    for line in manifest.lines() {
        let begins = line.starts_with("members = ") || line.starts_with("default-members = ");
        if line.starts_with("members = ") {
            lines.push(format!("members = [{members}]"));
            replaced = true;
        }
        if begins || inside {
            // A list may go over several lines.
            inside = !line.trim_end().ends_with(']');
        } else {
            lines.push(line.to_owned());
        }
    }
    ensure!(replaced, "the workspace's manifest names no members");
    Ok(lines.join("\n") + "\n" + PROFILE)
}

/// All files below a folder, or the file itself; none where there is no such thing.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    let (mut open, mut found) = (vec![path.to_path_buf()], Vec::new());
    while let Some(folder) = open.pop() {
        if !folder.exists() {
            continue;
        }
        let entries =
            fs::read_dir(&folder).with_context(|| format!("could not list {}", folder.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("could not list {}", folder.display()))?.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_has_its_own_members() {
        let all =
            "[workspace]\nmembers = [\"core\", \"sdk\"]\ndefault-members = [\"core\"]\n[workspace.package]\n";
        let own = workspace(all).expect("members are named");
        assert!(
            own.starts_with("[workspace]\nmembers = [\"core\", \"tests/simulation\"]\n[workspace.package]\n"),
            "{own}"
        );
        assert!(workspace("[workspace]\n").is_err());
    }

    /// Patches go stale when the lines they change do. The full proof takes minutes, this one does not.
    #[test]
    fn every_fault_still_applies() {
        for fault in read(&Args::default()).expect("the patches can be read") {
            for file in &fault.files {
                let there = fs::read_to_string(root().join(&file.path)).expect("the file is there");
                let broken = file.apply(&there).unwrap_or_else(|error| panic!("{}: {error:#}", fault.name));
                assert_ne!(broken, there, "{} changes nothing", fault.name);
            }
        }
    }
}
