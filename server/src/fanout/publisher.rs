//! The task that tells Redis what this node has to say, in order, whatever waits at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use interline_core::entry::Head;
use interline_core::id::ReviewId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::News;
use crate::link::Link;
use crate::metrics::Metrics;

/// How many messages wait for Redis.
const QUEUE: usize = 2_048;
/// Places in it that presence leaves to entries.
const PRESENCE_LEAVES: usize = 1_024;
/// How many go out at once.
const GROUP: usize = 128;
/// For how many reviews it is remembered that something was not said; for others the tail checks have to do.
const UNSAID: usize = 10_000;

pub(super) enum Saying {
    News(ReviewId, News),
    /// To a channel of a node that has asked something.
    Answer(String, Vec<u8>),
    /// Answered once everything before it was said.
    Flush(oneshot::Sender<()>),
}

/// The way to the task.
pub(super) struct Publisher {
    queue: mpsc::Sender<Saying>,
    metrics: Metrics,
}

impl Publisher {
    pub(super) fn start(link: Arc<Link>, node: Uuid) -> (Publisher, JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let metrics = link.metrics.clone();
        let task = Task { link, node, unsaid: BTreeMap::new(), since: 0 };
        (Publisher { queue, metrics }, tokio::spawn(task.run(waiting)))
    }

    /// Says something, if there is a place for it.
    pub(super) fn say(&self, saying: Saying) {
        let presence = matches!(saying, Saying::News(_, News::Present(_) | News::Gone(_) | News::Marked(_)));
        let full = presence && self.queue.capacity() < PRESENCE_LEAVES;
        if full || self.queue.try_send(saying).is_err() {
            self.metrics.dropped.increment(1);
        }
    }

    /// Waits until everything that was to be said is said, or cannot be.
    pub(super) async fn flush(&self) {
        let (flushed, wait) = oneshot::channel();
        if self.queue.send(Saying::Flush(flushed)).await.is_ok() {
            let _ = wait.await;
        }
    }
}

struct Task {
    link: Arc<Link>,
    node: Uuid,
    /// Where logs reach to, of which the others could not be told.
    unsaid: BTreeMap<ReviewId, Head>,
    /// How many connections there had been then.
    since: u64,
}

impl Task {
    async fn run(mut self, mut waiting: mpsc::Receiver<Saying>) {
        let mut group = Vec::with_capacity(GROUP);
        loop {
            tokio::select! {
                count = waiting.recv_many(&mut group, GROUP) => {
                    if count == 0 {
                        return;
                    }
                    self.say(group.drain(..)).await;
                }
                () = self.link.reconnected(self.since), if !self.unsaid.is_empty() => {
                    let unsaid = std::mem::take(&mut self.unsaid).into_iter();
                    self.say(unsaid.map(|(review, head)| Saying::News(review, News::Ahead(head)))).await;
                }
            }
        }
    }

    async fn say(&mut self, sayings: impl Iterator<Item = Saying>) {
        let (mut pipeline, mut heads, mut flushed, mut count) = (redis::pipe(), Vec::new(), Vec::new(), 0);
        for saying in sayings {
            let (channel, message) = match saying {
                Saying::News(review, news) => {
                    heads.extend(news.head().map(|head| (review, head)));
                    (self.link.keys().news(review), news.encode(self.node))
                }
                Saying::Answer(channel, answer) => (channel, answer),
                Saying::Flush(reply) => {
                    flushed.push(reply);
                    continue;
                }
            };
            pipeline.publish(channel, message).ignore();
            count += 1;
        }
        if count > 0 {
            let connections = self.link.connections();
            match self.link.ask::<()>(&pipeline).await {
                Ok(()) => self.link.metrics.published.increment(count),
                Err(_) => {
                    self.link.metrics.dropped.increment(count);
                    self.since = connections;
                    for (review, head) in heads {
                        if self.unsaid.len() < UNSAID || self.unsaid.contains_key(&review) {
                            self.unsaid.insert(review, head);
                        }
                    }
                }
            }
        }
        for reply in flushed {
            let _ = reply.send(());
        }
    }
}
