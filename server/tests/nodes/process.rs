//! Server processes, for what a process reads of its surroundings or says to them.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::support::Running;

/// A server process, which ends with this.
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts one with a Redis, over a directory of its own; what it says of itself at the start is returned as well.
    pub(super) fn start(redis_url: &str, environment: &[(&str, &str)]) -> (Process, Running, String) {
        Process::start_with(&["--redis-url", redis_url], environment)
    }

    /// The same with arguments of one's choice, and no others but where to listen and to keep data.
    pub(super) fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> (Process, Running, String) {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("server.log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_interline-server"));
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(directory.path()).args(arguments);
        for name in ["INTERLINE_DATABASE_URL", "REDIS_URL", "RUST_LOG"] {
            command.env_remove(name);
        }
        command.envs(environment.iter().copied());
        let stderr = std::fs::File::create(&log).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let (mut reader, mut banner) = (BufReader::new(child.stdout.take().unwrap()), String::new());
        // It ends with an example of what to do first.
        while !banner.contains("git diff") {
            assert!(reader.read_line(&mut banner).unwrap() > 0, "{banner}");
        }
        let first = banner.lines().next().unwrap();
        let address = first.rsplit('/').next().unwrap().parse().expect(first);
        (Process { child, log }, Running::elsewhere(address, directory), banner)
    }

    /// What it has warned of so far.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut log = String::new();
        std::fs::File::open(&self.log).unwrap().read_to_string(&mut log).unwrap();
        log.lines().filter(|line| line.contains(" WARN ")).map(str::to_owned).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
