//! Histories of private drafts: one person writes them on two devices and publishes them, alone and with decisions, in
//! a review in which another person writes as well. Two servers sequence the two logs over one store, which appends
//! both parts of a publication or neither; servers die before and after that, nobody hears of it, the store is set
//! back, connections break, devices die with what they had saved.
//!
//! It stands beside the histories of [`plan`](crate::plan()), which are of one log. Seeds choose the steps as they go; like
//! there, the simulator carries out what core orders and decides nothing, and [`check`] looks at the two logs alone.

mod check;
mod deeds;
mod life;
mod peer;
mod server;
mod shelf;

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use check::check;
use fastrand::Rng;
use serde::{Deserialize, Serialize};

use self::life::Life;
use crate::failure::{Check, Failure};
use crate::shrink;

/// What a history leaves behind.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// The entries of the review, as they were appended.
    pub review: Vec<String>,
    /// Those of the log of drafts.
    pub drafts: Vec<String>,
    /// How many answers, with their entries, went when the store was set back.
    pub lost: usize,
    /// The entries of the review that went by that.
    pub lost_review: Vec<String>,
    /// Under which client id drafts are published.
    pub publisher: String,
    /// What was to be published, where that was saved.
    pub publications: Vec<Publishing>,
    /// What was typed into drafts, where that was saved: one scalar of its own each time, and into which.
    pub typed: Vec<(char, String)>,
    /// The drafts that somebody removed.
    pub removed: BTreeSet<String>,
    /// What devices have set aside for their user, or had before that was made once more or carried over.
    pub aside: String,
    /// How much happened: steps that did something, and faults.
    pub deeds: usize,
    /// How many things broke.
    pub faults: usize,
}

/// A publication as somebody asked for it.
#[derive(Clone, Debug)]
pub struct Publishing {
    /// The note of its decision, unlike any other; none without a decision.
    pub note: Option<String>,
    /// The drafts.
    pub comments: Vec<String>,
}

/// A history, as the states of the random numbers that its steps begin with: they say everything that a step does, so
/// that any part of a history is one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// What it showed when it was kept.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The state in which people begin.
    pub people: u64,
    /// That of each step.
    pub steps: Vec<u64>,
    /// That in which everything comes to rest.
    pub rest: u64,
}

/// Lives through the history of a seed, and checks it.
pub fn drafts(seed: u64) -> Result<Left, Failure> {
    drawn(seed).1
}

/// The history of a seed as far as it went, and what came of it.
pub fn drawn(seed: u64) -> (Course, Result<Left, Failure>) {
    let mut course = Course { people: seed, ..Course::default() };
    let left = lived(seed, |number, rng| {
        course.rest = rng.get_seed();
        let more = number < STEPS;
        course.steps.extend(more.then_some(course.rest));
        more
    });
    (course, left)
}

/// Lives through a history once more, or through a part of it, and checks it.
pub fn follow(course: &Course) -> Result<Left, Failure> {
    lived(course.people, |number, rng| {
        let step = course.steps.get(number);
        rng.seed(*step.unwrap_or(&course.rest));
        step.is_some()
    })
}

/// Cuts a history down as far as it still `fails`.
pub fn cut_down(course: &Course, mut fails: impl FnMut(&Course) -> bool) -> Course {
    let (mut best, mut runs) = (course.clone(), 0);
    loop {
        let before = best.steps.len();
        shrink::drop_parts(&mut best.steps, |steps| {
            runs += 1;
            runs <= shrink::RUNS && fails(&Course { steps: steps.to_vec(), ..course.clone() })
        });
        if best.steps.len() == before || runs >= shrink::RUNS {
            return best;
        }
    }
}

/// Lives a life and checks it. Before each step `turn` hears its number, may change what is random in it, and says
/// whether there is one.
fn lived(people: u64, mut turn: impl FnMut(usize, &mut Rng) -> bool) -> Result<Left, Failure> {
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let mut life = Life::new(Rng::with_seed(people))?;
        let mut step = 0;
        while turn(step, &mut life.rng) {
            life.step().map_err(|failure| Failure { step: Some(step), ..failure })?;
            step += 1;
        }
        life.rest()
    }));
    let left = lived.unwrap_or_else(|panic| Err(Failure::new(Check::Panic, message(&*panic))))?;
    check(&left)?;
    Ok(left)
}

/// How long a history is.
const STEPS: usize = 240;

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}
