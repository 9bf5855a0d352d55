//! Checkers: what must hold at the end of every history. They work on stored bytes and JSON alone, and share
//! no code with what they check.

mod beside;
mod chain;
mod converged;
mod fold;
mod guided;
mod held;
mod intents;
mod once;
mod order;
mod past;
mod placed;
mod standers;
mod tags;
mod threads;
mod undone;
mod words;

use serde_json::Value;

use fold::Folded;

use super::evidence::Evidence;
use super::failure::{Check, Failure};

/// A checker: what it watches over, and how.
type Checker = (Check, fn(&Evidence, &Folded) -> Result<(), String>);

const ALL: &[Checker] = &[
    (Check::Converged, converged::check),
    (Check::Converged, threads::check),
    (Check::Durable, once::durable),
    (Check::Once, once::once),
    (Check::Ordered, once::ordered),
    (Check::Ordered, order::check),
    (Check::Words, words::check),
    (Check::Words, undone::check),
    (Check::Intent, intents::check),
    (Check::Intent, held::check),
    (Check::Guided, guided::check),
    (Check::Placed, placed::check),
    (Check::Tagged, tags::check),
];

/// Holds a history's remains against every invariant.
pub fn all(evidence: &Evidence) -> Result<(), Failure> {
    chain::check(evidence).map_err(|what| Failure::new(Check::Chain, what))?;
    run(evidence, |_| true)
}

/// Holds a history's remains against one invariant, whatever else is wrong with them.
pub fn only(wanted: Check, evidence: &Evidence) -> Result<(), Failure> {
    run(evidence, |check| check == wanted)
}

fn run(evidence: &Evidence, wanted: impl Fn(Check) -> bool) -> Result<(), Failure> {
    let folded = Folded::of(evidence).map_err(|what| Failure::new(Check::Chain, what))?;
    for (check, run) in ALL.iter().filter(|(check, _)| wanted(*check)) {
        run(evidence, &folded).map_err(|what| Failure::new(*check, what))?;
    }
    Ok(())
}

/// A string somewhere in JSON; empty if it is not there.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
