//! Building, running and testing Interline: `cargo xtask run`, `cargo xtask test`.
//!
//! Nothing here knows how a thing is compiled or tested. It finds the tools ([`needs`]), makes
//! what the browser loads ([`wasm`], then [`package`]), and tells each command's story in the
//! order in which it happens ([`run`], [`test`]). Every command it gives is printed as one that
//! can be pasted into a shell ([`step`]).

#[cfg(feature = "bindgen")]
mod bindgen;
mod faults;
mod fresh;
mod install;
mod needs;
mod package;
mod patch;
mod project;
mod run;
mod step;
mod test;
mod version;
mod wasm;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Builds, runs and tests Interline")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build what can be built here and run the server in the foreground
    Run(run::Args),
    /// Build everything that is shipped: the npm package, the demo and the release server
    Build,
    /// Check everything: format, lints, licences, types, and the tests in Rust, Node and a browser
    Test(test::Args),
    /// Simulate histories of many clients and servers under faults, optimised: `simulate --histories 100000`
    Simulate {
        /// What the simulator takes; `--help` among it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Replay a recording of two people typing, which comes in by stdin, and say which conflicts it raises:
    /// `gunzip -c recording.json.gz | cargo xtask typing`
    Typing {
        /// Milliseconds for each edit; `typed`, or `whole` for texts that are saved at once; how many edits
        args: Vec<String>,
    },
    /// Kill servers and their clients under load, again and again: `crash --rounds 100`
    Crash {
        /// What the campaign takes: `--rounds`, `--seed`, `--writers`, `--store postgres`, `--nodes`, `--only rolling`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measure what opening a review costs by how long its history is, in release: `opening --edits 100000`
    Opening {
        /// What the measurement takes: `--edits`, `--rounds`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measure nodes over PostgreSQL and Redis, in release: `load arrival --nodes 2 --rate 500`, `load soak --minutes 15`,
    /// `load sizing`
    Load {
        /// `arrival`, `soak` or `sizing`, and what it takes
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Break a scratch copy in every way that is known, and have the simulator catch each
    Faults(faults::Args),
    /// Make JavaScript bindings for a compiled module (xtask calls this itself)
    #[cfg(feature = "bindgen")]
    #[command(hide = true)]
    Bindgen(bindgen::Args),
}

fn main() -> ExitCode {
    match carry_out(Cli::parse().command) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(command: Command) -> Result<ExitCode> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Build => build().map(|()| ExitCode::SUCCESS),
        Command::Test(args) => test::test(&args),
        Command::Simulate { args } => simulation("simulate", &args).map(|()| ExitCode::SUCCESS),
        Command::Typing { args } => simulation("typing", &args).map(|()| ExitCode::SUCCESS),
        Command::Crash { args } => crash(&args).map(|()| ExitCode::SUCCESS),
        Command::Opening { args } => measure("opening", &args).map(|()| ExitCode::SUCCESS),
        Command::Load { args } => measure("load", &args).map(|()| ExitCode::SUCCESS),
        Command::Faults(args) => faults::faults(&args).map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "bindgen")]
        Command::Bindgen(args) => bindgen::generate(&args).map(|()| ExitCode::SUCCESS),
    }
}

/// A program of the simulator's, optimised.
fn simulation(program: &str, args: &[String]) -> Result<()> {
    let simulator =
        ["run", "--profile", "simulate", "--package", "interline-simulation", "--bin", program, "--"];
    step::run(step::command("cargo").args(simulator).args(args))
}

/// With assertions, as the tests are.
fn crash(args: &[String]) -> Result<()> {
    step::run(&mut project::server_build(project::Profile::Dev))?;
    // The writers are a program of their own.
    step::run(step::command("cargo").args(["build", "--package", "interline-tests", "--bins"]))?;
    let campaign = ["run", "--package", "interline-tests", "--bin", "crash", "--"];
    let server = project::server_binary(project::Profile::Dev);
    step::run(step::command("cargo").args(campaign).args(args).env("INTERLINE_SERVER", server))
}

/// The server as operators run it, by a program of the tests.
fn measure(program: &str, args: &[String]) -> Result<()> {
    step::run(&mut project::server_build(project::Profile::Release))?;
    let measurement = ["run", "--release", "--package", "interline-tests", "--bin", program, "--"];
    let server = project::server_binary(project::Profile::Release);
    step::run(step::command("cargo").args(measurement).args(args).env("INTERLINE_SERVER", server))
}

fn build() -> Result<()> {
    needs::require(&needs::FOR_DEMO)?;
    package::demo()?;
    step::run(&mut project::server_build(project::Profile::Release))
}
