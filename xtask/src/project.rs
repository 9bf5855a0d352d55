//! Where things are in the project, and the commands that more than one task gives.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::command;

/// The project's root: xtask lies directly below it.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo puts what it builds.
///
/// It can be moved by a variable or by any of several configuration files. Xtask was built there
/// itself, as `<target>/debug/xtask`, which spares asking.
pub(crate) fn target_dir() -> PathBuf {
    env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.parent()?.to_path_buf()))
        .unwrap_or_else(|| root().join("target"))
}

/// How the server is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to compile.
    Dev,
    /// Quick to run.
    Release,
}

/// The command that builds the server.
pub(crate) fn server_build(profile: Profile) -> Command {
    let mut build = command("cargo");
    build.args(["build", "--package", "interline-server"]);
    if profile == Profile::Release {
        build.arg("--release");
    }
    build
}

/// Where that command leaves it.
pub(crate) fn server_binary(profile: Profile) -> PathBuf {
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    target_dir().join(folder).join(format!("interline-server{}", env::consts::EXE_SUFFIX))
}
