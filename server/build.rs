//! Makes cargo notice when the embedded demo or a migration has changed. Runs no tools: a missing demo is
//! not an error.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=migrations");
    // A path that does not exist counts as changed for ever: without a demo, watch for one to be made.
    for path in ["../demo/dist", "../demo"] {
        if Path::new(path).exists() {
            println!("cargo:rerun-if-changed={path}");
            break;
        }
    }
}
