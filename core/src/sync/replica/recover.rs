//! What the server had acknowledged and does not have any more, as after a restored backup: it is offered to its user
//! again, and never sent by itself.
//!
//! Receipts name the latest that was acknowledged. In which comments the user wrote before that, or on another device,
//! is noted as their entries come; what came in a snapshot tells who wrote last in it, and no more. What another device
//! put into sets, or took out of them, that device alone knows: a name in a set says which client's it is.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cause, Grounds, Rejected, Replica, TakenOut};
use crate::change::{Change, Entity, FieldWrite};
use crate::entry::Fact;
use crate::id::{ClientId, CommentId, UserId, Version};
use crate::review::{Comment, Decision, Fields, Register, Removal, Review, Sets, Status};

/// Which versions of the log that was here are gone.
type IsLost<'a> = &'a dyn Fn(Version) -> bool;

/// What this replica is known to have done to sets.
struct Own {
    /// The ids that it had.
    ids: BTreeSet<ClientId>,
    /// What it took out of them that is lost.
    taken_out: BTreeSet<TakenOut>,
}

impl Replica {
    /// The server's log goes on from a version that was `held`, or from nowhere that is known here.
    pub(super) fn recover(&mut self, old: &Review, held: Option<Version>) {
        let is_lost = |version: Version| held.is_none_or(|held| version > held);
        self.offer(old, &is_lost, &BTreeSet::new());
        self.receipts.retain(|receipt| !is_lost(receipt.version));
        self.wrote.retain(|_, version| !is_lost(*version));
        self.ledger_dirty = true;
    }

    /// The review is not there at all any more. What is here of it stays, for reading; the texts of comments with
    /// something `pending` are set aside with that.
    pub(super) fn recover_all(&mut self, pending: &BTreeSet<CommentId>) {
        let nothing = Review::new(self.confirmed.id);
        let old = std::mem::replace(&mut self.confirmed, nothing);
        self.offer(&old, &|_| true, pending);
        self.confirmed = old;
    }

    /// Offers what a review had of this user's and the confirmed one has not, but for the texts of some comments.
    fn offer(&mut self, old: &Review, is_lost: IsLost<'_>, but: &BTreeSet<CommentId>) {
        let lost = || self.receipts.iter().filter(|receipt| is_lost(receipt.version));
        let told = lost().flat_map(|receipt| receipt.comments.iter().copied());
        let written = old.comments.values().filter(|was| self.wrote(was, is_lost)).map(|was| was.id);
        let noted = self.wrote.iter().filter(|(_, version)| is_lost(**version)).map(|(id, _)| *id);
        let mine: BTreeSet<CommentId> = told.chain(written).chain(noted).collect();
        let ids = self.receipts.iter().filter_map(|receipt| receipt.client).chain([self.client]).collect();
        let published = lost().rev().find_map(|receipt| receipt.decision.clone());
        let own =
            Own { ids, taken_out: lost().flat_map(|receipt| receipt.taken_out.iter().cloned()).collect() };
        for was in old.comments.values() {
            let values = self.lost_values(Entity::Comment(was.id), &was.fields, &was.sets, &own, is_lost);
            let mine = mine.contains(&was.id) && !but.contains(&was.id);
            let text = if mine { self.lost_text(was) } else { None };
            match self.confirmed.comments.get(&was.id).map(|is| is.removed.is_none()) {
                Some(stands) => {
                    text.into_iter().for_each(|text| self.set_aside(text));
                    let by_me = |removal: &Removal| is_lost(removal.version) && removal.by == self.user;
                    let removed = stands && was.removed.as_ref().is_some_and(by_me);
                    let removed = removed.then_some(Change::CommentRemoved { comment: was.id, seen: None });
                    for change in removed.into_iter().chain(values) {
                        self.reject(Cause::HistoryLost, Some(was.id), None, vec![change]);
                    }
                }
                None => self.offer_gone(was, text, values),
            }
        }
        let mut values = self.lost_values(Entity::Review, &old.fields, &old.sets, &own, is_lost);
        if let Some(decision) = self.lost_decision(old, is_lost) {
            let status = decision.write(Entity::Review, Status::FIELD).cloned();
            values.retain_mut(|change| !says_no_more(change, status.as_ref()));
            values.push(decision);
        }
        // The review's replica on this device need not have heard of what was published.
        values.extend(published.map(|decision| {
            let (comments, seen, at) = (Vec::new(), None, self.clock.tick(self.now));
            Change::DraftsPublished { comments, decision: Some(decision.unseen()), seen, at }
        }));
        for change in values {
            self.reject(Cause::HistoryLost, None, None, vec![change]);
        }
    }

    /// What there was of this user's in a comment that is not there at all any more. Its values go with its words: who
    /// adds it anew gives them to the new one. Of somebody else's comment they wait for that to come back.
    fn offer_gone(&mut self, was: &Comment, text: Option<Rejected>, values: Vec<Change>) {
        if let Some(text) = text {
            return self.set_aside(Rejected { changes: values, ..text });
        }
        if values.is_empty() || was.removed.is_some() {
            return;
        }
        let (comment, place) = (Some(was.id), Some(was.place.clone()));
        let base = Some(was.text.as_str().to_owned());
        let cause = Cause::HistoryLost;
        let (mine, changes, grounds) = (None, values, Grounds::default());
        self.set_aside(Rejected { id: 0, at: 0, cause, comment, place, base, mine, changes, grounds });
    }

    /// Notes in which comment this user has written.
    pub(super) fn note_words(&mut self, author: &UserId, fact: &Fact, version: Version) {
        if let Fact::TextEdited { comment, .. } | Fact::CommentAdded { comment, .. } = fact
            && *author == self.user
        {
            self.wrote.insert(*comment, version);
            self.ledger_dirty = true;
        }
    }

    /// Whether the last words in a comment, or its first, are of this user's and among what is lost.
    fn wrote(&self, was: &Comment, is_lost: IsLost<'_>) -> bool {
        let added = was.author == self.user && is_lost(was.added);
        added || was.edited.as_ref().is_some_and(|last| last.by == self.user && is_lost(last.version))
    }

    /// What this replica's user had decided. The same on other code, or with other words, is another decision.
    fn lost_decision(&mut self, old: &Review, is_lost: IsLost<'_>) -> Option<Change> {
        let was = old.decisions.get(&self.user).filter(|was| is_lost(was.version))?;
        let said = |decision: &Decision| (decision.value, decision.patch_set, decision.note.clone());
        if self.confirmed.decisions.get(&self.user).is_some_and(|is| said(is) == said(was)) {
            return None;
        }
        let patch_set = Some(was.patch_set);
        let status = FieldWrite { patch_set, ..FieldWrite::new(was.value.into(), 0) };
        Some(Change::Decided { status, note: was.note.clone(), at: self.clock.tick(self.now) })
    }

    fn lost_text(&self, was: &Comment) -> Option<Rejected> {
        let is = self.confirmed.comments.get(&was.id);
        // What somebody else had removed may be there again, without the words.
        let stands = is.is_some_and(|is| is.removed.is_none());
        let gone = was.removed.as_ref().is_some_and(|removal| removal.by == self.user || !stands);
        if gone || is.is_some_and(|is| is.text == was.text) {
            return None;
        }
        let (comment, place) = (Some(was.id), Some(was.place.clone()));
        let base = is.map(|is| is.text.as_str().to_owned());
        let mine = Some(was.text.as_str().to_owned());
        let (cause, changes, grounds) = (Cause::HistoryLost, Vec::new(), Grounds::default());
        Some(Rejected { id: 0, at: 0, cause, comment, place, base, mine, changes, grounds })
    }

    /// What this replica's user had done to an entity beside its text.
    fn lost_values(
        &mut self,
        entity: Entity,
        fields: &Fields,
        sets: &Sets,
        own: &Own,
        is_lost: IsLost<'_>,
    ) -> Vec<Change> {
        let mut changes: Vec<Change> = self.lost_fields(entity, fields, is_lost).into_iter().collect();
        changes.extend(self.lost_sets(entity, sets, own, is_lost));
        changes
    }

    /// The values that this replica's user had set.
    fn lost_fields(&mut self, entity: Entity, old: &Fields, is_lost: IsLost<'_>) -> Option<Change> {
        let mut fields = BTreeMap::new();
        for name in old.names() {
            let Some(Register { value, by, version, .. }) = old.register(name) else { continue };
            let now = self.confirmed.holder(entity).and_then(|(_, fields)| fields.value(name));
            if *by == self.user && is_lost(*version) && now != Some(value) {
                fields.insert(name.to_owned(), FieldWrite::new(value.clone(), 0));
            }
        }
        let at = || self.clock.tick(self.now);
        (!fields.is_empty()).then(at).map(|at| Change::FieldsChanged { entity, fields, at })
    }

    /// What this replica had put into sets and what it had taken out of them.
    fn lost_sets(&self, entity: Entity, old: &Sets, own: &Own, is_lost: IsLost<'_>) -> Vec<Change> {
        let contains = |sets: &Sets, field: &str, element: &str| {
            sets.get(field).is_some_and(|elements| elements.contains(element))
        };
        let now = self.sets_of(entity);
        let is_there = |field: &str, element: &str| now.is_some_and(|now| contains(now, field, element));
        let mut lost: BTreeMap<&str, (BTreeSet<String>, BTreeMap<String, Version>)> = BTreeMap::new();
        for (field, elements) in old.iter() {
            let put = |element: &str| {
                elements.dots(element).any(|dot| own.ids.contains(&dot.client) && is_lost(dot.version))
            };
            for element in elements.iter().filter(|element| put(element) && !is_there(field, element)) {
                lost.entry(field).or_default().0.insert(element.to_owned());
            }
        }
        for TakenOut { field, element, .. } in own.taken_out.iter().filter(|taken| taken.entity == entity) {
            // Somebody may have put it in again before it was lost.
            if is_there(field, element) && !contains(old, field, element) {
                lost.entry(field).or_default().1.insert(element.clone(), 0);
            }
        }
        let changed = |(field, (add, remove)): (&str, _)| Change::SetChanged {
            entity,
            field: field.to_owned(),
            add,
            remove,
        };
        lost.into_iter().map(changed).collect()
    }

    /// The confirmed sets of an entity.
    fn sets_of(&self, entity: Entity) -> Option<&Sets> {
        match entity {
            Entity::Review => Some(&self.confirmed.sets),
            Entity::Comment(id) => self.confirmed.comments.get(&id).map(|comment| &comment.sets),
        }
    }
}

/// Takes the status out of a change where the decision that goes with it says the same; whether nothing is left.
fn says_no_more(change: &mut Change, decided: Option<&FieldWrite>) -> bool {
    let Change::FieldsChanged { fields, .. } = change else { return false };
    let same = |write: &FieldWrite| decided.is_some_and(|decided| decided.value == write.value);
    if fields.get(Status::FIELD).is_some_and(same) {
        fields.remove(Status::FIELD);
    }
    fields.is_empty()
}
