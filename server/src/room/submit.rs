//! Batches on their way through the sequencer: in, into the store, and only then out to everybody.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use interline_core::change::{Batch, Change, Entity};
use interline_core::entry::{EncodedEntry, Entry, Fact, Head};
use interline_core::id::{ClientId, CommentId, ReviewId, Seq, UserId, Version};
use interline_core::review::{FieldValue, Review};
use interline_core::sync::{Append, Past, Refusal, SequencerEffect, Submission};
use interline_core::text::Text;
use interline_core::wire::{ErrorCode, Refused, ServerFrame, encode, entry_frame};
use serde::Deserialize;
use tracing::debug;

use super::load::PAGE;
use super::past::review_at;
use super::task::{Broken, Event, Room};
use super::{Failure, Submit};
use crate::fanout::News;
use crate::store::{AppendOutcome, ReviewAppend, ReviewSummary, Store, StoreError};
use crate::time::now_ms;

/// Text edits under way at once, where each of them is short. Less than the sequencer keeps to carry late batches over,
/// so that what it forgets is durable and can be read again.
const TAIL_EDITS: usize = 2_048;
/// So much text, in bytes or scalars, counts for as much as another edit.
const EDIT_TEXT: usize = 1_024;
/// How many edits of older entries a batch is carried over. That many take some tens of milliseconds, in which the
/// room does nothing else; whoever is further behind has the seq settled, and rebases in one step.
const CARRIED_OVER: usize = 16_384;
/// Batches that wait for older entries at once.
const HISTORY_READS: usize = 8;
/// When to send again what did not fit, in milliseconds.
const RETRY_MS: u64 = 250;
/// When to send again what the store did not take.
const STORE_RETRY_MS: u64 = 1_000;

/// A `refused` frame.
pub(crate) fn refused(review: ReviewId, seq: Seq, code: ErrorCode, message: &str) -> bytestring::ByteString {
    let retry_after_ms = match code {
        ErrorCode::Overloaded => Some(RETRY_MS),
        code if code.retryable() => Some(STORE_RETRY_MS),
        _ => None,
    };
    let message = message.to_owned();
    let refused = Refused { review, seq, code, message, retryable: code.retryable(), retry_after_ms };
    encode(&ServerFrame::Refused(refused)).into()
}

impl Room {
    pub(super) fn submit(&mut self, submit: Submit) {
        let Submit { session, submission, unreadable, outbox } = submit;
        let seq = submission.batch.seq;
        if self.members.get(session).is_none() {
            outbox.push(self.refused(seq, ErrorCode::NotOpen, "the review is not open in this session"));
        } else if self.sequencer.asked_before(&submission) {
            // Whatever it says, and however busy the room is.
            self.sequence(submission, Past::default());
        } else if let Some(why) = unreadable {
            outbox.push(self.refused(seq, ErrorCode::BadBatch, &why));
        } else if self.tail.values().sum::<usize>() >= TAIL_EDITS {
            outbox.push(self.refused(seq, ErrorCode::Overloaded, "too much is waiting for the store"));
        } else {
            let ready = self.read_code(submission);
            ready.into_iter().for_each(|submission| self.sequence_coded(submission));
        }
    }

    /// Hands a batch to the sequencer, or first reads the entries that are missing between `past` and what
    /// the sequencer has: that may have grown while `past` was read. A batch that was answered needs none.
    fn sequence(&mut self, submission: Submission, past: Past) {
        if !self.sequencer.asked_before(&submission) {
            let batch = &submission.batch;
            let wanted = self.sequencer.missing_past(batch).filter(|_| !past.given_up);
            if let Some((from, oldest)) = wanted.or_else(|| self.sequencer.missing_history(batch)) {
                let read_to = past.entries.last().map_or(from, |entry| entry.version);
                if read_to < oldest {
                    return self.read_history(submission, past, read_to, oldest);
                }
            }
        }
        let edits = weight(&submission.batch);
        let (client, before) = (submission.client, self.sequencer.tentative());
        self.sequencer.submit(now_ms(), submission, past);
        if self.sequencer.tentative() > before {
            self.tail.insert(client, edits);
        }
        self.execute();
    }

    /// Hands in a batch whose code is here.
    pub(super) fn sequence_coded(&mut self, submission: Submission) {
        self.sequence(submission, Past::default());
    }

    /// Tells a batch's author that it was not taken.
    pub(super) fn refuse(&mut self, submission: &Submission, failure: &Failure) {
        let frame = self.refused(submission.batch.seq, failure.code, &failure.message);
        self.members.tell_client(submission.client, &frame);
    }

    fn read_history(&mut self, submission: Submission, mut past: Past, from: Version, to: Version) {
        if self.reading_history >= HISTORY_READS {
            let message = "too many batches wait for older entries";
            let frame = self.refused(submission.batch.seq, ErrorCode::Overloaded, message);
            return self.members.tell_client(submission.client, &frame);
        }
        self.reading_history += 1;
        let (store, review, newest) = (self.context.store.clone(), self.id, self.sequencer.head().version);
        let read = async move {
            let batch = &submission.batch;
            if past.entries.is_empty() {
                past.texts = texts(&*store, review, batch, from, newest).await;
            }
            let entries = std::mem::take(&mut past.entries);
            let read = history(&*store, review, batch, entries, from, to, CARRIED_OVER).await;
            let past = match read {
                Ok(entries) => Ok(Past { entries, ..past }),
                // What edits were made on may be gone: they are taken without being held against it.
                Err(failure)
                    if failure.code != ErrorCode::StoreFailed
                        && !past.given_up
                        && batch.seen() < batch.base =>
                {
                    Ok(Past { given_up: true, ..Past::default() })
                }
                Err(failure) => Err(failure),
            };
            Event::History(Box::new(submission), past)
        };
        self.work.push(read.boxed());
    }

    pub(super) fn history_read(&mut self, submission: Submission, past: Result<Past, Failure>) {
        self.reading_history -= 1;
        match past {
            Ok(past) => self.sequence(submission, past),
            Err(failure) => self.refuse(&submission, &failure),
        }
    }

    /// Carries out what the sequencer wants, in its order.
    pub(super) fn execute(&mut self) {
        while let Some(effect) = self.sequencer.poll() {
            if let SequencerEffect::Deliver(entry) = &effect {
                self.context.fanout.publish(self.id, News::Entry(entry.clone()));
            }
            self.carry_out(effect);
        }
    }

    pub(super) fn carry_out(&mut self, effect: SequencerEffect) {
        match effect {
            SequencerEffect::Append(append) => self.append(append),
            SequencerEffect::Deliver(entry) => self.deliver(&entry),
            SequencerEffect::Answer(client, answer) => {
                let frame = encode(&ServerFrame::Answer { review: self.id, answer }).into();
                self.members.tell_client(client, &frame);
            }
            SequencerEffect::PatchSet(number, outcome) => self.patch_set_done(number, outcome),
            SequencerEffect::Publication(drafts, outcome) => self.publication_done(drafts, outcome),
            SequencerEffect::Refuse(client, seq, refusal) => {
                let (code, message) = reason(refusal);
                self.members.tell_client(client, &self.refused(seq, code, message));
            }
        }
    }

    /// A `refused` frame, which counts.
    fn refused(&self, seq: Seq, code: ErrorCode, message: &str) -> bytestring::ByteString {
        self.context.metrics.refused(code);
        refused(self.id, seq, code, message)
    }

    fn append(&mut self, append: Append) {
        let publishes = append.records.iter().find_map(|record| record.publication.clone());
        if let Some(publication) = publishes.filter(|_| self.is_private()) {
            return self.publish_there(append, publication);
        }
        let linked = self.linked(&append);
        let committer = self.context.committer.clone();
        let clients = append.records.iter().map(|record| record.client).collect();
        let summary = summary_after(self.sequencer.committed(), &append);
        let append = ReviewAppend { review: self.id, append, summary, linked };
        let others_turn = self.context.store.courtesy(self.id);
        let appended = async move {
            if !others_turn.is_zero() {
                tokio::time::sleep(others_turn).await;
            }
            Event::Appended(clients, committer.append(append).await)
        };
        self.work.push(appended.boxed());
    }

    fn deliver(&mut self, entry: &EncodedEntry) {
        if let Ok(Author { author }) = serde_json::from_str(&entry.payload) {
            self.authors.insert(author);
        }
        let frame: bytestring::ByteString = entry_frame(self.id, entry).into();
        self.ring.push(Head { version: entry.version, hash: entry.hash }, frame.clone());
        self.members.broadcast(&frame);
        self.context.bells.ring(self.id);
    }

    pub(super) fn appended(
        &mut self,
        clients: &[ClientId],
        outcome: Result<AppendOutcome, StoreError>,
    ) -> Result<(), Broken> {
        match outcome {
            Ok(AppendOutcome::Appended) => {
                self.tail.retain(|client, _| !clients.contains(client));
                self.sequencer.appended().map_err(|error| Broken::Log(error.to_string()))?;
                self.execute();
                let (review, head) = (self.sequencer.committed(), self.sequencer.head());
                self.context.snapshots.after_commit(self.id, review, head, &self.authors);
                self.settle_again();
                self.tell_marks_again();
            }
            Ok(AppendOutcome::Lost) => {
                self.read_what_came(Some(clients.to_vec()));
            }
            Ok(AppendOutcome::LinkedLost) => {
                self.sequencer.unlinked();
                self.read_what_came(Some(clients.to_vec()));
            }
            // It may have happened, and only a log that is read anew can tell.
            Err(error @ (StoreError::UnknownOutcome(_) | StoreError::Corrupt { .. })) => {
                return Err(Broken::Store(error));
            }
            Err(error) => {
                self.sequencer.failed();
                self.tail.clear();
                self.execute();
                self.fail_settling(&error.into());
            }
        }
        self.moved();
        self.forget_departed();
        Ok(())
    }
}

/// For how many text edits a batch counts while it is under way.
fn weight(batch: &Batch) -> usize {
    let of = |change: &Change| match change {
        Change::TextEdited { op, .. } => 1 + op.inserts() / EDIT_TEXT,
        Change::CommentAdded { text, .. } => text.len() / EDIT_TEXT,
        _ => 0,
    };
    batch.changes.iter().map(of).sum()
}

/// The texts that a batch edits, as they were at a version. They are for show: where they cannot be had, they are not
/// shown.
async fn texts(
    store: &dyn Store,
    review: ReviewId,
    batch: &Batch,
    version: Version,
    newest: Version,
) -> BTreeMap<CommentId, Text> {
    let edited = batch.changes.iter().filter(|change| matches!(change, Change::TextEdited { .. }));
    let edited: BTreeSet<CommentId> = edited.filter_map(Change::comment).collect();
    if edited.is_empty() {
        return BTreeMap::new();
    }
    match review_at(store, review, version, newest).await {
        Ok(view) => {
            let text = |id| view.review.comments.get(&id).map(|comment| (id, comment.text.clone()));
            edited.into_iter().filter_map(text).collect()
        }
        Err(Failure { message, .. }) => {
            debug!(%review, version, %message, "older texts cannot be had");
            BTreeMap::new()
        }
    }
}

#[derive(Deserialize)]
struct Author {
    author: UserId,
}

/// The entries in (from, to], behind those that are there. Of all but the first only the edits of comments
/// that the batch edits are kept: a batch may be frozen for weeks, and a busy log is long. No more than `edits`.
pub(super) async fn history(
    store: &dyn Store,
    review: ReviewId,
    batch: &Batch,
    mut older: Vec<Entry>,
    from: Version,
    to: Version,
    edits: usize,
) -> Result<Vec<Entry>, Failure> {
    let edited: BTreeSet<CommentId> = batch.changes.iter().filter_map(Change::comment).collect();
    let mut at = from;
    let mut carried: usize = older.iter().map(|entry| entry.facts.len()).sum();
    while at < to {
        let page = store.entries(review, at, PAGE).await?;
        if page.is_empty() {
            return Err(StoreError::corrupt(review, format!("its log ends early, at {at}")).into());
        }
        for encoded in page {
            if encoded.version != at + 1 {
                return Err(StoreError::corrupt(review, format!("entry {} is gone", at + 1)).into());
            }
            at = encoded.version;
            let mut entry = encoded.decode().map_err(|error| StoreError::corrupt(review, error))?;
            let matters =
                |fact: &Fact| matches!(fact, Fact::TextEdited { comment, .. } if edited.contains(comment));
            entry.facts.retain(matters);
            carried += entry.facts.len();
            if carried > edits {
                return Err(Failure::new(ErrorCode::BadBase, "too many edits came since the batch's base"));
            }
            // The first and the last say how far they reach.
            if older.is_empty() || !entry.facts.is_empty() || at == to {
                older.push(entry);
            }
            if at == to {
                return Ok(older);
            }
        }
    }
    Ok(older)
}

/// What lists show once an append has happened.
pub(super) fn summary_after(committed: &Review, append: &Append) -> ReviewSummary {
    let mut title = committed.title().to_owned();
    let mut status = committed.status().name().to_owned();
    let mut comments = committed.comments.values().filter(|comment| comment.removed.is_none()).count();
    let mut gone = BTreeMap::new();
    let was_gone = |comment: &CommentId| committed.comments.get(comment).is_some_and(|c| c.removed.is_some());
    for entry in append.records.iter().filter_map(|record| record.entry.as_ref()?.decode().ok()) {
        for fact in entry.facts {
            match fact {
                Fact::FieldSet { entity: Entity::Review, field, value: FieldValue::Text(value), .. } => {
                    match field.as_str() {
                        "title" => title = value,
                        "status" => status = value,
                        _ => {}
                    }
                }
                Fact::CommentAdded { .. } => comments += 1,
                // One batch may remove a comment twice, and a later one restore it.
                Fact::CommentRemoved { comment } => {
                    let before = gone.insert(comment, true).unwrap_or_else(|| was_gone(&comment));
                    comments -= usize::from(!before);
                }
                Fact::CommentRestored { comment } => {
                    let before = gone.insert(comment, false).unwrap_or_else(|| was_gone(&comment));
                    comments += usize::from(before);
                }
                _ => {}
            }
        }
    }
    ReviewSummary { title, status, comments: u32::try_from(comments).unwrap_or(u32::MAX) }
}

fn reason(refusal: Refusal) -> (ErrorCode, &'static str) {
    match refusal {
        Refusal::NotOpen => (ErrorCode::NotOpen, "the review is not open in this session"),
        Refusal::SeqReused => (ErrorCode::SeqReused, "the seq was used for another batch"),
        Refusal::SeqGap => (ErrorCode::SeqGap, "a batch before this one is missing"),
        Refusal::Busy => (ErrorCode::Overloaded, "an earlier batch of this client is not durable yet"),
        Refusal::BadBase => (ErrorCode::BadBase, "the batch's base is newer than the log, or too old"),
        Refusal::BadBatch => (ErrorCode::BadBatch, "the batch is empty or has too many changes"),
        Refusal::StoreFailed => (ErrorCode::StoreFailed, "the store did not take it; nothing of it happened"),
        Refusal::Internal => (ErrorCode::Internal, "a defect of the server; nothing of it happened"),
    }
}
