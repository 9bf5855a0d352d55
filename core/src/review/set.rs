//! Sets that everybody adds to and takes from: an observed-remove set (Shapiro et al., 2011).
//!
//! Every addition has a name of its own, a [`Dot`]. Taking an element out takes out the additions that were seen and
//! no others, so who adds it again meanwhile keeps it. A [`Delta`] names additions that came and went. Deltas join by
//! union: in any order, any grouping, any number of times, to the same set.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{ClientId, Version};

/// The name of one addition: the entry that made it, and whose entry that was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dot {
    /// The entry.
    pub version: Version,
    /// The client that wrote it.
    pub client: ClientId,
}

/// Additions by element.
pub type Dots = BTreeMap<String, BTreeSet<Dot>>;

/// What came to a set, and what went.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// What came.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub added: Dots,
    /// What went. An addition that is named here is gone for good, even if it is heard of later.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub removed: Dots,
}

impl Delta {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    /// Both of them: the least that holds what either does.
    pub fn join(mut self, other: &Delta) -> Delta {
        unite(&mut self.added, &other.added);
        unite(&mut self.removed, &other.removed);
        self
    }
}

/// The additions of a set that stand. What went leaves no trace here: the log brings every delta once, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Elements(Dots);

impl Elements {
    /// What is in the set.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether it is in the set.
    pub fn contains(&self, element: &str) -> bool {
        self.0.contains_key(element)
    }

    /// How much is in the set.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The additions of an element that stand.
    pub fn dots(&self, element: &str) -> impl Iterator<Item = &Dot> {
        self.0.get(element).into_iter().flatten()
    }

    /// Takes in what came and went.
    pub fn apply(&mut self, delta: &Delta) {
        unite(&mut self.0, &delta.added);
        for (element, gone) in &delta.removed {
            if let Some(standing) = self.0.get_mut(element) {
                standing.retain(|dot| !gone.contains(dot));
                if standing.is_empty() {
                    self.0.remove(element);
                }
            }
        }
    }
}

fn unite(into: &mut Dots, more: &Dots) {
    for (element, dots) in more {
        into.entry(element.clone()).or_default().extend(dots);
    }
}

/// The sets of one entity, by field. A set that is empty is absent.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sets(BTreeMap<String, Elements>);

impl Sets {
    /// A set, if there is anything in it.
    pub fn get(&self, field: &str) -> Option<&Elements> {
        self.0.get(field)
    }

    /// What is in a set.
    pub fn elements(&self, field: &str) -> impl Iterator<Item = &str> {
        self.get(field).into_iter().flat_map(Elements::iter)
    }

    /// The sets that hold anything.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Elements)> {
        self.0.iter().map(|(field, elements)| (field.as_str(), elements))
    }

    /// Whether nothing is in any of them.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in what came to one of them and what went.
    pub fn apply(&mut self, field: &str, delta: &Delta) {
        let set = self.0.entry(field.to_owned()).or_default();
        set.apply(delta);
        if set.is_empty() {
            self.0.remove(field);
        }
    }
}
