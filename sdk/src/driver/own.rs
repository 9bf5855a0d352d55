//! What is pending in reviews that nobody has opened: it was typed into an earlier life of this client, and must not
//! wait for somebody to come back to it.
//!
//! Such a review is opened, and nobody holds it: the driver keeps it until nothing of it is on its way, and leaves it
//! then. What was refused of it waits in the store for whoever opens it next.

use tokio::sync::oneshot;

use super::orphans::ending;
use super::{Peeked, peek};
use crate::platform;
use crate::shared::{Command, Shared};

/// How long one review may take to be opened before the next one's turn, in milliseconds.
const PATIENCE_MS: u64 = 10_000;

/// Opens every review of this client's that has something pending and is not open.
pub(super) async fn look(main: &Shared) {
    let config = &main.config;
    // What fails here is tried again at the next look.
    let Ok(ids) = config.store.list(&config.scope).await else { return };
    for id in ids {
        let key = id.to_string();
        if main.entered(&key).is_some() {
            continue;
        }
        // What cannot be read stays as it is, for whoever opens the review.
        let Ok(Peeked::Pending(1.., _)) = peek(config, id).await else { continue };
        if !main.connection.borrow().is_connected() {
            return;
        }
        let (reply, answer) = oneshot::channel();
        if main.command(Command::Open { key, reply }).is_err() {
            return;
        }
        tokio::select! {
            // Held no longer than this: the driver has it until it is done.
            held = answer => drop(held),
            () = platform::sleep(PATIENCE_MS) => {}
            () = ending(main) => return,
        }
    }
}
