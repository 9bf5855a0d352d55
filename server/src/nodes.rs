//! This node among others: over Redis, or alone.

use std::sync::Arc;
use std::time::Duration;

use interline_core::id::SessionId;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::app::StartError;
use crate::config::Config;
use crate::fanout::{self, Fanout, RedisFanout};
use crate::link::Link;
use crate::metrics::Metrics;
use crate::presence::{MemoryPresence, PresenceStore, RedisPresence};
use crate::store::Store;

/// How long starting waits for Redis: whether it is there is told, and no more than that.
const PATIENCE: Duration = Duration::from_secs(1);

/// What connects this node with others.
pub(crate) struct Nodes {
    pub(crate) presence: Arc<dyn PresenceStore>,
    pub(crate) fanout: Arc<dyn Fanout>,
    pub(crate) tasks: Vec<JoinHandle<()>>,
    link: Option<Arc<Link>>,
}

impl Nodes {
    /// Gets in touch with other nodes, if that is wanted; `close` is called with sessions that they want closed.
    pub(crate) fn join(
        config: &Config,
        store: &dyn Store,
        node: Uuid,
        metrics: Metrics,
        close: impl Fn(SessionId) -> bool + Send + Sync + 'static,
    ) -> Result<Nodes, StartError> {
        let Some(url) = config.redis_url() else {
            metrics.redis_up.set(1.0);
            let (presence, fanout) = (Arc::new(MemoryPresence::new()), fanout::local());
            return Ok(Nodes { presence, fanout, tasks: Vec::new(), link: None });
        };
        let unusable = |error| StartError(format!("--redis-url cannot be used: {error}"));
        let (link, link_task) =
            Link::start(url, &config.redis_prefix, &store.identity(), metrics).map_err(unusable)?;
        let (fanout, fanout_task) = RedisFanout::start(link.clone(), node, Box::new(close));
        let presence = Arc::new(RedisPresence::new(link.clone()));
        let tasks = vec![link_task, fanout_task];
        Ok(Nodes { presence, fanout: Arc::new(fanout), tasks, link: Some(link) })
    }

    /// Waits a moment for Redis, if there is to be one, so that what is said at the start is true.
    pub(crate) async fn settle(&self) {
        if let Some(link) = &self.link {
            link.wait(PATIENCE).await;
        }
    }
}
