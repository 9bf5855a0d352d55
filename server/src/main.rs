//! The `interline-server` program: reads the options, runs the server until it is told to stop.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use interline_server::{Config, Server, StartError, Timing, shutdown_signal};
use tracing_subscriber::EnvFilter;

/// Exit codes; clap's own for usage is the same.
const FAILURE: u8 = 1;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let config = Config::parse();
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|error| {
        eprintln!("interline-server: --log is not understood ({error}), logging at info");
        EnvFilter::new("info")
    });
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
    let fail = |error: StartError, code: u8| {
        eprintln!("interline-server: {error}");
        ExitCode::from(code)
    };
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
    runtime.block_on(async {
        let server = Server::start(config, Timing::default()).await?;
        let mut stdout = std::io::stdout().lock();
        // Nobody may be listening; that is no reason not to serve.
        let _ = stdout.write_all(server.banner().as_bytes()).and_then(|()| stdout.flush());
        drop(stdout);
        let signal = shutdown_signal().await;
        server.stop().await;
        signal.map_err(|error| StartError(format!("cannot wait for signals: {error}")))
    })
}
