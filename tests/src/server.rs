//! A real server process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{DEADLINE, DIFF, http};

/// A running server with a data folder of its own. Killed when dropped.
pub struct Server {
    child: Child,
    url: String,
    data: TempDir,
    extra: Vec<String>,
}

impl Server {
    /// Starts one on a free port.
    pub fn start() -> Result<Server> {
        Server::start_with(&[])
    }

    /// Starts one with more arguments.
    pub fn start_with(extra: &[&str]) -> Result<Server> {
        let data = tempfile::Builder::new().prefix("interline-test-").tempdir()?;
        let extra = extra.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>();
        let (child, url) = spawn(data.path(), 0, &extra)?;
        Ok(Server { child, url, data, extra })
    }

    /// Its address, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// SIGKILL: it gets no chance to finish anything.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again on the same port and the same data.
    pub fn restart(&mut self) -> Result<()> {
        let port = self.url.rsplit(':').next().and_then(|port| port.parse().ok()).context("a port")?;
        (self.child, self.url) = spawn(self.data.path(), port, &self.extra)?;
        Ok(())
    }

    /// SIGTERM, and waits for it to end.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        // The shell's own `kill`: a bare machine may lack the program.
        let status = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status()?;
        if !status.success() {
            bail!("could not signal the server");
        }
        let end = Instant::now() + DEADLINE;
        loop {
            match self.child.try_wait()? {
                Some(status) => return Ok(status),
                None if Instant::now() > end => bail!("the server did not stop in time"),
                None => std::thread::park_timeout(std::time::Duration::from_millis(10)),
            }
        }
    }

    /// Creates a review of [`DIFF`] under a key; its id.
    pub fn create_review(&self, key: &str) -> Result<String> {
        let url = format!("{}/api/reviews?title=Test&key={key}", self.url);
        match http::post(&url, DIFF.as_bytes())? {
            (201, created) => Ok(created["id"].as_str().context("an id")?.to_owned()),
            (status, body) => bail!("creating a review: {status} {body}"),
        }
    }

    /// A review as REST shows it: committed state only.
    pub fn review(&self, id: &str) -> Result<serde_json::Value> {
        let (status, body) = http::get(&format!("{}/api/reviews/{id}", self.url))?;
        if status == 200 { Ok(body) } else { bail!("reading a review: {status} {body}") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed already; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that starts the server's binary, without arguments.
pub fn command() -> Result<Command> {
    let mut command = Command::new(binary()?);
    command.env_remove("REDIS_URL").env("RUST_LOG", "warn").stdin(Stdio::null());
    Ok(command)
}

fn spawn(data: &Path, port: u16, extra: &[String]) -> Result<(Child, String)> {
    let mut command = command()?;
    command.arg("--listen").arg(format!("127.0.0.1:{port}")).arg("--data-dir").arg(data).args(extra);
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().context("a piped stdout")?;
    let (send, receive) = mpsc::channel();
    // Reads to the end, so that the server never blocks on a full pipe.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(url) = line.strip_prefix("interline listening on ") {
                let _ = send.send(url.to_owned());
            }
        }
    });
    match receive.recv_timeout(DEADLINE) {
        Ok(url) => Ok((child, url)),
        Err(_) => {
            let _ = child.kill();
            bail!("the server did not start: {:?}", child.wait()?)
        }
    }
}

/// `INTERLINE_SERVER`, or the binary that was built beside the tests.
fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("INTERLINE_SERVER") {
        return Ok(path.into());
    }
    let target = std::env::current_exe()?;
    let beside = target.ancestors().map(|dir| dir.join("interline-server")).find(|path| path.is_file());
    beside.context("no server binary: run `cargo build -p interline-server` first, or set INTERLINE_SERVER")
}
