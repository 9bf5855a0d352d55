//! Logs of private drafts, and appends to two logs at once.

use interline_core::id::{ReviewId, UserId};
use interline_server::store::{AppendOutcome, DraftsOf, ReviewAppend, ReviewRow, Store};

use super::material::{append, client, create, head_after};

use AppendOutcome::{Appended, LinkedLost, Lost};

async fn drafts(store: &dyn Store, review: ReviewId, owner: &str) -> ReviewRow {
    let owner = UserId::new(owner).unwrap();
    store.open_drafts(&DraftsOf { review, owner }).await.unwrap()
}

/// One entry in each of two logs, both or neither.
fn both(main: &ReviewRow, linked: &ReviewRow, who: u128, seq: u64) -> ReviewAppend {
    let linked = Some(Box::new(append(linked, &[(client(who), seq)])));
    ReviewAppend { linked, ..append(main, &[(client(who + 1), seq)]) }
}

async fn now(store: &dyn Store, row: &ReviewRow) -> ReviewRow {
    store.find_log(row.id).await.unwrap().unwrap()
}

pub(super) async fn drafts_are_no_review(store: &dyn Store) {
    let review = create(store, None).await;
    let mine = drafts(store, review.id, "ann").await;
    assert_eq!(mine.id, review.id.drafts_of(&UserId::new("ann").unwrap()));
    assert_eq!((mine.head.version, mine.key.clone(), mine.created_at), (1, None, 0));
    assert_eq!(drafts(store, review.id, "ann").await, mine, "the same again");
    let theirs = drafts(store, review.id, "bo").await;
    assert_ne!(mine.id, theirs.id);
    // Nobody finds them who does not ask for a log by its id.
    assert_eq!(store.find_review(&mine.id.to_string()).await.unwrap(), None);
    assert_eq!(now(store, &mine).await, mine);
    assert_eq!(now(store, &review).await, review);
    let mut after = None;
    loop {
        let page = store.list_reviews(after, 100).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        assert!(page.iter().all(|row| row.drafts.is_none() && row.id != mine.id && row.id != theirs.id));
    }
    let first = store.entries(mine.id, 0, 10).await.unwrap();
    assert_eq!((first.len(), first[0].hash), (1, mine.head.hash));
    // Of many at once one makes it.
    let raced = create(store, None).await;
    let of = DraftsOf { review: raced.id, owner: UserId::new("ann").unwrap() };
    let opened = futures_util::future::try_join_all((0..8).map(|_| store.open_drafts(&of))).await.unwrap();
    assert!(opened.iter().all(|row| *row == opened[0]));
    let nowhere = DraftsOf { review: ReviewId(uuid::Uuid::now_v7()), ..of };
    assert!(store.open_drafts(&nowhere).await.is_err(), "drafts in a review that there is not");
}

pub(super) async fn linked_parts_happen_together(store: &dyn Store) {
    let review = create(store, None).await;
    let drafts = drafts(store, review.id, "ann").await;
    let untouched = create(store, None).await;
    let request = both(&review, &drafts, 1, 1);
    // Beside others, one of which loses.
    let mut forged = append(&untouched, &[(client(1), 1)]);
    forged.append.expected.version = 7;
    let outcomes = store.append(&[forged, request.clone()]).await.unwrap();
    assert_eq!(outcomes, [Lost, Appended]);
    let linked = request.linked.as_ref().unwrap();
    assert_eq!(now(store, &review).await.head, head_after(&request));
    assert_eq!(now(store, &drafts).await.head, head_after(linked));
    for (row, who) in [(&review, 2), (&drafts, 1)] {
        assert_eq!(store.entries(row.id, 0, 10).await.unwrap().len(), 2);
        assert_eq!(store.last_answer(row.id, client(who)).await.unwrap().unwrap().seq, 1);
    }
    // Once more, as after an outcome that nobody knows.
    assert_eq!(store.append(&[request]).await.unwrap(), [LinkedLost]);
    assert_eq!(store.entries(review.id, 0, 10).await.unwrap().len(), 2);
}

pub(super) async fn linked_parts_are_lost_together(store: &dyn Store) {
    let review = create(store, None).await;
    let drafts = drafts(store, review.id, "ann").await;
    let request = both(&review, &drafts, 1, 1);
    let same = |a: ReviewRow, b: &ReviewRow| assert_eq!(a, *b);
    // Either log ends elsewhere, or either client has moved on.
    let mut ahead = request.clone();
    ahead.append.expected.version += 1;
    let mut behind = request.clone();
    behind.linked.as_mut().unwrap().append.expected.hash = review.head.hash;
    let mut answered = request.clone();
    answered.append.records[0].answer.seq = 2;
    let mut gap = request.clone();
    gap.linked.as_mut().unwrap().append.records[0].answer.seq = 3;
    for (request, outcome) in [(ahead, Lost), (behind, LinkedLost), (answered, Lost), (gap, LinkedLost)] {
        assert_eq!(store.append(&[request]).await.unwrap(), [outcome]);
        same(now(store, &review).await, &review);
        same(now(store, &drafts).await, &drafts);
        for (row, who) in [(&review, 2), (&drafts, 1)] {
            assert_eq!(store.entries(row.id, 0, 10).await.unwrap().len(), 1);
            assert_eq!(store.last_answer(row.id, client(who)).await.unwrap(), None);
        }
    }
    // What an earlier part of the transaction did counts.
    let first = append(&drafts, &[(client(7), 1)]);
    assert_eq!(store.append(&[first, request]).await.unwrap(), [Appended, LinkedLost]);
    same(now(store, &review).await, &review);
    let drafts = now(store, &drafts).await;
    let first = append(&review, &[(client(7), 1)]);
    let outcomes = store.append(&[first, both(&review, &drafts, 1, 1)]).await.unwrap();
    assert_eq!(outcomes, [Appended, Lost]);
    assert_eq!(now(store, &drafts).await, drafts);
}
