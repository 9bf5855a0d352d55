//! Reviews and appends to test with.

use interline_core::diff::PatchSet;
use interline_core::entry::{Answer, AnswerResult, ENTRY_FORMAT, EncodedEntry, Entry, Hash, Head};
use interline_core::id::{ClientId, ReviewId, Seq, UserId, Version};
use interline_core::sync::{Append, Record};
use interline_server::store::{Creation, NewReview, ReviewAppend, ReviewRow, ReviewSummary, Store};
use uuid::Uuid;

const DIFF: &[u8] = b"--- a/file.txt\n+++ b/file.txt\n@@ -1 +1 @@\n-old\n+new\n";

pub(crate) fn client(number: u128) -> ClientId {
    ClientId(Uuid::from_u128(number + 1))
}

pub(crate) fn new_review(key: Option<&str>, title: &str) -> NewReview {
    NewReview {
        id: ReviewId(Uuid::now_v7()),
        key: key.map(str::to_owned),
        title: title.to_owned(),
        status_policy: Default::default(),
        patch_set: PatchSet::parse(DIFF).unwrap(),
        body_hash: Hash::of(DIFF),
        at: 1_700_000_000_000,
    }
}

pub(crate) fn with_body(new: NewReview, body: &[u8]) -> NewReview {
    NewReview { body_hash: Hash::of(body), ..new }
}

pub(crate) async fn create(store: &dyn Store, key: Option<&str>) -> ReviewRow {
    match store.create_review(new_review(key, "a review")).await.unwrap() {
        Creation::Created(row) => row,
        other => panic!("it is new: {other:?}"),
    }
}

pub(crate) fn entry(version: Version, client: ClientId, seq: Seq) -> Entry {
    Entry {
        format: ENTRY_FORMAT,
        version,
        author: UserId::new("ann").unwrap(),
        client,
        seq,
        at: 1,
        facts: Vec::new(),
        verdicts: Vec::new(),
    }
}

/// What says that a batch is an entry.
pub(crate) fn committed(version: Version) -> AnswerResult {
    serde_json::from_value(serde_json::json!({ "committed": { "version": version } })).unwrap()
}

/// An append of one empty entry for each batch.
pub(crate) fn append(row: &ReviewRow, from: &[(ClientId, Seq)]) -> ReviewAppend {
    let versions = row.head.version + 1..;
    let entries = versions.zip(from).map(|(v, (client, seq))| (entry(v, *client, *seq), *client, *seq));
    raw(row.id, row.head, entries.collect())
}

pub(crate) fn raw(review: ReviewId, expected: Head, entries: Vec<(Entry, ClientId, Seq)>) -> ReviewAppend {
    let mut hash = expected.hash;
    let record = |(entry, client, seq): (Entry, ClientId, Seq)| {
        let entry = EncodedEntry::new(&entry, hash);
        hash = entry.hash;
        let result = committed(entry.version);
        let answer = Answer { seq, payload: Hash::of(b"batch"), result };
        Record { entry: Some(entry), ..Record::new(client, answer) }
    };
    let records = entries.into_iter().map(record).collect();
    let summary = ReviewSummary { title: "renamed".to_owned(), status: "approved".to_owned(), comments: 3 };
    ReviewAppend { review, append: Append { expected, records }, summary, linked: None }
}

pub(crate) fn answer_only(row: &ReviewRow, client: ClientId, seq: Seq, result: AnswerResult) -> ReviewAppend {
    let answer = Answer { seq, payload: Hash::of(b"batch"), result };
    let records = vec![Record::new(client, answer)];
    let append = Append { expected: row.head, records };
    ReviewAppend { review: row.id, append, summary: row.summary.clone(), linked: None }
}

pub(crate) fn head_after(request: &ReviewAppend) -> Head {
    let last = request.append.records.last().and_then(|record| record.entry.as_ref()).unwrap();
    Head { version: last.version, hash: last.hash }
}
