//! `cargo xtask test`: every check there is, the quick ones first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::faults;
use crate::install;
use crate::needs::{Looked, Need};
use crate::package;
use crate::project::{Profile, root, server_binary, server_build};
use crate::step::{Outcome, Steps, ask, command, run};
use crate::wasm::{self, Toolchain};

/// What to test.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out what needs these tools
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART,…")]
    without: Vec<Part>,
}

/// A part of the tests that can be left out by choice, for want of a tool.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
enum Part {
    /// The demo in Chromium
    Browser,
    /// The store on PostgreSQL
    Postgres,
    /// Presence and several nodes over Redis
    Redis,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }

    /// The tool that nothing else needs.
    fn need(self) -> Need {
        match self {
            Self::Browser => Need::Chromium,
            Self::Postgres => Need::Postgres,
            Self::Redis => Need::Redis,
        }
    }
}

/// What no part is without.
const ALWAYS: [Need; 5] = [Need::Rustfmt, Need::Clippy, Need::WasmTarget, Need::Node, Need::Npm];

/// The workspaces with unit tests, if they have any. The browser's tests come apart from them: they
/// need Chromium and a server.
const UNIT_TESTED: [&str; 2] = ["sdk/js/npm", "demo"];

/// The browser's tests, a workspace of their own.
const BROWSER_TESTS: &str = "tests/browser";

/// Does every check in turn, up to the first that fails.
pub(crate) fn test(args: &Args) -> Result<ExitCode> {
    let mut without = args.without.clone();
    without.sort();
    without.dedup();

    let mut needs = ALWAYS.to_vec();
    let parts = Part::value_variants().iter().filter(|part| !without.contains(part));
    needs.extend(parts.map(|part| part.need()));
    let looked = Looked::at(&needs);
    looked.print();
    let tools = install::complete(looked)?;

    let mut steps = Steps::default();
    let session = Session { tools, without };
    let result = session.check(&mut steps);
    if result.is_ok() {
        steps.print();
    }
    if !session.without.is_empty() {
        println!("left out by --without: {}", session.left_out());
    }
    // The step that failed has said so.
    Ok(if result.is_ok() {
        println!("all passed");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What all steps know.
struct Session {
    tools: Looked,
    without: Vec<Part>,
}

impl Session {
    fn check(&self, steps: &mut Steps) -> Result<()> {
        steps.step("format", || passed(run(command("cargo").args(["fmt", "--all", "--check"]))))?;
        steps.step("lints", || {
            let mut clippy = command("cargo");
            clippy.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
            passed(run(&mut clippy))
        })?;
        steps.step("dependencies", dependencies)?;
        steps.step("wasm", wasm)?;
        steps.step("npm packages", || passed(package::dependencies()))?;
        steps.step("demo", || {
            // Bindings and the npm package come first: the others are checked against their types.
            package::bindings(&wasm::compile()?)?;
            package::npm_package()?;
            run(command("npm").args(["run", "typecheck", "--workspaces", "--if-present"]))?;
            passed(package::demo_page())
        })?;
        // After the demo, which the server embeds.
        steps.step("server", || passed(run(&mut server_build(Profile::Dev))))?;
        steps.step("tests in Rust", || passed(run(&mut self.rust_tests())))?;
        // What overflows, wraps or loops may do so in one profile alone.
        steps.step("laws of text in release", || {
            let laws = ["test", "--release", "--package", "interline-core", "text::"];
            passed(run(command("cargo").args(laws)))
        })?;
        steps.step("tests in Node", || {
            let mut npm = command("npm");
            npm.args(["test", "--if-present"]);
            for workspace in UNIT_TESTED {
                npm.args(["--workspace", workspace]);
            }
            passed(run(&mut npm))
        })?;
        steps.step("tests in the browser", || self.browser_tests())?;
        // The longest: some forty times core and the simulator are compiled and run.
        steps.step("seeded faults", || passed(faults::faults(&faults::Args::default())))
    }

    /// The tests start servers, PostgreSQL and Redis themselves: they kill them, too.
    fn rust_tests(&self) -> Command {
        let mut cargo = command("cargo");
        cargo.args(["test", "--workspace"]).env("INTERLINE_SERVER", server_binary(Profile::Dev));
        match self.tools.path(Need::Redis) {
            Some(redis) => cargo.env("REDIS_SERVER", redis),
            None => cargo.env_remove("REDIS_SERVER"),
        };
        match self.tools.path(Need::Postgres).and_then(Path::parent) {
            Some(folder) => cargo.env("PG_BIN", folder),
            None => cargo.env_remove("PG_BIN"),
        };
        if !self.without.is_empty() {
            cargo.env("INTERLINE_WITHOUT", self.left_out());
        }
        cargo
    }

    fn browser_tests(&self) -> Result<Outcome> {
        if self.without.contains(&Part::Browser) {
            return Ok(Outcome::Skipped("left out by --without".to_owned()));
        }
        let chromium = self.tools.path(Need::Chromium).context("Chromium was not looked for")?;
        let folder = root().join(BROWSER_TESTS);
        let files = test_files(&folder)?;
        if files.is_empty() {
            bail!("there are no tests in {BROWSER_TESTS}");
        }
        let stores = package::store_tests()?;
        let mut node = command("node");
        // TAP whatever the release of Node and wherever it prints to, so that the counts at the end
        // (`# tests`, `# pass`) always read the same.
        node.args(["--test", "--test-reporter=tap"]).args(files).current_dir(folder);
        node.env("CHROMIUM", chromium).env("INTERLINE_SERVER", server_binary(Profile::Dev));
        node.env("INTERLINE_STORES", stores);
        passed(run(&mut node))
    }

    fn left_out(&self) -> String {
        self.without.iter().map(|part| part.name()).collect::<Vec<_>>().join(",")
    }
}

fn passed(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

/// Licences, advisories and sources, where there is a tool to check them.
fn dependencies() -> Result<Outcome> {
    if ask(command("cargo").args(["deny", "--version"])).is_none() {
        println!("cargo-deny not installed: skipped");
        return Ok(Outcome::Skipped("cargo-deny not installed".to_owned()));
    }
    passed(run(command("cargo").args(["deny", "check"])))
}

/// Core and the SDK as the browser gets them.
fn wasm() -> Result<Outcome> {
    let toolchain = Toolchain::find().context("the wasm target is gone")?;
    let core = ["build", "--package", "interline-core", "--target", wasm::TARGET];
    run(toolchain.command("cargo").args(core))?;
    wasm::compile()?;
    // Debian's compiler comes without lints.
    let Toolchain::Active = toolchain else {
        return Ok(Outcome::Skipped("the lints, as the active toolchain lacks the target".to_owned()));
    };
    let packages = ["--package", "interline-js", "--package", "interline-browser-stores"];
    let lints = ["--target", wasm::TARGET, "--", "-D", "warnings"];
    passed(run(command("cargo").arg("clippy").args(packages).args(lints)))
}

/// The names of a folder's tests, sorted: no shell is there to expand `*.test.mjs`.
fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let name = entry.with_context(|| format!("could not list {}", folder.display()))?.file_name();
        if name.to_string_lossy().ends_with(".test.mjs") {
            files.push(PathBuf::from(name));
        }
    }
    files.sort();
    Ok(files)
}
