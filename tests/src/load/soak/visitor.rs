//! Somebody who comes, types, and leaves, again and again.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use interline::{Anchor, Client, Coded, MemoryStore, PresenceUpdate, Review, Side, TextOp};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::DEADLINE;

/// How many words somebody types before they leave.
const WORDS: std::ops::Range<usize> = 10..40;
/// Between two of them, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 40..240;
/// A text that long is left alone.
const LONG: usize = 2_000;
/// Between two tries to open a review.
const AGAIN: Duration = Duration::from_millis(50);

/// What all visitors have in common.
#[derive(Default)]
pub(super) struct Guestbook {
    /// Which words were acknowledged, by review.
    pub(super) words: Mutex<Vec<(String, String)>>,
    pub(super) visits: AtomicUsize,
}

/// Visits until told to stop; the last visit is ended as any other.
pub(super) async fn visits(
    url: String,
    name: String,
    reviews: watch::Receiver<Arc<[String]>>,
    book: Arc<Guestbook>,
    stop: watch::Receiver<bool>,
) -> Result<()> {
    let mut rng = Rng::new();
    let mut visit = 0;
    while !*stop.borrow() {
        let key = rng.choice(reviews.borrow().iter()).context("reviews")?.clone();
        let words = one(&url, &name, visit, &key, &mut rng, &stop);
        let words = words.await.with_context(|| format!("visit {visit} of {name} to {key}"))?;
        let mut all = book.words.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(words.into_iter().map(|word| (key.clone(), word)));
        book.visits.fetch_add(1, Relaxed);
        visit += 1;
    }
    Ok(())
}

async fn one(
    url: &str,
    name: &str,
    visit: usize,
    key: &str,
    rng: &mut Rng,
    stop: &watch::Receiver<bool>,
) -> Result<Vec<String>> {
    let client =
        Client::builder(url).user(name, name).store(MemoryStore::new()).debounce_ms(20).build().await?;
    let review = open(&client, key).await?;
    let mut words = Vec::new();
    for n in 0..rng.usize(WORDS) {
        if *stop.borrow() {
            break;
        }
        let word = format!("<{name} {visit} {n}>");
        write(&review, &word, rng)?;
        words.push(word);
        review.update_presence(at_line(rng.u32(1..=5)));
        sleep(Duration::from_millis(rng.u64(PAUSE_MS))).await;
    }
    timeout(DEADLINE, review.synced()).await.context("everything is durable in time")??;
    ensure!(review.rejected().is_empty(), "{}", review.export_rejected());
    client.closed().await?;
    Ok(words)
}

fn at_line(line: u32) -> PresenceUpdate {
    let (file, side) = (Some("src/lib.rs".to_owned()), Some(Side::Head));
    PresenceUpdate { file, line: Some(line), side, active: true, ..PresenceUpdate::default() }
}

/// As soon as a node lets it.
async fn open(client: &Client, key: &str) -> Result<Review> {
    let end = Instant::now() + DEADLINE;
    loop {
        match client.open(key).await {
            Ok(review) => return Ok(review),
            Err(error) if error.is_retryable() && Instant::now() < end => sleep(AGAIN).await,
            Err(error) => return Err(error.into()),
        }
    }
}

/// At the end of a text that is not long yet, or as a new comment.
fn write(review: &Review, word: &str, rng: &mut Rng) -> Result<()> {
    let open: Vec<_> = review.comments().into_iter().filter(|comment| comment.text.len() < LONG).collect();
    let some = rng.choice(&open).filter(|_| open.len() > 2);
    let Some(some) = some else {
        review.comment(Anchor::head("src/lib.rs", rng.u32(1..=5)), word)?;
        return Ok(());
    };
    review.get(some.id)?.apply_with(|text| {
        let end = text.chars().count();
        anyhow::Ok(TextOp::replace(end, end, 0, word)?)
    })?;
    Ok(())
}
