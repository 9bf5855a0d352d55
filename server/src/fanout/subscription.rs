//! What a room hears: a bounded queue. Where it is full, what comes is dropped, and the room hears that it has missed
//! something.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::{Notify, mpsc};

use super::News;
use crate::metrics::Metrics;

/// How many messages wait for a room.
const WAITING: usize = 256;

/// What a room hears of other nodes. When it is dropped nothing is heard any more.
pub struct Subscription {
    queue: Option<mpsc::Receiver<News>>,
    overflow: Arc<Overflow>,
    /// What has to live for as long.
    _held: Option<Box<dyn Send + Sync>>,
}

#[derive(Default)]
struct Overflow {
    missed: AtomicBool,
    told: Notify,
}

/// The other end.
pub(super) struct Inbox {
    queue: mpsc::Sender<News>,
    overflow: Arc<Overflow>,
    metrics: Metrics,
}

impl Subscription {
    /// Nothing is ever heard.
    pub(super) fn silent() -> Subscription {
        Subscription { queue: None, overflow: Arc::default(), _held: None }
    }

    /// An inbox, and what comes out of it; what it had no place for is counted.
    pub(super) fn new(metrics: Metrics) -> (Inbox, Subscription) {
        let (sender, queue) = mpsc::channel(WAITING);
        let overflow = Arc::<Overflow>::default();
        let inbox = Inbox { queue: sender, overflow: overflow.clone(), metrics };
        (inbox, Subscription { queue: Some(queue), overflow, _held: None })
    }

    /// The same, and `held` lives for as long.
    pub(super) fn holding(self, held: impl Send + Sync + 'static) -> Subscription {
        Subscription { _held: Some(Box::new(held)), ..self }
    }

    /// What comes next. Nothing is lost where the future is dropped.
    pub async fn next(&mut self) -> News {
        let Some(queue) = &mut self.queue else { return pending().await };
        loop {
            if self.overflow.missed.swap(false, Relaxed) {
                return News::Missed;
            }
            tokio::select! {
                biased;
                () = self.overflow.told.notified() => {}
                news = queue.recv() => match news {
                    Some(news) => return news,
                    None => return pending().await,
                },
            }
        }
    }
}

impl Inbox {
    /// Puts something in, if there is a place for it.
    pub(super) fn put(&self, news: News) {
        if self.queue.try_send(news).is_err() {
            self.missed();
        }
    }

    /// Something may have been said that was not heard.
    pub(super) fn missed(&self) {
        self.metrics.missed.increment(1);
        self.overflow.missed.store(true, Relaxed);
        self.overflow.told.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interline_core::id::SessionId;
    use uuid::Uuid;

    #[tokio::test]
    async fn a_room_that_does_not_listen_hears_that_it_has_missed_something() {
        let (inbox, mut subscription) = Subscription::new(Metrics::default());
        let gone = |n: usize| News::Gone(SessionId(Uuid::from_u128(n as u128)));
        (0..WAITING + 3).for_each(|n| inbox.put(gone(n)));
        assert_eq!(subscription.next().await, News::Missed);
        for n in 0..WAITING {
            assert_eq!(subscription.next().await, gone(n));
        }
        inbox.put(gone(1_000));
        assert_eq!(subscription.next().await, gone(1_000));
    }
}
