//! Answers to a batch whose entry is said to have gone by unseen: what is not so is not believed.

use super::reopen::{batch, in_flight, shown};
use super::replica::{drain, replica};
use super::*;

/// An answer to these bytes: that they are the entry there.
fn committed(sent: &Frozen, head: Head) -> Answer {
    let result =
        AnswerResult::Committed { version: head.version, hash: Some(head.hash), verdicts: Vec::new() };
    Answer { seq: sent.seq, payload: Hash::of(sent.payload.as_bytes()), result }
}

#[test]
fn a_batch_whose_words_never_came_is_not_taken_for_what_is_here() {
    let (mut server, mut replica, sent) = in_flight();
    server.take(2, 1, 2, vec![edit(1, "[7,\"!\"]")]);
    let before = replica.head().unwrap();
    let theirs = EncodedEntry::new(&server.delivered[0], before.hash);
    replica.receive(210, &theirs).unwrap();
    let here = replica.head().unwrap();
    // That is somebody else's entry.
    assert_eq!(replica.answered(220, committed(&sent, here)), Err(ResyncReason::Diverged));
    assert_eq!((shown(&replica, 1), replica.receipts().len()), ("A one two!".into(), 1), "nothing vanishes");
    assert_eq!(replica.head(), None, "the whole review tells");
    // The server settles it first, and says what it is again.
    let open = replica.opening();
    assert_eq!(open.in_flight.map(|batch| batch.seq), Some(sent.seq));
    server.take_bytes(1, batch(&sent));
    let last = server.sequencer.last_answer(client(1)).cloned();
    let held = open.known.first().map(|known| known.version);
    let whole = opened_whole(server.sequencer.committed().clone(), server.sequencer.head());
    replica.opened(230, Opened { last, held, ..whole }).unwrap();
    assert_eq!((shown(&replica, 1), replica.unsynced().count), ("A one two!".into(), 0));
    assert_eq!(replica.receipts().last().map(|receipt| receipt.version), Some(4));
}

#[test]
fn an_entry_at_or_before_its_base_or_a_receipt_is_none() {
    for version in [1, 2] {
        let (_, mut replica, sent) = in_flight();
        let head = Head { version, hash: replica.head().unwrap().hash };
        assert_eq!(replica.answered(220, committed(&sent, head)), Err(ResyncReason::Diverged));
        assert_eq!((shown(&replica, 1), replica.unsynced().count), ("A one two".into(), 1));
    }
}

#[test]
fn a_field_that_was_set_unseen_is_believed_where_the_hash_fits() {
    for fits in [true, false] {
        let mut server = Server::new();
        let mut replica = replica(1);
        replica.set_field(0, Entity::Review, "title", FieldValue::Text("new".into())).unwrap();
        replica.flush(10);
        let sent = drain(&mut replica, 10).0.remove(0);
        server.take_bytes(1, batch(&sent));
        replica.offline();
        replica.opening();
        let mut steps = CatchUp::new([]);
        server.delivered.iter().for_each(|entry| steps.push(entry));
        let head = server.sequencer.head();
        let said = if fits { head } else { Head { hash: Hash::of(b"another log"), ..head } };
        let (steps, last) = (steps.finish(), Some(committed(&sent, said)));
        let taken = replica.opened(20, Opened { steps, last, ..opened(head) });
        assert_eq!(taken, if fits { Ok(()) } else { Err(ResyncReason::Diverged) });
        assert_eq!((replica.receipts().len(), replica.unsynced().count), if fits { (1, 0) } else { (0, 1) });
    }
}
