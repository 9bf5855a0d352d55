//! The server's half of sync: dedupe, validate, transform, resolve, assign the next version; and the order in
//! which that becomes durable and visible.
//!
//! The sequencer holds the committed review and a tip: the committed review plus a tail of batches that are
//! sequenced but not durable yet. Nothing of the tail is ever told to anybody. One append is under way at a
//! time; what comes meanwhile gathers in the tail and goes with the next.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::History;
use super::settle::{Sequenced, chars, grown};
use crate::change::Batch;
use crate::clock::Millis;
use crate::entry::{Answer, AnswerResult, EncodedEntry, Entry, Hash, Head, UnreadableEntry};
use crate::id::{ClientId, Seq, UserId, Version};
use crate::limits::Limits;
use crate::review::{FoldError, PatchSets, Review};

/// How many text ops are kept to transform late batches over; older ones come from the store.
const HISTORY_OPS: usize = 4_096;
/// How many batches one append takes at most.
const APPEND_BATCHES: usize = 256;

/// A batch on its way in, with what the session knows of its author.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The submitting client.
    pub client: ClientId,
    /// Its user.
    pub user: UserId,
    /// What it submits.
    pub batch: Batch,
    /// The hash of the batch's bytes as they came.
    pub payload: Hash,
    /// Server time minus the client's, in milliseconds, as measured at hello.
    pub skew: i64,
}

/// Why a batch is not taken now. Consumes no seq: the same bytes may come again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The client has not opened the review in this session.
    NotOpen,
    /// The seq was answered for other bytes, or is older than the last one: two replicas use one client id.
    SeqReused,
    /// The seq is not the last one plus 1: something of this client is missing here.
    SeqGap,
    /// An earlier batch of the client is not durable yet: one at a time, so that the tail stays bounded.
    Busy,
    /// The base is newer than the log, or too far behind, or too much has happened since.
    BadBase,
    /// The batch is empty or has too many changes.
    BadBatch,
    /// The store did not take it. Nothing of it happened.
    StoreFailed,
    /// A defect in this software; nothing of the batch happened.
    Internal,
}

/// What has to be done, in this order.
#[derive(Debug)]
pub enum SequencerEffect {
    /// Make this durable, all or nothing, then call [`Sequencer::appended`], [`lost`](Sequencer::lost) or
    /// [`failed`](Sequencer::failed).
    Append(Append),
    /// An entry is durable: send it to every subscriber, its author included.
    Deliver(EncodedEntry),
    /// Tell a client what became of a batch that is no entry, or of one that it sent again.
    Answer(ClientId, Answer),
    /// Tell a client that a batch was not taken.
    Refuse(ClientId, Seq, Refusal),
}

/// What the store is to append where the log still ends at `expected`.
#[derive(Clone, Debug)]
pub struct Append {
    /// Where the log must end for this to be appended.
    pub expected: Head,
    /// What comes behind it, in order.
    pub records: Vec<Record>,
}

/// One batch's part of an append: its entry, unless all of it was rejected, and its answer.
#[derive(Clone, Debug)]
pub struct Record {
    /// What goes into the log.
    pub entry: Option<EncodedEntry>,
    /// Whose answer it is.
    pub client: ClientId,
    /// Replaces the client's last answer.
    pub answer: Answer,
}

/// What a seq has come to that its client asks to have settled.
#[derive(Clone, PartialEq, Debug)]
pub enum Settled {
    /// This is its final answer.
    Answer(Answer),
    /// Not yet: ask again once the append under way is over.
    Pending,
    /// Batches before it are missing, or later ones were answered: it can never be taken.
    OutOfTurn,
}

#[derive(Debug)]
struct Tentative {
    record: Record,
    entry: Option<Entry>,
    /// What is sequenced again if this does not become durable; a settled seq has none.
    submission: Option<Arc<Submission>>,
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
    answers: BTreeMap<ClientId, Option<Answer>>,
    pub(super) patch_sets: PatchSets,
    pub(super) limits: Limits,
    effects: VecDeque<SequencerEffect>,
}

/// The log cannot be continued from here; the review has to be loaded again.
#[derive(Debug, thiserror::Error)]
pub enum BrokenLog {
    /// Stored bytes are not an entry.
    #[error(transparent)]
    Unreadable(#[from] UnreadableEntry),
    /// Entries do not follow from each other.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The chain of hashes does not hold.
    #[error("the chain of hashes breaks at entry {0}")]
    Chain(Version),
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
            committed: review,
            head,
            tail: VecDeque::new(),
            appending: 0,
            answers: BTreeMap::new(),
            patch_sets,
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

    /// Takes in a batch. `older` are the entries that [`missing_history`](Sequencer::missing_history) named.
    pub fn submit(&mut self, now: Millis, submission: Submission, older: &[Entry]) {
        self.sequence(now, Arc::new(submission), older);
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
                    self.effects.push_back(SequencerEffect::Deliver(encoded));
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
            self.advance(&encoded, &entry)?;
            self.history.push(&entry);
            self.effects.push_back(SequencerEffect::Deliver(encoded));
        }
        self.reset_tip();
        self.answers.extend(answers);
        for submission in again {
            if submission.batch.base < self.history.oldest() && !self.asked_before(&submission) {
                // The entries that it needs are not here: when it is sent again they are read again.
                self.refuse(&submission, Refusal::Busy);
            } else {
                self.sequence(now, submission, &[]);
            }
        }
        self.append();
        Ok(())
    }

    /// Another server has appended this. Takes it where nothing is under way here, it comes next, and its client is
    /// not known here: that one's last answer would have moved on with it. Says whether it was taken; where it was
    /// not, the store tells what came, by [`lost`](Sequencer::lost).
    pub fn overhear(&mut self, encoded: EncodedEntry) -> Result<bool, BrokenLog> {
        let follows = self.tail.is_empty()
            && self.head.version.checked_add(1) == Some(encoded.version)
            && self.head.hash.chain(encoded.payload.as_bytes()) == encoded.hash;
        let Some(entry) = follows.then(|| encoded.decode()).transpose()? else { return Ok(false) };
        if self.knows(entry.client) {
            return Ok(false);
        }
        self.advance(&encoded, &entry)?;
        self.tip.apply(&entry)?;
        self.tip_head = self.head;
        self.tip_chars = self.tip_chars.saturating_add_signed(grown(&entry.facts));
        self.history.push(&entry);
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
        for submission in self.roll_back() {
            self.refuse(&submission, Refusal::StoreFailed);
        }
    }

    /// The one place where committed state moves: strictly to the next version, along the chain.
    fn advance(&mut self, encoded: &EncodedEntry, entry: &Entry) -> Result<(), BrokenLog> {
        if self.head.hash.chain(encoded.payload.as_bytes()) != encoded.hash {
            return Err(BrokenLog::Chain(encoded.version));
        }
        self.committed.apply(entry)?;
        self.head = Head { version: encoded.version, hash: encoded.hash };
        Ok(())
    }

    fn roll_back(&mut self) -> Vec<Arc<Submission>> {
        let again = self.tail.drain(..).filter_map(|tentative| tentative.submission).collect();
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

    fn append(&mut self) {
        if self.appending > 0 || self.tail.is_empty() {
            return;
        }
        self.appending = self.tail.len().min(APPEND_BATCHES);
        let records =
            self.tail.iter().take(self.appending).map(|tentative| tentative.record.clone()).collect();
        self.effects.push_back(SequencerEffect::Append(Append { expected: self.head, records }));
    }

    fn refuse(&mut self, submission: &Submission, refusal: Refusal) {
        self.effects.push_back(SequencerEffect::Refuse(submission.client, submission.batch.seq, refusal));
    }

    fn sequence(&mut self, now: Millis, submission: Arc<Submission>, older: &[Entry]) {
        // Who asked before gets the first answer again, whatever else holds now.
        match self.look_up(&submission) {
            Ok(Some(answer)) => {
                return self.effects.push_back(SequencerEffect::Answer(submission.client, answer));
            }
            Ok(None) if self.is_tentative(&submission) => return,
            Ok(None) => {}
            Err(refusal) => return self.refuse(&submission, refusal),
        }
        let batch = &submission.batch;
        let covered = older.first().map_or(self.history.oldest(), |entry| entry.version.saturating_sub(1));
        if batch.base > self.head.version || batch.base < covered {
            return self.refuse(&submission, Refusal::BadBase);
        }
        if batch.changes.is_empty() || batch.changes.len() > self.limits.batch_changes {
            return self.refuse(&submission, Refusal::BadBatch);
        }
        match self.entry(now, &submission, older) {
            Ok(Sequenced::As(entry, result)) => self.push_tentative(submission, entry, result),
            Ok(Sequenced::TooFar) => self.refuse(&submission, Refusal::BadBase),
            Err(error) => {
                // Judged changes always apply; if not, the tip is not to be trusted any more.
                debug_assert!(false, "a planned change did not apply: {error}");
                let again = self.roll_back();
                for submission in again.iter().chain([&submission]) {
                    self.refuse(submission, Refusal::Internal);
                }
            }
        }
    }

    fn push_tentative(
        &mut self,
        submission: Arc<Submission>,
        entry: Option<Entry>,
        mut result: AnswerResult,
    ) {
        let encoded = entry.as_ref().map(|entry| EncodedEntry::new(entry, self.tip_head.hash));
        if let (Some(encoded), Some(entry)) = (&encoded, &entry) {
            if let AnswerResult::Committed { hash, .. } = &mut result {
                *hash = Some(encoded.hash);
            }
            self.tip_head = Head { version: encoded.version, hash: encoded.hash };
            self.history.push(entry);
        }
        let answer = Answer { seq: submission.batch.seq, payload: submission.payload, result };
        let record = Record { entry: encoded, client: submission.client, answer };
        self.tail.push_back(Tentative { record, entry, submission: Some(submission) });
    }

    /// Gives a seq its final answer: the one it has, or else that it is durably void. Whatever comes of that batch
    /// later is refused, so that its author may say the same again under another seq.
    pub fn settle_seq(&mut self, client: ClientId, seq: Seq) -> Settled {
        let tentative = self.tail.iter().rev().find(|t| t.record.client == client);
        let Some(committed) = self.answers.get(&client) else { return Settled::OutOfTurn };
        let answered = committed.as_ref().map_or(0, |answer| answer.seq);
        match (tentative, committed) {
            (_, Some(answer)) if answer.seq == seq => Settled::Answer(answer.clone()),
            (Some(_), _) if answered < seq => Settled::Pending,
            (None, _) if seq.checked_sub(1) == Some(answered) => {
                let answer = Answer { seq, payload: Hash::default(), result: AnswerResult::Void };
                let record = Record { entry: None, client, answer };
                self.tail.push_back(Tentative { record, entry: None, submission: None });
                self.append();
                Settled::Pending
            }
            _ => Settled::OutOfTurn,
        }
    }

    /// The answer this very batch got before, if it did.
    fn look_up(&self, submission: &Submission) -> Result<Option<Answer>, Refusal> {
        let committed = self.answers.get(&submission.client).ok_or(Refusal::NotOpen)?;
        let tentative = self.tail.iter().rev().find(|t| t.record.client == submission.client);
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

    fn is_tentative(&self, submission: &Submission) -> bool {
        let same = |t: &Tentative| {
            t.record.client == submission.client && t.record.answer.seq == submission.batch.seq
        };
        self.tail.iter().any(same)
    }
}
