//! The self-hosted Interline server.
//!
//! # The story of a frame
//!
//! A client's text frame arrives on an actix worker, at the [`session`] that reads its socket. The session
//! checks its size and shape, counts what is none of the protocol against the client, and hands a batch to the
//! room of its review, without waiting: a room whose mailbox is full refuses, and the client sends again.
//!
//! The [`room`] is one task on the main runtime, the only one that touches its review. It gives the batch to the
//! sequencer in `interline-core`, which decides everything, and carries out what that says. An append goes to
//! the [`store`]'s committer, which puts whatever all rooms have waiting into one transaction. Only when that is
//! on disk does the sequencer say to deliver; then the room encodes the entry once and pushes it into the
//! bounded outbox of every session in the review, the author's among them, for whom it is the acknowledgement.
//! A session whose outbox is full is cut off and catches up when it is back.
//!
//! Each outbox has a writer task, which waits for the socket so that nobody else has to.
//!
//! Presence takes the same way as far as the room and no further: it is told at once, kept on a board for the
//! [`presence`] store, and never in the log. [`http`] creates reviews, and reads them through their rooms.

mod app;
mod banner;
mod config;
mod data_dir;
pub mod fanout;
mod http;
pub mod link;
pub mod metrics;
mod nodes;
pub mod presence;
mod room;
mod session;
mod shutdown;
pub mod store;
mod time;
pub mod verify;

pub use app::{Server, StartError};
pub use config::{Config, Timing};
pub use shutdown::signals as shutdown_signals;
