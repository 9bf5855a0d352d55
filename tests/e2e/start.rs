//! Starting and stopping: what cannot work is refused in one line that says what helps.

use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};

use anyhow::{Context, Result};
use interline_tests::server::{Server, command};
use rustix::process::{Pid, Signal, kill_process};

/// Runs the server with arguments that must not let it start.
fn refused(args: &[&str]) -> Result<(Output, String)> {
    let output = command()?.args(args).output()?;
    let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok((output, error))
}

#[test]
fn only_loopback_until_there_are_tokens() -> Result<()> {
    let data = tempfile::tempdir()?;
    let data = data.path().to_string_lossy();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let (output, error) = refused(&["--listen", address, "--data-dir", &data])?;
        assert_eq!(output.status.code(), Some(2), "{address}: {error}");
        assert!(error.contains("loopback") && error.lines().count() == 1, "{error}");
    }
    Ok(())
}

#[test]
fn a_port_or_a_folder_in_use_is_one_line() -> Result<()> {
    let server = Server::start()?;
    let (fresh, used) = (tempfile::tempdir()?, server.data().to_string_lossy().into_owned());
    let address = server.url().trim_start_matches("http://");
    let (output, error) = refused(&["--listen", address, "--data-dir", &fresh.path().to_string_lossy()])?;
    assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{error}");
    assert!(error.contains("in use"), "{error}");
    let (output, error) = refused(&["--listen", "127.0.0.1:0", "--data-dir", &used])?;
    assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{error}");
    assert!(error.contains("in use"), "{error}");
    let (output, _) = refused(&["--no-such-option"])?;
    assert_eq!(output.status.code(), Some(2));
    Ok(())
}

#[test]
fn a_database_that_cannot_be_used_is_one_line() -> Result<()> {
    let url = "postgres://ann:secret@127.0.0.1:9/reviews";
    for (args, code, word) in [
        (&["--database-url", "mysql://ann:secret@127.0.0.1/reviews"][..], 2, "postgres://"),
        (&["--database-url", url, "--max-database-mb", "64"], 2, "--max-database-mb"),
        (&["verify", "--database-url", url], 2, "127.0.0.1:9/reviews"),
    ] {
        let (output, error) = refused(args)?;
        assert_eq!((output.status.code(), error.lines().count()), (Some(code), 1), "{error}");
        assert!(error.contains(word) && !error.contains("secret"), "{error}");
    }
    Ok(())
}

#[test]
fn it_can_be_stopped_while_it_waits_for_a_database() -> Result<()> {
    // Nobody listens there.
    let mut command = command()?;
    command.args(["--listen", "127.0.0.1:0", "--database-url", "postgres://ann@127.0.0.1:9/reviews"]);
    let mut child = command.env("RUST_LOG", "info").stderr(Stdio::piped()).spawn()?;
    let mut said = BufReader::new(child.stderr.take().context("a piped stderr")?);
    let mut line = String::new();
    said.read_line(&mut line)?;
    assert!(line.contains("waiting for PostgreSQL"), "{line}");
    let pid = Pid::from_raw(i32::try_from(child.id())?).context("a process id")?;
    kill_process(pid, Signal::TERM)?;
    assert_eq!(child.wait()?.code(), Some(0));
    Ok(())
}

#[test]
fn it_stops_when_it_is_told_to() -> Result<()> {
    let mut server = Server::start()?;
    assert_eq!(server.terminate()?.code(), Some(0));
    server.restart()?;
    assert_eq!(server.terminate()?.code(), Some(0));
    Ok(())
}
