//! What the browser loads: bindings for the compiled SDK, the npm package around them, the demo.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::fresh::Stamp;
use crate::project::{root, target_dir};
use crate::step::{command, run};
use crate::wasm;

/// What rustc takes for granted of every browser, and the optimizer has to be told.
const WASM_FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Makes the demo and everything below it.
pub(crate) fn demo() -> Result<()> {
    dependencies()?;
    bindings(&wasm::compile()?)?;
    npm_package()?;
    demo_page()
}

/// Installs what the npm workspaces depend on, if the lock file has changed since.
pub(crate) fn dependencies() -> Result<()> {
    let changed = |path: &str| fs::metadata(root().join(path)).and_then(|about| about.modified()).ok();
    let locked = changed("package-lock.json");
    let installed = changed("node_modules/.package-lock.json");
    if locked.is_some() && installed >= locked {
        println!("npm: installed packages are those of package-lock.json");
        return Ok(());
    }
    let way = if locked.is_some() { "ci" } else { "install" };
    run(command("npm").args([way, "--no-audit", "--no-fund"]))
}

/// Makes the JavaScript module and its typings, and then the module of wasm smaller.
pub(crate) fn bindings(module: &Path) -> Result<()> {
    let folder = root().join("sdk/js/npm/wasm");
    let optimizer = root().join("node_modules/.bin/wasm-opt");
    let optimized = optimizer.exists();
    let recipe = format!("optimized: {optimized}, {WASM_FEATURES:?}");
    let outputs = ["interline.js", "interline.d.ts", "interline_bg.wasm"].map(|name| folder.join(name));
    let inputs = [module.to_path_buf(), root().join("xtask/src/bindgen.rs")];
    let stamp = Stamp::of("bindings", &recipe, &inputs, &outputs)?;
    if stamp.holds() {
        println!("bindings: unchanged");
        return Ok(());
    }

    bind(module, &folder)?;
    if optimized {
        let bound = folder.join("interline_bg.wasm");
        // Not in place: a run cut short must not leave half a module.
        let smaller = folder.join("interline_bg.wasm.part");
        run(command(optimizer).arg("-Os").args(WASM_FEATURES).arg(&bound).arg("-o").arg(&smaller))?;
        let (before, after) = (size(&bound)?, size(&smaller)?);
        fs::rename(&smaller, &bound).with_context(|| format!("could not replace {}", bound.display()))?;
        println!("wasm-opt: {} KiB, from {}", after / 1024, before / 1024);
    } else {
        println!("wasm-opt is not installed: the module stays as large as rustc made it");
    }
    stamp.set()
}

/// Makes the JavaScript module of the tests of stores; says in which folder.
pub(crate) fn store_tests() -> Result<PathBuf> {
    let module = wasm::compile_store_tests()?;
    let folder = target_dir().join("browser-stores");
    let outputs = ["interline.js", "interline_bg.wasm"].map(|name| folder.join(name));
    let inputs = [module.clone(), root().join("xtask/src/bindgen.rs")];
    let stamp = Stamp::of("browser-stores", "", &inputs, &outputs)?;
    if !stamp.holds() {
        bind(&module, &folder)?;
        stamp.set()?;
    }
    Ok(folder)
}

/// Has the bindings of a module made.
fn bind(module: &Path, folder: &Path) -> Result<()> {
    // It runs once and for less than a second: optimizing it, as the workspace does with what its tests
    // use, would take a minute more than it saves.
    let quick = r#"profile.dev.package."*".opt-level=0"#;
    run(command("cargo")
        .args(["run", "--quiet", "--package", "xtask", "--features", "bindgen", "--config", quick])
        .args(["--", "bindgen"])
        .arg("--input")
        .arg(module)
        .arg("--out-dir")
        .arg(folder))
}

fn size(file: &Path) -> Result<u64> {
    let about = fs::metadata(file).with_context(|| format!("there is no {}", file.display()))?;
    Ok(about.len())
}

/// Compiles the TypeScript of the npm package.
pub(crate) fn npm_package() -> Result<()> {
    npm_build("interline", "sdk/js/npm", &[])
}

/// Builds the demo, which the server embeds.
pub(crate) fn demo_page() -> Result<()> {
    npm_build("demo", "demo", &["sdk/js/npm"])
}

/// Builds one workspace into its `dist`, if anything in it or in what it uses has changed.
fn npm_build(name: &str, folder: &str, uses: &[&str]) -> Result<()> {
    let mut inputs = settings()?;
    inputs.extend([folder].iter().chain(uses).map(|folder| root().join(folder)));
    let stamp = Stamp::of(name, "", &inputs, &[root().join(folder).join("dist")])?;
    if stamp.holds() {
        println!("{folder}: unchanged");
        return Ok(());
    }
    run(command("npm").args(["run", "build", "--workspace", folder]))?;
    stamp.set()
}

/// The root's `.json` files: the lock file, and settings that the workspaces share.
fn settings() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(root()).context("could not list the project's root")?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.context("could not list the project's root")?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
