//! Where logs end, asked for many at once: every room looks now and then, and what is asked within a moment goes to
//! the database in one query.

use std::sync::Arc;
use std::time::Duration;

use interline_core::entry::Head;
use interline_core::id::ReviewId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::{Store, StoreError};

/// How many logs one query asks for.
const MOST: usize = 256;
/// How long the first to ask waits for others: nothing of what rooms look for is urgent.
const GATHER: Duration = Duration::from_millis(100);

struct Request {
    log: ReviewId,
    reply: oneshot::Sender<Result<Option<Head>, StoreError>>,
}

/// The way to the task that asks. It ends once every clone of this is gone.
#[derive(Clone)]
pub struct Heads {
    queue: mpsc::Sender<Request>,
}

impl Heads {
    /// Starts the task.
    pub fn start(store: Arc<dyn Store>) -> (Heads, JoinHandle<()>) {
        let (queue, requests) = mpsc::channel(MOST);
        (Heads { queue }, tokio::spawn(run(store, requests)))
    }

    /// Where a log ends, within a moment. That there is none is nothing that fails: a database may have been replaced
    /// by one that never had it.
    pub async fn of(&self, log: ReviewId) -> Result<Option<Head>, StoreError> {
        let (reply, head) = oneshot::channel();
        let stopped = || StoreError::Unavailable("the server is stopping".into());
        self.queue.send(Request { log, reply }).await.map_err(|_| stopped())?;
        head.await.map_err(|_| stopped())?
    }
}

async fn run(store: Arc<dyn Store>, mut requests: mpsc::Receiver<Request>) {
    let mut asked = Vec::with_capacity(MOST);
    while let Some(first) = requests.recv().await {
        asked.push(first);
        let end = Instant::now() + GATHER;
        while asked.len() < MOST
            && let Ok(Some(next)) = timeout_at(end, requests.recv()).await
        {
            asked.push(next);
        }
        let logs: Vec<ReviewId> = asked.iter().map(|request| request.log).collect();
        let heads = store.heads(&logs).await;
        for Request { log, reply } in asked.drain(..) {
            let head = match &heads {
                Ok(heads) => match heads.get(&log) {
                    Some(head) => Ok(Some(*head)),
                    // Gone, or unreadable.
                    None => store.find_log(log).await.map(|row| row.map(|row| row.head)),
                },
                Err(error) => Err(error.clone()),
            };
            // Whoever asked may be gone.
            let _ = reply.send(head);
        }
    }
}
