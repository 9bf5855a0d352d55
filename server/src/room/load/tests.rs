//! Loading without a server around it: what is read, and how long it takes.

use std::time::{Duration, Instant};

use interline_core::clock::{HlcTime, Stamp};
use interline_core::diff::PatchSet;
use interline_core::entry::{Answer, AnswerResult, ENTRY_FORMAT, Fact, Hash};
use interline_core::id::{ClientId, CommentId, Seq};
use interline_core::limits::Limits;
use interline_core::review::{Anchor, Place, Side};
use interline_core::sync::{Append, Record};
use interline_core::text::Text;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::presence::{Board, MemoryPresence};
use crate::store::committer::Committer;
use crate::store::heads::Heads;
use crate::store::keeper::{Newest, SNAPSHOT_EVERY, SnapshotKeeper};
use crate::store::{AppendOutcome, Creation, NewReview, ReviewAppend, ReviewSummary, SqliteStore};

/// How long the edited comment is.
const CHARS: usize = 400;

/// Makes rooms' surroundings over a directory, as a server that was just started has them.
async fn context(directory: &std::path::Path) -> (RoomContext, tokio::task::JoinHandle<()>) {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(directory).await.unwrap());
    let (committer, _) = Committer::start(store.clone(), Default::default());
    let (heads, _) = Heads::start(store.clone());
    let (board, _) = Board::start(Arc::new(MemoryPresence::new()));
    let (snapshots, task) = SnapshotKeeper::start(store.clone(), None);
    let (limits, idle) = (Limits::default(), Duration::from_secs(1));
    (
        RoomContext {
            store,
            committer,
            heads,
            snapshots,
            board,
            fanout: crate::fanout::local(),
            metrics: Default::default(),
            limits,
            bells: crate::room::Bells::default(),
            idle,
        },
        task,
    )
}

/// A review of one comment with so many edits, each by the same client; the last ones are the same for every
/// number.
async fn edited(store: &dyn Store, edits: u64) -> ReviewId {
    let id = ReviewId(Uuid::now_v7());
    let patch_set = PatchSet::parse(b"--- a/f\n+++ b/f\n@@ -1 +1 @@\n-old\n+new\n").unwrap();
    let new = NewReview {
        id,
        key: None,
        title: "A review".to_owned(),
        status_policy: Default::default(),
        patch_set,
        body_hash: Hash::of(b""),
        at: 1,
    };
    let Creation::Created(row) = store.create_review(new).await.unwrap() else { panic!("it is new") };
    let (client, comment) = (ClientId(Uuid::from_u128(1)), CommentId(Uuid::from_u128(2)));
    let anchor = Anchor {
        patch_set: 1,
        file: "f".into(),
        side: Side::Head,
        line: 1,
        hash: None,
        last: None,
        span: None,
    };
    let mut text = Text::new("x".repeat(CHARS));
    let added = Fact::CommentAdded {
        comment,
        place: Place::Line(anchor),
        text: text.as_str().to_owned(),
        created: Stamp { at: HlcTime { ms: 1, n: 0 }, client },
        standing: None,
        beside: vec![],
    };
    let mut head = row.head;
    let mut records = Vec::new();
    for seq in 1..=edits + 1 {
        let fact = if seq == 1 {
            added.clone()
        } else {
            let letter = char::from(b'a' + ((edits + 1 - seq) % 26) as u8);
            let op = json!([letter.to_string(), -1, CHARS - 1]);
            let op = serde_json::from_value(op).unwrap();
            text.apply(&op).unwrap();
            Fact::TextEdited { comment, op, checksum: text.checksum() }
        };
        records.push((seq, fact));
        if records.len() == 1_000 || seq == edits + 1 {
            head = append(store, id, head, client, std::mem::take(&mut records)).await;
        }
    }
    id
}

async fn append(
    store: &dyn Store,
    review: ReviewId,
    expected: Head,
    client: ClientId,
    facts: Vec<(Seq, Fact)>,
) -> Head {
    let mut head = expected;
    let record = |(seq, fact)| {
        let (version, author) = (head.version + 1, UserId::new("ann").unwrap());
        let facts = vec![fact];
        let entry =
            Entry { format: ENTRY_FORMAT, version, author, client, seq, at: 1, facts, verdicts: vec![] };
        let entry = EncodedEntry::new(&entry, head.hash);
        head = Head { version, hash: entry.hash };
        let result: AnswerResult =
            serde_json::from_str(&format!(r#"{{"committed":{{"version":{version}}}}}"#)).unwrap();
        let answer = Answer { seq, payload: Hash::of(b""), result };
        Record { entry: Some(entry), ..Record::new(client, answer) }
    };
    let records = facts.into_iter().map(record).collect();
    let summary = ReviewSummary { title: "A review".to_owned(), status: "pending".to_owned(), comments: 1 };
    let append = ReviewAppend { review, append: Append { expected, records }, summary, linked: None };
    assert_eq!(store.append(&[append]).await.unwrap(), [AppendOutcome::Appended]);
    head
}

async fn loaded(context: &RoomContext, id: ReviewId) -> Loaded {
    let loaded = load(context, id).await;
    loaded.unwrap_or_else(|failure| panic!("{}", failure.message))
}

/// How long loading takes: by a server that was just started, and by one that has loaded the review before.
async fn times(directory: &std::path::Path, id: ReviewId) -> (Duration, Duration) {
    const TIMES: usize = 20;
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let (context, _) = context(directory).await;
        for times in [&mut cold, &mut warm] {
            let began = Instant::now();
            loaded(&context, id).await;
            times.push(began.elapsed());
        }
        context.store.close().await;
    }
    cold.sort();
    warm.sort();
    (cold[TIMES / 2], warm[TIMES / 2])
}

/// How many edits the longer log has; `INTERLINE_EDITS=100000` with `--nocapture` to measure.
fn edits() -> u64 {
    std::env::var("INTERLINE_EDITS").map_or(3_500, |edits| edits.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_length_of_a_history_does_not_matter() {
    let directory = tempfile::tempdir().unwrap();
    let (start, taken) = context(directory.path()).await;
    let (long, short) = (edited(&*start.store, edits()).await, edited(&*start.store, 100).await);
    let began = Instant::now();
    let whole = loaded(&start, long).await;
    let folded = began.elapsed();
    // Loading it has found that it has no snapshot; nobody need edit it for that.
    start.snapshots.end().await;
    taken.await.unwrap();
    let snapshot = start.store.newest_snapshot(long, None).await.unwrap().unwrap();
    assert_eq!(snapshot.head, whole.head);
    assert!(start.store.newest_snapshot(short, None).await.unwrap().is_none());
    start.store.close().await;

    let (again, _) = context(directory.path()).await;
    let (long_again, short_again) = (loaded(&again, long).await, loaded(&again, short).await);
    assert_eq!((&long_again.review, long_again.head), (&whole.review, whole.head));
    assert_eq!((&long_again.authors, &long_again.names), (&whole.authors, &whole.names));
    let text = |review: &Review| review.comments.values().next().unwrap().text.clone();
    assert_eq!(text(&long_again.review), text(&short_again.review));
    again.store.close().await;

    let (long, short) = (times(directory.path(), long).await, times(directory.path(), short).await);
    let ratio = |long: Duration, short: Duration| long.as_secs_f64() / short.as_secs_f64();
    println!(
        "{} edits against 100: folded {folded:?}; cold {:?} against {:?} ({:.2} times); warm {:?} against {:?} ({:.2} times)",
        edits(),
        long.0,
        short.0,
        ratio(long.0, short.0),
        long.1,
        short.1,
        ratio(long.1, short.1)
    );
    assert!(long.0 < folded, "{long:?} with a snapshot, {folded:?} without");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_folded_for_long_when_a_review_is_loaded_is_not_folded_again() {
    let directory = tempfile::tempdir().unwrap();
    let (start, taken) = context(directory.path()).await;
    let every = *SNAPSHOT_EVERY.start();
    // The first entry creates the review, and the second its comment.
    let (short, long) = (edited(&*start.store, every - 3).await, edited(&*start.store, every - 2).await);
    for id in [short, long] {
        assert!(start.store.newest_snapshot(id, None).await.unwrap().is_none());
        loaded(&start, id).await;
    }
    start.snapshots.end().await;
    taken.await.unwrap();
    assert!(start.store.newest_snapshot(short, None).await.unwrap().is_none());
    let snapshot = start.store.newest_snapshot(long, None).await.unwrap().unwrap();
    assert_eq!(snapshot.head.version, every);
    start.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_come_at_intervals_and_when_a_review_is_unloaded() {
    let directory = tempfile::tempdir().unwrap();
    let (context, taken) = context(directory.path()).await;
    let every = *SNAPSHOT_EVERY.start();
    let id = edited(&*context.store, 2 * every).await;
    let (mut review, mut head) = (Review::new(id), Head::default());
    let authors = BTreeSet::from([UserId::new("ann").unwrap()]);
    let keeper = &context.snapshots;
    let mut expected = Vec::new();
    keeper.loaded(id, Newest::default(), &review, head, &authors);
    for encoded in context.store.entries(id, 0, 5_000).await.unwrap() {
        review.apply(&encoded.decode().unwrap()).unwrap();
        head = Head { version: encoded.version, hash: encoded.hash };
        keeper.after_commit(id, &review, head, &authors);
        if head.version.is_multiple_of(every) {
            expected.push(head);
            // One at a time: wait for it, so that the next falls due where it should. The one before may only just be
            // in the store: then this one is due with the next commit.
            let taken = async {
                while context.store.newest_snapshot(id, None).await.unwrap().map(|s| s.head) != Some(head) {
                    keeper.after_commit(id, &review, head, &authors);
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), taken).await.unwrap();
        }
    }
    // Only two entries are behind the last: not worth another.
    assert_eq!(head.version, 2 * every + 2);
    keeper.unloading(id, &review, head, &authors);
    // As where the last one failed.
    let newest = Newest { version: head.version - 100, bytes: 0 };
    keeper.loaded(id, newest, &review, head, &authors);
    keeper.unloading(id, &review, head, &authors);
    // A review that is not loaded is none of its business.
    keeper.unloading(id, &review, head, &authors);
    keeper.after_commit(id, &review, head, &authors);
    keeper.end().await;
    taken.await.unwrap();
    expected.push(head);
    let mut at_most = None;
    for head in expected.into_iter().rev() {
        let snapshot = context.store.newest_snapshot(id, at_most).await.unwrap().unwrap();
        assert_eq!(snapshot.head, head);
        assert_eq!(snapshot.read(id).unwrap().authors, authors);
        at_most = Some(head.version - 1);
    }
    assert!(context.store.newest_snapshot(id, at_most).await.unwrap().is_none());
    context.store.close().await;
}
