//! Private drafts: their own log, what they are published by, and edits that come too late for that.

use std::collections::BTreeSet;

use super::*;
use crate::change::{Apart, PublishedDecision};
use crate::drafts::first_entry;
use crate::review::PlaceState;

const REVIEW: ReviewId = ReviewId(Uuid::from_u128(7));

/// A review's server, and that of user1's drafts in it.
struct Two {
    review: Server,
    drafts: Server,
    drafts_log: Vec<EncodedEntry>,
}

impl Two {
    fn new() -> Two {
        let mut two = Two { review: Server::new(), drafts: Server::new(), drafts_log: vec![] };
        let (entry, encoded) = first_entry(REVIEW, &user(1));
        let mut review = Review::new(REVIEW.drafts_of(&user(1)));
        review.apply(&entry).unwrap();
        let head = Head { version: 1, hash: encoded.hash };
        two.drafts.sequencer = Sequencer::new(review, head, PatchSets::default(), Limits::default());
        (1..=2).for_each(|n| two.drafts.sequencer.client_opened(client(n), None));
        let code = two.review.sequencer.patch_sets().get(1).unwrap().clone();
        two.drafts.sequencer.give_code(1, code);
        two
    }

    /// User 1 does something to their drafts; what became of it.
    fn draft(&mut self, seq: u64, base: u64, changes: Vec<Change>) -> Vec<(usize, Outcome)> {
        self.hand_in(1, seq, base, changes);
        self.pump();
        let rejected = self.drafts.answers.pop().map(|(_, answer)| match answer.result {
            AnswerResult::Rejected(verdicts) => verdicts,
            AnswerResult::Committed { .. } | AnswerResult::Void => vec![],
        });
        rejected.unwrap_or_default().into_iter().map(|v| (v.change, v.outcome)).collect()
    }
    fn hand_in(&mut self, who: u128, seq: u64, base: u64, changes: Vec<Change>) {
        let batch = Batch { seq, base, changes };
        let payload = Hash::of(serde_json::to_string(&batch).unwrap().as_bytes());
        // Both clients are one user's devices.
        let submission = Submission { client: client(who), user: user(1), batch, payload, skew: 0 };
        self.drafts.sequencer.submit(1_000, submission, &[]);
        self.drafts.poll();
    }

    /// What the next append of drafts publishes.
    fn publication(&self) -> Option<Arc<Publication>> {
        self.drafts.appends.first()?.records.iter().find_map(|record| record.publication.clone())
    }

    /// Does what rooms and the store do, until nothing is left to do.
    fn pump(&mut self) {
        while !self.drafts.appends.is_empty() {
            match self.publication() {
                Some(publication) => {
                    assert_eq!(self.drafts.appends[0].records.len(), 1, "alone in its append");
                    self.review.sequencer.publish(2_000, publication);
                    self.review.poll();
                    self.settle();
                }
                None => self.drafts.commit(),
            }
        }
    }

    /// The review's part is ready, or refused.
    fn settle(&mut self) {
        while !self.review.appends.is_empty() {
            self.review.commit();
        }
        for (drafts, outcome) in std::mem::take(&mut self.review.published) {
            assert_eq!(drafts, self.drafts.sequencer.committed().id);
            match outcome {
                PublicationOutcome::Published => self.drafts.commit(),
                PublicationOutcome::Refused(reason) => {
                    self.drafts.appends.clear();
                    self.drafts.sequencer.refused_publication(1_000, reason);
                    self.drafts.poll();
                }
                other => panic!("nobody meddles here: {other:?}"),
            }
        }
    }
}

fn at(ms: u64) -> HlcTime {
    HlcTime { ms, n: 0 }
}

fn reply(n: u128, root: u128) -> Change {
    let place = Place::Reply(comment(root));
    Change::CommentAdded { comment: comment(n), place, text: format!("reply {n}"), at: at(20), seen: None }
}

fn publish(comments: &[u128], decision: Option<PublishedDecision>) -> Change {
    let comments = comments.iter().map(|n| comment(*n)).collect();
    Change::DraftsPublished { comments, decision, at: at(30) }
}

fn approved(seen: u64) -> Option<PublishedDecision> {
    let status = FieldWrite { patch_set: Some(1), ..FieldWrite::new(Status::Approved.into(), seen) };
    Some(PublishedDecision { status, note: Some("fine".into()) })
}

#[test]
fn a_publication_is_one_entry_of_the_review() {
    let mut two = Two::new();
    two.review.take(2, 1, 1, vec![add(20, "a question")]);
    assert_eq!(two.draft(1, 1, vec![add(1, "one"), reply(2, 20), reply(3, 1)]), []);
    assert_eq!(two.draft(2, 2, vec![publish(&[3, 2, 1], approved(2))]), []);
    let published = two.review.delivered.last().unwrap();
    assert_eq!((published.client, published.seq), (two.drafts.sequencer.committed().id.publisher(), 1));
    assert_eq!((published.author.clone(), published.facts.len()), (user(1), 5));
    let review = two.review.sequencer.committed();
    assert_eq!((review.status(), review.comments.len()), (Status::Approved, 4));
    assert_eq!(review.decisions[&user(1)].note.as_deref(), Some("fine"));
    let created: BTreeSet<_> = review.comments.values().map(|comment| comment.created).collect();
    assert_eq!(created.len(), 4, "each has a stamp of its own");
    assert!(review.comments[&comment(1)].created < review.comments[&comment(3)].created, "in their order");
    let drafts = two.drafts.sequencer.committed();
    assert!(drafts.comments.values().all(|draft| draft.published == Some(3)));
    assert_eq!(drafts.drafts.as_ref().unwrap().publications, 1);
    // From then on they are no drafts any more.
    for (seq, change) in [
        publish(&[1], None),
        edit(1, "[\"late \",3]"),
        Change::CommentRemoved { comment: comment(1), seen: None },
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(two.draft(3 + seq as u64, 3, vec![change]), [(0, rejected(Reason::Published))]);
    }
    assert_eq!(two.draft(6, 3, vec![publish(&[], approved(3))]), []);
    assert_eq!(two.drafts.sequencer.committed().drafts.as_ref().unwrap().publications, 2);
}

#[test]
fn all_of_a_publication_happens_or_nothing() {
    let mut two = Two::new();
    two.draft(1, 1, vec![add(1, "one"), reply(2, 99)]);
    let before = two.review.sequencer.head();
    assert_eq!(two.draft(2, 2, vec![publish(&[1, 2], None)]), [(0, rejected(Reason::UnknownComment))]);
    assert_eq!(two.draft(3, 2, vec![publish(&[1], approved(5))]), [(0, rejected(Reason::BadValue))]);
    assert_eq!(two.draft(4, 2, vec![publish(&[1, 1], None)]), [(0, rejected(Reason::BadValue))]);
    assert_eq!(two.draft(5, 2, vec![publish(&[1, 4], None)]), [(0, rejected(Reason::UnknownComment))]);
    two.review.take(2, 1, 1, vec![add(1, "the same id")]);
    assert_eq!(two.draft(6, 2, vec![publish(&[1], None)]), [(0, rejected(Reason::DuplicateComment))]);
    assert_eq!(two.review.sequencer.head().version, before.version + 1);
    assert!(two.drafts.sequencer.committed().comments.values().all(|draft| draft.is_draft()));
    // Nor do drafts have fields, or publications go with anything else, or out of a review.
    assert_eq!(two.draft(7, 2, vec![status(Status::Approved, 2, 5)]), [(0, rejected(Reason::UnknownField))]);
    two.draft(8, 2, vec![publish(&[1], None), add(5, "x")]);
    two.draft(8, 2, vec![publish(&[], None)]);
    assert_eq!(two.drafts.refused, [Refusal::BadBatch, Refusal::BadBatch]);
    two.review.take(2, 2, 2, vec![publish(&[1], None)]);
    assert_eq!(two.review.refused, [Refusal::BadBatch]);
}

#[test]
fn no_more_is_published_at_once_than_a_frame_takes() {
    let mut two = Two::new();
    // Each of these characters is two bytes in JSON.
    let quotes = "\"".repeat(30_000);
    for n in 1..=5 {
        assert_eq!(two.draft(n as u64, n as u64, vec![add(n, &quotes)]), []);
    }
    let before = two.review.sequencer.head();
    let all = publish(&[1, 2, 3, 4, 5], None);
    assert_eq!(two.draft(6, 6, vec![all]), [(0, rejected(Reason::ReviewTooLarge))]);
    assert_eq!(two.review.sequencer.head(), before);
    assert_eq!(two.draft(7, 6, vec![publish(&[1, 2, 3, 4], None)]), []);
    assert_eq!(two.draft(8, 7, vec![publish(&[5], None)]), []);
    assert_eq!(two.review.sequencer.committed().comments.len(), 5);
}

#[test]
fn a_log_that_went_on_gives_the_publication_up_and_takes_it_again() {
    let mut two = Two::new();
    two.draft(1, 1, vec![add(1, "one")]);
    two.hand_in(1, 2, 2, vec![publish(&[1], None)]);
    // Another device's edit comes while the publication is under way: it waits, and is refused then.
    two.hand_in(2, 1, 2, vec![edit(1, "[\"more \",3]")]);
    let publication = two.publication().unwrap();
    two.review.sequencer.publish(2_000, publication);
    two.review.poll();
    let linked = two.review.appends.remove(0);
    assert_eq!(linked.records.len(), 1);
    // The drafts do not end there any more.
    two.review.sequencer.unlinked();
    two.review.sequencer.lost(2_000, vec![], vec![]).unwrap();
    two.review.poll();
    assert_eq!(two.review.published.remove(0).1, PublicationOutcome::Overtaken);
    assert_eq!(two.review.sequencer.tentative(), 0);
    let mut elsewhere = two.drafts.sequencer.committed().clone();
    let head = two.drafts.sequencer.head();
    let other = Entry {
        format: ENTRY_FORMAT,
        version: 3,
        author: user(1),
        client: client(9),
        seq: 1,
        at: 5,
        facts: vec![Fact::TextEdited {
            comment: comment(1),
            op: serde_json::from_str("[3,\"!\"]").unwrap(),
            checksum: crate::text::Text::new("one!").checksum(),
        }],
        verdicts: vec![],
    };
    elsewhere.apply(&other).unwrap();
    two.drafts.appends.clear();
    two.drafts.sequencer.lost(1_000, vec![EncodedEntry::new(&other, head.hash)], vec![]).unwrap();
    two.drafts.poll();
    two.pump();
    assert_eq!(two.review.text(1), "one!", "as it is by then");
    let (to, answer) = two.drafts.answers.pop().unwrap();
    let AnswerResult::Rejected(verdicts) = answer.result else { panic!("it came too late") };
    assert_eq!((to, &verdicts[0].outcome), (client(2), &rejected(Reason::Published)));
    // And where the store fails, nobody has heard of anything.
    two.draft(3, 4, vec![add(2, "two")]);
    two.hand_in(1, 4, 5, vec![publish(&[2], None)]);
    let publication = two.publication().unwrap();
    two.review.sequencer.publish(2_000, publication);
    two.review.poll();
    two.review.appends.clear();
    two.review.sequencer.failed();
    two.review.poll();
    assert_eq!(two.review.published.pop().unwrap().1, PublicationOutcome::StoreFailed);
    assert!(!two.review.sequencer.committed().comments.contains_key(&comment(2)));
}

#[test]
fn what_was_published_unnoticed_is_not_published_twice() {
    let mut two = Two::new();
    two.hand_in(1, 1, 1, vec![publish(&[], approved(1))]);
    let publication = two.publication().unwrap();
    two.review.sequencer.publish(2_000, publication.clone());
    two.review.poll();
    let record = two.review.appends.remove(0).records.remove(0);
    // It had been appended, and nobody said so: the log has its entry, and the drafts have gone on by it.
    two.review.sequencer.unlinked();
    two.review.sequencer.lost(2_000, vec![record.entry.unwrap()], vec![]).unwrap();
    two.review.poll();
    assert_eq!(two.review.published, [(publication.drafts, PublicationOutcome::Overtaken)]);
    assert_eq!((two.review.sequencer.tentative(), two.review.delivered.len()), (0, 1));
    assert!(!two.review.sequencer.knows(publication.drafts.publisher()), "no session ever closes it");
}

/// A replica of user1's drafts, as somebody's first that was never online.
fn replica(n: u128) -> Replica {
    Replica::drafts(client(n), user(1), REVIEW, 50)
}

/// What it sends next, once it is saved.
fn sent(replica: &mut Replica) -> Option<Batch> {
    let mut batch = None;
    while let Some(effect) = replica.poll() {
        match effect {
            ReplicaEffect::Save { generation, .. } => replica.saved(1_000, generation),
            ReplicaEffect::Send(frozen) => batch = Some(serde_json::from_str(&frozen.payload).unwrap()),
            ReplicaEffect::Event(_) => {}
        }
    }
    batch
}

impl Two {
    /// Takes what a replica of drafts sends, and gives it everything back, until it has nothing left to say.
    fn sync(&mut self, replica: &mut Replica, seen: &mut usize) {
        let who = replica.client().0.as_u128();
        loop {
            replica.flush(1_000);
            let Some(batch) = sent(replica) else { break };
            self.hand_in(who, batch.seq, batch.base, batch.changes);
            self.pump();
            self.catch_up(replica, seen);
        }
    }

    fn catch_up(&mut self, replica: &mut Replica, seen: &mut usize) {
        let mut hash = first_entry(REVIEW, &user(1)).1.hash;
        self.drafts_log.clear();
        for entry in &self.drafts.delivered {
            let encoded = EncodedEntry::new(entry, hash);
            hash = encoded.hash;
            self.drafts_log.push(encoded);
        }
        for encoded in &self.drafts_log[*seen..] {
            replica.receive(1_000, encoded).unwrap();
        }
        *seen = self.drafts_log.len();
        let me = replica.client();
        for (_, answer) in self.drafts.answers.extract_if(.., |(to, _)| *to == me) {
            replica.answered(1_000, answer);
        }
    }
    fn open(&self, replica: &mut Replica, version: u64) {
        let open = replica.opening();
        assert_eq!((open.review, open.drafts), (REVIEW.to_string(), true));
        let hash = match version {
            1 => first_entry(REVIEW, &user(1)).1.hash,
            _ => self.drafts_log[version as usize - 2].hash,
        };
        replica.opened(1_000, Opened::new(replica.review(), Head { version, hash })).unwrap();
    }
}

#[test]
fn drafts_are_written_offline_and_published_in_their_turn() {
    let mut two = Two::new();
    two.review.take(2, 1, 1, vec![add(20, "a question")]);
    let mut laptop = replica(1);
    let line = Place::Line(Anchor::head("x", 1));
    laptop.add_comment(5, comment(1), line.clone(), "first").unwrap();
    laptop.add_comment(6, comment(2), Place::Reply(comment(20)), "reply").unwrap();
    laptop.add_comment(7, comment(3), line, "kept").unwrap();
    assert_eq!(
        laptop.set_field(8, Entity::Comment(comment(1)), "resolved", FieldValue::Flag(true)),
        Err(EditError::UnknownField)
    );
    assert_eq!(laptop.decide(8, Status::Approved, None), Err(EditError::UnknownField));
    assert_eq!(laptop.publish_drafts(8, vec![], None), Err(EditError::BadPublication));
    laptop.publish_drafts(8, vec![comment(1), comment(2)], None).unwrap();
    laptop.replace_text(9, comment(3), 4, 0, " for later").unwrap();
    assert_eq!(laptop.replace_text(9, comment(1), 0, 0, "late"), Err(EditError::Published));
    assert_eq!(laptop.publish_drafts(9, vec![comment(1)], None), Err(EditError::Published));
    let listed: Vec<_> = laptop.list_drafts().into_iter().map(|draft| draft.id).collect();
    assert_eq!((listed, laptop.unsynced().count), (vec![comment(3)], 4));
    let mut seen = 0;
    two.open(&mut laptop, 1);
    two.sync(&mut laptop, &mut seen);
    assert_eq!((laptop.unsynced().count, laptop.rejected().len()), (0, 0));
    assert_eq!((two.review.text(1), two.review.text(2)), ("first", "reply"));
    assert!(!two.review.sequencer.committed().comments.contains_key(&comment(3)));
    assert_eq!(laptop.comment(comment(3)).unwrap().text.as_str(), "kept for later");
    assert_eq!(laptop.confirmed().digest(), two.drafts.sequencer.committed().digest());
    // It comes back from its local store as it was.
    laptop.save_anew();
    let mut saves = Vec::new();
    while let Some(effect) = laptop.poll() {
        let ReplicaEffect::Save { generation, state } = effect else { continue };
        laptop.saved(1_000, generation);
        saves.push(*state);
    }
    let restored = Replica::restore(1_000, saved_parts(&saves), 50);
    assert_eq!((restored.drafts_of(), restored.list_drafts().len()), (Some(REVIEW), 1));
}

#[test]
fn what_the_review_refuses_is_a_draft_again() {
    let mut two = Two::new();
    let mut laptop = replica(1);
    laptop.add_comment(5, comment(1), Place::Reply(comment(99)), "to nobody").unwrap();
    laptop.publish_drafts(6, vec![comment(1)], None).unwrap();
    assert!(laptop.list_drafts().is_empty());
    let mut seen = 0;
    two.open(&mut laptop, 1);
    two.sync(&mut laptop, &mut seen);
    let record = laptop.rejected()[0].clone();
    assert_eq!(record.cause, Cause::Refused(Reason::UnknownComment));
    assert_eq!(laptop.list_drafts().len(), 1);
    // Once the thread is there, the same again goes through.
    two.review.take(2, 1, 1, vec![add(99, "somebody")]);
    laptop.retry_rejected(7, record.id, comment(50)).unwrap();
    two.sync(&mut laptop, &mut seen);
    assert_eq!((two.review.text(1), laptop.rejected().len()), ("to nobody", 0));
}

#[test]
fn a_late_edit_goes_into_the_comment_that_the_draft_became() {
    let mut two = Two::new();
    let (mut laptop, mut phone) = (replica(1), replica(2));
    let (mut seen, mut phone_seen) = (0, 0);
    laptop.add_comment(5, comment(1), Place::Line(Anchor::head("x", 1)), "one two three").unwrap();
    two.open(&mut laptop, 1);
    two.sync(&mut laptop, &mut seen);
    two.open(&mut phone, 1);
    two.catch_up(&mut phone, &mut phone_seen);
    // The phone is offline and writes; the laptop publishes; somebody else rewrites other words, and the same ones.
    phone.offline();
    phone.replace_text(6, comment(1), 4, 3, "2").unwrap();
    laptop.publish_drafts(7, vec![comment(1)], None).unwrap();
    two.sync(&mut laptop, &mut seen);
    two.review.take(2, 1, 2, vec![edit(1, "[\"1\",-3,10]")]);
    two.open(&mut phone, 2);
    two.catch_up(&mut phone, &mut phone_seen);
    two.sync(&mut phone, &mut phone_seen);
    let record = phone.late_edits().next().unwrap().clone();
    assert_eq!(record.base.as_deref(), Some("one two three"));
    assert_eq!(record.mine.as_deref(), Some("one 2 three"));
    assert!(phone.list_drafts().is_empty());

    let (encoded, review, _) = created();
    let mut here = Replica::new(client(3), user(1), REVIEW, 50);
    let head = Head { version: 1, hash: encoded.hash };
    here.opened(1_000, opened_whole(review, head)).unwrap();
    // Not before the comment is here.
    assert_eq!(here.carry_over(1_000, phone.client(), &record), Ok(false));
    let mut hash = encoded.hash;
    for entry in &two.review.delivered {
        let encoded = EncodedEntry::new(entry, hash);
        hash = encoded.hash;
        here.receive(1_000, &encoded).unwrap();
    }
    assert_eq!(here.carry_over(1_000, phone.client(), &record), Ok(true));
    assert_eq!(here.comment(comment(1)).unwrap().text.as_str(), "1 2 three");
    // A crash before the record is gone: it comes again, and nothing happens twice.
    let save = here.poll().unwrap();
    let ReplicaEffect::Save { state, .. } = save else { panic!("a save comes first: {save:?}") };
    let mut here = Replica::restore(1_000, saved_parts(&[*state]), 50);
    assert_eq!(here.carry_over(1_000, phone.client(), &record), Ok(true));
    assert_eq!(here.comment(comment(1)).unwrap().text.as_str(), "1 2 three");
    assert_eq!(here.unsynced().count, 1);
    here.forget_carried(phone.client(), record.id);
    assert_eq!(here.carry_over(1_000, phone.client(), &record), Ok(true));
    assert_eq!(here.comment(comment(1)).unwrap().text.as_str(), "1 2 three", "its words stand there already");
    // The review's sequencer is told what it was made on.
    here.opened(1_000, opened(here.head().unwrap())).unwrap();
    here.flush(1_000);
    let batch = sent(&mut here).unwrap();
    let Change::TextEdited { apart, whole, .. } = &batch.changes[0] else { panic!("an edit") };
    let [Apart { seen, .. }] = &apart[..] else { panic!("made apart: {apart:?}") };
    assert_eq!((*seen, *whole), (2, true));
    two.review.sequencer.client_opened(client(3), None);
    let submission =
        Submission { client: client(3), user: user(1), batch, payload: Hash::default(), skew: 0 };
    two.review.sequencer.submit(5_000, submission, &[]);
    two.review.poll();
    two.review.commit();
    assert_eq!(two.review.text(1), "1 2 three");
}

#[test]
fn words_that_somebody_else_rewrote_meanwhile_are_in_conflict() {
    let mut two = Two::new();
    two.draft(1, 1, vec![add(1, "one two")]);
    two.draft(2, 2, vec![publish(&[1], None)]);
    two.review.take(2, 1, 2, vec![edit(1, "[4,\"zwei\",-3]")]);
    let (encoded, review, _) = created();
    let mut here = Replica::new(client(3), user(1), REVIEW, 50);
    here.opened(1_000, opened_whole(review, Head { version: 1, hash: encoded.hash })).unwrap();
    let mut hash = encoded.hash;
    for entry in &two.review.delivered {
        let encoded = EncodedEntry::new(entry, hash);
        hash = encoded.hash;
        here.receive(1_000, &encoded).unwrap();
    }
    let record = Rejected {
        id: 1,
        cause: Cause::Refused(Reason::Published),
        at: 1,
        comment: Some(comment(1)),
        place: None,
        base: Some("one two".into()),
        mine: Some("one deux".into()),
        changes: vec![edit(1, "[4,\"deux\",-3]")],
    };
    // What else was done to such a draft waits for a person.
    let removed = Change::CommentRemoved { comment: comment(1), seen: None };
    let removal = Rejected { changes: vec![removed], ..record.clone() };
    assert_eq!(here.carry_over(1_000, client(1), &removal), Ok(false));
    assert_eq!(here.carry_over(1_000, client(1), &record), Ok(true));
    here.flush(1_000);
    let batch = sent(&mut here).unwrap();
    two.review.sequencer.client_opened(client(3), None);
    let submission =
        Submission { client: client(3), user: user(1), batch, payload: Hash::default(), skew: 0 };
    two.review.sequencer.submit(5_000, submission, &[]);
    two.review.poll();
    two.review.commit();
    let conflicts: Vec<_> = two.review.sequencer.committed().conflicts.open().cloned().collect();
    let values: Vec<_> = conflicts[0].sides.iter().map(|side| side.value.clone()).collect();
    assert_eq!(values, [FieldValue::Text("one zwei".into()), FieldValue::Text("one deux".into())]);
}

#[test]
fn drafts_are_placed_by_the_reviews_code() {
    let mut two = Two::new();
    let on = |n: u128, patch_set: u32, line: u32| {
        let anchor = Anchor { patch_set, ..Anchor::head("x", line) };
        let (place, text) = (Place::Line(anchor), "x".to_owned());
        Change::CommentAdded { comment: comment(n), place, text, at: at(1), seen: None }
    };
    assert_eq!(two.draft(1, 1, vec![on(1, 1, 9)]), [(0, rejected(Reason::UnknownLine))]);
    let batch = Batch { seq: 2, base: 1, changes: vec![on(2, 2, 1), on(3, 1, 1)] };
    assert_eq!(two.drafts.sequencer.lacks_code(&batch), BTreeSet::from([2]));
    assert!(two.review.sequencer.lacks_code(&batch).is_empty(), "a review has all of its code");
    two.draft(2, 1, batch.changes);
    let drafts = two.drafts.sequencer.committed();
    assert!(!drafts.comments.contains_key(&comment(2)));
    let Place::Line(anchor) = &drafts.comments[&comment(3)].place else { panic!("on a line") };
    assert!(anchor.hash.is_some() && drafts.comments[&comment(3)].state() == PlaceState::Current);
}
