//! A Redis.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::leash::Leashed;
use crate::{DEADLINE, free_port, left_out};

/// A Redis of the test's own, which keeps nothing on the disk.
#[derive(Debug)]
pub struct Redis {
    process: Option<Leashed>,
    port: u16,
    folder: TempDir,
}

impl Redis {
    /// Starts one; nothing where the tests do without.
    pub fn start() -> Result<Option<Redis>> {
        if left_out("redis") {
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("interline-redis-").tempdir()?;
        let mut redis = Redis { process: None, port: free_port()?, folder };
        redis.restart()?;
        Ok(Some(redis))
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it answers to a command of words without spaces: a number or a word, or text.
    pub fn ask(&self, command: &str) -> Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = BufReader::new(stream);
        let mut line = String::new();
        answer.read_line(&mut line)?;
        match line.trim_end().split_at_checked(1) {
            Some((":" | "+", value)) => Ok(value.to_owned()),
            Some(("$", length)) => {
                let mut body = vec![0; length.parse()?];
                answer.read_exact(&mut body)?;
                Ok(String::from_utf8(body)?)
            }
            _ => bail!("{command}: {line}"),
        }
    }

    /// Kills it: everything that was in it is gone.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(process) = self.process.take() {
            process.signal("KILL")?;
            process.gone()?;
        }
        Ok(())
    }

    /// Starts it again on the same port, empty.
    pub fn restart(&mut self) -> Result<()> {
        let program = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let (port, folder) = (self.port.to_string(), self.folder.path().display().to_string());
        let arguments = [
            program.as_str(),
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            &folder,
            "--logfile",
            "redis.log",
        ];
        self.process = None;
        let process = Leashed::start("TERM", &arguments.map(str::to_owned), |_| {})?;
        let end = Instant::now() + DEADLINE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            ensure!(process.lives() && Instant::now() < end, "{program} does not start");
            std::thread::park_timeout(Duration::from_millis(10));
        }
        self.process = Some(process);
        Ok(())
    }

    /// Takes the folder away that it would save into: it cannot save until it is started again.
    fn lose_folder(&self) -> Result<()> {
        std::fs::remove_dir_all(self.folder.path())?;
        // For the next process; this one is in a folder that is gone.
        Ok(std::fs::create_dir(self.folder.path())?)
    }

    /// Has it refuse writes because it cannot save, as it does by itself unless it is told otherwise (`MISCONF`).
    pub fn fail_to_save(&self) -> Result<()> {
        self.lose_folder()?;
        self.ask("CONFIG SET stop-writes-on-bgsave-error yes")?;
        self.ask("CONFIG SET save \"3600 1\"")?;
        self.ask("BGSAVE")?;
        let end = Instant::now() + DEADLINE;
        while !self.ask("INFO persistence")?.contains("rdb_last_bgsave_status:err") {
            ensure!(Instant::now() < end, "it can save");
            std::thread::park_timeout(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Has it save no more, which makes it well again.
    pub fn save_nothing(&self) -> Result<()> {
        self.ask("CONFIG SET save \"\"").map(drop)
    }

    /// The process's id, while there is one.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.process.as_ref().context("it runs")?.pid())
    }
}
