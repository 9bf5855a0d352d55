//! The review that a log makes, worked out once more from the JSON as the protocol describes it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{beside, text};
use crate::evidence::Evidence;
use crate::ink::marks;
use crate::text::{Done, apply};

/// What a log makes.
#[derive(Clone, Debug)]
pub(super) struct Folded {
    /// Its entries.
    pub(super) entries: Vec<Value>,
    /// The review, in the form of a snapshot.
    pub(super) review: Value,
    /// How each mark came into the texts and went from them, oldest first.
    pub(super) moves: BTreeMap<char, Vec<Move>>,
}

/// A mark comes into a text, or goes from it.
#[derive(Clone, Debug)]
pub(super) struct Move {
    pub(super) version: u64,
    /// Who did it.
    pub(super) client: String,
    pub(super) gone: bool,
}

impl Folded {
    /// Folds a log; an error where a checksum does not hold or a fact does not fit.
    pub(super) fn of(evidence: &Evidence) -> Result<Folded, String> {
        let (mut entries, mut moves) = (Vec::new(), BTreeMap::new());
        let mut review = json!({"version": 0, "patch_set": 0, "fields": {}, "comments": {}});
        for logged in &evidence.log {
            let entry: Value = serde_json::from_str(&logged.payload).map_err(|error| error.to_string())?;
            if entry["version"] != json!(logged.place.0) {
                return Err(format!("entry {} calls itself {}", logged.place.0, entry["version"]));
            }
            for fact in entry["facts"].as_array().into_iter().flatten() {
                let one = fact.as_object().and_then(|fact| fact.iter().next());
                let (name, fact) = one.ok_or_else(|| format!("{fact} is not a fact"))?;
                let moved = take(&mut review, &entry, name, fact)
                    .map_err(|what| format!("entry {}: {what}", logged.place.0))?;
                for (text, gone) in [(moved.deleted, true), (moved.inserted, false)] {
                    for mark in marks(&text).chars() {
                        let client = self::text(&entry, "client").to_owned();
                        let moves: &mut Vec<_> = moves.entry(mark).or_default();
                        moves.push(Move { version: logged.place.0, client, gone });
                    }
                }
            }
            review["version"] = entry["version"].clone();
            entries.push(entry);
        }
        beside::tidy(&mut review);
        Ok(Folded { entries, review, moves })
    }

    /// The comments, by id.
    pub(super) fn comments(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.review["comments"].as_object().into_iter().flatten()
    }

    /// Every fact of a kind, with the client that it came from.
    pub(super) fn facts(&self, name: &'static str) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().flat_map(move |entry| {
            let facts = entry["facts"].as_array().into_iter().flatten();
            facts.filter_map(move |fact| Some((text(entry, "client"), fact.get(name)?)))
        })
    }
}

/// Takes a fact in, and says what that did to a text.
fn take(review: &mut Value, entry: &Value, name: &str, fact: &Value) -> Result<Done, String> {
    let mut moved = Done::default();
    match name {
        "review_created" => {
            review["created_at"] = entry["at"].clone();
            review["fields"]["title"] =
                json!({"value": fact["title"], "version": entry["version"], "by": entry["author"]});
        }
        "patch_set_added" => {
            review["patch_set"] = fact["number"].clone();
            for moved in fact["moves"].as_array().into_iter().flatten() {
                let comment = comment(review, moved)?;
                comment["place"] = json!({"line": moved["anchor"]});
                comment["standing"] = moved["standing"].clone();
            }
        }
        "comment_added" => {
            let id = text(fact, "comment");
            if review["comments"].get(id).is_some() {
                return Err(format!("{id} is added twice"));
            }
            review["comments"][id] = json!({
                "id": id, "author": entry["author"], "place": fact["place"], "created": fact["created"],
                "added": entry["version"], "text": fact["text"],
            });
            if let Some(standing) = fact.get("standing") {
                review["comments"][id]["standing"] = standing.clone();
            }
            moved.inserted = text(fact, "text").to_owned();
        }
        "text_edited" => {
            let comment = comment(review, fact)?;
            let done = apply(text(comment, "text"), &fact["op"])?;
            if json!(crc32(done.text.as_bytes())) != fact["checksum"] {
                return Err(format!("the checksum of {:?} is not {}", done.text, fact["checksum"]));
            }
            comment["text"] = json!(done.text);
            comment["edited"] =
                json!({"version": entry["version"], "by": entry["author"], "at": entry["at"]});
            moved = done;
        }
        "field_set" => {
            let mut register = json!({
                "value": fact["value"], "version": entry["version"], "stamp": fact["stamp"], "by": entry["author"],
            });
            for told in ["seen", "patch_set", "with"].into_iter().filter(|told| fact.get(told).is_some()) {
                register[told] = fact[told].clone();
            }
            let field = text(fact, "field");
            match &fact["entity"] {
                Value::String(_) => review["fields"][field] = register,
                entity => {
                    let comment = comment(review, entity)?;
                    if comment.get("fields").is_none() {
                        comment["fields"] = Value::Object(Map::new());
                    }
                    comment["fields"][field] = register;
                }
            }
        }
        "comment_removed" => {
            let removal = json!({"version": entry["version"], "by": entry["author"], "at": entry["at"]});
            let comment = comment(review, fact)?;
            if comment.get("removed").is_none() {
                comment["removed"] = removal;
            }
        }
        "comment_restored" => {
            comment(review, fact)?.as_object_mut().map(|comment| comment.remove("removed"));
        }
        _ => beside::take(review, entry, name, fact)?,
    }
    Ok(moved)
}

fn comment<'a>(review: &'a mut Value, fact: &Value) -> Result<&'a mut Value, String> {
    let id = text(fact, "comment");
    review["comments"].get_mut(id).ok_or_else(|| format!("there is no comment {id}"))
}

/// CRC-32 as in zlib, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}
