//! Building, running and testing Interline: `cargo xtask run`, `cargo xtask test`.
//!
//! Nothing here knows how a thing is compiled or tested. It finds the tools ([`needs`]), makes
//! what the browser loads ([`wasm`], then [`package`]), and tells each command's story in the
//! order in which it happens ([`run`], [`test`]). Every command it gives is printed as one that
//! can be pasted into a shell ([`step`]).

#[cfg(feature = "bindgen")]
mod bindgen;
mod fresh;
mod install;
mod needs;
mod package;
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
    /// Simulate histories of many clients and servers under faults, in release: `simulate --histories 100000`
    Simulate {
        /// What the simulator takes; `--help` among it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
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
        Command::Simulate { args } => simulate(&args).map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "bindgen")]
        Command::Bindgen(args) => bindgen::generate(&args).map(|()| ExitCode::SUCCESS),
    }
}

fn simulate(args: &[String]) -> Result<()> {
    let simulator = ["run", "--release", "--package", "interline-tests", "--bin", "simulate", "--"];
    step::run(step::command("cargo").args(simulator).args(args))
}

fn build() -> Result<()> {
    needs::require(&needs::FOR_DEMO)?;
    package::demo()?;
    step::run(&mut project::server_build(project::Profile::Release))
}
