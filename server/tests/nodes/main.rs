//! Several nodes over one store and a real Redis, each behind a proxy of its own that can be broken.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod broken;
mod closing;
mod copies;
mod environment;
#[path = "../faulty/mod.rs"]
mod faulty;
mod log;
mod patch_sets;
mod people;
mod process;
mod reads;
mod refused;
mod secure;
mod set_up;
mod subscriptions;
#[allow(dead_code, reason = "other test programs use more of it")]
#[path = "../server/support.rs"]
mod support;
