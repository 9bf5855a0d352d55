//! What is kept, for how long, and under which name: saves that fail, ids of what was refused, ages, receipts.

use std::collections::BTreeSet;

use super::replica::{drain, replica, saves, unsaved};
use super::*;
use crate::wire::ErrorCode;

fn line() -> Place {
    Place::Line(Anchor::head("x", 1))
}

/// Hands in what waits and takes in what comes of it.
fn commit(server: &mut Server, replica: &mut Replica, now: u64) {
    replica.flush(now);
    for frozen in drain(replica, now).0 {
        let hash = replica.head().unwrap().hash;
        let batch: Batch = serde_json::from_str(&frozen.payload).unwrap();
        server.take(1, batch.seq, batch.base, batch.changes);
        replica.receive(now, &EncodedEntry::new(server.delivered.last().unwrap(), hash)).unwrap();
    }
}

#[test]
fn decisions_and_removals_that_the_server_lost_come_back_as_drafts_and_what_it_kept_does_not() {
    let mut server = Server::new();
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), line(), "one").unwrap();
    replica.add_comment(0, comment(2), line(), "two").unwrap();
    replica.set_field(0, Entity::Review, "title", FieldValue::Text("mine".into())).unwrap();
    commit(&mut server, &mut replica, 10);
    let mut restored = Server::new();
    restored.sequencer = {
        let (review, head) = (server.sequencer.committed().clone(), server.sequencer.head());
        Sequencer::new(review, head, server.sequencer.patch_sets().clone(), Limits::default())
    };
    restored.sequencer.client_opened(client(2), None);
    replica.set_field(20, Entity::Comment(comment(1)), "resolved", FieldValue::Flag(true)).unwrap();
    replica.remove_comment(20, comment(2)).unwrap();
    commit(&mut server, &mut replica, 30);
    // Somebody else goes on with the backup: what is overwritten there is not lost.
    let write = FieldWrite::new(FieldValue::Text("theirs".into()), 2);
    let fields = [("title".to_owned(), write)].into();
    let at = HlcTime { ms: 900, n: 0 };
    restored.take(2, 1, 2, vec![Change::FieldsChanged { entity: Entity::Review, fields, at }]);

    replica.offline();
    replica.renew(40, client(3), ResyncReason::HistoryLost);
    replica.opening();
    let (review, head) = (restored.sequencer.committed().clone(), restored.sequencer.head());
    replica.opened(50, Opened { held: Some(2), ..opened_whole(review, head) }).unwrap();
    let kept: Vec<_> =
        replica.rejected().iter().map(|kept| (kept.cause, kept.comment, &kept.changes[..])).collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept.iter().all(|(cause, ..)| *cause == Cause::HistoryLost));
    assert!(matches!(kept[0], (_, Some(id), [Change::FieldsChanged { .. }]) if id == comment(1)));
    assert!(matches!(kept[1], (_, Some(id), [Change::CommentRemoved { .. }]) if id == comment(2)));
    for id in [1, 2] {
        replica.retry_rejected(60, id, comment(9)).unwrap();
    }
    assert!(replica.comment(comment(1)).unwrap().resolved());
    assert!(replica.comment(comment(2)).unwrap().removed.is_some());
}

#[test]
fn tags_and_what_was_acknowledged_long_ago_come_back_as_well() {
    let mut server = Server::new();
    let mut replica = replica(1);
    let (empty, head) = (server.sequencer.committed().clone(), server.sequencer.head());
    replica.add_comment(0, comment(1), line(), "long ago").unwrap();
    replica.change_set(0, Entity::Review, "tags", ["urgent".to_owned()].into(), BTreeSet::new()).unwrap();
    commit(&mut server, &mut replica, 10);
    replica.add_comment(20, comment(2), line(), "much").unwrap();
    commit(&mut server, &mut replica, 30);
    for n in 0..300 {
        let at = replica.comment(comment(2)).unwrap().text.len();
        replica.replace_text(40 + n * 20, comment(2), at, 0, "!").unwrap();
        commit(&mut server, &mut replica, 50 + n * 20);
    }
    assert!(replica.receipts().iter().all(|receipt| !receipt.comments.contains(&comment(1))), "so long ago");
    let acknowledged = replica.receipts().to_vec();
    replica.offline();
    replica.renew(9_000, client(3), ResyncReason::HistoryLost);
    assert!(replica.receipts().iter().all(|receipt| receipt.client == Some(client(1))));
    assert_eq!(replica.receipts().len(), acknowledged.len());
    replica.opening();
    replica.opened(9_010, Opened { held: None, ..opened_whole(empty, head) }).unwrap();
    let kept = replica.rejected();
    let texts: BTreeSet<_> = kept.iter().filter_map(|kept| kept.comment).collect();
    assert_eq!(texts, [comment(1), comment(2)].into(), "{kept:?}");
    let tags = |kept: &&Rejected| matches!(&kept.changes[..], [Change::SetChanged { .. }]);
    let tags = kept.iter().find(tags).map(|kept| kept.id).unwrap();
    replica.retry_rejected(9_020, tags, comment(9)).unwrap();
    assert!(replica.sets(Entity::Review).elements("tags").any(|tag| tag == "urgent"));
}

#[test]
fn a_save_that_failed_is_made_whole() {
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), line(), "a").unwrap();
    let Some(ReplicaEffect::Save { .. }) = replica.poll() else { panic!("a save") };
    replica.save_failed(0);
    replica.tick(5_000);
    let save = saves(&mut replica, 5_000).remove(0);
    assert!(matches!(save.confirmed, SavedConfirmed::Whole(_)), "what is stored may be gone");
}

#[test]
fn entries_do_not_pile_up_while_nothing_can_be_saved() {
    let mut server = Server::new();
    let mut replica = replica(1);
    let mut hash = replica.head().unwrap().hash;
    let mut under_way = None;
    for n in 1..=1_000 {
        server.take(2, n, n, vec![add(u128::from(n), "x")]);
        let encoded = EncodedEntry::new(server.delivered.last().unwrap(), hash);
        hash = encoded.hash;
        replica.receive(0, &encoded).unwrap();
        if n == 400 {
            // One save is under way when the rest is given up.
            let Some(ReplicaEffect::Save { generation, .. }) = replica.poll() else { panic!("a save") };
            under_way = Some(generation);
        }
    }
    replica.saved(9_000, under_way.unwrap());
    let all = saves(&mut replica, 10_000);
    let last = all.last().unwrap();
    assert!(matches!(last.confirmed, SavedConfirmed::Whole(_)));
    assert_eq!(Replica::restore(0, saved_parts(&all), 50).confirmed(), replica.confirmed());
}

#[test]
fn no_two_refused_changes_ever_have_one_id() {
    let mut replica = unsaved(1);
    let mut all = saves(&mut replica, 0);
    for n in 1..=3 {
        replica.add_comment(0, comment(n), line(), "mine").unwrap();
        replica.renew(0, client(10 + n), ResyncReason::Copied);
        let id = replica.rejected().last().unwrap().id;
        assert_eq!(id, n as u64);
        assert!(replica.discard_rejected(Some(id)) && !replica.discard_rejected(Some(id)));
    }
    all.extend(saves(&mut replica, 0));
    let mut replica = Replica::restore(0, saved_parts(&all), 50);
    replica.add_comment(0, comment(9), line(), "mine").unwrap();
    replica.renew(0, client(20), ResyncReason::Copied);
    assert_eq!(replica.rejected()[0].id, 4, "not even after a restart");
}

#[test]
fn what_waits_is_as_old_as_it_is() {
    let mut replica = replica(1);
    let many = Limits::default().batch_changes + 50;
    for n in 0..many {
        replica.add_comment(n as u64, comment(1 + n as u128), line(), "x").unwrap();
    }
    replica.flush(10_000);
    assert_eq!(replica.unsynced().since, Some(0));
    let mut server = Server::new();
    let hash = replica.head().unwrap().hash;
    let batch: Batch = serde_json::from_str(&drain(&mut replica, 10_000).0[0].payload).unwrap();
    server.take(1, batch.seq, batch.base, batch.changes);
    replica.receive(10_010, &EncodedEntry::new(&server.delivered[0], hash)).unwrap();
    let Unsynced { count, of, since } = replica.unsynced();
    assert_eq!((count, of), (50, many));
    assert!(since.is_some_and(|since| since < 1_000), "{since:?}");
}

#[test]
fn who_is_refused_again_and_again_comes_less_often() {
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), line(), "a").unwrap();
    replica.flush(0);
    let seq = drain(&mut replica, 0).0[0].seq;
    let mut waits = vec![];
    let mut now = 0;
    for _ in 0..8 {
        replica.refused(now, seq, ErrorCode::StoreFailed, true, Some(250)).unwrap();
        let at = replica.wake_at().unwrap();
        waits.push(at - now);
        now = at;
        replica.tick(now);
        assert_eq!(drain(&mut replica, now).0.len(), 1);
    }
    assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 8_000]);
}

#[test]
fn a_wait_is_drawn_from_all_of_it() {
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), line(), "a").unwrap();
    replica.flush(0);
    let seq = drain(&mut replica, 0).0[0].seq;
    let mut given = 0;
    let mut wait = |replica: &mut Replica, now: u64, part: fn(u64) -> u64| {
        replica.spread_resend(|most| {
            given = most;
            part(most)
        });
        (given, replica.wake_at().unwrap() - now)
    };
    // No answer: from a second up to a bound that doubles to a minute.
    let mut now = 0;
    for most in [5_000, 10_000, 20_000, 40_000, 60_000, 60_000] {
        assert_eq!(wait(&mut replica, now, |_| 0), (most - 1_000, 1_000), "an answer may be under way");
        assert_eq!(wait(&mut replica, now, |most| most / 2), (most - 1_000, (most + 1_000) / 2));
        assert_eq!(wait(&mut replica, now, |most| most), (most - 1_000, most));
        now += most;
        replica.tick(now);
        assert_eq!(drain(&mut replica, now).0.len(), 1);
    }
    // Refused: the server's word is the least, and what is drawn on top doubles up to a bound.
    for most in [500, 1_000, 2_000, 4_000, 8_000, 8_000] {
        replica.refused(now, seq, ErrorCode::Overloaded, true, Some(250)).unwrap();
        assert_eq!(wait(&mut replica, now, |_| 0), (most - 250, 250));
        assert_eq!(wait(&mut replica, now, |most| most), (most - 250, most));
    }
    replica.refused(now, seq, ErrorCode::Overloaded, true, Some(30_000)).unwrap();
    assert_eq!(wait(&mut replica, now, |_| u64::MAX), (30_000, 60_000));
}

#[test]
fn an_acknowledgement_is_saved_with_its_receipt() {
    let mut server = Server::new();
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), line(), "a").unwrap();
    replica.flush(0);
    let batch: Batch = serde_json::from_str(&drain(&mut replica, 0).0[0].payload).unwrap();
    server.take(1, batch.seq, batch.base, batch.changes);
    let hash = replica.head().unwrap().hash;
    replica.receive(10, &EncodedEntry::new(&server.delivered[0], hash)).unwrap();
    let save = saves(&mut replica, 10).remove(0);
    let ledger = save.ledger.expect("the entries that came are a cache, receipts are not");
    assert_eq!((ledger.receipts.len(), ledger.receipts[0].version), (1, 2));
}

#[test]
fn words_that_somebody_else_has_brought_back_are_not_doubled() {
    let (mut server, mut restored) = (Server::new(), Server::new());
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), line(), "one").unwrap();
    commit(&mut server, &mut replica, 10);
    restored.take(1, 1, 1, vec![add(1, "one")]);
    replica.replace_text(20, comment(1), 3, 0, " two").unwrap();
    commit(&mut server, &mut replica, 30);
    replica.renew(40, client(3), ResyncReason::HistoryLost);
    replica.opening();
    restored.take(2, 1, 2, vec![edit(1, "[3,\" more two\"]")]);
    let (review, head) = (restored.sequencer.committed().clone(), restored.sequencer.head());
    replica.opened(50, Opened { held: Some(2), ..opened_whole(review, head) }).unwrap();
    let id = replica.rejected()[0].id;
    // Whether "more" is what was to go, nobody can tell here.
    assert_eq!(replica.retry_rejected(60, id, comment(9)), Err(EditError::UnknownBase));
    assert_eq!(replica.comment(comment(1)).unwrap().text.as_str(), "one more two");
    assert_eq!((replica.rejected().len(), replica.unsynced().count), (1, 0));
}
