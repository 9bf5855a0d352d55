//! Conflicts as the user of a client sees them, and how they end.
//!
//! In the log a conflict has sides, each with its user. Which of them is mine and which is theirs depends on who
//! looks: that is worked out here and nowhere else, and what goes out names a side, or a value.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Weak;

use interline_core::change::Entity;
use interline_core::id::UserId;
use interline_core::review::{Conflict, ConflictId, ConflictSide, Decision, Decisions, FieldValue, Status};
use interline_core::sync::{EditError as InvalidEdit, Replica, Resolution};

use crate::comment::Comment;
use crate::error::EditError;
use crate::review::Review;
use crate::slot::Slot;

/// A conflict that waits for a person, as one user sees it: as it was when it was asked for or told of.
/// [`resolve`](DetectedConflict::resolve) ends it.
#[derive(Clone)]
pub struct DetectedConflict {
    conflict: Conflict,
    /// The text of its comment beside it: what a text that settles it is made on.
    text: Option<String>,
    viewer: UserId,
    /// Where it is. Held weakly: an event that nobody has read yet keeps no review open.
    slot: Weak<Slot>,
}

impl PartialEq for DetectedConflict {
    fn eq(&self, other: &DetectedConflict) -> bool {
        let same = self.conflict == other.conflict && self.text == other.text;
        same && self.viewer == other.viewer && self.slot.ptr_eq(&other.slot)
    }
}

impl fmt::Debug for DetectedConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DetectedConflict { conflict, text, viewer, .. } = self;
        let mut told = f.debug_struct("DetectedConflict");
        told.field("conflict", conflict).field("text", text).field("viewer", viewer).finish()
    }
}

/// How a person ends a conflict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConflictResolution {
    /// What this user had written. Whoever only looks on has written nothing.
    KeepMine,
    /// What the other had written; of several others the first who does not agree.
    KeepTheirs,
    /// What both were merged to; of texts only.
    Merged,
    /// Something else: another value of the field; or a text, as a change of the [text](DetectedConflict::text) that this
    /// handle has.
    Custom(FieldValue),
}

impl DetectedConflict {
    /// Told now, beside the text that its comment has now.
    pub(crate) fn new(conflict: Conflict, replica: &Replica, slot: Weak<Slot>) -> DetectedConflict {
        let comment = match conflict.entity {
            Entity::Comment(id) if conflict.field == Conflict::TEXT => replica.comment(id),
            _ => None,
        };
        let text = comment.map(|comment| comment.text.as_str().to_owned());
        DetectedConflict { conflict, text, viewer: replica.user().clone(), slot }
    }

    /// Ends it. Whoever is second is told who was first, by [`Event::AlreadySettled`](crate::Event): that is no error. It
    /// speaks of the sides that this handle has: where others have come or changed since it was told, what is chosen is
    /// one more side, and the conflict stays open.
    ///
    /// Of a text it speaks as of [`text`](DetectedConflict::text): what others have written since stays, and where that is
    /// in the same place as what is chosen, the conflict stays open. So keep the handle that was looked at, for as long as
    /// somebody writes.
    pub fn resolve(&self, how: ConflictResolution) -> Result<(), EditError> {
        let slot = self.slot.upgrade().ok_or(EditError::Closed)?;
        let made_on = self.text.as_deref();
        slot.edit(|replica, now| replica.settle_made_on(now, &self.conflict, made_on, self.resolution(how)?))
    }

    /// Whether it is about the text of a comment that is gone: nobody can edit that any more, and
    /// [`dismiss`](DetectedConflict::dismiss) is the only way to end it. Removing a comment ends what is in conflict about
    /// its text; earlier releases left that open.
    pub fn is_gone(&self) -> bool {
        let gone = |slot: &Slot| slot.read(|inner| inner.replica.confirmed().is_gone(self.conflict.entity));
        self.conflict.field == Conflict::TEXT && self.slot.upgrade().is_some_and(|slot| gone(&slot))
    }

    /// Ends it as it stands: of a text, by what was merged.
    pub fn dismiss(&self) -> Result<(), EditError> {
        self.resolve(ConflictResolution::Merged)
    }

    /// What the log says of it, as it was told: what [`Review::told_conflict`] makes a handle of again.
    pub fn told(&self) -> &Conflict {
        &self.conflict
    }

    /// Its name: the same for everybody.
    pub fn id(&self) -> ConflictId {
        self.conflict.id
    }

    /// What it is about.
    pub fn entity(&self) -> Entity {
        self.conflict.entity
    }

    /// Which field of that: `status`, `text`, `removed`.
    pub fn field(&self) -> &str {
        &self.conflict.field
    }

    /// What it was before either wrote, as far as that is known.
    pub fn base(&self) -> Option<&FieldValue> {
        self.conflict.base.as_ref()
    }

    /// Everybody's side; the first stands, but in a text what was merged does.
    pub fn sides(&self) -> &[ConflictSide] {
        &self.conflict.sides
    }

    /// The text of the comment as it was beside this, where a text is in conflict: what was merged, with what was typed
    /// since. Another text begins with it.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// What became of the text.
    pub fn merged(&self) -> Option<&str> {
        self.conflict.merged.as_deref()
    }

    /// What this user wrote, if they are part of it.
    pub fn mine(&self) -> Option<&ConflictSide> {
        self.conflict.side_of(&self.viewer)
    }

    /// What the first of the others wrote who does not agree with this user.
    pub fn theirs(&self) -> Option<&ConflictSide> {
        let mine = self.mine().map(|mine| &mine.value);
        let others = || self.conflict.sides.iter().filter(|side| side.user != self.viewer);
        others().find(|side| Some(&side.value) != mine).or_else(|| others().next())
    }

    fn resolution(&self, how: ConflictResolution) -> Result<Resolution, InvalidEdit> {
        let side = |side: Option<&ConflictSide>| {
            side.map(|side| Resolution::Side(side.user.clone())).ok_or(InvalidEdit::BadResolution)
        };
        match how {
            ConflictResolution::KeepMine => side(self.mine()),
            ConflictResolution::KeepTheirs => side(self.theirs()),
            ConflictResolution::Merged => Ok(Resolution::Merged),
            ConflictResolution::Custom(value) => Ok(Resolution::Value(value)),
        }
    }
}

impl Review {
    /// The open conflicts, oldest first; without those that are being settled from here.
    pub fn conflicts(&self) -> Vec<DetectedConflict> {
        self.slot().read(|inner| {
            let open = inner.replica.conflicts().into_iter();
            open.map(|conflict| DetectedConflict::new(conflict, &inner.replica, inner.slot())).collect()
        })
    }

    /// The handle of a conflict as it was told before, where handles cannot be kept: with the [text](DetectedConflict::text)
    /// that it had.
    pub fn told_conflict(&self, told: Conflict, text: Option<String>) -> DetectedConflict {
        self.slot().read(|inner| {
            let viewer = inner.replica.user().clone();
            DetectedConflict { conflict: told, text, viewer, slot: inner.slot() }
        })
    }

    /// Decides as this reviewer, of the newest code that is here; the review's status is to follow, and can be in conflict
    /// with what others decide. The decision itself cannot. Where a person looks at the code, say at which:
    /// [`decide_on`](Review::decide_on).
    pub fn decide(&self, decision: Status, note: Option<&str>) -> Result<(), EditError> {
        self.slot().edit(|replica, now| replica.decide(now, decision, note.map(str::to_owned)))
    }

    /// Decides, of the patch set that its author looked at: a newer one may have come while they were deciding, and then
    /// this is [stale](Review::is_stale). One that is not here is an error.
    pub fn decide_on(&self, patch_set: u32, decision: Status, note: Option<&str>) -> Result<(), EditError> {
        let note = note.map(str::to_owned);
        self.slot().edit(|replica, now| replica.decide_on(now, decision, note, Some(patch_set)))
    }

    /// What each reviewer decided.
    pub fn decisions(&self) -> Decisions {
        self.slot().read(|inner| inner.replica.decisions())
    }

    /// Whether a decision was made on code that is not the newest.
    pub fn is_stale(&self, decision: &Decision) -> bool {
        decision.is_stale(self.patch_set())
    }

    /// Its tags.
    pub fn tags(&self) -> Vec<String> {
        self.tags_of(Entity::Review)
    }

    /// Adds tags and takes others off. Who adds one while somebody else takes it off keeps it.
    pub fn change_tags<'a>(
        &self,
        add: impl IntoIterator<Item = &'a str>,
        remove: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), EditError> {
        self.change_tags_of(Entity::Review, names(add), names(remove))
    }

    fn tags_of(&self, entity: Entity) -> Vec<String> {
        self.slot().read(|inner| inner.replica.sets(entity).elements(TAGS).map(str::to_owned).collect())
    }

    fn change_tags_of(
        &self,
        entity: Entity,
        add: BTreeSet<String>,
        remove: BTreeSet<String>,
    ) -> Result<(), EditError> {
        self.slot().edit(|replica, now| replica.change_set(now, entity, TAGS, add, remove))
    }
}

impl Comment {
    /// Its tags.
    pub fn tags(&self) -> Vec<String> {
        self.review.tags_of(Entity::Comment(self.id))
    }

    /// Adds tags and takes others off.
    pub fn change_tags<'a>(
        &self,
        add: impl IntoIterator<Item = &'a str>,
        remove: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), EditError> {
        self.review.change_tags_of(Entity::Comment(self.id), names(add), names(remove))
    }
}

/// The set that holds tags.
const TAGS: &str = "tags";

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(viewer: &str) -> DetectedConflict {
        let said = [("ann", Status::Approved), ("bo", Status::ChangesRequested), ("cy", Status::Approved)];
        let user = |name: &str| UserId::new(name).expect("a name");
        let sides = (3..).zip(said).map(|(version, (name, value))| ConflictSide {
            value: value.into(),
            user: user(name),
            version,
            seen: Some(1),
            patch_set: Some(1),
            at: 0,
        });
        let conflict = Conflict {
            id: ConflictId { version: 4, index: 0 },
            entity: Entity::Review,
            field: Status::FIELD.into(),
            base: None,
            sides: sides.collect(),
            merged: None,
        };
        DetectedConflict { conflict, text: None, viewer: user(viewer), slot: Weak::new() }
    }

    #[test]
    fn theirs_is_what_somebody_says_who_does_not_agree() {
        for (viewer, mine, theirs) in
            [("ann", true, "bo"), ("bo", true, "ann"), ("cy", true, "bo"), ("di", false, "ann")]
        {
            let told = told(viewer);
            assert_eq!(told.mine().is_some(), mine, "{viewer}");
            assert_eq!(told.theirs().map(|side| side.user.as_str()), Some(theirs), "{viewer}");
            assert!(!told.is_gone());
        }
    }
}
