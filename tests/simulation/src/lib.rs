//! The simulator: real replicas and real sequencers of several servers over one store, in one thread, under a
//! network and a store that do whatever real ones do. Every choice is in a [`Plan`], so a history is the same
//! each time it runs, and one that fails can be cut down to the steps that matter.
//!
//! - [`plan()`] draws a plan from a seed, [`run()`] lives through it, [`shrink()`] cuts it down, [`corpus`] keeps it.
//! - `world` says what each step does; `act` is what people do, `local` what a client does by itself, `wire` what
//!   happens between clients and servers, `serve` what servers do, `rest` how it all ends.
//! - [`drafts`] are histories of two logs at once, with a small world of their own.
//! - `screen` is checked after every step; [`check`] looks at what is left at the end, the [`Evidence`].
//!
//! The simulator carries out what core orders, as the SDK and the server do. It decides nothing itself.

mod act;
mod again;
pub mod check;
mod client;
pub mod corpus;
mod decide;
mod disk;
pub mod drafts;
mod evidence;
mod failure;
mod generate;
mod ink;
mod join;
mod ledger;
mod local;
mod mishap;
mod network;
mod node;
mod patch_sets;
mod plan;
mod rest;
mod resync;
mod screen;
mod search;
mod serve;
mod shrink;
mod store;
mod text;
mod trace;
mod wire;
mod world;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use evidence::{Answered, Evidence, Had, Logged, Place, Seen};
pub use failure::{Check, Failure};
pub use generate::{MIN_CHANGES, MIN_CLIENTS, MIN_FAULTS, plan};
pub use ledger::{Deed, Intent};
pub use plan::{ClientSetup, Damage, Fate, Form, Landing, Piece, Plan, Setup, Step};
pub use search::{Found, search, search_drafts};
pub use shrink::shrink;
pub use trace::Trace;
use world::World;

/// Lives through a plan, and checks everything.
pub fn run(plan: &Plan) -> Result<Trace, Failure> {
    live(plan, false).1.and_then(|(trace, evidence)| check::all(&evidence).map(|()| trace))
}

/// Lives through a plan and says what it left behind, unchecked.
pub fn remains(plan: &Plan) -> Result<Evidence, Failure> {
    live(plan, false).1.map(|(_, evidence)| evidence)
}

/// Lives through a plan and tells everything that happened, also where it fails.
pub fn tell(plan: &Plan) -> (Vec<String>, Result<(), Failure>) {
    let (lines, result) = live(plan, true);
    (lines, result.and_then(|(_, evidence)| check::all(&evidence)))
}

type Life = Result<(Trace, Evidence), Failure>;

fn live(plan: &Plan, verbose: bool) -> (Vec<String>, Life) {
    if plan.setup.clients.is_empty() {
        return (Vec::new(), Err(Failure::new(Check::Rest, "a plan needs somebody")));
    }
    let mut world = match World::new(&plan.setup, verbose) {
        Ok(world) => world,
        Err(failure) => return (Vec::new(), Err(failure)),
    };
    let mut at = None;
    // Core panics where its own assertions fail.
    let lived = catch_unwind(AssertUnwindSafe(|| {
        for (number, step) in plan.steps.iter().enumerate() {
            at = Some(number);
            world.step(step)?;
        }
        at = None;
        world.rest()
    }));
    let lived = lived.unwrap_or_else(|panic| Err(Failure::new(Check::Panic, message(&*panic))));
    match lived {
        Err(failure) => (world.record.lines(), Err(Failure { step: at, ..failure })),
        Ok(()) => {
            let evidence = Evidence::of(&world);
            let lines = world.record.lines();
            (lines, Ok((world.record.finish(evidence.log.len()), evidence)))
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}
