//! Stopping without losing anything: sessions first, then what they had handed in, then the store.

use std::io;
use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use crate::app::Server;

/// How long the presence store may take to hear that this node is gone.
const FAREWELL: Duration = Duration::from_secs(2);

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
    /// closed.
    pub async fn stop(self) {
        info!("stopping");
        let patience = self.state.timing.stop;
        self.drain.send_replace(true);
        if timeout(patience, self.http.stop(true)).await.is_err() {
            warn!("some connections did not close in time");
            self.http.stop(false).await;
        }
        self.state.rooms.stop(patience).await;
        let _ = timeout(FAREWELL, self.state.board.flush()).await;
        for task in self.tasks {
            task.abort();
        }
        self.http_task.abort();
        self.state.store.close().await;
        // Only now may another server have the data.
        drop(self.data);
        info!("stopped");
    }
}
