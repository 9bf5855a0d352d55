//! Simulated histories: new ones in each run, those that once failed, and proof that the checkers check.
//!
//! `INTERLINE_HISTORIES` sets how many new ones there are, `INTERLINE_SEED` the first seed. A failing one is cut
//! down by `cargo xtask simulate --seed SEED --histories 1 --shrink`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::time::SystemTime;

use interline_simulation::corpus::Kept;
use interline_simulation::{Found, Plan, Step, corpus, plan, remains, run, search, shrink};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn new_histories_hold() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = number("INTERLINE_SEED").unwrap_or(now.as_millis() as u64);
    let histories = number("INTERLINE_HISTORIES").unwrap_or(500);
    println!("{histories} histories from INTERLINE_SEED={seed}");
    let Found { failure, .. } = search(seed, histories, |_| {});
    if let Some((seed, failure)) = failure {
        panic!("replay with INTERLINE_SEED={seed} INTERLINE_HISTORIES=1: {failure}");
    }
}

#[test]
fn what_once_failed_holds() {
    let failures = corpus::failing(|plan: &Plan| run(plan).map(drop)).unwrap();
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
fn no_history_is_dull() {
    let mut kinds = BTreeSet::new();
    for seed in 0..300 {
        let plan = plan(seed);
        let trace = run(&plan).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        assert!(plan.setup.clients.len() >= 3, "seed {seed}");
        assert!(trace.changes >= 30 && trace.faults >= 2, "seed {seed}: {trace:?}");
        kinds.extend(plan.steps.iter().map(|step| {
            let step = serde_json::to_value(step).unwrap();
            let kind = step.as_str().map(str::to_owned);
            kind.unwrap_or_else(|| step.as_object().unwrap().keys().next().unwrap().clone())
        }));
    }
    let kinds: Vec<_> = kinds.iter().map(String::as_str).collect();
    // All that there are.
    let all = "again away back back_up break calm clock comment commit connect copy crash cut discard down echo edit flush \
               hear join kick land land_one node_clock patch_set remove reply resolve restart resync retry save_fails saved \
               set_back set_text snapshot split stale start status tail_check title trim undo up wait";
    assert_eq!(kinds, all.split_whitespace().collect::<Vec<_>>());
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
    let json = plan.to_json().unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}

/// Stands in for a check that is violated: a comment on a line that does not exist is rejected, and a server dies.
fn fails(plan: &Plan) -> bool {
    let evidence = remains(plan).unwrap();
    let rejected = evidence.answers.iter().any(|answered| answered.answer.contains("unknown_line"));
    rejected && plan.steps.iter().any(|step| matches!(step, Step::Crash { .. }))
}

#[test]
fn a_plan_is_cut_down_to_what_matters() {
    let long = (0..).map(plan).find(fails).unwrap();
    let short = shrink(&long, fails);
    assert!(fails(&short), "{short:?}");
    // The crash, the comment on a line that does not exist, and what makes it arrive at most.
    assert!(short.steps.len() <= 4, "{} steps: {:?}", short.steps.len(), short.steps);
    assert_eq!(shrink(&short, fails), short);
}
