//! Group commit over a store whose commits may fail without saying whether they happened.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use interline_core::entry::AnswerResult;
use interline_core::id::ReviewId;
use interline_server::store::committer::Committer;
use interline_server::store::heads::Heads;
use interline_server::store::{AppendOutcome, Store};

use super::material::{answer_only, append, client, create};
use crate::faulty::{Fault, Faulty};

pub(super) async fn unknown_outcomes_are_settled(store: Arc<dyn Store>) {
    use Fault::{Full, Silent, SilentlyDone};
    for (faults, expected) in [
        (&[SilentlyDone][..], AppendOutcome::Lost),
        (&[Silent], AppendOutcome::Appended),
        (&[Silent, Silent, SilentlyDone], AppendOutcome::Lost),
        // A certain failure does not settle what an uncertain one has left open.
        (&[SilentlyDone, Full], AppendOutcome::Lost),
    ] {
        let (committer, task) = Committer::start(Faulty::new(store.clone(), faults), Default::default());
        let row = create(&*store, None).await;
        let outcome = committer.append(append(&row, &[(client(1), 1)])).await.unwrap();
        assert_eq!(outcome, expected, "lost means that it had happened: the room reads what came");
        assert_eq!(store.entries(row.id, 0, 10).await.unwrap().len(), 2, "once");
        drop(committer);
        task.await.unwrap();
        // Nor is a batch that leaves no entry answered twice.
        let (committer, task) = Committer::start(Faulty::new(store.clone(), faults), Default::default());
        let now = store.find_review(&row.id.to_string()).await.unwrap().unwrap();
        let rejected = answer_only(&now, client(2), 1, AnswerResult::Rejected(Vec::new()));
        assert_eq!(committer.append(rejected).await.unwrap(), expected);
        assert_eq!(store.last_answer(row.id, client(2)).await.unwrap().unwrap().seq, 1);
        drop(committer);
        task.await.unwrap();
    }
}

pub(super) async fn where_logs_end_is_asked_together(store: Arc<dyn Store>) {
    let counting = Faulty::new(store.clone(), &[]);
    let (heads, task) = Heads::start(counting.clone());
    let mut rows = Vec::new();
    for _ in 0..300 {
        rows.push(create(&*store, None).await);
    }
    let asked = futures_util::future::try_join_all(rows.iter().map(|row| heads.of(row.id))).await.unwrap();
    assert!(asked.iter().zip(&rows).all(|(head, row)| *head == Some(row.head)));
    let looks = counting.looks.load(Ordering::Relaxed);
    assert!((2..=6).contains(&looks), "{looks} queries for 300 logs, 256 at once at most");
    assert_eq!(heads.of(ReviewId(uuid::Uuid::now_v7())).await.unwrap(), None);
    drop(heads);
    task.await.unwrap();
}

pub(super) async fn many_reviews_share_transactions(store: Arc<dyn Store>) {
    let counting = Faulty::new(store.clone(), &[]);
    let (committer, task) = Committer::start(counting.clone(), Default::default());
    let mut rows = Vec::new();
    for _ in 0..100 {
        rows.push(create(&*store, None).await);
    }
    let appends = rows.iter().map(|row| committer.append(append(row, &[(client(1), 1)])));
    let outcomes = futures_util::future::try_join_all(appends).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == AppendOutcome::Appended));
    let commits = counting.commits.load(Ordering::Relaxed);
    assert!(commits <= 20, "{commits} commits for 100 appends at once");
    drop(committer);
    task.await.unwrap();
    store.close().await;
}
