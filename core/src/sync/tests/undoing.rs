//! Undo, where what it takes back is not confirmed yet, or where nobody can say any more what others did meanwhile.

use super::*;

/// A replica with a comment of user 1's, as user 2 sees it.
fn reading(text: &str) -> (Server, Replica) {
    let mut server = Server::new();
    server.take(1, 1, 1, vec![add(1, text)]);
    let mut replica = Replica::new(client(2), user(2), server.sequencer.committed().id, 50);
    replica.opening();
    let whole = server.sequencer.committed().clone();
    replica.opened(0, opened_whole(whole, server.sequencer.head())).unwrap();
    (server, replica)
}

fn shown(replica: &Replica) -> String {
    replica.comment(comment(1)).unwrap().text.as_str().to_owned()
}

#[test]
fn what_is_undone_before_anybody_heard_of_it_never_happened() {
    let (_, mut replica) = reading("one two");
    replica.replace_text(100, comment(1), 0, 4, "").unwrap();
    assert_eq!(replica.unsynced().count, 1);
    assert!(replica.undo(110, comment(1)).unwrap());
    // As a deletion and an insertion it would bring the words back where somebody else has deleted them.
    assert_eq!((shown(&replica).as_str(), replica.unsynced().count), ("one two", 0));
    assert!(replica.redo(120, comment(1)).unwrap());
    assert_eq!((shown(&replica).as_str(), replica.unsynced().count), ("two", 1));
}

#[test]
fn undo_brings_back_nothing_that_somebody_else_deleted_before_a_snapshot() {
    for (theirs, left) in [("[-4,3]", "two"), ("[-7]", "")] {
        let (mut server, mut replica) = reading("one two");
        replica.replace_text(100, comment(1), 0, 4, "").unwrap();
        server.take(1, 2, 2, vec![edit(1, theirs)]);
        replica.offline();
        replica.opening();
        let whole = server.sequencer.committed().clone();
        replica.opened(200, opened_whole(whole, server.sequencer.head())).unwrap();
        assert_eq!(shown(&replica), left);
        replica.undo(300, comment(1)).unwrap();
        assert_eq!(shown(&replica), left);
    }
}

#[test]
fn undo_still_takes_back_what_a_snapshot_left_of_it() {
    let (mut server, mut replica) = reading("one two");
    replica.replace_text(100, comment(1), 0, 4, "").unwrap();
    server.take(1, 2, 2, vec![edit(1, "[7,\" three\"]")]);
    replica.offline();
    replica.opening();
    let whole = server.sequencer.committed().clone();
    replica.opened(200, opened_whole(whole, server.sequencer.head())).unwrap();
    assert_eq!(shown(&replica), "two three");
    assert!(replica.undo(300, comment(1)).unwrap());
    assert_eq!(shown(&replica), "one two three");
}
