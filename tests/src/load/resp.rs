//! Asking Redis about itself.

use anyhow::{Context, Result};
use interline_services::Redis;

/// How many keys there are.
pub(super) fn keys(redis: &Redis) -> Result<u64> {
    Ok(redis.ask("DBSIZE")?.parse()?)
}

/// A number that `INFO` tells, such as `used_memory`.
pub(super) fn info(redis: &Redis, name: &str) -> Result<u64> {
    let info = redis.ask("INFO")?;
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(value.with_context(|| format!("Redis does not tell {name}"))?.parse()?)
}
