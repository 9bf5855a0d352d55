//! How far what was done here has become durable: for whoever waits for it, and for the counters.

use interline_core::clock::Millis;
use interline_core::entry::{Answer, AnswerResult};
use interline_core::id::{Seq, Version};
use interline_core::wire::ErrorCode;
use tokio::sync::watch;
use web_time::Instant;

use crate::analytics::Counters;

/// How far local edits have become durable, counted in edits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Durable {
    pub(crate) edits: u64,
    /// Nothing more will become durable: the client was closed.
    pub(crate) closed: bool,
    /// Nothing more will become durable here: somebody else has the local store.
    pub(crate) taken_over: bool,
    /// Nothing more will become durable unless somebody decides: the server will never take what is in flight, or does
    /// not know the review any more, and then nothing is durable that was.
    pub(crate) stuck: Option<ErrorCode>,
}

impl Durable {
    /// Whether the server has lost the whole review.
    pub(crate) fn lost(&self) -> bool {
        self.stuck == Some(ErrorCode::UnknownReview)
    }
}

/// What an answer says of a batch's end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Settled {
    /// It is final for everything in it, once this version is here.
    At(Seq, Version),
    /// The batch will never be taken: what was in it waits to be said again.
    Void(Seq),
}

impl Settled {
    pub(crate) fn of(answer: &Answer) -> Settled {
        match answer.result {
            AnswerResult::Committed { version, .. } => Settled::At(answer.seq, version),
            AnswerResult::Rejected(_) => Settled::At(answer.seq, 0),
            AnswerResult::Void => Settled::Void(answer.seq),
        }
    }
}

/// A batch that was sent and is not settled.
struct Sent {
    seq: Seq,
    first: Instant,
    /// When the oldest edit in it was made.
    since: Option<Millis>,
}

/// The progress of one review's edits.
pub(crate) struct Progress {
    edits: u64,
    /// All edits up to this number are in batches up to this one.
    covered: Option<(Seq, u64)>,
    sent: Option<Sent>,
    durable: watch::Sender<Durable>,
}

impl Progress {
    /// Begins; what was pending when the program last ended counts as one edit made before all others.
    pub(crate) fn new(pending: bool) -> Progress {
        Progress { edits: u64::from(pending), covered: None, sent: None, durable: watch::Sender::default() }
    }

    /// How many edits there were, and how to hear of their becoming durable.
    pub(crate) fn watch(&self) -> (u64, watch::Receiver<Durable>) {
        (self.edits, self.durable.subscribe())
    }

    /// An edit was made.
    pub(crate) fn edited(&mut self) {
        self.edits += 1;
    }

    /// All edits made until now are in the batches up to this one. To be told whenever that is so: to who types on it
    /// is for a moment only, when a batch freezes.
    pub(crate) fn covered(&mut self, seq: Seq) {
        self.covered = Some((seq, self.edits));
    }

    /// A batch goes out whose oldest edit is this old; says whether for the first time.
    pub(crate) fn sending(&mut self, seq: Seq, since: Option<Millis>) -> bool {
        if self.sent.as_ref().is_some_and(|sent| sent.seq == seq) {
            return false;
        }
        self.sent = Some(Sent { seq, first: Instant::now(), since });
        true
    }

    /// The server has settled a batch. Called before anything that this gives rise to is taken out of the replica,
    /// such as the next batch.
    pub(crate) fn settled(&mut self, seq: Seq, now: Millis, counters: &mut Counters) {
        if let Some((_, edits)) = self.covered.take_if(|(covered, _)| *covered <= seq) {
            self.advance(edits);
        }
        if let Some(sent) = self.sent.take_if(|sent| sent.seq == seq) {
            counters.ack.push(sent.first.elapsed().as_secs_f64() * 1_000.0);
            if let Some(since) = sent.since {
                counters.durable.push(now.saturating_sub(since) as f64);
            }
        }
    }

    /// This batch will never be taken: what was in it waits to be said again.
    pub(crate) fn voided(&mut self, seq: Seq) {
        self.covered.take_if(|(covered, _)| *covered == seq);
        self.sent.take_if(|sent| sent.seq == seq);
    }

    /// Batches are numbered anew: what was in flight waits to be said again, or for a decision.
    pub(crate) fn renewed(&mut self) {
        (self.covered, self.sent) = (None, None);
    }

    /// Nothing is pending.
    pub(crate) fn all_settled(&self) {
        self.advance(self.edits);
    }

    /// Nothing more will be settled.
    pub(crate) fn close(&self) {
        self.durable.send_modify(|durable| durable.closed = true);
    }

    /// Nothing more will be settled here.
    pub(crate) fn taken_over(&self) {
        self.durable.send_modify(|durable| durable.taken_over = true);
    }

    /// Whether, and why, nothing more will be settled for now.
    pub(crate) fn stuck(&self, stuck: Option<ErrorCode>) {
        self.durable.send_if_modified(|durable| std::mem::replace(&mut durable.stuck, stuck) != stuck);
    }

    fn advance(&self, edits: u64) {
        self.durable.send_if_modified(|durable| {
            let later = durable.edits < edits;
            durable.edits = durable.edits.max(edits);
            later
        });
    }
}
