//! Everybody who stands for the review's status: it moves away from what they chose only by somebody who had seen each
//! of them, and where one disagrees with them unseen each of those is a side.

use std::collections::BTreeMap;

use serde_json::Value;

use super::text;

/// Who stands for what the status is, since when, and what the sides say while people disagree about it.
#[derive(Default)]
pub(super) struct Standers {
    value: Option<Value>,
    who: BTreeMap<String, u64>,
    sides: BTreeMap<String, (u64, Value)>,
}

impl Standers {
    /// Takes in a `field_set` of the status, by an author who had seen that much.
    pub(super) fn set(
        &mut self,
        author: &str,
        version: u64,
        set: &Value,
        seen: Option<u64>,
    ) -> Result<(), String> {
        if let Some(stood) = self.value.as_ref().filter(|stood| **stood != set["value"]) {
            // Among people who disagree openly one's own value is what one changes: what another says stays theirs.
            let own = self.sides.get(author).is_some_and(|(_, said)| said == stood);
            for (user, at) in self.who.iter().filter(|(user, _)| *user != author) {
                if seen.is_none_or(|seen| seen < *at) && !(own && self.sides.contains_key(user)) {
                    let what = format!("overwrites {user}'s {stood} of {at}, having seen {seen:?}");
                    return Err(format!("{author} in {version} {what}"));
                }
            }
            self.who.clear();
        }
        let agree = self.sides.iter().filter(|(_, (_, said))| *said == set["value"]);
        self.who.extend(agree.map(|(user, (at, _))| (user.clone(), *at)));
        self.who.insert(author.to_owned(), version);
        self.value = Some(set["value"].clone());
        let with = set["with"].as_array().into_iter().flatten();
        let told: Vec<&str> = with.map(|side| text(side, "user")).chain([author]).collect();
        match self.who.keys().find(|user| !told.contains(&user.as_str())) {
            Some(user) => Err(format!("{version} does not say that {user} stands for {}", set["value"])),
            None => Ok(()),
        }
    }

    /// Takes in a conflict about the status that is raised by its last side.
    pub(super) fn raised(&mut self, author: &str, conflict: &Value) -> Result<(), String> {
        let sides = || conflict["sides"].as_array().into_iter().flatten();
        let seen = sides().last().and_then(|mine| mine["seen"].as_u64());
        self.sides.clear();
        sides().for_each(|side| self.said(side));
        let untold = |(user, at): &(&String, &u64)| {
            *user != author && seen < Some(**at) && !self.sides.contains_key(*user)
        };
        match self.who.iter().find(untold) {
            Some((user, at)) => {
                Err(format!("{user} stands for it since {at}, and is no side of {}", conflict["id"]))
            }
            None => Ok(()),
        }
    }

    /// Takes in a side of it.
    pub(super) fn said(&mut self, side: &Value) {
        let at = side["version"].as_u64().unwrap_or_default();
        if self.value.as_ref() != Some(&side["value"]) {
            self.who.remove(text(side, "user"));
        }
        self.sides.insert(text(side, "user").to_owned(), (at, side["value"].clone()));
    }

    /// It is over.
    pub(super) fn settled(&mut self) {
        self.sides.clear();
    }
}
