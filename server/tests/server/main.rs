//! A whole server in this process, asked over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod damage;
mod data;
mod drafts;
mod faults;
#[path = "../faulty/mod.rs"]
mod faulty;
#[cfg(target_os = "linux")]
mod full;
mod hostile;
mod http;
mod marks;
mod metrics;
mod opening;
mod past;
mod patch_sets;
mod postgres;
mod postgres_tls;
mod restored;
mod retention;
mod sessions;
mod settling;
mod support;
mod verify;
