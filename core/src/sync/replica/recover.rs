//! What the server had acknowledged and does not have any more, as after a restored backup: it is offered to its user
//! again, and never sent by itself.
//!
//! Receipts name the latest that was acknowledged; what is older, or was sent by another of the user's devices, the
//! review that was here tells by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cause, Rejected, Replica};
use crate::change::{Change, Entity, FieldWrite};
use crate::id::{ClientId, CommentId, Version};
use crate::review::{Comment, Fields, Register, Removal, Review, Sets};

impl Replica {
    /// The server's log goes on from a version that was `held`, or from nowhere that is known here.
    pub(super) fn recover(&mut self, old: &Review, held: Option<Version>) {
        let is_lost = |version: Version| held.is_none_or(|held| version > held);
        let lost = self.receipts.iter().filter(|receipt| is_lost(receipt.version));
        let told = lost.flat_map(|receipt| receipt.comments.iter().copied());
        let own = old.comments.values().filter(|was| self.wrote(was, is_lost)).map(|was| was.id);
        let comments: BTreeSet<CommentId> = told.chain(own).collect();
        let me = self.ids();
        self.receipts.retain(|receipt| !is_lost(receipt.version));
        self.ledger_dirty = true;
        for was in old.comments.values() {
            let mine = comments.contains(&was.id);
            if mine {
                self.recover_text(was);
            }
            let Some(stands) = self.confirmed.comments.get(&was.id).map(|is| is.removed.is_none()) else {
                continue;
            };
            let by_me = |removal: &Removal| is_lost(removal.version) && removal.by == self.user;
            if mine && stands && was.removed.as_ref().is_some_and(by_me) {
                let changes = vec![Change::CommentRemoved { comment: was.id, seen: None }];
                self.reject(Cause::HistoryLost, Some(was.id), None, changes);
            }
            self.recover_fields(Entity::Comment(was.id), &was.fields, is_lost);
            self.recover_sets(Entity::Comment(was.id), &was.sets, &me, is_lost);
        }
        self.recover_fields(Entity::Review, &old.fields, is_lost);
        self.recover_sets(Entity::Review, &old.sets, &me, is_lost);
        self.recover_decision(old, is_lost);
    }

    /// Everything that a review had of this user's which is not there at all any more, but for comments that are set
    /// aside with what is pending in them.
    pub(super) fn recover_all(&mut self, touched: &BTreeSet<CommentId>) {
        let nothing = Review::new(self.confirmed.id);
        let old = std::mem::replace(&mut self.confirmed, nothing);
        let told = self.receipts.iter().flat_map(|receipt| receipt.comments.iter().copied());
        let own = old.comments.values().filter(|was| self.wrote(was, |_| true)).map(|was| was.id);
        let mine: BTreeSet<_> = told.chain(own).collect();
        for was in mine.difference(touched).filter_map(|id| old.comments.get(id)) {
            self.recover_text(was);
        }
        let me = self.ids();
        for was in old.comments.values().filter(|was| was.removed.is_none()) {
            self.recover_fields(Entity::Comment(was.id), &was.fields, |_| true);
            self.recover_sets(Entity::Comment(was.id), &was.sets, &me, |_| true);
        }
        self.recover_fields(Entity::Review, &old.fields, |_| true);
        self.recover_sets(Entity::Review, &old.sets, &me, |_| true);
        self.recover_decision(&old, |_| true);
        self.confirmed = old;
    }

    /// Whether the last words in a comment, or its first, are of this user's and among what is lost.
    fn wrote(&self, was: &Comment, is_lost: impl Fn(Version) -> bool) -> bool {
        let added = was.author == self.user && is_lost(was.added);
        added || was.edited.as_ref().is_some_and(|last| last.by == self.user && is_lost(last.version))
    }

    /// The ids that this replica is known to have had.
    fn ids(&self) -> BTreeSet<ClientId> {
        self.receipts.iter().filter_map(|receipt| receipt.client).chain([self.client]).collect()
    }

    /// What this replica's user had decided.
    fn recover_decision(&mut self, old: &Review, is_lost: impl Fn(Version) -> bool) {
        let Some(was) = old.decisions.get(&self.user).filter(|was| is_lost(was.version)) else { return };
        if self.confirmed.decisions.get(&self.user).is_some_and(|is| is.value == was.value) {
            return;
        }
        let patch_set = Some(was.patch_set);
        let status = FieldWrite { patch_set, ..FieldWrite::new(was.value.into(), 0) };
        let change = Change::Decided { status, note: was.note.clone(), at: self.clock.tick(self.now) };
        self.reject(Cause::HistoryLost, None, None, vec![change]);
    }

    fn recover_text(&mut self, was: &Comment) {
        let is = self.confirmed.comments.get(&was.id);
        // What somebody else had removed may be there again, without the words.
        let stands = is.is_some_and(|is| is.removed.is_none());
        let gone = was.removed.as_ref().is_some_and(|removal| removal.by == self.user || !stands);
        if gone || is.is_some_and(|is| is.text == was.text) {
            return;
        }
        let (comment, place) = (Some(was.id), Some(was.place.clone()));
        let base = is.map(|is| is.text.as_str().to_owned());
        let mine = Some(was.text.as_str().to_owned());
        let (cause, changes) = (Cause::HistoryLost, Vec::new());
        self.set_aside(Rejected { id: 0, at: 0, cause, comment, place, base, mine, changes });
    }

    /// The values that this replica's user had set.
    fn recover_fields(&mut self, entity: Entity, old: &Fields, is_lost: impl Fn(Version) -> bool) {
        let mut lost = BTreeMap::new();
        for name in old.names() {
            let Some(Register { value, by, version, .. }) = old.register(name) else { continue };
            let now = self.confirmed.holder(entity).and_then(|(_, fields)| fields.value(name));
            if *by == self.user && is_lost(*version) && now != Some(value) {
                lost.insert(name.to_owned(), FieldWrite::new(value.clone(), 0));
            }
        }
        if !lost.is_empty() {
            let at = self.clock.tick(self.now);
            let comment = match entity {
                Entity::Comment(id) => Some(id),
                Entity::Review => None,
            };
            let changes = vec![Change::FieldsChanged { entity, fields: lost, at }];
            self.reject(Cause::HistoryLost, comment, None, changes);
        }
    }

    /// What this replica had put into sets. What it had taken out of them leaves no trace that could be told from
    /// never having been there.
    fn recover_sets(
        &mut self,
        entity: Entity,
        old: &Sets,
        me: &BTreeSet<ClientId>,
        is_lost: impl Fn(Version) -> bool,
    ) {
        let now = self.sets_of(entity);
        for (field, elements) in old.iter() {
            let there = |element: &str| now.get(field).is_some_and(|now| now.contains(element));
            let put = |element: &str| {
                elements.dots(element).any(|dot| me.contains(&dot.client) && is_lost(dot.version))
            };
            let add: BTreeSet<String> = elements
                .iter()
                .filter(|element| put(element) && !there(element))
                .map(str::to_owned)
                .collect();
            if add.is_empty() {
                continue;
            }
            let comment = match entity {
                Entity::Comment(id) => Some(id),
                Entity::Review => None,
            };
            let (field, remove) = (field.to_owned(), BTreeMap::new());
            let changes = vec![Change::SetChanged { entity, field, add, remove }];
            self.reject(Cause::HistoryLost, comment, None, changes);
        }
    }

    /// The confirmed sets of an entity.
    fn sets_of(&self, entity: Entity) -> Sets {
        match entity {
            Entity::Review => self.confirmed.sets.clone(),
            Entity::Comment(id) => {
                self.confirmed.comments.get(&id).map(|comment| comment.sets.clone()).unwrap_or_default()
            }
        }
    }
}
