//! Changes and facts about what a review holds beside texts and fields: sets, decisions, conflicts.

use interline_core::change::{Apart, Change, Entity, FieldWrite};
use interline_core::clock::Stamp;
use interline_core::entry::Fact;
use interline_core::review::{
    Conflict, ConflictId, ConflictSide, Delta, Dot, FieldValue, How, Review, Status,
};

use crate::made::{client, entity, field, op, some_comment, time, user};
use crate::raw::Raw;

fn status(raw: &mut Raw<'_>) -> Status {
    [Status::Pending, Status::Approved, Status::ChangesRequested][raw.below(3)]
}

/// One that is open as a rule.
fn conflict(raw: &mut Raw<'_>, review: &Review) -> ConflictId {
    let open: Vec<_> = review.conflicts.open().map(|open| open.id).collect();
    let made = ConflictId { version: raw.near(review.version), index: raw.near(0) as u32 };
    open.get(raw.below(open.len() + 1)).copied().unwrap_or(made)
}

fn write(raw: &mut Raw<'_>, review: &Review, value: FieldValue) -> FieldWrite {
    let was = (raw.below(2) == 1).then(|| status(raw).into());
    let patch_set = (raw.below(2) == 1).then(|| raw.near(1) as u32);
    FieldWrite { was, patch_set, ..FieldWrite::new(value, raw.near(review.version)) }
}

/// A change as a client might send it; `review` is what it sees.
pub(crate) fn change(raw: &mut Raw<'_>, review: &Review) -> Change {
    match raw.below(6) {
        0 => {
            let tag = |raw: &mut Raw<'_>| ["a".to_owned(), "b".to_owned(), raw.text()][raw.below(3)].clone();
            let add = (0..raw.below(3)).map(|_| tag(raw)).collect();
            let remove = (0..raw.below(3)).map(|_| (tag(raw), raw.near(review.version))).collect();
            let field = if raw.below(8) == 0 { "title" } else { "tags" };
            Change::SetChanged { entity: entity(raw), field: field.into(), add, remove }
        }
        1 => {
            let value = status(raw).into();
            let note = (raw.below(2) == 1).then(|| raw.text());
            Change::Decided { status: write(raw, review, value), note, at: time(raw) }
        }
        2 => {
            let conflict = conflict(raw, review);
            let about = review.conflicts.get(conflict);
            let (entity, name) = match about.filter(|_| raw.below(8) > 0) {
                Some(open) => (open.entity, open.field.clone()),
                None => (entity(raw), field(raw).0.to_owned()),
            };
            let value = if raw.below(2) == 0 { status(raw).into() } else { field(raw).1 };
            let write = write(raw, review, value);
            Change::ConflictSettled { conflict, entity, field: name, write, at: time(raw) }
        }
        3 => {
            let (comment, seen) = (some_comment(raw), Some(raw.near(review.version)));
            Change::CommentRemoved { comment, seen }
        }
        _ => {
            let comment = some_comment(raw);
            let len = review.comments.get(&comment).map_or(0, |comment| comment.text.len());
            let op_of = |raw: &mut Raw<'_>| op(raw, len);
            let text = review.comments.get(&comment).map_or("", |comment| comment.text.as_str());
            let apart = |raw: &mut Raw<'_>| {
                let (seen, authored) = (raw.near(review.version), op_of(raw));
                Apart { seen, authored, base: (seen % 3 == 0).then(|| text.to_owned()) }
            };
            let apart = (0..raw.below(4)).map(|_| apart(raw)).collect();
            let settles = (raw.below(3) == 0).then(|| conflict(raw, review));
            Change::TextEdited { comment, op: op_of(raw), apart, whole: raw.below(2) == 1, settles }
        }
    }
}

/// A fact as an entry might hold it after `review`.
pub(crate) fn fact(raw: &mut Raw<'_>, review: &Review, stamp: Stamp) -> Fact {
    let dots = |raw: &mut Raw<'_>| {
        let dot = |raw: &mut Raw<'_>| Dot { version: raw.near(review.version), client: client(raw.below(3)) };
        (0..raw.below(3)).map(|_| (["a", "b"][raw.below(2)].to_owned(), [dot(raw)].into())).collect()
    };
    let side = |raw: &mut Raw<'_>| {
        let (value, user, version) = (field(raw).1, user(raw.below(3)), raw.near(review.version));
        ConflictSide {
            value,
            user,
            version,
            seen: None,
            patch_set: Some(raw.near(1) as u32),
            at: raw.near(9),
        }
    };
    match raw.below(6) {
        0 => {
            let delta = Delta { added: dots(raw), removed: dots(raw) };
            Fact::SetChanged { entity: entity(raw), field: "tags".into(), delta }
        }
        1 => {
            let (value, patch_set, seen) = (status(raw), raw.near(1) as u32, raw.near(review.version));
            let note = (raw.below(2) == 1).then(|| raw.text());
            Fact::DecisionSet { value, patch_set, seen, note, stamp }
        }
        2 => {
            let sides = (0..raw.below(4)).map(|_| side(raw)).collect();
            let merged = (raw.below(2) == 1).then(|| raw.text());
            let (id, entity, base) = (conflict(raw, review), entity(raw), Some(field(raw).1));
            let field = ["status", "text", "removed"][raw.below(3)].to_owned();
            Fact::ConflictRaised(Box::new(Conflict { id, entity, field, base, sides, merged }))
        }
        3 => {
            let merged = (raw.below(2) == 1).then(|| raw.text());
            Fact::ConflictJoined { conflict: conflict(raw, review), side: Box::new(side(raw)), merged }
        }
        4 => {
            let how = match raw.below(4) {
                0 => How::Merged,
                1 => How::Value,
                2 => How::Agreed,
                _ => How::Side(user(raw.below(3))),
            };
            let (conflict, entity, value) = (conflict(raw, review), Entity::Review, Some(field(raw).1));
            Fact::ConflictSettled { conflict, entity, field: "status".into(), how, value }
        }
        _ => Fact::CommentRestored { comment: some_comment(raw) },
    }
}
