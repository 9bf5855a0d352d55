//! Hostile clients at a sequencer, over a store that fails and a log that goes on elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use interline_core::change::Batch;
use interline_core::entry::{Answer, AnswerResult, EncodedEntry, Entry, Hash, Head};
use interline_core::id::{ClientId, Seq};
use interline_core::limits::Limits;
use interline_core::review::{FieldValue, Holder, Review, Status, spec};
use interline_core::sync::{Append, Past, Refusal, Sequencer, SequencerEffect, Settled, Submission};

use super::made;
use super::raw::Raw;

/// Small, so that they are run into.
const LIMITS: Limits = Limits {
    frame_bytes: 64 * 1024,
    comment_chars: 40,
    review_chars: 100,
    op_components: 12,
    batch_changes: 6,
    review_comments: 4,
    open_reviews: 4,
    base_distance: 8,
    note_chars: 8,
};
const CLIENTS: usize = 3;
/// The most lines that are looked at: more say nothing new.
const STEPS: usize = 60;

/// A line each: a batch in JSON (`{`), or a letter and what it takes.
pub(crate) fn target(data: &[u8]) {
    let mut raw = Raw::new(data);
    let mut server = Server::new();
    for _ in 0..STEPS {
        let line = raw.line();
        let Some((letter, rest)) = line.split_first() else { continue };
        let raw = &mut Raw::new(rest);
        let who = if *letter == b'{' { 0 } else { raw.below(CLIENTS) };
        match letter {
            b'{' => server.submit_json(who, line),
            b'b' => server.submit_made(who, raw),
            b'r' => server.submit_again(who),
            b's' => server.settle(who, raw),
            b'o' => server.sequencer.client_opened(made::client(who), server.store.answer(who)),
            b'c' => server.sequencer.client_closed(made::client(who)),
            b'a' => server.appended(),
            b'f' => server.failed(),
            b'l' => server.lost(who, raw),
            b'n' => server.restart(),
            _ => {}
        }
    }
    server.finish();
}

/// What clients are told something after.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// A batch came.
    Submitted,
    /// An append was made, or was not.
    Durable,
    /// The log went on elsewhere.
    Elsewhere,
}

/// What is durable.
struct Store {
    log: Vec<EncodedEntry>,
    review: Review,
    head: Head,
    answers: BTreeMap<ClientId, Answer>,
}

struct Server {
    sequencer: Sequencer,
    store: Store,
    append: Option<Append>,
    /// The batches that were neither answered, refused nor delivered, with their hashes.
    waiting: BTreeMap<(ClientId, Seq), Hash>,
    /// Those of them that are no batches: seqs on their way to being void. Who wants to know asks again.
    voids: BTreeSet<(ClientId, Seq)>,
    /// What each client submitted last.
    last: BTreeMap<usize, Submission>,
}

impl Store {
    fn answer(&self, who: usize) -> Option<Answer> {
        self.answers.get(&made::client(who)).cloned()
    }

    /// Appends as a real one does, and checks what it is given.
    fn append(&mut self, append: &Append) {
        assert_eq!(append.expected, self.head);
        for record in &append.records {
            let last = self.answers.insert(record.client, record.answer.clone());
            assert_eq!(record.answer.seq, last.map_or(0, |last| last.seq) + 1, "each seq once, in order");
            let version = match (&record.entry, &record.answer.result) {
                (Some(entry), AnswerResult::Committed { version, hash, verdicts }) => {
                    assert_eq!(*hash, Some(entry.hash), "the proof of it");
                    let decoded = self.fold(entry);
                    assert_eq!((decoded.version, &decoded.verdicts), (*version, verdicts));
                    assert_eq!((decoded.client, decoded.seq), (record.client, record.answer.seq));
                    *version
                }
                (None, AnswerResult::Rejected(verdicts)) => {
                    assert!(!verdicts.is_empty());
                    continue;
                }
                // The seq is used up: nothing of a batch under it can ever come behind this.
                (None, AnswerResult::Void) => continue,
                _ => panic!("an entry and an answer that do not belong together"),
            };
            assert_eq!(version, self.head.version);
        }
    }

    fn fold(&mut self, encoded: &EncodedEntry) -> Entry {
        let entry = encoded.decode().expect("what is stored can be read");
        assert_eq!(encoded.hash, self.head.hash.chain(encoded.payload.as_bytes()));
        self.review.apply(&entry).expect("the log folds");
        self.head = Head { version: encoded.version, hash: encoded.hash };
        self.log.push(encoded.clone());
        assert!(entry.verdicts.iter().all(|verdict| verdict.change < LIMITS.batch_changes));
        entry
    }

    fn entries(&self, after: u64, to: u64) -> Vec<Entry> {
        let entries = self.log.iter().filter(|entry| after < entry.version && entry.version <= to);
        entries.map(|entry| entry.decode().expect("what is stored can be read")).collect()
    }

    /// What holds for every review, whoever wrote in it.
    fn check(&self) {
        let comments = self.review.comments.values();
        assert!(comments.len() <= LIMITS.review_comments);
        assert!(comments.map(|comment| comment.text.len()).sum::<usize>() <= LIMITS.review_chars);
        for comment in self.review.comments.values() {
            assert!(comment.text.len() <= LIMITS.comment_chars, "{comment:?}");
            assert!(!comment.text.as_str().contains(['\r', '\0']));
            let root = self.review.thread_of(comment);
            assert_eq!(self.review.thread_of(&self.review.comments[&root]), root, "threads have one level");
        }
        let entities = self.review.comments.values().map(|comment| (comment.holder(), &comment.fields));
        for (holder, fields) in entities.chain([(Holder::Review, &self.review.fields)]) {
            for name in fields.names() {
                let value = fields.value(name).expect("it has a name");
                assert!(spec(holder, name).is_some_and(|spec| spec.takes(value)), "{name} is {value:?}");
            }
        }
        let stored = self.review.fields.value("status").cloned().unwrap_or(Status::Pending.into());
        assert_eq!(stored, FieldValue::from(self.review.status()));
    }
}

fn node(store: &Store) -> Sequencer {
    let mut sequencer = Sequencer::new(store.review.clone(), store.head, made::patch_sets(), LIMITS);
    (0..CLIENTS).for_each(|n| sequencer.client_opened(made::client(n), store.answer(n)));
    sequencer
}

impl Server {
    fn new() -> Server {
        let (first, review, head) = made::created();
        let store = Store { log: vec![first], review, head, answers: BTreeMap::new() };
        let (waiting, voids, last) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Server { sequencer: node(&store), store, append: None, waiting, voids, last }
    }

    fn submit_json(&mut self, who: usize, json: &[u8]) {
        let Ok(batch) = serde_json::from_slice::<Batch>(json) else { return };
        self.submit(who, batch, Hash::of(json), 0);
    }

    fn submit_made(&mut self, who: usize, raw: &mut Raw<'_>) {
        let submission = self.made(who, raw);
        self.submit(who, submission.batch, submission.payload, submission.skew);
    }

    fn submit_again(&mut self, who: usize) {
        let Some(Submission { batch, payload, skew, .. }) = self.last.get(&who).cloned() else { return };
        self.submit(who, batch, payload, skew);
    }

    fn made(&self, who: usize, raw: &mut Raw<'_>) -> Submission {
        let seq = raw.near(self.store.answer(who).map_or(0, |last| last.seq) + 1);
        let behind = raw.below(8) as u64;
        let base = raw.near(self.store.head.version.saturating_sub(behind.saturating_sub(4)));
        let skew = raw.near(0) as i64;
        let count = raw.below(LIMITS.batch_changes + 2);
        let changes = (0..count).map(|_| made::change(raw, &self.store.review)).collect();
        submission(who, Batch { seq, base, changes }, None, skew)
    }

    fn submit(&mut self, who: usize, batch: Batch, payload: Hash, skew: i64) {
        let submission = submission(who, batch, Some(payload), skew);
        self.last.insert(who, submission.clone());
        let key = (submission.client, submission.batch.seq);
        let older = self.sequencer.missing_history(&submission.batch);
        let entries = older.map(|(after, to)| self.store.entries(after, to)).unwrap_or_default();
        let past = Past { entries, ..Past::default() };
        let before = self.sequencer.tentative();
        let first = self.store.answers.get(&submission.client).cloned();
        self.sequencer.submit(made::NOW, submission, past);
        let told = self.effects(When::Submitted);
        match told.as_slice() {
            [] if self.sequencer.tentative() == before => {
                assert_eq!(self.waiting.get(&key), Some(&payload), "only what is under way needs no word");
            }
            [] => {
                assert_eq!(self.sequencer.tentative(), before + 1);
                assert_eq!(self.waiting.insert(key, payload), None, "a seq is under way once");
            }
            [(client, seq, answer)] => {
                assert_eq!((*client, *seq), key);
                assert_eq!(self.sequencer.tentative(), before);
                // An answer right away is the first one again.
                assert!(answer.is_none() || *answer == first);
                assert!(answer.as_ref().is_none_or(|answer| answer.payload == payload));
            }
            _ => panic!("told more than once: {told:?}"),
        }
    }

    /// Whatever is said of a seq is final, or it is not said yet.
    fn settle(&mut self, who: usize, raw: &mut Raw<'_>) {
        let client = made::client(who);
        let stored = self.store.answer(who);
        let last = stored.as_ref().map_or(0, |answer| answer.seq);
        let next = raw.below(3) as u64;
        let seq = raw.near((last + next).saturating_sub(1));
        let known = self.sequencer.knows(client);
        let before = self.sequencer.tentative();
        let under_way = self.waiting.keys().any(|(of, _)| *of == client);
        let settled = self.sequencer.settle_seq(client, seq);
        assert!(self.effects(When::Submitted).is_empty(), "who asks is told by the call");
        match settled {
            Settled::Answer(answer) => {
                assert_eq!((answer.seq, Some(&answer)), (seq, stored.as_ref()), "the answer that is stored");
            }
            Settled::Pending if under_way => assert!(known && seq > last),
            Settled::Pending => {
                assert_eq!((seq, self.sequencer.tentative()), (last + 1, before + 1));
                self.waiting.insert((client, seq), Hash::default());
                self.voids.insert((client, seq));
            }
            Settled::OutOfTurn => {
                let said = stored.is_some_and(|answer| answer.seq == seq);
                assert!(!known || (!said && (under_way || seq != last + 1)), "{seq} after {last}");
            }
        }
    }

    /// Nothing of what was to become void has.
    fn forget_voids(&mut self) {
        for key in std::mem::take(&mut self.voids) {
            self.waiting.remove(&key);
        }
    }

    fn appended(&mut self) {
        let Some(append) = self.append.take() else { return };
        self.store.append(&append);
        self.sequencer.appended().expect("the log goes on");
        let told = self.effects(When::Durable);
        assert_eq!(told.len(), append.records.len());
        for (record, told) in append.records.iter().zip(told) {
            assert_eq!((record.client, record.answer.seq), (told.0, told.1));
        }
        self.agree();
    }

    fn failed(&mut self) {
        if self.append.take().is_some() {
            self.sequencer.failed();
            self.forget_voids();
            self.effects(When::Durable);
            assert!(self.waiting.is_empty(), "all are told");
            self.agree();
        }
    }

    /// Another node was first: with a batch of its own, or with one that is under way here as well.
    fn lost(&mut self, who: usize, raw: &mut Raw<'_>) {
        if self.append.is_none() {
            return;
        }
        let again = raw.below(3) == 0;
        let submission = match self.last.get(&who).filter(|_| again) {
            Some(last) => last.clone(),
            None => self.made(who, raw),
        };
        let from = self.store.log.len();
        let mut other = node(&self.store);
        other.submit(made::NOW, submission, Past::default());
        while let Some(effect) = other.poll() {
            if let SequencerEffect::Append(append) = effect {
                self.store.append(&append);
                other.appended().expect("the log goes on");
            }
        }
        self.append = None;
        let known = self.sequencer.known_clients();
        let answers = known.into_iter().map(|id| (id, self.store.answers.get(&id).cloned())).collect();
        let read = self.store.log[from..].to_vec();
        self.sequencer.lost(made::NOW, read, answers).expect("the log goes on");
        self.forget_voids();
        self.effects(When::Elsewhere);
        assert_eq!(self.sequencer.tentative(), self.waiting.len());
        self.agree();
    }

    /// The node dies, and what was under way with it; another one takes over.
    fn restart(&mut self) {
        self.sequencer = node(&self.store);
        self.append = None;
        self.waiting.clear();
        self.voids.clear();
        self.agree();
    }

    fn finish(&mut self) {
        while self.append.is_some() {
            self.appended();
        }
        assert!(self.waiting.is_empty(), "every batch was answered, refused or delivered");
        assert_eq!(self.sequencer.tentative(), 0);
        let json = serde_json::to_string(&self.store.review).unwrap();
        assert_eq!(serde_json::from_str::<Review>(&json).unwrap(), self.store.review);
    }

    /// What clients are told, and when.
    fn effects(&mut self, when: When) -> Vec<(ClientId, Seq, Option<Answer>)> {
        let mut told = Vec::new();
        while let Some(effect) = self.sequencer.poll() {
            told.push(match effect {
                SequencerEffect::Append(append) => {
                    assert!(self.append.is_none(), "one append at a time");
                    assert!(!append.records.is_empty());
                    self.append = Some(append);
                    continue;
                }
                SequencerEffect::Deliver(encoded) => {
                    assert!(self.store.log.contains(&encoded), "only what is durable is told");
                    if when == When::Elsewhere {
                        continue;
                    }
                    let entry = encoded.decode().expect("what is told can be read");
                    (entry.client, entry.seq, None)
                }
                SequencerEffect::Answer(client, answer) => (client, answer.seq, Some(answer)),
                SequencerEffect::PatchSet(..) | SequencerEffect::Publication(..) => {
                    unreachable!("nobody adds one")
                }
                SequencerEffect::Refuse(client, seq, refusal) => {
                    assert_ne!(refusal, Refusal::Internal);
                    (client, seq, None)
                }
            });
        }
        if when != When::Submitted {
            for (client, seq, _) in &told {
                assert!(self.waiting.remove(&(*client, *seq)).is_some(), "told twice: {client:?} {seq}");
                self.voids.remove(&(*client, *seq));
            }
        }
        told
    }

    /// What is committed is what is durable.
    fn agree(&self) {
        assert_eq!(self.sequencer.head(), self.store.head);
        assert_eq!(self.sequencer.committed(), &self.store.review);
        self.store.check();
    }
}

fn submission(who: usize, batch: Batch, payload: Option<Hash>, skew: i64) -> Submission {
    let payload = payload.unwrap_or_else(|| Hash::of(serde_json::to_string(&batch).unwrap().as_bytes()));
    Submission { client: made::client(who), user: made::user(who), batch, payload, skew }
}
