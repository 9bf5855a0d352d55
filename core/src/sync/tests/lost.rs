//! A server that does not know the review at all any more.

use super::replica::{drain, replica, saves};
use super::*;
use crate::wire::ErrorCode;

fn line() -> Place {
    Place::Line(Anchor::head("x", 1))
}

/// One comment of one's own and one of somebody else's that the server had; the first is being edited, a third is
/// pending, and so is one batch on its way.
fn before() -> (Server, Replica) {
    let mut server = Server::new();
    let mut replica = replica(1);
    replica.add_comment(0, comment(1), line(), "mine").unwrap();
    replica.add_comment(0, comment(4), line(), "mine too").unwrap();
    replica.set_field(0, Entity::Review, "title", FieldValue::Text("my title".into())).unwrap();
    replica.flush(10);
    let sent = drain(&mut replica, 10).0.remove(0);
    server.take(1, 1, 1, serde_json::from_str::<Batch>(&sent.payload).unwrap().changes);
    server.take(2, 1, 2, vec![add(2, "theirs")]);
    let mut hash = replica.head().unwrap().hash;
    for entry in &server.delivered {
        let encoded = EncodedEntry::new(entry, hash);
        hash = encoded.hash;
        replica.receive(20, &encoded).unwrap();
    }
    replica.replace_text(30, comment(1), 4, 0, ", edited").unwrap();
    replica.flush(30);
    assert_eq!(drain(&mut replica, 30).0.len(), 1);
    replica.add_comment(40, comment(3), line(), "pending").unwrap();
    (server, replica)
}

fn kept(replica: &Replica) -> Vec<(Cause, Option<CommentId>, Option<&str>)> {
    let kept = replica.rejected().iter();
    kept.map(|kept| (kept.cause, kept.comment, kept.mine.as_deref())).collect()
}

#[test]
fn everything_of_ones_own_is_offered_once_and_nothing_waits_for_ever() {
    let (_, mut replica) = before();
    replica.offline();
    replica.opening();
    drain(&mut replica, 90);
    replica.review_lost(100, client(9));
    let (sent, told) = drain(&mut replica, 100);
    assert!(sent.is_empty());
    let stuck = |event: &&Event| **event == Event::Stuck(ErrorCode::UnknownReview);
    assert_eq!(told.iter().filter(stuck).count(), 1);
    let lost = Cause::HistoryLost;
    let all = [
        (lost, Some(comment(4)), Some("mine too")),
        (lost, None, None),
        (lost, Some(comment(1)), Some("mine, edited")),
        (lost, Some(comment(3)), Some("pending")),
    ];
    assert_eq!(kept(&replica), all);
    assert!(matches!(&replica.rejected()[1].changes[..], [Change::FieldsChanged { .. }]));
    assert_eq!((replica.unsynced().count, replica.is_stuck()), (0, Some(ErrorCode::UnknownReview)));
    // What the server had is still shown here; trying it again there must not make a draft disappear.
    assert_eq!(replica.comment(comment(2)).unwrap().text.as_str(), "theirs");
    assert_eq!(replica.retry_rejected(110, 1, comment(8)), Err(EditError::ReviewLost));

    // A restart knows it, and hearing it again offers what an earlier release has taken since, and nothing twice.
    let all_saves = saves(&mut replica, 110);
    assert!(all_saves.is_empty(), "it is saved");
    replica.save_anew();
    let mut save = saves(&mut replica, 120).pop().unwrap();
    save.pending.buffer.push(add(5, "since"), &Limits::default()).unwrap();
    let ledger = Some(SavedLedger {
        format: SAVED_FORMAT,
        rejected: replica.rejected().to_vec(),
        receipts: replica.receipts().to_vec(),
        wrote: Default::default(),
        last_rejected: 4,
        code: Default::default(),
        lost: true,
        visits: Default::default(),
    });
    let confirmed = SavedReview {
        format: SAVED_FORMAT,
        head: replica.head().unwrap(),
        review: replica.confirmed().clone(),
    };
    let restore = Restore { pending: save.pending, ledger, confirmed: Some(confirmed), entries: vec![] };
    let mut replica = Replica::restore(130, restore, 50);
    assert!(replica.is_lost());
    replica.opening();
    replica.review_lost(140, client(10));
    assert_eq!((kept(&replica).len(), replica.client()), (5, client(9)));
    assert_eq!(kept(&replica)[4], (lost, Some(comment(5)), Some("since")));
}

#[test]
fn no_edit_is_taken_of_what_can_never_be_sent() {
    let (_, mut replica) = before();
    replica.review_lost(100, client(9));
    drain(&mut replica, 100);
    let (shown, kept) = (replica.comment(comment(1)), replica.rejected().to_vec());
    let title = FieldValue::Text("new title".into());
    let tried = [
        replica.add_comment(110, comment(5), line(), "new"),
        replica.add_comment(110, comment(6), Place::Reply(comment(2)), "answer"),
        replica.replace_text(110, comment(1), 0, 0, "more "),
        replica.set_text(110, comment(2), "all of it"),
        replica.set_field(110, Entity::Review, "title", title),
        replica.set_field(110, Entity::Comment(comment(2)), "resolved", FieldValue::Flag(true)),
        replica.change_set(110, Entity::Review, "tags", ["new".into()].into(), Default::default()),
        replica.decide(110, Status::Approved, None),
        replica.remove_comment(110, comment(1)),
    ];
    assert_eq!(tried, [Err(EditError::ReviewLost); 9]);
    let (sent, told) = drain(&mut replica, 200);
    assert!(sent.is_empty() && told.is_empty(), "{told:?}");
    assert_eq!(
        (replica.comment(comment(1)), replica.rejected()),
        (shown, &kept[..]),
        "all of it is still here"
    );
    assert_eq!((replica.unsynced().count, replica.wake_at()), (0, None));
}

#[test]
fn a_server_that_has_the_review_again_is_gone_on_with_under_another_id() {
    let (mut server, mut replica) = before();
    replica.offline();
    let before = drain(&mut replica, 90);
    assert!(before.0.is_empty());
    replica.review_lost(100, client(9));
    let all = saves(&mut replica, 100);
    assert!(all.iter().any(|save| save.ledger.as_ref().is_some_and(|ledger| ledger.lost)));
    server.sequencer.client_opened(client(9), None);
    let open = replica.opening();
    assert_eq!((open.client, open.have, open.in_flight), (Some(client(9)), replica.head(), None));
    replica.opened(110, opened(server.sequencer.head())).unwrap();
    assert!(!replica.is_lost() && replica.is_stuck().is_none() && replica.is_online());
    let again = saves(&mut replica, 110);
    assert!(again.iter().any(|save| save.ledger.as_ref().is_some_and(|ledger| !ledger.lost)));
    // A draft goes out if somebody wants that: words come back, none go.
    let id = replica.rejected().iter().find(|kept| kept.comment == Some(comment(1))).unwrap().id;
    replica.retry_rejected(120, id, comment(8)).unwrap();
    replica.flush(120);
    let sent = drain(&mut replica, 120).0.remove(0);
    assert_eq!(sent.seq, 1);
    server.take(9, 1, sent.base, serde_json::from_str::<Batch>(&sent.payload).unwrap().changes);
    assert_eq!(server.text(1), "mine, edited");
}
