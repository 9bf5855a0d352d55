//! Campaigns for one target.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| interline_fuzz::run("log_entries", data));
