//! Every decoder and hostile surface of core against inputs that once mattered, and against small changes to them.
//!
//! `INTERLINE_SEED` sets the mutator's seed, `INTERLINE_MUTATIONS` how many inputs it makes for each target. A
//! failure names the input; what it found is kept by putting that into `corpus`. For long campaigns with
//! coverage, the same targets run under libFuzzer: see `cargo-fuzz/Cargo.toml`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod mutate;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use fastrand::Rng;
use interline_fuzz::TARGETS;

/// How many inputs the mutator makes for each target.
const MUTATIONS: u64 = 3_000;
/// The longest that the mutator works on one target; a slow machine tries less.
const AT_MOST: Duration = Duration::from_millis(1_200);
/// The longest that one input may take, on a slow machine without optimisation.
const TOO_LONG: Duration = Duration::from_secs(5);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// The inputs that are kept for a target, by file name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus")).join(target);
    let files = fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut inputs: Vec<_> = files.map(|path| (name(&path), fs::read(&path).unwrap())).collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "the corpus of {target} is gone");
    inputs
}

/// Runs an input; says what went wrong.
fn failure(target: &str, data: &[u8]) -> Option<String> {
    let started = Instant::now();
    if catch_unwind(|| interline_fuzz::run(target, data)).is_err() {
        return Some("it panicked, as printed above".into());
    }
    let took = started.elapsed();
    (took > TOO_LONG).then(|| format!("it took {took:?}"))
}

#[test]
fn what_is_kept_holds() {
    let mut failures = Vec::new();
    for (name, _) in TARGETS {
        for (file, data) in corpus(name) {
            failures.extend(failure(name, &data).map(|why| format!("corpus/{name}/{file}: {why}")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn small_changes_hold() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let (given, mutations) = (number("INTERLINE_SEED"), number("INTERLINE_MUTATIONS"));
    let seed = given.unwrap_or(now.as_millis() as u64);
    // What is asked for is done to its end.
    let bounded = given.is_none() && mutations.is_none();
    let mutations = mutations.unwrap_or(MUTATIONS);
    println!("mutations from INTERLINE_SEED={seed}");
    for (name, _) in TARGETS {
        let inputs = corpus(name);
        let mut rng = Rng::with_seed(seed);
        let started = Instant::now();
        let mut tried = 0;
        while tried < mutations && !(bounded && started.elapsed() > AT_MOST) {
            let (_, one) = &inputs[rng.usize(..inputs.len())];
            let (_, other) = &inputs[rng.usize(..inputs.len())];
            let data = mutate::mutated(&mut rng, one, other);
            if let Some(why) = failure(name, &data) {
                let shown = data.escape_ascii();
                panic!("{name}, INTERLINE_SEED={seed}, input {tried}: {why}\nb\"{shown}\"");
            }
            tried += 1;
        }
        println!("{name}: {tried}");
    }
}

#[test]
fn every_target_has_a_campaign() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(directory.join("cargo-fuzz/Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "cargo-fuzz does not know {name}");
    }
    let kept = fs::read_dir(directory.join("corpus")).unwrap().count();
    assert_eq!(kept, TARGETS.len(), "a corpus of something that is no target");
}
