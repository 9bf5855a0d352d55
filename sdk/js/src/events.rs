//! Events, as JavaScript gets them.

use interline::{Coded, CommentId, Event, Origin, Problem, Review, UserId};

use crate::conflict;
use crate::json::{self, JsEvent};
use crate::mirror::Mirror;
use crate::rejected::JsRejected;

/// What JavaScript is told of an event.
pub(crate) fn translate(review: &Review, mirror: &mut Mirror, event: &Event) -> Vec<JsEvent> {
    let person = |id: &UserId| json::person(review, id);
    let added_or_removed = |comment: &CommentId, by: &UserId, origin, kind| {
        vec![JsEvent::Comment { comment_id: comment.to_string(), kind, origin, author: person(by) }]
    };
    match event {
        Event::Loaded | Event::Lagged { .. } => {
            let mut events = Vec::new();
            for comment in review.comments() {
                if let Some(changes) = mirror.catch_up(comment.id, &comment.text) {
                    let (origin, author) = (Origin::Remote, person(&comment.author));
                    events.push(JsEvent::Edit {
                        comment_id: comment.id.to_string(),
                        changes,
                        origin,
                        author,
                    });
                }
            }
            events.push(JsEvent::Loaded);
            events
        }
        Event::CommentAdded { comment, by, origin } => {
            if let Some(data) = review.comment_data(*comment) {
                mirror.catch_up(*comment, &data.text);
            }
            added_or_removed(comment, by, *origin, "added")
        }
        Event::CommentRemoved { comment, by, origin } => added_or_removed(comment, by, *origin, "removed"),
        Event::CommentRestored { comment } => {
            let Some(data) = review.comment_data(*comment) else { return Vec::new() };
            added_or_removed(comment, &data.author, Origin::Rollback, "restored")
        }
        Event::TextEdited { comment, op, by, origin } => {
            let followed = mirror.follow(*comment, op);
            let changes =
                followed.or_else(|| mirror.catch_up(*comment, &review.comment_data(*comment)?.text));
            let Some(changes) = changes else { return Vec::new() };
            let (comment_id, origin, author) = (comment.to_string(), *origin, person(by));
            vec![JsEvent::Edit { comment_id, changes, origin, author }]
        }
        Event::FieldChanged { entity, field, value, by, origin } => {
            let (comment_id, author) = (json::holder(*entity), person(by));
            let value = value.clone().unwrap_or_else(|| json::unset(field));
            vec![JsEvent::Field { comment_id, field: field.clone(), value, origin: *origin, author }]
        }
        Event::Superseded { entity, field, value, by } => {
            let (comment_id, by) = (json::holder(*entity), person(by));
            vec![JsEvent::Superseded { comment_id, field: field.clone(), by, value: value.clone() }]
        }
        Event::Overwritten { entity, field, value, by } => {
            let (comment_id, by) = (json::holder(*entity), person(by));
            vec![JsEvent::Overwritten { comment_id, field: field.clone(), by, value: value.clone() }]
        }
        Event::PatchSetAdded { number } => vec![JsEvent::PatchSet { number: *number }],
        Event::Marks => vec![JsEvent::Marks],
        Event::DraftsPublished { .. } => vec![JsEvent::Published],
        Event::SameLine { comment, other } => {
            vec![JsEvent::SameLine { comment_id: comment.to_string(), other_id: other.to_string() }]
        }
        Event::SetChanged { entity, field, by, origin } => {
            let (comment_id, author) = (json::holder(*entity), person(by));
            vec![JsEvent::Set { comment_id, field: field.clone(), origin: *origin, author }]
        }
        Event::Decided { value, by, origin } => {
            vec![JsEvent::Decision { value: *value, origin: *origin, author: person(by) }]
        }
        Event::Conflict(found) => vec![JsEvent::Conflict(conflict::conflict(review, found))],
        Event::ConflictSettled(settled) => vec![JsEvent::Settled(conflict::settlement(review, settled))],
        Event::AlreadySettled(settled) => {
            vec![JsEvent::AlreadySettled(conflict::settlement(review, settled))]
        }
        Event::Rejected(rejected) => vec![JsEvent::Rejected(JsRejected::new(review, rejected))],
        Event::Undoable { comment } => vec![JsEvent::Undoable { comment_id: comment.to_string() }],
        Event::Unsynced(unsynced) => vec![JsEvent::Unsynced(*unsynced)],
        Event::Presence => vec![JsEvent::Presence],
        Event::Problem(problem) => vec![JsEvent::Error(problem.clone())],
        Event::Stuck(code) => {
            let message = "the server will not take what is pending here; it is kept".into();
            let code = code.code();
            vec![JsEvent::Error(Problem { code, message, retryable: false })]
        }
        _ => Vec::new(),
    }
}
