//! Conflicts: two people wrote something that only a person can settle. The sequencer finds them, the log holds them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::FieldValue;
use crate::change::Entity;
use crate::clock::Millis;
use crate::id::{UserId, Version};

/// A conflict's name: the entry that raised it, and which of that entry's conflicts it is, counted from 0. On the wire
/// `"12.0"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConflictId {
    /// The entry.
    pub version: Version,
    /// Which of its conflicts.
    pub index: u32,
}

/// A text that names no conflict.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a conflict is named by two numbers with a dot between them")]
pub struct BadConflictId;

impl fmt::Display for ConflictId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.version, self.index)
    }
}

impl FromStr for ConflictId {
    type Err = BadConflictId;
    fn from_str(text: &str) -> Result<Self, BadConflictId> {
        let (version, index) = text.split_once('.').ok_or(BadConflictId)?;
        let version = version.parse().map_err(|_| BadConflictId)?;
        let id = ConflictId { version, index: index.parse().map_err(|_| BadConflictId)? };
        // One name each: no signs, no zeros in front.
        if id.to_string() == text { Ok(id) } else { Err(BadConflictId) }
    }
}

impl TryFrom<String> for ConflictId {
    type Error = BadConflictId;
    fn try_from(text: String) -> Result<Self, BadConflictId> {
        text.parse()
    }
}

impl From<ConflictId> for String {
    fn from(id: ConflictId) -> String {
        id.to_string()
    }
}

/// An open conflict.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conflict {
    /// Its name.
    pub id: ConflictId,
    /// What it is about.
    pub entity: Entity,
    /// Which field of that: one of [`FIELDS`](super::FIELDS), [`Conflict::TEXT`] or [`Conflict::REMOVED`].
    pub field: String,
    /// What it was before either wrote, as far as that is known: what the later author had seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<FieldValue>,
    /// Who wrote what, one side for each user; the first one stands, but in a text what was merged does.
    pub sides: Vec<ConflictSide>,
    /// What became of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<String>,
}

/// What one of them wrote.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConflictSide {
    /// The value; of a text the whole of it, of a removal whether the comment shall be gone.
    pub value: FieldValue,
    /// Who.
    pub user: UserId,
    /// The entry in which they did.
    pub version: Version,
    /// The version they had seen, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Version>,
    /// The code they had seen, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_set: Option<u32>,
    /// When, on the server's clock.
    pub at: Millis,
}

/// How a conflict ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By what this user had written.
    Side(UserId),
    /// By what was merged.
    Merged,
    /// By something else.
    Value,
    /// Of itself: its sides have come to the same.
    Agreed,
}

/// The end of a conflict.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// Which conflict.
    pub conflict: ConflictId,
    /// What it was about.
    pub entity: Entity,
    /// Which field of that.
    pub field: String,
    /// Who settled it.
    pub by: UserId,
    /// How.
    pub how: How,
    /// What the field is since; absent for a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<FieldValue>,
    /// The entry that settled it.
    pub version: Version,
    /// When, on the server's clock.
    pub at: Millis,
}

/// The conflicts of a review: those that are open, and how the latest of the others ended.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Conflicts {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    open: BTreeMap<ConflictId, Conflict>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    settled: BTreeMap<ConflictId, Settlement>,
}

impl Conflict {
    /// The field of a conflict about a comment's text.
    pub const TEXT: &'static str = "text";
    /// The field of a conflict about whether a comment is gone.
    pub const REMOVED: &'static str = "removed";

    /// What a user wrote, if they are part of it.
    pub fn side_of(&self, user: &UserId) -> Option<&ConflictSide> {
        self.sides.iter().find(|side| side.user == *user)
    }

    /// The version in which it came to be as it is: who was told this much of it has seen no side that is newer.
    pub fn version(&self) -> Version {
        self.sides.iter().map(|side| side.version).fold(self.id.version, Version::max)
    }

    /// Whether somebody who has seen a version has seen it, with all that others wrote.
    pub fn is_seen(&self, by: &UserId, seen: Version) -> bool {
        self.id.version <= seen && self.sides.iter().all(|side| side.user == *by || side.version <= seen)
    }

    /// How long its texts are together, in scalars.
    pub fn chars(&self) -> usize {
        let of = |value: &FieldValue| match value {
            FieldValue::Text(text) => text.chars().count(),
            FieldValue::Flag(_) => 0,
        };
        let sides: usize = self.sides.iter().map(|side| of(&side.value)).sum();
        let merged = self.merged.as_ref().map_or(0, |text| text.chars().count());
        self.base.as_ref().map_or(0, of) + sides + merged
    }

    /// How it ends by a value.
    pub fn how(&self, value: &FieldValue) -> How {
        match self.sides.iter().find(|side| side.value == *value) {
            Some(side) => How::Side(side.user.clone()),
            None if matches!(value, FieldValue::Text(text) if self.merged.as_ref() == Some(text)) => {
                How::Merged
            }
            None => How::Value,
        }
    }
}

impl Conflicts {
    /// How many settled ones are remembered: whoever settles one of them again hears who was first.
    pub const REMEMBERED: usize = 256;

    /// Those that are open, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Conflict> {
        self.open.values()
    }

    /// One that is open.
    pub fn get(&self, id: ConflictId) -> Option<&Conflict> {
        self.open.get(&id)
    }

    /// The open one about a field.
    pub fn about(&self, entity: Entity, field: &str) -> Option<&Conflict> {
        self.open().find(|conflict| conflict.entity == entity && conflict.field == field)
    }

    /// How one ended, as long as that is remembered.
    pub fn settlement(&self, id: ConflictId) -> Option<&Settlement> {
        self.settled.get(&id)
    }

    /// How the latest ended, by name.
    pub fn settled(&self) -> impl Iterator<Item = &Settlement> {
        self.settled.values()
    }

    /// Whether there was never any.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.settled.is_empty()
    }

    /// How long the texts in open ones are together, in scalars.
    pub fn chars(&self) -> usize {
        self.open().map(Conflict::chars).sum()
    }

    pub(super) fn raise(&mut self, conflict: Conflict) {
        self.open.insert(conflict.id, conflict);
    }

    /// Says whether there is such a conflict.
    pub(super) fn join(&mut self, id: ConflictId, side: &ConflictSide, merged: Option<&String>) -> bool {
        let Some(conflict) = self.open.get_mut(&id) else { return false };
        match conflict.sides.iter_mut().find(|there| there.user == side.user) {
            Some(there) => *there = side.clone(),
            None => conflict.sides.push(side.clone()),
        }
        if let Some(merged) = merged {
            conflict.merged = Some(merged.clone());
        }
        true
    }

    /// One that was raised and settled while somebody was away they hear of only now.
    pub(super) fn settle(&mut self, settlement: Settlement) {
        self.open.remove(&settlement.conflict);
        self.settled.insert(settlement.conflict, settlement);
        while self.settled.len() > Conflicts::REMEMBERED {
            self.settled.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_has_one_name() {
        let id = ConflictId { version: 12, index: 3 };
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"12.3\"");
        assert_eq!("12.3".parse(), Ok(id));
        for bad in ["", "12", "12.", ".3", "+12.3", "012.3", "12.3.4", "-1.0", "12.4294967296"] {
            assert_eq!(bad.parse::<ConflictId>(), Err(BadConflictId), "{bad}");
        }
    }
}
