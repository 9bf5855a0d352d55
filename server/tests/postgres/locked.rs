//! A review whose head row somebody else has locked: it waits by itself, and nobody waits with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use interline_core::id::{CommentId, ReviewId, UserId};
use interline_core::review::Marks;
use interline_server::store::committer::Committer;
use interline_server::store::{AppendOutcome, DraftsOf, ReviewAppend, ReviewRow, Store, StoreError};
use interline_services::{Database, Postgres};
use sqlx::{Connection, PgConnection};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::open;
use crate::suite::material::{append, client, create, head_after};

/// Less than anybody waits for a lock.
const SOON: Duration = Duration::from_secs(3);

/// Many more than can be tried at once.
const MANY: usize = 60;

/// A transaction of somebody's who has locked reviews.
struct Lock(PgConnection);

impl Lock {
    async fn take(database: &Database, review: ReviewId) -> Lock {
        Lock::take_all(database, &[review]).await
    }

    async fn take_all(database: &Database, reviews: &[ReviewId]) -> Lock {
        let mut connection = PgConnection::connect(&database.url()).await.unwrap();
        sqlx::raw_sql("BEGIN").execute(&mut connection).await.unwrap();
        let ids: Vec<_> = reviews.iter().map(|review| review.0).collect();
        let lock = sqlx::query("SELECT 1 FROM reviews WHERE id = ANY($1) FOR UPDATE").bind(ids);
        assert_eq!(lock.fetch_all(&mut connection).await.unwrap().len(), reviews.len());
        Lock(connection)
    }

    async fn release(mut self) {
        sqlx::raw_sql("ROLLBACK").execute(&mut self.0).await.unwrap();
    }
}

/// A committer over a database.
struct Node {
    database: Database,
    store: Arc<dyn Store>,
    committer: Committer,
    task: JoinHandle<()>,
}

impl Node {
    async fn start() -> Option<Node> {
        let database = Postgres::shared().unwrap()?.database().unwrap();
        let store = open(&database).await;
        let (committer, task) = Committer::start(store.clone(), Default::default());
        Some(Node { database, store, committer, task })
    }

    fn append(&self, request: ReviewAppend) -> JoinHandle<Result<AppendOutcome, StoreError>> {
        let committer = self.committer.clone();
        tokio::spawn(async move { committer.append(request).await })
    }

    /// Others append, one entry after another, as if nothing were the matter.
    async fn goes_on(&self, row: &mut ReviewRow, seqs: std::ops::RangeInclusive<u64>) {
        for seq in seqs {
            let request = append(row, &[(client(1), seq)]);
            row.head = head_after(&request);
            let outcome =
                timeout(SOON, self.append(request)).await.expect("nobody waits for another's review");
            assert_eq!(outcome.unwrap().unwrap(), AppendOutcome::Appended);
        }
    }

    /// Where a log ends.
    async fn version(&self, row: &ReviewRow) -> u64 {
        self.store.find_log(row.id).await.unwrap().unwrap().head.version
    }

    async fn end(self) {
        drop(self.committer);
        timeout(SOON, self.task).await.expect("it ends with its last user").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_that_somebody_has_locked_holds_up_no_other() {
    let Some(node) = Node::start().await else { return };
    let (locked, mut free) = (create(&*node.store, None).await, create(&*node.store, None).await);
    let lock = Lock::take(&node.database, locked.id).await;
    let waiting = node.append(append(&locked, &[(client(1), 1)]));
    node.goes_on(&mut free, 1..=20).await;
    assert!(!waiting.is_finished() && node.version(&locked).await == 1);
    lock.release().await;
    let outcome = timeout(SOON, waiting).await.expect("it is its turn").unwrap().unwrap();
    assert_eq!(outcome, AppendOutcome::Appended);
    assert_eq!((node.version(&locked).await, node.version(&free).await), (2, 21));
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_that_stays_locked_is_refused_alone_and_nothing_of_it_happens() {
    let Some(node) = Node::start().await else { return };
    let (locked, mut free) = (create(&*node.store, None).await, create(&*node.store, None).await);
    let lock = Lock::take(&node.database, locked.id).await;
    let request = append(&locked, &[(client(1), 1)]);
    let (began, waiting) = (Instant::now(), node.append(request.clone()));
    let mut seq = 0;
    while !waiting.is_finished() {
        seq += 1;
        node.goes_on(&mut free, seq..=seq).await;
    }
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    assert_eq!(node.version(&locked).await, 1);
    lock.release().await;
    // As the client sends it again.
    assert_eq!(node.append(request).await.unwrap().unwrap(), AppendOutcome::Appended);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_reviews_that_stay_locked_hold_up_none_that_is_locked_for_a_moment() {
    let Some(node) = Node::start().await else { return };
    let mut locked = Vec::new();
    for _ in 0..MANY {
        locked.push(create(&*node.store, None).await);
    }
    let (mut free, mut shared) = (create(&*node.store, None).await, create(&*node.store, None).await);
    let ids: Vec<_> = locked.iter().map(|row| row.id).collect();
    let lock = Lock::take_all(&node.database, &ids).await;
    let waiting: Vec<_> = locked.iter().map(|row| node.append(append(row, &[(client(1), 1)]))).collect();
    node.goes_on(&mut free, 1..=5).await;
    let mut longest = Duration::ZERO;
    for seq in 1..=5 {
        // As another node does while it commits.
        let moment = Lock::take(&node.database, shared.id).await;
        let request = append(&shared, &[(client(1), seq)]);
        shared.head = head_after(&request);
        let behind = node.append(request);
        node.goes_on(&mut free, 5 + seq..=5 + seq).await;
        assert!(!behind.is_finished(), "it is locked");
        moment.release().await;
        let began = Instant::now();
        let outcome = timeout(SOON, behind).await.expect("it has a turn among them").unwrap();
        assert_eq!(outcome.unwrap(), AppendOutcome::Appended);
        longest = longest.max(began.elapsed());
    }
    println!("behind {MANY} locked reviews another waited {longest:?} at the longest");
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()), "they wait for their lock");
    lock.release().await;
    for waiting in waiting {
        let outcome = timeout(SOON, waiting).await.expect("it is their turn").unwrap();
        assert_eq!(outcome.unwrap(), AppendOutcome::Appended);
    }
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn linked_parts_wait_together_whichever_is_locked() {
    let Some(node) = Node::start().await else { return };
    let mut free = create(&*node.store, None).await;
    let (mut review, mut seq) = (create(&*node.store, None).await, 0);
    let owner = UserId::new("ann").unwrap();
    let mut drafts = node.store.open_drafts(&DraftsOf { review: review.id, owner }).await.unwrap();
    for locked in [review.id, drafts.id] {
        seq += 1;
        let linked = append(&drafts, &[(client(1), seq)]);
        let main = append(&review, &[(client(2), seq)]);
        let (before, heads) = ((review.head, drafts.head), (head_after(&main), head_after(&linked)));
        let lock = Lock::take(&node.database, locked).await;
        let waiting = node.append(ReviewAppend { linked: Some(Box::new(linked)), ..main });
        node.goes_on(&mut free, 5 * seq - 4..=5 * seq).await;
        assert!(!waiting.is_finished());
        assert_eq!(
            (node.version(&review).await, node.version(&drafts).await),
            (before.0.version, before.1.version)
        );
        lock.release().await;
        let outcome = timeout(SOON, waiting).await.expect("it is their turn").unwrap().unwrap();
        assert_eq!(outcome, AppendOutcome::Appended);
        (review.head, drafts.head) = heads;
        assert_eq!(node.store.find_log(review.id).await.unwrap().unwrap().head, review.head);
        assert_eq!(node.store.find_log(drafts.id).await.unwrap().unwrap().head, drafts.head);
    }
    // Whoever has locked one of them does not hold the other, nor is it said to have lost a race.
    assert_eq!(node.database.sql("SELECT count(*) FROM reviews WHERE lost_by IS NOT NULL").unwrap(), "0");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_a_locked_review_leave_connections_to_others() {
    let Some(node) = Node::start().await else { return };
    let (locked, mut free) = (create(&*node.store, None).await, create(&*node.store, None).await);
    let lock = Lock::take(&node.database, locked.id).await;
    let mut waiting = JoinSet::new();
    for number in 0..40 {
        let (store, review, user) =
            (node.store.clone(), locked.id, UserId::new(format!("user-{number}")).unwrap());
        waiting.spawn(async move {
            let mut marks = Marks::default();
            marks.read.insert(CommentId(uuid::Uuid::nil()), 1);
            store.merge_marks(review, &user, &marks).await.map(drop)
        });
        let (store, owner) = (node.store.clone(), UserId::new(format!("user-{number}")).unwrap());
        waiting.spawn(async move { store.open_drafts(&DraftsOf { review, owner }).await.map(drop) });
    }
    let waits = async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                   AND datname = current_database()";
        node.database.sql(sql).unwrap().parse::<usize>().unwrap()
    };
    let end = Instant::now() + SOON;
    while waits().await < 4 {
        assert!(Instant::now() < end, "some of them wait for the lock");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    node.goes_on(&mut free, 1..=10).await;
    let read = timeout(SOON, node.store.entries(free.id, 0, 100)).await.expect("nor does a reader wait");
    assert_eq!(read.unwrap().len(), 11);
    lock.release().await;
    // Everybody gets their turn.
    while let Some(done) = timeout(SOON, waiting.join_next()).await.expect("it is their turn") {
        done.unwrap().unwrap();
    }
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_lost_and_not_waited_for() {
    let Some(node) = Node::start().await else { return };
    let row = create(&*node.store, None).await;
    let nowhere = ReviewRow { id: ReviewId(uuid::Uuid::now_v7()), ..row.clone() };
    let outcome = timeout(SOON, node.append(append(&nowhere, &[(client(1), 1)]))).await.unwrap();
    assert_eq!(outcome.unwrap().unwrap(), AppendOutcome::Lost);
    node.end().await;
}
