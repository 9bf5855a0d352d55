//! The rules of both halves, one by one: what the cases share. Fields are open to the cases below.

mod answers;
mod conflicts;
mod copies;
mod decisions;
mod drafts;
mod hostile;
mod kept;
mod lost;
mod made_on;
mod meetings;
mod news;
mod older;
mod patch_sets;
mod recovered;
mod reopen;
mod replica;
mod retried;
mod sequencer;
mod set_back;
mod settled;
mod standing;
mod threads;
mod trimmed;
mod undoing;
mod visits;
mod words;

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::change::{Apart, Batch, Change, Entity, FieldWrite};
use crate::clock::HlcTime;
use crate::diff::PatchSet;
use crate::entry::{
    Answer, AnswerResult, ENTRY_FORMAT, EncodedEntry, Entry, Fact, Hash, Head, Outcome, Reason,
};
use crate::id::{ClientId, CommentId, DisplayName, ReviewId, SessionId, User, UserId};
use crate::limits::Limits;
use crate::presence::{Presence, PresenceChange, PresencePlace, Selection};
use crate::review::{Anchor, FieldValue, PatchSets, Place, Review, Status, StatusPolicy};
use crate::text::TextOp;
use crate::text::cursor::Range;
use crate::wire::Opened;

fn client(n: u128) -> ClientId {
    ClientId(Uuid::from_u128(n))
}

fn comment(n: u128) -> CommentId {
    CommentId(Uuid::from_u128(n))
}

fn user(n: u128) -> UserId {
    UserId::new(format!("user{n}")).unwrap()
}

/// A sequencer over a two-line diff with clients 1 and 2, and the entries it has delivered.
struct Server {
    sequencer: Sequencer,
    delivered: Vec<Entry>,
    answers: Vec<(ClientId, Answer)>,
    refused: Vec<Refusal>,
    appends: Vec<Append>,
    patch_sets: Vec<(u32, PatchSetOutcome)>,
    published: Vec<(ReviewId, PublicationOutcome)>,
}

impl Server {
    fn new() -> Server {
        Server::with(Limits::default())
    }

    /// One whose status goes to the last writer.
    fn lww() -> Server {
        Server::of(Limits::default(), StatusPolicy::Lww)
    }

    fn with(limits: Limits) -> Server {
        Server::of(limits, StatusPolicy::default())
    }

    fn of(limits: Limits, status_policy: StatusPolicy) -> Server {
        let (_, mut review, head) = created();
        review.status_policy = status_policy;
        let mut patch_sets = PatchSets::default();
        let diff = b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n";
        patch_sets.insert(1, Arc::new(PatchSet::parse(diff).unwrap()));
        let mut sequencer = Sequencer::new(review, head, patch_sets, limits);
        (1..=2).for_each(|n| sequencer.client_opened(client(n), None));
        Server {
            sequencer,
            delivered: vec![],
            answers: vec![],
            refused: vec![],
            appends: vec![],
            patch_sets: vec![],
            published: vec![],
        }
    }

    fn submit(&mut self, who: u128, seq: u64, base: u64, changes: Vec<Change>) {
        let batch = Batch { seq, base, changes };
        let payload = Hash::of(serde_json::to_string(&batch).unwrap().as_bytes());
        let submission = Submission { client: client(who), user: user(who), batch, payload, skew: 0 };
        self.sequencer.submit(1_000, submission, Past::default());
        self.poll();
    }

    fn commit(&mut self) {
        while !self.appends.is_empty() {
            self.appends.remove(0);
            self.sequencer.appended().unwrap();
            self.poll();
        }
    }

    /// Submits and commits; the outcomes by change.
    fn take(&mut self, who: u128, seq: u64, base: u64, changes: Vec<Change>) -> Vec<(usize, Outcome)> {
        self.submit(who, seq, base, changes);
        self.commit();
        let rejected = self.answers.pop().map(|(_, answer)| match answer.result {
            AnswerResult::Rejected(verdicts) => verdicts,
            AnswerResult::Committed { .. } | AnswerResult::Void => vec![],
        });
        let verdicts = rejected.or(self.delivered.last().map(|entry| entry.verdicts.clone()));
        verdicts.unwrap_or_default().into_iter().map(|v| (v.change, v.outcome)).collect()
    }

    fn poll(&mut self) {
        while let Some(effect) = self.sequencer.poll() {
            match effect {
                SequencerEffect::Append(append) => self.appends.push(append),
                SequencerEffect::Deliver(entry) => self.delivered.push(entry.decode().unwrap()),
                SequencerEffect::Answer(client, answer) => self.answers.push((client, answer)),
                SequencerEffect::Refuse(_, _, refusal) => self.refused.push(refusal),
                SequencerEffect::PatchSet(number, outcome) => self.patch_sets.push((number, outcome)),
                SequencerEffect::Publication(drafts, outcome) => self.published.push((drafts, outcome)),
            }
        }
    }

    fn text(&self, n: u128) -> &str {
        self.sequencer.committed().comments[&comment(n)].text.as_str()
    }
}

fn created() -> (EncodedEntry, Review, Head) {
    let facts = vec![
        Fact::ReviewCreated { title: "t".into(), status_policy: Default::default() },
        Fact::PatchSetAdded { number: 1, moves: vec![] },
    ];
    let (format, author) = (ENTRY_FORMAT, user(0));
    let entry =
        Entry { format, version: 1, author, client: client(0), seq: 0, at: 1, facts, verdicts: vec![] };
    let encoded = EncodedEntry::new(&entry, Hash::default());
    let mut review = Review::new(ReviewId(Uuid::from_u128(7)));
    review.apply(&entry).unwrap();
    let hash = encoded.hash;
    (encoded, review, Head { version: 1, hash })
}

/// What a server says that opens a review at this head.
fn opened(head: Head) -> Opened {
    Opened::new(ReviewId(Uuid::from_u128(7)), head)
}

/// The same with the whole review, in a log that lacks nothing.
fn opened_whole(review: Review, head: Head) -> Opened {
    let (digest, held) = (Some(review.digest()), Some(head.version));
    Opened { digest, snapshot: Some(review), held, ..opened(head) }
}

fn add(n: u128, text: &str) -> Change {
    let place = Place::Line(Anchor::head("x", 1));
    Change::CommentAdded {
        comment: comment(n),
        place,
        text: text.into(),
        at: HlcTime { ms: 10, n: 0 },
        seen: None,
    }
}

fn edit(n: u128, op: &str) -> Change {
    Change::edit(comment(n), serde_json::from_str(op).unwrap())
}

fn status(value: Status, seen: u64, ms: u64) -> Change {
    let write = FieldWrite::new(value.into(), seen);
    let fields = [("status".to_owned(), write)].into();
    Change::FieldsChanged { entity: Entity::Review, fields, at: HlcTime { ms, n: 0 } }
}

fn rejected(reason: Reason) -> Outcome {
    Outcome::Rejected(reason)
}

/// What a local store reads back after these saves.
fn saved_parts(saves: &[Save]) -> Restore {
    let (mut ledger, mut confirmed, mut entries) = (None, None, Vec::new());
    for save in saves {
        ledger = save.ledger.clone().or(ledger);
        match &save.confirmed {
            SavedConfirmed::Same => {}
            SavedConfirmed::Behind(more) => entries.extend(more.iter().cloned()),
            SavedConfirmed::Whole(whole) => (confirmed, entries) = (Some((**whole).clone()), Vec::new()),
        }
    }
    let pending = saves.last().unwrap().pending.clone();
    Restore { pending, ledger, confirmed, entries }
}
