//! Private drafts on their way into the review. A publication is one batch in the log of drafts and one entry in the
//! review's log, and both become durable together: two sequencers, each of which says that its part can happen, and
//! one append that is conditional on both logs' ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::place::Placed;
use super::plan::{Planned, Planner};
use super::sequencer::{Record, Sequencer, SequencerEffect, Submission, Work};
use super::settle::Made;
use crate::change::{Batch, Change, PublishedDecision};
use crate::clock::{HlcTime, Millis};
use crate::diff::PatchSet;
use crate::entry::{Answer, AnswerResult, ENTRY_FORMAT, Entry, Fact, Hash, Outcome, Reason, Verdict};
use crate::id::{CommentId, ReviewId, Seq, UserId, Version};
use crate::review::{FoldError, Holder, Place};

/// What a log of drafts publishes at once, as the review's sequencer takes it.
#[derive(Clone, PartialEq, Debug)]
pub struct Publication {
    /// The log of drafts; in the review it is the [publishing client](ReviewId::publisher).
    pub drafts: ReviewId,
    /// Counted from 1: that client's seq.
    pub number: Seq,
    /// Whose drafts.
    pub author: UserId,
    /// The drafts, oldest first.
    pub comments: Vec<PublishedComment>,
    /// The decision that goes with them.
    pub decision: Option<PublishedDecision>,
    /// The version of the review that the author saw, if they said so.
    pub seen: Option<Version>,
    /// When, on the author's clock.
    pub at: HlcTime,
    /// Server time minus the author's, in milliseconds.
    pub skew: i64,
    /// The hash of the batch's bytes that asked for it.
    pub payload: Hash,
}

/// A draft that is published.
#[derive(Clone, PartialEq, Debug)]
pub struct PublishedComment {
    /// Its id, in both logs.
    pub comment: CommentId,
    /// Where it was written.
    pub place: Place,
    /// Its text.
    pub text: String,
}

/// What became of a publication in the review.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublicationOutcome {
    /// It is durable in both logs.
    Published,
    /// The review cannot take it. Nothing of it happened.
    Refused(Reason),
    /// The log of drafts has gone on meanwhile, maybe by this very publication: nothing was appended now.
    Overtaken,
    /// The store did not take it. Nothing of it happened.
    StoreFailed,
}

impl Sequencer {
    /// Takes in what a log of drafts publishes here. What became of it is said by a
    /// [`SequencerEffect::Publication`].
    pub fn publish(&mut self, now: Millis, publication: Arc<Publication>) {
        self.sequence_publication(now, publication);
        self.append();
    }

    /// The log of drafts does not end any more where the publication in the append under way believes it to: neither
    /// part of it was appended, and it is given up. This log may have gone on as well, even by this very publication:
    /// what came of it has to be read, as after any race that was [`lost`](Sequencer::lost).
    pub fn unlinked(&mut self) {
        self.given_up = self.publication_under_way();
    }

    /// The review has refused what is published from here by the append under way: that becomes the batch's answer.
    pub fn refused_publication(&mut self, now: Millis, reason: Reason) {
        let mut again = self.roll_back().into_iter();
        if let Some(Work::Batch(batch)) = again.next() {
            let verdict = Verdict { change: 0, outcome: Outcome::Rejected(reason) };
            self.push_tentative(batch, None, AnswerResult::Rejected(vec![verdict]));
        }
        self.sequence_again(now, again.collect());
    }

    /// The patch sets of the review that a batch of drafts speaks of and that are not here.
    pub fn lacks_code(&self, batch: &Batch) -> BTreeSet<u32> {
        let named = batch.changes.iter().filter_map(|change| match change {
            Change::CommentAdded { place: Place::Line(anchor), .. } => Some(anchor.patch_set),
            _ => None,
        });
        let drafts = self.committed().drafts.is_some();
        named.filter(|number| drafts && self.patch_sets.get(*number).is_none()).collect()
    }

    /// The code of the review, for a log of drafts in it.
    pub fn give_code(&mut self, number: u32, code: Arc<PatchSet>) {
        self.patch_sets.insert(number, code);
    }

    /// Whether a batch publishes where nothing can be published, or nothing, or not by itself.
    pub(super) fn is_out_of_place(&self, batch: &Batch) -> bool {
        batch.changes.iter().any(|change| match change {
            Change::DraftsPublished { comments, decision, .. } => {
                let nothing = comments.is_empty() && decision.is_none();
                nothing || batch.changes.len() > 1 || self.tip.drafts.is_none()
            }
            _ => false,
        })
    }

    /// What an entry at the tip publishes.
    pub(super) fn publication_of(
        &self,
        submission: &Submission,
        entry: Option<&Entry>,
    ) -> Option<Arc<Publication>> {
        let drafts = self.tip.drafts.as_ref()?;
        let published = entry?.facts.iter().find(|fact| matches!(fact, Fact::DraftsPublished { .. }))?;
        let Some(Change::DraftsPublished { decision, seen, at, .. }) = submission.batch.changes.first()
        else {
            return None;
        };
        let there = |id: &CommentId| self.tip.comments.get(id);
        let mut comments: Vec<_> = published.published().iter().filter_map(there).collect();
        comments.sort_by_key(|draft| (draft.created, draft.id));
        let comments = comments.into_iter().map(|draft| PublishedComment {
            comment: draft.id,
            place: draft.place.clone(),
            text: draft.text.as_str().to_owned(),
        });
        Some(Arc::new(Publication {
            drafts: self.tip.id,
            number: drafts.publications,
            author: drafts.owner.clone(),
            comments: comments.collect(),
            decision: decision.clone(),
            seen: *seen,
            at: *at,
            skew: submission.skew,
            payload: submission.payload,
        }))
    }

    pub(super) fn sequence_publication(&mut self, now: Millis, publication: Arc<Publication>) {
        let (drafts, client, seq) = (publication.drafts, publication.drafts.publisher(), publication.number);
        if self.given_up.take_if(|given_up| *given_up == drafts).is_some() {
            return self.tell_publication(drafts, PublicationOutcome::Overtaken);
        }
        match self.publication_entry(now, &publication) {
            Ok(Ok(entry)) => {
                let (version, verdicts) = (entry.version, entry.verdicts.clone());
                let result = AnswerResult::Committed { version, hash: None, verdicts };
                let answer = Answer { seq, payload: publication.payload, result };
                let record = Record { publication: Some(publication), ..Record::new(client, answer) };
                self.push_record(record, Some(entry), None);
            }
            Ok(Err(reason)) => self.tell_publication(drafts, PublicationOutcome::Refused(reason)),
            Err(error) => {
                self.distrust_tip(&error, None);
                self.tell_publication(drafts, PublicationOutcome::StoreFailed);
            }
        }
    }

    /// A publication is durable: the log of drafts hears of it, where this is the review.
    pub(super) fn published(&mut self, publication: &Publication) {
        if self.committed().drafts.is_none() {
            self.forget_answer(publication.drafts.publisher());
            self.tell_publication(publication.drafts, PublicationOutcome::Published);
        }
    }

    fn tell_publication(&mut self, drafts: ReviewId, outcome: PublicationOutcome) {
        self.push_effect(SequencerEffect::Publication(drafts, outcome));
    }

    /// Makes the entry of a publication and applies it to the tip, or says why it cannot be.
    fn publication_entry(
        &mut self,
        now: Millis,
        publication: &Publication,
    ) -> Result<Result<Entry, Reason>, FoldError> {
        let Publication { drafts, number, author, skew, .. } = publication;
        let client = drafts.publisher();
        let planner = Planner::new(self, now, author, client, *skew);
        let planned = match planner.plan_publication(publication) {
            Ok(planned) => planned,
            Err(reason) => return Ok(Err(reason)),
        };
        let version = self.tip.version + 1;
        let mut entry = Entry {
            format: ENTRY_FORMAT,
            version,
            author: author.clone(),
            client,
            seq: *number,
            at: now,
            facts: Vec::new(),
            verdicts: Vec::new(),
        };
        self.backs.clear();
        let (kept, texts) = (self.tip.conflicts.chars(), BTreeMap::new());
        for (change, planned) in planned.into_iter().enumerate() {
            let mut made = Made { entry: &mut entry, change, skew: *skew, older: &[], texts: &texts };
            self.settle(&mut made, planned)?;
        }
        self.tip.version = version;
        self.count_chars(&entry.facts, kept);
        Ok(Ok(entry))
    }
}

impl Planner<'_> {
    /// Whether a change can be one of drafts at all.
    pub(super) fn check_draft(&self, change: &Change) -> Result<(), Reason> {
        match change {
            // Drafts have places and texts: a publication would leave all else behind.
            Change::FieldsChanged { .. } | Change::SetChanged { .. } | Change::Decided { .. } => {
                Err(Reason::UnknownField)
            }
            Change::TextEdited { comment, .. } | Change::CommentRemoved { comment, .. } => {
                let published = self.tip.comments.get(comment).is_some_and(|draft| draft.published.is_some());
                if published { Err(Reason::Published) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Where a draft is: on a line that the review's code has, or in a thread that only the review can know.
    pub(super) fn drafted(&self, place: &Place) -> Result<Placed, Reason> {
        let place = match place {
            Place::Reply(_) => place.clone(),
            Place::Line(anchor) => Place::Line(self.checked(anchor)?),
        };
        Ok(Placed { place, standing: None, beside: Vec::new() })
    }

    /// Which drafts a publication is about.
    pub(super) fn publication(&self, base: Version, comments: &[CommentId]) -> Result<Planned, Reason> {
        let mut named = BTreeSet::new();
        let mut bytes: usize = 0;
        for id in comments {
            let draft = self.comment(base, *id)?;
            match (&draft.removed, draft.published) {
                (_, Some(_)) => return Err(Reason::Published),
                (Some(_), _) => return Err(Reason::CommentRemoved),
                _ if !named.insert(*id) => return Err(Reason::BadValue),
                _ => bytes = size(*id, &draft.place, draft.text.as_str()).saturating_add(bytes),
            }
        }
        // It becomes one entry, which everybody gets as one frame: of no more than a client could have added at once.
        if comments.len() > self.limits.batch_changes {
            return Err(Reason::TooManyComments);
        }
        if bytes > self.limits.frame_bytes {
            return Err(Reason::ReviewTooLarge);
        }
        Ok(Planned::Publication(comments.to_vec()))
    }

    /// What a publication becomes in the review: all of it can happen, or the first reason why not.
    fn plan_publication(&self, publication: &Publication) -> Result<Vec<Planned>, Reason> {
        let base = self.tip.version;
        let mut created = self.stamp(publication.at);
        let mut stamped = Vec::with_capacity(publication.comments.len());
        for draft in &publication.comments {
            stamped.push((draft, created));
            created.at = created.at.next();
        }
        // Replies may be to threads that begin here.
        stamped.sort_by_key(|(draft, _)| matches!(draft.place, Place::Reply(_)));
        let mut added = BTreeMap::new();
        let mut planned = Vec::with_capacity(stamped.len() + 1);
        for (PublishedComment { comment, place, text }, created) in stamped {
            let place = |added: &_| {
                let placed = self.placed(base, publication.seen, place, added);
                placed.or_else(|reason| self.answers_unseen(publication.seen, place).ok_or(reason))
            };
            planned.push(self.added(*comment, text, created, &mut added, place)?);
        }
        if let Some(PublishedDecision { status, note }) = &publication.decision {
            planned.push(self.decision(base, status, note.as_deref(), publication.at)?);
        }
        Ok(planned)
    }

    /// A reply to a thread whose author did not know that it had been removed: it holds the thread up, as if it had not
    /// been a draft on its way.
    fn answers_unseen(&self, seen: Option<Version>, place: &Place) -> Option<Placed> {
        let Place::Reply(root) = place else { return None };
        let there = self.tip.comments.get(root).filter(|there| there.holder() == Holder::Thread)?;
        let removal = there.removed.as_ref()?;
        let unseen = seen.is_some_and(|seen| there.added <= seen && seen < removal.version);
        unseen.then(|| Placed { place: place.clone(), standing: None, beside: Vec::new() })
    }
}

/// How long a draft is as a client would send it, in bytes: what has to be escaped can be six times as long.
fn size(comment: CommentId, place: &Place, text: &str) -> usize {
    serde_json::to_string(&(comment, place, text)).map_or(usize::MAX, |json| json.len())
}
