//! What is made once more takes out nobody else's words, and is not forgotten undone.

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
