//! The seed of a random test.

use anyhow::{Context, Result};

/// `INTERLINE_SEED`, or any; said on stderr either way.
pub fn seed() -> Result<u64> {
    let seed = match std::env::var("INTERLINE_SEED") {
        Ok(seed) => seed.parse().context("INTERLINE_SEED is a number")?,
        Err(_) => fastrand::u64(..),
    };
    eprintln!("INTERLINE_SEED={seed}");
    Ok(seed)
}
