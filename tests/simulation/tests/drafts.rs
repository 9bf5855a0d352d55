//! Simulated histories of private drafts, and proof that their checker checks.
//!
//! `INTERLINE_HISTORIES` sets how many there are, `INTERLINE_SEED` the first seed; without it there are new ones in each run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::SystemTime;

use interline_simulation::Check;
use interline_simulation::corpus::{self, Kept};
use interline_simulation::drafts::{Course, Left, Publishing, check, cut_down, drafts, drawn, follow};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn histories_of_drafts_hold() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = number("INTERLINE_SEED").unwrap_or(now.as_millis() as u64);
    let histories = number("INTERLINE_HISTORIES").unwrap_or(300);
    println!("{histories} histories from INTERLINE_SEED={seed}");
    let (mut published, mut faults, mut lost) = (0, 0, 0);
    for seed in seed..seed + histories {
        let left = drafts(seed);
        let left = left
            .unwrap_or_else(|why| panic!("replay with INTERLINE_SEED={seed} INTERLINE_HISTORIES=1: {why}"));
        published += left.publications.len();
        faults += left.faults;
        lost += usize::from(left.lost > 0);
    }
    println!("{published} publications, {faults} faults, {lost} histories with a store that was set back");
}

#[test]
fn what_once_failed_holds() {
    let failures = corpus::failing(|course: &Course| follow(course).map(drop)).unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_history_can_be_followed_once_more_and_so_can_any_part_of_it() {
    let mut rng = fastrand::Rng::with_seed(1);
    for seed in 0..20 {
        let (course, left) = drawn(seed);
        let (left, again) = (left.unwrap(), follow(&course).unwrap());
        assert_eq!((&left.review, &left.drafts), (&again.review, &again.drafts), "seed {seed}");
        let mut part = course.clone();
        part.steps.retain(|_| rng.bool());
        follow(&part).unwrap_or_else(|failure| panic!("a part of seed {seed}: {failure}"));
        assert_eq!(serde_json::from_str::<Course>(&course.to_json().unwrap()).unwrap(), course);
    }
}

#[test]
fn a_history_is_cut_down_to_what_matters() {
    // Stands in for a check that is violated.
    let fails = |course: &Course| !follow(course).unwrap().publications.is_empty();
    let long = (0..).map(|seed| drawn(seed).0).find(fails).unwrap();
    let short = cut_down(&long, fails);
    assert!(fails(&short) && short.steps.len() <= 2, "{} steps", short.steps.len());
    assert_eq!(cut_down(&short, fails), short);
}

/// A history in which something was published without any part of the store being lost.
fn lived() -> Left {
    let good = |left: &Left| {
        let publishes = |entry: &&String| entry.contains(&left.publisher) && entry.contains("comment_added");
        left.lost == 0 && left.review.iter().filter(publishes).count() > 1
    };
    (0..).map(|seed| drafts(seed).unwrap()).find(good).unwrap()
}

fn publication(left: &Left) -> usize {
    let publishes = |entry: &String| entry.contains(&left.publisher) && entry.contains("comment_added");
    left.review.iter().position(publishes).unwrap()
}

#[track_caller]
fn fails(left: &Left, check_of: Check) {
    assert_eq!(check(left).unwrap_err().check, check_of);
}

#[test]
fn a_history_is_the_same_each_time_and_not_dull() {
    for seed in 0..20 {
        let (one, other) = (drafts(seed).unwrap(), drafts(seed).unwrap());
        assert_eq!((&one.review, &one.drafts), (&other.review, &other.drafts), "seed {seed}");
        assert!(
            one.deeds >= 20 && one.faults >= 2,
            "seed {seed}: {} deeds, {} faults",
            one.deeds,
            one.faults
        );
    }
}

#[test]
fn half_a_publication_is_caught() {
    let whole = lived();
    let at = publication(&whole);
    let half = |change: &dyn Fn(&mut Left)| {
        let mut left = whole.clone();
        change(&mut left);
        fails(&left, Check::Once);
    };
    // It is in the drafts and not in the review, the other way round, or it came twice.
    half(&|left| drop(left.review.remove(at)));
    half(&|left| left.drafts.retain(|entry| !entry.contains("drafts_published")));
    half(&|left| left.review.push(left.review[at].clone()));
}

#[test]
fn a_draft_that_everybody_sees_is_caught() {
    let mut left = lived();
    let at = publication(&left);
    // Somebody else's name is under it: it was no publication.
    left.review[at] = left.review[at].replace(&left.publisher, "00000000-0000-0000-0000-000000000104");
    fails(&left, Check::Intent);
}

#[test]
fn what_is_gone_without_a_word_is_caught() {
    let whole = lived();
    let mut left = whole.clone();
    left.publications.push(Publishing { note: Some("never said".into()), comments: Vec::new() });
    fails(&left, Check::Intent);
    let mut left = whole;
    left.typed.push(('龥', "a draft".into()));
    fails(&left, Check::Words);
}
