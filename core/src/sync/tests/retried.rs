//! What is made once more takes out nobody else's words, and is not forgotten undone.

use std::collections::BTreeSet;

use super::meetings::People;
use super::reopen::{answer, shown};
use super::replica::{drain, replica};
use super::*;

fn line() -> Place {
    Place::Line(Anchor::head("x", 1))
}

/// Everything that was delivered comes to a replica that has nothing of it yet.
fn hear(server: &Server, replica: &mut Replica) {
    let have = replica.head().unwrap().version;
    for entry in server.delivered.iter().filter(|entry| entry.version > have) {
        let hash = replica.head().unwrap().hash;
        replica.receive(50, &EncodedEntry::new(entry, hash)).unwrap();
    }
}

/// The store of the first was copied, and the copy went on.
fn copied(server: &mut Server, replica: &mut Replica) -> u64 {
    replica.renew(100, client(3), ResyncReason::Copied);
    replica.opening();
    server.sequencer.client_opened(client(3), None);
    replica.opened(110, answer(server, 3, true, None)).unwrap();
    let [kept] = replica.rejected() else { panic!("one: {:?}", replica.rejected()) };
    assert_eq!(kept.cause, Cause::CopiedStore);
    kept.id
}

/// Two comments of the second's, of these texts, at a server and with the first.
fn begun(texts: &[&str]) -> (Server, Replica) {
    let (mut server, mut replica) = (Server::new(), replica(1));
    let added = (1..).zip(texts).map(|(n, text)| add(n, text)).collect();
    assert_eq!(server.take(2, 1, 1, added), []);
    hear(&server, &mut replica);
    (server, replica)
}

/// Hands in what waits and takes in what comes of it.
fn commit(server: &mut Server, replica: &mut Replica) {
    replica.flush(20);
    let sent = drain(replica, 20).0.remove(0);
    server.take_bytes(1, serde_json::from_str(&sent.payload).unwrap());
    hear(server, replica);
}

/// The server is set back to a version that it holds, where somebody may have gone on.
fn lose(restored: &Server, replica: &mut Replica, held: u64) {
    replica.offline();
    replica.renew(1_000, client(3), ResyncReason::HistoryLost);
    replica.opening();
    let (review, head) = (restored.sequencer.committed().clone(), restored.sequencer.head());
    replica.opened(1_010, Opened { held: Some(held), ..opened_whole(review, head) }).unwrap();
}

#[test]
fn a_comment_that_the_other_copy_has_sent_keeps_what_others_wrote_in_it() {
    let (mut server, mut replica) = (Server::new(), replica(1));
    replica.add_comment(0, comment(1), line(), "mine").unwrap();
    server.take(1, 1, 1, vec![add(1, "mine")]);
    server.take(2, 1, 2, vec![edit(1, "[4,\" and theirs\"]")]);
    let id = copied(&mut server, &mut replica);
    replica.retry_rejected(120, id, comment(9)).unwrap();
    assert_eq!((shown(&replica, 1).as_str(), replica.rejected().len()), ("mine and theirs", 0));
}

#[test]
fn words_that_stand_elsewhere_are_not_those_that_were_meant() {
    for (insert, at, meant) in [
        ("not ", 10, "please do not merge, this is not critical"),
        (" ", 9, "please do  merge, this is not critical"),
    ] {
        let (mut server, mut replica) = begun(&["please do merge, this is not critical"]);
        replica.replace_text(60, comment(1), at, 0, insert).unwrap();
        let id = copied(&mut server, &mut replica);
        replica.retry_rejected(120, id, comment(9)).unwrap();
        assert_eq!((shown(&replica, 1).as_str(), replica.rejected().len()), (meant, 0));
    }
}

#[test]
fn words_that_the_other_copy_has_sent_are_there_once() {
    for theirs in ["[\"not so, \",9]", "[\"I say: not so, \",9]", "[\"not so, really, \",9]"] {
        let (mut server, mut replica) = begun(&["it is bad"]);
        replica.replace_text(60, comment(1), 0, 0, "not so, ").unwrap();
        server.take(2, 2, 2, vec![edit(1, theirs)]);
        let there = server.text(1).to_owned();
        let id = copied(&mut server, &mut replica);
        replica.retry_rejected(120, id, comment(9)).unwrap();
        assert_eq!((shown(&replica, 1), replica.rejected().len()), (there, 0));
    }
}

#[test]
fn a_deletion_that_was_lost_is_made_again_where_it_can_be_told() {
    let theirs = [None, Some("[13,\", and more\"]"), Some("[5,\"X\",8]"), Some("[4,-4,5]")];
    let becomes = [
        (Ok(()), "one three"),
        (Err(EditError::UnknownBase), "one two three, and more"),
        (Err(EditError::UnknownBase), "one tXwo three"),
        (Ok(()), "one three"),
    ];
    for (theirs, becomes) in theirs.into_iter().zip(becomes) {
        let (mut server, mut replica) = begun(&["one two three"]);
        replica.replace_text(60, comment(1), 4, 4, "").unwrap();
        commit(&mut server, &mut replica);
        let (mut restored, _) = begun(&["one two three"]);
        let edits: Vec<_> = theirs.into_iter().map(|theirs| edit(1, theirs)).collect();
        if !edits.is_empty() {
            restored.take(2, 2, 2, edits);
        }
        lose(&restored, &mut replica, 2);
        let id = replica.rejected().first().map(|kept| kept.id);
        let done = id.map_or(Ok(()), |id| replica.retry_rejected(1_020, id, comment(9)));
        assert_eq!((done, shown(&replica, 1).as_str()), becomes);
        assert_eq!(replica.rejected().is_empty(), done.is_ok(), "kept as long as it is not made");
    }
}

#[test]
fn a_lost_deletion_goes_past_what_others_write_after_it_was_offered() {
    let (mut server, mut replica) = begun(&["one two three"]);
    replica.replace_text(60, comment(1), 4, 4, "").unwrap();
    commit(&mut server, &mut replica);
    let (mut restored, _) = begun(&["one two three"]);
    lose(&restored, &mut replica, 2);
    restored.take(2, 2, 2, vec![edit(1, "[13,\", and more\"]")]);
    hear(&restored, &mut replica);
    let id = replica.rejected()[0].id;
    replica.retry_rejected(1_020, id, comment(9)).unwrap();
    assert_eq!((shown(&replica, 1).as_str(), replica.rejected().len()), ("one three, and more", 0));
}

#[test]
fn a_thread_that_was_lost_comes_back_whole() {
    let (mut server, mut replica) = (Server::new(), replica(1));
    replica.add_comment(0, comment(1), line(), "root").unwrap();
    replica.add_comment(0, comment(2), Place::Reply(comment(1)), "reply").unwrap();
    commit(&mut server, &mut replica);
    let restored = Server::new();
    lose(&restored, &mut replica, 1);
    let ids: Vec<_> = replica.rejected().iter().map(|kept| kept.id).collect();
    assert_eq!(replica.retry_rejected(1_020, ids[1], comment(9)), Err(EditError::UnknownComment));
    for id in ids {
        replica.retry_rejected(1_020, id, comment(9)).unwrap();
    }
    // Others' replies to it find it as well.
    assert_eq!((shown(&replica, 1).as_str(), replica.rejected().len()), ("root", 0));
    assert_eq!(replica.comment(comment(2)).unwrap().place, Place::Reply(comment(1)));
}

#[test]
fn a_reply_that_was_set_aside_follows_what_it_replies_to() {
    let (mut server, mut replica) = (Server::new(), replica(1));
    replica.add_comment(0, comment(1), line(), "root").unwrap();
    replica.add_comment(0, comment(2), Place::Reply(comment(1)), "reply").unwrap();
    replica.renew(100, client(3), ResyncReason::Copied);
    replica.opening();
    server.sequencer.client_opened(client(3), None);
    replica.opened(110, answer(&server, 3, true, None)).unwrap();
    let ids: Vec<_> = replica.rejected().iter().map(|kept| kept.id).collect();
    replica.retry_rejected(120, ids[0], comment(9)).unwrap();
    replica.retry_rejected(120, ids[1], comment(10)).unwrap();
    assert_eq!(replica.comment(comment(10)).unwrap().place, Place::Reply(comment(9)));
}

fn add_code(server: &mut Server) {
    server.sequencer.patch_sets.insert(1, patch_sets::code(patch_sets::FIRST));
    server.sequencer.add_patch_set(30, patch_sets::next(2, patch_sets::FIRST, patch_sets::SECOND));
    server.poll();
    server.commit();
}

#[test]
fn a_decision_is_made_again_only_on_the_code_that_it_was_made_on() {
    // Whether the backup has that code, and whether the store is read anew meanwhile.
    for (kept, restart) in [(true, false), (false, false), (false, true)] {
        let (mut server, mut restored, mut replica) = (Server::new(), Server::new(), replica(1));
        add_code(&mut server);
        hear(&server, &mut replica);
        replica.decide(15, Status::Approved, None).unwrap();
        commit(&mut server, &mut replica);
        // Where the backup has not, somebody adds other code, which takes the number.
        add_code(&mut restored);
        if restart {
            replica.save_anew();
            let all = super::replica::saves(&mut replica, 30);
            replica = Replica::restore(40, saved_parts(&all), 50);
        }
        lose(&restored, &mut replica, if kept { 2 } else { 1 });
        let ids: Vec<_> = replica.rejected().iter().map(|kept| kept.id).collect();
        assert_eq!(ids.len(), 1);
        let done = replica.retry_rejected(1_020, ids[0], comment(9));
        assert_eq!(done, if kept { Ok(()) } else { Err(EditError::UnknownBase) });
        let decided = replica.decisions().get(&user(1)).map(|decision| decision.patch_set);
        assert_eq!((decided, replica.rejected().len()), if kept { (Some(2), 0) } else { (None, 1) });
    }
}

#[test]
fn a_decision_on_code_that_is_nowhere_is_made_on_no_other() {
    let (mut server, restored, mut replica) = (Server::new(), Server::new(), replica(1));
    add_code(&mut server);
    hear(&server, &mut replica);
    replica.decide(15, Status::Approved, None).unwrap();
    commit(&mut server, &mut replica);
    lose(&restored, &mut replica, 1);
    let id = replica.rejected()[0].id;
    assert_eq!(replica.retry_rejected(1_020, id, comment(9)), Err(EditError::UnknownBase));
    assert!(!replica.decisions().contains_key(&user(1)) && replica.rejected().len() == 1);
}

#[test]
fn what_was_known_of_code_outlives_a_restart() {
    for before_it_was_saved in [false, true] {
        let (mut server, mut replica) = (Server::new(), replica(1));
        add_code(&mut server);
        hear(&server, &mut replica);
        assert_eq!(server.take(2, 1, 2, vec![add(1, "theirs")]), []);
        hear(&server, &mut replica);
        replica.save_anew();
        let mut restore = saved_parts(&super::replica::saves(&mut replica, 30));
        if before_it_was_saved {
            let mut ledger = serde_json::to_value(restore.ledger.unwrap()).unwrap();
            assert_eq!(ledger.as_object_mut().unwrap().remove("code").unwrap()["2"], 2);
            restore.ledger = Some(serde_json::from_value(ledger).unwrap());
        }
        let mut replica = Replica::restore(40, restore, 50);
        replica.opening();
        replica.opened(50, answer(&server, 1, false, None)).unwrap();
        replica.decide(60, Status::Approved, None).unwrap();
        commit(&mut server, &mut replica);
        // The backup has the code, and nothing of what came behind it.
        let mut restored = Server::new();
        add_code(&mut restored);
        lose(&restored, &mut replica, 2);
        let id = replica.rejected()[0].id;
        let again = replica.retry_rejected(1_020, id, comment(9));
        assert_eq!(again, if before_it_was_saved { Err(EditError::UnknownBase) } else { Ok(()) });
    }
}

/// Two who disagree about the status. While the first of them ends that, somebody goes on with a copy of their store.
fn set_aside_resolution() -> (People, u64) {
    let mut people = People::new(2);
    for (who, status) in [(1, Status::Approved), (2, Status::ChangesRequested)] {
        people.of(who).set_field(0, Entity::Review, "status", status.into()).unwrap();
    }
    people.settle();
    let id = people.open()[0].id;
    people.leave(1);
    people.of(1).settle(0, id, Resolution::Value(Status::Pending.into())).unwrap();
    people.of(1).renew(100, client(3), ResyncReason::Copied);
    people.server.sequencer.client_opened(client(3), None);
    open_anew(&mut people);
    let [kept] = people.of(1).rejected() else { panic!("what would have ended it") };
    assert!(matches!(kept.changes[..], [Change::ConflictSettled { .. }]));
    let kept = kept.id;
    (people, kept)
}

fn open_anew(people: &mut People) {
    let now = answer(&people.server, 3, true, None);
    people.of(1).start_over();
    people.of(1).opening();
    people.of(1).opened(20_000, now).unwrap();
}

#[test]
fn a_resolution_is_made_again_while_the_conflict_is_open() {
    let (mut people, kept) = set_aside_resolution();
    let first = people.of(1);
    assert_eq!(first.conflicts().len(), 1);
    first.retry_rejected(20_010, kept, comment(9)).unwrap();
    assert_eq!((first.conflicts().len(), first.rejected().len()), (0, 0));
    first.flush(20_020);
    let sent: Batch = serde_json::from_str(&drain(first, 20_020).0[0].payload).unwrap();
    people.server.take_bytes(3, sent);
    let review = people.server.sequencer.committed();
    assert_eq!((review.conflicts.open().count(), review.status()), (0, Status::Pending));
}

#[test]
fn a_resolution_of_what_is_over_is_kept() {
    let (mut people, kept) = set_aside_resolution();
    let id = people.open()[0].id;
    people.of(2).settle(0, id, Resolution::Side(user(1))).unwrap();
    people.settle();
    open_anew(&mut people);
    let first = people.of(1);
    let again = first.retry_rejected(20_020, kept, comment(9));
    assert_eq!((again, first.rejected().len()), (Err(EditError::UnknownConflict), 1));
    assert_eq!((first.unsynced().count, first.status()), (0, Status::Approved));
}

#[test]
fn a_resolution_ends_no_other_conflict_that_has_the_name_by_now() {
    let (mut people, kept) = set_aside_resolution();
    let id = people.open()[0].id;
    // Where the log goes on from its first entry, somebody disagrees under the same number.
    let (review, head) = (people.server.sequencer.committed().clone(), people.server.sequencer.head());
    let first = people.of(1);
    first.renew(30_000, client(4), ResyncReason::HistoryLost);
    first.opening();
    first.opened(30_010, Opened { held: Some(1), ..opened_whole(review, head) }).unwrap();
    assert_eq!(first.conflicts()[0].id, id);
    assert_eq!(first.retry_rejected(30_020, kept, comment(9)), Err(EditError::UnknownConflict));
    assert!(first.rejected().iter().any(|record| record.id == kept));
}

#[test]
fn a_resolution_is_about_the_code_that_it_was_made_on() {
    let (mut people, kept) = set_aside_resolution();
    add_code(&mut people.server);
    open_anew(&mut people);
    let first = people.of(1);
    assert_eq!((first.conflicts().len(), first.confirmed().patch_set), (1, 2));
    assert_eq!(first.retry_rejected(20_020, kept, comment(9)), Err(EditError::UnknownBase));
    assert_eq!(first.rejected().len(), 1);
}

#[test]
fn what_two_devices_bring_back_is_there_once() {
    for flying in [false, true] {
        let (mut server, mut replica) = (Server::new(), replica(1));
        replica.add_comment(0, comment(1), line(), "mine").unwrap();
        let sent = flying.then(|| {
            replica.flush(10);
            drain(&mut replica, 10).0.remove(0)
        });
        server.sequencer.client_opened(client(4), None);
        let batch = Batch { seq: 1, base: 1, changes: vec![add(1, "mine")] };
        let payload = Hash::of(serde_json::to_string(&batch).unwrap().as_bytes());
        let submission = Submission { client: client(4), user: user(1), batch, payload, skew: 0 };
        server.sequencer.submit(1_000, submission, Past::default());
        server.poll();
        server.commit();
        hear(&server, &mut replica);
        replica.replace_text(15, comment(1), 4, 0, ", and more").unwrap();
        replica.add_comment(15, comment(2), Place::Reply(comment(1)), "reply").unwrap();
        if let Some(sent) = sent {
            server.take_bytes(1, serde_json::from_str(&sent.payload).unwrap());
            let (_, answer) = server.answers.pop().unwrap();
            replica.answered(18, answer).unwrap();
        }
        commit(&mut server, &mut replica);
        assert_eq!((server.text(1), shown(&replica, 1).as_str()), ("mine, and more", "mine, and more"));
        assert_eq!((server.text(2), replica.rejected()), ("reply", &[][..]), "in flight: {flying}");
    }
}

/// A tag of the first's that is refused, on the second's comment, behind which the first typed.
fn refused_tag(typed: bool) -> (Server, Replica, u64) {
    let (mut server, mut replica) = begun(&["words"]);
    let tags = |from: u32, count: u32| (from..from + count).map(|n| format!("t{n}")).collect::<BTreeSet<_>>();
    replica.change_set(10, Entity::Comment(comment(1)), "tags", tags(90, 1), [].into()).unwrap();
    replica.flush(10);
    let sent = drain(&mut replica, 10).0.remove(0);
    if typed {
        replica.replace_text(11, comment(1), 5, 0, " typed").unwrap();
    }
    let (entity, field, remove) = (Entity::Comment(comment(1)), "tags".into(), [].into());
    server.take(2, 2, 2, vec![Change::SetChanged { entity, field, add: tags(0, 16), remove }]);
    server.take_bytes(1, serde_json::from_str(&sent.payload).unwrap());
    hear(&server, &mut replica);
    if let Some((_, answer)) = server.answers.pop() {
        replica.answered(12, answer).unwrap();
    }
    let id = replica.rejected()[0].id;
    (server, replica, id)
}

#[test]
fn what_is_not_about_words_writes_none_when_it_is_tried_again() {
    let (mut server, mut replica, id) = refused_tag(true);
    commit(&mut server, &mut replica);
    replica.replace_text(30, comment(1), 5, 6, "").unwrap();
    assert_eq!((shown(&replica, 1).as_str(), replica.rejected()[0].mine.as_deref()), ("words", None));
    replica.change_set(35, Entity::Comment(comment(1)), "tags", [].into(), ["t0".to_owned()].into()).unwrap();
    replica.retry_rejected(40, id, comment(9)).unwrap();
    assert_eq!(shown(&replica, 1), "words", "words that were taken out since come back");

    let (mut server, mut replica, id) = refused_tag(false);
    let removed = Change::CommentRemoved { comment: comment(1), seen: None };
    server.take(2, 3, server.sequencer.head().version, vec![removed]);
    hear(&server, &mut replica);
    assert!(replica.retry_rejected(40, id, comment(9)).is_err(), "there is nothing to tag");
    assert_eq!((replica.comment(comment(9)), replica.rejected().len()), (None, 1));
}
