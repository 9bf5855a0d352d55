//! Where a new comment goes: onto lines that the code has, in its newest state.

use std::collections::BTreeMap;

use super::plan::{Planned, Planner};
use crate::clock::Stamp;
use crate::entry::{Fact, Reason};
use crate::id::{CommentId, Version};
use crate::review::{Anchor, Comment, Holder, Place, PlaceState, Standing};

/// How many threads beside a new one are named.
const BESIDE: usize = 16;

/// Where a new comment stands.
pub(super) struct Placed {
    pub(super) place: Place,
    /// Set if it was written on an older patch set than the newest.
    pub(super) standing: Option<Box<Standing>>,
    /// Other people's on the same lines that its author had not seen.
    pub(super) beside: Vec<CommentId>,
}

impl Planner<'_> {
    /// A new comment, which `place` finds a place for among those that are `added` with it.
    pub(super) fn added(
        &self,
        comment: CommentId,
        text: &str,
        created: Stamp,
        added: &mut BTreeMap<CommentId, Holder>,
        place: impl FnOnce(&BTreeMap<CommentId, Holder>) -> Result<Placed, Reason>,
    ) -> Result<Planned, Reason> {
        self.check_text(text)?;
        if self.tip.comments.contains_key(&comment) || added.contains_key(&comment) {
            return Err(Reason::DuplicateComment);
        }
        if self.tip.comments.len() + added.len() >= self.limits.review_comments {
            return Err(Reason::TooManyComments);
        }
        self.check_growth(text.chars().count())?;
        let Placed { place, standing, beside } = place(added)?;
        let holder = if matches!(place, Place::Line(_)) { Holder::Thread } else { Holder::Reply };
        added.insert(comment, holder);
        let text = text.to_owned();
        Ok(Planned::Fact(Fact::CommentAdded { comment, place, text, created, standing, beside }))
    }

    pub(super) fn placed(
        &self,
        base: Version,
        seen: Option<Version>,
        place: &Place,
        added: &BTreeMap<CommentId, Holder>,
    ) -> Result<Placed, Reason> {
        match place {
            Place::Reply(root) => {
                let holder = match added.get(root) {
                    Some(holder) => *holder,
                    None => self.talked_about(base, *root)?.holder(),
                };
                // A reply goes to the root: threads have one level.
                if holder != Holder::Thread {
                    return Err(Reason::UnknownComment);
                }
                Ok(Placed { place: place.clone(), standing: None, beside: Vec::new() })
            }
            Place::Line(anchor) => {
                let written = self.checked(anchor)?;
                let (at, standing) = match self.patch_sets.carry(&written, None, self.tip.patch_set) {
                    Some((at, standing)) => (at, Some(Box::new(standing))),
                    None => (written, None),
                };
                let beside = self.beside(seen.unwrap_or(base).min(base), &at, &standing);
                Ok(Placed { place: Place::Line(at), standing, beside })
            }
        }
    }

    /// A comment that the author knew and that can be answered, resolved and tagged: one that was there for them, or that
    /// others' answers hold up. A thread belongs to all who speak in it, not to whoever began it.
    pub(super) fn talked_about(&self, base: Version, id: CommentId) -> Result<&Comment, Reason> {
        self.seen_comment(base, id).or_else(|reason| {
            let there = |other: &Comment| {
                let gone = other.removed.as_ref().is_some_and(|removal| removal.version <= base);
                other.place == Place::Reply(id) && other.added <= base && !gone
            };
            let goes_on = reason == Reason::CommentRemoved && self.tip.comments.values().any(there);
            if goes_on { self.comment(base, id) } else { Err(reason) }
        })
    }

    /// Lines that the code has, as their author saw them.
    pub(super) fn checked(&self, anchor: &Anchor) -> Result<Anchor, Reason> {
        let written = self.patch_sets.hashed(anchor).ok_or(Reason::UnknownLine)?;
        let differs = |seen: Option<_>, found| seen.is_some() && seen != found;
        if differs(anchor.hash, written.hash) || differs(anchor.span, written.span) {
            return Err(Reason::LineDiffers);
        }
        Ok(written)
    }

    /// What others put on the same lines behind the version that the author saw.
    fn beside(&self, seen: Version, at: &Anchor, standing: &Option<Box<Standing>>) -> Vec<CommentId> {
        if standing.as_ref().is_some_and(|standing| standing.state == PlaceState::Outdated) {
            return Vec::new();
        }
        let unseen = self.tip.comments.values().filter(|other| {
            other.added > seen
                && other.author != *self.user
                && other.removed.is_none()
                && other.state() != PlaceState::Outdated
                && matches!(&other.place, Place::Line(there) if there.meets(at))
        });
        unseen.map(|other| other.id).take(BESIDE).collect()
    }
}
