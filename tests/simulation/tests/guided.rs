//! Conflicts about words are lived through and ended in every way, and the checker of what only people decide fires.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use interline_simulation::check::{all, only};
use interline_simulation::{Check, ClientSetup, Evidence, Form, Piece, Plan, Setup, Step, remains};
use serde_json::{Value, json};

const CALM: Step = Step::Calm { rounds: 4 };

/// One is away while both do something to a comment of the first's; then a conflict is open, which one of them ends.
fn met(first: Step, second: Step, end: u8) -> Evidence {
    let client = |user| ClientSetup { user, skew_ms: 0, slow_disk: false };
    let setup =
        Setup { nodes: 1, clients: vec![client(0), client(1)], comment_chars: 1_000, batch_changes: 200 };
    let steps = vec![
        Step::Connect { client: 0, node: 0, form: Form::default(), waits: 0 },
        Step::Connect { client: 1, node: 0, form: Form::default(), waits: 0 },
        CALM,
        Step::Comment { client: 0, line: 0, ink: 7 },
        Step::Flush { client: 0 },
        CALM,
        Step::Cut { client: 1 },
        Step::Away { client: 1 },
        second,
        first,
        Step::Flush { client: 0 },
        CALM,
        Step::Wait { ms: 5_000 },
        Step::Back { client: 1 },
        Step::Connect { client: 1, node: 0, form: Form::default(), waits: 0 },
        CALM,
        Step::Flush { client: 1 },
        CALM,
        Step::Status { client: 0, value: end },
        Step::Flush { client: 0 },
        CALM,
    ];
    let evidence = remains(&Plan { about: String::new(), setup, steps }).unwrap();
    all(&evidence).unwrap();
    evidence
}

fn removed(end: u8) -> Evidence {
    let pieces = vec![Piece { keep: 1, delete: 0, ink: 5 }];
    met(Step::Remove { client: 0, comment: 0 }, Step::Edit { client: 1, comment: 0, pieces }, end)
}

fn rewritten(end: u8) -> Evidence {
    let pieces = || vec![Piece { keep: 0, delete: 3, ink: 5 }];
    let by = |client| Step::SetText { client, comment: 0, pieces: pieces() };
    met(by(0), by(1), end)
}

fn facts<'a>(evidence: &'a Evidence, name: &'a str) -> impl Iterator<Item = Value> + 'a {
    let entries = evidence.log.iter().map(|logged| serde_json::from_str::<Value>(&logged.payload).unwrap());
    let all = entries.flat_map(|entry| entry["facts"].as_array().unwrap().clone());
    all.filter_map(move |fact| fact.get(name).cloned())
}

/// Changes the facts of every entry, and says what the checker makes of that.
fn doctored(mut evidence: Evidence, change: impl Fn(&mut Vec<Value>)) -> String {
    for logged in &mut evidence.log {
        let mut entry: Value = serde_json::from_str(&logged.payload).unwrap();
        change(entry["facts"].as_array_mut().unwrap());
        entry["verdicts"] = json!([]);
        logged.payload = entry.to_string();
    }
    only(Check::Guided, &evidence).expect_err("nobody noticed").what
}

#[test]
fn a_removal_that_met_an_edit_ends_both_ways() {
    for (end, restored) in [(6, 0), (7, 1)] {
        let evidence = removed(end);
        assert_eq!(facts(&evidence, "conflict_raised").count(), 1);
        let ends: Vec<_> = facts(&evidence, "conflict_settled").map(|end| end["value"].clone()).collect();
        assert_eq!(ends, [json!(restored == 0)]);
        assert_eq!(facts(&evidence, "comment_restored").count(), restored);
    }
}

#[test]
fn words_that_both_rewrote_end_as_merged_or_by_others() {
    for (end, how) in [(6, "merged"), (7, "value")] {
        let evidence = rewritten(end);
        assert_eq!(facts(&evidence, "conflict_raised").count(), 1);
        let ends: Vec<_> = facts(&evidence, "conflict_settled").map(|end| end["how"].clone()).collect();
        assert_eq!(ends, [json!(how)]);
    }
}

#[test]
fn words_that_are_dropped_untold() {
    let without =
        |name: &'static str| move |facts: &mut Vec<Value>| facts.retain(|fact| fact.get(name).is_none());
    let conflicts = |facts: &mut Vec<Value>| {
        facts.retain(|fact| fact.get("conflict_raised").is_none() && fact.get("conflict_settled").is_none());
    };
    assert!(doctored(removed(6), conflicts).contains("nobody is told"));
    assert!(doctored(removed(7), without("conflict_settled")).contains("ends no conflict"));
    assert!(
        doctored(rewritten(7), |facts| {
            if facts.iter().any(|fact| fact.get("conflict_settled").is_some()) {
                facts.retain(|fact| fact.get("text_edited").is_none());
            }
        })
        .contains("without an edit")
    );
    let seen = |facts: &mut Vec<Value>| {
        for fact in facts.iter_mut().filter_map(|fact| fact.get_mut("conflict_raised")) {
            fact["sides"][1]["seen"] = json!(99);
        }
    };
    assert!(doctored(rewritten(6), seen).contains("is raised"));
}

/// Both decide, apart: one approves, the other requests changes; then the first ends it, or only decides again.
fn decided(end: u8) -> Evidence {
    met(Step::Status { client: 0, value: 4 }, Step::Status { client: 1, value: 5 }, end)
}

#[test]
fn decisions_that_go_over_unseen_ones() {
    assert_eq!(facts(&decided(8), "conflict_settled").count(), 1);
    // A replica that says to have seen what nobody had shown it.
    let boasts = |facts: &mut Vec<Value>| {
        for fact in facts.iter_mut().filter(|fact| fact.get("conflict_raised").is_some()) {
            *fact = json!({"field_set": {
                "entity": "review", "field": "status", "value": "changes_requested", "seen": 3, "patch_set": 1,
                "stamp": {"at": {"ms": 1, "n": 0}, "client": "00000000-0000-0000-0000-000000000101"},
            }});
        }
        facts.retain(|fact| fact.get("conflict_settled").is_none());
    };
    assert!(doctored(decided(8), boasts).contains("overwrites"));
    let unread = |facts: &mut Vec<Value>| {
        if facts.iter().any(|fact| fact.get("conflict_settled").is_some()) {
            facts
                .iter_mut()
                .filter_map(|fact| fact.get_mut("field_set"))
                .for_each(|set| set["seen"] = json!(1));
        }
    };
    assert!(doctored(decided(8), unread).contains("and not what user1 said"));
    let swallowed = |facts: &mut Vec<Value>| {
        for fact in facts.iter_mut().filter_map(|fact| fact.get_mut("conflict_raised")) {
            fact["sides"][0]["user"] = json!("user9");
        }
        facts.retain(|fact| fact.get("conflict_settled").is_none());
    };
    assert!(doctored(decided(5), swallowed).contains("is no side"));
}
