//! A replica of drafts: written offline, published in their turn, and edits that come too late for that.

use super::*;

/// A replica of user1's drafts, as somebody's first that was never online.
fn replica(n: u128) -> Replica {
    Replica::drafts(client(n), user(1), REVIEW, 50)
}

/// How many records of drafts are known to have been taken, as it is saved.
fn names(replica: &mut Replica) -> usize {
    replica.save_anew();
    let saves = super::super::replica::saves(replica, 1_000);
    saves.last().expect("all of it is saved anew").pending.carried.len()
}

/// What it sends next, once it is saved.
pub(super) fn sent(replica: &mut Replica) -> Option<Batch> {
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
    pub(super) fn sync(&mut self, replica: &mut Replica, seen: &mut usize) {
        let who = replica.client().0.as_u128();
        loop {
            replica.flush(1_000);
            let Some(batch) = sent(replica) else { break };
            self.hand_in(who, batch.seq, batch.base, batch.changes);
            self.pump();
            self.catch_up(replica, seen);
        }
    }

    pub(super) fn catch_up(&mut self, replica: &mut Replica, seen: &mut usize) {
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
            replica.answered(1_000, answer).unwrap();
        }
    }

    /// What another device of user1's has carried over arrives in the review.
    fn carried(&mut self, batch: Batch) {
        self.review.sequencer.client_opened(client(3), None);
        let submission =
            Submission { client: client(3), user: user(1), batch, payload: Hash::default(), skew: 0 };
        self.review.sequencer.submit(5_000, submission, Past::default());
        self.review.poll();
        self.review.commit();
    }

    pub(super) fn open(&self, replica: &mut Replica, version: u64) {
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
    assert_eq!(laptop.publish_drafts(8, vec![], None, None), Err(EditError::BadPublication));
    laptop.publish_drafts(8, vec![comment(1), comment(2)], None, None).unwrap();
    laptop.replace_text(9, comment(3), 4, 0, " for later").unwrap();
    assert_eq!(laptop.replace_text(9, comment(1), 0, 0, "late"), Err(EditError::Published));
    assert_eq!(laptop.publish_drafts(9, vec![comment(1)], None, None), Err(EditError::Published));
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
    laptop.publish_drafts(6, vec![comment(1)], None, None).unwrap();
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
    laptop.publish_drafts(7, vec![comment(1)], None, None).unwrap();
    two.sync(&mut laptop, &mut seen);
    two.review.take(2, 1, 2, vec![edit(1, "[\"1\",-3,10]")]);
    two.open(&mut phone, 2);
    two.catch_up(&mut phone, &mut phone_seen);
    two.sync(&mut phone, &mut phone_seen);
    let record = phone.late().next().unwrap().clone();
    assert_eq!(record.base.as_deref(), Some("one two three"));
    assert_eq!(record.mine.as_deref(), Some("one 2 three"));
    assert!(phone.list_drafts().is_empty());

    let (encoded, review, _) = created();
    let mut here = Replica::new(client(3), user(1), REVIEW, 50);
    let head = Head { version: 1, hash: encoded.hash };
    here.opened(1_000, opened_whole(review, head)).unwrap();
    // Not before the comment is here.
    assert_eq!(here.take_late(1_000, phone.client(), &record), Late::Waits);
    let mut hash = encoded.hash;
    for entry in &two.review.delivered {
        let encoded = EncodedEntry::new(entry, hash);
        hash = encoded.hash;
        here.receive(1_000, &encoded).unwrap();
    }
    assert_eq!(here.take_late(1_000, phone.client(), &record), Late::Carried);
    assert_eq!(here.comment(comment(1)).unwrap().text.as_str(), "1 2 three");
    // A crash before the record is gone: it comes again, and nothing happens twice.
    let save = here.poll().unwrap();
    let ReplicaEffect::Save { state, .. } = save else { panic!("a save comes first: {save:?}") };
    let mut here = Replica::restore(1_000, saved_parts(&[*state]), 50);
    assert_eq!(here.take_late(1_000, phone.client(), &record), Late::Carried);
    assert_eq!(here.comment(comment(1)).unwrap().text.as_str(), "1 2 three");
    assert_eq!(here.unsynced().count, 1);
    // As long as the record is there it is known by its name.
    here.keep_carried(phone.client(), &[record.id].into());
    here.keep_carried(client(9), &[].into());
    assert_eq!(names(&mut here), 1);
    here.keep_carried(phone.client(), &[].into());
    assert_eq!(names(&mut here), 0, "also where nobody said which one went");
    assert_eq!(here.take_late(1_000, phone.client(), &record), Late::Carried);
    assert_eq!(here.comment(comment(1)).unwrap().text.as_str(), "1 2 three", "its words stand there already");
    // The review's sequencer is told what it was made on.
    here.opened(1_000, opened(here.head().unwrap())).unwrap();
    here.flush(1_000);
    let batch = sent(&mut here).unwrap();
    let Change::TextEdited { apart, whole, .. } = &batch.changes[0] else { panic!("an edit") };
    let [Apart { seen, .. }] = &apart[..] else { panic!("made apart: {apart:?}") };
    assert_eq!((*seen, *whole), (2, true));
    two.carried(batch);
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
        grounds: Default::default(),
    };
    // What else was done to such a draft waits for a person.
    let removed = Change::CommentRemoved { comment: comment(1), seen: None };
    let removal = Rejected { id: 2, changes: vec![removed], ..record.clone() };
    assert_eq!(here.take_late(1_000, client(1), &removal), Late::SetAside);
    assert_eq!(here.rejected().len(), 1);
    assert_eq!(here.take_late(1_000, client(1), &record), Late::Carried);
    here.flush(1_000);
    let batch = sent(&mut here).unwrap();
    two.carried(batch);
    let conflicts: Vec<_> = two.review.sequencer.committed().conflicts.open().cloned().collect();
    let values: Vec<_> = conflicts[0].sides.iter().map(|side| side.value.clone()).collect();
    assert_eq!(values, [FieldValue::Text("one zwei".into()), FieldValue::Text("one deux".into())]);
}

#[test]
fn what_came_too_late_for_a_draft_that_is_nowhere_waits_for_a_person() {
    let (encoded, review, _) = created();
    let mut here = Replica::new(client(3), user(1), REVIEW, 50);
    let record = Rejected {
        id: 1,
        cause: Cause::Refused(Reason::Published),
        at: 1_000,
        comment: Some(comment(1)),
        place: Some(Place::Line(Anchor::head("x", 1))),
        base: Some("one".into()),
        mine: Some("one two".into()),
        changes: vec![edit(1, "[3,\" two\"]")],
        grounds: Default::default(),
    };
    // Whoever is offline hears of nothing: it may still come.
    assert_eq!(here.take_late(60_000, client(1), &record), Late::Waits);
    here.opened(1_000, opened_whole(review, Head { version: 1, hash: encoded.hash })).unwrap();
    assert_eq!(here.take_late(11_000, client(1), &record), Late::Waits);
    assert_eq!(here.take_late(11_001, client(1), &record), Late::SetAside);
    assert_eq!(here.take_late(11_002, client(1), &record), Late::Carried, "it is taken once");
    let [kept] = here.rejected() else { panic!("one record: {:?}", here.rejected()) };
    assert_eq!(kept.mine, record.mine);
    // Its words can be said once more, at their place.
    let id = kept.id;
    here.retry_rejected(11_003, id, comment(2)).unwrap();
    assert_eq!(here.comment(comment(2)).unwrap().text.as_str(), "one two");
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

/// What is saved of a replica, everything anew.
fn all_saved(replica: &mut Replica) -> Restore {
    replica.save_anew();
    let mut saves = Vec::new();
    while let Some(effect) = replica.poll() {
        if let ReplicaEffect::Save { generation, state } = effect {
            replica.saved(1_000, generation);
            saves.push(*state);
        }
    }
    saved_parts(&saves)
}

#[test]
fn drafts_that_no_server_has_seen_need_nothing_but_what_was_pending() {
    let mut two = Two::new();
    two.review.take(2, 1, 1, vec![add(20, "a question")]);
    let mut laptop = replica(1);
    laptop.add_comment(5, comment(1), Place::Line(Anchor::head("x", 1)), "first").unwrap();
    laptop.add_comment(6, comment(2), Place::Reply(comment(20)), "reply").unwrap();
    let saved = all_saved(&mut laptop);
    let damaged = Restore { confirmed: None, entries: vec![], ..saved };
    let mut again = Replica::restore(1_000, damaged, 50);
    // Without a connection they are there, and can be written.
    assert!(again.is_loaded() && again.rejected().is_empty());
    again.replace_text(1_000, comment(1), 0, 0, "still ").unwrap();
    assert_eq!((again.list_drafts().len(), again.drafts_of()), (2, Some(REVIEW)));
    let mut seen = 0;
    two.open(&mut again, 1);
    two.sync(&mut again, &mut seen);
    assert_eq!((again.unsynced().count, again.rejected().len()), (0, 0));
    assert_eq!((two.drafts.text(1), two.drafts.text(2)), ("still first", "reply"));
    // What is saved from here on is whole again.
    let restored = Replica::restore(1_000, all_saved(&mut again), 50);
    assert_eq!((restored.drafts_of(), restored.list_drafts().len()), (Some(REVIEW), 2));
}

#[test]
fn drafts_that_the_server_has_are_asked_of_it_as_drafts() {
    let mut two = Two::new();
    let mut laptop = replica(1);
    laptop.add_comment(5, comment(1), Place::Line(Anchor::head("x", 1)), "first").unwrap();
    let mut seen = 0;
    two.open(&mut laptop, 1);
    two.sync(&mut laptop, &mut seen);
    laptop.offline();
    laptop.add_comment(6, comment(2), Place::Line(Anchor::head("x", 1)), "second").unwrap();
    let saved = all_saved(&mut laptop);
    let mut again = Replica::restore(1_000, Restore { confirmed: None, entries: vec![], ..saved }, 50);
    assert!(!again.is_loaded());
    let open = again.opening();
    assert_eq!((open.review, open.drafts, open.have), (REVIEW.to_string(), true, None));
    let (whole, head) = (two.drafts.sequencer.committed().clone(), two.drafts.sequencer.head());
    let opened = Opened { snapshot: Some(whole), ..Opened::new(again.review(), head) };
    let last = two.drafts.sequencer.last_answer(client(1)).cloned();
    let held = open.known.first().map(|known| known.version);
    again.opened(1_000, Opened { last, held, ..opened }).unwrap();
    two.sync(&mut again, &mut seen);
    assert_eq!((two.drafts.text(1), two.drafts.text(2)), ("first", "second"));
    assert!(again.rejected().is_empty());
}

#[test]
fn a_record_that_is_of_other_drafts_than_it_says_is_not_believed() {
    let mut laptop = replica(1);
    laptop.add_comment(5, comment(1), Place::Line(Anchor::head("x", 1)), "first").unwrap();
    let mut saved = all_saved(&mut laptop);
    saved.pending.drafts_of = Some(ReviewId(Uuid::from_u128(8)));
    let again = Replica::restore(1_000, Restore { confirmed: None, entries: vec![], ..saved }, 50);
    assert_eq!((again.drafts_of(), again.is_loaded()), (None, false));
}
