//! Small worlds for targets that need one: few people, few comments, one diff; and things made from bytes.

use std::sync::Arc;

use interline_core::change::{Change, Entity, FieldWrite};
use interline_core::clock::{HlcTime, Stamp};
use interline_core::diff::PatchSet;
use interline_core::entry::{ENTRY_FORMAT, EncodedEntry, Entry, Fact, Hash, Head, Outcome, Reason, Verdict};
use interline_core::id::{ClientId, CommentId, ReviewId, UserId};
use interline_core::review::{Anchor, Comment, FieldValue, Fields, PatchSets, Place, Review, Sets};
use interline_core::text::{Text, TextOp};
use interline_core::wire::Opened;
use uuid::Uuid;

use super::made_beside;
use super::raw::Raw;

/// When everything happens, as far as time matters to nobody.
pub(crate) const NOW: u64 = 1_000_000;
/// How many comments one person may make.
pub(crate) const COMMENTS: usize = 5;

const DIFF: &[u8] = b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n";

pub(crate) fn review_id() -> ReviewId {
    ReviewId(Uuid::from_u128(1))
}

pub(crate) fn client(n: usize) -> ClientId {
    ClientId(Uuid::from_u128(100 + n as u128))
}

pub(crate) fn user(n: usize) -> UserId {
    UserId::new(format!("user{n}")).unwrap()
}

pub(crate) fn comment(n: usize) -> CommentId {
    CommentId(Uuid::from_u128(n as u128))
}

/// Every comment that there may be, in any world.
pub(crate) fn comments() -> impl Iterator<Item = CommentId> {
    (0..3 * COMMENTS).map(comment)
}

pub(crate) fn patch_sets() -> PatchSets {
    let mut patch_sets = PatchSets::default();
    patch_sets.insert(1, Arc::new(PatchSet::parse(DIFF).unwrap()));
    patch_sets
}

/// A log with its first entry, and the review as of it.
pub(crate) fn created() -> (EncodedEntry, Review, Head) {
    let facts = vec![
        Fact::ReviewCreated { title: "t".into(), status_policy: Default::default() },
        Fact::PatchSetAdded { number: 1, moves: vec![] },
    ];
    let (author, client) = (user(9), client(9));
    let entry =
        Entry { format: ENTRY_FORMAT, version: 1, author, client, seq: 1, at: 1, facts, verdicts: vec![] };
    let encoded = EncodedEntry::new(&entry, Hash::default());
    let mut review = Review::new(review_id());
    review.apply(&entry).unwrap();
    let head = Head { version: 1, hash: encoded.hash };
    (encoded, review, head)
}

pub(crate) fn some_comment(raw: &mut Raw<'_>) -> CommentId {
    comment(raw.below(COMMENTS))
}

/// An op for a text of `len` scalars as a rule, for another one at times.
pub(crate) fn op(raw: &mut Raw<'_>, len: usize) -> TextOp {
    let len = (raw.near(len as u64) as usize).min(2 * len + 8);
    let mut op = TextOp::identity(len);
    for _ in 0..=raw.below(3) {
        let len = op.target_len();
        let at = raw.below(len + 1);
        let delete = raw.below(len - at + 1);
        let next = TextOp::replace(len, at, delete, &raw.text()).expect("it lies within");
        op = op.compose(&next).expect("it fits");
    }
    op
}

pub(crate) fn place(raw: &mut Raw<'_>) -> Place {
    match raw.below(8) {
        0..3 => Place::Line(Anchor::head("x", 1)),
        3 => Place::Line(Anchor::base("x", 2)),
        4 => Place::Line(Anchor::head("y", u32::from(raw.byte()))),
        _ => Place::Reply(some_comment(raw)),
    }
}

pub(crate) fn entity(raw: &mut Raw<'_>) -> Entity {
    if raw.below(2) == 0 { Entity::Review } else { Entity::Comment(some_comment(raw)) }
}

pub(crate) fn field(raw: &mut Raw<'_>) -> (&'static str, FieldValue) {
    let field = ["title", "status", "resolved", "nothing"][raw.below(4)];
    let value = match raw.below(6) {
        n @ 0..2 => FieldValue::Flag(n == 0),
        2 => FieldValue::Text("approved".into()),
        3 => FieldValue::Text("pending".into()),
        _ => FieldValue::Text(raw.text()),
    };
    (field, value)
}

pub(crate) fn time(raw: &mut Raw<'_>) -> HlcTime {
    HlcTime { ms: raw.near(NOW), n: raw.near(0) as u32 }
}

fn len(review: &Review, id: CommentId) -> usize {
    review.comments.get(&id).map_or(0, |comment| comment.text.len())
}

/// A change as a client might send it; `review` is what it sees.
pub(crate) fn change(raw: &mut Raw<'_>, review: &Review) -> Change {
    match raw.below(10) {
        0..3 => Change::CommentAdded {
            comment: some_comment(raw),
            place: place(raw),
            text: raw.text(),
            at: time(raw),
            seen: None,
        },
        3..7 => {
            let comment = some_comment(raw);
            Change::edit(comment, op(raw, len(review, comment)))
        }
        7 => Change::CommentRemoved { comment: some_comment(raw), seen: None },
        9 => made_beside::change(raw, review),
        _ => {
            let entity = entity(raw);
            let write = |raw: &mut Raw<'_>| {
                let (field, value) = field(raw);
                (field.to_owned(), FieldWrite::new(value, raw.near(review.version)))
            };
            let fields = (0..raw.below(4)).map(|_| write(raw)).collect();
            Change::FieldsChanged { entity, fields, at: time(raw) }
        }
    }
}

/// A fact as an entry might hold it after `review`; what follows from it is right as a rule.
pub(crate) fn fact(raw: &mut Raw<'_>, review: &Review) -> Fact {
    let created = Stamp { at: time(raw), client: client(raw.below(3)) };
    match raw.below(12) {
        0..3 => Fact::CommentAdded {
            comment: some_comment(raw),
            place: place(raw),
            text: raw.text(),
            created,
            standing: None,
            beside: vec![],
        },
        3..8 => {
            let comment = some_comment(raw);
            let op = op(raw, len(review, comment));
            let mut after = review.comments.get(&comment).map_or(Text::default(), |there| there.text.clone());
            let _ = after.apply(&op);
            let checksum = raw.near(after.checksum().into()) as u32;
            Fact::TextEdited { comment, op, checksum }
        }
        8 => Fact::CommentRemoved { comment: some_comment(raw) },
        9 => Fact::PatchSetAdded { number: raw.byte().into(), moves: vec![] },
        10 => Fact::ReviewCreated { title: raw.text(), status_policy: Default::default() },
        _ if raw.below(2) == 1 => made_beside::fact(raw, review, created),
        _ => {
            let entity = entity(raw);
            let (field, value) = field(raw);
            let unseen = (raw.below(2) == 1).then(|| user(raw.below(3)));
            Fact::FieldSet {
                entity,
                field: field.into(),
                value,
                stamp: created,
                unseen,
                seen: None,
                patch_set: None,
                with: vec![],
            }
        }
    }
}

/// Takes in a fact as far as what follows it depends on it: the texts.
pub(crate) fn follow(review: &mut Review, fact: &Fact) {
    match fact {
        Fact::TextEdited { comment, op, .. } => {
            if let Some(comment) = review.comments.get_mut(comment) {
                let _ = comment.text.apply(op);
            }
        }
        Fact::CommentAdded { comment, place, text, created, .. } => {
            let comment = Comment {
                id: *comment,
                author: user(1),
                place: place.clone(),
                standing: None,
                created: *created,
                added: 1,
                text: Text::new(text.as_str()),
                edited: None,
                fields: Fields::default(),
                sets: Sets::default(),
                removed: None,
                published: None,
            };
            review.comments.insert(comment.id, comment);
        }
        _ => {}
    }
}

/// Facts that follow each other.
pub(crate) fn facts(raw: &mut Raw<'_>, review: &Review) -> Vec<Fact> {
    let mut review = review.clone();
    let mut facts = Vec::new();
    for _ in 0..=raw.below(3) {
        let fact = fact(raw, &review);
        follow(&mut review, &fact);
        facts.push(fact);
    }
    facts
}

/// Somebody else's entry.
pub(crate) fn entry(version: u64, facts: Vec<Fact>) -> Entry {
    let (author, client, verdicts) = (user(1), client(1), Vec::new());
    Entry { format: ENTRY_FORMAT, version, author, client, seq: version, at: NOW, facts, verdicts }
}

/// What a server says that opens the review at this head.
pub(crate) fn opened(head: Head) -> Opened {
    Opened::new(review_id(), head)
}

pub(crate) fn verdicts(raw: &mut Raw<'_>) -> Vec<Verdict> {
    const REASONS: [Reason; 4] =
        [Reason::DoesNotFit, Reason::UnknownComment, Reason::DependsOnRejected, Reason::BadValue];
    let verdict = |raw: &mut Raw<'_>| {
        let change = raw.below(4) as u64;
        let change = raw.near(change) as usize;
        let outcome = match raw.below(4) {
            0 => {
                let (field, value) = field(raw);
                Outcome::Superseded { field: field.into(), by: user(raw.below(3)), value }
            }
            _ => Outcome::Rejected(REASONS[raw.below(REASONS.len())]),
        };
        Verdict { change, outcome }
    };
    (0..raw.below(4)).map(|_| verdict(raw)).collect()
}
