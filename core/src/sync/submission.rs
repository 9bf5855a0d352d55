//! What goes into the sequencer, and what it wants done.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::patch_set::{NewPatchSet, PatchSetOutcome};
use super::publish::{Publication, PublicationOutcome};
use crate::change::Batch;
use crate::entry::{Answer, EncodedEntry, Entry, Hash, Head, UnreadableEntry};
use crate::id::{ClientId, CommentId, ReviewId, Seq, UserId, Version};
use crate::review::FoldError;
use crate::text::Text;

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

/// What a batch needs of the log beside what a sequencer keeps, as the store has it.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The entries that [`missing_past`](super::Sequencer::missing_past) named, or
    /// [`missing_history`](super::Sequencer::missing_history); of all but the first and the last only what the batch
    /// meets.
    pub entries: Vec<Entry>,
    /// The texts that the batch edits, right before the first of those: what a conflict shows as its base.
    pub texts: BTreeMap<CommentId, Text>,
    /// Whether what its edits were made on cannot be had, so that there is no more than they have to be carried over.
    pub given_up: bool,
}

impl Past {
    /// Whether it goes from one version to another without a gap.
    fn covers(&self, from: Version, to: Version) -> bool {
        let first = self.entries.first().is_some_and(|entry| entry.version <= from.saturating_add(1));
        first && self.entries.last().is_some_and(|entry| entry.version >= to)
    }
}

/// A batch with what it needs of the past.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) submission: Submission,
    pub(super) past: Past,
}

impl Handed {
    /// Whether it can be sequenced where the entries behind a version are at hand.
    pub(super) fn is_whole(&self, oldest: Version) -> bool {
        let batch = &self.submission.batch;
        let from = if self.past.given_up { batch.base } else { batch.seen() };
        from >= oldest || self.past.covers(from, oldest)
    }
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
    /// Make this durable, all or nothing, then call [`appended`](super::Sequencer::appended),
    /// [`lost`](super::Sequencer::lost) or [`failed`](super::Sequencer::failed).
    Append(Append),
    /// An entry is durable: send it to every subscriber, its author included.
    Deliver(EncodedEntry),
    /// Tell a client what became of a batch that is no entry, or of one that it sent again.
    Answer(ClientId, Answer),
    /// Tell a client that a batch was not taken.
    Refuse(ClientId, Seq, Refusal),
    /// Tell whoever added the patch set of this number what became of it.
    PatchSet(u32, PatchSetOutcome),
    /// Tell the log of drafts with this id what became of what it publishes.
    Publication(ReviewId, PublicationOutcome),
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
    /// The code that the entry speaks of, to be stored with it.
    pub patch_set: Option<Arc<NewPatchSet>>,
    /// What the entry publishes, or where it comes from. Such a record is alone in its append, and appended together
    /// with the other review's part of it, or not at all.
    pub publication: Option<Arc<Publication>>,
}

impl Record {
    /// An answer, by itself.
    pub fn new(client: ClientId, answer: Answer) -> Record {
        Record { entry: None, client, answer, patch_set: None, publication: None }
    }
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
    /// The log speaks of a patch set that is not here.
    #[error("patch set {0} is not here")]
    PatchSet(u32),
}
