//! Compiling to wasm: which toolchain can, and the SDK's module.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::project;
use crate::step::{ask, command, line, run};

/// What the browser runs.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Names a toolchain that has the target, for where rustup cannot fetch it.
const CHOICE: &str = "INTERLINE_WASM_TOOLCHAIN";

/// What `.ci/wasm-toolchain` links.
const LINKED: &str = "interline-wasm";

/// A toolchain with a standard library for the target.
pub(crate) enum Toolchain {
    /// The one everything else is compiled with.
    Active,
    /// Another, by the name it has in rustup.
    Named(OsString),
}

impl Toolchain {
    /// Finds one without changing anything.
    pub(crate) fn find() -> Option<Self> {
        let named = env::var_os(CHOICE).filter(|name| !name.is_empty());
        [Self::Active].into_iter().chain(named.map(Self::Named)).chain([Self::Named(LINKED.into())]).find(
            |toolchain| {
                let mut rustc = toolchain.command("rustc");
                rustc.args(["--print", "target-libdir", "--target", TARGET]);
                ask(&mut rustc).is_some_and(|folder| holds_core(Path::new(&folder)))
            },
        )
    }

    /// Finds one, or has rustup add the target to the active one. What is there already comes first,
    /// for a linked toolchain is there because rustup's server was once out of reach.
    pub(crate) fn find_or_add() -> Option<Self> {
        Self::find().or_else(|| if add_target() { Self::find() } else { None })
    }

    /// Calls `cargo` or `rustc` of this toolchain.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = command(program);
        if let Self::Named(name) = self {
            let mut choice = OsString::from("+");
            choice.push(name);
            command.arg(choice);
        }
        command
    }
}

/// Rustc names the folder whether it is there or not.
fn holds_core(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.filter_map(Result::ok).any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}

/// Asks rustup for the target. Its server may be out of reach: one try, one minute.
fn add_target() -> bool {
    let mut rustup = add_target_command();
    rustup.env("RUSTUP_MAX_RETRIES", "0");
    println!("$ {}", line(&rustup));
    let Ok(mut child) = rustup.spawn() else { return false };
    let start = Instant::now();
    // The standard library waits for a process without a deadline or not at all, so it is asked now and then.
    loop {
        match child.try_wait() {
            Ok(None) if start.elapsed() < Duration::from_secs(60) => sleep(Duration::from_millis(100)),
            Ok(Some(status)) => return status.success(),
            Ok(None) | Err(_) => {
                println!("rustup did not finish within a minute");
                // Neither can fail in a way that matters: the process is given up either way.
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

/// The command for that, as one would type it.
pub(crate) fn add_target_command() -> Command {
    let mut rustup = command("rustup");
    rustup.args(["target", "add", TARGET]);
    rustup
}

/// The command that makes a toolchain where rustup's server is out of reach.
pub(crate) fn make_toolchain_command() -> Command {
    command(".ci/wasm-toolchain")
}

/// Compiles the SDK for the browser and returns the module.
pub(crate) fn compile() -> Result<PathBuf> {
    compile_package("interline-js", "wasm", "wasm")
}

/// Compiles the tests of the stores that only a browser has, and returns the module.
pub(crate) fn compile_store_tests() -> Result<PathBuf> {
    compile_package("interline-browser-stores", "dev", "debug")
}

/// Compiles a package by a profile, which leaves its module in a folder of that name.
fn compile_package(package: &str, profile: &str, folder: &str) -> Result<PathBuf> {
    let Some(toolchain) = Toolchain::find_or_add() else {
        bail!("no toolchain has the target {TARGET}: {}", line(&add_target_command()));
    };
    let build = ["build", "--package", package, "--target", TARGET, "--profile", profile];
    run(toolchain.command("cargo").args(build))?;
    let module = project::target_dir().join(TARGET).join(folder).join(package.replace('-', "_") + ".wasm");
    fs::metadata(&module).with_context(|| format!("cargo left no {}", module.display()))?;
    Ok(module)
}
