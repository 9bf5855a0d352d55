//! What a log makes of sets, decisions and conflicts, from the JSON as the protocol describes it.

use serde_json::{Map, Value, json};

use super::text;

/// How many settlements are remembered.
const REMEMBERED: usize = 256;

/// Takes a fact in that is about none of the texts and fields.
pub(super) fn take(review: &mut Value, entry: &Value, name: &str, fact: &Value) -> Result<(), String> {
    match name {
        "set_changed" => set(review, fact),
        "decision_set" => {
            let mut decision = fact.clone();
            decision["at"] = entry["at"].clone();
            decision["version"] = entry["version"].clone();
            object(&mut review["decisions"]).insert(text(entry, "author").to_owned(), decision);
            Ok(())
        }
        "conflict_raised" => {
            let about = |open: &&Value| open["entity"] == fact["entity"] && open["field"] == fact["field"];
            if let Some(open) = open(review).values().find(about) {
                return Err(format!("{} is raised while {} is open about the same", fact["id"], open["id"]));
            }
            open(review).insert(text(fact, "id").to_owned(), fact.clone());
            Ok(())
        }
        "conflict_joined" => {
            let id = text(fact, "conflict");
            let there = open(review).get_mut(id).ok_or_else(|| format!("{id} is joined and not open"))?;
            if let Some(merged) = fact.get("merged") {
                there["merged"] = merged.clone();
            }
            let Some(sides) = there["sides"].as_array_mut() else { return Err(format!("{id} has no sides")) };
            match sides.iter_mut().find(|side| side["user"] == fact["side"]["user"]) {
                Some(side) => *side = fact["side"].clone(),
                None => sides.push(fact["side"].clone()),
            }
            Ok(())
        }
        "conflict_settled" => {
            let id = text(fact, "conflict");
            open(review).remove(id).ok_or_else(|| format!("{id} is settled and not open"))?;
            let mut settlement = fact.clone();
            settlement["by"] = entry["author"].clone();
            settlement["version"] = entry["version"].clone();
            settlement["at"] = entry["at"].clone();
            let settled = object(object(&mut review["conflicts"]).entry("settled").or_insert(Value::Null));
            settled.insert(id.to_owned(), settlement);
            while settled.len() > REMEMBERED {
                let oldest = settled.keys().min_by_key(|id| number(id)).cloned().unwrap_or_default();
                settled.remove(&oldest);
            }
            Ok(())
        }
        _ => Err(format!("an unknown fact {name}")),
    }
}

/// What is empty is not there.
pub(super) fn tidy(review: &mut Value) {
    let Some(review) = review.as_object_mut() else { return };
    if let Some(conflicts) = review.get_mut("conflicts").and_then(Value::as_object_mut) {
        conflicts.retain(|_, part| part.as_object().is_some_and(|part| !part.is_empty()));
    }
    let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty) || value.is_null();
    for name in ["conflicts", "sets", "decisions"] {
        if review.get(name).is_some_and(empty) {
            review.remove(name);
        }
    }
}

fn number(id: &str) -> (u64, u64) {
    let (version, index) = id.split_once('.').unwrap_or_default();
    (version.parse().unwrap_or_default(), index.parse().unwrap_or_default())
}

fn open(review: &mut Value) -> &mut Map<String, Value> {
    object(object(&mut review["conflicts"]).entry("open").or_insert(Value::Null))
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().unwrap_or_else(|| unreachable!("it has just become one"))
}

fn set(review: &mut Value, fact: &Value) -> Result<(), String> {
    let holder = match &fact["entity"] {
        Value::String(_) => review,
        entity => {
            let id = text(entity, "comment");
            review["comments"].get_mut(id).ok_or_else(|| format!("there is no comment {id}"))?
        }
    };
    let sets = object(&mut holder["sets"]);
    let set = object(sets.entry(text(fact, "field")).or_insert(Value::Null));
    let dots = |half: &str| fact["delta"][half].as_object().cloned().unwrap_or_default();
    for (element, added) in dots("added") {
        let there = set.entry(element).or_insert(json!([]));
        let Some(there) = there.as_array_mut() else { continue };
        there.extend(added.as_array().into_iter().flatten().cloned());
        there.sort_by_key(|dot| (dot["version"].as_u64(), text(dot, "client").to_owned()));
    }
    for (element, gone) in dots("removed") {
        let Some(there) = set.get_mut(&element).and_then(Value::as_array_mut) else { continue };
        there.retain(|dot| !gone.as_array().into_iter().flatten().any(|one| one == dot));
        if there.is_empty() {
            set.remove(&element);
        }
    }
    if set.is_empty() {
        let field = text(fact, "field").to_owned();
        sets.remove(&field);
    }
    if sets.is_empty() {
        holder.as_object_mut().map(|holder| holder.remove("sets"));
    }
    Ok(())
}
