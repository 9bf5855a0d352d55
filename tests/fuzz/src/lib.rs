//! Fuzz targets: every decoder and every hostile surface of core, each a plain function that takes any bytes and
//! panics where something does not hold.
//!
//! `cargo test` replays what is kept in `corpus` and small changes to it; `cargo-fuzz` runs campaigns with coverage.

#![allow(clippy::unwrap_used, reason = "a target that cannot go on fails")]

mod act;
mod catch_ups;
mod client_frames;
mod comment_histories;
mod device;
mod diffs;
mod disk;
mod hostile_client;
mod hostile_server;
mod log_entries;
mod made;
mod made_beside;
mod meddled_server;
mod meddling;
mod raw;
mod saved_replicas;
mod server_frames;
mod stored_records;
mod text_ops;
mod utf16;
mod words;

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All of them, by the name of their corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("catch_ups", catch_ups::target),
    ("client_frames", client_frames::target),
    ("comment_histories", comment_histories::target),
    ("diffs", diffs::target),
    ("hostile_client", hostile_client::target),
    ("hostile_server", hostile_server::target),
    ("log_entries", log_entries::target),
    ("meddled_server", meddled_server::target),
    ("saved_replicas", saved_replicas::target),
    ("server_frames", server_frames::target),
    ("stored_records", stored_records::target),
    ("text_ops", text_ops::target),
    ("utf16", utf16::target),
];

/// Runs one of them.
pub fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(target, _)| *target == name);
    let (_, target) = found.expect("there is a target of this name");
    target(data);
}
