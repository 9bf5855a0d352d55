//! Campaigns for one target.

#![no_main]
#![allow(clippy::unwrap_used, reason = "a target that cannot go on fails")]

#[path = "../../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::run("log_entries", data));
