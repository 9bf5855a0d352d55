//! Simulated histories: new ones in each run, those that once failed, and proof that the checkers check.
//!
//! `INTERLINE_HISTORIES` sets how many new ones there are, `INTERLINE_SEED` the first seed. A failing one is cut
//! down by `cargo run --release -p interline-tests --bin simulate -- --seed SEED --histories 1 --shrink`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod checkers;

use std::time::SystemTime;

use interline_tests::simulation::{Check, Found, Plan, corpus, plan, run, search, shrink};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn new_histories_hold() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = number("INTERLINE_SEED").unwrap_or(now.as_millis() as u64);
    let histories = number("INTERLINE_HISTORIES").unwrap_or(2_000);
    println!("{histories} histories from INTERLINE_SEED={seed}");
    let Found { failure, .. } = search(seed, histories);
    if let Some((seed, failure)) = failure {
        panic!("replay with INTERLINE_SEED={seed} INTERLINE_HISTORIES=1: {failure}");
    }
}

#[test]
fn what_once_failed_holds() {
    let files = corpus::files(&corpus::directory()).unwrap();
    assert!(!files.is_empty(), "the corpus is gone");
    let failing = |file| {
        run(&corpus::read(file).unwrap()).err().map(|failure| format!("{}: {failure}", file.display()))
    };
    let failures: Vec<_> = files.iter().filter_map(|file| failing(file)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_history_is_the_same_each_time() {
    for seed in 0..40 {
        assert_eq!(plan(seed), plan(seed));
        assert_eq!(run(&plan(seed)).unwrap(), run(&plan(seed)).unwrap(), "seed {seed}");
    }
    assert_ne!(run(&plan(0)).unwrap().digest, run(&plan(1)).unwrap().digest);
}

#[test]
fn any_part_of_a_plan_is_a_plan() {
    let mut rng = fastrand::Rng::with_seed(1);
    for seed in 0..60 {
        let mut plan = plan(seed);
        plan.steps.retain(|_| rng.bool());
        run(&plan).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    }
}

#[test]
fn a_plan_survives_its_file() {
    let plan = plan(7);
    let json = corpus::to_json(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}

/// A store that looks at the log's head alone takes a batch again that was wholly rejected, for that moved no head.
#[test]
fn a_store_without_a_fence_is_found_out_and_cut_down() {
    let mut failing = corpus::read(&corpus::directory().join("rejected-twice.json")).unwrap();
    run(&failing).unwrap();
    failing.setup.fenced = false;
    let enough = failing.steps.len();
    failing.steps.extend(plan(3).steps);
    let failure = run(&failing).unwrap_err();
    assert_eq!(failure.check, Check::Refused, "{failure}");
    let short = shrink(&failing, failure.check);
    assert!(short.steps.len() <= enough, "only cut down to {} steps", short.steps.len());
    assert_eq!(run(&short).unwrap_err().check, failure.check);
}
