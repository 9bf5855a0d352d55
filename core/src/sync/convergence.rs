//! Several replicas and one sequencer under random interleavings always end at the same review.
//!
//! `INTERLINE_CASES` sets how many cases run, `INTERLINE_SEED` the first seed; a failing case names its seed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use fastrand::Rng;
use uuid::Uuid;

use super::*;
use crate::change::{Batch, Entity};
use crate::diff::PatchSet;
use crate::entry::{Answer, AnswerResult, EncodedEntry, Entry, Fact, Hash, Head};
use crate::id::{ClientId, CommentId, ReviewId, UserId};
use crate::limits::Limits;
use crate::review::{Anchor, FieldValue, PatchSets, Place, Review, Status};
use crate::text::{Text, generate};
use crate::wire::{ErrorCode, Opened};

const DIFF: &[u8] = b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n";

/// What travels from the server to a client.
#[derive(Clone)]
enum Down {
    Opened(Box<Opened>),
    Entry(EncodedEntry),
    Answer(Answer),
    Refused(u64, ErrorCode),
}

/// A client: its replica, what is on the wire both ways, and editors that know only what events told them.
struct Peer {
    replica: Replica,
    up: VecDeque<Frozen>,
    down: VecDeque<Down>,
    connected: bool,
    /// The seq that has to be settled before the review can be opened.
    settling: Option<u64>,
    editors: BTreeMap<CommentId, Text>,
}

impl Peer {
    fn compare(&self) {
        for (id, editor) in &self.editors {
            if let Some(shown) = self.replica.comment(*id) {
                assert_eq!(editor, &shown.text, "an editor shows what its replica has");
            }
        }
    }

    /// Whether the server sends it what comes.
    fn is_open(&self) -> bool {
        self.connected && self.settling.is_none()
    }
}

pub(super) struct Cluster {
    rng: Rng,
    now: u64,
    next_id: u128,
    sequencer: Sequencer,
    log: Vec<EncodedEntry>,
    append: Option<Append>,
    answers: BTreeMap<ClientId, Answer>,
    peers: Vec<Peer>,
    /// How often the store refuses, in percent.
    failures: u8,
}

impl Cluster {
    pub(super) fn new(seed: u64, peers: usize) -> Cluster {
        let review = ReviewId(Uuid::from_u128(1));
        let (first, state, head) = created(review);
        let mut patch_sets = PatchSets::default();
        patch_sets.insert(1, Arc::new(PatchSet::parse(DIFF).unwrap()));
        let peers = (0..peers as u128).map(|n| {
            let user = UserId::new(format!("user{n}")).unwrap();
            let mut replica = Replica::new(ClientId(Uuid::from_u128(100 + n)), user, review, 50);
            replica.opened(0, opened(&state, head)).unwrap();
            replica.offline();
            Peer {
                replica,
                up: VecDeque::new(),
                down: VecDeque::new(),
                connected: false,
                settling: None,
                editors: BTreeMap::new(),
            }
        });
        let peers = peers.collect();
        Cluster {
            rng: Rng::with_seed(seed),
            now: 1_000,
            next_id: 1_000,
            sequencer: Sequencer::new(state.clone(), head, patch_sets, Limits::default()),
            log: vec![first],
            append: None,
            answers: BTreeMap::new(),
            peers,
            failures: 5,
        }
    }

    fn step(&mut self) {
        let who = self.rng.usize(..self.peers.len());
        self.now += self.rng.u64(..40);
        match self.rng.u8(..100) {
            0..40 => self.edit(who),
            40..60 => self.deliver_down(who),
            60..80 => self.deliver_up(who),
            80..90 => self.finish_append(),
            90..94 => self.disconnect(who),
            _ => self.connect(who),
        }
        self.run_effects();
    }

    fn edit(&mut self, who: usize) {
        let Cluster { rng, now, peers, next_id, .. } = self;
        let replica = &mut peers[who].replica;
        let threads = replica.threads();
        let comments = threads.iter().flat_map(|thread| std::iter::once(&thread.root).chain(&thread.replies));
        let comments: Vec<_> = comments.map(|comment| (comment.id, comment.text.len())).collect();
        *next_id += 1;
        let fresh = CommentId(Uuid::from_u128(*next_id));
        let some = rng.choice(&comments).copied();
        let result = match (rng.u8(..20), some) {
            (0, _) | (_, None) => {
                let place = Place::Line(Anchor::head("x", rng.u32(1..=2)));
                replica.add_comment(*now, fresh, place, &generate::text(rng, 4))
            }
            (1, Some((id, _))) => {
                let value = rng.bool();
                replica.set_field(*now, Entity::Comment(id), "resolved", FieldValue::Flag(value))
            }
            (2, _) => {
                let status = [Status::Approved, Status::Pending, Status::ChangesRequested][rng.usize(..3)];
                match (rng.u8(..4), replica.conflicts().first().map(|conflict| conflict.id)) {
                    (0, _) => replica.decide(*now, status, None),
                    (1, _) => replica.set_field(*now, Entity::Review, "status", status.into()),
                    (2, Some(open)) => replica.settle(*now, open, Resolution::Merged),
                    (3, Some(open)) => replica.settle(*now, open, Resolution::Value(status.into())),
                    _ => {
                        let (add, remove) = (["a".to_owned()].into(), ["b".to_owned()].into());
                        let (add, remove) = if rng.bool() { (add, remove) } else { (remove, add) };
                        replica.change_set(*now, Entity::Review, "tags", add, remove)
                    }
                }
            }
            (3, Some((id, _))) => replica.remove_comment(*now, id),
            (4, Some((id, _))) => {
                let text = generate::text(rng, 3);
                replica.add_comment(*now, fresh, Place::Reply(id), &text)
            }
            (5, Some((id, _))) => {
                let text = generate::text(rng, 6);
                replica.set_text(*now, id, &text)
            }
            (6, Some((id, _))) => replica.undo(*now, id).map(drop),
            (7, Some((id, _))) => replica.redo(*now, id).map(drop),
            (_, Some((id, len))) => {
                let op = generate::op(rng, len);
                replica.edit_text(*now, id, op)
            }
        };
        // What cannot be done here (a reply to a reply, a removed comment) is refused and changes nothing.
        let _ = result;
    }

    fn deliver_down(&mut self, who: usize) {
        let now = self.now;
        let peer = &mut self.peers[who];
        match peer.down.pop_front() {
            Some(Down::Opened(opened)) => peer.replica.opened(now, *opened).expect("it opens"),
            Some(Down::Entry(entry)) => peer.replica.receive(now, &entry).expect("the stream has no gaps"),
            Some(Down::Answer(answer)) => peer.replica.answered(now, answer).unwrap(),
            Some(Down::Refused(seq, code)) => {
                peer.replica.refused(now, seq, code, true, Some(10)).expect("it may come again");
            }
            None => {}
        }
    }

    fn deliver_up(&mut self, who: usize) {
        let peer = &mut self.peers[who];
        let Some(frozen) = peer.up.pop_front() else { return };
        // The network may show a batch twice.
        if self.rng.u8(..10) == 0 {
            peer.up.push_front(frozen.clone());
        }
        let batch: Batch = serde_json::from_str(&frozen.payload).unwrap();
        let submission = Submission {
            client: peer.replica.client(),
            user: peer.replica.user().clone(),
            batch,
            payload: Hash::of(frozen.payload.as_bytes()),
            skew: 0,
        };
        self.sequencer.submit(self.now, submission, Past::default());
    }

    fn finish_append(&mut self) {
        let Some(append) = self.append.take() else { return };
        if self.rng.u8(..100) < self.failures {
            return self.sequencer.failed();
        }
        assert_eq!(
            append.expected.version,
            self.log.len() as u64,
            "one append at a time, where the log ends"
        );
        self.log.extend(append.records.iter().filter_map(|record| record.entry.clone()));
        self.answers.extend(append.records.into_iter().map(|record| (record.client, record.answer)));
        self.sequencer.appended().unwrap();
    }

    fn disconnect(&mut self, who: usize) {
        let peer = &mut self.peers[who];
        (peer.connected, peer.settling) = (false, None);
        (peer.up, peer.down) = (VecDeque::new(), VecDeque::new());
        peer.replica.offline();
    }

    fn connect(&mut self, who: usize) {
        let peer = &mut self.peers[who];
        if std::mem::replace(&mut peer.connected, true) {
            return;
        }
        let asked = peer.replica.opening();
        let client = peer.replica.client();
        self.sequencer.client_opened(client, self.answers.get(&client).cloned());
        let have = asked.have.expect("it is loaded").version;
        let touched = asked.in_flight.iter().flat_map(|batch| batch.comments.iter().copied());
        let head = self.sequencer.head();
        let truth = self.sequencer.committed().clone();
        let mut open = Opened { snapshot: None, ..opened(&truth, head) };
        let behind: Vec<_> =
            self.log[have as usize..head.version as usize].iter().map(|e| e.decode().unwrap()).collect();
        match self.rng.u8(..4) {
            0 => {}
            1 => {
                let mut steps = CatchUp::new(touched);
                behind.iter().for_each(|entry| steps.push(entry));
                open.steps = steps.finish();
            }
            2 => {
                let mut steps = CatchUp::beside_snapshot(touched);
                behind.iter().for_each(|entry| steps.push(entry));
                (open.steps, open.snapshot) = (steps.finish(), Some(truth));
            }
            _ => {
                peer.settling = Some(asked.in_flight.as_ref().map_or(0, |batch| batch.seq));
                return self.settle_peer(who);
            }
        }
        open.last = self.answers.get(&client).cloned();
        let entries = open.snapshot.is_none() && open.steps.is_none();
        self.peers[who].down.push_back(Down::Opened(Box::new(open)));
        if entries {
            let missed = &self.log[have as usize..head.version as usize];
            self.peers[who].down.extend(missed.iter().cloned().map(Down::Entry));
        }
    }

    /// Opens the review for a peer whose batch in flight, if any, has its final answer.
    fn settle_peer(&mut self, who: usize) {
        let Some(seq) = self.peers[who].settling else { return };
        let client = self.peers[who].replica.client();
        if seq > 0 {
            match self.sequencer.settle_seq(client, seq) {
                Settled::Pending => return,
                Settled::Answer(answer) => assert_eq!(Some(&answer), self.answers.get(&client)),
                Settled::OutOfTurn => panic!("clients take their turns"),
            }
        }
        let (head, truth) = (self.sequencer.head(), self.sequencer.committed());
        let last = self.answers.get(&client).cloned();
        let peer = &mut self.peers[who];
        peer.settling = None;
        peer.down.push_back(Down::Opened(Box::new(Opened { last, ..opened(truth, head) })));
    }

    fn run_effects(&mut self) {
        self.deliver();
        (0..self.peers.len()).for_each(|who| self.settle_peer(who));
        self.deliver();
        self.replicas();
    }

    fn deliver(&mut self) {
        while let Some(effect) = self.sequencer.poll() {
            let entry = match effect {
                SequencerEffect::Deliver(entry) => entry,
                SequencerEffect::Append(append) => {
                    assert!(self.append.replace(append).is_none(), "one append at a time");
                    continue;
                }
                SequencerEffect::PatchSet(..) | SequencerEffect::Publication(..) => {
                    unreachable!("nobody adds one")
                }
                SequencerEffect::Answer(client, answer) => {
                    self.tell(client, Down::Answer(answer));
                    continue;
                }
                SequencerEffect::Refuse(client, seq, refusal) => {
                    match refusal {
                        Refusal::StoreFailed | Refusal::Busy => {
                            self.tell(client, Down::Refused(seq, ErrorCode::StoreFailed));
                        }
                        // A batch that came twice may be void the second time.
                        Refusal::SeqReused => {
                            let last = &self.answers[&client];
                            assert!(last.result == AnswerResult::Void || last.seq > seq, "{last:?}");
                        }
                        other => panic!("well-behaved clients are refused nothing else: {other:?}"),
                    }
                    continue;
                }
            };
            assert!((entry.version as usize) <= self.log.len(), "delivered before it was durable");
            for peer in self.peers.iter_mut().filter(|peer| peer.is_open()) {
                peer.down.push_back(Down::Entry(entry.clone()));
            }
        }
    }

    fn replicas(&mut self) {
        let now = self.now;
        for peer in &mut self.peers {
            peer.replica.tick(now);
            let mut moved = false;
            while let Some(effect) = peer.replica.poll() {
                moved = true;
                match effect {
                    ReplicaEffect::Save { generation, .. } => peer.replica.saved(now, generation),
                    ReplicaEffect::Send(frozen) => peer.up.push_back(frozen),
                    ReplicaEffect::Event(Event::TextEdited { comment, op, .. }) => {
                        let editor =
                            peer.editors.get_mut(&comment).expect("an editor is open for each comment");
                        editor.apply(&op).expect("events fit what was shown before them");
                    }
                    ReplicaEffect::Event(Event::CommentAdded { comment, .. }) => {
                        // Events are told right after the change, so this is the text it came with, unless
                        // more happened in the same step: entries come one a step, edits too.
                        let shown = peer.replica.comment(comment).expect("it was added");
                        peer.editors.insert(comment, shown.text);
                    }
                    ReplicaEffect::Event(Event::Loaded) => {
                        let all = peer.replica.confirmed().comments.keys().chain(peer.editors.keys());
                        let all: Vec<_> = all.copied().collect();
                        let shown = |id| peer.replica.comment(id).map(|shown| (id, shown.text));
                        peer.editors = all.into_iter().filter_map(shown).collect();
                    }
                    ReplicaEffect::Event(Event::CommentRemoved {
                        comment, origin: Origin::Rollback, ..
                    }) => {
                        peer.editors.remove(&comment);
                    }
                    ReplicaEffect::Event(Event::Stuck(code)) => panic!("stuck: {code:?}"),
                    ReplicaEffect::Event(_) => {}
                }
            }
            // Most replicas have nothing to do in most steps. What differs then still does at the next look.
            if moved {
                peer.compare();
            }
        }
    }

    fn tell(&mut self, client: ClientId, down: Down) {
        let peers = self.peers.iter_mut().filter(|peer| peer.is_open());
        peers
            .filter(|peer| peer.replica.client() == client)
            .for_each(|peer| peer.down.push_back(down.clone()));
    }

    /// Lets everything arrive.
    fn settle(&mut self) {
        self.failures = 0;
        (0..self.peers.len()).for_each(|who| self.connect(who));
        for _ in 0..10_000 {
            self.now += 10_000;
            self.run_effects();
            let busy = self.peers.iter().any(|peer| !peer.up.is_empty() || !peer.down.is_empty());
            if !busy
                && self.append.is_none()
                && self.peers.iter().all(|peer| peer.replica.unsynced().count == 0)
            {
                return;
            }
            for who in 0..self.peers.len() {
                self.deliver_down(who);
                self.run_effects();
                self.deliver_up(who);
            }
            self.run_effects();
            self.finish_append();
        }
        panic!("never came to rest");
    }

    fn check(&self) {
        let truth = self.sequencer.committed();
        let mut fold = Review::new(truth.id);
        let mut seen = BTreeMap::new();
        let mut head = Head::default();
        for encoded in &self.log {
            let entry = encoded.decode().unwrap();
            head = Head { version: encoded.version, hash: head.hash.chain(encoded.payload.as_bytes()) };
            assert_eq!(head.hash, encoded.hash);
            fold.apply(&entry).unwrap();
            assert!(seen.insert((entry.client, entry.seq), ()).is_none(), "a batch was applied twice");
        }
        assert_eq!(&fold, truth, "the review is the fold of its log");
        for peer in &self.peers {
            peer.compare();
            assert_eq!(peer.replica.confirmed(), truth, "replicas converge");
            for id in truth.comments.keys() {
                assert_eq!(peer.replica.comment(*id).as_ref(), truth.comments.get(id), "nothing is pending");
            }
            assert_eq!(peer.replica.threads(), self.peers[0].replica.threads(), "one order everywhere");
        }
    }
}

/// What a server says that opens a review with all of it.
fn opened(review: &Review, head: Head) -> Opened {
    Opened { snapshot: Some(review.clone()), digest: Some(review.digest()), ..Opened::new(review.id, head) }
}

fn created(review: ReviewId) -> (EncodedEntry, Review, Head) {
    let entry = Entry {
        format: crate::entry::ENTRY_FORMAT,
        version: 1,
        author: UserId::new("system").unwrap(),
        client: ClientId(Uuid::nil()),
        seq: 0,
        at: 1,
        facts: vec![
            Fact::ReviewCreated { title: "t".into(), status_policy: Default::default() },
            Fact::PatchSetAdded { number: 1, moves: vec![] },
        ],
        verdicts: Vec::new(),
    };
    let encoded = EncodedEntry::new(&entry, Hash::default());
    let mut state = Review::new(review);
    state.apply(&entry).unwrap();
    let head = Head { version: 1, hash: encoded.hash };
    (encoded, state, head)
}

fn number(name: &str, default: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "tests may be told how long to run")]
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn replicas_converge_under_random_interleavings() {
    let cases = number("INTERLINE_CASES", 10_000);
    let first = number("INTERLINE_SEED", 1);
    println!("{cases} cases from INTERLINE_SEED={first}");
    for seed in first..first + cases {
        let run = std::panic::catch_unwind(|| {
            let mut cluster = Cluster::new(seed, 2 + (seed % 3) as usize);
            let steps = 20 + cluster.rng.usize(..100);
            (0..steps).for_each(|_| cluster.step());
            cluster.settle();
            cluster.check();
        });
        if let Err(panic) = run {
            println!("replay with INTERLINE_SEED={seed} INTERLINE_CASES=1");
            std::panic::resume_unwind(panic);
        }
    }
}
