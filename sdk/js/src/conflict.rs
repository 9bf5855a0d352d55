//! Conflicts and decisions, as JavaScript gets them.

use interline::{
    ConflictResolution, ConflictSide, Decision, DetectedConflict, FieldValue, How, Millis, Review,
    Settlement, Status, UserId,
};
use serde::Serialize;

use crate::json::{self, JsUser};

/// `DetectedConflict` of `conflict.ts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsConflict {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment_id: Option<String>,
    field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<FieldValue>,
    sides: Vec<JsSide>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mine: Option<JsSide>,
    #[serde(skip_serializing_if = "Option::is_none")]
    theirs: Option<JsSide>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merged: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// All of it as it was told: what `settle` is to speak of.
    told: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsSide {
    value: FieldValue,
    author: JsUser,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_set: Option<u32>,
    at: Millis,
}

/// `Settlement` of `conflict.ts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsSettlement {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment_id: Option<String>,
    field: String,
    by: JsUser,
    how: &'static str,
    /// Whose side it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<JsUser>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<FieldValue>,
    version: u64,
    at: Millis,
}

/// `Decision` of `conflict.ts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsDecision {
    author: JsUser,
    value: Status,
    patch_set: u32,
    seen: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    at: Millis,
    /// It was made on code that is not the newest.
    stale: bool,
    /// It is not durable on the server.
    pending: bool,
}

fn side(review: &Review, side: &ConflictSide) -> JsSide {
    let ConflictSide { value, user, version, seen, patch_set, at } = side.clone();
    JsSide { value, author: json::person(review, &user), version, seen, patch_set, at }
}

pub(crate) fn conflict(review: &Review, found: &DetectedConflict) -> JsConflict {
    let one = |of: &ConflictSide| side(review, of);
    JsConflict {
        id: found.id().to_string(),
        comment_id: json::holder(found.entity()),
        field: found.field().to_owned(),
        base: found.base().cloned(),
        sides: found.sides().iter().map(one).collect(),
        mine: found.mine().map(one),
        theirs: found.theirs().map(one),
        merged: found.merged().map(str::to_owned),
        text: found.text().map(str::to_owned),
        told: json::text(&(found.told(), found.text())),
    }
}

pub(crate) fn conflicts(review: &Review) -> Vec<JsConflict> {
    review.conflicts().iter().map(|found| conflict(review, found)).collect()
}

pub(crate) fn settlement(review: &Review, settled: &Settlement) -> JsSettlement {
    let (how, whose): (_, Option<&UserId>) = match &settled.how {
        How::Side(user) => ("side", Some(user)),
        How::Merged => ("merged", None),
        How::Value => ("value", None),
        How::Agreed => ("agreed", None),
    };
    JsSettlement {
        id: settled.conflict.to_string(),
        comment_id: json::holder(settled.entity),
        field: settled.field.clone(),
        by: json::person(review, &settled.by),
        how,
        side: whose.map(|user| json::person(review, user)),
        value: settled.value.clone(),
        version: settled.version,
        at: settled.at,
    }
}

fn decision(review: &Review, user: &UserId, decision: &Decision) -> JsDecision {
    let Decision { value, patch_set, seen, note, at, version, .. } = decision.clone();
    let (author, stale, pending) = (json::person(review, user), review.is_stale(decision), version == 0);
    JsDecision { author, value, patch_set, seen, note, at, stale, pending }
}

pub(crate) fn decisions(review: &Review) -> Vec<JsDecision> {
    review.decisions().iter().map(|(user, one)| decision(review, user, one)).collect()
}

/// The word of `ConflictResolution` in `conflict.ts`; what is custom comes with its value in JSON.
pub(crate) fn resolution(word: &str, custom: Option<&str>) -> Option<ConflictResolution> {
    Some(match word {
        "keep-mine" => ConflictResolution::KeepMine,
        "keep-theirs" => ConflictResolution::KeepTheirs,
        "merged" => ConflictResolution::Merged,
        "custom" => ConflictResolution::Custom(serde_json::from_str(custom?).ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_resolutions() {
        assert_eq!(resolution("keep-mine", None), Some(ConflictResolution::KeepMine));
        let text = ConflictResolution::Custom(FieldValue::Text("x".into()));
        assert_eq!(resolution("custom", Some("\"x\"")), Some(text));
        assert_eq!(
            resolution("custom", Some("false")),
            Some(ConflictResolution::Custom(FieldValue::Flag(false)))
        );
        assert_eq!((resolution("custom", None), resolution("keep", None)), (None, None));
    }
}
