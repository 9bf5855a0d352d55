//! A whole server in this process, asked over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod faults;
#[path = "../faulty/mod.rs"]
mod faulty;
mod hostile;
mod http;
mod sessions;
mod support;
