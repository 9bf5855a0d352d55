//! Who used a seq: a copy of the local store, an earlier request of one's own, or nobody.

use super::reopen::{answer, batch, in_flight, shown};
use super::replica::{drain, replica};
use super::*;
use crate::wire::ErrorCode;

#[test]
fn a_copied_store_is_noticed_and_sends_nothing() {
    let (mut server, mut replica, sent) = in_flight();
    let copy = || {
        let (_, mut replica, _) = in_flight();
        replica.offline();
        replica.opening();
        replica
    };
    // The other copy went on: with these bytes and more, or with others under this seq.
    server.take_bytes(1, batch(&sent));
    server.take(1, 3, 3, vec![add(2, "more")]);
    let further = copy().opened(300, answer(&server, 1, true, None));
    assert_eq!(further, Err(ResyncReason::Copied));
    let (mut server, _, sent) = in_flight();
    server.take(1, sent.seq, 2, vec![add(2, "other")]);
    let other = copy().opened(300, answer(&server, 1, true, None));
    assert_eq!(other, Err(ResyncReason::Copied));
    // While both are connected the one that comes second is refused, asks, and hears the same.
    assert_eq!(replica.refused(300, sent.seq, ErrorCode::SeqReused, false, None), Err(ResyncReason::Gap));
    replica.offline();
    replica.opening();
    assert_eq!(replica.opened(305, answer(&server, 1, true, None)), Err(ResyncReason::Copied));
    replica.renew(310, client(3), ResyncReason::Copied);
    assert_eq!((replica.unsynced().count, shown(&replica, 1)), (0, "one two".into()));
    let kept = &replica.rejected()[0];
    assert_eq!((kept.cause, kept.mine.as_deref()), (Cause::CopiedStore, Some("A one two")));
    replica.opening();
    server.sequencer.client_opened(client(3), None);
    replica.opened(320, answer(&server, 3, true, None)).unwrap();
    assert!(drain(&mut replica, 320).0.is_empty());
    let id = replica.rejected()[0].id;
    replica.retry_rejected(330, id, comment(9)).unwrap();
    assert_eq!(shown(&replica, 1), "A one two");
}

#[test]
fn what_a_copy_had_undone_before_it_was_sent_cannot_be_done_again_there() {
    let (mut server, mut copy, sent) = in_flight();
    server.take_bytes(1, batch(&sent));
    let hash = copy.head().unwrap().hash;
    copy.receive(300, &EncodedEntry::new(&server.delivered[0], hash)).unwrap();
    drain(&mut copy, 300);
    copy.offline();
    // What is typed here is in both copies, which are made now. This one takes it back, the other sends it.
    copy.replace_text(310, comment(1), 0, 0, "B ").unwrap();
    assert!(copy.undo(320, comment(1)).unwrap());
    server.take(1, sent.seq + 1, 3, vec![edit(1, "[\"B \",9]")]);
    copy.opening();
    assert_eq!(copy.opened(330, answer(&server, 1, true, None)), Err(ResyncReason::Copied));
    copy.renew(340, client(3), ResyncReason::Copied);
    copy.opening();
    server.sequencer.client_opened(client(3), None);
    copy.opened(350, answer(&server, 3, true, None)).unwrap();
    assert_eq!(shown(&copy, 1), "B A one two");
    assert!(!copy.can_redo(comment(1)), "the other copy has done it");
}

#[test]
fn a_copy_that_goes_on_while_both_are_connected_is_noticed_by_its_first_entry() {
    let (mut server, mut replica, sent) = in_flight();
    server.take_bytes(1, batch(&sent));
    let hash = replica.head().unwrap().hash;
    let ours = EncodedEntry::new(&server.delivered[0], hash);
    replica.receive(300, &ours).unwrap();
    drain(&mut replica, 300);
    // Typed here, and not sent yet; the copy has the same words in its buffer, and is faster.
    replica.replace_text(310, comment(1), 0, 0, "B ").unwrap();
    drain(&mut replica, 310);
    server.take(1, sent.seq + 1, 3, vec![edit(1, "[\"B \",9]")]);
    let theirs = EncodedEntry::new(&server.delivered[1], ours.hash);
    let before = replica.head();
    assert_eq!(replica.receive(320, &theirs), Err(ResyncReason::Copied));
    assert_eq!((shown(&replica, 1), replica.head()), ("B A one two".into(), before), "not doubled");
    replica.renew(330, client(3), ResyncReason::Copied);
    assert_eq!(replica.rejected().len(), 1);
    replica.opening();
    server.sequencer.client_opened(client(3), None);
    replica.opened(340, answer(&server, 3, true, None)).unwrap();
    assert_eq!(shown(&replica, 1), "B A one two");
    // An entry of one's own from before is none of these.
    let (mut server, mut replica, sent) = in_flight();
    server.take_bytes(1, batch(&sent));
    replica.answered(300, server.sequencer.last_answer(client(1)).unwrap().clone()).unwrap();
    let ours = EncodedEntry::new(&server.delivered[0], replica.head().unwrap().hash);
    assert_eq!(replica.receive(310, &ours), Ok(()));
}

#[test]
fn a_batch_that_an_earlier_request_settled_is_said_again_under_the_same_id() {
    let (mut server, mut replica, sent) = in_flight();
    // The request of a connection that is gone has settled the seq; the batch that was sent since is refused.
    assert_eq!(server.sequencer.settle_seq(client(1), sent.seq), Settled::Pending);
    server.poll();
    server.commit();
    server.take_bytes(1, batch(&sent));
    assert_eq!(server.refused, [Refusal::SeqReused]);
    assert_eq!(replica.refused(300, sent.seq, ErrorCode::SeqReused, false, None), Err(ResyncReason::Gap));
    replica.offline();
    replica.opening();
    replica.opened(310, answer(&server, 1, false, None)).unwrap();
    assert_eq!((replica.client(), replica.rejected().len()), (client(1), 0));
    let again = drain(&mut replica, 310).0.remove(0);
    assert_eq!(again.seq, sent.seq + 1);
    server.take_bytes(1, batch(&again));
    assert_eq!(server.text(1), "A one two");
}

#[test]
fn a_copys_entry_is_not_taken_for_ones_own_where_it_sets_no_field() {
    let mut server = Server::lww();
    let mut one = replica(1);
    let approved: FieldValue = Status::Approved.into();
    let requested: FieldValue = Status::ChangesRequested.into();
    one.set_field(0, Entity::Review, "status", requested.clone()).unwrap();
    one.flush(0);
    drain(&mut one, 0);
    // Somebody else approves, and so does the other copy: nothing is left for its batch to set.
    server.take(2, 1, 1, vec![status(Status::Approved, 1, 5)]);
    server.take(1, 1, 1, vec![status(Status::Approved, 1, 5)]);
    let mut hash = one.head().unwrap().hash;
    let encoded: Vec<_> = server
        .delivered
        .iter()
        .map(|entry| {
            let encoded = EncodedEntry::new(entry, hash);
            hash = encoded.hash;
            encoded
        })
        .collect();
    assert!(server.delivered[1].facts.is_empty());
    one.receive(10, &encoded[0]).unwrap();
    assert_eq!(one.receive(11, &encoded[1]), Err(ResyncReason::Diverged));
    assert_eq!(one.field(Entity::Review, "status"), Some(requested));
    // Whose batch says what stands has lost nothing.
    let mut two = replica(1);
    two.set_field(0, Entity::Review, "status", approved).unwrap();
    two.flush(0);
    drain(&mut two, 0);
    encoded.iter().for_each(|entry| two.receive(10, entry).unwrap());
    assert_eq!((two.unsynced().count, two.rejected().len()), (0, 0));
}

#[test]
fn no_server_hears_of_a_batch_that_a_crash_would_forget() {
    let (mut server, mut replica, sent) = in_flight();
    server.take_bytes(1, batch(&sent));
    let head = replica.head().unwrap();
    replica.receive(210, &EncodedEntry::new(&server.delivered[0], head.hash)).unwrap();
    drain(&mut replica, 210);
    replica.replace_text(220, comment(1), 0, 0, "B ").unwrap();
    replica.flush(220);
    assert_eq!(replica.wake_at(), None, "it is frozen");
    replica.offline();
    assert_eq!(replica.opening().in_flight, None, "it is not saved yet");
    replica
        .opened(
            300,
            Opened {
                last: Some(server.sequencer.last_answer(client(1)).unwrap().clone()),
                ..opened(replica.head().unwrap())
            },
        )
        .unwrap();
    let again = drain(&mut replica, 300).0.remove(0);
    assert_eq!(again.seq, sent.seq + 1, "the seq is still free");
    server.take_bytes(1, batch(&again));
    assert_eq!(server.text(1), "B A one two");
}
