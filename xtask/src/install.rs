//! Getting the tools that are missing: by itself as root on Debian, where a CI machine is set up;
//! elsewhere as one line to paste, for nobody wants a build to change their system.

use std::fs;
use std::process::Command;

use anyhow::{Result, bail};

use crate::needs::{Looked, Need, State};
use crate::step::{ask, command, line, run};
use crate::version::{self, Version};
use crate::wasm;

/// How packages are installed here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum System {
    Debian { root: bool },
    Mac,
    Other,
}

impl System {
    fn here() -> Self {
        if cfg!(target_os = "macos") {
            return Self::Mac;
        }
        // Debian itself and what derives from it.
        if !fs::exists("/etc/debian_version").unwrap_or(false) {
            return Self::Other;
        }
        Self::Debian { root: ask(command("id").arg("-u")).as_deref() == Some("0") }
    }
}

/// Installs what is missing if this is a machine to do that on, and looks again.
pub(crate) fn complete(looked: Looked) -> Result<Looked> {
    let needs: Vec<Need> = looked.0.iter().map(|(need, _)| *need).collect();
    let mut looked = looked;
    // Twice, for what a distribution calls Node may turn out too old only once it is installed.
    for _ in 0..2 {
        if looked.lacking().is_empty() || System::here() != (System::Debian { root: true }) {
            break;
        }
        println!("\n== install");
        for (need, _) in looked.lacking() {
            if *need == Need::WasmTarget {
                wasm_target()?;
            }
        }
        for step in &mut commands(&looked.lacking(), System::here()) {
            // A package's questions would wait for an answer that nobody gives.
            run(step.env("DEBIAN_FRONTEND", "noninteractive"))?;
        }
        looked = Looked::at(&needs);
        looked.print();
    }
    if looked.lacking().is_empty() {
        return Ok(looked);
    }
    bail!(complaint(&looked));
}

/// What is missing, and the line that gets it.
pub(crate) fn complaint(looked: &Looked) -> String {
    format!("missing: {}\nto get it: {}", looked.lacking_in_words(), remedy(&looked.lacking()))
}

/// Rustup's own first; where its server is out of reach, one from Debian's packages.
fn wasm_target() -> Result<()> {
    if wasm::Toolchain::find_or_add().is_none() {
        println!("rustup cannot add the target here: making a toolchain from Debian's packages");
        run(&mut wasm::make_toolchain_command())?;
    }
    Ok(())
}

/// One line that gets what is missing, to be pasted into a shell.
fn remedy(lacking: &[&(Need, State)]) -> String {
    let system = System::here();
    let mut lines = Vec::new();
    if lacking.iter().any(|(need, _)| *need == Need::WasmTarget) {
        lines.push(line(&wasm::add_target_command()));
    }
    let sudo = if system == (System::Debian { root: false }) { "sudo " } else { "" };
    lines.extend(commands(lacking, system).iter().map(|step| {
        let step = line(step);
        // Rustup keeps to the user's home.
        if step.starts_with("rustup") { step } else { format!("{sudo}{step}") }
    }));
    let by_hand: Vec<_> = match system {
        System::Other => lacking.iter().map(|(need, _)| *need).filter(|need| packaged(*need)).collect(),
        System::Debian { .. } | System::Mac => Vec::new(),
    };
    if !by_hand.is_empty() {
        let names: Vec<_> = by_hand.iter().map(|need| need.name()).collect();
        // A comment keeps the line one that a shell takes.
        lines.push(format!(": # and with this system's package manager: {}", names.join(", ")));
    }
    lines.join(" && ")
}

/// Says whether a distribution's package has it, and not rustup.
fn packaged(need: Need) -> bool {
    match need {
        Need::Rustfmt | Need::Clippy | Need::WasmTarget => false,
        Need::Node | Need::Npm | Need::Redis | Need::Postgres | Need::Chromium => true,
    }
}

/// The commands that install what is missing, but for the wasm target.
fn commands(lacking: &[&(Need, State)], system: System) -> Vec<Command> {
    let mut steps = Vec::new();
    let components = lacking.iter().filter_map(|(need, _)| match need {
        Need::Rustfmt => Some("rustfmt"),
        Need::Clippy => Some("clippy"),
        _ => None,
    });
    let components: Vec<_> = components.collect();
    if !components.is_empty() {
        let mut rustup = command("rustup");
        rustup.args(["component", "add"]).args(components);
        steps.push(rustup);
    }
    match system {
        System::Debian { .. } => steps.extend(apt(lacking)),
        System::Mac => steps.extend(brew(lacking)),
        System::Other => {}
    }
    steps
}

fn apt(lacking: &[&(Need, State)]) -> Vec<Command> {
    let mut steps = Vec::new();
    let mut newer_node = false;
    let mut packages = Vec::new();
    for (need, state) in lacking {
        match (need, state) {
            // What is installed is what the distribution has, or it was put there by hand.
            (Need::Node, State::Unfit(_)) => newer_node = true,
            (Need::Node, _) => {
                packages.push("nodejs");
                newer_node |= debian_node().is_some_and(|version| !(version::NODE.fits)(version));
            }
            (Need::Npm, _) => packages.push("npm"),
            (Need::Redis, _) => packages.push("redis-server"),
            (Need::Postgres, _) => packages.push("postgresql"),
            (Need::Chromium, _) => packages.push("chromium"),
            (Need::Rustfmt | Need::Clippy | Need::WasmTarget, _) => {}
        }
    }
    if !packages.is_empty() {
        let mut update = command("apt-get");
        update.arg("update");
        let mut install = command("apt-get");
        install.args(["install", "-y", "--no-install-recommends"]).args(packages);
        steps.extend([update, install]);
    }
    if newer_node {
        // npm carries Node, too; it goes to /usr/local, before the distribution's on PATH.
        let mut npm = command("npm");
        npm.args(["install", "--global", "node@22"]);
        steps.push(npm);
    }
    steps
}

/// The release of Node that Debian would install, if it is known.
fn debian_node() -> Option<Version> {
    let policy = ask(command("apt-cache").args(["policy", "nodejs"]))?;
    let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate:"))?;
    // An epoch may stand before the version.
    Version::find(candidate.rsplit(':').next()?)
}

fn brew(lacking: &[&(Need, State)]) -> Vec<Command> {
    let mut packages = Vec::new();
    let mut browser = false;
    for (need, _) in lacking {
        match need {
            Need::Node | Need::Npm => packages.push("node"),
            Need::Redis => packages.push("redis"),
            Need::Postgres => packages.push("postgresql@17"),
            Need::Chromium => browser = true,
            Need::Rustfmt | Need::Clippy | Need::WasmTarget => {}
        }
    }
    packages.dedup();
    let mut steps = Vec::new();
    if !packages.is_empty() {
        let mut install = command("brew");
        install.arg("install").args(packages);
        steps.push(install);
    }
    if browser {
        let mut install = command("brew");
        install.args(["install", "--cask", "google-chrome"]);
        steps.push(install);
    }
    steps
}
