//! The store's acceptance suite. Every check makes reviews of its own, so all share one store.

mod committer;
mod fence;
mod linked;
mod marks;
pub(crate) mod material;
mod patch_sets;
mod snapshots;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use interline_core::entry::{AnswerResult, Hash, Head, Verdict};
use interline_core::id::{DisplayName, ReviewId, User, UserId};
use interline_server::store::{AppendOutcome, Creation, Store};
use material::{answer_only, append, client, committed, create, entry, new_review, raw};
pub(crate) use snapshots::{long, state};
use uuid::Uuid;

/// A kind of store. Opening it again opens the same one.
#[async_trait]
pub(crate) trait Backend: Sync {
    async fn open(&self) -> Arc<dyn Store>;
}

/// Runs every check.
pub(crate) async fn run(backend: &dyn Backend) {
    let store = backend.open().await;
    let store = &*store;
    created_reviews_are_found(store).await;
    keys_are_unique(store).await;
    lists_are_paged(store).await;
    appends_move_the_head(store).await;
    a_lost_race_is_lost_alone(store).await;
    answers_replace_each_other(store).await;
    rejections_leave_no_entry(store).await;
    fence::a_seq_is_answered_once(store).await;
    fence::an_append_is_lost_as_a_whole(store).await;
    fence::parts_of_one_transaction_see_each_other(store).await;
    linked::drafts_are_no_review(store).await;
    linked::linked_parts_happen_together(store).await;
    linked::linked_parts_are_lost_together(store).await;
    marks::they_merge_and_stay_apart(store).await;
    patch_sets::they_come_with_their_entries(store).await;
    snapshots::a_log_holds_its_heads(store).await;
    snapshots::the_newest_snapshot_is_found(store).await;
    snapshots::trimming_stops_at_a_snapshot(store).await;
    large_appends_are_whole(store).await;
    clients_belong_to_their_first_user(store).await;
    users_have_names(store).await;
    store.close().await;
    what_was_written_is_there_after_reopening(backend).await;
    snapshots::snapshots_are_there_after_reopening(backend).await;
    snapshots::appends_get_their_turn_between_trims(backend.open().await).await;
    committer::unknown_outcomes_are_settled(backend.open().await).await;
    committer::where_logs_end_is_asked_together(backend.open().await).await;
    committer::many_reviews_share_transactions(backend.open().await).await;
}

async fn created_reviews_are_found(store: &dyn Store) {
    let new = new_review(Some("found/by-key"), "a title");
    let (id, at) = (new.id, new.at);
    let Creation::Created(row) = store.create_review(new).await.unwrap() else { panic!("it is new") };
    assert_eq!((row.id, row.created_at, row.summary.title.as_str()), (id, at, "a title"));
    assert_eq!((row.summary.status.as_str(), row.summary.comments, row.head.version), ("pending", 0, 1));
    assert_eq!(store.find_review(&id.to_string()).await.unwrap(), Some(row.clone()));
    assert_eq!(store.find_review("found/by-key").await.unwrap(), Some(row.clone()));
    assert_eq!(store.find_review("found").await.unwrap(), None);
    assert_eq!(store.find_review(&Uuid::now_v7().to_string()).await.unwrap(), None);

    let entries = store.entries(id, 0, 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].hash, Hash::default().chain(entries[0].payload.as_bytes()));
    assert_eq!(row.head, Head { version: 1, hash: entries[0].hash });
    assert_eq!(entries[0].decode().unwrap().facts.len(), 2);

    let json = store.patch_set(id, 1).await.unwrap().unwrap();
    let code: interline_core::diff::PatchSet = serde_json::from_str(&json).unwrap();
    assert_eq!(code.files()[0].path(), "file.txt");
    assert_eq!(store.patch_set(id, 2).await.unwrap(), None);
    assert_eq!(store.last_answer(id, client(1)).await.unwrap(), None);
    assert!(store.entries(id, u64::MAX, 10).await.unwrap().is_empty());
    store.ping().await.unwrap();
}

async fn keys_are_unique(store: &dyn Store) {
    let first = create(store, Some("twice")).await;
    let again = store.create_review(new_review(Some("twice"), "another title")).await.unwrap();
    assert_eq!(again, Creation::Existing(first.clone()), "the same body is the same review");
    let other = material::with_body(new_review(Some("twice"), "t"), b"another diff");
    assert_eq!(store.create_review(other).await.unwrap(), Creation::KeyInUse);
    // Without a key every request makes a review.
    assert_ne!(create(store, None).await.id, create(store, None).await.id);
    // Of many at once one creates.
    let racing = (0..8).map(|_| store.create_review(new_review(Some("raced"), "t")));
    let outcomes = futures_util::future::try_join_all(racing).await.unwrap();
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Creation::Created(_))).count(), 1);
    assert!(outcomes.iter().all(|outcome| *outcome != Creation::KeyInUse));
}

async fn lists_are_paged(store: &dyn Store) {
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, create(store, None).await);
    }
    let first = store.list_reviews(None, 3).await.unwrap();
    assert_eq!(first, made[..3]);
    let second = store.list_reviews(Some(first[2].id), 2).await.unwrap();
    assert_eq!(second, made[3..]);
    assert!(store.list_reviews(Some(ReviewId(Uuid::nil())), 2).await.unwrap().is_empty());
}

async fn appends_move_the_head(store: &dyn Store) {
    let row = create(store, None).await;
    let request = append(&row, &[(client(1), 1), (client(2), 1)]);
    let head = material::head_after(&request);
    assert_eq!(store.append(std::slice::from_ref(&request)).await.unwrap(), [AppendOutcome::Appended]);
    let now = store.find_review(&row.id.to_string()).await.unwrap().unwrap();
    assert_eq!((now.head, &now.summary), (head, &request.summary));
    let (other, unknown) = (create(store, None).await, ReviewId(Uuid::now_v7()));
    let heads = store.heads(&[row.id, unknown, other.id, row.id]).await.unwrap();
    assert_eq!(heads, HashMap::from([(row.id, head), (other.id, other.head)]));
    assert!(store.heads(&[]).await.unwrap().is_empty());
    assert_eq!(store.entries(row.id, 1, 1).await.unwrap()[0].version, 2);
    let last = store.entries(row.id, 2, 10).await.unwrap();
    assert_eq!((last.len(), last[0].version, last[0].hash), (1, 3, head.hash));
    let answer = store.last_answer(row.id, client(2)).await.unwrap().unwrap();
    assert_eq!((answer.seq, answer.result), (1, committed(3)));
    // Once more: the log has gone on.
    assert_eq!(store.append(&[request]).await.unwrap(), [AppendOutcome::Lost]);
    assert_eq!(store.entries(row.id, 0, 10).await.unwrap().len(), 3);
}

async fn a_lost_race_is_lost_alone(store: &dyn Store) {
    let (a, b, c) = (create(store, None).await, create(store, None).await, create(store, None).await);
    let mut forged = append(&b, &[(client(1), 1)]);
    // The version is right, the history another one.
    forged.append.expected.hash = Hash::of(b"elsewhere");
    let mut ahead = append(&c, &[(client(1), 1)]);
    ahead.append.expected.version += 1;
    let unknown =
        raw(ReviewId(Uuid::now_v7()), Head::default(), vec![(entry(1, client(1), 1), client(1), 1)]);
    let requests = [append(&a, &[(client(1), 1)]), forged, ahead, unknown, append(&a, &[(client(9), 1)])];
    let outcomes = store.append(&requests).await.unwrap();
    use AppendOutcome::{Appended, Lost};
    assert_eq!(outcomes, [Appended, Lost, Lost, Lost, Lost]);
    for (row, length) in [(&a, 2), (&b, 1), (&c, 1)] {
        assert_eq!(store.entries(row.id, 0, 10).await.unwrap().len(), length);
        assert_eq!(store.last_answer(row.id, client(1)).await.unwrap().is_some(), length == 2);
    }
    assert_eq!(store.last_answer(a.id, client(9)).await.unwrap(), None, "a loser leaves no answer");
    assert_eq!(store.find_review(&b.id.to_string()).await.unwrap(), Some(b));
}

async fn answers_replace_each_other(store: &dyn Store) {
    let row = create(store, None).await;
    let request = append(&row, &[(client(1), 1), (client(1), 2), (client(1), 3)]);
    store.append(&[request]).await.unwrap();
    let answer = store.last_answer(row.id, client(1)).await.unwrap().unwrap();
    assert_eq!((answer.seq, answer.result), (3, committed(4)));
}

async fn rejections_leave_no_entry(store: &dyn Store) {
    let row = create(store, None).await;
    let verdicts: Vec<Verdict> = Vec::new();
    let request = answer_only(&row, client(1), 1, AnswerResult::Rejected(verdicts.clone()));
    assert_eq!(store.append(std::slice::from_ref(&request)).await.unwrap(), [AppendOutcome::Appended]);
    // The same again is lost, so whether it happened can be settled by appending again.
    assert_eq!(store.append(&[request]).await.unwrap(), [AppendOutcome::Lost]);
    let answer = store.last_answer(row.id, client(1)).await.unwrap().unwrap();
    assert_eq!((answer.seq, answer.result), (1, AnswerResult::Rejected(verdicts)));
    assert_eq!(store.find_review(&row.id.to_string()).await.unwrap().unwrap().head, row.head);
    assert_eq!(store.entries(row.id, 0, 10).await.unwrap().len(), 1);
}

async fn large_appends_are_whole(store: &dyn Store) {
    let row = create(store, None).await;
    let from: Vec<_> = (0..2_500).map(|n| (client(n), 1)).collect();
    let request = append(&row, &from);
    store.append(std::slice::from_ref(&request)).await.unwrap();
    let mut head = row.head;
    loop {
        let page = store.entries(row.id, head.version, 700).await.unwrap();
        for entry in &page {
            assert_eq!(head.hash.chain(entry.payload.as_bytes()), entry.hash);
            head = Head { version: head.version + 1, hash: entry.hash };
            assert_eq!(head.version, entry.version);
        }
        if page.is_empty() {
            break;
        }
    }
    assert_eq!(head, material::head_after(&request));
    assert!(store.last_answer(row.id, client(2_499)).await.unwrap().is_some());
}

async fn clients_belong_to_their_first_user(store: &dyn Store) {
    let [ann, bo] = ["ann", "bo"].map(|id| UserId::new(id).unwrap());
    assert!(store.claim_client(client(70), &ann).await.unwrap());
    assert!(store.claim_client(client(70), &ann).await.unwrap());
    assert!(!store.claim_client(client(70), &bo).await.unwrap());
    let users: Vec<_> = (0..8).map(|n| UserId::new(format!("user {n}")).unwrap()).collect();
    let claims = users.iter().map(|user| store.claim_client(client(71), user));
    let claims = futures_util::future::try_join_all(claims).await.unwrap();
    assert_eq!(claims.iter().filter(|owned| **owned).count(), 1);
}

async fn users_have_names(store: &dyn Store) {
    let user = |id: &str, name: &str| User {
        id: UserId::new(id).unwrap(),
        display_name: DisplayName::new(name).unwrap(),
    };
    let (zoe, old) = (user("zoe", "Zoë"), user("max", "Max"));
    for user in [&zoe, &old, &zoe] {
        store.put_user(user).await.unwrap();
    }
    let new = user("max", "Maximilian");
    store.put_user(&new).await.unwrap();
    let asked = ["zoe", "nobody", "max"].map(|id| UserId::new(id).unwrap());
    assert_eq!(store.users(&asked).await.unwrap(), [new, zoe]);
    assert!(store.users(&[]).await.unwrap().is_empty());
}

async fn what_was_written_is_there_after_reopening(backend: &dyn Backend) {
    let store = backend.open().await;
    let row = create(&*store, Some("kept")).await;
    let request = append(&row, &[(client(1), 1)]);
    store.append(std::slice::from_ref(&request)).await.unwrap();
    store.close().await;
    assert!(store.find_review("kept").await.is_err(), "a closed store is no empty store");
    drop(store);

    let store = backend.open().await;
    let now = store.find_review("kept").await.unwrap().unwrap();
    assert_eq!((now.id, now.head), (row.id, material::head_after(&request)));
    assert_eq!(store.entries(row.id, 0, 10).await.unwrap().len(), 2);
    assert_eq!(store.last_answer(row.id, client(1)).await.unwrap().unwrap().seq, 1);
    assert_eq!(store.append(&[request]).await.unwrap(), [AppendOutcome::Lost]);
    store.close().await;
}
