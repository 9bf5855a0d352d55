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

use self::life::Life;
use crate::failure::{Check, Failure};

/// What a history leaves behind.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// The entries of the review, as they were appended.
    pub review: Vec<String>,
    /// Those of the log of drafts.
    pub drafts: Vec<String>,
    /// Entries of both that went when the store was set back.
    pub lost: usize,
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

/// Lives through the history of a seed, and checks it.
pub fn drafts(seed: u64) -> Result<Left, Failure> {
    let left = drafts_unchecked(seed)?;
    check(&left)?;
    Ok(left)
}

/// Lives through it, and says what it leaves behind, unchecked.
pub fn drafts_unchecked(seed: u64) -> Result<Left, Failure> {
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let mut life = Life::new(Rng::with_seed(seed))?;
        for step in 0..STEPS {
            life.step().map_err(|failure| Failure { step: Some(step), ..failure })?;
        }
        life.rest()
    }));
    lived.unwrap_or_else(|panic| Err(Failure::new(Check::Panic, message(&*panic))))
}

/// How long a history is.
const STEPS: usize = 240;

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}
