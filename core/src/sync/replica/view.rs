//! What a person sees: the confirmed review with everything pending on top.

use std::collections::{BTreeMap, BTreeSet};

use super::{EditError, Replica, Unsynced};
use crate::change::{Change, Entity};
use crate::id::CommentId;
use crate::presence::{Presence, Selection};
use crate::review::{Comment, FieldValue, Fields, Holder, Place, Review, Status};
use crate::sync::Pending;
use crate::text::cursor::Range;

/// A thread: its root, and the replies in their one order.
#[derive(Clone, PartialEq, Debug)]
pub struct Thread {
    /// The comment that started it.
    pub root: Comment,
    /// By creation, then by id.
    pub replies: Vec<Comment>,
}

impl Replica {
    /// The confirmed review alone.
    pub fn confirmed(&self) -> &Review {
        &self.confirmed
    }

    /// A comment as it is shown; a removed one is still there.
    pub fn comment(&self, id: CommentId) -> Option<Comment> {
        let base = self.confirmed.comments.get(&id).cloned();
        self.layers().fold(base, |view, layer| layer.overlay(id, view, &self.user, self.client))
    }

    /// Whether something of a comment is not durable on the server.
    pub fn is_pending(&self, id: CommentId) -> bool {
        self.layers().any(|layer| layer.touches(id))
    }

    /// How much is not durable on the server.
    pub fn unsynced(&self) -> Unsynced {
        let in_flight = self.in_flight.as_ref();
        let count =
            in_flight.map_or(0, |batch| batch.changes.changes().len().max(1)) + self.buffer.changes().len();
        let since = in_flight.map(|batch| batch.since).or(self.batcher.since());
        Unsynced { count, of: self.most.max(count), since }
    }

    /// Whether the local store has everything that is here.
    pub fn is_saved(&self) -> bool {
        self.dirty <= self.saved
    }

    /// All threads: by file, line, side, then age. A removed root stays while it has replies.
    pub fn threads(&self) -> Vec<Thread> {
        let added = self.layers().flat_map(Pending::added);
        let ids = self.confirmed.comments.keys().copied().chain(added);
        let (roots, replies): (Vec<_>, Vec<_>) =
            ids.filter_map(|id| self.comment(id)).partition(|c| matches!(c.place, Place::Line(_)));
        let mut threads: Vec<_> =
            roots.into_iter().map(|root| Thread { root, replies: Vec::new() }).collect();
        let at: BTreeMap<_, _> =
            threads.iter().enumerate().map(|(at, thread)| (thread.root.id, at)).collect();
        for reply in replies.into_iter().filter(|reply| reply.removed.is_none()) {
            if let Place::Reply(root) = &reply.place
                && let Some(at) = at.get(root)
            {
                threads[*at].replies.push(reply);
            }
        }
        threads.retain(|thread| thread.root.removed.is_none() || !thread.replies.is_empty());
        for thread in &mut threads {
            thread.replies.sort_by_key(|reply| (reply.created, reply.id));
        }
        let place = |comment: &Comment| match &comment.place {
            Place::Line(anchor) => Some((anchor.file.clone(), anchor.line, anchor.side)),
            Place::Reply(_) => None,
        };
        threads.sort_by_cached_key(|thread| (place(&thread.root), thread.root.created, thread.root.id));
        threads
    }

    /// The review's own fields as they are shown.
    pub fn fields(&self) -> Fields {
        self.fields_of(Entity::Review).unwrap_or_default()
    }

    /// A field as it is shown.
    pub fn field(&self, entity: Entity, name: &str) -> Option<FieldValue> {
        self.fields_of(entity).and_then(|fields| fields.value(name).cloned())
    }

    /// The review's title.
    pub fn title(&self) -> String {
        match self.field(Entity::Review, "title") {
            Some(FieldValue::Text(title)) => title,
            _ => String::new(),
        }
    }

    /// The review's decision.
    pub fn status(&self) -> Status {
        self.field(Entity::Review, "status").as_ref().and_then(Status::from_value).unwrap_or_default()
    }

    /// Everybody who is here, with selections in the texts as they are shown.
    pub fn presence(&self) -> Vec<Presence> {
        let shown = |presence: &Presence| {
            let mut presence = presence.clone();
            presence.selection = presence.selection.and_then(|selection| self.selection_shown(selection));
            presence
        };
        self.roster.iter().map(shown).collect()
    }

    /// A selection in a text as it is shown, carried back to the confirmed text: what others can place.
    pub fn selection_confirmed(&self, comment: CommentId, range: Range) -> Option<Selection> {
        self.confirmed.comments.get(&comment)?;
        let edits: Vec<_> = self.layers().flat_map(|layer| layer.edits(comment)).collect();
        let Range { anchor, head } = edits.into_iter().rev().fold(range, |range, op| range.backward(op));
        Some(Selection { comment, version: self.head.version, anchor, head })
    }

    fn selection_shown(&self, selection: Selection) -> Option<Selection> {
        let Selection { comment, version, anchor, head } = selection;
        let range =
            self.history.since(comment, version).fold(Range { anchor, head }, |range, op| range.forward(op));
        let edits = self.layers().flat_map(|layer| layer.edits(comment));
        let Range { anchor, head } = edits.fold(range, |range, op| range.forward(op));
        let len = self.text_len(comment).ok()?;
        Some(Selection { comment, version: self.head.version, anchor: anchor.min(len), head: head.min(len) })
    }

    pub(super) fn layers(&self) -> impl Iterator<Item = &Pending> {
        self.in_flight.iter().map(|batch| &batch.changes).chain([&self.buffer])
    }

    /// The comments with pending edits that do not fit the text they are for.
    pub(super) fn misfits(&self) -> BTreeSet<CommentId> {
        let confirmed = |id: &CommentId| self.confirmed.comments.get(id).map(|there| there.text.len());
        let mut lens = BTreeMap::new();
        let mut misfits = BTreeSet::new();
        for change in self.changes() {
            match change {
                Change::CommentAdded { comment, text, .. } => {
                    let first = || confirmed(comment).unwrap_or_else(|| text.chars().count());
                    lens.entry(*comment).or_insert_with(first);
                }
                Change::TextEdited { comment, op, .. } => {
                    if lens.get(comment).copied().or_else(|| confirmed(comment)) != Some(op.base_len()) {
                        misfits.insert(*comment);
                    }
                    lens.insert(*comment, op.target_len());
                }
                _ => {}
            }
        }
        misfits
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.layers().flat_map(Pending::changes)
    }

    pub(super) fn fields_of(&self, entity: Entity) -> Option<Fields> {
        match entity {
            Entity::Comment(id) => self.comment(id).map(|comment| comment.fields),
            Entity::Review => {
                let mut fields = self.confirmed.fields.clone();
                self.layers().for_each(|layer| layer.overlay_fields(entity, &mut fields, &self.user));
                Some(fields)
            }
        }
    }

    pub(super) fn holder(&self, entity: Entity) -> Option<Holder> {
        match entity {
            Entity::Review => Some(Holder::Review),
            Entity::Comment(id) => self.comment(id).map(|comment| comment.holder()),
        }
    }

    pub(super) fn exists(&self, id: CommentId) -> bool {
        self.confirmed.comments.contains_key(&id)
            || self.layers().flat_map(Pending::added).any(|added| added == id)
    }

    /// Checks that a comment is there and not removed.
    pub(super) fn standing(&self, id: CommentId) -> Result<(), EditError> {
        if !self.exists(id) {
            return Err(EditError::UnknownComment);
        }
        let confirmed = self.confirmed.comments.get(&id).is_some_and(|comment| comment.removed.is_some());
        let pending = self
            .changes()
            .any(|change| matches!(change, Change::CommentRemoved { comment, .. } if *comment == id));
        match confirmed || pending {
            true => Err(EditError::CommentRemoved),
            false if self.is_published(id) => Err(EditError::Published),
            false => Ok(()),
        }
    }

    /// Checks that a comment is there, or that answers to it are: a thread goes on without the comment that began it.
    pub(super) fn talked_about(&self, id: CommentId) -> Result<(), EditError> {
        match self.standing(id) {
            Err(EditError::CommentRemoved) if self.is_answered(id) => Ok(()),
            standing => standing,
        }
    }

    fn is_answered(&self, id: CommentId) -> bool {
        let added = self.layers().flat_map(Pending::added);
        let ids: BTreeSet<_> = self.confirmed.comments.keys().copied().chain(added).collect();
        ids.into_iter().filter_map(|id| self.comment(id)).any(|other| {
            let of = matches!(other.place, Place::Reply(root) if root == id);
            of && other.removed.is_none()
        })
    }

    /// The length of a comment's text as it is shown, without working the text out.
    pub(super) fn text_len(&self, id: CommentId) -> Result<usize, EditError> {
        self.standing(id)?;
        let mut len = self.confirmed.comments.get(&id).map_or(0, |comment| comment.text.len());
        for change in self.changes() {
            match change {
                Change::TextEdited { comment, op, .. } if *comment == id => len = op.target_len(),
                Change::CommentAdded { comment, text, .. } if *comment == id => len = text.chars().count(),
                _ => {}
            }
        }
        Ok(len)
    }
}
