//! Telling other nodes over Redis: one channel for each review that is loaded somewhere, and one for all nodes.

use std::sync::Arc;

use async_trait::async_trait;
use interline_core::id::{ReviewId, SessionId};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::closing::Closing;
use super::publisher::{Publisher, Saying};
use super::{Close, Closed, Fanout, Inbox, News, Subscription};
use crate::link::{Heard, Link, LinkError};
use crate::metrics::Metrics;

/// The fan-out over Redis.
pub struct RedisFanout {
    link: Arc<Link>,
    node: Uuid,
    publisher: Arc<Publisher>,
    closing: Closing,
}

/// A room's end of a channel.
struct Room {
    inbox: Inbox,
    node: Uuid,
    metrics: Metrics,
}

impl Heard for Room {
    fn heard(&self, message: &[u8]) {
        if let Some(news) = News::decode(message, self.node) {
            self.metrics.heard.increment(1);
            self.inbox.put(news);
        }
    }

    fn missed(&self) {
        self.inbox.missed();
    }
}

impl RedisFanout {
    /// Tells other nodes from now on, and hears them; the task says what there is to say.
    pub fn start(link: Arc<Link>, node: Uuid, close: Close) -> (RedisFanout, JoinHandle<()>) {
        let (publisher, task) = Publisher::start(link.clone(), node);
        let publisher = Arc::new(publisher);
        let closing = Closing::start(link.clone(), node, publisher.clone(), close);
        (RedisFanout { link, node, publisher, closing }, task)
    }
}

#[async_trait]
impl Fanout for RedisFanout {
    fn describe(&self) -> String {
        self.link.describe().to_owned()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn trouble(&self) -> Option<String> {
        self.link.trouble().map(|trouble| trouble.to_string())
    }

    fn is_healthy(&self) -> bool {
        self.link.is_up()
    }

    fn publish(&self, review: ReviewId, news: News) {
        self.publisher.say(Saying::News(review, news));
    }

    fn subscribe(&self, review: ReviewId) -> Subscription {
        let (inbox, subscription) = Subscription::new(self.link.metrics.clone());
        let room = Room { inbox, node: self.node, metrics: self.link.metrics.clone() };
        subscription.holding(self.link.listen(self.link.keys().news(review), Arc::new(room)))
    }

    async fn close(&self, session: SessionId) -> Result<Closed, LinkError> {
        self.closing.ask(session).await
    }

    async fn flush(&self) {
        self.publisher.flush().await;
    }
}
