//! How the small server opens a review, and what it knows of the past.

use interline::{ClientId, CommentHistory, SessionId, User, Version};
use interline_core::entry::{Answer, AnswerResult, EncodedEntry, Entry, Fact, Hash, Head};
use interline_core::limits::Limits;
use interline_core::presence::Presence;
use interline_core::review::Review;
use interline_core::sync::{Append, CatchUp, Past, Sequencer, SequencerEffect, Settled};
use interline_core::wire::{self, ErrorCode, ErrorFrame, HistoryRequest, Opened, ServerFrame};

use super::{Catch, Room, World};

impl Room {
    pub(super) fn appended(&mut self, append: Append) {
        for record in append.records {
            let version = record.entry.map_or(self.log.len() as Version, |entry| entry.version);
            self.answers.push((version, record.client, record.answer));
        }
        self.sequencer.appended().unwrap();
    }

    pub(super) fn last(&self, client: ClientId) -> Option<Answer> {
        self.answers.iter().rev().find(|(_, of, _)| *of == client).map(|(.., answer)| answer.clone())
    }

    fn has(&self, head: &Head) -> bool {
        let there = (head.version as usize).checked_sub(1).and_then(|at| self.log.get(at));
        there.is_some_and(|there| there.hash == head.hash)
    }

    /// The log ends here again, as after a restored backup.
    fn lose(&mut self, from: Version) {
        self.log.truncate(from as usize);
        self.answers.retain(|(version, ..)| *version <= from);
        self.begin(self.sequencer.committed().id);
    }

    /// The sequencer continues the log.
    fn begin(&mut self, id: interline::ReviewId) {
        let mut review = Review::new(id);
        self.log.iter().for_each(|entry| review.apply(&entry.decode().unwrap()).unwrap());
        let last = self.log.last().unwrap();
        let head = Head { version: last.version, hash: last.hash };
        self.sequencer = Sequencer::new(review, head, self.code.clone(), Limits::default());
    }

    fn steps(&self, after: Version, mut steps: CatchUp) -> Option<Vec<interline_core::entry::Step>> {
        self.log[after as usize..].iter().for_each(|entry| steps.push(&entry.decode().unwrap()));
        steps.finish()
    }

    /// One page of it: two edits at most.
    pub(super) fn history(&self, asked: &HistoryRequest) -> Option<CommentHistory> {
        let mut all: Option<CommentHistory> = None;
        for entry in self.log.iter().map(|entry| entry.decode().unwrap()) {
            match &mut all {
                Some(all) => all.push(&entry),
                None => all = CommentHistory::begun_by(&entry, asked.comment),
            }
        }
        let mut all = all?;
        all.edits.retain(|edit| edit.version > asked.after);
        if all.edits.len() > 2 {
            all.edits.truncate(2);
            (all.to, all.complete) = (all.edits[1].version, false);
        }
        Some(all)
    }
}

/// The same entry with a wrong checksum, rightly hashed; none of an entry that edits no text.
pub(super) fn miscounted(entry: &EncodedEntry, log: &[EncodedEntry]) -> Option<EncodedEntry> {
    let mut wrong: Entry = entry.decode().unwrap();
    let edit = wrong.facts.iter_mut().find_map(|fact| match fact {
        Fact::TextEdited { checksum, .. } => Some(checksum),
        _ => None,
    });
    *edit? ^= 1;
    let before = log.get((entry.version - 2) as usize).map_or(Hash::default(), |before| before.hash);
    Some(EncodedEntry::new(&wrong, before))
}

impl World {
    /// The store loses everything behind a version.
    pub fn lose(&mut self, key: &str, from: Version) {
        let id = self.keys[key];
        self.rooms.get_mut(&id).unwrap().lose(from);
    }

    /// The store has never heard of a review, as after a restored backup that is older.
    pub fn forget(&mut self, key: &str) {
        let Some(id) = self.keys.remove(key) else { return };
        if let Some(room) = self.rooms.remove(&id) {
            self.forgotten.insert(key.to_owned(), (id, room));
        }
    }

    /// The store has it again, as it was.
    pub fn remember(&mut self, key: &str) {
        let Some((id, room)) = self.forgotten.remove(key) else { return };
        self.keys.insert(key.to_owned(), id);
        self.rooms.insert(id, room);
    }

    /// Somebody creates a review with that key.
    pub fn create_again(&mut self, key: &str) {
        self.create(key);
    }

    /// Holds a review whose log and last answer to a client are these.
    pub fn hold(
        &mut self,
        key: &str,
        log: Vec<EncodedEntry>,
        id: interline::ReviewId,
        client: ClientId,
        last: Answer,
    ) {
        self.create(key);
        let Some(made) = self.keys.insert(key.into(), id) else { return };
        let Some(mut room) = self.rooms.remove(&made) else { return };
        let version = log.len() as Version;
        room.log = log;
        room.answers = vec![(version, client, last)];
        room.begin(id);
        self.rooms.insert(id, room);
    }

    /// Somebody else submits under a client's id, as from a copy of its store.
    pub fn impersonate(
        &mut self,
        key: &str,
        client: ClientId,
        user: User,
        batch: interline_core::change::Batch,
    ) {
        let review = self.keys[key];
        let payload = Hash::of(serde_json::to_string(&batch).unwrap().as_bytes());
        let room = self.rooms.get_mut(&review).unwrap();
        let submission = interline_core::sync::Submission { client, user: user.id, batch, payload, skew: 0 };
        let last = room.last(client);
        room.sequencer.client_opened(client, last);
        room.sequencer.submit(super::interline_now(), submission, Past::default());
        self.run(SessionId(uuid::Uuid::nil()), review);
    }

    pub(super) fn open(&mut self, session: SessionId, client: ClientId, user: User, open: wire::Open) {
        let id = self.keys.get(&open.review).copied().or_else(|| open.review.parse().ok());
        let id = match id {
            Some(of) if open.drafts && self.rooms.contains_key(&of) => Some(self.drafts_in(of, &user.id)),
            id => id,
        };
        // Drafts go by their own id from here on.
        let requested = match id {
            Some(of) if open.drafts && !self.rooms.contains_key(&of) => of.drafts_of(&user.id).to_string(),
            Some(id) if open.drafts => id.to_string(),
            _ => open.review.clone(),
        };
        let room = id.and_then(|id| self.rooms.get_mut(&id).map(|room| (id, room)));
        let mut error = ErrorFrame::new(ErrorCode::UnknownReview, "no such review");
        error.requested = Some(requested.clone());
        let Some((review, room)) = room else {
            return self.tell(session, &ServerFrame::Error(error));
        };
        error.review = Some(review);
        if room.here.contains_key(&session) {
            error.code = ErrorCode::AlreadyOpen;
            return self.tell(session, &ServerFrame::Error(error));
        }
        if open.have.is_some_and(|have| !room.has(&have)) {
            error.code = ErrorCode::HistoryLost;
            return self.tell(session, &ServerFrame::Error(error));
        }
        let client = open.client.unwrap_or(client);
        let last = room.last(client);
        room.sequencer.client_opened(client, last);
        let catch = match open.have {
            Some(_) => std::mem::take(&mut self.mischief.catch_up),
            None => Catch::Whole,
        };
        let touched = open.in_flight.iter().flat_map(|batch| batch.comments.iter().copied());
        let after = open.have.map_or(0, |have| have.version);
        let steps = match catch {
            Catch::Entries | Catch::Whole => None,
            Catch::Steps => room.steps(after, CatchUp::new(touched)),
            Catch::Beside => room.steps(after, CatchUp::beside_snapshot(touched)),
        };
        if let (Catch::Whole, Some(batch)) = (catch, &open.in_flight) {
            settle(room, client, batch.seq);
        }
        let snapshot =
            matches!(catch, Catch::Whole | Catch::Beside).then(|| room.sequencer.committed().clone());
        let missed = if catch == Catch::Entries { room.log[after as usize..].to_vec() } else { Vec::new() };
        let held = open.known.iter().find(|known| room.has(known)).map(|known| known.version);
        let presence: Vec<_> = room.here.values().map(|(_, presence)| presence.clone()).collect();
        let me = Presence {
            session,
            user: user.clone(),
            place: Default::default(),
            selection: None,
            writing: false,
            active: true,
            last_seen: 1,
        };
        let others: Vec<_> = room.here.keys().copied().collect();
        room.here.insert(session, (client, me.clone()));
        let users = presence.iter().map(|presence| presence.user.clone()).chain([user]).collect();
        let (head, last) = (room.sequencer.head(), room.last(client));
        let opened =
            Opened { requested, review, head, snapshot, steps, digest: None, last, held, users, presence };
        let opened = wire::encode(&ServerFrame::Opened(Box::new(opened)));
        if std::mem::take(&mut self.mischief.hold_opened) {
            self.held.push((session, opened));
        } else {
            self.say(session, opened);
        }
        others
            .into_iter()
            .for_each(|other| self.tell(other, &ServerFrame::Presence { review, presence: me.clone() }));
        let hold = !missed.is_empty() && std::mem::take(&mut self.mischief.hold_missed);
        for entry in missed {
            let text = wire::entry_frame(review, &entry);
            if hold { self.held.push((session, text)) } else { self.say(session, text) }
        }
    }
}

/// Gives a seq its final answer.
fn settle(room: &mut Room, client: ClientId, seq: u64) {
    if room.sequencer.settle_seq(client, seq) != Settled::Pending {
        return;
    }
    while let Some(effect) = room.sequencer.poll() {
        if let SequencerEffect::Append(append) = effect {
            room.appended(append);
        }
    }
    let settled = room.last(client).map(|answer| (answer.seq, answer.result));
    assert_eq!(settled, Some((seq, AnswerResult::Void)));
}
