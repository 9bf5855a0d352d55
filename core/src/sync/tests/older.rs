//! What older software wrote still opens.

use super::*;

#[test]
fn an_older_entry_is_read_and_a_newer_one_is_not() {
    let payload = r#"{"format":1,"version":1,"author":"ann","client":"00000000-0000-0000-0000-000000000001","seq":0,"at":1,"facts":[{"review_created":{"title":"t"}},{"patch_set_added":{"number":1}},{"field_set":{"entity":"review","field":"status","value":"approved","stamp":{"at":{"ms":7},"client":"00000000-0000-0000-0000-000000000001"}}}]}"#;
    let hash = Hash::default().chain(payload.as_bytes());
    let encoded = EncodedEntry { version: 1, hash, payload: payload.into() };
    let mut review = Review::new(ReviewId(Uuid::from_u128(7)));
    review.apply(&encoded.decode().unwrap()).unwrap();
    assert_eq!((review.status(), review.status_policy), (Status::Approved, StatusPolicy::UserGuided));
    let newer = payload.replace("\"format\":1", &format!("\"format\":{}", ENTRY_FORMAT + 1));
    let newer = EncodedEntry { payload: newer.into(), ..encoded };
    assert!(newer.decode().unwrap_err().why.contains("newer"));
}

#[test]
fn an_older_snapshot_is_read_and_is_written_as_it_was() {
    let old = r#"{"id":"00000000-0000-0000-0000-000000000007","version":4,"created_at":1,"patch_set":1,"fields":{"title":{"value":"t","version":1,"by":"ann"}},"comments":{"00000000-0000-0000-0000-000000000001":{"id":"00000000-0000-0000-0000-000000000001","author":"ann","place":{"reply":"00000000-0000-0000-0000-000000000002"},"created":{"at":{"ms":5},"client":"00000000-0000-0000-0000-000000000001"},"added":2,"text":"a","removed":{"version":3,"by":"ann"}}}}"#;
    let review: Review = serde_json::from_str(old).unwrap();
    assert!(review.conflicts.is_empty() && review.decisions.is_empty() && review.sets.is_empty());
    assert_eq!(
        serde_json::to_string(&review).unwrap(),
        old,
        "nothing new is written where there is nothing new"
    );
}

#[test]
fn a_batch_that_older_software_froze_is_taken() {
    let old = r#"{"seq":1,"base":3,"changes":[{"text_edited":{"comment":"00000000-0000-0000-0000-000000000001","op":[2,"!"]}},{"fields_changed":{"entity":"review","fields":{"status":{"value":"approved","seen":3}},"at":{"ms":5}}},{"comment_removed":{"comment":"00000000-0000-0000-0000-000000000002"}}]}"#;
    let batch: Batch = serde_json::from_str(old).unwrap();
    assert_eq!(serde_json::to_string(&batch).unwrap(), old);
    let mut server = Server::new();
    server.take(2, 1, 1, vec![add(1, "ab")]);
    server.take(1, 1, 2, vec![add(2, "cd")]);
    let batch = Batch { seq: 2, ..batch };
    assert_eq!(server.take(1, 2, 3, batch.changes), []);
    let review = server.sequencer.committed();
    assert_eq!((review.status(), server.text(1)), (Status::Approved, "ab!"));
    assert!(review.comments[&comment(2)].removed.is_some());
}

#[test]
fn what_an_older_replica_saved_is_restored() {
    let pending = r#"{"format":2,"client":"00000000-0000-0000-0000-000000000001","user":"user1","review":"00000000-0000-0000-0000-000000000007","head":{"version":0,"hash":"0000000000000000000000000000000000000000000000000000000000000000"},"in_flight":null,"buffer":[{"fields_changed":{"entity":"review","fields":{"status":{"value":"approved","seen":1}},"at":{"ms":5}}}],"buffered_since":5,"next_seq":1,"clock":{"last":{"ms":5}}}"#;
    let pending: SavedPending = serde_json::from_str(pending).unwrap();
    let (_, review, head) = created();
    let confirmed = Some(SavedReview { format: 2, head, review });
    let pending = SavedPending { head, ..pending };
    let replica = Replica::restore(9, Restore { pending, ledger: None, confirmed, entries: vec![] }, 50);
    assert_eq!((replica.status(), replica.unsynced().count), (Status::Approved, 1));
}
