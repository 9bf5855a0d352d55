//! Group commit: one task appends for every room. While one transaction syncs the next appends gather, so the
//! disk is asked once for all of them. A review that somebody else has locked holds up nobody but itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{error, warn};

use super::waiting::Waiting;
use super::{AppendOutcome, ReviewAppend, Store, StoreError};
use crate::metrics::Metrics;

/// How many appends wait before rooms do.
const QUEUE: usize = 1_024;
/// How many go into one transaction.
const GROUP: usize = 256;
/// How often an append whose outcome is unknown is tried again, and how long after the first time.
pub(super) const SETTLE_TRIES: u32 = 8;
const SETTLE_DELAY: Duration = Duration::from_millis(20);

type Reply = oneshot::Sender<Result<AppendOutcome, StoreError>>;

struct Request {
    append: ReviewAppend,
    reply: Reply,
}

/// The way to the task that appends. It ends once every clone of this is gone.
#[derive(Clone)]
pub struct Committer {
    queue: mpsc::Sender<Request>,
    metrics: Metrics,
}

impl Committer {
    /// Starts the task.
    pub fn start(store: Arc<dyn Store>, metrics: Metrics) -> (Committer, JoinHandle<()>) {
        let (queue, requests) = mpsc::channel(QUEUE);
        (Committer { queue, metrics: metrics.clone() }, tokio::spawn(run(store, requests, metrics)))
    }

    /// Appends, in a transaction shared with whoever else is waiting. Dropping the future does not take the
    /// append back.
    pub async fn append(&self, append: ReviewAppend) -> Result<AppendOutcome, StoreError> {
        let began = Instant::now();
        let outcome = self.hand_in(append).await;
        match outcome {
            Ok(AppendOutcome::Appended) => {
                self.metrics.append_seconds.record(began.elapsed());
                self.metrics.appended.increment(1);
            }
            Ok(AppendOutcome::Lost | AppendOutcome::LinkedLost) => self.metrics.lost.increment(1),
            Err(_) => self.metrics.failed.increment(1),
        }
        outcome
    }

    async fn hand_in(&self, append: ReviewAppend) -> Result<AppendOutcome, StoreError> {
        let (reply, outcome) = oneshot::channel();
        let stopped = || StoreError::Unavailable("the server is stopping".into());
        self.queue.send(Request { append, reply }).await.map_err(|_| stopped())?;
        // The task died with the append in hand.
        outcome.await.map_err(|_| StoreError::UnknownOutcome("the committing task ended".into()))?
    }
}

/// Appends for everybody, group after group. What somebody else has locked waits beside that, each by itself.
async fn run(store: Arc<dyn Store>, mut requests: mpsc::Receiver<Request>, metrics: Metrics) {
    let places = Waiting::new(store.clone(), metrics.clone());
    let mut committing = Committing { store, metrics, places, waiting: JoinSet::new() };
    let mut group = Vec::with_capacity(GROUP);
    while requests.recv_many(&mut group, GROUP).await > 0 {
        while committing.waiting.try_join_next().is_some() {}
        committing.metrics.commit_appends.record(group.len() as f64);
        committing.commit(std::mem::take(&mut group)).await;
    }
    while committing.waiting.join_next().await.is_some() {}
}

struct Committing {
    store: Arc<dyn Store>,
    metrics: Metrics,
    places: Waiting,
    /// One for each review at most, for a room hands in one append at a time. They end with this.
    waiting: JoinSet<()>,
}

impl Committing {
    async fn commit(&mut self, group: Vec<Request>) {
        let (appends, replies): (Vec<_>, Vec<_>) = group.into_iter().map(|r| (r.append, r.reply)).unzip();
        match self.try_append(&appends).await {
            Ok(settled) => self.answer(appends, replies, settled),
            // One review cannot be written to: the others shall not suffer for it.
            Err(StoreError::Corrupt { .. }) if appends.len() > 1 => {
                for (append, reply) in appends.into_iter().zip(replies) {
                    match self.try_append(std::slice::from_ref(&append)).await {
                        Ok(settled) => self.answer(vec![append], vec![reply], settled),
                        Err(error) => drop(reply.send(Err(error))),
                    }
                }
            }
            Err(error) => {
                error!(reviews = appends.len(), %error, "append failed");
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
    }

    async fn try_append(
        &self,
        appends: &[ReviewAppend],
    ) -> Result<Settled<Vec<Option<AppendOutcome>>>, StoreError> {
        settled(None, &self.metrics, || self.store.try_append(appends)).await
    }

    fn answer(
        &mut self,
        appends: Vec<ReviewAppend>,
        replies: Vec<Reply>,
        settled: Settled<Vec<Option<AppendOutcome>>>,
    ) {
        // A store that says less than it was asked for leaves the rest to be asked for again.
        let outcomes = settled.outcome.into_iter().chain(std::iter::repeat(None));
        for ((append, reply), outcome) in appends.into_iter().zip(replies).zip(outcomes) {
            match outcome {
                Some(outcome) => drop(reply.send(Ok(outcome))),
                None => self.wait(append, reply, settled.doubt.clone()),
            }
        }
    }

    /// Appends behind whoever has locked the review, while others go on.
    fn wait(&mut self, append: ReviewAppend, reply: Reply, doubt: Option<String>) {
        let places = self.places.clone();
        self.waiting.spawn(async move {
            let outcome = places.append(&append, doubt).await;
            if let Err(error) = &outcome {
                error!(review = %append.review, %error, "append failed that had waited for its review");
            }
            let _ = reply.send(outcome);
        });
    }
}

/// What is certain.
pub(super) struct Settled<T> {
    pub(super) outcome: T,
    /// Why it was not at first: of what the outcome leaves open, an attempt before may be on its way.
    pub(super) doubt: Option<String>,
}

/// Appends, and where the outcome is unknown appends again: where the first time did happen, the head has moved
/// and the second loses. Reading instead could look before a commit that is still on its way. Where it is in `doubt`
/// already, no failure is certain to be one.
pub(super) async fn settled<T, F: Future<Output = Result<T, StoreError>>>(
    mut doubt: Option<String>,
    metrics: &Metrics,
    attempt: impl Fn() -> F,
) -> Result<Settled<T>, StoreError> {
    let mut delays = (0..SETTLE_TRIES).map(|doubled| SETTLE_DELAY * 2_u32.pow(doubled));
    loop {
        match (attempt().await, &doubt) {
            (Ok(outcome), _) => return Ok(Settled { outcome, doubt }),
            (Err(StoreError::UnknownOutcome(why)), None) => {
                metrics.unknown.increment(1);
                doubt = Some(why);
            }
            (Err(error), None) => return Err(error),
            (Err(_), Some(_)) => {}
        }
        let unknown = doubt.clone().unwrap_or_default();
        let Some(delay) = delays.next() else { return Err(StoreError::UnknownOutcome(unknown)) };
        tokio::time::sleep(delay).await;
        warn!(%unknown, "the outcome of a commit is unknown: appending again");
    }
}
