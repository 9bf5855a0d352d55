//! Many histories at once: each in one thread, as many as there are cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::drafts::drafts;
use super::{Check, Failure, MIN_CHANGES, MIN_CLIENTS, MIN_FAULTS, plan, run};

/// How often whoever asked hears how far it has come.
const NEWS: Duration = Duration::from_secs(1);

/// What a search came to.
#[derive(Debug)]
pub struct Found {
    /// How many histories were lived through.
    pub histories: u64,
    /// The first failing seed, and what was wrong.
    pub failure: Option<(u64, Failure)>,
}

/// Lives through the histories of so many seeds, until one fails. Each second `told` hears how many it has been.
pub fn search(first: u64, histories: u64, told: impl FnMut(u64)) -> Found {
    search_in(live, first, histories, told)
}

/// The same with histories of [drafts](crate::drafts).
pub fn search_drafts(first: u64, histories: u64, told: impl FnMut(u64)) -> Found {
    search_in(|seed| drafts(seed).map(drop), first, histories, told)
}

fn search_in(
    live: impl Fn(u64) -> Result<(), Failure> + Sync,
    first: u64,
    histories: u64,
    mut told: impl FnMut(u64),
) -> Found {
    let (next, done, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let found: Mutex<Option<(u64, Failure)>> = Mutex::new(None);
    // Each worker holds a sender; when all are gone, so is the work.
    let (worker, workers) = mpsc::channel::<()>();
    let work = |worker: mpsc::Sender<()>| {
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
        drop(worker);
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let worker = worker.clone();
            scope.spawn(|| work(worker));
        }
        drop(worker);
        while workers.recv_timeout(NEWS) == Err(RecvTimeoutError::Timeout) {
            told(done.load(Ordering::Relaxed));
        }
    });
    let found = found.into_inner().expect("nobody panicked while holding it");
    let failure = found.map(|(number, failure)| (first.wrapping_add(number), failure));
    Found { histories: done.into_inner(), failure }
}

fn live(seed: u64) -> Result<(), Failure> {
    let plan = plan(seed);
    let trace = run(&plan)?;
    if plan.setup.clients.len() < MIN_CLIENTS || trace.changes < MIN_CHANGES || trace.faults < MIN_FAULTS {
        return Err(Failure::new(Check::Dull, format!("too little happened: {trace:?}")));
    }
    Ok(())
}
