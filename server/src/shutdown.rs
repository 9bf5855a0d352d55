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

/// Listens from now on for the process being told to stop; the future waits for it.
pub fn signals() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Where it cannot be listened for, the process is stopped otherwise.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

impl Server {
    /// Stops: no new connections, clients are told to come back, what they handed in is appended, the store is
    /// closed. All of it has one deadline.
    pub async fn stop(mut self) {
        info!("stopping");
        let patience = self.state.timing.stop;
        self.drain.send_replace(true);
        let began = Instant::now();
        let deadline = began + patience;
        if timeout_at(began + connections(patience), self.http.stop(true)).await.is_err() {
            warn!("some connections did not close in time");
        }
        self.state.rooms.stop(deadline).await;
        // What is not taken in time is no loss: the log has it.
        let _ = timeout_at(deadline, self.snapshots.end()).await;
        let _ = timeout_at(deadline, &mut self.snapshots_task).await;
        self.snapshots_task.abort();
        let _ = timeout_at(deadline, self.state.board.flush()).await;
        let _ = timeout_at(deadline, self.state.fanout.flush()).await;
        for task in self.tasks {
            task.abort();
        }
        self.http_task.abort();
        if timeout_at(deadline, self.state.store.close()).await.is_err() {
            warn!("the store did not close in time");
            // It may still be at it: the data stays locked until the process ends.
            std::mem::forget(self.data.take());
        }
        // Only now may another server have the data.
        drop(self.data);
        info!("stopped");
    }
}
