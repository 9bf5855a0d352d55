//! Somebody who writes until told to stop, as a process of its own that may be killed at any moment:
//! `writer URL REVIEW NAME STORE LEDGER SEED [--eager] [--user USER]`, of the user NAME unless
//! it says otherwise.
//!
//! Types words into comments that everybody shares and into new ones, on a local store in the folder STORE, and
//! notes in LEDGER what was typed, saved and acknowledged. Started again on the same two it goes on, after it has
//! checked that all that was saved is there.
//!
//! Takes orders on stdin: `stop` typing and sync, `show VERSION`, `explain`, `close`. Ends when stdin does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use interline::{Anchor, Client, Coded, CommentId, Event, FileStore, Review, TextOp};
use interline_tests::campaign::ledger::Ledger;
use interline_tests::campaign::witness::Witness;
use interline_tests::campaign::words::{SLIP, scan, word};
use interline_tests::{DEADLINE, until};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Threads that everybody writes in.
const SHARED: usize = 3;
/// A text that long is left alone; the server takes 32 Ki scalars.
const LONG: usize = 20_000;
/// Between two words, in milliseconds, at most.
const PAUSE_MS: u64 = 30;
/// After so many words one looks which comments there are.
const LOOK: u32 = 16;
/// Between two tries of who is eager.
const EAGER: Duration = Duration::from_millis(50);

struct Options {
    url: String,
    review: String,
    name: String,
    store: PathBuf,
    ledger: PathBuf,
    seed: u64,
    eager: bool,
    user: String,
}

fn options() -> Result<Options> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let eager = args.iter().position(|arg| arg == "--eager").map(|at| args.remove(at)).is_some();
    let user = args.iter().position(|arg| arg == "--user").and_then(|at| args.drain(at..).nth(1));
    let [url, review, name, store, ledger, seed] = <[String; 6]>::try_from(args).map_err(|_| {
        anyhow::anyhow!("usage: writer URL REVIEW NAME STORE LEDGER SEED [--eager] [--user USER]")
    })?;
    let seed = seed.parse().context("SEED is a number")?;
    let user = user.unwrap_or_else(|| name.clone());
    Ok(Options { url, review, name, store: store.into(), ledger: ledger.into(), seed, eager, user })
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = options()?;
    let name = options.name.as_str();
    let mut orders = orders();
    let ledger = Arc::new(Mutex::new(Ledger::open(&options.ledger)?));
    let store = Witness::new(FileStore::open(&options.store)?, name, Arc::clone(&ledger));
    let client =
        Client::builder(&options.url).user(&options.user, name).store(store).debounce_ms(10).build().await?;
    if options.eager {
        tokio::spawn(nudge(client.clone()));
    }
    let review = open(&client, &options.review).await?;
    let (shown, through) = (review.clone(), client.clone());
    let _observer = review.observe(move |event| give_up(&shown, &through, event));
    let made = Arc::new(Mutex::new(restored(&review, name, &mut lock(&ledger))?));
    println!("open {}", if review.is_online() { "online" } else { "offline" });
    tokio::spawn(acknowledge(review.clone(), Arc::clone(&ledger), Arc::clone(&made)));

    let rng = Rng::with_seed(options.seed);
    let mut hand = Hand { review: &review, name, rng, roots: Vec::new() };
    let mut typing = true;
    loop {
        let pause = Duration::from_millis(hand.rng.u64(1..PAUSE_MS));
        let order = tokio::select! {
            biased;
            order = orders.recv() => order,
            () = tokio::time::sleep(pause), if typing => {
                let number = lock(&ledger).next();
                // Noted first: what is in a text is in the ledger.
                lock(&ledger).typed(number)?;
                hand.write(number)?;
                lock(&made).insert(number);
                continue;
            }
        };
        match order.as_deref().map(|order| order.split_once(' ').unwrap_or((order, ""))) {
            Some(("stop", _)) => {
                typing = false;
                review.synced().await?;
                let all = lock(&made).clone();
                lock(&ledger).acked(all)?;
                println!("done");
            }
            Some(("show", version)) => {
                show(&review, version.parse()?).await?;
            }
            Some(("explain", _)) => {
                let (unsynced, version, online) = (review.unsynced(), review.version(), review.is_online());
                let (connection, counted) = (client.connection(), client.analytics());
                println!("how {connection:?}, open {online}, version {version}, {unsynced:?}, {counted:?}");
            }
            Some(("close", _)) => {
                client.closed().await?;
                println!("closed");
                return Ok(());
            }
            // Nobody gives orders any more.
            _ => return Ok(()),
        }
    }
}

fn orders() -> UnboundedReceiver<String> {
    let (send, orders) = unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| send.send(line))
    });
    orders
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing that is written here may be refused, and nothing may need a person.
fn give_up(review: &Review, client: &Client, event: &Event) {
    let why = match event {
        Event::Rejected(rejected) => format!("{rejected:?}"),
        Event::Stuck(code) => format!("stuck: {code:?}"),
        Event::Problem(problem) if !problem.retryable => format!("{problem:?}"),
        _ => return,
    };
    let (version, unsynced, counted) = (review.version(), review.unsynced(), client.analytics());
    eprintln!("writer: at version {version} with {unsynced:?} after {counted:?}: {why}");
    std::process::exit(4);
}

async fn nudge(client: Client) {
    loop {
        tokio::time::sleep(EAGER).await;
        if !client.connection().is_connected() {
            client.reconnect();
        }
    }
}

/// Opens the review: from the local store if it is there, otherwise as soon as the server lets it.
async fn open(client: &Client, key: &str) -> Result<Review> {
    let end = Instant::now() + DEADLINE;
    loop {
        match client.open(key).await {
            Ok(review) => return Ok(review),
            Err(error) if error.is_retryable() && Instant::now() < end => {
                tokio::time::sleep(EAGER).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Checks that all that was ever saved is there, and notes what went with the process before; the words that are
/// there.
fn restored(review: &Review, name: &str, ledger: &mut Ledger) -> Result<BTreeSet<u32>> {
    let comments = review.comments();
    let there: BTreeSet<u32> = comments.iter().flat_map(|comment| scan(&comment.text, name)).collect();
    let record = ledger.record();
    let lost: Vec<_> = record.saved.difference(&there).collect();
    ensure!(lost.is_empty(), "{name} had these saved, and they did not come up again: {lost:?}");
    let risen: Vec<_> = record.gone.intersection(&there).collect();
    ensure!(risen.is_empty(), "{name} had lost these, and they came up again: {risen:?}");
    let known = |number: &u32| there.contains(number) || record.gone.contains(number);
    let gone: Vec<_> = record.typed.keys().copied().filter(|number| !known(number)).collect();
    ledger.gone(&gone)?;
    Ok(there)
}

/// Notes what is durable, again and again.
async fn acknowledge(review: Review, ledger: Arc<Mutex<Ledger>>, made: Arc<Mutex<BTreeSet<u32>>>) {
    loop {
        let before = lock(&made).clone();
        // Fails once the client is closed, and where `give_up` ends the process.
        if review.synced().await.is_err() {
            return;
        }
        let acked = {
            let mut ledger = lock(&ledger);
            let known = ledger.record().acked.len();
            ledger.acked(before).map(|()| ledger.record().acked.len() - known)
        };
        match acked {
            Ok(0) => {}
            Ok(more) => println!("acked {more}"),
            Err(error) => {
                eprintln!("writer: the ledger: {error:#}");
                std::process::exit(5);
            }
        }
        tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
    }
}

/// Tells all texts, once a version is here and nothing is pending.
async fn show(review: &Review, version: u64) -> Result<()> {
    let there = || (review.version() >= version && review.unsynced().count == 0).then_some(());
    until("the version that the server has", there).await;
    let texts: BTreeMap<_, _> =
        review.comments().into_iter().map(|comment| (comment.id.to_string(), comment.text)).collect();
    println!("shown {}", serde_json::to_string(&texts)?);
    Ok(())
}

/// Types.
struct Hand<'a> {
    review: &'a Review,
    name: &'a str,
    rng: Rng,
    /// Comments that are not long yet, the oldest first.
    roots: Vec<CommentId>,
}

impl Hand<'_> {
    /// Types a word somewhere; now and then with a slip that the next edit takes back.
    fn write(&mut self, number: u32) -> Result<()> {
        let slip = self.rng.u8(..) < 40;
        let typed = word(self.name, number, slip);
        if number.is_multiple_of(LOOK) || self.roots.len() < SHARED {
            self.look();
        }
        let fresh = self.roots.len() < SHARED || self.rng.u8(..) < 12;
        let comment = match self.rng.usize(..self.roots.len().max(1)) {
            _ if fresh => self.review.comment(Anchor::head("src/lib.rs", self.rng.u32(1..=5)), &typed)?,
            // Mostly in the first ones, where everybody writes.
            any => {
                let at = if self.rng.bool() { any } else { any % SHARED };
                let comment = self.review.get(self.roots[at])?;
                let (name, at_end) = (self.name, self.rng.bool());
                comment.apply_with(|text| insert(text, name, at_end, &typed))?;
                comment
            }
        };
        if slip {
            comment.apply_with(|text| {
                let at = text.find(&typed).context("the word is gone")? + typed.trim_end().len() - SLIP.len();
                anyhow::Ok(TextOp::replace(text.len(), at, SLIP.len(), "")?)
            })?;
        }
        Ok(())
    }

    fn look(&mut self) {
        let comments = self.review.comments().into_iter();
        self.roots = comments.filter(|comment| comment.text.len() < LONG).map(|comment| comment.id).collect();
    }
}

/// Inserts at the end, or right behind the last word of one's own; words of one writer stay in order either way.
/// Texts are ASCII here.
fn insert(text: &str, name: &str, at_end: bool, typed: &str) -> Result<TextOp> {
    if !text.is_ascii() {
        bail!("nobody typed {text:?}");
    }
    let own = text.rfind(name).filter(|_| !at_end);
    let at = own.and_then(|own| Some(own + text[own..].find(' ')? + 1)).unwrap_or(text.len());
    Ok(TextOp::replace(text.len(), at, 0, typed)?)
}
