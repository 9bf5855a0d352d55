//! What differs between a native program and a browser page: one module per target, the same names in both.
//!
//! [`connect`] gives a sender and a receiver of text frames, [`fetch`] what an address has, [`spawn`] runs a task, [`sleep`] waits, [`watch`]
//! tells of the machine going online and of the page coming into view. Everything above this module is written
//! once.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

use interline_core::clock::Millis;
use uuid::Uuid;

use crate::connection::DisconnectReason;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{
    BoxFuture, BoxStream, Callback, Receiver, Sender, Watch, connect, fetch, offline, sleep, spawn, watch,
};
#[cfg(not(target_arch = "wasm32"))]
pub use native::{MaybeSend, MaybeSync};
#[cfg(target_arch = "wasm32")]
pub(crate) use web::{
    BoxFuture, BoxStream, Callback, Receiver, Sender, Watch, connect, fetch, offline, sleep, spawn, watch,
};
#[cfg(target_arch = "wasm32")]
pub use web::{MaybeSend, MaybeSync};

/// The largest message taken from a server, in bytes: a snapshot of a large review fits.
pub(crate) const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
/// How much may wait to be written before a connection counts as dead, in bytes.
pub(crate) const MAX_QUEUED_BYTES: usize = 16 * 1024 * 1024;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) struct ConnectError {
    pub(crate) reason: DisconnectReason,
    /// For people.
    pub(crate) message: String,
}

/// What comes from a connection.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A frame.
    Text(String),
    /// No more will come.
    Closed {
        /// The close code, if the server gave one.
        code: Option<u16>,
        /// Why, for people.
        reason: String,
    },
}

impl Incoming {
    fn lost(reason: impl Into<String>) -> Incoming {
        Incoming::Closed { code: None, reason: reason.into() }
    }
}

/// The connection takes nothing more.
#[derive(Debug)]
pub(crate) struct SendError;

/// What the machine tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "native programs are told nothing"))]
pub(crate) enum Signal {
    /// The network came back.
    Online,
    /// The network went.
    Offline,
    /// The page came into view.
    Visible,
    /// The page went out of view, perhaps for good.
    Hidden,
}

/// Wall time.
pub(crate) fn now_ms() -> Millis {
    let now = web_time::SystemTime::now().duration_since(web_time::SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// A fresh id: a UUID of version 7, so that ids sort by age.
pub(crate) fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// A source of randomness for jitter.
pub(crate) fn rng() -> fastrand::Rng {
    let (_, random) = new_id().as_u64_pair();
    fastrand::Rng::with_seed(random)
}
