//! The `interline-server` program: reads the options, runs the server until it is told to stop, or does one of
//! the other things that it can do.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use interline_server::verify::{CannotVerify, Summary, verify, verify_postgres};
use interline_server::{Config, Server, StartError, Timing, shutdown_signals};
use tracing_subscriber::EnvFilter;

/// Gives back what rooms no longer need once they are unloaded; the system's own keeps most of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit codes; clap's own for usage is the same.
const FAILURE: u8 = 1;
const USAGE: u8 = 2;
/// Exit codes of `verify`.
const PROBLEMS: u8 = 1;
const NOT_VERIFIED: u8 = 2;

#[derive(Parser)]
#[command(name = "interline-server", version, about)]
struct Program {
    #[command(flatten)]
    config: Config,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Check the database in the data directory, or in PostgreSQL, without changing it; a server may be using it
    Verify {
        /// A file of receipts that a client has exported: each must be in the database. May be repeated
        #[arg(long, value_name = "FILE")]
        receipts: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    let Program { config, command } = Program::parse();
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|error| {
        eprintln!("interline-server: --log is not understood ({error}), logging at info");
        EnvFilter::new("info")
    });
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
    match command {
        None => serve(config),
        Some(Command::Verify { receipts }) => match check(&config, &receipts) {
            Ok(summary) if summary.problems == 0 => ExitCode::SUCCESS,
            Ok(_) => ExitCode::from(PROBLEMS),
            Err(error) => fail(error, NOT_VERIFIED),
        },
    }
}

fn fail(error: impl std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("interline-server: {error}");
    ExitCode::from(code)
}

fn check(config: &Config, receipts: &[PathBuf]) -> Result<Summary, CannotVerify> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| CannotVerify(error.to_string()))?;
    let out = &mut std::io::stdout();
    match config.database_url() {
        Some(url) => runtime.block_on(verify_postgres(url, receipts, out)),
        None => runtime.block_on(verify(&config.data_dir, receipts, out)),
    }
}

fn serve(config: Config) -> ExitCode {
    if let Err(error) = config.check() {
        return fail(error, USAGE);
    }
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error, FAILURE),
    }
}

fn run(config: Config) -> Result<(), StartError> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| StartError(error.to_string()))?;
    let ran = runtime.block_on(async {
        // Before anybody is told that it listens: from then on it can be told to stop.
        let told =
            shutdown_signals().map_err(|error| StartError(format!("cannot wait for signals: {error}")))?;
        let mut told = std::pin::pin!(told);
        let server = tokio::select! {
            server = Box::pin(Server::start(config, Timing::default())) => server?,
            // While it waits for a database, say.
            () = &mut told => return Ok(()),
        };
        let mut stdout = std::io::stdout().lock();
        // Nobody may be listening; that is no reason not to serve.
        let _ = stdout.write_all(server.banner().as_bytes()).and_then(|()| stdout.flush());
        drop(stdout);
        told.await;
        server.stop().await;
        Ok(())
    });
    // Threads that still wait for an answer, of whoever knows the names of hosts for example, are not waited for.
    runtime.shutdown_background();
    ran
}
