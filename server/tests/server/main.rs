//! A whole server in this process, asked over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod damage;
mod data;
mod faults;
#[path = "../faulty/mod.rs"]
mod faulty;
#[cfg(target_os = "linux")]
mod full;
mod hostile;
mod http;
mod opening;
mod past;
mod postgres;
mod restored;
mod retention;
mod sessions;
mod settling;
mod support;
mod verify;
