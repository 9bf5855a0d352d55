//! A process that does not outlive the one that started it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::DEADLINE;

/// Says its process's id, waits until standard input ends, which it does with whoever holds the other end, and ends
/// the process: first by asking, by the signal in `$0`, then by force.
const SCRIPT: &str = r#"
signal=$0
"$@" </dev/null &
child=$!
echo $child
read -r _
kill -s "$signal" $child 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 $child 2>/dev/null || exit 0
    sleep 0.1
done
kill -s KILL $child 2>/dev/null
"#;

/// A process on a leash.
#[derive(Debug)]
pub(crate) struct Leashed {
    shell: Child,
    pid: u32,
}

impl Leashed {
    /// Starts one; `signal` is how it is asked to end. `prepare` may change the command, as to run as another user.
    pub(crate) fn start(
        signal: &str,
        arguments: &[String],
        prepare: impl FnOnce(&mut Command),
    ) -> Result<Leashed> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, signal]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).current_dir("/");
        prepare(&mut command);
        let mut shell = command.spawn().with_context(|| format!("cannot start {arguments:?}"))?;
        let mut line = String::new();
        BufReader::new(shell.stdout.take().context("a piped stdout")?).read_line(&mut line)?;
        let pid = line.trim().parse().with_context(|| format!("the id of {arguments:?}: {line:?}"))?;
        Ok(Leashed { shell, pid })
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it is still there.
    pub(crate) fn lives(&self) -> bool {
        // A child of the shell that has ended and that nobody waited for is still there, as a zombie.
        let status = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        match status.rsplit_once(')') {
            Some((_, rest)) => !rest.trim_start().starts_with(['Z', 'X']),
            // No such file system: ask.
            None => !std::path::Path::new("/proc/self").exists() && self.signal("0").is_ok(),
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        let status = Command::new("kill")
            .args(["-s", signal, &self.pid.to_string()])
            .stderr(Stdio::null())
            .status()?;
        if status.success() { Ok(()) } else { bail!("process {} is gone", self.pid) }
    }

    /// Waits until it has ended.
    pub(crate) fn gone(&self) -> Result<()> {
        let end = Instant::now() + DEADLINE;
        while self.lives() {
            if Instant::now() > end {
                bail!("process {} does not end", self.pid);
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        // The end of its input; then it sees to the rest.
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
