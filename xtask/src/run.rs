//! `cargo xtask run`: the server, with the demo if it can be made here.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::install;
use crate::needs::{FOR_DEMO, look_and_add};
use crate::package;
use crate::project::{Profile, root, server_binary, server_build};
use crate::step::{line, run as run_step};

/// How to run it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Compile the server for speed (this is the default)
    #[arg(long)]
    release: bool,
    /// Compile the server quickly, and with assertions
    #[arg(long, conflicts_with = "release")]
    dev: bool,
    /// What the server is given, after `--`
    #[arg(last = true)]
    server: Vec<OsString>,
}

/// Builds what can be built, then becomes the server.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let without = demo();
    let profile = if args.dev && !args.release { Profile::Dev } else { Profile::Release };
    run_step(&mut server_build(profile))?;

    let mut server = Command::new(server_binary(profile));
    let chosen = |arg: &OsString| arg.to_str().is_some_and(is_data_dir);
    if !args.server.iter().any(chosen) {
        server.arg("--data-dir").arg(root().join("data"));
    }
    server.args(&args.server);
    // Last, so that it is not lost above what the compilers said.
    if let Some(why) = without {
        println!("{why}");
    }
    println!("$ {}", line(&server));
    become_server(server)
}

/// Says whether an argument chooses the folder, as the server then must not be told twice.
fn is_data_dir(arg: &str) -> bool {
    arg == "--data-dir" || arg.starts_with("--data-dir=")
}

/// Makes the demo. What is missing, or fails, costs the demo and never the server: whoever came for
/// the API needs none of it. Returns what to say about it.
fn demo() -> Option<String> {
    let looked = look_and_add(&FOR_DEMO);
    let why = if looked.lacking().is_empty() {
        format!("this failed: {:#}\nto try again: cargo xtask build", package::demo().err()?)
    } else {
        install::complaint(&looked)
    };
    let built = root().join("demo/dist/index.html").exists();
    let instead = if built { "serving the demo as it was last built" } else { "starting without the demo" };
    Some(format!("\n{instead}; {why}\n"))
}

/// Replaces xtask by the server, so that signals reach it and its exit status is the command's.
#[cfg(unix)]
fn become_server(mut server: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;

    let error = server.exec();
    Err(anyhow::Error::new(error).context(format!("could not start: {}", line(&server))))
}

/// Runs the server and passes its exit status on.
#[cfg(not(unix))]
fn become_server(mut server: Command) -> Result<ExitCode> {
    let status = server.status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_choose_the_folder_are_seen() {
        assert!(is_data_dir("--data-dir"));
        assert!(is_data_dir("--data-dir=/tmp/x"));
        assert!(!is_data_dir("--data-dirs"));
    }
}
