//! What waits for a person's decision, as JavaScript gets it.

use std::collections::BTreeMap;

use interline::{Cause, Change, Coded, FieldValue, Millis, Place, Rejected, Review};
use serde::Serialize;

use crate::json::JsAnchor;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsRejected {
    id: u64,
    cause: &'static str,
    at: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anchor: Option<JsAnchor>,
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, FieldValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<JsDecision>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<JsTags>,
    #[serde(skip_serializing_if = "is_false")]
    removal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    publication: Option<JsPublication>,
}

/// A decision that was to be taken.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsDecision {
    value: FieldValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_set: Option<u32>,
}

/// What was to come to a set, and to go from it.
#[derive(Serialize)]
struct JsTags {
    field: String,
    add: Vec<String>,
    remove: Vec<String>,
}

/// Drafts that were to be published.
#[derive(Serialize)]
struct JsPublication {
    ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<FieldValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl JsRejected {
    pub(crate) fn new(review: &Review, rejected: &Rejected) -> JsRejected {
        let anchor = match &rejected.place {
            Some(Place::Line(anchor)) => Some(anchor.clone()),
            Some(Place::Reply(root)) => review.comment_data(*root).map(|root| root.anchor),
            None => rejected.comment.and_then(|id| review.comment_data(id)).map(|data| data.anchor),
        };
        JsRejected { anchor: anchor.map(JsAnchor::from), ..JsRejected::from(rejected) }
    }
}

impl From<&Rejected> for JsRejected {
    fn from(rejected: &Rejected) -> JsRejected {
        let (cause, message) = words(rejected.cause);
        JsRejected {
            id: rejected.id,
            cause,
            at: rejected.at,
            comment_id: rejected.comment.map(|id| id.to_string()),
            anchor: None,
            code: rejected.code().into(),
            message,
            base: rejected.base.clone(),
            text: rejected.mine.clone(),
            fields: fields(&rejected.changes),
            decision: decision(&rejected.changes),
            tags: tags(&rejected.changes),
            removal: rejected.changes.iter().any(|change| matches!(change, Change::CommentRemoved { .. })),
            publication: publication(&rejected.changes),
        }
    }
}

/// The word of `types.ts`, and a sentence for people.
fn words(cause: Cause) -> (&'static str, String) {
    let (word, sentence) = match cause {
        Cause::Refused(reason) => return ("refused", reason.to_string()),
        Cause::Overlap => ("overlap", "it was merged into words that somebody else had rewritten"),
        Cause::HistoryLost => ("history_lost", "the server had saved it and has lost it since"),
        Cause::CopiedStore => ("copied_store", "it waited in a copy of the data that somebody went on with"),
        Cause::AlreadySettled => ("already_settled", "somebody else had settled the conflict before"),
        Cause::Unplaceable => ("unplaceable", "what it was made on is not here any more"),
    };
    (word, sentence.into())
}

/// The fields that were to be written; of one written twice, the last value.
fn fields(changes: &[Change]) -> BTreeMap<String, FieldValue> {
    let written = changes.iter().filter_map(|change| match change {
        Change::FieldsChanged { fields, .. } => Some(fields),
        _ => None,
    });
    written.flatten().map(|(field, write)| (field.clone(), write.value.clone())).collect()
}

/// The decision that was to be taken, the last of several.
fn decision(changes: &[Change]) -> Option<JsDecision> {
    changes.iter().rev().find_map(|change| match change {
        Change::Decided { status, note, .. } => {
            Some(JsDecision { value: status.value.clone(), note: note.clone(), patch_set: status.patch_set })
        }
        _ => None,
    })
}

/// What was to change in sets, in the order in which it was done.
fn tags(changes: &[Change]) -> Vec<JsTags> {
    let changed = changes.iter().filter_map(|change| match change {
        Change::SetChanged { field, add, remove, .. } => Some(JsTags {
            field: field.clone(),
            add: add.iter().cloned().collect(),
            remove: remove.keys().cloned().collect(),
        }),
        _ => None,
    });
    changed.collect()
}

/// What was to be published, if something was.
fn publication(changes: &[Change]) -> Option<JsPublication> {
    changes.iter().find_map(|change| match change {
        Change::DraftsPublished { comments, decision, .. } => Some(JsPublication {
            ids: comments.iter().map(ToString::to_string).collect(),
            decision: decision.as_ref().map(|decision| decision.status.value.clone()),
            note: decision.as_ref().and_then(|decision| decision.note.clone()),
        }),
        _ => None,
    })
}

fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use interline::{Entity, Reason};
    use interline_core::change::{FieldWrite, PublishedDecision};

    use super::*;
    use crate::json;

    fn rejected(cause: Cause) -> Rejected {
        let write = FieldWrite::new(FieldValue::Text("T".into()), 0);
        let fields = BTreeMap::from([("title".to_owned(), write)]);
        let at = Default::default();
        Rejected {
            id: 4,
            cause,
            at: 9,
            comment: None,
            place: None,
            base: Some("a".into()),
            mine: Some("ab".into()),
            changes: vec![Change::FieldsChanged { entity: Entity::Review, fields, at }],
            grounds: Default::default(),
        }
    }

    fn told(cause: Cause) -> serde_json::Value {
        serde_json::from_str(&json::text(&JsRejected::from(&rejected(cause)))).unwrap()
    }

    #[test]
    fn a_refusal_says_why() {
        let told = told(Cause::Refused(Reason::CommentRemoved));
        assert_eq!((&told["id"], &told["at"]), (&4.into(), &9.into()));
        assert_eq!((&told["cause"], &told["code"]), (&"refused".into(), &"comment_removed".into()));
        assert_eq!(told["message"], "the comment was removed");
        assert_eq!((&told["base"], &told["text"]), (&"a".into(), &"ab".into()));
        assert_eq!(told["fields"]["title"], "T");
        assert!(told.get("anchor").is_none());
    }

    #[test]
    fn a_publication_says_what_was_to_be_seen() {
        let id: interline::CommentId = "00000000-0000-0000-0000-000000000001".parse().unwrap();
        let status = FieldWrite::new(interline::Status::Approved.into(), 0);
        let decision = Some(PublishedDecision { status, note: Some("fine".into()) });
        let changes = vec![Change::DraftsPublished {
            comments: vec![id],
            decision,
            seen: None,
            at: Default::default(),
        }];
        let rejected = Rejected { changes, ..rejected(Cause::Refused(Reason::CommentRemoved)) };
        let told: serde_json::Value =
            serde_json::from_str(&json::text(&JsRejected::from(&rejected))).unwrap();
        let expected = serde_json::json!({"ids": [id.to_string()], "decision": "approved", "note": "fine"});
        assert_eq!(told["publication"], expected);
    }

    #[test]
    fn a_decision_tags_and_a_removal_say_what_they_were() {
        let at = interline_core::clock::HlcTime::default();
        let decided = |status: interline::Status, note: Option<&str>, patch_set| {
            let status = FieldWrite { patch_set, ..FieldWrite::new(status.into(), 0) };
            Change::Decided { status, note: note.map(str::to_owned), at }
        };
        let tagged = |add: &[&str], remove: &[&str]| Change::SetChanged {
            entity: Entity::Review,
            field: "tags".into(),
            add: add.iter().map(|tag| (*tag).to_owned()).collect::<BTreeSet<_>>(),
            remove: remove.iter().map(|tag| ((*tag).to_owned(), 7)).collect(),
        };
        let told = |changes| {
            let rejected = Rejected { base: None, mine: None, changes, ..rejected(Cause::HistoryLost) };
            let told: serde_json::Value =
                serde_json::from_str(&json::text(&JsRejected::from(&rejected))).unwrap();
            let said = |name: &str| told.get(name).cloned();
            (said("decision"), said("tags"), said("removal"))
        };
        let changes_requested = interline::Status::ChangesRequested;
        let twice = vec![
            decided(changes_requested, None, None),
            decided(interline::Status::Approved, Some("fine"), Some(2)),
        ];
        let decision = serde_json::json!({"value": "approved", "note": "fine", "patchSet": 2});
        assert_eq!(told(twice), (Some(decision), None, None));
        let decision = serde_json::json!({"value": "changes_requested"});
        assert_eq!(told(vec![decided(changes_requested, None, None)]), (Some(decision), None, None));
        let tags = serde_json::json!([
            {"field": "tags", "add": ["a", "b"], "remove": []},
            {"field": "tags", "add": [], "remove": ["a"]},
        ]);
        assert_eq!(told(vec![tagged(&["b", "a"], &[]), tagged(&[], &["a"])]), (None, Some(tags), None));
        let comment = "00000000-0000-0000-0000-000000000001".parse().unwrap();
        let removed = Change::CommentRemoved { comment, seen: None };
        assert_eq!(told(vec![removed]), (None, None, Some(true.into())));
    }

    #[test]
    fn every_other_cause_is_its_own_code() {
        for cause in [Cause::Overlap, Cause::HistoryLost, Cause::CopiedStore, Cause::Unplaceable] {
            let told = told(cause);
            assert_eq!(told["cause"], told["code"]);
            assert!(told["message"].as_str().is_some_and(|message| !message.is_empty()));
        }
    }
}
