//! A writer's process as a campaign handles it: started, told what to do, killed, and started again on its store.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::ledger::Record;
use crate::DEADLINE;

/// How long a process that ended of itself may take to be gone.
const LOOK: Duration = Duration::from_millis(3);

/// How long a process may take to say how it is.
const EXPLAIN: Duration = Duration::from_secs(2);

/// Where writers work, and how.
#[derive(Clone)]
pub struct Desk {
    /// The `writer` program.
    pub program: PathBuf,
    /// The server.
    pub url: String,
    /// The review's key.
    pub review: String,
    /// Where stores and ledgers are.
    pub folder: PathBuf,
    /// Whether writers ask for a connection again and again, as a browser does that is told it is online. Otherwise
    /// the client's own backoff says when.
    pub eager: bool,
    /// Whose clients all of them are, on one store. Otherwise each is a user, with a store of their own.
    pub user: Option<String>,
}

/// One writer.
pub struct Person {
    /// Who.
    pub name: String,
    desk: Desk,
    process: Option<Process>,
    starts: u64,
}

struct Process {
    child: Child,
    orders: ChildStdin,
    said: Receiver<String>,
    heard: Heard,
}

/// What a process has said so far.
#[derive(Default)]
struct Heard {
    /// Whether it was connected when it opened the review.
    opened: Option<bool>,
    acks: usize,
    done: bool,
    closed: bool,
    shown: Option<Value>,
    how: Option<String>,
}

impl Person {
    /// Somebody who has not come yet.
    pub fn new(name: &str, desk: Desk) -> Person {
        Person { name: name.to_owned(), desk, process: None, starts: 0 }
    }

    /// Whether there is a process.
    pub fn is_here(&self) -> bool {
        self.process.is_some()
    }

    /// The ledger's file.
    pub fn ledger(&self) -> PathBuf {
        self.desk.folder.join(format!("{}.ledger", self.name))
    }

    /// What the ledger says.
    pub fn record(&self) -> Result<Record> {
        Record::read(&self.ledger())
    }

    /// Starts the process on the store that the one before left.
    pub fn start(&mut self, seed: u64) -> Result<()> {
        ensure!(self.process.is_none(), "{} is here already", self.name);
        self.starts += 1;
        let mut command = Command::new(&self.desk.program);
        command.args([&self.desk.url, &self.desk.review, &self.name]);
        let user = self.desk.user.as_ref().unwrap_or(&self.name);
        command.arg(store(&self.desk.folder, user)).arg(self.ledger());
        command.arg((seed ^ self.starts).to_string());
        command.args(self.desk.eager.then_some("--eager")).args(["--user", user]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("a piped stdout")?;
        let orders = child.stdin.take().context("a piped stdin")?;
        let (send, said) = channel();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        self.process = Some(Process { child, orders, said, heard: Heard::default() });
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { bail!("{} is not here", self.name) };
        process.child.kill()?;
        process.child.wait()?;
        Ok(())
    }

    /// Has the client closed, which saves all that was typed, and the process end.
    pub async fn close(&mut self) -> Result<()> {
        self.order("close")?;
        self.hear("the client to close", |heard| heard.closed.then_some(())).await?;
        let Some(mut process) = self.process.take() else { return Ok(()) };
        ensure!(process.child.wait()?.success(), "{} did not end well", self.name);
        Ok(())
    }

    /// Waits until the review is open; says whether there was a connection.
    pub async fn opened(&mut self) -> Result<bool> {
        self.hear("the review to open", |heard| heard.opened).await
    }

    /// How often the process has said that more is durable.
    pub fn acks(&mut self) -> Result<usize> {
        self.listen()?;
        Ok(self.process.as_ref().map_or(0, |process| process.heard.acks))
    }

    /// Waits for more acknowledgements than there were.
    pub async fn acked_more_than(&mut self, acks: usize) -> Result<()> {
        self.hear("an acknowledgement", |heard| (heard.acks > acks).then_some(())).await
    }

    /// Has it stop typing, and waits until everything is durable.
    pub async fn finish(&mut self) -> Result<()> {
        self.order("stop")?;
        self.hear("everything to be durable", |heard| heard.done.then_some(())).await
    }

    /// What it shows, once it has a version and nothing pending: texts by comment.
    pub async fn shows(&mut self, version: u64) -> Result<Value> {
        self.order(&format!("show {version}"))?;
        self.hear("the texts", |heard| heard.shown.take()).await
    }

    fn order(&mut self, order: &str) -> Result<()> {
        let process = self.process.as_mut().with_context(|| format!("{} is not here", self.name))?;
        Ok(writeln!(process.orders, "{order}")?)
    }

    async fn hear<T>(&mut self, what: &str, mut probe: impl FnMut(&mut Heard) -> Option<T>) -> Result<T> {
        let end = Instant::now() + DEADLINE;
        loop {
            self.listen()?;
            let process = self.process.as_mut().with_context(|| format!("{} is not here", self.name))?;
            if let Some(found) = probe(&mut process.heard) {
                return Ok(found);
            }
            if Instant::now() > end {
                let how = self.explain().await;
                bail!("{} waited in vain for {what}: {how}", self.name);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How it says it is, for whoever reads of the failure. It may be beyond answering.
    async fn explain(&mut self) -> String {
        let end = Instant::now() + EXPLAIN;
        let mut asked = self.order("explain").and_then(|()| self.listen());
        while asked.is_ok() && Instant::now() < end {
            if let Some(how) = self.process.as_mut().and_then(|process| process.heard.how.take()) {
                return how;
            }
            tokio::time::sleep(LOOK).await;
            asked = self.listen();
        }
        format!("it does not say how it is ({asked:?})")
    }

    fn listen(&mut self) -> Result<()> {
        let Some(process) = &mut self.process else { return Ok(()) };
        // Asked first: what it said before it ended is heard below.
        let ended = process.child.try_wait()?;
        let heard = &mut process.heard;
        for line in process.said.try_iter() {
            match line.split_once(' ').unwrap_or((line.as_str(), "")) {
                ("open", how) => heard.opened = Some(how == "online"),
                ("acked", _) => heard.acks += 1,
                ("done", _) => heard.done = true,
                ("closed", _) => heard.closed = true,
                ("how", how) => heard.how = Some(how.to_owned()),
                ("shown", texts) => heard.shown = Some(serde_json::from_str(texts)?),
                _ => bail!("{} said {line}", self.name),
            }
        }
        match ended {
            Some(status) if !status.success() => bail!("{} ended by itself: {status}", self.name),
            _ => Ok(()),
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        if self.is_here() {
            let _ = self.kill();
        }
    }
}

fn store(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.store"))
}
