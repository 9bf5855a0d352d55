//! Group commit: one task appends for every room. While one transaction syncs the next appends gather, so the
//! disk is asked once for all of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::{error, warn};

use super::{AppendOutcome, ReviewAppend, Store, StoreError};
use crate::metrics::Metrics;

/// How many appends wait before rooms do.
const QUEUE: usize = 1_024;
/// How many go into one transaction.
const GROUP: usize = 256;
/// How often an append whose outcome is unknown is tried again, and how long after the first time.
const SETTLE_TRIES: u32 = 8;
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

async fn run(store: Arc<dyn Store>, mut requests: mpsc::Receiver<Request>, metrics: Metrics) {
    let mut group = Vec::with_capacity(GROUP);
    while requests.recv_many(&mut group, GROUP).await > 0 {
        let (appends, replies): (Vec<_>, Vec<_>) = group.drain(..).map(|r| (r.append, r.reply)).unzip();
        metrics.commit_appends.record(appends.len() as f64);
        commit(&*store, &appends, replies, &metrics).await;
    }
}

async fn commit(store: &dyn Store, appends: &[ReviewAppend], replies: Vec<Reply>, metrics: &Metrics) {
    match settled(store, appends, metrics).await {
        Ok(outcomes) => {
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                let _ = reply.send(Ok(outcome));
            }
        }
        // One review cannot be written to: the others shall not suffer for it.
        Err(StoreError::Corrupt { .. }) if appends.len() > 1 => {
            for (append, reply) in appends.iter().zip(replies) {
                let one = settled(store, std::slice::from_ref(append), metrics).await;
                let _ = reply.send(one.and_then(|outcomes| outcomes.into_iter().next().ok_or_else(nothing)));
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

fn nothing() -> StoreError {
    StoreError::UnknownOutcome("the store did not say what became of an append".into())
}

/// Appends, and where the outcome is unknown appends again: where the first time did happen, the head has moved
/// and the second loses. Reading instead could look before a commit that is still on its way.
async fn settled(
    store: &dyn Store,
    appends: &[ReviewAppend],
    metrics: &Metrics,
) -> Result<Vec<AppendOutcome>, StoreError> {
    let unknown = match store.append(appends).await {
        Err(StoreError::UnknownOutcome(why)) => why,
        settled => return settled,
    };
    metrics.unknown.increment(1);
    for attempt in 0..SETTLE_TRIES {
        tokio::time::sleep(SETTLE_DELAY * 2_u32.pow(attempt)).await;
        warn!(attempt, %unknown, "the outcome of a commit is unknown: appending again");
        if let Ok(outcomes) = store.append(appends).await {
            return Ok(outcomes);
        }
    }
    Err(StoreError::UnknownOutcome(unknown))
}
