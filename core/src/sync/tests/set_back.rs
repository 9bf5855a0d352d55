//! A log that was set back and has grown past its old end since: who starts over asks whether what was acknowledged is
//! in there.

use super::reopen::{batch, in_flight, shown};
use super::replica::drain;
use super::*;

/// A replica whose client began anew after its edits were acknowledged, so that no number of its own tells.
fn acknowledged() -> (Server, Replica) {
    let (mut server, mut replica, sent) = in_flight();
    server.take_bytes(1, batch(&sent));
    let head = replica.head().unwrap();
    replica.receive(210, &EncodedEntry::new(&server.delivered[0], head.hash)).unwrap();
    replica.renew(220, client(3), ResyncReason::Copied);
    drain(&mut replica, 220);
    (server, replica)
}

/// A server that was restored from before all of that, and has taken more than that from others.
fn regrown() -> Server {
    let mut server = Server::new();
    (1..=5).for_each(|n| drop(server.take(2, n, n, vec![add(10 + u128::from(n), "others'")])));
    server
}

fn whole(server: &Server, held: Option<u64>) -> Opened {
    Opened { held, ..opened_whole(server.sequencer.committed().clone(), server.sequencer.head()) }
}

#[test]
fn what_is_not_in_the_log_any_more_is_lost_history() {
    let (_, mut replica) = acknowledged();
    let server = regrown();
    let here = replica.head().unwrap();
    assert!(server.sequencer.head().version > here.version, "its version alone tells nothing");
    replica.start_over();
    let open = replica.opening();
    let versions: Vec<_> = open.known.iter().map(|known| known.version).collect();
    assert_eq!((open.have, versions), (None, vec![3, 2]));
    assert_eq!(replica.opened(300, whole(&server, None)), Err(ResyncReason::HistoryLost));
    assert_eq!(shown(&replica, 1), "A one two", "nothing has gone");
    replica.renew(310, client(4), ResyncReason::HistoryLost);
    assert_eq!(replica.opening().known, open.known);
    replica.opened(320, whole(&server, None)).unwrap();
    let kept = replica.rejected();
    assert_eq!(
        (kept.len(), kept[0].cause, kept[0].mine.as_deref()),
        (1, Cause::HistoryLost, Some("A one two"))
    );
    assert!(replica.receipts().is_empty() && replica.comment(comment(11)).is_some());
}

#[test]
fn a_part_of_it_that_is_not_in_the_log_is_lost_history_as_well() {
    let (_, mut replica) = acknowledged();
    replica.start_over();
    replica.opening();
    assert_eq!(replica.opened(300, whole(&regrown(), Some(2))), Err(ResyncReason::HistoryLost));
}

#[test]
fn who_starts_over_where_all_of_it_is_there_goes_on_under_its_id() {
    let (server, mut replica) = acknowledged();
    assert!(replica.opening().known.is_empty(), "its place in the log says it all");
    replica.start_over();
    let newest = replica.opening().known[0];
    assert_eq!(newest, server.sequencer.head());
    replica.opened(300, whole(&server, Some(newest.version))).unwrap();
    assert_eq!((replica.client(), replica.rejected().len(), replica.receipts().len()), (client(3), 0, 2));
    // Asked once, it is not asked of what comes later.
    let open = replica.opening();
    assert_eq!((open.have, open.known.len()), (replica.head(), 0));
    replica.opened(310, opened(server.sequencer.head())).unwrap();
}

#[test]
fn a_server_that_has_not_heard_of_the_latest_entries_has_lost_nothing() {
    let (server, mut replica) = acknowledged();
    replica.start_over();
    let open = replica.opening();
    let here = open.known[0];
    assert_eq!((Some(here), open.known.len()), (Some(server.sequencer.head()), 2));
    // Its store has them, and the stream brings them.
    let mut behind = Server::new();
    behind.take(1, 1, 1, vec![add(1, "one two")]);
    let entry = EncodedEntry::new(&behind.delivered[0], created().2.hash);
    let committed = behind.sequencer.committed().clone();
    let told =
        Opened { held: Some(here.version), ..opened_whole(committed, Head { version: 2, hash: entry.hash }) };
    replica.opened(300, told).unwrap();
    assert_eq!(
        (replica.client(), replica.rejected().len(), shown(&replica, 1)),
        (client(3), 0, "one two".into())
    );
    let next = EncodedEntry::new(&server.delivered[0], entry.hash);
    replica.receive(310, &next).unwrap();
    let version = replica.head().map(|head| head.version);
    assert_eq!((shown(&replica, 1), version), ("A one two".into(), Some(here.version)));
}
