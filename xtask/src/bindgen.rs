//! Turns the compiled `.wasm` into the module and typings that the npm package wraps.
//!
//! It drives `wasm-bindgen` as a library: its command line program would have to be built
//! from source first, which takes ten times as long.

use std::path::PathBuf;

use anyhow::Result;
use wasm_bindgen_cli_support::Bindgen;

/// What to bind and where to put it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The module as rustc left it.
    #[arg(long)]
    input: PathBuf,
    /// Where the bindings go; made if missing.
    #[arg(long)]
    out_dir: PathBuf,
}

/// Writes `interline.js`, `interline.d.ts` and `interline_bg.wasm`.
pub(crate) fn generate(args: &Args) -> Result<()> {
    Bindgen::new()
        .input_path(&args.input)
        .out_name("interline")
        .web(true)?
        .typescript(true)
        .generate(&args.out_dir)
}
