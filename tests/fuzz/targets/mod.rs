//! What is fuzzed: one function per decoder or hostile surface of core. Each takes any bytes, and panics where
//! something does not hold.

mod client_frames;
mod device;
mod diffs;
mod hostile_client;
mod log_entries;
mod made;
mod raw;
mod saved_replicas;
mod server_frames;
mod text_ops;
mod utf16;

/// A function that takes any bytes.
pub(crate) type Target = fn(&[u8]);

/// All of them, by the name of their corpus.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("client_frames", client_frames::target),
    ("diffs", diffs::target),
    ("hostile_client", hostile_client::target),
    ("log_entries", log_entries::target),
    ("saved_replicas", saved_replicas::target),
    ("server_frames", server_frames::target),
    ("text_ops", text_ops::target),
    ("utf16", utf16::target),
];

/// Runs one of them.
pub(crate) fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(target, _)| *target == name);
    let (_, target) = found.expect("there is a target of this name");
    target(data);
}
