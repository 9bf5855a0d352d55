//! What entries insert, and what went with a store that was set back.

use std::collections::BTreeSet;

use serde_json::Value;

use super::text;
use crate::evidence::Evidence;
use crate::ink::is_mark;

/// Whose fact it is, about which comment, and the text that it inserts.
pub(super) fn inserted(entries: &[Value]) -> impl Iterator<Item = (&str, &str, String)> {
    let facts = entries.iter().flat_map(|entry| {
        let client = text(entry, "client");
        entry["facts"].as_array().into_iter().flatten().map(move |fact| (client, fact))
    });
    facts.filter_map(|(client, fact)| {
        if let Some(fact) = fact.get("comment_added") {
            return Some((client, text(fact, "comment"), text(fact, "text").to_owned()));
        }
        let fact = fact.get("text_edited")?;
        let parts = fact["op"].as_array().into_iter().flatten();
        Some((client, text(fact, "comment"), parts.filter_map(Value::as_str).collect()))
    })
}

/// What was acknowledged and is lost, because an operator set the store back.
#[derive(Default)]
pub(super) struct Lost {
    pub(super) entries: Vec<Value>,
    /// Marks that it wrote.
    pub(super) marks: BTreeSet<char>,
    /// Comments that it was about.
    pub(super) comments: BTreeSet<String>,
}

impl Lost {
    pub(super) fn of(evidence: &Evidence) -> Result<Lost, String> {
        let mut lost = Lost::default();
        for payload in &evidence.lost {
            lost.entries.push(serde_json::from_str(payload).map_err(|error| error.to_string())?);
        }
        for (_, comment, inserted) in inserted(&lost.entries) {
            lost.marks.extend(inserted.chars().filter(|scalar| is_mark(*scalar)));
            lost.comments.insert(comment.to_owned());
        }
        Ok(lost)
    }

    /// Whether the store was set back again behind what had been lost before.
    pub(super) fn more_than_once(&self) -> bool {
        let version = |entry: &Value| entry["version"].as_u64().unwrap_or_default();
        self.entries.windows(2).any(|pair| version(&pair[1]) <= version(&pair[0]))
    }

    /// The facts of a kind.
    pub(super) fn facts(&self, name: &'static str) -> impl Iterator<Item = &Value> {
        let facts = self.entries.iter().flat_map(|entry| entry["facts"].as_array().into_iter().flatten());
        facts.filter_map(move |fact| fact.get(name))
    }
}
