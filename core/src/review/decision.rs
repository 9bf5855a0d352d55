//! What reviewers decided, one register each beside the review's status.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Status;
use crate::clock::{Millis, Stamp};
use crate::id::{UserId, Version};

/// One reviewer's decision: nobody else writes it, so it is never in conflict.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// What it is.
    pub value: Status,
    /// The code that they had seen.
    pub patch_set: u32,
    /// The version that they had seen.
    pub seen: Version,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When the server took it, on its clock.
    pub at: Millis,
    /// The entry that holds it.
    pub version: Version,
    /// Decides between the reviewer's own clients.
    pub stamp: Stamp,
}

/// Everybody's decisions, by user.
pub type Decisions = BTreeMap<UserId, Decision>;

impl Decision {
    /// Whether it was made on code that is not the newest.
    pub fn is_stale(&self, patch_set: u32) -> bool {
        self.patch_set < patch_set
    }
}
