//! The review model, and the fold that makes it: a review at version v is its entries 1..=v, applied in order.

mod anchor;
mod comment;
mod conflict;
mod decision;
mod digest;
mod field;
mod history;
#[cfg(test)]
mod laws;
mod marks;
mod patch_sets;
mod set;
mod standing;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use anchor::{Anchor, LineHash, Place, Side};
pub use comment::{Comment, LastEdit, Removal};
pub use conflict::{BadConflictId, Conflict, ConflictId, ConflictSide, Conflicts, How, Settlement};
pub use decision::{Decision, Decisions};
pub use field::{
    FIELDS, FieldSpec, FieldValue, Fields, Holder, Policy, Register, Status, StatusPolicy, ValueSpec, spec,
};
pub use history::{CommentHistory, Edited};
pub use marks::{Marks, Viewed};
pub use patch_sets::PatchSets;
pub use set::{Delta, Dot, Dots, Elements, Sets};
pub use standing::{ContextLine, Move, PlaceState, Standing};

use crate::change::Entity;
use crate::clock::Millis;
use crate::entry::{Entry, Fact};
use crate::id::{CommentId, ReviewId, UserId, Version};
use crate::text::{OpError, Text, TextOp};

/// A review as of a version: what `snapshot` carries and what REST shows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Review {
    /// Which review.
    pub id: ReviewId,
    /// How many entries have been applied.
    pub version: Version,
    /// When it was created, on the server's clock.
    pub created_at: Millis,
    /// The number of the code's newest state, counted from 1; 0 before there is one.
    pub patch_set: u32,
    /// `title`, `status` and what else reviews have.
    pub fields: Fields,
    /// Every comment that ever was, removed ones included.
    pub comments: BTreeMap<CommentId, Comment>,
    /// What happens when two people move its status.
    #[serde(default, skip_serializing_if = "StatusPolicy::is_usual")]
    pub status_policy: StatusPolicy,
    /// `tags`, and what other sets reviews have.
    #[serde(default, skip_serializing_if = "Sets::is_empty")]
    pub sets: Sets,
    /// What each reviewer decided.
    #[serde(default, skip_serializing_if = "Decisions::is_empty")]
    pub decisions: Decisions,
    /// What only people can settle.
    #[serde(default, skip_serializing_if = "Conflicts::is_empty")]
    pub conflicts: Conflicts,
    /// Set if it is a log of private drafts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drafts: Option<Drafts>,
}

/// What makes a review a log of private drafts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Drafts {
    /// The review that they are drafts in.
    pub review: ReviewId,
    /// Whose they are.
    pub owner: UserId,
    /// How often something was published from here.
    pub publications: u64,
}

/// An entry that does not follow from the review it is applied to: two replicas would differ.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A gap, or an entry twice.
    #[error("entry {found} cannot follow version {at}")]
    OutOfOrder {
        /// The review's version.
        at: Version,
        /// The entry's.
        found: Version,
    },
    /// It speaks of a comment that is not there, or adds one that is.
    #[error("entry {version} does not fit comment {comment}")]
    Comment {
        /// The entry's version.
        version: Version,
        /// The comment's id.
        comment: CommentId,
    },
    /// It speaks of a conflict that is not open.
    #[error("entry {version} does not fit conflict {conflict}")]
    Conflict {
        /// The entry's version.
        version: Version,
        /// The conflict's name.
        conflict: ConflictId,
    },
    /// Its op does not fit the text.
    #[error("entry {version} does not fit the text of {comment}: {error}")]
    Text {
        /// The entry's version.
        version: Version,
        /// The comment's id.
        comment: CommentId,
        /// How it does not fit.
        error: OpError,
    },
    /// The text afterwards is not the one the sequencer had.
    #[error("after entry {version} the text of {comment} differs from the server's")]
    Checksum {
        /// The entry's version.
        version: Version,
        /// The comment's id.
        comment: CommentId,
    },
}

impl Review {
    /// The review before its first entry.
    pub fn new(id: ReviewId) -> Review {
        Review {
            id,
            version: 0,
            created_at: 0,
            patch_set: 0,
            fields: Fields::default(),
            comments: BTreeMap::new(),
            status_policy: StatusPolicy::default(),
            sets: Sets::default(),
            decisions: Decisions::new(),
            conflicts: Conflicts::default(),
            drafts: None,
        }
    }

    /// Applies the next entry. After an error the review must not be used any further: it is reloaded.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), FoldError> {
        let version = entry.version;
        if Some(version) != self.version.checked_add(1) {
            return Err(FoldError::OutOfOrder { at: self.version, found: version });
        }
        for fact in &entry.facts {
            self.apply_fact(version, &entry.author, entry.at, fact)?;
        }
        self.version = version;
        Ok(())
    }

    pub(crate) fn apply_fact(
        &mut self,
        version: Version,
        by: &UserId,
        at: Millis,
        fact: &Fact,
    ) -> Result<(), FoldError> {
        match fact {
            Fact::ReviewCreated { title, status_policy } => {
                (self.created_at, self.status_policy) = (at, *status_policy);
                self.fields.create("title", FieldValue::Text(title.clone()), by);
            }
            Fact::DraftsOpened { review, owner } => {
                self.created_at = at;
                self.drafts = Some(Drafts { review: *review, owner: owner.clone(), publications: 0 });
            }
            Fact::DraftsPublished { comments } => {
                for id in comments {
                    self.comment_mut(*id, version)?.published.get_or_insert(version);
                }
                if let Some(drafts) = &mut self.drafts {
                    drafts.publications += 1;
                }
            }
            Fact::PatchSetAdded { number, moves } => {
                self.patch_set = *number;
                for Move { comment: id, anchor, standing } in moves {
                    let comment = self.comment_mut(*id, version)?;
                    if comment.holder() != Holder::Thread {
                        return Err(FoldError::Comment { version, comment: *id });
                    }
                    comment.place = Place::Line(anchor.clone());
                    comment.standing = Some(standing.clone());
                }
            }
            Fact::CommentAdded { comment, place, text, created, standing, .. } => {
                let fresh = Comment::new(*comment, by.clone(), place.clone(), *created, version, text);
                let fresh = Comment { standing: standing.as_deref().cloned(), ..fresh };
                if self.comments.insert(*comment, fresh).is_some() {
                    return Err(FoldError::Comment { version, comment: *comment });
                }
            }
            Fact::TextEdited { comment, op, checksum } => {
                let text = self.edit(*comment, op, version, by, at)?;
                if text.checksum() != *checksum {
                    return Err(FoldError::Checksum { version, comment: *comment });
                }
            }
            Fact::FieldSet { entity, field, value, stamp, seen, patch_set, with, .. } => {
                let fields = match entity {
                    Entity::Review => &mut self.fields,
                    Entity::Comment(comment) => &mut self.comment_mut(*comment, version)?.fields,
                };
                let register = Register::new(value.clone(), version, Some(*stamp), by.clone());
                let (seen, patch_set, with) = (*seen, *patch_set, with.clone());
                fields.set(field, Register { seen, patch_set, with, ..register });
            }
            Fact::CommentRemoved { comment } => {
                let removal = Removal { version, by: by.clone(), at };
                self.comment_mut(*comment, version)?.removed.get_or_insert(removal);
            }
            Fact::CommentRestored { comment } => self.comment_mut(*comment, version)?.removed = None,
            Fact::SetChanged { entity, field, delta } => {
                let sets = match entity {
                    Entity::Review => &mut self.sets,
                    Entity::Comment(comment) => &mut self.comment_mut(*comment, version)?.sets,
                };
                sets.apply(field, delta);
            }
            Fact::DecisionSet { value, patch_set, seen, note, stamp } => {
                let (value, patch_set, seen, stamp) = (*value, *patch_set, *seen, *stamp);
                let decision = Decision { value, patch_set, seen, note: note.clone(), at, version, stamp };
                self.decisions.insert(by.clone(), decision);
            }
            Fact::ConflictRaised(conflict) => self.conflicts.raise((**conflict).clone()),
            Fact::ConflictJoined { conflict, side, merged } => {
                if !self.conflicts.join(*conflict, side, merged.as_ref()) {
                    return Err(FoldError::Conflict { version, conflict: *conflict });
                }
            }
            Fact::ConflictSettled { conflict, entity, field, how, value } => {
                let (conflict, entity, field, how) = (*conflict, *entity, field.clone(), how.clone());
                let (by, value) = (by.clone(), value.clone());
                let settlement = Settlement { conflict, entity, field, by, how, value, version, at };
                self.conflicts.settle(settlement);
            }
        }
        Ok(())
    }

    /// Applies an op to a comment's text and lends the result.
    pub(crate) fn edit(
        &mut self,
        comment: CommentId,
        op: &TextOp,
        version: Version,
        by: &UserId,
        at: Millis,
    ) -> Result<&Text, FoldError> {
        let there = self.comment_mut(comment, version)?;
        there.text.apply(op).map_err(|error| FoldError::Text { version, comment, error })?;
        there.edited = Some(LastEdit { version, by: by.clone(), at });
        Ok(&there.text)
    }

    fn comment_mut(&mut self, comment: CommentId, version: Version) -> Result<&mut Comment, FoldError> {
        self.comments.get_mut(&comment).ok_or(FoldError::Comment { version, comment })
    }

    /// What the review is called.
    pub fn title(&self) -> &str {
        match self.fields.value("title") {
            Some(FieldValue::Text(title)) => title,
            _ => "",
        }
    }

    /// The review's decision; `pending` until somebody decides.
    pub fn status(&self) -> Status {
        self.fields.value("status").and_then(Status::from_value).unwrap_or_default()
    }

    /// What happens when two people write a field of this review.
    pub fn policy(&self, spec: &FieldSpec) -> Policy {
        match (spec.policy, self.status_policy) {
            (Policy::UserGuided, StatusPolicy::Lww) if spec.name == Status::FIELD => Policy::LastWriterWins,
            (policy, _) => policy,
        }
    }

    /// The sets of an entity, if it is there.
    pub fn sets_of(&self, entity: Entity) -> Option<&Sets> {
        match entity {
            Entity::Review => Some(&self.sets),
            Entity::Comment(id) => self.comments.get(&id).map(|comment| &comment.sets),
        }
    }

    /// The fields of an entity, and which kind of holder it is.
    pub fn holder(&self, entity: Entity) -> Option<(Holder, &Fields)> {
        match entity {
            Entity::Review => Some((Holder::Review, &self.fields)),
            Entity::Comment(id) => self.comments.get(&id).map(|comment| (comment.holder(), &comment.fields)),
        }
    }

    /// Whether that is a comment which was removed and which no open conflict can bring back.
    pub fn is_gone(&self, entity: Entity) -> bool {
        let Entity::Comment(id) = entity else { return false };
        let removed = self.comments.get(&id).is_some_and(|comment| comment.removed.is_some());
        removed && self.conflicts.about(entity, Conflict::REMOVED).is_none()
    }

    /// The root of a comment's thread: itself unless it is a reply.
    pub fn thread_of(&self, comment: &Comment) -> CommentId {
        match &comment.place {
            Place::Line(_) => comment.id,
            Place::Reply(root) => *root,
        }
    }
}
