//! An honest server and two clients that write at the same time, over connections that break; and somebody who
//! changes what one of the clients is told. The other one never notices. The first gets errors for an answer, loses
//! nothing that was typed, and agrees with everybody else as soon as it is told the truth again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use interline_core::change::Batch;
use interline_core::entry::{Answer, EncodedEntry, Entry, Hash, Head};
use interline_core::id::{ClientId, Seq};
use interline_core::limits::Limits;
use interline_core::sync::{
    Append, CatchUp, Frozen, Past, Refusal, ResyncReason, Sequencer, SequencerEffect, Settled, Submission,
};
use interline_core::wire::{self, EntryFrame, ErrorCode, Opened, ServerFrame};

use super::device::Device;
use super::made;
use super::meddling::{Message, meddle};
use super::raw::Raw;

/// The client that is told other things than the server says.
const VICTIM: usize = 0;
/// The most that happens: more says nothing new.
const STEPS: usize = 150;
/// More rounds than anybody needs to hear of everything.
const ENOUGH: usize = 300;

/// What happens, in bytes.
pub(crate) fn target(data: &[u8]) {
    let mut raw = Raw::new(data);
    let mut world = World::new();
    for _ in 0..STEPS {
        if raw.is_empty() {
            break;
        }
        world.step(&mut raw);
    }
    world.settle(&mut raw);
    world.check();
}

/// A client and its connection.
struct Peer {
    device: Device,
    up: VecDeque<(ClientId, Frozen)>,
    down: VecDeque<Message>,
    /// What it was told before.
    past: Vec<String>,
}

struct World {
    sequencer: Sequencer,
    log: Vec<EncodedEntry>,
    answers: BTreeMap<ClientId, Answer>,
    append: Option<Append>,
    peers: Vec<Peer>,
}

impl World {
    fn new() -> World {
        let (first, review, head) = made::created();
        let sequencer = Sequencer::new(review, head, made::patch_sets(), Limits::default());
        let (log, answers, append) = (vec![first], BTreeMap::new(), None);
        let peer = |who| Peer {
            device: Device::fresh(who, who != VICTIM),
            up: VecDeque::new(),
            down: VecDeque::new(),
            past: Vec::new(),
        };
        let mut world = World { sequencer, log, answers, append, peers: (0..2).map(peer).collect() };
        (0..2).for_each(|who| world.connect(who, 3));
        (0..2).for_each(|who| world.deliver_down(who));
        world
    }

    fn step(&mut self, raw: &mut Raw<'_>) {
        let who = raw.below(2);
        let peer = &mut self.peers[who];
        match raw.below(18) {
            0..6 => peer.device.act(raw),
            6..8 => self.deliver_down(who),
            8..10 => self.deliver_up(who, raw.below(8) == 0),
            10..12 => self.finish_append(raw.below(8) == 0),
            12 => self.disconnect(who),
            13 => self.connect(who, raw.below(4)),
            14 => peer.device.restart(),
            15 => peer.device.wait(1_000),
            16 => peer.device.decide(raw),
            _ => {
                let peer = &mut self.peers[VICTIM];
                meddle(raw, &mut peer.down, &peer.past);
            }
        }
        self.effects();
    }

    /// The next thing that the server said arrives.
    fn deliver_down(&mut self, who: usize) {
        let peer = &mut self.peers[who];
        let Some(Message { mut text, chained }) = peer.down.pop_front() else { return };
        if chained
            && let Ok(ServerFrame::Entry(EntryFrame { review, entry, .. })) = wire::decode_server(&text)
        {
            let hash = peer.device.replica.head().unwrap_or_default().hash.chain(entry.get().as_bytes());
            let frame = EncodedEntry { version: 0, hash, payload: entry.get().into() };
            text = wire::entry_frame(review, &frame);
        }
        peer.device.hear(&text);
        peer.past.push(text);
    }

    /// The next batch arrives at the server, at times twice.
    fn deliver_up(&mut self, who: usize, twice: bool) {
        let Some((client, frozen)) = self.peers[who].up.pop_front() else { return };
        let batch: Batch = serde_json::from_str(&frozen.payload).expect("what a replica sends is a batch");
        let payload = Hash::of(frozen.payload.as_bytes());
        if twice {
            self.peers[who].up.push_front((client, frozen));
        }
        let submission = Submission { client, user: made::user(who), batch, payload, skew: 0 };
        assert_eq!(self.sequencer.missing_history(&submission.batch), None);
        self.sequencer.submit(made::NOW, submission, Past::default());
    }

    fn finish_append(&mut self, fails: bool) {
        let Some(append) = self.append.take() else { return };
        if fails {
            return self.sequencer.failed();
        }
        for record in append.records {
            self.log.extend(record.entry);
            self.answers.insert(record.client, record.answer);
        }
        self.sequencer.appended().expect("the log goes on");
    }

    fn disconnect(&mut self, who: usize) {
        let peer = &mut self.peers[who];
        peer.device.offline();
        (peer.up, peer.down) = (VecDeque::new(), VecDeque::new());
    }

    /// A client opens the review over a new connection and is told what it missed: in entries, in steps, as a
    /// snapshot with steps, or as one alone.
    fn connect(&mut self, who: usize, how: usize) {
        self.disconnect(who);
        let asked = self.peers[who].device.replica.opening();
        let head = self.sequencer.head();
        let link = |version: u64| match version.checked_sub(1) {
            Some(at) => self.log.get(at as usize).filter(|_| version <= head.version).map(|e| e.hash),
            None => Some(Hash::default()),
        };
        if asked.have.is_some_and(|have| link(have.version) != Some(have.hash)) {
            // What is there is not from here.
            self.peers[who].device.renew(ResyncReason::HistoryLost);
            return self.connect(who, how);
        }
        let held = asked.known.iter().filter(|known| link(known.version) == Some(known.hash));
        let held = held.map(|known| known.version).max();
        let client = self.peers[who].device.replica.client();
        self.sequencer.client_opened(client, self.answers.get(&client).cloned());
        let touched = asked.in_flight.iter().flat_map(|batch| batch.comments.iter().copied());
        let mut opened = Opened { held, ..made::opened(head) };
        match asked.have.filter(|_| how < 3) {
            None => self.settle_flight(client, asked.in_flight.map(|batch| batch.seq)),
            Some(Head { version, .. }) => {
                let missed = self.decoded(version, head.version);
                let mut steps = match how {
                    2 => CatchUp::beside_snapshot(touched),
                    _ => CatchUp::new(touched),
                };
                missed.iter().for_each(|entry| steps.push(entry));
                opened.steps = steps.finish().filter(|_| how > 0);
            }
        }
        if how >= 2 || asked.have.is_none() {
            opened.head = self.sequencer.head();
            opened.snapshot = Some(self.sequencer.committed().clone());
        }
        opened.last = self.answers.get(&client).cloned();
        let entries = opened.snapshot.is_none() && opened.steps.is_none();
        opened.digest = (!entries).then(|| self.sequencer.committed().digest());
        let peer = &mut self.peers[who];
        peer.device.open = true;
        peer.tell(&ServerFrame::Opened(Box::new(opened)));
        if let Some(have) = asked.have.filter(|_| entries) {
            let missed = &self.log[have.version as usize..head.version as usize];
            missed.iter().for_each(|entry| peer.tell_entry(entry));
        }
    }

    fn decoded(&self, after: u64, to: u64) -> Vec<Entry> {
        let entries = &self.log[after as usize..to as usize];
        entries.iter().map(|entry| entry.decode().expect("it was written here")).collect()
    }

    /// What is in flight gets its final answer before anything of it is said under another seq.
    fn settle_flight(&mut self, client: ClientId, seq: Option<Seq>) {
        let Some(seq) = seq else { return };
        while self.sequencer.settle_seq(client, seq) == Settled::Pending {
            self.effects();
            self.finish_append(false);
        }
        self.effects();
    }

    /// Carries out what the server orders, and puts on its way what clients send.
    fn effects(&mut self) {
        while let Some(effect) = self.sequencer.poll() {
            match effect {
                SequencerEffect::Append(append) => {
                    assert!(self.append.replace(append).is_none(), "one append at a time");
                }
                SequencerEffect::Deliver(entry) => {
                    assert!(entry.version as usize <= self.log.len(), "told before it was durable");
                    let open = self.peers.iter_mut().filter(|peer| peer.device.open);
                    open.for_each(|peer| peer.tell_entry(&entry));
                }
                SequencerEffect::Answer(client, answer) => {
                    let review = made::review_id();
                    self.tell(client, &ServerFrame::Answer { review, answer });
                }
                SequencerEffect::PatchSet(..) | SequencerEffect::Publication(..) => {
                    unreachable!("nobody adds one")
                }
                SequencerEffect::Refuse(client, seq, refusal) => self.refuse(client, seq, refusal),
            }
        }
        for peer in &mut self.peers {
            let client = peer.device.replica.client();
            let sent = std::mem::take(&mut peer.device.sent).into_iter();
            peer.up.extend(sent.filter(|_| peer.device.open).map(|frozen| (client, frozen)));
        }
    }

    fn refuse(&mut self, client: ClientId, seq: Seq, refusal: Refusal) {
        let code = match refusal {
            Refusal::StoreFailed | Refusal::Busy => ErrorCode::StoreFailed,
            Refusal::SeqReused => ErrorCode::SeqReused,
            Refusal::SeqGap => ErrorCode::SeqGap,
            Refusal::BadBase => ErrorCode::BadBase,
            Refusal::NotOpen => ErrorCode::NotOpen,
            Refusal::BadBatch | Refusal::Internal => panic!("{refusal:?}"),
        };
        let (review, message, retry_after_ms) = (made::review_id(), "no".into(), None);
        let retryable = code.retryable();
        let refused = wire::Refused { review, seq, code, message, retryable, retry_after_ms };
        self.tell(client, &ServerFrame::Refused(refused));
    }

    fn tell(&mut self, client: ClientId, frame: &ServerFrame) {
        let of = |peer: &&mut Peer| peer.device.open && peer.device.replica.client() == client;
        self.peers.iter_mut().filter(of).for_each(|peer| peer.tell(frame));
    }

    /// From here on everything arrives as it was said, and everybody gets to know everything.
    fn settle(&mut self, raw: &mut Raw<'_>) {
        self.connect(VICTIM, 3);
        self.connect(1, raw.below(4));
        for round in 0..ENOUGH {
            for who in 0..self.peers.len() {
                if !self.peers[who].device.open || round % 50 == 49 {
                    self.connect(who, 3);
                }
                while !self.peers[who].down.is_empty() {
                    self.deliver_down(who);
                }
                self.effects();
                while !self.peers[who].up.is_empty() {
                    self.deliver_up(who, false);
                }
                self.effects();
                self.peers[who].device.wait(10_000);
                self.effects();
            }
            self.finish_append(false);
            self.effects();
            if self.append.is_none() && self.peers.iter().all(Peer::rests) {
                return;
            }
        }
        panic!("they never come to rest");
    }

    fn check(&mut self) {
        let truth = self.sequencer.committed();
        let mut seen = BTreeSet::new();
        for entry in self.decoded(0, self.log.len() as u64) {
            assert!(seen.insert((entry.client, entry.seq)), "a batch was taken twice");
        }
        for peer in &self.peers {
            assert_eq!(peer.device.replica.confirmed(), truth, "replicas agree");
            for id in truth.comments.keys() {
                assert_eq!(peer.device.replica.comment(*id).as_ref(), truth.comments.get(id));
            }
        }
        self.peers.iter_mut().for_each(|peer| peer.device.look());
    }
}

impl Peer {
    fn tell(&mut self, frame: &ServerFrame) {
        self.down.push_back(Message { text: wire::encode(frame), chained: false });
    }

    fn tell_entry(&mut self, entry: &EncodedEntry) {
        let text = wire::entry_frame(made::review_id(), entry);
        self.down.push_back(Message { text, chained: false });
    }

    fn rests(&self) -> bool {
        let replica = &self.device.replica;
        self.up.is_empty() && self.down.is_empty() && replica.is_online() && replica.unsynced().count == 0
    }
}
