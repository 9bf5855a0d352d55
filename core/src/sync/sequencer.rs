//! The server's half of sync: dedupe, validate, transform, resolve, assign the next version; and the order in
//! which that becomes durable and visible.
//!
//! The sequencer holds the committed review and a tip: the committed review plus a tail of batches that are
//! sequenced but not durable yet. Nothing of the tail is ever told to anybody. One append is under way at a
//! time; what comes meanwhile gathers in the tail and goes with the next.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::History;
use super::history::{Back, backs};
use super::patch_set::{Learned, NewPatchSet, PatchSetOutcome};
use super::publish::{Publication, PublicationOutcome};
use super::settle::{Sequenced, chars};
use super::submission::Handed;
pub use super::submission::{Append, BrokenLog, Past, Record, Refusal, SequencerEffect, Settled, Submission};
use crate::change::Batch;
use crate::clock::Millis;
use crate::entry::{Answer, AnswerResult, EncodedEntry, Entry, Hash, Head};
use crate::id::{ClientId, ReviewId, Seq, Version};
use crate::limits::Limits;
use crate::review::{FoldError, PatchSets, Review};

/// How many text ops are kept to transform late batches over; older ones come from the store.
const HISTORY_OPS: usize = 4_096;
/// How many batches one append takes at most.
const APPEND_BATCHES: usize = 256;

#[derive(Debug)]
struct Tentative {
    record: Record,
    entry: Option<Entry>,
    /// What is sequenced again if this does not become durable; a settled seq has none, a patch set is in its record.
    batch: Option<Arc<Handed>>,
}

/// What has to be sequenced again.
pub(super) enum Work {
    Batch(Arc<Handed>),
    PatchSet(Arc<NewPatchSet>),
    Publication(Arc<Publication>),
}

/// A review's sequencer.
#[derive(Debug)]
pub struct Sequencer {
    committed: Review,
    head: Head,
    pub(super) tip: Review,
    /// How long all texts of the tip are together, in scalars.
    pub(super) tip_chars: usize,
    tip_head: Head,
    tail: VecDeque<Tentative>,
    appending: usize,
    pub(super) history: History,
    /// What is known of the edits of the entry that is being made beside what it says, in their order.
    pub(super) backs: Vec<Back>,
    answers: BTreeMap<ClientId, Option<Answer>>,
    pub(super) patch_sets: PatchSets,
    pub(super) learned: Learned,
    /// The log of drafts whose publication, under way here, is not to be tried again.
    pub(super) given_up: Option<ReviewId>,
    pub(super) limits: Limits,
    effects: VecDeque<SequencerEffect>,
}

impl Sequencer {
    /// Continues a log from a review as of `head`.
    pub fn new(review: Review, head: Head, patch_sets: PatchSets, limits: Limits) -> Sequencer {
        debug_assert_eq!(review.version, head.version);
        Sequencer {
            tip_chars: chars(&review),
            tip: review.clone(),
            tip_head: head,
            history: History::new(head.version, HISTORY_OPS),
            backs: Vec::new(),
            committed: review,
            head,
            tail: VecDeque::new(),
            appending: 0,
            answers: BTreeMap::new(),
            patch_sets,
            learned: Learned::new(),
            given_up: None,
            limits,
            effects: VecDeque::new(),
        }
    }

    /// The review as far as it is durable.
    pub fn committed(&self) -> &Review {
        &self.committed
    }

    /// Where the durable log ends.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The code under review.
    pub fn patch_sets(&self) -> &PatchSets {
        &self.patch_sets
    }

    /// What has to be done next.
    pub fn poll(&mut self) -> Option<SequencerEffect> {
        self.effects.pop_front()
    }

    /// A client is here; `last` is the last answer that the store has for it.
    pub fn client_opened(&mut self, client: ClientId, last: Option<Answer>) {
        let known = self.answers.entry(client).or_default();
        // The client may have been at another server since this one last heard of it.
        if known.as_ref().map(|answer| answer.seq) < last.as_ref().map(|answer| answer.seq) {
            *known = last;
        }
    }

    /// The last durable answer of a client, as far as it is known here.
    pub fn last_answer(&self, client: ClientId) -> Option<&Answer> {
        self.answers.get(&client)?.as_ref()
    }

    /// The log of drafts whose publication is in the append under way.
    pub(super) fn publication_under_way(&self) -> Option<ReviewId> {
        let first = self.tail.front().filter(|_| self.appending > 0)?;
        first.record.publication.as_ref().map(|publication| publication.drafts)
    }

    /// Forgets a client's last answer: it never opens the review.
    pub(super) fn forget_answer(&mut self, client: ClientId) {
        self.answers.remove(&client);
    }

    /// Whether a client's last answer is known.
    pub fn knows(&self, client: ClientId) -> bool {
        self.answers.contains_key(&client)
    }

    /// A client's last session has left.
    pub fn client_closed(&mut self, client: ClientId) {
        if !self.tail.iter().any(|tentative| tentative.record.client == client) {
            self.answers.remove(&client);
        }
    }

    /// Whether the look-up alone decides about a batch: it was here before, or cannot come now.
    pub fn asked_before(&self, submission: &Submission) -> bool {
        !matches!(self.look_up(submission), Ok(None)) || self.is_tentative(submission)
    }

    /// The entries that [`submit`](Sequencer::submit) needs beside those it has: after the first version, up
    /// to the second.
    pub fn missing_history(&self, batch: &Batch) -> Option<(Version, Version)> {
        let oldest = self.history.oldest();
        (batch.base < oldest && oldest - batch.base <= self.limits.base_distance)
            .then_some((batch.base, oldest))
    }

    /// The same for what a batch's edits were made on, which may be older than its base. Only whether they are in
    /// conflict with others' depends on it: where those entries are not kept any more, the batch is taken without.
    pub fn missing_past(&self, batch: &Batch) -> Option<(Version, Version)> {
        let (seen, oldest) = (batch.seen(), self.history.oldest());
        (seen < oldest && oldest - seen <= self.limits.base_distance).then_some((seen, oldest))
    }

    /// Takes in a batch, with what it needs beside what is here.
    pub fn submit(&mut self, now: Millis, submission: Submission, past: Past) {
        self.sequence(now, Arc::new(Handed { submission, past }));
        self.append();
    }

    /// The append is durable.
    pub fn appended(&mut self) -> Result<(), BrokenLog> {
        let done: Vec<_> = self.tail.drain(..self.appending).collect();
        self.appending = 0;
        for Tentative { record, entry, .. } in done {
            self.answers.insert(record.client, Some(record.answer.clone()));
            match (record.entry, entry) {
                (Some(encoded), Some(entry)) => {
                    self.advance(&encoded, &entry)?;
                    let version = encoded.version;
                    self.effects.push_back(SequencerEffect::Deliver(encoded));
                    if let Some(new) = record.patch_set {
                        let outcome = PatchSetOutcome::Added(version);
                        self.effects.push_back(SequencerEffect::PatchSet(new.number, outcome));
                    }
                    if let Some(published) = record.publication {
                        self.published(&published);
                    }
                }
                _ => self.effects.push_back(SequencerEffect::Answer(record.client, record.answer)),
            }
        }
        self.append();
        Ok(())
    }

    /// The log had gone on without us: `read` are its entries behind ours, `answers` the last answers of those
    /// [`known_clients`](Sequencer::known_clients) who are in them, or in what was under way. What was tentative is sequenced again.
    pub fn lost(
        &mut self,
        now: Millis,
        read: Vec<EncodedEntry>,
        answers: Vec<(ClientId, Option<Answer>)>,
    ) -> Result<(), BrokenLog> {
        let again = self.roll_back();
        for encoded in read {
            let entry = encoded.decode()?;
            self.take_learned(&entry)?;
            let backs = backs(&entry, &self.committed);
            self.advance(&encoded, &entry)?;
            self.history.push_with(&entry, backs);
            self.effects.push_back(SequencerEffect::Deliver(encoded));
        }
        self.reset_tip();
        // They were read some time ago: a client may have been answered here since.
        answers.into_iter().for_each(|(client, last)| self.client_opened(client, last));
        self.sequence_again(now, again);
        Ok(())
    }

    /// Sequences anew what was rolled back.
    pub(super) fn sequence_again(&mut self, now: Millis, again: Vec<Work>) {
        for work in again {
            match work {
                Work::PatchSet(new) => self.sequence_patch_set(now, new),
                Work::Publication(publication) => self.sequence_publication(now, publication),
                // The entries that it needs are not here any more: when it is sent again they are read again.
                Work::Batch(batch)
                    if !batch.is_whole(self.history.oldest()) && !self.asked_before(&batch.submission) =>
                {
                    self.refuse(&batch.submission, Refusal::Busy);
                }
                Work::Batch(batch) => self.sequence(now, batch),
            }
        }
        self.append();
    }

    /// Another server has appended this. Takes it where nothing is under way here, it comes next, and its client is
    /// not known here: that one's last answer would have moved on with it. A patch set that it speaks of has to be
    /// here, or [learned](Sequencer::learn_patch_set). Says whether it was taken; where it was not, the store tells
    /// what came, by [`lost`](Sequencer::lost).
    pub fn overhear(&mut self, encoded: EncodedEntry) -> Result<bool, BrokenLog> {
        let follows = self.tail.is_empty()
            && self.head.version.checked_add(1) == Some(encoded.version)
            && self.head.hash.chain(encoded.payload.as_bytes()) == encoded.hash;
        let Some(entry) = follows.then(|| encoded.decode()).transpose()? else { return Ok(false) };
        if self.knows(entry.client) || !self.has_code_of(&entry) {
            return Ok(false);
        }
        self.take_learned(&entry)?;
        let backs = backs(&entry, &self.committed);
        self.advance(&encoded, &entry)?;
        let kept = self.tip.conflicts.chars();
        self.tip.apply(&entry)?;
        self.tip_head = self.head;
        self.count_chars(&entry.facts, kept);
        self.history.push_with(&entry, backs);
        self.effects.push_back(SequencerEffect::Deliver(encoded));
        Ok(true)
    }

    /// The clients whose last answers are known here: any of them may have moved on elsewhere.
    pub fn known_clients(&self) -> Vec<ClientId> {
        self.answers.keys().copied().collect()
    }

    /// How many batches are sequenced and not durable yet.
    pub fn tentative(&self) -> usize {
        self.tail.len()
    }

    /// The store did not take the append, for certain. Its clients are told and send again.
    pub fn failed(&mut self) {
        self.given_up = None;
        for work in self.roll_back() {
            self.give_up(&work, Refusal::StoreFailed, PatchSetOutcome::StoreFailed);
        }
    }

    fn give_up(&mut self, work: &Work, refusal: Refusal, outcome: PatchSetOutcome) {
        match work {
            Work::Batch(batch) => self.refuse(&batch.submission, refusal),
            Work::PatchSet(new) => self.push_effect(SequencerEffect::PatchSet(new.number, outcome)),
            Work::Publication(publication) => {
                let outcome = PublicationOutcome::StoreFailed;
                self.push_effect(SequencerEffect::Publication(publication.drafts, outcome));
            }
        }
    }

    pub(super) fn push_effect(&mut self, effect: SequencerEffect) {
        self.effects.push_back(effect);
    }

    /// The one place where committed state moves: strictly to the next version, along the chain.
    fn advance(&mut self, encoded: &EncodedEntry, entry: &Entry) -> Result<(), BrokenLog> {
        if self.head.hash.chain(encoded.payload.as_bytes()) != encoded.hash {
            return Err(BrokenLog::Chain(encoded.version));
        }
        self.committed.apply(entry)?;
        self.head = Head { version: encoded.version, hash: encoded.hash };
        self.history.durable(self.head.version);
        Ok(())
    }

    pub(super) fn roll_back(&mut self) -> Vec<Work> {
        let work = |Tentative { batch, record, .. }: Tentative| match batch {
            Some(batch) => Some(Work::Batch(batch)),
            None => match record.patch_set {
                Some(new) => Some(Work::PatchSet(new)),
                None => record.publication.map(Work::Publication),
            },
        };
        let again = self.tail.drain(..).filter_map(work).collect();
        if self.committed.drafts.is_none() {
            self.patch_sets.truncate(self.committed.patch_set);
        }
        self.appending = 0;
        self.reset_tip();
        self.history.truncate(self.head.version);
        again
    }

    fn reset_tip(&mut self) {
        self.tip = self.committed.clone();
        self.tip_chars = chars(&self.tip);
        self.tip_head = self.head;
    }

    pub(super) fn append(&mut self) {
        if self.appending > 0 || self.tail.is_empty() {
            return;
        }
        let alone = |tentative: &Tentative| tentative.record.publication.is_some();
        let before = self.tail.iter().position(alone).unwrap_or(self.tail.len());
        self.appending = before.clamp(1, APPEND_BATCHES);
        let records =
            self.tail.iter().take(self.appending).map(|tentative| tentative.record.clone()).collect();
        self.effects.push_back(SequencerEffect::Append(Append { expected: self.head, records }));
    }

    fn refuse(&mut self, submission: &Submission, refusal: Refusal) {
        self.effects.push_back(SequencerEffect::Refuse(submission.client, submission.batch.seq, refusal));
    }

    fn sequence(&mut self, now: Millis, handed: Arc<Handed>) {
        let Handed { submission, past } = &*handed;
        // Who asked before gets the first answer again, whatever else holds now.
        match self.look_up(submission) {
            Ok(Some(answer)) => {
                return self.effects.push_back(SequencerEffect::Answer(submission.client, answer));
            }
            Ok(None) if self.is_tentative(submission) => return,
            Ok(None) => {}
            Err(refusal) => return self.refuse(submission, refusal),
        }
        let batch = &submission.batch;
        let oldest = self.history.oldest();
        let covered = past.entries.first().map_or(oldest, |entry| entry.version.saturating_sub(1));
        if batch.base > self.head.version || batch.base < covered {
            return self.refuse(submission, Refusal::BadBase);
        }
        let fits = !batch.changes.is_empty() && batch.changes.len() <= self.limits.batch_changes;
        if !fits || self.is_out_of_place(batch) {
            return self.refuse(submission, Refusal::BadBatch);
        }
        match self.entry(now, submission, past) {
            Ok(Sequenced::As(entry, result)) => self.push_tentative(handed, entry, result),
            Ok(Sequenced::TooFar) => self.refuse(submission, Refusal::BadBase),
            Err(error) => self.distrust_tip(&error, Some(handed)),
        }
    }

    /// What was planned always applies; if not, the tip is not to be trusted any more.
    pub(super) fn distrust_tip(&mut self, error: &FoldError, last: Option<Arc<Handed>>) {
        debug_assert!(false, "a planned change did not apply: {error}");
        for work in self.roll_back().into_iter().chain(last.map(Work::Batch)) {
            self.give_up(&work, Refusal::Internal, PatchSetOutcome::StoreFailed);
        }
    }

    pub(super) fn push_tentative(&mut self, batch: Arc<Handed>, entry: Option<Entry>, result: AnswerResult) {
        let submission = &batch.submission;
        let answer = Answer { seq: submission.batch.seq, payload: submission.payload, result };
        let publication = self.publication_of(submission, entry.as_ref());
        let record = Record { publication, ..Record::new(submission.client, answer) };
        self.push_record(record, entry, Some(batch));
    }

    /// Puts what was sequenced behind the tip.
    pub(super) fn push_record(
        &mut self,
        mut record: Record,
        entry: Option<Entry>,
        batch: Option<Arc<Handed>>,
    ) {
        let encoded = entry.as_ref().map(|entry| EncodedEntry::new(entry, self.tip_head.hash));
        if let (Some(encoded), Some(entry)) = (&encoded, &entry) {
            if let AnswerResult::Committed { hash, .. } = &mut record.answer.result {
                *hash = Some(encoded.hash);
            }
            self.tip_head = Head { version: encoded.version, hash: encoded.hash };
            let backs = std::mem::take(&mut self.backs);
            self.history.push_with(entry, backs);
        }
        record.entry = encoded;
        self.tail.push_back(Tentative { record, entry, batch });
    }

    /// Gives a seq its final answer: the one it has, or else that it is durably void. Whatever comes of that batch
    /// later is refused, so that its author may say the same again under another seq.
    pub fn settle_seq(&mut self, client: ClientId, seq: Seq) -> Settled {
        let tentative = self.waiting(client);
        let Some(committed) = self.answers.get(&client) else { return Settled::OutOfTurn };
        let answered = committed.as_ref().map_or(0, |answer| answer.seq);
        match (tentative, committed) {
            (_, Some(answer)) if answer.seq == seq => Settled::Answer(answer.clone()),
            (Some(_), _) if answered < seq => Settled::Pending,
            (None, _) if seq.checked_sub(1) == Some(answered) => {
                let answer = Answer { seq, payload: Hash::default(), result: AnswerResult::Void };
                let record = Record::new(client, answer);
                self.tail.push_back(Tentative { record, entry: None, batch: None });
                self.append();
                Settled::Pending
            }
            _ => Settled::OutOfTurn,
        }
    }

    /// The answer this very batch got before, if it did.
    fn look_up(&self, submission: &Submission) -> Result<Option<Answer>, Refusal> {
        let committed = self.answers.get(&submission.client).ok_or(Refusal::NotOpen)?;
        let tentative = self.waiting(submission.client);
        let last = tentative.map(|t| &t.record.answer).or(committed.as_ref());
        let (seq, last_seq) = (submission.batch.seq, last.map_or(0, |answer| answer.seq));
        if seq == last_seq.saturating_add(1) {
            return if tentative.is_some() { Err(Refusal::Busy) } else { Ok(None) };
        }
        match last {
            // Not durable yet: it may still come to nothing.
            Some(answer)
                if answer.seq == seq && tentative.is_some() && answer.result == AnswerResult::Void =>
            {
                Err(Refusal::Busy)
            }
            Some(answer) if answer.seq == seq && answer.payload == submission.payload => {
                Ok(tentative.is_none().then(|| answer.clone()))
            }
            _ if seq > last_seq => Err(Refusal::SeqGap),
            _ => Err(Refusal::SeqReused),
        }
    }

    /// The last batch of a client in the tail. One that is over elsewhere, where its client went on meanwhile, is
    /// none: the store will not take it.
    fn waiting(&self, client: ClientId) -> Option<&Tentative> {
        let over = self.last_answer(client).map_or(0, |answer| answer.seq);
        let waits = |t: &&Tentative| t.record.client == client && t.record.answer.seq > over;
        self.tail.iter().rev().find(waits)
    }

    fn is_tentative(&self, submission: &Submission) -> bool {
        let same = |t: &Tentative| {
            t.record.client == submission.client && t.record.answer.seq == submission.batch.seq
        };
        self.tail.iter().any(same)
    }
}
