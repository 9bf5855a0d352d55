//! What is published by a log of drafts: in one entry, whole or not at all.

use super::*;

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
fn a_reply_is_published_into_a_thread_whose_removal_its_author_had_not_seen() {
    let mut two = Two::new();
    two.draft(1, 1, vec![reply(2, 20), reply(3, 20)]);
    two.review.take(2, 1, 1, vec![add(20, "root")]);
    two.review.take(2, 2, 2, vec![Change::CommentRemoved { comment: comment(20), seen: None }]);
    let seen = |comments: &[u128], version| match publish(comments, None) {
        Change::DraftsPublished { comments, decision, at, .. } => {
            Change::DraftsPublished { comments, decision, seen: Some(version), at }
        }
        other => other,
    };
    assert_eq!(two.draft(2, 2, vec![seen(&[2], 1)]), [(0, rejected(Reason::CommentRemoved))], "never there");
    assert_eq!(two.draft(3, 2, vec![seen(&[2], 3)]), [(0, rejected(Reason::CommentRemoved))], "seen to go");
    assert_eq!(two.draft(4, 2, vec![seen(&[2], 2)]), []);
    assert_eq!(two.review.text(2), "reply 2");
    // That one holds the thread up, as any reply does.
    assert_eq!(two.draft(5, 3, vec![seen(&[3], 4)]), []);
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

/// A decision on a patch set of the review, of which its author had seen nine versions.
fn approved_on(number: u32) -> Option<PublishedDecision> {
    let PublishedDecision { status, note } = approved(9).unwrap();
    Some(PublishedDecision { status: FieldWrite { patch_set: Some(number), ..status }, note })
}

#[test]
fn a_decision_that_was_to_be_published_is_about_the_code_that_it_was_made_on() {
    for (went_back, on) in [(false, 2), (true, 2), (true, 1)] {
        let mut two = Two::new();
        let mut laptop = Replica::drafts(client(1), user(1), REVIEW, 50);
        // Refused, because the review has neither that version nor that code.
        laptop.publish_drafts(6, vec![], approved_on(on), Some(9)).unwrap();
        two.open(&mut laptop, 1);
        two.sync(&mut laptop, &mut 0);
        let [record] = laptop.rejected() else { panic!("one: {:?}", laptop.rejected()) };
        let id = record.id;
        assert_eq!(record.grounds.code, Some(9));
        if went_back {
            laptop.review_went_back();
            let all = super::super::replica::saves(&mut laptop, 7);
            assert!(all.iter().any(|save| save.ledger.is_some()), "which is saved");
        }
        let expected = if went_back && on > 1 { Err(EditError::UnknownBase) } else { Ok(()) };
        if expected.is_err() {
            assert_eq!(laptop.retry_rejected(8, id, comment(50)), expected);
        }
        assert_eq!(laptop.retry_publication(9, id, approved(1), Some(1)), expected);
        let left = usize::from(expected.is_err());
        assert_eq!((laptop.rejected().len(), laptop.unsynced().count), (left, 1 - left));
    }
}

#[test]
fn a_published_decision_that_no_other_replica_heard_of_is_offered_when_it_is_lost() {
    let mut two = Two::new();
    let mut laptop = Replica::drafts(client(1), user(1), REVIEW, 50);
    let mut seen = 0;
    two.open(&mut laptop, 1);
    for value in [Status::ChangesRequested, Status::Approved] {
        let PublishedDecision { status, note } = approved(1).unwrap();
        let status = FieldWrite { value: value.into(), ..status };
        laptop.publish_drafts(6, vec![], Some(PublishedDecision { status, note }), Some(1)).unwrap();
        two.sync(&mut laptop, &mut seen);
    }
    assert_eq!((laptop.unsynced().count, laptop.receipts().len()), (0, 2));
    laptop.offline();
    laptop.renew(2_000, client(5), ResyncReason::HistoryLost);
    laptop.opening();
    let drafts = Two::new().drafts.sequencer;
    let whole = opened_whole(drafts.committed().clone(), drafts.head());
    laptop.opened(2_010, Opened { held: Some(1), ..whole }).unwrap();
    let [record] = laptop.rejected() else { panic!("the latest: {:?}", laptop.rejected()) };
    let (id, cause) = (record.id, record.cause);
    let [Change::DraftsPublished { comments, decision: Some(decision), seen: None, .. }] =
        &record.changes[..]
    else {
        panic!("{record:?}")
    };
    assert_eq!((cause, comments.len(), decision.status.seen), (Cause::HistoryLost, 0, 0));
    assert_eq!(decision.status.value, Status::Approved.into());
    laptop.retry_rejected(2_020, id, comment(50)).unwrap();
    assert_eq!((laptop.rejected().len(), laptop.unsynced().count), (0, 1));
}
