//! Values in queries. Whoever gives one that cannot be hears of which parameter.

use std::fmt::Display;
use std::str::FromStr;

use interline_core::id::{ReviewId, Version};
use interline_core::review::StatusPolicy;
use serde::de::{Deserialize, Deserializer, Error};

/// A value of this parameter.
fn named<'de, D, T>(deserializer: D, name: &str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|error| D::Error::custom(format!("{name}: {error}")))
}

pub(super) fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    named(deserializer, "limit").map(Some)
}

pub(super) fn after_review<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ReviewId>, D::Error> {
    named(deserializer, "after").map(Some)
}

pub(super) fn after_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
    named(deserializer, "after")
}

pub(super) fn status_policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusPolicy, D::Error> {
    let unknown = |error: D::Error| D::Error::custom(format!("status_policy: {error}"));
    StatusPolicy::deserialize(deserializer).map_err(unknown)
}

pub(super) fn wait<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    named(deserializer, "wait")
}

pub(super) fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Version>, D::Error> {
    named(deserializer, "version").map(Some)
}
