//! Each checker fires: the remains of a good history are doctored, one way at a time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use interline_simulation::check::{all, only};
use interline_simulation::{
    Answered, Check, ClientSetup, Deed, Evidence, Had, Piece, Plan, Setup, Step, remains,
};
use serde_json::{Value, json};

const CALM: Step = Step::Calm { rounds: 4 };

/// Two threads with a reply, edits, a field, a removal and a rejected comment, by three people.
fn good() -> Evidence {
    let client = |user| ClientSetup { user, skew_ms: 0, slow_disk: false };
    let clients = (0..3).map(client).collect();
    let setup = Setup { nodes: 2, clients, comment_chars: 1_000, batch_changes: 200 };
    let piece = |keep, delete, ink| vec![Piece { keep, delete, ink }];
    let steps = vec![
        Step::Comment { client: 0, line: 0, ink: 7 },
        CALM,
        Step::PatchSet { node: 0, code: 1 },
        CALM,
        Step::Comment { client: 1, line: 1, ink: 6 },
        Step::Comment { client: 2, line: 7, ink: 6 },
        CALM,
        Step::Reply { client: 2, comment: 0, ink: 5 },
        Step::Edit { client: 1, comment: 0, pieces: piece(1, 1, 5) },
        CALM,
        Step::Edit { client: 2, comment: 0, pieces: piece(2, 0, 6) },
        Step::Title { client: 0 },
        CALM,
        Step::Remove { client: 1, comment: 1 },
        Step::Status { client: 1, value: 1 },
        CALM,
        Step::Status { client: 2, value: 10 },
        CALM,
        Step::Status { client: 0, value: 11 },
        Step::Title { client: 0 },
        CALM,
    ];
    let evidence = remains(&Plan { about: String::new(), setup, steps }).unwrap();
    all(&evidence).unwrap();
    assert!(evidence.log.len() > 6, "{:?}", evidence.log);
    evidence
}

fn edited(comment: String, deleted: String, after: String) -> Deed {
    let (written, copied, shared) = Default::default();
    Deed::Edited { comment, written, copied, deleted, shared, after }
}

/// Doctors the remains, and says what the checker of one invariant makes of them.
fn doctored(check: Check, doctor: impl FnOnce(&mut Evidence)) -> String {
    let mut evidence = good();
    doctor(&mut evidence);
    let failure = only(check, &evidence).expect_err("nobody noticed");
    println!("{failure}");
    assert_eq!(failure.check, check, "{failure}");
    failure.what
}

/// Changes the first entry that a closure wants to change.
fn edit(evidence: &mut Evidence, mut change: impl FnMut(&mut Value) -> bool) {
    let done = evidence.log.iter_mut().any(|logged| {
        let mut entry: Value = serde_json::from_str(&logged.payload).unwrap();
        let done = change(&mut entry);
        logged.payload = entry.to_string();
        done
    });
    assert!(done, "nothing to doctor");
}

/// Changes the first fact of a kind that a closure wants to change.
fn edit_fact(evidence: &mut Evidence, name: &str, mut change: impl FnMut(&mut Value) -> bool) {
    edit(evidence, |entry| {
        let facts = entry["facts"].as_array_mut().unwrap().iter_mut();
        facts.filter_map(|fact| fact.get_mut(name)).any(&mut change)
    });
}

/// Sets a key of the first fact of a kind.
fn set(evidence: &mut Evidence, name: &str, key: &str, value: &Value) {
    edit_fact(evidence, name, |fact| {
        fact[key] = value.clone();
        true
    });
}

/// Changes the text of the first comment.
fn edit_text(evidence: &mut Evidence, change: impl Fn(&str) -> String) {
    // Later edits were made for the text as it was.
    for logged in &mut evidence.log {
        let mut entry: Value = serde_json::from_str(&logged.payload).unwrap();
        entry["facts"].as_array_mut().unwrap().retain(|fact| fact.get("text_edited").is_none());
        logged.payload = entry.to_string();
    }
    for seen in &mut evidence.clients {
        seen.intents.retain(|intent| !matches!(intent.deed, Deed::Edited { .. }));
    }
    only(Check::Words, evidence).unwrap();
    edit_fact(evidence, "comment_added", |fact| {
        fact["text"] = json!(change(fact["text"].as_str().unwrap()));
        true
    });
}

#[test]
fn the_chain() {
    let broken = |doctor: fn(&mut Evidence)| {
        let mut evidence = good();
        doctor(&mut evidence);
        assert_eq!(all(&evidence).unwrap_err().check, Check::Chain);
    };
    broken(|evidence| evidence.log[3].payload.push(' '));
    broken(|evidence| drop(evidence.log.remove(2)));
    broken(|evidence| evidence.log.swap(2, 3));
    broken(|evidence| evidence.log[2].place.1 = "0".repeat(64));
    broken(|evidence| evidence.log[2].place.0 = 9);
}

#[test]
fn checksums() {
    let mut evidence = good();
    set(&mut evidence, "text_edited", "checksum", &json!(1));
    assert_eq!(only(Check::Once, &evidence).unwrap_err().check, Check::Chain);
}

#[test]
fn replicas_and_servers_that_differ() {
    doctored(Check::Converged, |evidence| {
        evidence.clients[1].review["fields"]["title"]["value"] = json!("other");
    });
    doctored(Check::Converged, |evidence| evidence.clients[2].place.0 -= 1);
    doctored(Check::Converged, |evidence| evidence.nodes[1].0.1 = "0".repeat(64));
    doctored(Check::Converged, |evidence| evidence.nodes[0].1["comments"] = json!({}));
    doctored(Check::Converged, |evidence| evidence.clients[0].unsynced = 1);
    doctored(Check::Converged, |evidence| {
        evidence.clients[0].shown.values_mut().for_each(|comment| comment["text"] = json!("other"));
    });
    doctored(Check::Converged, |evidence| evidence.clients[1].threads[0].reverse());
}

#[test]
fn acknowledgements_that_were_lost() {
    doctored(Check::Durable, |evidence| evidence.clients[0].heard.push((3, "0".repeat(64))));
    doctored(Check::Durable, |evidence| {
        let beyond = evidence.log.len() as u64 + 1;
        evidence.clients[0].heard.push((beyond, String::new()));
    });
}

#[test]
fn answers_that_are_in_no_store() {
    let told = |change: fn(&mut Answered)| {
        doctored(Check::Durable, |evidence| {
            let mut answer = evidence.answers[0].clone();
            change(&mut answer);
            evidence.clients[0].told.push(answer);
        });
    };
    told(|answer| answer.answer = "other".into());
    told(|answer| answer.version = None);
    told(|answer| answer.seq += 100);
}

#[test]
fn answers_that_do_not_fit_the_log() {
    // An entry without its answer, an answer to another entry, one to none at all.
    doctored(Check::Once, |evidence| drop(evidence.answers.remove(0)));
    doctored(Check::Once, |evidence| evidence.answers[0].version = Some(99));
    doctored(Check::Once, |evidence| {
        let committed = evidence.answers.iter().find(|answered| answered.version.is_some());
        let mut more = committed.unwrap().clone();
        more.seq += 100;
        evidence.answers.push(more);
    });
}

#[test]
fn one_authors_titles_out_of_order() {
    let what = doctored(Check::Ordered, |evidence| {
        let mut titles = Vec::new();
        for _ in 0..2 {
            edit_fact(evidence, "field_set", |fact| {
                let full = fact["field"] == "title" && !fact["value"].is_null();
                if full {
                    titles.push(fact["value"].take());
                }
                full
            });
        }
        for title in titles.into_iter().rev() {
            // Empty ones are refilled in the order of the log.
            edit_fact(evidence, "field_set", |fact| {
                let empty = fact["value"].is_null();
                fact["value"] = if empty { title.clone() } else { fact["value"].clone() };
                empty
            });
        }
    });
    assert!(what.contains("earlier"), "{what}");
}

#[test]
fn text_that_changed_places() {
    let what = doctored(Check::Ordered, |evidence| {
        let Deed::Added { marks, .. } = &mut evidence.clients[0].intents[0].deed else {
            panic!("added first")
        };
        *marks = marks.chars().rev().collect();
    });
    assert!(what.contains("further behind"), "{what}");
}

#[test]
fn batches_that_took_effect_twice() {
    doctored(Check::Once, |evidence| {
        edit(evidence, |entry| {
            let own = entry["seq"] == 2;
            entry["seq"] = if own { json!(1) } else { entry["seq"].clone() };
            own
        });
    });
    doctored(Check::Once, |evidence| {
        let mut again = evidence.answers[0].clone();
        again.answer = "other".into();
        evidence.answers.push(again);
    });
    doctored(Check::Once, |evidence| evidence.answers.push(evidence.answers[0].clone()));
    doctored(Check::Once, |evidence| evidence.answers[0].version = None);
}

#[test]
fn batches_out_of_order() {
    let renumber = |from: u64, to: u64| {
        move |evidence: &mut Evidence| {
            edit(evidence, |entry| {
                let this = entry["seq"] == from;
                entry["seq"] = if this { json!(to) } else { entry["seq"].clone() };
                this
            });
        }
    };
    doctored(Check::Ordered, renumber(1, 9));
    doctored(Check::Ordered, renumber(2, 3));
}

#[test]
fn words_made_up_doubled_or_lost() {
    doctored(Check::Words, |evidence| edit_text(evidence, |text| format!("{text}Z")));
    doctored(Check::Words, |evidence| edit_text(evidence, |text| text.repeat(2)));
    doctored(Check::Words, |evidence| edit_text(evidence, |_| String::new()));
    // Text that anybody may write, and that nobody wrote here.
    doctored(Check::Words, |evidence| edit_text(evidence, |text| format!("{text}é")));
    // A mark of a client that did not write it.
    doctored(Check::Words, |evidence| edit_text(evidence, |text| format!("{text}\u{102fff}")));
    // What its author had, and what is sent again by itself, after the store lost it.
    doctored(Check::Words, |evidence| {
        let Deed::Added { marks, .. } = evidence.clients[0].intents[0].deed.clone() else {
            panic!("added first")
        };
        let later = evidence.clients[0].ids.clone();
        evidence.clients[0].held.push(Had { later, marks, ..Had::default() });
    });
    doctored(Check::Words, |evidence| {
        let Deed::Added { marks, .. } = evidence.clients[0].intents[0].deed.clone() else {
            panic!("added first")
        };
        edit_text(evidence, |_| String::new());
        evidence.lost.push(json!({"facts": [{"comment_added": {"text": marks}}]}).to_string());
        evidence.clients[0].held.push(Had { marks, ..Had::default() });
    });
    // What somebody says they deleted.
    doctored(Check::Words, |evidence| {
        let Deed::Added { comment, marks, .. } = evidence.clients[0].intents[0].deed.clone() else {
            panic!("added first")
        };
        let deed = edited(comment, marks, String::new());
        evidence.clients[1].intents[0].deed = deed;
    });
}

#[test]
fn changes_that_vanished() {
    doctored(Check::Intent, |evidence| evidence.clients[2].rejected = json!([]));
    doctored(Check::Intent, |evidence| {
        edit_fact(evidence, "field_set", |fact| {
            let status = fact["field"] == "status";
            fact["value"] = if status { json!("other") } else { fact["value"].clone() };
            status
        });
    });
    doctored(Check::Intent, |evidence| {
        edit(evidence, |entry| {
            let facts = entry["facts"].as_array_mut().unwrap();
            let before = facts.len();
            facts.retain(|fact| fact.get("comment_removed").is_none());
            facts.len() < before
        });
    });
    // Sent, though it was never saved.
    doctored(Check::Intent, |evidence| {
        let mut intents = evidence.clients[0].intents.iter_mut();
        let title =
            intents.find(|intent| matches!(&intent.deed, Deed::Wrote { field, .. } if field == "title"));
        title.unwrap().forgotten = true;
    });
    doctored(Check::Intent, |evidence| evidence.clients[0].intents[0].forgotten = true);
    // A value that its writer had, and that went with the store.
    doctored(Check::Intent, |evidence| {
        let fields = vec![("title".to_owned(), json!("other"))];
        evidence.clients[0].held.push(Had { fields, ..Had::default() });
    });
    // A tag that was put in, and what somebody had decided, on that code.
    let tags = || Had { tags: vec![("c".into(), json!([]))], ..Had::default() };
    let decision = || {
        let said = json!({"value": "approved", "patch_set": 2, "note": null});
        Had { decision: Some(json!({"said": said})), ..Had::default() }
    };
    for held in [tags(), decision()] {
        doctored(Check::Intent, |evidence| evidence.clients[0].held.push(held));
    }
    let offered = |held: Had, change: Value| {
        let mut evidence = good();
        evidence.clients[0].held.push(held);
        evidence.clients[0].rejected = json!([{"changes": [change]}]);
        only(Check::Intent, &evidence)
    };
    let put = |tag| json!({"set_changed": {"entity": "review", "field": "tags", "add": [tag], "remove": {}}});
    offered(tags(), put("c")).unwrap();
    offered(tags(), put("d")).unwrap_err();
    let decided = |on| json!({"decided": {"status": {"value": "approved", "seen": 0, "patch_set": on}}});
    offered(decision(), decided(2)).unwrap();
    offered(decision(), decided(1)).unwrap_err();
}

#[test]
fn comments_on_other_lines() {
    let line = |evidence: &mut Evidence, by: u64| {
        edit_fact(evidence, "patch_set_added", |added| {
            let Some(moved) = added["moves"].get_mut(0) else { return false };
            moved["anchor"]["line"] = json!(moved["anchor"]["line"].as_u64().unwrap() + by);
            true
        });
    };
    doctored(Check::Placed, |evidence| line(evidence, 1));
    doctored(Check::Placed, |evidence| line(evidence, 100));
    // The code is another than the one that the log was made with.
    doctored(Check::Placed, |evidence| evidence.code.swap(0, 1));
    let old = doctored(Check::Placed, |evidence| {
        edit_fact(evidence, "comment_added", |added| {
            let anchor = &mut added["place"]["line"];
            let newer = anchor["patch_set"] == 2;
            anchor["patch_set"] = json!(1);
            newer
        });
    });
    assert!(old.contains("is the newest"), "{old}");
}

#[test]
fn tags_that_are_forgotten_or_taken_out_unseen() {
    let without = |evidence: &mut Evidence, half: &'static str, tag: &'static str| {
        edit_fact(evidence, "set_changed", |fact| {
            fact["delta"][half].as_object_mut().is_some_and(|half| half.remove(tag).is_some())
        });
    };
    let told = doctored(Check::Tagged, |evidence| without(evidence, "added", "b"));
    assert!(told.contains("\"b\"") && told.contains("put in"), "{told}");
    let told = doctored(Check::Tagged, |evidence| without(evidence, "removed", "a"));
    assert!(told.contains("\"a\"") && told.contains("took out"), "{told}");
    let told = doctored(Check::Tagged, |evidence| {
        let out = |deed: &Deed| matches!(deed, Deed::Tagged { put: false, .. });
        let intents = evidence.clients.iter_mut().flat_map(|seen| &mut seen.intents);
        intents.filter(|intent| out(&intent.deed)).for_each(|intent| intent.knew = 1);
    });
    assert!(told.contains("had seen Some(1)"), "{told}");
}
