//! What servers do: carry out what their sequencers order, over the one store.

use interline_core::change::Batch;
use interline_core::entry::{Answer, EncodedEntry, Hash};
use interline_core::id::{ClientId, Version};
use interline_core::sync::{Append, Frozen, Past, Refusal, Sequencer, SequencerEffect, Submission};
use interline_core::wire::ErrorCode;

use super::failure::{Check, Failure};
use super::network::Down;
use super::patch_sets::learn;
use super::plan::{Fate, Landing};
use super::store::Store;
use super::world::{World, fail};

impl World {
    /// Starts a server that is down.
    pub(super) fn start(&mut self, n: usize) -> Result<(), Failure> {
        let started = self.nodes[n].start(&self.store, self.review, self.limits);
        started.map_err(|what| Failure::new(Check::Stream, format!("node {n} cannot load the log: {what}")))
    }

    /// A server dies, with every connection to it.
    pub(super) fn crash(&mut self, n: usize, landing: Landing) {
        if self.nodes[n].sequencer.is_none() {
            return;
        }
        self.record.fault();
        if let Some(append) = self.nodes[n].crash() {
            self.leave(append, landing);
        }
        for connection in self.connections.iter_mut().filter(|connection| connection.node == n) {
            connection.kick();
        }
    }

    /// An append happens, or does not, with nobody looking.
    fn leave(&mut self, append: Append, landing: Landing) {
        match landing {
            Landing::Never => {}
            Landing::Now => {
                let landed = self.store.append(&append);
                self.record.note(format_args!(
                    "an append behind {} lands unseen: {landed}",
                    append.expected.version
                ));
            }
            Landing::Later => self.store.forget(append),
        }
    }

    /// Appends that nobody waits for arrive.
    pub(super) fn land(&mut self) {
        let landed = self.store.land();
        self.record.note(format_args!("{landed} late appends land"));
    }

    /// One of them arrives, ahead of others that were sent before it.
    pub(super) fn land_one(&mut self, pick: usize) {
        if let Some(landed) = self.store.land_one(pick) {
            self.record.fault();
            self.record.note(format_args!("a late append lands: {landed}"));
        }
    }

    /// Whether a server's log reaches a version that a client speaks of. The client may have been at another
    /// server: then this one has to catch up first.
    pub(super) fn reaches(&mut self, n: usize, version: Version) -> Result<bool, Failure> {
        let reaches = |world: &World| world.nodes[n].head().is_none_or(|head| head.version >= version);
        if !reaches(self) {
            self.tail_check(n)?;
        }
        Ok(reaches(self))
    }

    /// Hands a batch to the sequencer, with the entries from the store that it asks for.
    pub(super) fn submit(&mut self, connection: usize, frozen: &Frozen) -> Result<(), Failure> {
        let from = &self.connections[connection];
        let (n, client) = (from.node, &self.clients[from.client]);
        // Before it has opened the review a connection is not listened to.
        let Some(skew) = from.opened.filter(|_| from.is_joined()) else { return Ok(()) };
        let id = from.id;
        let now = self.nodes[n].clock(self.now);
        let Some(sequencer) = &mut self.nodes[n].sequencer else { return Ok(()) };
        let batch: Batch = serde_json::from_str(&frozen.payload)
            .map_err(|error| Failure::new(Check::Refused, format!("a batch cannot be read: {error}")))?;
        let read = |(after, to)| self.store.entries(after, to);
        let past = sequencer.missing_past(&batch).map(read);
        let given_up = past == Some(None);
        let older = past.flatten().or_else(|| sequencer.missing_history(&batch).and_then(read));
        let entries: Result<Vec<_>, _> = older.unwrap_or_default().iter().map(EncodedEntry::decode).collect();
        let entries = entries.map_err(|error| Failure::new(Check::Stream, error.to_string()))?;
        let past = Past { entries, given_up, ..Past::default() };
        let payload = Hash::of(frozen.payload.as_bytes());
        let submission = Submission { client: id, user: client.user.clone(), batch, payload, skew };
        sequencer.submit(now, submission, past);
        self.run(n)
    }

    /// The store deals with a server's append.
    pub(super) fn commit(&mut self, n: usize, fate: Fate) -> Result<(), Failure> {
        if self.nodes[n].split {
            return Ok(());
        }
        let Some(append) = self.nodes[n].append.take() else { return Ok(()) };
        match fate {
            Fate::Done => return self.settle(n, &append),
            Fate::Failed => {
                self.record.fault();
                self.sequencer(n).failed();
            }
            Fate::Unknown(landing) => {
                self.record.fault();
                // Resolved by appending again, never by reading: the first may still land.
                self.leave(append.clone(), landing);
                self.nodes[n].append = Some(append);
                return Ok(());
            }
        }
        self.run(n)
    }

    fn settle(&mut self, n: usize, append: &Append) -> Result<(), Failure> {
        let done = self.store.append(append);
        let (version, records) = (append.expected.version, append.records.len());
        self.record.note(format_args!("node {n} appends {records} behind {version}: {done}"));
        if !done {
            return self.read_on(n, None);
        }
        let appended = self.sequencer(n).appended();
        appended.map_err(|error| Failure::new(Check::Stream, format!("node {n}: {error}")))?;
        for other in (0..self.nodes.len()).filter(|other| *other != n) {
            let node = &mut self.nodes[other];
            if node.sequencer.is_some() && !node.split {
                node.heard.extend(append.records.iter().filter_map(|record| record.entry.clone()));
            }
        }
        self.run(n)
    }

    /// A server looks whether the log has gone on. While it appends, the append will tell.
    pub(super) fn tail_check(&mut self, n: usize) -> Result<(), Failure> {
        let node = &self.nodes[n];
        let behind = node.head().is_some_and(|head| head.version < self.store.head().version);
        if node.split || node.append.is_some() || !behind {
            return Ok(());
        }
        self.read_on(n, None)
    }

    /// A server hears of an entry from another one, or does not; not always in order, nor only once.
    pub(super) fn hear(&mut self, n: usize, lost: bool, pick: usize, again: bool) -> Result<(), Failure> {
        let heard = &mut self.nodes[n].heard;
        let Some(entry) = heard.remove(pick % heard.len().max(1)) else { return Ok(()) };
        if again {
            heard.push_back(entry.clone());
        }
        if lost {
            self.record.fault();
            return Ok(());
        }
        let Some(head) = self.nodes[n].head() else { return Ok(()) };
        if self.nodes[n].append.is_some() || self.nodes[n].split || entry.version <= head.version {
            return Ok(());
        }
        let taken = self.sequencer(n).overhear(entry.clone());
        if taken.map_err(|error| Failure::new(Check::Stream, format!("node {n}: {error}")))? {
            return self.run(n);
        }
        let next = (entry.version == head.version + 1).then_some(entry);
        self.read_on(n, next)
    }

    /// The log has gone on without a server, and that is no entry that it can take as it hears it; or what it had
    /// under way is lost to it.
    fn read_on(&mut self, n: usize, next: Option<EncodedEntry>) -> Result<(), Failure> {
        if next.is_none() && self.nodes[n].head().is_some_and(|head| head.version < self.store.trimmed()) {
            // What it lacks is gone: it loads the review anew.
            self.record.note(format_args!("node {n} is behind what is kept"));
            self.crash(n, Landing::Never);
            return self.start(n);
        }
        let World { store, nodes, now, .. } = self;
        let now = nodes[n].clock(*now);
        let Some(sequencer) = &mut nodes[n].sequencer else { return Ok(()) };
        let (from, to) = (sequencer.head().version, store.head().version);
        let read =
            next.map_or_else(|| store.entries(from, to).unwrap_or_default().to_vec(), |entry| vec![entry]);
        let learned = learn(sequencer, store, &read);
        learned.map_err(|what| Failure::new(Check::Stream, format!("node {n}: {what}")))?;
        let answers = answers(store, sequencer);
        let lost = sequencer.lost(now, read, answers);
        lost.map_err(|error| Failure::new(Check::Stream, format!("node {n}: {error}")))?;
        self.run(n)
    }

    /// Carries out what a sequencer orders, and lets in whoever waited for that.
    pub(super) fn run(&mut self, n: usize) -> Result<(), Failure> {
        self.effects(n)?;
        self.join_all(n)
    }

    pub(super) fn effects(&mut self, n: usize) -> Result<(), Failure> {
        while let Some(effect) = self.nodes[n].sequencer.as_mut().and_then(Sequencer::poll) {
            match effect {
                SequencerEffect::Append(append) => {
                    if self.nodes[n].append.replace(append).is_some() {
                        return fail(Check::Order, format!("node {n} has two appends under way"));
                    }
                }
                SequencerEffect::Deliver(entry) => self.deliver(n, entry)?,
                SequencerEffect::Answer(client, answer) => self.answer(n, client, answer)?,
                SequencerEffect::PatchSet(number, outcome) => {
                    self.record.note(format_args!("node {n}: patch set {number} is {outcome:?}"));
                }
                SequencerEffect::Publication(..) => unreachable!("nobody publishes"),
                SequencerEffect::Refuse(client, seq, refusal) => {
                    self.record.note(format_args!("node {n} refuses {seq} of {client}: {refusal:?}"));
                    if refusal == Refusal::Internal {
                        return fail(Check::Refused, format!("node {n} could not apply what it had planned"));
                    }
                    self.tell(n, client, &Down::Refused(seq, code(refusal)));
                }
            }
        }
        Ok(())
    }

    fn deliver(&mut self, n: usize, entry: EncodedEntry) -> Result<(), Failure> {
        self.record.note(format_args!("node {n} delivers {}: {}", entry.version, entry.payload));
        if self.store.log().get(entry.version as usize - 1) != Some(&entry) {
            return fail(Check::Order, format!("node {n} delivers {} before it is durable", entry.version));
        }
        let there = self.connections.iter_mut();
        for connection in there.filter(|one| one.node == n && one.server_end && one.opened.is_some()) {
            match &mut connection.joining {
                Some(joining) => joining.queued.push(entry.clone()),
                None => connection.tell(Down::Entry(entry.clone())),
            }
        }
        Ok(())
    }

    fn answer(&mut self, n: usize, client: ClientId, answer: Answer) -> Result<(), Failure> {
        self.record.note(format_args!("node {n} answers {client}: {answer:?}"));
        if !self.store.written().iter().any(|(id, written)| *id == client && *written == answer) {
            return fail(
                Check::Order,
                format!("node {n} gives {client} an answer that is not durable: {answer:?}"),
            );
        }
        self.tell(n, client, &Down::Answer(answer));
        Ok(())
    }

    fn tell(&mut self, n: usize, client: ClientId, frame: &Down) {
        let there = self.connections.iter_mut().filter(|one| one.node == n && one.id == client);
        for connection in there.filter(|one| one.is_joined()) {
            connection.tell(frame.clone());
        }
    }

    pub(super) fn sequencer(&mut self, n: usize) -> &mut Sequencer {
        self.nodes[n].sequencer.as_mut().expect("only servers that run have anything to do")
    }
}

/// The store's last answers for the clients that a sequencer asks about.
fn answers(store: &Store, sequencer: &Sequencer) -> Vec<(ClientId, Option<Answer>)> {
    let clients = sequencer.known_clients().into_iter();
    clients.map(|client| (client, store.last_answer(client))).collect()
}

pub(super) fn code(refusal: Refusal) -> ErrorCode {
    match refusal {
        Refusal::NotOpen => ErrorCode::NotOpen,
        Refusal::SeqReused => ErrorCode::SeqReused,
        Refusal::SeqGap => ErrorCode::SeqGap,
        Refusal::BadBase => ErrorCode::BadBase,
        Refusal::BadBatch => ErrorCode::BadBatch,
        Refusal::StoreFailed => ErrorCode::StoreFailed,
        Refusal::Internal => ErrorCode::Internal,
        Refusal::Busy => ErrorCode::Overloaded,
    }
}
