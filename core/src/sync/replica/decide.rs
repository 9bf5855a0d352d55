//! What people decide here: what they think of the change, and how conflicts end.

use std::collections::{BTreeMap, BTreeSet};

use super::{EditError, Event, Link, Origin, Replica};
use crate::change::{Apart, Change, Entity, FieldWrite, PublishedDecision};
use crate::clock::Millis;
use crate::entry::Fact;
use crate::id::{CommentId, UserId, Version};
use crate::review::{
    Conflict, ConflictId, Decision, Decisions, FieldValue, Policy, Review, Sets, Status, spec,
};
use crate::sync::Pending;
use crate::text::{TextOp, diff, normalize, three_way};

/// How a conflict is to end. Named absolutely: what is mine and what is theirs depends on who looks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolution {
    /// By what this user wrote.
    Side(UserId),
    /// By what a text was merged to.
    Merged,
    /// By something else.
    Value(FieldValue),
}

impl Replica {
    /// The open conflicts, oldest first; without those that are being settled from here.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let settled: BTreeSet<_> = self.layers().flat_map(Pending::settles).collect();
        let open = self.confirmed.conflicts.open();
        open.filter(|conflict| !settled.contains(&conflict.id)).cloned().collect()
    }

    /// Every reviewer's decision as it is shown.
    pub fn decisions(&self) -> Decisions {
        let mut decisions = self.confirmed.decisions.clone();
        for change in self.layers().flat_map(Pending::changes) {
            let Change::Decided { status, note, at } = change else { continue };
            let Some(value) = Status::from_value(&status.value) else { continue };
            let (patch_set, seen) = (status.patch_set.unwrap_or(self.confirmed.patch_set), status.seen);
            let stamp = crate::clock::Stamp { at: *at, client: self.client };
            let (at, note, version) = (at.ms, note.clone(), 0);
            let decision = Decision { value, patch_set, seen, note, at, version, stamp };
            decisions.insert(self.user.clone(), decision);
        }
        decisions
    }

    /// The sets of an entity as they are shown.
    pub fn sets(&self, entity: Entity) -> Sets {
        match entity {
            Entity::Comment(id) => self.comment(id).map(|comment| comment.sets).unwrap_or_default(),
            Entity::Review => {
                let mut sets = self.confirmed.sets.clone();
                self.layers().for_each(|layer| layer.overlay_sets(entity, &mut sets, self.client));
                sets
            }
        }
    }

    /// Adds to a set and takes from it. What is there or gone already is passed over.
    pub fn change_set(
        &mut self,
        now: Millis,
        entity: Entity,
        field: &str,
        add: BTreeSet<String>,
        remove: BTreeSet<String>,
    ) -> Result<(), EditError> {
        let spec = self.writable(entity, field)?;
        let Policy::AddRemove { max } = spec.policy else { return Err(EditError::UnknownField) };
        let shown = self.sets(entity);
        let there = |element: &String| shown.get(field).is_some_and(|there| there.contains(element));
        let add: BTreeSet<_> = add.into_iter().filter(|element| !there(element)).collect();
        let seen = self.head.version;
        let remove: BTreeMap<_, _> =
            remove.into_iter().filter(there).map(|element| (element, seen)).collect();
        let many = shown.elements(field).count() + add.len() > max && !add.is_empty();
        if many || add.iter().any(|element| !spec.takes_element(element)) {
            return Err(EditError::BadValue);
        }
        if add.is_empty() && remove.is_empty() {
            return Ok(());
        }
        self.push(now, Change::SetChanged { entity, field: field.to_owned(), add, remove })?;
        let (field, by) = (field.to_owned(), self.user.clone());
        self.emit(Event::SetChanged { entity, field, by, origin: Origin::Local });
        Ok(())
    }

    /// Decides, as of the code that is here; the review's status is to follow.
    pub fn decide(&mut self, now: Millis, value: Status, note: Option<String>) -> Result<(), EditError> {
        self.decide_on(now, value, note, None)
    }

    /// Decides, as of a patch set: the code that its author looked at; with `None` the newest that is here.
    pub fn decide_on(
        &mut self,
        now: Millis,
        value: Status,
        note: Option<String>,
        patch_set: Option<u32>,
    ) -> Result<(), EditError> {
        self.has_fields()?;
        let was = self.field(Entity::Review, Status::FIELD);
        let PublishedDecision { status, note } = self.decision(value, note, patch_set)?;
        let at = self.clock.tick(now);
        self.push(now, Change::Decided { status, note, at })?;
        let (by, origin) = (self.user.clone(), Origin::Local);
        self.emit(Event::Decided { value, by: by.clone(), origin });
        if was != Some(value.into()) {
            let (entity, field, value) = (Entity::Review, Status::FIELD.to_owned(), Some(value.into()));
            self.emit(Event::FieldChanged { entity, field, value, by, origin });
        }
        Ok(())
    }

    /// Ends a conflict. Whoever is second hears who was first, by [`Event::AlreadySettled`].
    pub fn settle(&mut self, now: Millis, id: ConflictId, how: Resolution) -> Result<(), EditError> {
        self.loaded()?;
        let open = self.conflicts().into_iter().find(|open| open.id == id);
        self.settle_told(now, &open.ok_or(EditError::UnknownConflict)?, how)
    }

    /// Ends a conflict as it was told. Sides that have come or changed since were not seen: with those it stays open.
    pub fn settle_told(&mut self, now: Millis, told: &Conflict, how: Resolution) -> Result<(), EditError> {
        self.settle_made_on(now, told, None, how)
    }

    /// Ends a conflict as it was told beside the text that its comment had then. What chooses of a text is a change of
    /// that one: what others have written since stays, and where it is about the same words the conflict stays open.
    pub fn settle_made_on(
        &mut self,
        now: Millis,
        told: &Conflict,
        made_on: Option<&str>,
        how: Resolution,
    ) -> Result<(), EditError> {
        self.loaded()?;
        let open = self.conflicts().into_iter().find(|open| open.id == told.id);
        let open = open.ok_or(EditError::UnknownConflict)?;
        let all = open.is_seen(&self.user, told.version());
        let seen = if all { self.head.version } else { told.version().min(self.head.version) };
        if open.field == Conflict::TEXT && self.confirmed.is_gone(open.entity) {
            // Nobody can edit what is gone: it stays as it stands.
            return match how {
                Resolution::Merged => {
                    self.settle_field(now, open, FieldWrite::new(FieldValue::Flag(true), seen))
                }
                Resolution::Side(_) | Resolution::Value(_) => Err(EditError::CommentRemoved),
            };
        }
        if let (Entity::Comment(comment), Conflict::TEXT) = (open.entity, &*open.field) {
            let shown = self.comment(comment).ok_or(EditError::UnknownComment)?.text;
            if all && how == Resolution::Merged {
                // What was merged stands already, with all that was typed in it since.
                return self.settle_text(now, comment, &open, shown.as_str());
            }
            if !all || made_on.is_some_and(|text| text != shown.as_str()) {
                return self.settle_unseen(now, comment, told, made_on, how);
            }
        }
        let value = match how {
            Resolution::Side(user) => told.side_of(&user).map(|side| side.value.clone()),
            Resolution::Merged => None,
            Resolution::Value(value) => Some(value),
        };
        let value = value.ok_or(EditError::BadResolution)?;
        match (open.entity, &value) {
            (Entity::Comment(comment), FieldValue::Text(text)) if open.field == Conflict::TEXT => {
                self.settle_text(now, comment, &open, text)
            }
            // A comment that is put back is there once the server says so: until then nobody could edit it.
            (Entity::Comment(_), FieldValue::Flag(_)) if open.field == Conflict::REMOVED => {
                self.settle_field(now, open, FieldWrite::new(value, seen))
            }
            _ => {
                let holder = self.holder(open.entity).ok_or(EditError::UnknownComment)?;
                let spec = spec(holder, &open.field).ok_or(EditError::BadResolution)?;
                if !spec.takes(&value) {
                    return Err(EditError::BadValue);
                }
                let was = self.field(open.entity, &open.field);
                let patch_set = Some(self.confirmed.patch_set);
                let write = FieldWrite { was, patch_set, ..FieldWrite::new(value, seen) };
                self.settle_field(now, open, write)
            }
        }
    }

    fn settle_field(&mut self, now: Millis, open: Conflict, write: FieldWrite) -> Result<(), EditError> {
        let Conflict { id: conflict, entity, field, .. } = open;
        let shown = self.field(entity, &field);
        let (at, value) = (self.clock.tick(now), write.value.clone());
        self.push(now, Change::ConflictSettled { conflict, entity, field: field.clone(), write, at })?;
        let is_field = field != Conflict::REMOVED && field != Conflict::TEXT;
        if is_field && shown.as_ref() != Some(&value) {
            let (value, by) = (Some(value), self.user.clone());
            self.emit(Event::FieldChanged { entity, field, value, by, origin: Origin::Local });
        }
        Ok(())
    }

    /// An ordinary edit, from what is shown to what shall be, that ends the conflict with it.
    fn settle_text(
        &mut self,
        now: Millis,
        comment: CommentId,
        open: &Conflict,
        text: &str,
    ) -> Result<(), EditError> {
        self.standing(comment)?;
        let shown = self.comment(comment).ok_or(EditError::UnknownComment)?.text;
        let text = normalize(text);
        let op = diff(shown.as_str(), &text);
        let (apart, whole, settles) = (Vec::new(), true, Some(open.id));
        self.push_edit(now, Change::TextEdited { comment, op: op.clone(), apart, whole, settles })?;
        self.seal(comment);
        if !op.is_identity() {
            self.meant.insert(open.id, text);
            self.undo_edited(now, comment, &op, &shown);
        }
        Ok(())
    }

    /// A text that was chosen without having seen all that is there, sides or words: it is merged with what has come
    /// since, and does not say that its author has seen that.
    fn settle_unseen(
        &mut self,
        now: Millis,
        comment: CommentId,
        told: &Conflict,
        made_on: Option<&str>,
        how: Resolution,
    ) -> Result<(), EditError> {
        self.standing(comment)?;
        let base = made_on.or(told.merged.as_deref()).ok_or(EditError::BadResolution)?;
        let base = normalize(base);
        let value = match how {
            Resolution::Side(user) => told.side_of(&user).map(|side| side.value.clone()),
            Resolution::Merged => Some(FieldValue::Text(base.clone())),
            Resolution::Value(value) => Some(value),
        };
        let Some(FieldValue::Text(text)) = value else { return Err(EditError::BadResolution) };
        let authored = diff(&base, &normalize(&text));
        let shown = self.comment(comment).ok_or(EditError::UnknownComment)?.text;
        let op = three_way(&base, &authored, shown.as_str())?.op;
        let mut after = shown.clone();
        after.apply(&op)?;
        let apart = vec![Apart { seen: told.version().min(self.head.version), authored, base: Some(base) }];
        let (whole, settles) = (true, Some(told.id));
        self.push_edit(now, Change::TextEdited { comment, op: op.clone(), apart, whole, settles })?;
        if !op.is_identity() {
            // With the words of others in it: to make it once more takes none of them out.
            self.meant.insert(told.id, after.as_str().to_owned());
            self.undo_edited(now, comment, &op, &shown);
        }
        Ok(())
    }

    /// Whatever waits says what it was made on, before more of what others did comes.
    pub(super) fn seal_all(&mut self) {
        if self.history_lost || self.start_over {
            return;
        }
        let mut edited = self.buffer.edited();
        edited.retain(|id| self.confirmed.comments.contains_key(id));
        edited.into_iter().for_each(|comment| self.seal(comment));
    }

    pub(super) fn seal(&mut self, comment: CommentId) {
        let flight: Vec<TextOp> =
            self.in_flight.iter().flat_map(|batch| batch.changes.edits(comment)).cloned().collect();
        self.buffer.seal(comment, self.head.version, flight);
    }

    /// What was in flight is confirmed by an entry: what waits behind it was made on that.
    pub(super) fn sealed_behind(&mut self, facts: &[Fact], version: Version) {
        for fact in facts {
            let Fact::TextEdited { comment, .. } = fact else { continue };
            if self.buffer.is_sealed(*comment) {
                self.buffer.unseal(Some(*comment), version.saturating_sub(1));
                self.buffer.seal(*comment, version, Vec::new());
            }
        }
    }

    /// Tells of conflicts that came or went, and of comments that came back by that: to both sides, and to whoever looks on.
    pub(super) fn news<'a>(&mut self, facts: impl IntoIterator<Item = &'a Fact>, version: Version) {
        let mut told = BTreeSet::new();
        for fact in facts {
            match fact {
                Fact::ConflictRaised(conflict) => {
                    told.insert(conflict.id);
                    self.tell_conflict(conflict.id);
                }
                // Several sides that came at once are one piece of news.
                Fact::ConflictJoined { conflict, .. } if told.insert(*conflict) => {
                    self.tell_conflict(*conflict);
                }
                Fact::ConflictSettled { conflict, .. } => self.tell_settled(*conflict, version),
                Fact::CommentRestored { comment } => {
                    let comment = *comment;
                    // One that is to go from here as well stays off the screen.
                    if self.comment(comment).is_some_and(|shown| shown.removed.is_none()) {
                        self.emit(Event::CommentRestored { comment });
                    }
                }
                _ => {}
            }
        }
    }

    /// The end of a conflict that came and went while nobody was told here is no news.
    pub(super) fn expect_end(&mut self, fact: &Fact) {
        if let Fact::ConflictSettled { conflict, .. } = fact
            && self.confirmed.conflicts.get(*conflict).is_none()
        {
            self.untold.insert(*conflict);
        }
        self.expect_status(fact);
    }

    pub(super) fn tell_conflict(&mut self, id: ConflictId) {
        if self.link != Link::Online {
            self.untold.insert(id);
        } else if let Some(conflict) = self.confirmed.conflicts.get(id) {
            let conflict = Box::new(conflict.clone());
            self.emit(Event::Conflict(conflict));
        }
    }

    fn tell_settled(&mut self, id: ConflictId, version: Version) {
        let untold = self.untold.remove(&id);
        let settled = self.confirmed.conflicts.settlement(id).filter(|settled| settled.version == version);
        if let (false, Some(settled)) = (untold, settled) {
            let settled = Box::new(settled.clone());
            self.emit(Event::ConflictSettled(settled));
        }
    }

    /// All that happened meanwhile is here: those conflicts that are open now are news.
    pub(super) fn tell_untold(&mut self) {
        for id in std::mem::take(&mut self.untold) {
            self.tell_conflict(id);
        }
        self.tell_untold_decision();
    }

    /// The confirmed review was this one, and is another.
    pub(super) fn conflicts_replaced(&mut self, old: &Review) {
        let is_news = |conflict: &&Conflict| {
            old.conflicts.get(conflict.id).is_none_or(|before| before.sides != conflict.sides)
        };
        let news: Vec<_> =
            self.confirmed.conflicts.open().filter(is_news).map(|conflict| conflict.id).collect();
        self.untold.retain(|id| self.confirmed.conflicts.get(*id).is_some());
        self.untold.extend(news);
        self.decision_replaced(old);
        let over: Vec<_> = old.conflicts.open().map(|conflict| conflict.id).collect();
        for id in over {
            if let Some(settled) = self.confirmed.conflicts.settlement(id) {
                let settled = Box::new(settled.clone());
                self.emit(Event::ConflictSettled(settled));
            }
        }
    }
}
