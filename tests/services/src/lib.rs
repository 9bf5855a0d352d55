//! Real servers that tests need beside Interline's own: PostgreSQL and Redis.
//!
//! Each gets a folder and a port of its own, and ends with the test: when it is dropped, and also when the test's
//! process is killed, for each runs behind a small shell that ends it once the test's end of a pipe is closed.
//!
//! `INTERLINE_WITHOUT=postgres,redis` says what the tests are to do without; then there is nothing to start.

mod leash;
mod postgres;
mod proxy;
mod redis;

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result};

pub use postgres::{Database, Postgres};
pub use proxy::BreakableProxy;
pub use redis::Redis;

/// How long a server may take to start or to stop.
const DEADLINE: Duration = Duration::from_secs(30);

/// Where ports are taken from: below those that outgoing connections get, so that a server that is started again
/// finds its port free.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// Whether the tests are to do without a part; says so if they are.
pub fn left_out(part: &str) -> bool {
    let without = std::env::var("INTERLINE_WITHOUT").unwrap_or_default();
    let left_out = without.split(',').any(|without| without.trim() == part);
    if left_out {
        println!("left out: {part}");
    }
    left_out
}

/// A port that nobody listens on.
fn free_port() -> Result<u16> {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(PORTS)).take(1_000).find(free).context("no port is free")
}
