//! What has to be true of a history of drafts, by the two logs and by what people did, and by nothing of core's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Left, Publishing};
use crate::failure::{Check, Failure};
use crate::text;

/// Comments by their ids, with their texts.
type Texts = BTreeMap<String, String>;

/// What became visible at once.
#[derive(PartialEq, Debug)]
struct Published {
    seq: u64,
    comments: Texts,
}

/// Checks all of it.
pub fn check(left: &Left) -> Result<(), Failure> {
    let broken = |what: String| Failure::new(Check::Chain, what);
    let drafts = entries(&left.drafts).map_err(broken)?;
    let review = entries(&left.review).map_err(broken)?;
    let lost_review = entries(&left.lost_review).map_err(broken)?;
    let mut folded = Texts::new();
    let mut gone_out = Vec::new();
    for entry in &drafts {
        for fact in facts(entry) {
            if let Some(published) = fact.get("drafts_published") {
                let ids = strings(&published["comments"]);
                let text = |id: &String| Some((id.clone(), folded.get(id)?.clone()));
                gone_out.push(Published {
                    seq: gone_out.len() as u64 + 1,
                    comments: ids.iter().filter_map(text).collect(),
                });
            }
        }
        fold(&mut folded, entry).map_err(broken)?;
    }
    let (mut shown, mut came_in, mut notes) = (Texts::new(), Vec::new(), BTreeMap::new());
    for entry in &review {
        private(left, entry, &came_in)?;
        let publishes = entry["client"] == left.publisher.as_str();
        if publishes {
            let mut comments = Texts::new();
            fold(&mut comments, entry).map_err(broken)?;
            came_in.push(Published { seq: entry["seq"].as_u64().unwrap_or_default(), comments });
        }
        for decided in facts(entry).filter_map(|fact| fact.get("decision_set")) {
            if let Some(note) = decided["note"].as_str() {
                let comments: Vec<String> = came_in
                    .last()
                    .filter(|_| publishes)
                    .map(|last| last.comments.keys().cloned().collect())
                    .unwrap_or_default();
                if notes.insert(note.to_owned(), comments).is_some() {
                    return fail(Check::Once, format!("the decision with the note {note} came twice"));
                }
            }
        }
        fold(&mut shown, entry).map_err(|what| Failure::new(Check::Once, what))?;
    }
    if gone_out != came_in {
        return fail(
            Check::Once,
            format!("drafts say that {gone_out:?} was published, the review that {came_in:?} was"),
        );
    }
    // What somebody decided later on their other device stands: the entry says so, and not what for.
    let mut outdone: Vec<Vec<String>> = review
        .iter()
        .chain(&lost_review)
        .filter(|entry| entry["client"] == left.publisher.as_str() && is_outdone(entry))
        .map(added)
        .collect();
    let begun: BTreeSet<String> = drafts.iter().flat_map(added).collect();
    for one in &left.publications {
        // What went with a part of the store is a draft again, and may have been published in another way since.
        let again = |id: &String| begun.contains(id) || left.aside.contains(id.as_str());
        if left.lost == 0 || !one.comments.iter().all(again) {
            whole(left, one, &came_in, &notes, &mut outdone)?;
        } else if let Some(note) = &one.note
            && !notes.contains_key(note)
            && !left.aside.contains(note)
            && !decided_anew(&lost_review, note)
        {
            let named: BTreeSet<&String> = one.comments.iter().collect();
            let same = |comments: &Vec<String>| comments.iter().collect::<BTreeSet<_>>() == named;
            let at = outdone.iter().position(same);
            let at = at.ok_or_else(|| {
                Failure::new(Check::Intent, format!("the decision of {one:?} was lost without a word"))
            })?;
            outdone.swap_remove(at);
        }
    }
    // What came too late for a publication goes on in the comment once.
    for (mark, draft) in left.typed.iter().filter(|_| left.lost == 0) {
        if shown.values().map(|text| text.matches(*mark).count()).sum::<usize>() > 1 {
            return fail(
                Check::Words,
                format!("{mark} was typed into {draft} once, and everybody sees it twice"),
            );
        }
    }
    let there = |mark: &char| folded.values().chain(shown.values()).any(|text| text.contains(*mark));
    // What was removed and went with a part of the store is nobody's any more.
    let nowhere = |(mark, draft): &&(char, String)| {
        !there(mark) && !left.aside.contains(*mark) && (left.lost == 0 || !left.removed.contains(draft))
    };
    match left.typed.iter().find(nowhere) {
        Some((mark, draft)) => {
            fail(Check::Words, format!("{mark} was typed into {draft} and saved, and is nowhere"))
        }
        None => Ok(()),
    }
}

/// Whether its decision was none any more.
fn is_outdone(entry: &Value) -> bool {
    let mut verdicts = entry["verdicts"].as_array().into_iter().flatten();
    verdicts.any(|verdict| verdict["outcome"]["superseded"]["field"] == "decision")
}

/// Whether their author decided anew, before what they had decided with this note was lost with that.
fn decided_anew(lost: &[Value], note: &str) -> bool {
    let own = lost.iter().filter(|entry| entry["author"] == "ann").flat_map(facts);
    let mut decided = own.filter_map(|fact| fact.get("decision_set")).map(|set| set["note"] == note);
    decided.any(|this| this) && decided.any(|this| !this)
}

/// The comments that an entry adds.
fn added(entry: &Value) -> Vec<String> {
    let ids = facts(entry).filter_map(|fact| fact.get("comment_added")?["comment"].as_str());
    ids.map(str::to_owned).collect()
}

/// A publication has happened whole, or is set aside whole.
fn whole(
    left: &Left,
    one: &Publishing,
    came_in: &[Published],
    notes: &BTreeMap<String, Vec<String>>,
    outdone: &mut Vec<Vec<String>>,
) -> Result<(), Failure> {
    let named: BTreeSet<&String> = one.comments.iter().collect();
    let same = |comments: &BTreeSet<&String>| *comments == named;
    let happened = match &one.note {
        Some(note) => match notes.get(note) {
            Some(comments) if !same(&comments.iter().collect()) => {
                return fail(Check::Once, format!("{one:?} came as {comments:?}"));
            }
            found => found.is_some(),
        },
        None => came_in.iter().any(|published| same(&published.comments.keys().collect())),
    };
    let aside = one.note.iter().chain(&one.comments).all(|word| left.aside.contains(word));
    if happened || aside {
        return Ok(());
    }
    let at = outdone.iter().position(|comments| one.note.is_some() && same(&comments.iter().collect()));
    match at {
        Some(at) => drop(outdone.swap_remove(at)),
        None => return fail(Check::Intent, format!("{one:?} is gone without a word")),
    }
    Ok(())
}

/// Nothing that was typed into a draft is in the review before that draft was published.
fn private(left: &Left, entry: &Value, before: &[Published]) -> Result<(), Failure> {
    if entry["client"] == left.publisher.as_str() {
        return Ok(());
    }
    for fact in facts(entry) {
        let written = fact.to_string();
        if !left.typed.iter().any(|(mark, _)| written.contains(*mark)) {
            continue;
        }
        // Late edits of published drafts, and what conflicts keep of them.
        let id = fact["text_edited"]["comment"].as_str();
        let late = id.is_some_and(|id| before.iter().any(|published| published.comments.contains_key(id)));
        let kept = fact.as_object().is_some_and(|fact| fact.keys().any(|key| key.starts_with("conflict_")));
        if !(late && entry["author"] == "ann" || kept) {
            return fail(Check::Intent, format!("a draft was told to everybody: {written}"));
        }
    }
    Ok(())
}

fn entries(payloads: &[String]) -> Result<Vec<Value>, String> {
    payloads.iter().map(|payload| serde_json::from_str(payload).map_err(|error| error.to_string())).collect()
}

fn facts(entry: &Value) -> impl Iterator<Item = &Value> {
    entry["facts"].as_array().into_iter().flatten()
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// What an entry does to texts.
fn fold(texts: &mut Texts, entry: &Value) -> Result<(), String> {
    for fact in facts(entry) {
        if let Some(added) = fact.get("comment_added") {
            let (id, text) = (added["comment"].to_string(), added["text"].as_str().unwrap_or_default());
            let id = id.trim_matches('"').to_owned();
            if texts.insert(id.clone(), text.to_owned()).is_some() {
                return Err(format!("{id} came twice"));
            }
        }
        if let Some(edited) = fact.get("text_edited") {
            let text = edited["comment"].as_str().and_then(|id| texts.get_mut(id));
            let text = text.ok_or_else(|| format!("an edit of nothing: {edited}"))?;
            *text = text::apply(text, &edited["op"])?.text;
        }
        // What is published is a draft no more: nobody writes in it there.
        if let Some(published) = fact.get("drafts_published") {
            texts.retain(|id, _| !strings(&published["comments"]).contains(id));
        }
    }
    Ok(())
}

fn fail<T>(check: Check, what: String) -> Result<T, Failure> {
    Err(Failure::new(check, what))
}
