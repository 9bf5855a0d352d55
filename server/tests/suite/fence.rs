//! No batch is answered twice, whoever appends.

use interline_core::entry::AnswerResult;
use interline_core::id::{ClientId, Seq};
use interline_server::store::{AppendOutcome, ReviewAppend, ReviewRow, Store};

use super::material::{answer_only, append, client, create};

use AppendOutcome::{Appended, Lost};

fn rejected(row: &ReviewRow, client: ClientId, seq: Seq) -> ReviewAppend {
    answer_only(row, client, seq, AnswerResult::Rejected(Vec::new()))
}

pub(super) async fn a_seq_is_answered_once(store: &dyn Store) {
    let row = create(store, None).await;
    let first = rejected(&row, client(1), 1);
    assert_eq!(store.append(std::slice::from_ref(&first)).await.unwrap(), [Appended]);
    // The head has not moved, and yet: another node, or this one once more.
    assert_eq!(store.append(std::slice::from_ref(&first)).await.unwrap(), [Lost]);
    assert_eq!(
        store.append(&[append(&row, &[(client(1), 1)])]).await.unwrap(),
        [Lost],
        "by another decision"
    );
    assert_eq!(store.entries(row.id, 0, 10).await.unwrap().len(), 1);
    for (seq, outcome) in [(3, Lost), (0, Lost), (2, Appended), (2, Lost), (1, Lost), (3, Appended)] {
        assert_eq!(store.append(&[rejected(&row, client(1), seq)]).await.unwrap(), [outcome], "{seq}");
    }
    assert_eq!(store.last_answer(row.id, client(1)).await.unwrap().unwrap().seq, 3);
    // Each client counts for itself, and in each review.
    let other = create(store, None).await;
    assert_eq!(store.append(&[rejected(&row, client(2), 2)]).await.unwrap(), [Lost]);
    assert_eq!(store.append(&[rejected(&other, client(1), 4)]).await.unwrap(), [Lost]);
    assert_eq!(store.append(&[rejected(&other, client(1), 1)]).await.unwrap(), [Appended]);
}

pub(super) async fn an_append_is_lost_as_a_whole(store: &dyn Store) {
    let (a, b) = (create(store, None).await, create(store, None).await);
    store.append(&[rejected(&a, client(1), 1)]).await.unwrap();
    // One record of the first does not follow; the other review's part stands.
    let requests = [append(&a, &[(client(2), 1), (client(1), 1)]), append(&b, &[(client(1), 1)])];
    assert_eq!(store.append(&requests).await.unwrap(), [Lost, Appended]);
    assert_eq!(store.find_review(&a.id.to_string()).await.unwrap(), Some(a.clone()));
    assert_eq!(store.last_answer(a.id, client(2)).await.unwrap(), None);
    assert_eq!(store.entries(a.id, 0, 10).await.unwrap().len(), 1);
    // Several batches of one client follow each other, with no gap and none twice.
    for from in [&[(client(2), 1), (client(2), 1)], &[(client(2), 1), (client(2), 3)]] {
        assert_eq!(store.append(&[append(&a, from)]).await.unwrap(), [Lost]);
    }
    let both = append(&a, &[(client(2), 1), (client(2), 2)]);
    assert_eq!(store.append(&[both]).await.unwrap(), [Appended]);
    assert_eq!(store.last_answer(a.id, client(2)).await.unwrap().unwrap().seq, 2);
}

pub(super) async fn parts_of_one_transaction_see_each_other(store: &dyn Store) {
    let row = create(store, None).await;
    // None of these moves the head, so that alone would let all of them pass.
    let requests = [
        rejected(&row, client(1), 1),
        rejected(&row, client(1), 1),
        rejected(&row, client(1), 2),
        rejected(&row, client(2), 1),
    ];
    assert_eq!(store.append(&requests).await.unwrap(), [Appended, Lost, Appended, Appended]);
    assert_eq!(store.last_answer(row.id, client(1)).await.unwrap().unwrap().seq, 2);
    // What lost is no reason for the next to pass.
    let mut forged = append(&row, &[(client(3), 1)]);
    forged.append.expected.version = 7;
    let requests = [forged, rejected(&row, client(3), 2), rejected(&row, client(3), 1)];
    assert_eq!(store.append(&requests).await.unwrap(), [Lost, Lost, Appended]);
}
