//! What happens: who there is, what they do, what breaks, and how it comes to rest.

use std::sync::Arc;

use fastrand::Rng;
use interline_core::change::Batch;
use interline_core::clock::Millis;
use interline_core::diff::PatchSet;
use interline_core::drafts::first_entry;
use interline_core::entry::{ENTRY_FORMAT, EncodedEntry, Entry, Fact, Hash};
use interline_core::id::{ClientId, ReviewId, UserId};
use interline_core::sync::{CatchUp, Past, Refusal, Replica, ResyncReason, Settled, Submission};
use interline_core::wire::{Open, Opened};
use uuid::Uuid;

use super::peer::{Deed, Down, Line, Peer, Up};
use super::server::{Say, Server};
use super::shelf::{Log, Shelves};
use super::{Left, Publishing};
use crate::failure::{Check, Failure};
use crate::serve::code;

const SERVERS: usize = 2;
/// Ann's two devices come first: their drafts, then what they have of the review. Then Bo, who has no drafts.
pub(super) const DEVICES: usize = 2;
pub(super) const BO: usize = 2 * DEVICES;
/// How long it takes to come to rest at most.
const ROUNDS: usize = 400;

/// Whose drafts they are.
pub(super) fn ann() -> UserId {
    UserId::new("ann").expect("a printable name")
}

pub(super) struct Life {
    pub(super) rng: Rng,
    pub(super) now: Millis,
    review: ReviewId,
    code: Arc<PatchSet>,
    store: Shelves,
    servers: Vec<Option<Server>>,
    pub(super) peers: Vec<Peer>,
    pub(super) ids: u128,
    pub(super) left: Left,
}

pub(super) type Done = Result<(), Failure>;

fn broken(what: impl Into<String>) -> Failure {
    Failure::new(Check::Stream, what)
}

impl Life {
    pub(super) fn new(mut rng: Rng) -> Result<Life, Failure> {
        let review = ReviewId(Uuid::from_u128(1));
        let code = PatchSet::parse(b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n");
        let code = Arc::new(code.map_err(|error| broken(error.to_string()))?);
        let id = |number: usize| ClientId(Uuid::from_u128(0x100 + number as u128));
        let slow: Vec<bool> = (0..=BO).map(|_| rng.u8(..3) == 0).collect();
        let peers = (0..=BO).map(|number| {
            let user = if number == BO { UserId::new("bo").expect("a printable name") } else { ann() };
            let (log, replica) = if number < DEVICES {
                (Log::Drafts, Replica::drafts(id(number), user.clone(), review, 50))
            } else {
                (Log::Review, Replica::new(id(number), user.clone(), review, 50))
            };
            Peer::new(log, user, replica, slow[number])
        });
        let mut life = Life {
            rng,
            now: 1_000_000,
            review,
            code,
            store: Shelves::new(created(), first_entry(review, &ann()).1),
            servers: Vec::new(),
            peers: peers.collect(),
            ids: 0x1_0000,
            left: Left::default(),
        };
        for _ in 0..SERVERS {
            life.servers.push(Some(life.started()?));
        }
        for peer in 0..life.peers.len() {
            life.connect(peer, peer % SERVERS)?;
        }
        life.calm(4)?;
        life.left.publisher = review.drafts_of(&ann()).publisher().to_string();
        Ok(life)
    }

    fn started(&self) -> Result<Server, Failure> {
        Server::start(&self.store, self.review, self.code.clone()).map_err(broken)
    }

    /// The next thing happens.
    pub(super) fn step(&mut self) -> Done {
        self.now += self.rng.u64(1..80);
        let (peer, server) = (self.rng.usize(..self.peers.len()), self.rng.usize(..SERVERS));
        let device = self.rng.usize(..DEVICES);
        match self.rng.u8(..60) {
            0..10 => self.write(device)?,
            10..16 => self.publish(device)?,
            16..19 => self.remark()?,
            19..22 => self.decide()?,
            22..25 => {
                self.peers[peer].replica.flush(self.now);
                self.drain(peer)?;
            }
            25..33 => self.up(peer)?,
            33..41 => self.down(peer)?,
            41..47 => self.commit(server)?,
            47 => {
                let (now, store) = (self.now, &self.store);
                if let Some(server) = self.servers[server].as_mut().filter(|server| server.waits()) {
                    self.left.faults += 1;
                    server.fail(now, store).map_err(broken)?;
                }
                self.said(server)?;
            }
            48 | 49 => self.crash(server)?,
            50 => self.cut(peer)?,
            51 | 52 => self.connect(peer, server)?,
            53 => self.restart(peer)?,
            54 => {
                self.peers[peer].saved(self.now);
                self.drain(peer)?;
            }
            55 => self.tail_check(server)?,
            56 if self.store.restores == 0 => self.store.back_up(),
            57 if self.rng.u8(..6) == 0 => self.set_back()?,
            _ => {
                let rounds = self.rng.usize(1..=3);
                self.calm(rounds)?;
            }
        }
        for peer in 0..self.peers.len() {
            self.peers[peer].replica.tick(self.now);
            self.drain(peer)?;
        }
        (0..DEVICES).try_for_each(|device| self.carry(device))
    }

    pub(super) fn drain(&mut self, peer: usize) -> Done {
        let now = self.now;
        self.peers[peer].drain(now).map_err(|what| broken(format!("peer {peer}: {what}")))
    }

    fn cut(&mut self, peer: usize) -> Done {
        if self.peers[peer].line.is_some() {
            self.left.faults += 1;
        }
        let now = self.now;
        self.peers[peer].cut(now).map_err(broken)
    }

    /// A device dies with all that is on it, and starts again.
    fn restart(&mut self, peer: usize) -> Done {
        self.left.faults += 1;
        if peer == BO {
            return self.restart_one(peer);
        }
        let device = peer % DEVICES;
        self.restart_one(device)?;
        self.restart_one(DEVICES + device)
    }

    fn restart_one(&mut self, peer: usize) -> Done {
        let now = self.now;
        if !self.peers[peer].restart(now).map_err(broken)? {
            // It had never saved anything: it begins again, by another id, for this one is used.
            self.ids += 1;
            let (id, user) = (ClientId(Uuid::from_u128(self.ids)), self.peers[peer].user.clone());
            self.peers[peer].replica = match self.peers[peer].log {
                Log::Drafts => Replica::drafts(id, user, self.review, 50),
                Log::Review => Replica::new(id, user, self.review, 50),
            };
        }
        self.drain(peer)
    }

    /// A server dies, before or after what it had under way was appended, and starts again.
    fn crash(&mut self, server: usize) -> Done {
        self.left.faults += 1;
        if let Some(dying) = self.servers[server].take()
            && self.rng.bool()
        {
            dying.die_after_appending(&mut self.store);
        }
        for peer in 0..self.peers.len() {
            if self.peers[peer].line.as_ref().is_some_and(|line| line.server == server) {
                self.cut(peer)?;
            }
        }
        self.servers[server] = Some(self.started()?);
        Ok(())
    }

    /// An operator sets the store back; all servers start anew.
    fn set_back(&mut self) -> Done {
        if !self.store.set_back() {
            return Ok(());
        }
        self.left.faults += 1;
        for server in 0..SERVERS {
            self.servers[server] = None;
        }
        for peer in 0..self.peers.len() {
            self.cut(peer)?;
        }
        for server in 0..SERVERS {
            self.servers[server] = Some(self.started()?);
        }
        Ok(())
    }

    /// Connects, if there is no connection: the drafts of a device once what the server has of the review is known.
    fn connect(&mut self, peer: usize, server: usize) -> Done {
        let waits = |review: &Peer| review.line.as_ref().is_some_and(|line| !line.answered);
        if self.peers[peer].line.is_some() || (peer < DEVICES && waits(&self.peers[DEVICES + peer])) {
            return Ok(());
        }
        let (now, epoch) = (self.now, self.store.restores);
        self.peers[peer].connect(now, server, epoch).map_err(broken)
    }

    fn tail_check(&mut self, server: usize) -> Done {
        for log in [Log::Review, Log::Drafts] {
            if let Some(running) = &mut self.servers[server] {
                running.tail_check(self.now, &self.store, log).map_err(broken)?;
            }
        }
        self.said(server)
    }

    fn commit(&mut self, server: usize) -> Done {
        if let Some(running) = &mut self.servers[server] {
            running.commit(self.now, &mut self.store).map_err(broken)?;
        }
        self.said(server)
    }

    /// What a server says goes to those it is for: of drafts, to nobody but their owner.
    fn said(&mut self, server: usize) -> Done {
        let Some(running) = &mut self.servers[server] else { return Ok(()) };
        for say in std::mem::take(&mut running.says) {
            let (log, to, down) = match say {
                Say::Entry(log, entry) => (log, None, Down::Entry(entry)),
                Say::Answer(log, client, answer) => (log, Some(client), Down::Answer(answer)),
                Say::Refuse(log, client, seq, refusal) => {
                    if refusal == Refusal::Internal {
                        return Err(Failure::new(Check::Refused, "what was planned could not be applied"));
                    }
                    (log, Some(client), Down::Refused(seq, code(refusal)))
                }
            };
            for peer in self.peers.iter_mut().filter(|peer| peer.log == log) {
                let Some(line) = peer.line.as_mut().filter(|line| line.server == server) else { continue };
                if line.joined.is_some_and(|id| to.is_none_or(|to| to == id)) {
                    line.down.push_back(down.clone());
                }
            }
        }
        Ok(())
    }

    /// A server takes the next frame of somebody's.
    fn up(&mut self, peer: usize) -> Done {
        let log = self.peers[peer].log;
        let Some(Line { server, up, joined, .. }) = &mut self.peers[peer].line else { return Ok(()) };
        let (server, joined) = (*server, *joined);
        let Some(frame) = up.pop_front() else { return Ok(()) };
        let (now, user) = (self.now, self.peers[peer].user.clone());
        match frame {
            Up::Open(open) => {
                if !self.open(peer, server, &open)?
                    && let Some(line) = &mut self.peers[peer].line
                {
                    line.up.push_front(Up::Open(open));
                }
            }
            Up::Submit(frozen) => {
                self.tail_check_for(server, log, frozen.base)?;
                let (Some(client), Some(running)) = (joined, &mut self.servers[server]) else {
                    return Ok(());
                };
                let batch: Batch =
                    serde_json::from_str(&frozen.payload).map_err(|error| broken(error.to_string()))?;
                let sequencer = running.of(log);
                let older = sequencer.missing_history(&batch);
                let older = older.map(|(after, to)| {
                    let behind = self.store.of(log).behind(after).iter();
                    behind.take_while(|entry| entry.version <= to).map(EncodedEntry::decode).collect()
                });
                let entries: Vec<Entry> =
                    older.transpose().map_err(|error| broken(error.to_string()))?.unwrap_or_default();
                let past = Past { entries, ..Past::default() };
                let payload = Hash::of(frozen.payload.as_bytes());
                sequencer.submit(now, Submission { client, user, batch, payload, skew: 0 }, past);
                running.run(now, &self.store).map_err(broken)?;
            }
        }
        self.said(server)
    }

    fn tail_check_for(&mut self, server: usize, log: Log, version: u64) -> Done {
        let behind = |running: &mut Server| running.of(log).head().version < version;
        if self.servers[server].as_mut().is_some_and(behind) { self.tail_check(server) } else { Ok(()) }
    }

    /// Opens a log for somebody; `false` while that has to wait.
    fn open(&mut self, peer: usize, server: usize, open: &Open) -> Result<bool, Failure> {
        let log = self.peers[peer].log;
        self.tail_check(server)?;
        let Some(running) = &mut self.servers[server] else { return Ok(false) };
        let client = open.client.ok_or_else(|| broken("nobody asks"))?;
        let (shelf, sequencer) = (self.store.of(log), running.of(log));
        if sequencer.head() != shelf.head() {
            // An append is under way: it will tell.
            return Ok(false);
        }
        let head = sequencer.head();
        sequencer.client_opened(client, shelf.last(client));
        let known = open.known.iter().filter(|known| shelf.holds(**known));
        let held = known.map(|known| known.version).max();
        let Some(line) = &mut self.peers[peer].line else { return Ok(true) };
        let id = sequencer.committed().id;
        let requested = open.review.clone();
        let mut opened = Opened { requested, held, ..Opened::new(id, head) };
        let mut entries = Vec::new();
        match open.have.filter(|have| have.version > 0) {
            Some(have) if !shelf.holds(have) => {
                line.down.push_back(Down::HistoryLost);
                return Ok(true);
            }
            Some(have) => {
                let behind = shelf.behind(have.version);
                if self.rng.bool() {
                    entries = behind.to_vec();
                } else {
                    let touched = open.in_flight.iter().flat_map(|batch| batch.comments.clone());
                    let mut steps = CatchUp::new(touched);
                    for entry in behind {
                        steps.push(&entry.decode().map_err(|error| broken(error.to_string()))?);
                    }
                    opened.steps = steps.finish();
                    opened.digest = Some(sequencer.committed().digest());
                }
                opened.last = shelf.last(client);
            }
            None => {
                if let Some(batch) = &open.in_flight
                    && sequencer.settle_seq(client, batch.seq) == Settled::Pending
                {
                    running.run(self.now, &self.store).map_err(broken)?;
                    return Ok(false);
                }
                opened.last = sequencer.last_answer(client).cloned();
                opened.snapshot = Some(sequencer.committed().clone());
            }
        }
        line.joined = Some(client);
        line.down.push_back(Down::Opened(serde_json::to_string(&opened).map_err(|e| broken(e.to_string()))?));
        line.down.extend(entries.into_iter().map(Down::Entry));
        Ok(true)
    }

    /// The next frame reaches somebody.
    fn down(&mut self, peer: usize) -> Done {
        let Some(line) = &mut self.peers[peer].line else { return Ok(()) };
        let (server, epoch) = (line.server, line.epoch);
        let Some(frame) = line.down.pop_front() else { return Ok(()) };
        let now = self.now;
        let (taken, shown) =
            self.peers[peer].receive(now, frame).map_err(|what| broken(format!("peer {peer}: {what}")))?;
        let log = self.peers[peer].log;
        if let Some(shown) = shown.filter(|_| epoch == self.store.restores)
            && !self.store.of(log).holds(shown)
        {
            let what = format!("peer {peer} was shown {log:?} {}, which is not durable", shown.version);
            return Err(Failure::new(Check::Durable, what));
        }
        let Err(reason) = taken else { return Ok(()) };
        let expected = match reason {
            ResyncReason::Gap => true,
            ResyncReason::HistoryLost => self.store.restores > 0,
            ResyncReason::Diverged | ResyncReason::Copied => false,
        };
        if !expected {
            return Err(broken(format!("peer {peer} opens again: {reason}")));
        }
        self.peers[peer].cut(now).map_err(broken)?;
        if reason == ResyncReason::HistoryLost {
            self.ids += 1;
            let fresh = ClientId(Uuid::from_u128(self.ids));
            self.peers[peer].replica.renew(now, fresh, reason);
            if (DEVICES..BO).contains(&peer) {
                let drafts = &mut self.peers[peer - DEVICES];
                if drafts.replica.review_went_back() {
                    drafts.cut(now).map_err(broken)?;
                }
                self.drain(peer - DEVICES)?;
            }
            self.drain(peer)?;
        }
        self.connect(peer, server)
    }

    /// For a while everything arrives, and what is to be appended is.
    fn calm(&mut self, rounds: usize) -> Done {
        for _ in 0..rounds {
            self.now += 30;
            for peer in 0..self.peers.len() {
                self.peers[peer].replica.tick(self.now);
                self.drain(peer)?;
                while self.peers[peer].line.as_ref().is_some_and(|line| !line.down.is_empty()) {
                    self.down(peer)?;
                }
                self.up(peer)?;
            }
            for server in 0..SERVERS {
                while self.servers[server].as_ref().is_some_and(Server::waits) {
                    self.commit(server)?;
                }
                self.tail_check(server)?;
            }
        }
        Ok(())
    }

    /// Everything heals and comes to rest; then everybody has what the two logs say.
    pub(super) fn rest(mut self) -> Result<Left, Failure> {
        for round in 0.. {
            for peer in 0..self.peers.len() {
                self.connect(peer, peer % SERVERS)?;
                self.peers[peer].saved(self.now);
                self.peers[peer].replica.flush(self.now);
                self.drain(peer)?;
            }
            self.now += 500;
            self.calm(2)?;
            (0..DEVICES).try_for_each(|device| self.carry(device))?;
            let late = |peer: &Peer| peer.replica.late().count();
            if self.peers.iter().all(|peer| peer.is_done() && late(peer) == 0) {
                break;
            }
            if round > ROUNDS {
                let waits: Vec<_> = self.peers.iter().map(|peer| (peer.is_done(), late(peer))).collect();
                return Err(Failure::new(Check::Rest, format!("it never comes to rest: {waits:?}")));
            }
        }
        for (number, peer) in self.peers.iter().enumerate() {
            let (shelf, log) = (self.store.of(peer.log), peer.log);
            let running = self.servers[number % SERVERS].as_mut();
            let committed = running.map(|running| running.of(log).committed().clone());
            if peer.replica.head() != Some(shelf.head())
                || committed.as_ref() != Some(peer.replica.confirmed())
            {
                let what = format!("peer {number} and its server differ about {log:?}");
                return Err(Failure::new(Check::Converged, what));
            }
        }
        let payloads =
            |log| self.store.of(log).log.iter().map(|entry| entry.payload.to_string()).collect::<Vec<_>>();
        let (review, drafts) = (payloads(Log::Review), payloads(Log::Drafts));
        let lost_review = self.store.lost_review.iter().map(|entry| entry.payload.to_string()).collect();
        let mut left = Left { review, drafts, lost: self.store.lost, lost_review, ..self.left };
        for peer in self.peers.iter().take(BO) {
            left.aside += &peer.aside();
        }
        for deed in self.peers.into_iter().take(DEVICES).flat_map(|peer| peer.deeds) {
            match deed {
                Deed::Typed(mark, draft) => left.typed.push((mark, draft)),
                Deed::Published { note, comments } => left.publications.push(Publishing { note, comments }),
            }
        }
        Ok(left)
    }
}

/// The first entry of the review's log.
fn created() -> EncodedEntry {
    let facts = vec![
        Fact::ReviewCreated { title: "t".into(), status_policy: Default::default() },
        Fact::PatchSetAdded { number: 1, moves: vec![] },
    ];
    let (author, client) = (UserId::new("system").expect("a printable name"), ClientId(Uuid::nil()));
    let entry = Entry {
        format: ENTRY_FORMAT,
        version: 1,
        author,
        client,
        seq: 0,
        at: 1,
        facts,
        verdicts: Vec::new(),
    };
    EncodedEntry::new(&entry, Hash::default())
}
