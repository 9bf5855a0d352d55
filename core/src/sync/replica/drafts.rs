//! Private drafts: a replica of their own log, what they are published by, and what becomes of edits that came too
//! late for that.

use std::collections::BTreeSet;

use super::{EditError, Event, HISTORY_OPS, Origin, Rejected, Replica};
use crate::change::{Apart, Change, Entity, FieldWrite, PublishedDecision};
use crate::clock::Millis;
use crate::drafts::first_entry;
use crate::entry::Head;
use crate::id::{ClientId, CommentId, ReviewId, UserId, Version};
use crate::review::{Comment, Holder, Place, Status, spec};
use crate::sync::History;
use crate::text::{diff, normalize, three_way};

/// How many records of carried edits are kept: they are forgotten as soon as their drafts' replica has let go of them.
const CARRIED: usize = 1_024;
/// How long after its refusal the published comment may take to come here, in milliseconds. Then it will not.
const PATIENCE_MS: u64 = 10_000;

/// What became of something that was [late](Replica::take_late).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Late {
    /// The comment is not here yet: it has to come again.
    Waits,
    /// It goes on in the comment, or was taken before.
    Carried,
    /// It waits for a person.
    SetAside,
}

impl Replica {
    /// A replica of a user's private drafts in a review. It takes edits at once: its log's first entry is known.
    pub fn drafts(client: ClientId, user: UserId, of: ReviewId, debounce_ms: u64) -> Replica {
        let (entry, encoded) = first_entry(of, &user);
        let mut replica = Replica::new(client, user.clone(), of.drafts_of(&user), debounce_ms);
        let applied = replica.confirmed.apply(&entry);
        debug_assert!(applied.is_ok(), "the first entry follows from nothing");
        replica.drafts_of = Some(of);
        replica.head = Head { version: encoded.version, hash: encoded.hash };
        replica.history = History::new(encoded.version, HISTORY_OPS);
        replica
    }

    /// The review that these are drafts in, if they are.
    pub fn drafts_of(&self) -> Option<ReviewId> {
        self.drafts_of.or_else(|| self.confirmed.drafts.as_ref().map(|drafts| drafts.review))
    }

    /// The drafts that are neither published nor removed, as they are shown: by file, line, side, then age; replies to
    /// comments of the review behind them.
    pub fn list_drafts(&self) -> Vec<Comment> {
        let added = self.layers().flat_map(|layer| layer.added());
        let ids: BTreeSet<_> = self.confirmed.comments.keys().copied().chain(added).collect();
        let shown = ids.into_iter().filter_map(|id| self.comment(id));
        let mut drafts: Vec<_> = shown.filter(Comment::is_draft).collect();
        drafts.sort_by_cached_key(|draft| {
            let place = match &draft.place {
                Place::Line(anchor) => (false, anchor.file.clone(), anchor.line, Some(anchor.side)),
                Place::Reply(_) => (true, String::new(), 0, None),
            };
            (place, draft.created, draft.id)
        });
        drafts
    }

    /// Whether a comment is a draft that can be published.
    pub fn is_draft(&self, id: CommentId) -> bool {
        self.drafts_of().is_some() && self.standing(id).is_ok()
    }

    /// Whether a draft was published, as far as is shown here.
    pub(super) fn is_published(&self, id: CommentId) -> bool {
        self.confirmed.comments.get(&id).is_some_and(|draft| draft.published.is_some())
            || self.changes().any(|change| change.published().contains(&id))
    }

    /// A reply to a draft needs it to be there. What else there is only the review knows.
    pub(super) fn check_drafted_reply(&self, root: CommentId) -> Result<(), EditError> {
        match self.standing(root) {
            Err(EditError::UnknownComment | EditError::Published) => Ok(()),
            standing => standing,
        }
    }

    /// Drafts have places and texts, and no fields.
    pub(super) fn has_fields(&self) -> Result<(), EditError> {
        self.loaded()?;
        if self.drafts_of().is_some() { Err(EditError::UnknownField) } else { Ok(()) }
    }

    /// What its user would decide in this review, as of what is here: to be published with drafts. `patch_set` is the
    /// code that they looked at; with `None` the newest that is here.
    pub fn decision(
        &self,
        value: Status,
        note: Option<String>,
        patch_set: Option<u32>,
    ) -> Result<PublishedDecision, EditError> {
        self.has_fields()?;
        let newest = self.confirmed.patch_set;
        let number = patch_set.unwrap_or(newest);
        if number > newest || (number == 0 && newest > 0) {
            return Err(EditError::UnknownPatchSet { number, newest });
        }
        let note = note.map(|note| normalize(&note)).filter(|note| !note.is_empty());
        let max = self.limits.note_chars;
        if note.as_ref().is_some_and(|note| note.chars().count() > max) {
            return Err(EditError::NoteTooLong { max });
        }
        let spec = spec(Holder::Review, Status::FIELD).ok_or(EditError::UnknownField)?;
        let write = self.write_of(Entity::Review, spec, value.into());
        let status = FieldWrite { patch_set: Some(number), ..write };
        Ok(PublishedDecision { status, note })
    }

    /// Publishes drafts, a decision of the [review's replica](Replica::decision), or both: all of it or nothing. It
    /// waits behind what was done to the drafts before. `seen` is the version of the review that its author sees.
    pub fn publish_drafts(
        &mut self,
        now: Millis,
        comments: Vec<CommentId>,
        decision: Option<PublishedDecision>,
        seen: Option<Version>,
    ) -> Result<(), EditError> {
        self.loaded()?;
        let max = self.limits.batch_changes;
        if comments.len() > max {
            return Err(EditError::TooManyDrafts { max });
        }
        comments.iter().try_for_each(|id| self.standing(*id))?;
        let once = comments.iter().collect::<BTreeSet<_>>().len() == comments.len();
        if self.drafts_of().is_none() || !once || (comments.is_empty() && decision.is_none()) {
            return Err(EditError::BadPublication);
        }
        let at = self.clock.tick(now);
        self.push(now, Change::DraftsPublished { comments: comments.clone(), decision, seen, at })?;
        // Nobody waits for more of it.
        self.batcher.flush();
        self.emit(Event::DraftsPublished { comments, origin: Origin::Local });
        self.tick(now);
        Ok(())
    }

    /// What was refused of drafts because they had been published meanwhile: the review's replica
    /// [takes it](Replica::take_late).
    pub fn late(&self) -> impl Iterator<Item = &Rejected> {
        let drafts = self.drafts_of().is_some();
        self.rejected.iter().filter(move |record| drafts && record.is_late())
    }

    /// Takes what the log of drafts refused because the draft had been published: an edit goes on in the comment that it
    /// became, merged three ways, and in conflict with what others have rewritten there meanwhile. Anything else waits
    /// here for a person, as does an edit of a comment that does not come.
    ///
    /// Unless it [waits](Late::Waits), the record may be discarded where it is, once what is here is
    /// [saved](Replica::is_saved); until then it can come again and is not taken twice.
    pub fn take_late(&mut self, now: Millis, from: ClientId, record: &Rejected) -> Late {
        if self.carried.contains(&(from, record.id)) {
            return Late::Carried;
        }
        let taken = match self.carry_over(now, record) {
            Ok(true) => Late::Carried,
            Ok(false) if !self.is_overdue(now, record) => return Late::Waits,
            _ => {
                self.adopt_rejected(now, vec![record.clone()]);
                Late::SetAside
            }
        };
        self.carried.insert((from, record.id));
        while self.carried.len() > CARRIED {
            self.carried.pop_first();
        }
        self.dirty += 1;
        taken
    }

    /// Whether the comment would be here if it still came.
    fn is_overdue(&self, now: Millis, record: &Rejected) -> bool {
        let old = now.saturating_sub(record.at) > PATIENCE_MS;
        self.lost || (old && self.is_online())
    }

    /// Makes an edit of a draft in the comment that it became; `false` while the comment is not here.
    fn carry_over(&mut self, now: Millis, record: &Rejected) -> Result<bool, EditError> {
        // Everybody sees the comment by now: whether it is to go, say, is asked again.
        let edits = record.changes.iter().all(|change| matches!(change, Change::TextEdited { .. }));
        let (Some(id), Some(base), Some(mine)) = (record.comment, &record.base, &record.mine) else {
            return Err(EditError::UnknownComment);
        };
        if !edits {
            return Err(EditError::Published);
        }
        let Some(confirmed) = self.confirmed.comments.get(&id) else { return Ok(false) };
        let seen = confirmed.added;
        self.standing(id)?;
        let shown = self.comment(id).ok_or(EditError::UnknownComment)?.text;
        let authored = diff(base, mine);
        let op = three_way(base, &authored, shown.as_str())?.op;
        if !op.is_identity() {
            let apart = vec![Apart { seen, authored, base: Some(base.to_owned()) }];
            let edit = Change::TextEdited { comment: id, op: op.clone(), apart, whole: true, settles: None };
            self.push_edit(now, edit)?;
            self.undo_edited(now, id, &op, &shown);
        }
        Ok(true)
    }

    /// Of what was taken from a replica of drafts that is [saved](Replica::is_saved), no other records are left there
    /// than these. Those that went with a crash before anybody had said so are forgotten as well.
    pub fn keep_carried(&mut self, from: ClientId, left: &BTreeSet<u64>) {
        let before = self.carried.len();
        self.carried.retain(|(client, record)| *client != from || left.contains(record));
        self.dirty += u64::from(self.carried.len() < before);
    }
}
