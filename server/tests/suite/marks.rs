//! What users have read and viewed.

use interline_core::id::{CommentId, ReviewId, UserId};
use interline_core::review::Marks;
use interline_server::store::Store;
use uuid::Uuid;

use super::material::create;

fn read(thread: u128, version: u64) -> Marks {
    Marks { read: [(CommentId(Uuid::from_u128(thread)), version)].into(), ..Marks::default() }
}

pub(super) async fn they_merge_and_stay_apart(store: &dyn Store) {
    let (row, other) = (create(store, None).await, create(store, None).await);
    let (ann, bo) = (UserId::new("ann").unwrap(), UserId::new("bo").unwrap());
    let none = Marks::default();
    assert_eq!(store.merge_marks(row.id, &ann, &none).await.unwrap(), none);
    store.merge_marks(row.id, &ann, &read(1, 5)).await.unwrap();
    let both = store.merge_marks(row.id, &ann, &read(2, 3)).await.unwrap();
    assert_eq!(both.read.len(), 2);
    assert_eq!(store.merge_marks(row.id, &ann, &read(1, 4)).await.unwrap(), both);
    assert_eq!(store.merge_marks(row.id, &ann, &none).await.unwrap(), both);
    for (review, user) in [(row.id, &bo), (other.id, &ann)] {
        assert_eq!(store.merge_marks(review, user, &none).await.unwrap(), none);
    }
    // At the same time: each finds its way in.
    let marks: Vec<Marks> = (10..20).map(|n| read(n, 1)).collect();
    let merges = marks.iter().map(|marks| store.merge_marks(row.id, &bo, marks));
    futures_util::future::try_join_all(merges).await.unwrap();
    assert_eq!(store.merge_marks(row.id, &bo, &none).await.unwrap().read.len(), 10);
    // No review, no marks.
    let nowhere = ReviewId(Uuid::now_v7());
    assert!(store.merge_marks(nowhere, &ann, &read(1, 1)).await.is_err());
}
