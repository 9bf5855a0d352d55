//! Many histories at once: each in one thread, as many as there are cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{Check, Failure, MIN_CHANGES, MIN_FAULTS, plan, run};

/// What a search came to.
#[derive(Debug)]
pub struct Found {
    /// How many histories were lived through.
    pub histories: u64,
    /// The first failing seed, and what was wrong.
    pub failure: Option<(u64, Failure)>,
}

/// Lives through the histories of so many seeds, until one fails.
pub fn search(first: u64, histories: u64) -> Found {
    let (next, done, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let found: Mutex<Option<(u64, Failure)>> = Mutex::new(None);
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= histories {
                break;
            }
            if let Err(failure) = live(first.wrapping_add(number)) {
                failed.store(true, Ordering::Relaxed);
                let mut found = found.lock().expect("nobody panics while holding it");
                if found.as_ref().is_none_or(|(earlier, _)| number < *earlier) {
                    *found = Some((number, failure));
                }
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let found = found.into_inner().expect("nobody panicked while holding it");
    let failure = found.map(|(number, failure)| (first.wrapping_add(number), failure));
    Found { histories: done.into_inner(), failure }
}

fn live(seed: u64) -> Result<(), Failure> {
    let plan = plan(seed);
    let trace = run(&plan)?;
    if plan.setup.clients.len() < 3 || trace.changes < MIN_CHANGES || trace.faults < MIN_FAULTS {
        return Err(Failure::new(Check::Dull, format!("too little happened: {trace:?}")));
    }
    Ok(())
}
