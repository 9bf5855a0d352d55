//! The tools that tasks need: which are there, and whether they will do.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::install;
use crate::step::{ask, command};
use crate::version::{self, Version, Wanted};
use crate::wasm::Toolchain;

/// A tool that does not come with cargo itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Need {
    /// `cargo fmt`.
    Rustfmt,
    /// `cargo clippy`.
    Clippy,
    /// A standard library for wasm, in some toolchain.
    WasmTarget,
    /// Builds the demo and runs the tests of what is written for the browser.
    Node,
    /// Installs what those depend on.
    Npm,
    /// Presence and fan-out between nodes are tested against a real one.
    Redis,
    /// The store is tested in a real one.
    Postgres,
    /// The browser in which the demo is tested.
    Chromium,
}

/// What it takes to make the demo.
pub(crate) const FOR_DEMO: [Need; 3] = [Need::WasmTarget, Need::Node, Need::Npm];

/// What became of looking for a tool.
#[derive(Debug)]
pub(crate) enum State {
    /// It is there and will do.
    Ready {
        /// As a reader is told.
        version: String,
        /// Where it is; empty for what cargo finds by itself.
        at: PathBuf,
    },
    /// It is there but is too old; the text says what it is and what is wanted.
    Unfit(String),
    /// It is not there, or does not answer.
    Missing,
}

impl Need {
    /// Its name in tables and messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rustfmt => "rustfmt",
            Self::Clippy => "clippy",
            Self::WasmTarget => "wasm target",
            Self::Node => "node",
            Self::Npm => "npm",
            Self::Redis => "redis-server",
            Self::Postgres => "postgres",
            Self::Chromium => "chromium",
        }
    }

    /// Looks for it. It is asked for its version, since a file by that name proves little: Ubuntu's
    /// `chromium-browser` only says that another package should be installed.
    pub(crate) fn look(self) -> State {
        let any = Wanted { fits: |_| true, words: "any" };
        match self {
            Self::Rustfmt => component("fmt"),
            Self::Clippy => component("clippy"),
            Self::WasmTarget => match Toolchain::find() {
                Some(Toolchain::Active) => ready("in the active toolchain"),
                Some(Toolchain::Named(name)) => ready(&format!("in +{}", name.to_string_lossy())),
                None => State::Missing,
            },
            Self::Node => first(on_path(&["node"]), &version::NODE),
            Self::Npm => first(on_path(&["npm"]), &version::NPM),
            Self::Redis => first(chosen("REDIS_SERVER").chain(on_path(&["redis-server"])), &version::REDIS),
            Self::Postgres => first(postgres_programs(), &version::POSTGRES),
            Self::Chromium => {
                let names = on_path(&["chromium", "chromium-browser", "google-chrome"]);
                let places = CHROMIUM_PLACES.iter().map(PathBuf::from);
                first(chosen("CHROMIUM").chain(names).chain(places), &any)
            }
        }
    }
}

/// Where PostgreSQL is installed without being on PATH, a folder for each release.
const POSTGRES_PLACES: [&str; 3] = ["/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt"];

/// The server's program in the folder that `PG_BIN` names, of the releases that are installed, newest first, and on
/// PATH.
fn postgres_programs() -> impl Iterator<Item = PathBuf> {
    let mut releases: Vec<(u32, PathBuf)> = Vec::new();
    for release in POSTGRES_PLACES.iter().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten() {
        // Homebrew calls them `postgresql@17`.
        let name = release.file_name().to_string_lossy().replace("postgresql@", "");
        if let Ok(number) = name.parse() {
            releases.push((number, release.path().join("bin/postgres")));
        }
    }
    releases.sort_by(|one, other| other.cmp(one));
    let chosen = chosen("PG_BIN").map(|folder| folder.join("postgres"));
    chosen.chain(releases.into_iter().map(|(_, program)| program)).chain(on_path(&["postgres"]))
}

/// Where Chromium is installed without being on PATH.
const CHROMIUM_PLACES: [&str; 6] = [
    "/usr/lib/chromium/chromium",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/opt/google/chrome/chrome",
    "/snap/bin/chromium",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

fn ready(version: &str) -> State {
    State::Ready { version: version.to_owned(), at: PathBuf::new() }
}

/// A subcommand that rustup adds to cargo.
fn component(name: &str) -> State {
    match ask(command("cargo").args([name, "--version"])).as_deref().and_then(Version::find) {
        Some(version) => ready(&version.to_string()),
        None => State::Missing,
    }
}

/// The tool that a variable names. The table shows which one was taken in the end.
fn chosen(variable: &str) -> impl Iterator<Item = PathBuf> {
    env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from).into_iter()
}

/// Every file by one of these names in the folders of PATH, the first name first.
fn on_path(names: &[&'static str]) -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).collect();
    let found: Vec<_> =
        names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).collect();
    found.into_iter()
}

/// The first that will do. Failing that, what is wrong with the first that answers: it is the one
/// that a shell would run.
fn first(places: impl Iterator<Item = PathBuf>, wanted: &Wanted) -> State {
    let mut unfit = None;
    for at in places.filter(|place| place.is_file()) {
        let Some(version) = asked_version(&at) else { continue };
        if (wanted.fits)(version) {
            return State::Ready { version: version.to_string(), at };
        }
        unfit.get_or_insert_with(|| format!("{version} at {}, wanted {}", at.display(), wanted.words));
    }
    unfit.map_or(State::Missing, State::Unfit)
}

fn asked_version(program: &Path) -> Option<Version> {
    ask(command(program).arg("--version")).as_deref().and_then(Version::find)
}

/// Tools and what became of looking for them.
pub(crate) struct Looked(pub(crate) Vec<(Need, State)>);

impl Looked {
    /// Looks for each.
    pub(crate) fn at(needs: &[Need]) -> Self {
        Self(needs.iter().map(|need| (*need, need.look())).collect())
    }

    /// One line for each.
    pub(crate) fn print(&self) {
        println!("== tools");
        for (need, state) in &self.0 {
            let name = need.name();
            let text = match state {
                State::Ready { version, at } => format!("{version:<12} {}", at.display()),
                State::Unfit(why) => format!("too old: {why}"),
                State::Missing => "missing".to_owned(),
            };
            println!("  {name:<14} {}", text.trim_end());
        }
    }

    /// Those that are not ready.
    pub(crate) fn lacking(&self) -> Vec<&(Need, State)> {
        self.0.iter().filter(|(_, state)| !matches!(state, State::Ready { .. })).collect()
    }

    /// The same in words: `node (18.20.4 at /usr/bin/node, wanted …), wasm target`.
    pub(crate) fn lacking_in_words(&self) -> String {
        let words = self.lacking().into_iter().map(|(need, state)| match state {
            State::Unfit(why) => format!("{} ({why})", need.name()),
            _ => need.name().to_owned(),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// Where a tool is that was found.
    pub(crate) fn path(&self, wanted: Need) -> Option<&Path> {
        self.0.iter().find_map(|(need, state)| match state {
            State::Ready { at, .. } if *need == wanted => Some(at.as_path()),
            _ => None,
        })
    }
}

/// Fails with the line to paste unless all of these are ready.
pub(crate) fn require(needs: &[Need]) -> Result<()> {
    let looked = look_and_add(needs);
    if looked.lacking().is_empty() {
        return Ok(());
    }
    bail!(install::complaint(&looked));
}

/// Looks for tools, and asks rustup for the target if that is one of them and missing: it costs
/// seconds and belongs to the user, not to the system.
pub(crate) fn look_and_add(needs: &[Need]) -> Looked {
    if needs.contains(&Need::WasmTarget) {
        Toolchain::find_or_add();
    }
    Looked::at(needs)
}
