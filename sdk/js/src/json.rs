//! What crosses to JavaScript, in the shapes of `npm/src/types.ts`.

use interline::{
    Analytics, Anchor, Client, CommentPlace, ConnectionState, ContextLine, DisconnectReason, Draft, Entity,
    FieldValue, Millis, Origin, PlaceState, Presence, Problem, Review, Side, Status, Storage, Unsynced, User,
    UserId,
};
use interline_core::text::units::{Utf16Change, to_utf16};
use serde::Serialize;
use serde_json::Value;

use crate::conflict::{JsConflict, JsSettlement};
use crate::rejected::JsRejected;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsUser {
    id: String,
    display_name: String,
}

impl JsUser {
    #[cfg(test)]
    pub(crate) fn new(id: String, display_name: String) -> JsUser {
        JsUser { id, display_name }
    }
}

impl From<User> for JsUser {
    fn from(user: User) -> JsUser {
        JsUser { id: user.id.into(), display_name: user.display_name.into() }
    }
}

pub(crate) fn person(review: &Review, id: &UserId) -> JsUser {
    review.user(id).into()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsAnchor {
    file: String,
    side: Side,
    line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_line: Option<u32>,
    patch_set: u32,
}

impl From<Anchor> for JsAnchor {
    fn from(anchor: Anchor) -> JsAnchor {
        let Anchor { patch_set, file, side, line, last, .. } = anchor;
        JsAnchor { file, side, line, last_line: last, patch_set }
    }
}

/// Where a thread stands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsPlace {
    state: PlaceState,
    anchor: JsAnchor,
    written: JsAnchor,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    context: Vec<ContextLine>,
}

impl From<CommentPlace> for JsPlace {
    fn from(place: CommentPlace) -> JsPlace {
        let CommentPlace { state, anchor, written, file, context } = place;
        JsPlace { state, anchor: anchor.into(), written: written.into(), file, context }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsComment {
    id: String,
    thread_id: String,
    anchor: JsAnchor,
    place: JsPlace,
    author: JsUser,
    text: String,
    created_at: Millis,
    resolved: bool,
    removed: bool,
    pending: bool,
}

pub(crate) fn comment(review: &Review, data: interline::CommentData) -> JsComment {
    JsComment {
        id: data.id.to_string(),
        thread_id: data.thread.to_string(),
        anchor: data.anchor.into(),
        place: data.place.into(),
        author: person(review, &data.author),
        text: data.text,
        created_at: data.created_at,
        resolved: data.resolved,
        removed: data.removed,
        pending: data.pending,
    }
}

/// A comment that only its author sees.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsDraft {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<JsPlace>,
    text: String,
    created_at: Millis,
    pending: bool,
    publishing: bool,
}

pub(crate) fn draft(draft: Draft) -> JsDraft {
    let Draft { id, thread, place, text, created_at, pending, publishing, .. } = draft;
    let (thread_id, place) = (thread.map(|id| id.to_string()), place.map(JsPlace::from));
    JsDraft { id: id.to_string(), thread_id, place, text, created_at, pending, publishing }
}

#[derive(Serialize)]
pub(crate) struct JsThread {
    id: String,
    anchor: JsAnchor,
    resolved: bool,
    comments: Vec<JsComment>,
}

pub(crate) fn threads(review: &Review) -> Vec<JsThread> {
    let thread = |thread: interline::Thread| JsThread {
        id: thread.id.to_string(),
        anchor: thread.anchor.into(),
        resolved: thread.resolved,
        comments: thread.comments.into_iter().map(|data| comment(review, data)).collect(),
    };
    review.threads().into_iter().map(thread).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsReview {
    id: String,
    title: String,
    status: Status,
    version: u64,
    patch_set: u32,
    created_at: Millis,
}

impl From<&Review> for JsReview {
    fn from(review: &Review) -> JsReview {
        JsReview {
            id: review.id().to_string(),
            title: review.title(),
            status: review.status(),
            version: review.version(),
            patch_set: review.patch_set(),
            created_at: review.created_at(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsPresence {
    session_id: String,
    user_id: String,
    display_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_side: Option<Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_patch_set: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    selection: Option<JsSelection>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    writing: bool,
    last_seen: Millis,
    is_active: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsSelection {
    comment_id: String,
    anchor: usize,
    head: usize,
}

pub(crate) fn presence(review: &Review) -> Vec<JsPresence> {
    let one = |presence: Presence| JsPresence {
        session_id: presence.session.to_string(),
        user_id: presence.user.id.into(),
        display_name: presence.user.display_name.into(),
        current_file: presence.place.file,
        current_line: presence.place.line,
        current_side: presence.place.side,
        current_patch_set: presence.place.patch_set,
        selection: presence.selection.and_then(|selection| {
            let text = review.comment_data(selection.comment)?.text;
            let unit = |offset| to_utf16(&text, offset).0;
            let (anchor, head) = (unit(selection.anchor), unit(selection.head));
            Some(JsSelection { comment_id: selection.comment.to_string(), anchor, head })
        }),
        writing: presence.writing,
        last_seen: presence.last_seen,
        is_active: presence.active,
    };
    review.presence().into_iter().map(one).collect()
}

#[derive(Serialize)]
pub(crate) struct JsConnection {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<DisconnectReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    retryable: bool,
}

impl From<ConnectionState> for JsConnection {
    fn from(state: ConnectionState) -> JsConnection {
        let retryable = state.is_retryable();
        let plain = |state| JsConnection { state, reason: None, message: None, retryable };
        match state {
            ConnectionState::Connecting => plain("connecting"),
            ConnectionState::Connected => plain("connected"),
            ConnectionState::Disconnected { reason, message } => {
                JsConnection { reason: Some(reason), message: Some(message), ..plain("disconnected") }
            }
        }
    }
}

#[derive(Serialize)]
pub(crate) struct JsStorage {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<&Client> for JsStorage {
    fn from(client: &Client) -> JsStorage {
        let kind = if client.storage() == Storage::Memory { "memory" } else { "indexeddb" };
        JsStorage { kind, reason: client.storage_problem().map(|error| error.to_string()) }
    }
}

/// What a review's listeners are told. The names are those of `ReviewEvents`, and `loaded`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub(crate) enum JsEvent {
    Loaded,
    #[serde(rename_all = "camelCase")]
    Edit {
        comment_id: String,
        changes: Vec<Utf16Change>,
        origin: Origin,
        author: JsUser,
    },
    #[serde(rename_all = "camelCase")]
    Comment {
        comment_id: String,
        kind: &'static str,
        origin: Origin,
        author: JsUser,
    },
    #[serde(rename_all = "camelCase")]
    Field {
        #[serde(skip_serializing_if = "Option::is_none")]
        comment_id: Option<String>,
        field: String,
        value: FieldValue,
        origin: Origin,
        author: JsUser,
    },
    PatchSet {
        number: u32,
    },
    Marks,
    #[serde(rename_all = "camelCase")]
    SameLine {
        comment_id: String,
        other_id: String,
    },
    #[serde(rename_all = "camelCase")]
    Set {
        #[serde(skip_serializing_if = "Option::is_none")]
        comment_id: Option<String>,
        field: String,
        origin: Origin,
        author: JsUser,
    },
    Decision {
        value: Status,
        origin: Origin,
        author: JsUser,
    },
    Conflict(JsConflict),
    Settled(JsSettlement),
    AlreadySettled(JsSettlement),
    /// Drafts were published, or were not after all.
    Published,
    Presence,
    Unsynced(Unsynced),
    Rejected(JsRejected),
    #[serde(rename_all = "camelCase")]
    Undoable {
        comment_id: String,
    },
    #[serde(rename_all = "camelCase")]
    Superseded {
        #[serde(skip_serializing_if = "Option::is_none")]
        comment_id: Option<String>,
        field: String,
        by: JsUser,
        value: FieldValue,
    },
    #[serde(rename_all = "camelCase")]
    Overwritten {
        #[serde(skip_serializing_if = "Option::is_none")]
        comment_id: Option<String>,
        field: String,
        by: JsUser,
        value: FieldValue,
    },
    Error(Problem),
}

/// The comment whose field it is, if not the review's.
pub(crate) fn holder(entity: Entity) -> Option<String> {
    match entity {
        Entity::Review => None,
        Entity::Comment(id) => Some(id.to_string()),
    }
}

/// What a field is before anybody has written it.
pub(crate) fn unset(field: &str) -> FieldValue {
    match field {
        "resolved" => FieldValue::Flag(false),
        "status" => Status::default().into(),
        _ => FieldValue::Text(String::new()),
    }
}

/// What was counted, in JavaScript's case.
pub(crate) fn analytics(analytics: &Analytics) -> Value {
    match serde_json::to_value(analytics) {
        Ok(counted) => camel(counted),
        // Plain data, always encodes.
        Err(_) => Value::Null,
    }
}

/// `snake_case` keys become `camelCase` ones; what has no value is left out.
fn camel(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    let present = fields.into_iter().filter(|(_, value)| !value.is_null());
    present
        .map(|(key, value)| {
            let mut words = key.split('_');
            let first = words.next().unwrap_or_default().to_owned();
            let name = words.fold(first, |name, word| {
                let (head, tail) = word.split_at(word.len().min(1));
                name + &head.to_ascii_uppercase() + tail
            });
            (name, camel(value))
        })
        .collect()
}

pub(crate) fn text(value: &impl Serialize) -> String {
    // Plain data, always encodes.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_events() {
        let edit = JsEvent::Edit {
            comment_id: "c".into(),
            changes: vec![Utf16Change { from: 0, to: 1, insert: "x".into() }],
            origin: Origin::Remote,
            author: JsUser { id: "ann".into(), display_name: "Ann".into() },
        };
        let expected = concat!(
            r#"{"type":"edit","commentId":"c","changes":[{"from":0,"to":1,"insert":"x"}],"#,
            r#""origin":"remote","author":{"id":"ann","displayName":"Ann"}}"#
        );
        assert_eq!(text(&edit), expected);
        let unsynced = JsEvent::Unsynced(Unsynced { count: 2, of: 3, since: Some(5) });
        assert_eq!(text(&unsynced), r#"{"type":"unsynced","count":2,"of":3,"since":5}"#);
        let undoable = JsEvent::Undoable { comment_id: "c".into() };
        assert_eq!(text(&undoable), r#"{"type":"undoable","commentId":"c"}"#);
        let (field, by, value) =
            ("title".into(), JsUser::new("bo".into(), "Bo".into()), FieldValue::Text("x".into()));
        let later = JsEvent::Overwritten { comment_id: None, field, by, value };
        let expected =
            r#"{"type":"overwritten","field":"title","by":{"id":"bo","displayName":"Bo"},"value":"x"}"#;
        assert_eq!(text(&later), expected, "not as superseded: the other one came later");
        let same = JsEvent::SameLine { comment_id: "c".into(), other_id: "d".into() };
        assert_eq!(text(&same), r#"{"type":"sameLine","commentId":"c","otherId":"d"}"#);
        assert_eq!(text(&JsEvent::PatchSet { number: 2 }), r#"{"type":"patchSet","number":2}"#);
        assert_eq!(text(&JsEvent::Presence), r#"{"type":"presence"}"#);
        let closed = ConnectionState::Disconnected {
            reason: DisconnectReason::ServerUnavailable,
            message: "gone".into(),
        };
        let expected =
            r#"{"state":"disconnected","reason":"server_unavailable","message":"gone","retryable":true}"#;
        assert_eq!(text(&JsConnection::from(closed)), expected);
    }

    #[test]
    fn counters_are_in_the_case_of_javascript() {
        let counted = analytics(&Analytics { bytes_in: 7, queue_since: None, ..Analytics::default() });
        assert_eq!(counted["bytesIn"], 7);
        assert_eq!(counted["failedSaves"], 0);
        assert_eq!(counted["ack"]["p50"], 0.0);
        assert!(counted.get("queueSince").is_none() && counted.get("bytes_in").is_none());
    }
}
