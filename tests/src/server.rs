//! A real server process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

use crate::{DEADLINE, DIFF, http};

/// Where ports are taken from: below those that outgoing connections get. Otherwise a client that knocks while the
/// server is away could be given that very port, and the server could not come back to it.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// How many further ports are tried.
const TRIES: usize = 3;

/// A running server with a data folder of its own. Killed when dropped.
pub struct Server {
    child: Child,
    said: Receiver<String>,
    /// Reads what it logs, which are warnings and errors, until it has ended.
    log: Option<JoinHandle<Vec<String>>>,
    port: u16,
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
        let extra = owned(extra);
        let data = tempfile::Builder::new().prefix("interline-test-").tempdir()?;
        let port = free_port()?;
        let (child, said, log) = spawn(data.path(), port, &extra)?;
        let mut server = Server { child, said, log: Some(log), port, url: url(port), data, extra };
        for _ in 0..TRIES {
            if server.ready().is_ok() {
                return Ok(server);
            }
            // Somebody else may have been quicker to take the port.
            server.port = free_port()?;
            server.url = url(server.port);
            server.begin()?;
        }
        server.ready()?;
        Ok(server)
    }

    /// Its address, such as `http://127.0.0.1:20123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The warnings and errors that it has logged since it was started; waits until it has ended.
    pub fn warnings(&mut self) -> Result<Vec<String>> {
        let log = self.log.take().context("what it has logged, once")?;
        log.join().map_err(|_| anyhow!("what it has logged cannot be read"))
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Leaves the data folder on the disk, for whoever looks into a failure.
    pub fn keep_data(&mut self) {
        self.data.disable_cleanup(true);
    }

    /// SIGKILL: it gets no chance to finish anything.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again on the same port and the same data.
    pub fn restart(&mut self) -> Result<()> {
        self.begin()?;
        self.ready()
    }

    /// Starts it again with other arguments.
    pub fn restart_with(&mut self, extra: &[&str]) -> Result<()> {
        self.extra = owned(extra);
        self.restart()
    }

    /// Begins to start it again, and does not wait until it listens.
    pub fn begin(&mut self) -> Result<()> {
        let (child, said, log) = spawn(self.data.path(), self.port, &self.extra)?;
        (self.child, self.said, self.log) = (child, said, Some(log));
        Ok(())
    }

    /// Waits until it listens.
    pub fn ready(&mut self) -> Result<()> {
        if self.said.recv_timeout(DEADLINE).is_err() {
            let _ = self.child.kill();
            bail!("the server did not start: {:?}", self.child.wait()?);
        }
        Ok(())
    }

    /// SIGTERM, and waits for it to end.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.ask_to_stop()?;
        let end = Instant::now() + DEADLINE;
        loop {
            match self.child.try_wait()? {
                Some(status) => return Ok(status),
                None if Instant::now() > end => bail!("the server did not stop in time"),
                None => std::thread::park_timeout(Duration::from_millis(10)),
            }
        }
    }

    /// SIGTERM.
    pub fn ask_to_stop(&self) -> Result<()> {
        Ok(kill_process(self.pid()?, Signal::TERM)?)
    }

    /// Whether the process is there.
    pub fn is_alive(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// The process's id: another one after each start.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// From now on no file of the server grows beyond so many bytes; `None` lifts that.
    pub fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(self.pid()?), Resource::Fsize, limit)?;
        Ok(())
    }

    fn pid(&self) -> Result<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("a process id")
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

/// What `interline-server verify` has to say of a database and of files of receipts; whether all is good.
pub fn verify(data: &Path, receipts: &[PathBuf]) -> Result<(bool, String)> {
    verify_at("--data-dir".as_ref(), data.as_os_str(), receipts)
}

/// The same for a database in PostgreSQL.
pub fn verify_in_postgres(url: &str, receipts: &[PathBuf]) -> Result<(bool, String)> {
    verify_at("--database-url".as_ref(), url.as_ref(), receipts)
}

fn verify_at(option: &OsStr, place: &OsStr, receipts: &[PathBuf]) -> Result<(bool, String)> {
    let mut command = command()?;
    command.arg("verify").arg(option).arg(place);
    receipts.iter().for_each(|file| {
        command.arg("--receipts").arg(file);
    });
    let output = command.output()?;
    let said = String::from_utf8(output.stdout)?;
    match output.status.code() {
        Some(0) => Ok((true, said)),
        Some(1) => Ok((false, said)),
        other => bail!("nothing was verified: {other:?} {said}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// The command that starts the server's binary, without arguments.
pub fn command() -> Result<Command> {
    let mut command = Command::new(binary()?);
    command
        .env_remove("REDIS_URL")
        .env_remove("INTERLINE_DATABASE_URL")
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null());
    Ok(command)
}

fn spawn(
    data: &Path,
    port: u16,
    extra: &[String],
) -> Result<(Child, Receiver<String>, JoinHandle<Vec<String>>)> {
    let mut command = command()?;
    command.arg("--listen").arg(format!("127.0.0.1:{port}")).arg("--data-dir").arg(data).args(extra);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().context("a piped stdout")?;
    let stderr = child.stderr.take().context("a piped stderr")?;
    // For whoever looks at the test as well.
    let shown = |line: &String| eprintln!("{line}");
    let log = std::thread::spawn(move || {
        BufReader::new(stderr).lines().map_while(Result::ok).inspect(shown).collect()
    });
    let (send, receive) = mpsc::channel();
    // Reads to the end, so that the server never blocks on a full pipe.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(url) = line.strip_prefix("interline listening on ") {
                let _ = send.send(url.to_owned());
            }
        }
    });
    Ok((child, receive, log))
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&argument| argument.to_owned()).collect()
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// A port that nobody listens on.
fn free_port() -> Result<u16> {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(PORTS)).take(1_000).find(free).context("no port is free")
}

/// `INTERLINE_SERVER`, or the binary that was built beside the tests.
fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("INTERLINE_SERVER") {
        return Ok(path.into());
    }
    built("interline-server")
        .context("no server binary: run `cargo build -p interline-server` first, or set INTERLINE_SERVER")
}

/// A binary of this workspace that was built beside this one.
pub fn built(name: &str) -> Option<PathBuf> {
    let target = std::env::current_exe().ok()?;
    target.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file())
}
