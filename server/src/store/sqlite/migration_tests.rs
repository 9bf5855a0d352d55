//! Databases of older and of newer versions.

use interline_core::entry::{Answer, AnswerResult, Hash};
use sqlx::ConnectOptions;
use uuid::Uuid;

use super::*;
use crate::store::{SNAPSHOT_FORMAT, SnapshotState};

#[tokio::test]
async fn a_newer_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
        VALUES (9999, 'later', TRUE, x'00', 0)",
    )
    .execute(&store.writer)
    .await
    .unwrap();
    store.close().await;
    let error = SqliteStore::open(directory.path()).await.unwrap_err();
    assert!(matches!(error, OpenError::TooNew(_)), "{error}");
}

/// A database as the first version made it, with a review of one entry and a client's answer.
async fn first_version(directory: &Path) -> (ReviewId, ClientId) {
    let file = SqliteConnectOptions::new().filename(directory.join(FILE)).create_if_missing(true);
    let mut connection = file.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
    let first = MIGRATIONS.iter().next().unwrap().clone();
    assert_eq!(first.version, 1);
    Migrator::with_migrations(vec![first]).run(&mut connection).await.unwrap();
    let (review, client) = (Uuid::now_v7(), Uuid::from_u128(7));
    let payload = r#"{"format":1,"version":1,"author":"system","client":"00000000-0000-0000-0000-000000000000","seq":0,"at":5,"facts":[{"review_created":{"title":"Old"}},{"patch_set_added":{"number":1}}]}"#;
    let hash = Hash::default().chain(payload.as_bytes());
    let statements = [
        "INSERT INTO reviews (id, key, body_hash, created_at, version, hash, title, status, comments)
            VALUES (?1, 'old', ?2, 5, 1, ?2, 'Old', 'pending', 0)",
        "INSERT INTO entries (review, version, hash, payload) VALUES (?1, 1, ?2, ?3)",
        "INSERT INTO answers (review, client, seq, payload_hash, result) VALUES (?1, ?4, 3, ?2, '{\"rejected\":[]}')",
        "INSERT INTO patch_sets (review, number, diff) VALUES (?1, 1, '{\"files\":[]}')",
        "INSERT INTO users (id, display_name) VALUES ('ann', 'Ann')",
        "INSERT INTO clients (id, user_id) VALUES (?4, 'ann')",
    ];
    for statement in statements {
        let query = sqlx::query(statement).bind(review).bind(&hash.0[..]).bind(payload).bind(client);
        query.execute(&mut connection).await.unwrap();
    }
    sqlx::Connection::close(connection).await.unwrap();
    (ReviewId(review), ClientId(client))
}

#[tokio::test]
async fn an_older_database_is_brought_up_to_date_with_all_that_is_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let (review, client) = first_version(directory.path()).await;
    assert!(SqliteAudit::open(directory.path()).await.is_err(), "checking changes nothing");
    for _ in 0..2 {
        let store = SqliteStore::open(directory.path()).await.unwrap();
        let row = store.find_review("old").await.unwrap().unwrap();
        assert_eq!((row.id, row.head.version, row.summary.title.as_str()), (review, 1, "Old"));
        let answer = store.last_answer(review, client).await.unwrap().unwrap();
        let result = AnswerResult::Rejected(vec![]);
        assert_eq!(answer, Answer { seq: 3, payload: row.head.hash, result });
        assert_eq!(store.users(&[UserId::new("ann").unwrap()]).await.unwrap().len(), 1);
        assert!(store.claim_client(client, &UserId::new("ann").unwrap()).await.unwrap());
        let patch_sets = store.patch_sets(review).await.unwrap();
        assert_eq!((patch_sets.len(), patch_sets[0].number, &patch_sets[0].key), (1, 1, &None));
        assert_eq!(store.line_map(review, 1).await.unwrap(), None);
        // Nothing is trimmed and there is no snapshot.
        assert_eq!(store.kept_after(review).await.unwrap(), 0);
        assert!(store.newest_snapshot(review, None).await.unwrap().is_none());
        assert!(store.holds(review, row.head).await.unwrap());
        let entries = store.entries(review, 0, 10).await.unwrap();
        assert_eq!((entries.len(), entries[0].hash), (1, row.head.hash));
        store.close().await;
    }
    // And everything works that is new.
    let store = SqliteStore::open(directory.path()).await.unwrap();
    let entry = store.entries(review, 0, 1).await.unwrap().remove(0);
    let mut folded = interline_core::review::Review::new(review);
    folded.apply(&entry.decode().unwrap()).unwrap();
    let authors = [UserId::new("system").unwrap()].into();
    let state = SnapshotState { format: SNAPSHOT_FORMAT, review: folded, authors };
    let state = serde_json::to_string(&state).unwrap();
    let head = Head { version: 1, hash: entry.hash };
    store.put_snapshot(review, head, &state).await.unwrap();
    assert_eq!(store.trim(review, 1).await.unwrap(), 1);
    assert!(matches!(store.entries(review, 0, 1).await, Err(StoreError::Trimmed { oldest: 1, .. })));
    store.close().await;
    let mut said = Vec::new();
    let summary = crate::verify::verify(directory.path(), &[], &mut said).await.unwrap();
    assert_eq!((summary.problems, summary.reviews), (0, 1), "{}", String::from_utf8_lossy(&said));
}
