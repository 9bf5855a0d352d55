//! Fields: which there are, what they take, and what happens when two people write one. [`FIELDS`] is the one place to
//! add one, in one line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ConflictSide;
use crate::clock::Stamp;
use crate::id::{UserId, Version};

/// Every field that exists.
pub const FIELDS: &[FieldSpec] = &[
    FieldSpec::new(Holder::Review, "title", ValueSpec::Line { max_chars: 200 }, Policy::LastWriterWins),
    FieldSpec::new(Holder::Review, "status", ValueSpec::OneOf(Status::NAMES), Policy::UserGuided),
    FieldSpec::new(Holder::Review, "tags", TAG, Policy::AddRemove { max: 64 }),
    FieldSpec::new(Holder::Thread, "resolved", ValueSpec::Flag, Policy::LastWriterWins),
    FieldSpec::new(Holder::Thread, "tags", TAG, Policy::AddRemove { max: 16 }),
    FieldSpec::new(Holder::Reply, "tags", TAG, Policy::AddRemove { max: 16 }),
];

/// What a tag may be.
const TAG: ValueSpec = ValueSpec::Line { max_chars: 50 };

/// One field: who has it, what it takes, and what happens when two people write it.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    /// Who has it.
    pub holder: Holder,
    /// Its name on the wire.
    pub name: &'static str,
    /// What it takes.
    pub value: ValueSpec,
    /// What happens to concurrent writes.
    pub policy: Policy,
}

/// The kinds of things that have fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    /// The review.
    Review,
    /// The root comment of a thread.
    Thread,
    /// A comment below one.
    Reply,
}

/// What a field takes.
#[derive(Clone, Copy, Debug)]
pub enum ValueSpec {
    /// True or false.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A line of text that is not blank and holds no control characters.
    Line {
        /// The longest, in Unicode scalars.
        max_chars: usize,
    },
}

/// What happens when two people write one field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// A write whose author had seen the value it replaces stands, whatever the clocks say; of concurrent
    /// writes the one with the later [`Stamp`] does. A last-writer-wins register (Shapiro et al., 2011).
    LastWriterWins,
    /// Where somebody else has moved it meanwhile, to something different, the first write stands and a conflict is
    /// open until a person settles it. Between one user's own clients the last writer wins.
    UserGuided,
    /// A set: what comes and what goes, both kept. See [`Elements`](super::Elements).
    AddRemove {
        /// The most elements.
        max: usize,
    },
}

/// What happens when two people move a review's status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusPolicy {
    /// [`Policy::UserGuided`].
    #[default]
    UserGuided,
    /// [`Policy::LastWriterWins`].
    Lww,
}

impl StatusPolicy {
    /// Whether it is what a review has where nothing else is said.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub fn is_usual(&self) -> bool {
        *self == StatusPolicy::default()
    }
}

/// A field's value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// True or false.
    Flag(bool),
    /// A word or a line.
    Text(String),
}

/// The value of a field, and the write it comes from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// What the field is.
    pub value: FieldValue,
    /// The entry that wrote it.
    pub version: Version,
    /// That write's stamp; a value the review was created with has none and loses to every write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Stamp>,
    /// Who wrote it.
    pub by: UserId,
    /// The version they had seen, where people settle conflicts about the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Version>,
    /// The code they had seen, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_set: Option<u32>,
    /// Who else stands for the value, likewise: who wrote it too, or chose it in a conflict that is over, the latest first.
    /// Whoever moves it has to have seen them as well. At most [`Register::MOST_WITH`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<ConflictSide>,
}

impl Register {
    /// The most people of whom it says that they stand for its value beside the last. Who has not seen somebody beyond that
    /// has not seen any of these either, so that nothing is overwritten unseen for want of room.
    pub const MOST_WITH: usize = 64;

    /// A value with what decides between it and others.
    pub fn new(value: FieldValue, version: Version, stamp: Option<Stamp>, by: UserId) -> Register {
        Register { value, version, stamp, by, seen: None, patch_set: None, with: Vec::new() }
    }

    /// Everybody who stands for the value, as a conflict would have them, the latest first.
    pub fn sides(&self) -> impl Iterator<Item = ConflictSide> {
        let Register { value, version, stamp, by, seen, patch_set, with } = self.clone();
        let at = stamp.map_or(0, |stamp| stamp.at.ms);
        std::iter::once(ConflictSide { value, user: by, version, seen, patch_set, at }).chain(with)
    }

    /// Of two concurrent writes, the one that stands: in any order, any grouping, any number of times the same. Stamps
    /// are never equal, for they end with the client.
    pub fn join<'a>(&'a self, other: &'a Register) -> &'a Register {
        if other.stamp > self.stamp { other } else { self }
    }
}

/// The fields of one entity, by name. A field that was never written is absent.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(BTreeMap<String, Register>);

/// Looks a field up.
pub fn spec(holder: Holder, name: &str) -> Option<&'static FieldSpec> {
    FIELDS.iter().find(|spec| spec.holder == holder && spec.name == name)
}

impl FieldSpec {
    const fn new(holder: Holder, name: &'static str, value: ValueSpec, policy: Policy) -> FieldSpec {
        FieldSpec { holder, name, value, policy }
    }

    /// Whether the field takes a value.
    pub fn takes(&self, value: &FieldValue) -> bool {
        self.policy.is_register() && self.value.takes(value)
    }

    /// Whether the set takes an element.
    pub fn takes_element(&self, element: &str) -> bool {
        !self.policy.is_register() && self.value.takes(&FieldValue::Text(element.to_owned()))
    }
}

impl Policy {
    fn is_register(self) -> bool {
        !matches!(self, Policy::AddRemove { .. })
    }
}

impl ValueSpec {
    fn takes(self, value: &FieldValue) -> bool {
        match (self, value) {
            (ValueSpec::Flag, FieldValue::Flag(_)) => true,
            (ValueSpec::OneOf(words), FieldValue::Text(word)) => words.contains(&word.as_str()),
            (ValueSpec::Line { max_chars }, FieldValue::Text(line)) => {
                !line.trim().is_empty()
                    && line.chars().count() <= max_chars
                    && !line.chars().any(char::is_control)
            }
            _ => false,
        }
    }
}

impl Fields {
    /// The field's value.
    pub fn value(&self, name: &str) -> Option<&FieldValue> {
        self.0.get(name).map(|register| &register.value)
    }

    /// The field's value and where it comes from.
    pub fn register(&self, name: &str) -> Option<&Register> {
        self.0.get(name)
    }

    /// The names of the fields that were written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether no field was ever written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn create(&mut self, name: &str, value: FieldValue, by: &UserId) {
        self.0.insert(name.to_owned(), Register::new(value, 1, None, by.clone()));
    }

    pub(crate) fn set(&mut self, name: &str, register: Register) {
        self.0.insert(name.to_owned(), register);
    }
}

/// A review's decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has decided.
    #[default]
    Pending,
    /// The change may go in.
    Approved,
    /// It may not, yet.
    ChangesRequested,
}

impl Status {
    /// The review's field that holds it.
    pub const FIELD: &'static str = "status";

    /// The words on the wire, in the order of the variants.
    pub const NAMES: &'static [&'static str] = &["pending", "approved", "changes_requested"];

    /// The word on the wire.
    pub fn name(self) -> &'static str {
        Status::NAMES[self as usize]
    }

    /// Reads a field's value.
    pub fn from_value(value: &FieldValue) -> Option<Status> {
        let FieldValue::Text(word) = value else { return None };
        [Status::Pending, Status::Approved, Status::ChangesRequested].into_iter().find(|s| s.name() == word)
    }
}

impl From<Status> for FieldValue {
    fn from(status: Status) -> FieldValue {
        FieldValue::Text(status.name().into())
    }
}
