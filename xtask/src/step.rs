//! Giving commands: each is printed before it runs, as a line that can be pasted into a shell.

use std::ffi::OsStr;
use std::fmt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::project;

/// A command to be run in the project's root.
///
/// Cargo describes the package it runs, which is xtask, in variables. They are taken out: a build
/// script of a dependency that watches one of them would run, and rebuild half the workspace,
/// whenever a build through xtask and one by hand take turns.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(project::root());
    for (name, _) in std::env::vars_os() {
        let described = name.to_str().is_some_and(|name| {
            name == "CARGO" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if described {
            command.env_remove(&name);
        }
    }
    command
}

/// Prints a command and runs it, its output going where xtask's own goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    println!("$ {line}");
    let status = command.status().with_context(|| format!("could not start: {line}"))?;
    if status.success() { Ok(()) } else { Err(Failed { line, status }.into()) }
}

/// What a command prints when it succeeds, without showing it: for asking tools about themselves.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A command that ran and failed.
#[derive(Debug)]
pub(crate) struct Failed {
    /// To be pasted into a shell.
    line: String,
    status: ExitStatus,
}

impl Failed {
    /// For a command whose output was wanted.
    pub(crate) fn new(line: String, status: ExitStatus) -> Failed {
        Failed { line, status }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.line, self.status)
    }
}

impl std::error::Error for Failed {}

/// A command as a shell would take it, with the variables and the folder it is given.
pub(crate) fn line(command: &Command) -> String {
    let mut words = Vec::new();
    if let Some(folder) = command.get_current_dir()
        && folder != project::root()
    {
        // In brackets the shell is back where it was afterwards.
        words.push(format!("(cd {} &&", quote(folder.as_os_str())));
    }
    let envs = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    words.extend(envs.map(|(name, value)| format!("{}={}", name.to_string_lossy(), quote(value))));
    words.push(quote(command.get_program()));
    words.extend(command.get_args().map(quote));
    let line = words.join(" ");
    if line.starts_with('(') { line + ")" } else { line }
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Steps done one after another, with the time each took.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Done>,
}

struct Done {
    name: &'static str,
    took: Duration,
    /// Nothing if it failed.
    outcome: Option<Outcome>,
}

/// How a step that did not fail went.
pub(crate) enum Outcome {
    /// All of it was done.
    Passed,
    /// It was left out, or a part of it was, for this reason.
    Skipped(String),
}

impl Steps {
    /// Does one step under a heading. On failure says which it was, and how to repeat what failed.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<Outcome>) -> Result<()> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        match result {
            Ok(outcome) => {
                self.done.push(Done { name, took, outcome: Some(outcome) });
                Ok(())
            }
            Err(error) => {
                self.done.push(Done { name, took, outcome: None });
                self.print();
                let (why, line) = match error.downcast_ref::<Failed>() {
                    Some(failed) => (failed.status.to_string(), failed.line.as_str()),
                    None => (format!("{error:#}"), "cargo xtask test"),
                };
                println!("\nFAILED: {name}, after {:.1} s: {why}", took.as_secs_f64());
                println!("repeat it: {line}");
                Err(error)
            }
        }
    }

    /// The table of what was done.
    pub(crate) fn print(&self) {
        println!("\n== summary");
        for Done { name, took, outcome } in &self.done {
            let outcome = match outcome {
                Some(Outcome::Passed) => "passed".to_owned(),
                Some(Outcome::Skipped(reason)) => format!("skipped: {reason}"),
                None => "FAILED".to_owned(),
            };
            println!("  {name:<22} {:>7.1} s  {outcome}", took.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|done| done.took).sum();
        println!("  {:<22} {:>7.1} s", "together", total.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_a_shell_takes_it() {
        let mut cargo = command("cargo");
        cargo.args(["test", "--", "it's"]).env("REDIS_SERVER", "/opt/my redis");
        assert_eq!(line(&cargo), r"REDIS_SERVER='/opt/my redis' cargo test -- 'it'\''s'");
    }

    #[test]
    fn another_folder_is_part_of_the_line() {
        let mut node = command("node");
        node.arg("--test").current_dir("/tmp");
        assert_eq!(line(&node), "(cd /tmp && node --test)");
    }

    #[test]
    fn an_empty_word_stays_a_word() {
        assert_eq!(quote(OsStr::new("")), "''");
    }
}
