//! A server and the replicas of people who meet there, each of whom comes and goes.

use super::replica::{drain, replica};
use super::*;
use crate::change::PublishedDecision;
use crate::clock::Millis;
use crate::review::Conflict;

/// People at one review, each with a replica of their own, numbered from 1.
pub(super) struct People {
    pub(super) server: Server,
    pub(super) now: Millis,
    replicas: Vec<Replica>,
    online: Vec<bool>,
    events: Vec<Vec<Event>>,
    log: Vec<EncodedEntry>,
}

impl People {
    pub(super) fn new(count: usize) -> People {
        let mut server = Server::new();
        (3..=count as u128).for_each(|n| server.sequencer.client_opened(client(n), None));
        let replicas = (1..=count as u128).map(replica).collect();
        let events = vec![Vec::new(); count];
        People { server, now: 10_000, replicas, online: vec![true; count], events, log: vec![created().0] }
    }

    pub(super) fn of(&mut self, who: usize) -> &mut Replica {
        &mut self.replicas[who - 1]
    }

    /// What they were told since they were last asked.
    pub(super) fn told(&mut self, who: usize) -> Vec<Event> {
        std::mem::take(&mut self.events[who - 1])
    }

    pub(super) fn leave(&mut self, who: usize) {
        self.online[who - 1] = false;
        self.of(who).offline();
    }

    /// Their batch arrives, and the connection goes before they hear of it.
    pub(super) fn leave_after_sending(&mut self, who: usize) {
        self.online[who - 1] = false;
        self.send_only(who);
        self.of(who).offline();
    }

    /// Only what they have typed goes out, and only the others hear of it at once.
    pub(super) fn send_only(&mut self, who: usize) {
        let now = self.now;
        self.of(who).flush(now);
        let (sent, told) = drain(self.of(who), now);
        self.events[who - 1].extend(told);
        sent.into_iter().for_each(|frozen| self.submit(who - 1, frozen));
    }

    /// Comes back and is told entry by entry what happened.
    pub(super) fn come_back(&mut self, who: usize) {
        let now = self.now;
        let replica = &mut self.replicas[who - 1];
        let have = replica.opening().have.unwrap();
        let last = self.server.sequencer.last_answer(client(who as u128)).cloned();
        let head = self.server.sequencer.head();
        replica.opened(now, Opened { last, ..opened(head) }).unwrap();
        for entry in &self.log[have.version as usize..] {
            replica.receive(now, entry).unwrap();
        }
        assert!(replica.is_online());
        self.online[who - 1] = true;
    }

    /// Comes back and is told in steps.
    pub(super) fn step_back(&mut self, who: usize) {
        let now = self.now;
        let replica = &mut self.replicas[who - 1];
        let open = replica.opening();
        let comments = open.in_flight.iter().flat_map(|batch| batch.comments.clone()).collect::<Vec<_>>();
        let mut steps = CatchUp::new(comments);
        for entry in &self.log[open.have.unwrap().version as usize..] {
            steps.push(&entry.decode().unwrap());
        }
        let last = self.server.sequencer.last_answer(client(who as u128)).cloned();
        let (head, digest) = (self.server.sequencer.head(), self.server.sequencer.committed().digest());
        let (steps, digest) = (steps.finish(), Some(digest));
        replica.opened(now, Opened { last, steps, digest, ..opened(head) }).unwrap();
        self.online[who - 1] = true;
    }

    /// Comes back and is told by the whole review, with what goes beside that.
    pub(super) fn leap_back(&mut self, who: usize) {
        let now = self.now;
        let replica = &mut self.replicas[who - 1];
        let open = replica.opening();
        let comments = open.in_flight.iter().flat_map(|batch| batch.comments.clone()).collect::<Vec<_>>();
        let mut steps = CatchUp::beside_snapshot(comments);
        for entry in &self.log[open.have.unwrap().version as usize..] {
            steps.push(&entry.decode().unwrap());
        }
        let last = self.server.sequencer.last_answer(client(who as u128)).cloned();
        let whole = opened_whole(self.server.sequencer.committed().clone(), self.server.sequencer.head());
        replica.opened(now, Opened { last, steps: steps.finish(), ..whole }).unwrap();
        self.online[who - 1] = true;
    }

    /// What everybody online has typed freezes at the same moment: none of it has seen the others'.
    pub(super) fn send(&mut self) {
        let mut sent = Vec::new();
        for who in 0..self.replicas.len() {
            if self.online[who] {
                self.replicas[who].flush(self.now);
            }
            let (frozen, told) = drain(&mut self.replicas[who], self.now);
            self.events[who].extend(told);
            sent.extend(frozen.into_iter().map(|frozen| (who, frozen)));
        }
        sent.into_iter().for_each(|(who, frozen)| self.submit(who, frozen));
    }

    /// A batch of somebody's arrives; they are counted from 0 here.
    pub(super) fn submit(&mut self, who: usize, frozen: Frozen) {
        let batch = serde_json::from_str(&frozen.payload).unwrap();
        let n = who as u128 + 1;
        let payload = Hash::of(frozen.payload.as_bytes());
        let submission = Submission { client: client(n), user: user(n), batch, payload, skew: 0 };
        self.server.sequencer.submit(self.now, submission, Past::default());
        self.deliver();
        // One millisecond apart.
        self.now += 1;
    }

    /// Somebody has published drafts, on the first line, and a decision, having seen a version of the review.
    pub(super) fn publish(&mut self, who: u128, ids: &[u128], status: Option<Status>, seen: u64) {
        self.now += 1;
        let drafts = self.server.sequencer.committed().id.drafts_of(&user(who));
        let draft = |id: &u128| PublishedComment {
            comment: comment(*id),
            place: Place::Line(Anchor::head("x", 1)),
            text: "a draft".into(),
        };
        let decided = |value: Status| {
            let status = FieldWrite { patch_set: Some(1), ..FieldWrite::new(value.into(), seen) };
            PublishedDecision { status, note: None }
        };
        let publication = Publication {
            drafts,
            number: 1,
            author: user(who),
            comments: ids.iter().map(draft).collect(),
            decision: status.map(decided),
            seen: Some(seen),
            at: HlcTime { ms: 1, n: 0 },
            skew: 0,
            payload: Hash::default(),
        };
        self.server.sequencer.publish(self.now, Arc::new(publication));
        self.deliver();
        self.send();
    }

    /// Somebody has posted the next state of the code.
    pub(super) fn add_patch_set(&mut self, patch_set: NewPatchSet) {
        self.server.sequencer.add_patch_set(self.now, patch_set);
        self.deliver();
    }

    /// An entry by somebody's other client, who knows nothing of the rules of today.
    pub(super) fn overhear(&mut self, who: u128, facts: Vec<Fact>) {
        let head = self.server.sequencer.head();
        let (author, version, client) = (user(who), head.version + 1, client(90 + who));
        let entry =
            Entry { format: 1, version, author, client, seq: 1, at: self.now, facts, verdicts: vec![] };
        assert!(self.server.sequencer.overhear(EncodedEntry::new(&entry, head.hash)).unwrap());
        self.deliver();
    }

    fn deliver(&mut self) {
        let mut delivered = Vec::new();
        while let Some(effect) = self.server.sequencer.poll() {
            match effect {
                SequencerEffect::Append(_) => self.server.sequencer.appended().unwrap(),
                SequencerEffect::Deliver(entry) => delivered.push(entry),
                SequencerEffect::Answer(to, answer) => {
                    let who = (to.0.as_u128() - 1) as usize;
                    self.replicas[who].answered(self.now, answer).unwrap();
                }
                SequencerEffect::Refuse(_, _, refusal) => panic!("refused: {refusal:?}"),
                SequencerEffect::Publication(_, outcome) => {
                    assert_eq!(outcome, PublicationOutcome::Published);
                }
                SequencerEffect::PatchSet(_, outcome) => {
                    assert!(matches!(outcome, PatchSetOutcome::Added(_)), "{outcome:?}");
                }
            }
        }
        for (replica, _) in self.replicas.iter_mut().zip(&self.online).filter(|(_, online)| **online) {
            delivered.iter().for_each(|entry| replica.receive(self.now, entry).unwrap());
        }
        self.log.extend(delivered);
    }

    /// Until nobody online has anything left to say; then all of them are equal.
    pub(super) fn settle(&mut self) {
        for _ in 0..8 {
            self.send();
        }
        let committed = self.server.sequencer.committed();
        for (replica, _) in self.replicas.iter().zip(&self.online).filter(|(_, online)| **online) {
            assert_eq!(replica.unsynced().count, 0);
            assert_eq!(replica.confirmed(), committed);
            assert_eq!(replica.confirmed().digest(), committed.digest());
        }
    }

    /// What everybody sees as open: the same for all who are here.
    pub(super) fn open(&self) -> Vec<Conflict> {
        let mut views = self.replicas.iter().zip(&self.online).filter(|(_, online)| **online);
        let first = views.next().unwrap().0.conflicts();
        views.for_each(|(replica, _)| assert_eq!(replica.conflicts(), first));
        first
    }
}

/// The conflicts that somebody was told of, and those that ended.
pub(super) fn heard(events: &[Event]) -> (usize, usize) {
    let raised = events.iter().filter(|event| matches!(event, Event::Conflict(_))).count();
    let settled = events.iter().filter(|event| matches!(event, Event::ConflictSettled(_))).count();
    (raised, settled)
}
