//! Where a new comment goes: onto lines that the code has, in its newest state.

use std::collections::BTreeMap;

use super::plan::Planner;
use crate::entry::Reason;
use crate::id::{CommentId, Version};
use crate::review::{Anchor, Holder, Place, PlaceState, Standing};

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
                    None => self.seen_comment(base, *root)?.holder(),
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
