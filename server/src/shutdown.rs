//! Stopping without losing anything: sessions first, then what they had handed in, then the store.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::app::Server;

/// How much of the time for stopping connections may take, in quarters; the rest is for what was handed in.
const CONNECTIONS: u32 = 3;

/// How long connections may take to end of themselves.
pub(crate) fn connections(patience: Duration) -> Duration {
    patience / 4 * CONNECTIONS
}

/// Waits until the process is told to stop.
pub async fn signal() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted,
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

impl Server {
    /// Stops: no new connections, clients are told to come back, what they handed in is appended, the store is
    /// closed. All of it has one deadline.
    pub async fn stop(self) {
        info!("stopping");
        let patience = self.state.timing.stop;
        self.drain.send_replace(true);
        let began = Instant::now();
        let deadline = began + patience;
        if timeout_at(began + connections(patience), self.http.stop(true)).await.is_err() {
            warn!("some connections did not close in time");
        }
        self.state.rooms.stop(deadline).await;
        let _ = timeout_at(deadline, self.state.board.flush()).await;
        for task in self.tasks {
            task.abort();
        }
        self.http_task.abort();
        if timeout_at(deadline, self.state.store.close()).await.is_err() {
            warn!("the store did not close in time");
        }
        // Only now may another server have the data.
        drop(self.data);
        info!("stopped");
    }
}
