//! What the sequencer makes of writes that meet where only a person can settle it: it raises a conflict, lets further
//! sides join it, and ends it once. What comes of it is all in the entry: no replica decides it again.

use super::history::Back;
use super::meet::Clash;
use super::plan::Edit;
use super::sequencer::Sequencer;
use super::settle::{Last, Made};
use crate::change::{Entity, FieldWrite};
use crate::clock::{HlcTime, Stamp};
use crate::entry::{Entry, Fact, Outcome};
use crate::id::{CommentId, UserId, Version};
use crate::review::{
    Conflict, ConflictId, ConflictSide, Decision, FieldValue, FoldError, How, Policy, Register, Removal,
    Status, spec,
};
use crate::text::Text;

impl Sequencer {
    /// A field is written.
    pub(super) fn write(
        &mut self,
        made: &mut Made<'_>,
        entity: Entity,
        field: &str,
        write: FieldWrite,
        at: HlcTime,
    ) -> Result<(), FoldError> {
        let spec = self.tip.holder(entity).and_then(|(holder, _)| spec(holder, field));
        if spec.is_none_or(|spec| self.tip.policy(spec) != Policy::UserGuided) {
            return self.last_wins(made, entity, field, write, at);
        }
        if let Some(open) = self.tip.conflicts.about(entity, field).cloned() {
            return self.write_beside(made, open, write, at);
        }
        let current = self.tip.holder(entity).and_then(|(_, fields)| fields.register(field));
        let Some(standing) = current.cloned() else { return self.last_wins(made, entity, field, write, at) };
        let author = made.entry.author.clone();
        if standing.value == write.value && standing.by != author {
            // One more stands for it now: who has not seen that has not seen all that they would overwrite.
            return self.stands_anew(made, entity, field, (write.seen, write.patch_set), at);
        }
        let saw_it = |side: &ConflictSide| side.version <= write.seen || side.user == author;
        let mut sides: Vec<_> = standing.sides().filter(|side| !saw_it(side)).collect();
        if standing.value == write.value || sides.is_empty() {
            return self.last_wins(made, entity, field, write, at);
        }
        if standing.by == author
            && let Last::Loses(later) =
                self.last(made.entry, entity, field, write.clone(), made.corrected(at))
        {
            // They have said otherwise since, elsewhere.
            made.tell(later);
            return Ok(());
        }
        sides.push(side(made, &write));
        self.raise(made, entity, field, write.was, sides, None)
    }

    /// Who stands for a value beside somebody who writes it: who stood for it before and has not changed their mind in
    /// a conflict that is open, and who says so there.
    pub(super) fn beside(
        &self,
        author: &UserId,
        entity: Entity,
        field: &str,
        value: &FieldValue,
    ) -> Vec<ConflictSide> {
        let Some((holder, fields)) = self.tip.holder(entity) else { return Vec::new() };
        if spec(holder, field).is_none_or(|spec| self.tip.policy(spec) != Policy::UserGuided) {
            return Vec::new();
        }
        let open = self.tip.conflicts.about(entity, field);
        let before = fields.register(field).into_iter().flat_map(Register::sides);
        let before = before.filter(|side| open.is_none_or(|open| open.side_of(&side.user).is_none()));
        let all = before.chain(open.into_iter().flat_map(|open| open.sides.clone()));
        let mut with: Vec<_> = all.filter(|side| side.user != *author && side.value == *value).collect();
        with.sort_by_key(|side| std::cmp::Reverse(side.version));
        with.truncate(Register::MOST_WITH);
        with
    }

    /// A field is written about which a conflict is open: whoever has seen it settles it, anybody else joins.
    fn write_beside(
        &mut self,
        made: &mut Made<'_>,
        open: Conflict,
        write: FieldWrite,
        at: HlcTime,
    ) -> Result<(), FoldError> {
        let Conflict { id, entity, field, .. } = &open;
        let author = made.entry.author.clone();
        if open.is_seen(&author, write.seen) {
            let how = open.how(&write.value);
            let (value, told) = (write.value.clone(), (write.seen, write.patch_set));
            if !self.last_stands(made, *entity, field, write, at)? {
                return Ok(());
            }
            self.stands_anew(made, *entity, field, told, at)?;
            return self.close(made, &open, how, Some(value));
        }
        let stands = open.sides.first().is_some_and(|first| first.user == author);
        let before = open.side_of(&author).map(|side| &side.value);
        if before == Some(&write.value) {
            // Said once more: it is open still.
            made.tell(Outcome::Conflict { field: field.clone(), conflict: *id });
            return Ok(());
        }
        // Who agrees with a side is one more: they are told how it ends, and nobody ends it over their head.
        let (mine, value, told) = (side(made, &write), write.value.clone(), (write.seen, write.patch_set));
        if stands {
            let register = self.tip.holder(*entity).and_then(|(_, fields)| fields.register(field)).cloned();
            // One's own value is what one changes, between one's own clients by the clock.
            let own = register.as_ref().is_some_and(|register| register.by == author);
            if own
                && let Last::Loses(later) =
                    self.last(made.entry, *entity, field, write.clone(), made.corrected(at))
            {
                made.tell(later);
                return Ok(());
            }
            // Who else stands for it is no side where whoever disagrees had seen them: this one had not.
            let unseen =
                |side: &ConflictSide| side.version > write.seen && open.side_of(&side.user).is_none();
            for side in register.iter().flat_map(Register::sides).filter(unseen) {
                let (conflict, side, merged) = (*id, Box::new(side), None);
                self.add(made, Fact::ConflictJoined { conflict, side, merged })?;
            }
            match own {
                true => self.last_wins(made, *entity, field, write, at)?,
                false => self.set_anew(made, *entity, field, value.clone(), told, at)?,
            }
        }
        self.join(made, &open, mine, None)?;
        let agreed =
            self.tip.conflicts.get(*id).is_some_and(|now| now.sides.iter().all(|side| side.value == value));
        if !agreed {
            return Ok(());
        }
        self.stands_anew(made, open.entity, &open.field, told, at)?;
        self.close(made, &open, How::Agreed, Some(value))
    }

    /// Writes as the last writer; says whether the field has that value now.
    fn last_stands(
        &mut self,
        made: &mut Made<'_>,
        entity: Entity,
        field: &str,
        write: FieldWrite,
        at: HlcTime,
    ) -> Result<bool, FoldError> {
        let value = write.value.clone();
        self.last_wins(made, entity, field, write, at)?;
        let now = self.tip.holder(entity).and_then(|(_, fields)| fields.value(field));
        Ok(now == Some(&value))
    }

    /// What stands was chosen once more, by whoever ends a conflict or agrees: who has not seen that has not seen what stands.
    fn stands_anew(
        &mut self,
        made: &mut Made<'_>,
        entity: Entity,
        field: &str,
        (seen, patch_set): (Version, Option<u32>),
        at: HlcTime,
    ) -> Result<(), FoldError> {
        let register = self.tip.holder(entity).and_then(|(_, fields)| fields.register(field));
        match register.filter(|register| register.version != made.entry.version).cloned() {
            Some(register) => self.set_anew(made, entity, field, register.value, (seen, patch_set), at),
            None => Ok(()),
        }
    }

    /// A field is set, whatever the clocks say.
    fn set_anew(
        &mut self,
        made: &mut Made<'_>,
        entity: Entity,
        field: &str,
        value: FieldValue,
        (seen, patch_set): (Version, Option<u32>),
        at: HlcTime,
    ) -> Result<(), FoldError> {
        let register = self.tip.holder(entity).and_then(|(_, fields)| fields.register(field));
        // When they said it, whatever the other's clock said: on another device they may have said otherwise since.
        let stood = register.and_then(|register| register.stamp);
        let stood = stood.filter(|stood| stood.client == made.entry.client);
        let after = stood.map_or_else(HlcTime::default, |stood| stood.at.next());
        let stamp = Stamp { at: made.corrected(at).max(after), client: made.entry.client };
        let with = self.beside(&made.entry.author, entity, field, &value);
        let (field, unseen, seen) = (field.to_owned(), None, patch_set.map(|_| seen));
        self.add(made, Fact::FieldSet { entity, field, value, stamp, unseen, seen, patch_set, with })
    }

    /// A reviewer decides, and proposes the review's status with it.
    pub(super) fn decide(
        &mut self,
        made: &mut Made<'_>,
        value: Status,
        status: FieldWrite,
        note: Option<String>,
        at: HlcTime,
    ) -> Result<(), FoldError> {
        let mut stamp = Stamp { at: made.corrected(at), client: made.entry.client };
        let user = made.entry.author.clone();
        if let Some(standing) = self.tip.decisions.get(&user) {
            let saw_it = standing.version <= status.seen || standing.stamp.client == stamp.client;
            if !saw_it && stamp <= standing.stamp {
                let (field, value) = ("decision".to_owned(), standing.value.into());
                made.tell(Outcome::Superseded { field, by: user, value });
                return Ok(());
            }
            stamp.at = stamp.at.max(standing.stamp.at.next());
        }
        let (patch_set, seen) = (status.patch_set.unwrap_or(self.tip.patch_set), status.seen);
        let same = |there: &Decision| {
            let repeated = there.value == value && there.patch_set == patch_set && there.note == note;
            repeated && !saw_more(seen, there.seen, there.version)
        };
        if !self.tip.decisions.get(&user).is_some_and(same) {
            self.add(made, Fact::DecisionSet { value, patch_set, seen, note, stamp })?;
        }
        self.write(
            made,
            Entity::Review,
            Status::FIELD,
            FieldWrite { patch_set: Some(patch_set), ..status },
            at,
        )
    }

    /// Somebody ends a conflict that is open.
    pub(super) fn end(
        &mut self,
        made: &mut Made<'_>,
        conflict: Conflict,
        write: FieldWrite,
        at: HlcTime,
    ) -> Result<(), FoldError> {
        // An earlier change of this very batch may have ended it: then this is what its author wants after all.
        let Some(open) = self.tip.conflicts.get(conflict.id).cloned() else {
            if let Some(over) = self.tip.conflicts.settlement(conflict.id).cloned() {
                if over.version == made.entry.version
                    && over.value.is_some()
                    && over.field != Conflict::REMOVED
                {
                    return self.write(made, over.entity, &over.field, write, at);
                }
                made.tell(Outcome::AlreadySettled(Box::new(over)));
            }
            return Ok(());
        };
        if open.field == Conflict::TEXT {
            return self.dismiss(made, &open, write.seen);
        }
        if open.field != Conflict::REMOVED {
            return self.write_beside(made, open, write, at);
        }
        let restores = write.value == FieldValue::Flag(false);
        if !restores && !open.is_seen(&made.entry.author, write.seen) {
            // Somebody else's edit, unseen, would be dropped.
            made.tell(Outcome::Conflict { field: open.field, conflict: open.id });
            return Ok(());
        }
        if let (true, Entity::Comment(comment)) = (restores, open.entity) {
            self.add(made, Fact::CommentRestored { comment })?;
        }
        let how = open.how(&write.value);
        self.close(made, &open, how, Some(write.value))?;
        if restores { Ok(()) } else { self.close_text(made, open.entity) }
    }

    /// Somebody ends a conflict about the text of a comment that is gone for good, as it stands. Those that were open when
    /// an earlier release removed their comment are open still.
    fn dismiss(&mut self, made: &mut Made<'_>, open: &Conflict, seen: Version) -> Result<(), FoldError> {
        if self.tip.is_gone(open.entity) && open.is_seen(&made.entry.author, seen) {
            return self.close(made, open, How::Merged, None);
        }
        made.tell(Outcome::Conflict { field: open.field.clone(), conflict: open.id });
        Ok(())
    }

    /// A comment is gone for good, and nobody can edit it any more: what was open about its text ends with it.
    fn close_text(&mut self, made: &mut Made<'_>, entity: Entity) -> Result<(), FoldError> {
        match self.tip.conflicts.about(entity, Conflict::TEXT).cloned() {
            Some(open) => self.close(made, &open, How::Merged, None),
            None => Ok(()),
        }
    }

    /// A text is edited.
    pub(super) fn edit(&mut self, made: &mut Made<'_>, edit: Edit) -> Result<(), FoldError> {
        let Edit { comment, op, seen, clash, settles } = edit;
        let before = self.tip.comments.get(&comment).map(|there| there.text.clone()).unwrap_or_default();
        let texts = clash.as_ref().map(|clash| self.texts(made, comment, clash, &before));
        self.backs.push(Back { op: op.invert(&before).ok(), seen: Some(seen) });
        let changes = !op.is_identity();
        let Entry { version, author, at, .. } = &*made.entry;
        let after = self.tip.edit(comment, &op, *version, author, *at)?;
        let (checksum, merged) = (after.checksum(), after.as_str().to_owned());
        made.entry.facts.push(Fact::TextEdited { comment, op, checksum });
        let entity = Entity::Comment(comment);
        let removed = self.tip.comments.get(&comment).and_then(|there| there.removed.clone());
        if let Some(removal) = removed {
            if changes {
                self.edited_removed(made, comment, seen, removal)?;
            }
            // What its text is in conflict about matters where the comment may come back.
            if self.tip.conflicts.about(entity, Conflict::REMOVED).is_none() {
                return Ok(());
            }
        }
        let open = settles.and_then(|id| self.tip.conflicts.get(id).cloned());
        if let (Some(clash), Some((base, mine))) = (clash, texts) {
            let mine = FieldValue::Text(mine.unwrap_or_else(|| merged.clone()));
            let mine = ConflictSide { seen: Some(clash.seen), ..plain_side(made, mine) };
            if let Some(open) = self.tip.conflicts.about(entity, Conflict::TEXT).cloned() {
                return self.join(made, &open, mine, Some(merged));
            }
            let Clash { with, version, at, had_seen, .. } = clash;
            let value = FieldValue::Text(before.as_str().to_owned());
            let theirs = ConflictSide { value, user: with, version, seen: had_seen, patch_set: None, at };
            let base = base.map(FieldValue::Text);
            return self.raise(made, entity, Conflict::TEXT, base, vec![theirs, mine], Some(merged));
        }
        match open {
            Some(open) if open.is_seen(&made.entry.author, seen) => {
                let how = if changes { open.how(&FieldValue::Text(merged)) } else { How::Merged };
                self.close(made, &open, how, None)
            }
            Some(open) => {
                made.tell(Outcome::Conflict { field: open.field, conflict: open.id });
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The text that both edited, and what the author of the later edit made of it; as far as that can be told.
    fn texts(
        &self,
        made: &Made<'_>,
        comment: CommentId,
        clash: &Clash,
        now: &Text,
    ) -> (Option<String>, Option<String>) {
        let told = clash.base.as_deref().map(Text::new);
        let base = told.or_else(|| self.history.text_at(comment, clash.seen, now)).or_else(|| {
            let mut text = made.texts.get(&comment)?.clone();
            let older = made.older.iter().take_while(|entry| entry.version <= clash.seen);
            let ops = older.filter_map(|entry| super::history::Past::of(entry, comment));
            ops.map(|past| past.op).try_for_each(|op| text.apply(op)).ok()?;
            Some(text)
        });
        let mine = base.clone().and_then(|mut text| {
            text.apply(clash.authored.as_ref()?).ok()?;
            Some(text.as_str().to_owned())
        });
        (base.map(|text| text.as_str().to_owned()), mine)
    }

    /// Somebody edited a comment without knowing that it had been removed.
    fn edited_removed(
        &mut self,
        made: &mut Made<'_>,
        comment: CommentId,
        seen: Version,
        removal: Removal,
    ) -> Result<(), FoldError> {
        if removal.by == made.entry.author {
            return Ok(());
        }
        let entity = Entity::Comment(comment);
        let mine = ConflictSide { seen: Some(seen), ..plain_side(made, FieldValue::Flag(false)) };
        if let Some(open) = self.tip.conflicts.about(entity, Conflict::REMOVED).cloned() {
            // One conflict, and one side for all that one person did.
            let known = open.side_of(&made.entry.author).is_some();
            return if known { Ok(()) } else { self.join(made, &open, mine, None) };
        }
        let Removal { version, by, at } = removal;
        let gone = removed_side(by, version, at);
        self.raise(made, entity, Conflict::REMOVED, Some(FieldValue::Flag(false)), vec![gone, mine], None)
    }

    /// A comment is removed by its author, who may not have seen what somebody else did to its text.
    pub(super) fn remove(
        &mut self,
        made: &mut Made<'_>,
        comment: CommentId,
        unseen: Option<Clash>,
    ) -> Result<(), FoldError> {
        if self.tip.comments.get(&comment).is_some_and(|there| there.removed.is_some()) {
            return Ok(());
        }
        self.add(made, Fact::CommentRemoved { comment })?;
        let Some(Clash { with, version, at, had_seen, seen, .. }) = unseen else {
            return self.close_text(made, Entity::Comment(comment));
        };
        let (author, entry) = (made.entry.author.clone(), made.entry.version);
        let gone = ConflictSide { seen: Some(seen), ..removed_side(author, entry, made.entry.at) };
        let value = FieldValue::Flag(false);
        let edited = ConflictSide { value, user: with, version, seen: had_seen, patch_set: None, at };
        let (entity, base) = (Entity::Comment(comment), Some(FieldValue::Flag(false)));
        self.raise(made, entity, Conflict::REMOVED, base, vec![gone, edited], None)
    }

    fn raise(
        &mut self,
        made: &mut Made<'_>,
        entity: Entity,
        field: &str,
        base: Option<FieldValue>,
        sides: Vec<ConflictSide>,
        merged: Option<String>,
    ) -> Result<(), FoldError> {
        let raised = made.entry.facts.iter().filter(|fact| matches!(fact, Fact::ConflictRaised(_))).count();
        let index = u32::try_from(raised).unwrap_or(u32::MAX);
        let id = ConflictId { version: made.entry.version, index };
        let conflict = Conflict { id, entity, field: field.to_owned(), base, sides, merged };
        made.tell(Outcome::Conflict { field: field.to_owned(), conflict: id });
        self.add(made, Fact::ConflictRaised(Box::new(conflict)))
    }

    fn join(
        &mut self,
        made: &mut Made<'_>,
        open: &Conflict,
        side: ConflictSide,
        merged: Option<String>,
    ) -> Result<(), FoldError> {
        made.tell(Outcome::Conflict { field: open.field.clone(), conflict: open.id });
        self.add(made, Fact::ConflictJoined { conflict: open.id, side: Box::new(side), merged })
    }

    fn close(
        &mut self,
        made: &mut Made<'_>,
        open: &Conflict,
        how: How,
        value: Option<FieldValue>,
    ) -> Result<(), FoldError> {
        let (conflict, entity, field) = (open.id, open.entity, open.field.clone());
        self.add(made, Fact::ConflictSettled { conflict, entity, field, how, value })
    }
}

/// Whether who says the same again knows more of the review than when it was said: then it is said of that. The entry
/// by which it was said is nothing more.
pub(in crate::sync) fn saw_more(seen: Version, before: Version, said_in: Version) -> bool {
    let knew = if before.saturating_add(1) == said_in { said_in } else { before };
    seen > knew
}

/// What the author of an entry wrote.
fn plain_side(made: &Made<'_>, value: FieldValue) -> ConflictSide {
    let (user, version, at) = (made.entry.author.clone(), made.entry.version, made.entry.at);
    ConflictSide { value, user, version, seen: None, patch_set: None, at }
}

fn side(made: &Made<'_>, write: &FieldWrite) -> ConflictSide {
    let side = plain_side(made, write.value.clone());
    ConflictSide { seen: Some(write.seen), patch_set: write.patch_set, ..side }
}

fn removed_side(user: UserId, version: Version, at: crate::clock::Millis) -> ConflictSide {
    ConflictSide { value: FieldValue::Flag(true), user, version, seen: None, patch_set: None, at }
}
