//! Fields: which there are, what they take, and who wins. [`FIELDS`] is the one place to add one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Stamp;
use crate::id::{UserId, Version};

/// Every field that exists.
pub const FIELDS: &[FieldSpec] = &[
    FieldSpec::new(Holder::Review, "title", ValueSpec::Line { max_chars: 200 }, Policy::LastWriterWins),
    FieldSpec::new(Holder::Review, "status", ValueSpec::OneOf(Status::NAMES), Policy::LastWriterWins),
    FieldSpec::new(Holder::Thread, "resolved", ValueSpec::Flag, Policy::LastWriterWins),
];

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
        match (self.value, value) {
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
        let register = Register { value, version: 1, stamp: None, by: by.clone() };
        self.0.insert(name.to_owned(), register);
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
