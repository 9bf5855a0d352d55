//! `verify`: what a server has written is good, and every kind of damage is named.

use std::path::PathBuf;
use std::process::Command;

use interline_core::entry::{Hash, Head};
use interline_server::store::Store;
use interline_server::verify::{Summary, verify};
use serde_json::{Value, json};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::data::{Data, EDITS, write};
use super::support::{Running, comment, entry, id};

/// A database with which nothing is wrong.
pub(super) async fn checked(directory: &std::path::Path) {
    let mut out = Vec::new();
    let summary = verify(directory, &[], &mut out).await.unwrap();
    assert_eq!(summary.problems, 0, "{}", String::from_utf8_lossy(&out));
}

impl Data {
    pub(super) async fn verify(&self, receipts: &[PathBuf]) -> (Summary, String) {
        let mut out = Vec::new();
        let summary = verify(self.path(), receipts, &mut out).await.unwrap();
        (summary, String::from_utf8(out).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_wrote_is_good() {
    let mut data = Data::new().await;
    let all = data.file("all.json", &data.export(&data.receipts));
    let (summary, said) = data.verify(&[all]).await;
    let expected = Summary { reviews: 2, entries: EDITS + 2, snapshots: 1, receipts: EDITS, problems: 0 };
    assert_eq!(summary, expected, "{said}");
    assert_eq!(said, "2 reviews, 42 entries, 1 snapshots, 40 receipts: all good\n");

    // The same over a log without its start.
    data.trim().await;
    let several = json!([data.export(&data.receipts[..50]), data.export(&data.receipts[50..])]);
    let several = data.file("several.json", &several);
    let (summary, said) = data.verify(&[several]).await;
    let expected =
        Summary { reviews: 2, entries: 2 * EDITS + 2, snapshots: 2, receipts: 2 * EDITS, problems: 0 };
    assert_eq!(summary, expected, "{said}");
    let (first, rest) = said.split_once('\n').unwrap();
    let begins = format!("review {}: begins at a snapshot at version {}: ", data.review, EDITS + 1);
    assert!(first.starts_with(&begins) && first.contains("cannot be checked"), "{said}");
    assert_eq!(rest, "2 reviews, 82 entries, 2 snapshots, 80 receipts: all good\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_damage_is_named() {
    let whole = Data::new().await;
    let mut trimmed = whole.copy();
    trimmed.trim().await;
    let cases: &[(&Data, &'static str, &[&str])] = &[
        (
            &whole,
            "UPDATE entries SET payload = replace(payload, 'user-1', 'user-2') WHERE review = ?1 AND version = 7",
            &["entry 7: the chain of hashes breaks", "snapshot 41: it differs from the fold"],
        ),
        (
            &whole,
            "UPDATE entries SET payload = substr(payload, 2) WHERE review = ?1 AND version = 7",
            &["entry 7: the chain of hashes breaks", "entry 7 cannot be read"],
        ),
        (
            &whole,
            "UPDATE entries SET hash = zeroblob(32) WHERE review = ?1 AND version = 9",
            &["entry 9: the chain of hashes breaks", "entry 10: the chain of hashes breaks"],
        ),
        (&whole, "DELETE FROM entries WHERE review = ?1 AND version = 5", &["entry 5: it is missing"]),
        (
            &whole,
            "DELETE FROM entries WHERE review = ?1 AND version BETWEEN 5 AND 8",
            &["entries 5 to 8: they are missing"],
        ),
        (
            &whole,
            "DELETE FROM entries WHERE review = ?1 AND version = 41",
            &["the head row says version 41", "the log ends at 40", "snapshot 41: the log ends before it"],
        ),
        (
            &whole,
            "UPDATE snapshots SET state = replace(state, 'xxxx', 'xxyx') WHERE review = ?1",
            &["snapshot 41: it is not what was written"],
        ),
        (
            &whole,
            "UPDATE snapshots SET hash = zeroblob(32) WHERE review = ?1",
            &["snapshot 41: the log does not go through it"],
        ),
        (
            &whole,
            "UPDATE reviews SET hash = zeroblob(32) WHERE id = ?1",
            &["the head row says version 41 (0000"],
        ),
        (&whole, "UPDATE reviews SET version = 40 WHERE id = ?1", &["the head row says version 40"]),
        (&whole, "UPDATE reviews SET trimmed_to = 50 WHERE id = ?1", &["no snapshot can replace them"]),
        (
            &whole,
            "UPDATE answers SET result = '{\"committed\":{\"version\":40}}' WHERE review = ?1 AND seq = 40",
            &["batch 40 is entry 40 by it, and that is another batch"],
        ),
        (
            &whole,
            "UPDATE answers SET result = '{\"committed\":{\"version\":42}}' WHERE review = ?1 AND seq = 40",
            &["batch 40 is entry 42 by it, which there is not"],
        ),
        (
            &whole,
            "UPDATE answers SET result = '{\"rejected\":[]}' WHERE review = ?1 AND seq = 40",
            &["batch 40 is no entry by it, and is entry 41"],
        ),
        (
            &whole,
            "UPDATE answers SET seq = 39 WHERE review = ?1 AND seq = 40",
            &["it is to batch 39, and entry 41 is batch 40"],
        ),
        (&whole, "UPDATE answers SET result = '{}' WHERE review = ?1 AND seq = 1", &["it cannot be read"]),
        (
            &whole,
            "DELETE FROM answers WHERE review = ?1 AND seq = 40",
            &["it is missing, and entry 41 is theirs"],
        ),
        (
            &whole,
            "UPDATE answers SET result = '\"void\"' WHERE review = ?1 AND seq = 40",
            &["batch 40 is no entry by it, and is entry 41"],
        ),
        (&whole, "UPDATE answers SET seq = 0 WHERE review = ?1 AND seq = 1", &["it is to batch 0"]),
        (
            &whole,
            "UPDATE answers SET payload_hash = x'00' WHERE review = ?1 AND seq = 1",
            &["a hash of 1 bytes"],
        ),
        (
            &whole,
            "INSERT INTO entries SELECT review, -5, hash, payload_hash, payload FROM entries WHERE review = ?1 AND version = 1",
            &["entries outside of 1 to 41: 1, at versions -5 to -5"],
        ),
        (
            &whole,
            "INSERT INTO entries SELECT review, 1 - version, hash, payload_hash, payload FROM entries WHERE review = ?1 AND version < 3",
            &["entries outside of 1 to 41: 2, at versions -1 to 0"],
        ),
        (
            &whole,
            "INSERT INTO entries SELECT review, 50, hash, payload_hash, payload FROM entries WHERE review = ?1 AND version = 1",
            &["entries outside of 1 to 41: 1, at versions 50 to 50", "entries 42 to 49: they are missing"],
        ),
        (
            &whole,
            "UPDATE reviews SET title = 'zzz' WHERE id = ?1",
            &["the head row's title is \"zzz\", by the log it is \"A review\""],
        ),
        (
            &whole,
            "UPDATE reviews SET status = 'approved' WHERE id = ?1",
            &["the head row's status is \"approved\", by the log it is \"pending\""],
        ),
        (
            &whole,
            "UPDATE reviews SET comments = 99 WHERE id = ?1",
            &["the head row's number of comments is 99, by the log it is 1"],
        ),
        (&whole, "UPDATE reviews SET comments = -1 WHERE id = ?1", &["it cannot be read"]),
        (
            &whole,
            "UPDATE reviews SET created_at = 1 WHERE id = ?1",
            &["the head row's time of creation is 1, by the log it is "],
        ),
        (
            &trimmed,
            "UPDATE reviews SET title = 'zzz', comments = 0 WHERE id = ?1",
            &[
                "the head row's title is \"zzz\", by the log it is \"A review\"",
                "the head row's number of comments is 0, by the log it is 1",
            ],
        ),
        (
            &whole,
            "UPDATE patch_sets SET diff = 'garbage' WHERE review = ?1",
            &["patch set 1: it cannot be read"],
        ),
        (
            &whole,
            "UPDATE patch_sets SET diff = CAST(x'ff' || diff AS TEXT) WHERE review = ?1",
            &["patch set 1: it cannot be read"],
        ),
        (&whole, "DELETE FROM patch_sets WHERE review = ?1", &["patch set 1: it is missing"]),
        (&trimmed, "DELETE FROM patch_sets WHERE review = ?1", &["patch set 1: it is missing"]),
        (
            &whole,
            "UPDATE patch_sets SET number = 0 WHERE review = ?1",
            &["patch set 0: the log does not speak of it", "patch set 1: it is missing"],
        ),
        (
            &whole,
            "INSERT INTO patch_sets (review, number, diff) SELECT review, 2, diff FROM patch_sets WHERE review = ?1",
            &["patch set 2: the log does not speak of it"],
        ),
        (
            &trimmed,
            "DELETE FROM answers WHERE review = ?1 AND seq = 80",
            &["it is missing, and entry 81 is theirs"],
        ),
        (
            &trimmed,
            "UPDATE entries SET payload_hash = zeroblob(32) WHERE review = ?1 AND version = 7",
            &["entry 7: the chain of hashes breaks"],
        ),
        (
            &trimmed,
            "UPDATE entries SET payload = '', payload_hash = zeroblob(32) WHERE review = ?1 AND version = 60",
            &["entry 60: the chain of hashes breaks", "entry 60: it is marked as trimmed"],
        ),
        (
            &trimmed,
            "UPDATE answers SET result = '{\"committed\":{\"version\":7}}' WHERE review = ?1 AND seq = 80",
            &["batch 80 is entry 7 by it, and that is another batch"],
        ),
        (
            &trimmed,
            "DELETE FROM snapshots WHERE review = ?1",
            &["entries up to 41 are trimmed, and no snapshot can replace them"],
        ),
        (
            &trimmed,
            "UPDATE answers SET result = '{\"committed\":{\"version\":7,\
             \"hash\":\"0000000000000000000000000000000000000000000000000000000000000000\"}}' \
             WHERE review = ?1 AND seq = 1",
            &["entry 7 has another hash by it"],
        ),
    ];
    for (data, sql, named) in cases {
        let copy = data.copy();
        copy.damage(sql).await;
        let (summary, said) = copy.verify(&[]).await;
        let (first, rest) = said.split_once('\n').unwrap();
        assert!(
            summary.problems > 0 && first.starts_with(&format!("review {}: ", data.review)),
            "{sql}: {said}"
        );
        assert!(rest.ends_with(&format!("{} problems\n", summary.problems)), "the other is good: {said}");
        for named in *named {
            assert!(first.contains(named), "{sql}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_used_for_long_is_good() {
    let mut data = Data::new().await;
    data.trim().await;
    let server = Running::start_in(data.directory).await;
    // Everything that lists show has changed since the first entry.
    let mut ann = server.client(1).await;
    ann.open("damaged", None).await;
    let mut batch = comment(81, 81, 11, "stays");
    let added = comment(81, 81, 12, "goes")["changes"][0].take();
    let at = json!({ "ms": 1 });
    let fields =
        json!({ "title": { "value": "Renamed", "seen": 81 }, "status": { "value": "approved", "seen": 81 } });
    let changes = batch["changes"].as_array_mut().unwrap();
    changes.push(added);
    changes.push(json!({ "comment_removed": { "comment": id(12) } }));
    changes.push(json!({ "fields_changed": { "entity": "review", "fields": fields, "at": at } }));
    ann.submit(&data.review, &batch).await;
    assert_eq!(entry(&ann.next().await), (82, 81));
    // And a seq is void, for its batch needs what was trimmed.
    let mut cy = server.client(3).await;
    let have = json!({ "version": 6, "hash": data.receipts[4]["hash"] });
    let held = json!({ "seq": 1, "base": 6, "comments": [id(10)] });
    let opened = cy.ask_to_open(json!({ "review": "damaged", "have": have, "in_flight": held })).await;
    assert_eq!(opened["opened"]["last"]["result"], "void", "{opened}");
    data.directory = server.stop().await;

    let store = data.store().await;
    let row = store.find_review("damaged").await.unwrap().unwrap();
    let summary = (row.summary.title.as_str(), row.summary.status.as_str(), row.summary.comments);
    assert_eq!(summary, ("Renamed", "approved", 2));
    store.close().await;
    let (summary, said) = data.verify(&[]).await;
    assert_eq!((summary.entries, summary.problems), (83, 0), "{said}");
    // The void answer is one of those that are checked.
    data.damage("UPDATE answers SET seq = 0 WHERE review = ?1 AND result = '\"void\"'").await;
    let (summary, said) = data.verify(&[]).await;
    assert!(summary.problems == 1 && said.contains("it is to batch 0"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_a_review_are_named() {
    let data = Data::new().await;
    let copy = data.copy();
    copy.damage("DELETE FROM reviews WHERE id = ?1").await;
    let (summary, said) = copy.verify(&[]).await;
    assert!(summary.reviews == 1 && said.starts_with("the database file: "), "{said}");
    for (table, rows) in [("entries", 41), ("answers", 2), ("snapshots", 1), ("patch_sets", 1)] {
        let review = &data.review;
        let orphans = format!("{table}: rows of review {review}, which has no head row: {rows}");
        assert!(said.contains(&orphans), "{said}");
        assert!(said.contains(&format!("{table}: rows that refer to nothing: {rows}")), "{said}");
    }
    assert_eq!(summary.problems, 8, "{said}");

    let copy = data.copy();
    copy.damage("UPDATE answers SET review = x'01ff' WHERE review = ?1 AND seq = 1").await;
    let (_, said) = copy.verify(&[]).await;
    assert!(said.contains("answers: rows of review 0x01ff, which has no head row: 1"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_disagrees_with_its_table_is_named() {
    let data = Data::new().await;
    let file = data.path().join("interline.db");
    let options = SqliteConnectOptions::new().filename(&file);
    let mut connection = options.clone().connect().await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.unwrap();
    let (page,): (i64,) =
        sqlx::query_as("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_reviews_2'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    // The index of keys has one that no review has, still in order.
    let mut bytes = std::fs::read(&file).unwrap();
    let index = &mut bytes[(page as usize - 1) * 4096..page as usize * 4096];
    let at = index.windows(7).position(|found| found == b"damaged").unwrap();
    index[at + 6] = b'e';
    std::fs::write(&file, bytes).unwrap();
    let mut connection = options.connect().await.unwrap();
    let (quick,): (String,) = sqlx::query_as("PRAGMA quick_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(quick, "ok", "the quick check does not see it");
    sqlx::Connection::close(connection).await.unwrap();
    let (summary, said) = data.verify(&[]).await;
    assert!(summary.problems > 0 && said.starts_with("the database file: "), "{said}");
    assert!(said.contains("index sqlite_autoindex_reviews_2"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_something_else_differs() {
    let data = Data::new().await;
    let store = data.store().await;
    let snapshot = store.newest_snapshot(data.id(), None).await.unwrap().unwrap();
    for (from, to) in [("xxxx", "xxyx"), ("user-1\"]", "user-1\",\"zoe\"]")] {
        assert!(snapshot.state.contains(from), "{}", snapshot.state);
        store.put_snapshot(data.id(), snapshot.head, &snapshot.state.replacen(from, to, 1)).await.unwrap();
        let (_, said) = data.verify(&[]).await;
        assert!(said.contains("snapshot 41: it differs from the fold of the log"), "{said}");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_is_not_kept_is_named() {
    let data = Data::new().await;
    let receipt =
        |version: u64, seq: u64, hash: &Value| json!({ "seq": seq, "version": version, "hash": hash });
    let hash = |seq: usize| &data.receipts[seq - 1]["hash"];
    for (told, named) in [
        (receipt(99, 98, hash(1)), "entry 99: it is missing"),
        (receipt(7, 6, hash(7)), "entry 7: it is not the one of the receipt"),
        (receipt(7, 5, hash(6)), "entry 7: it is not batch 5"),
        (receipt(0, 1, hash(1)), "entry 0: it is missing"),
    ] {
        let file = data.file("receipts.json", &data.export(&[data.receipts[3].clone(), told]));
        let (summary, said) = data.verify(&[file]).await;
        assert_eq!((summary.receipts, summary.problems), (2, 1), "{said}");
        assert!(said.contains(named), "{said}");
    }
    let mut elsewhere = data.export(&data.receipts);
    elsewhere["review"] = json!(id(77));
    let file = data.file("elsewhere.json", &elsewhere);
    let (summary, said) = data.verify(&[file]).await;
    assert!(
        summary.problems == 1 && said.contains("not in the database, and there are 40 receipts"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_says_it_by_its_exit_code() {
    let data = Data::new().await;
    let run = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_interline-server"));
        let output = program.args(arguments).env_remove("INTERLINE_DATA_DIR").output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let directory = data.path().to_str().unwrap();
    let good = data.file("good.json", &data.export(&data.receipts));
    // A server may be using it: this store has it open.
    let store = data.store().await;
    let (code, said, _) = run(&["verify", "--data-dir", directory, "--receipts", good.to_str().unwrap()]);
    assert_eq!((code, said.ends_with("40 receipts: all good\n")), (0, true), "{said}");
    store.close().await;
    let before = std::fs::read(data.path().join("interline.db")).unwrap();
    let lost = json!({ "seq": 41, "version": 42, "hash": Hash::of(b"x") });
    let lost = data.file("lost.json", &data.export(&[lost]));
    let (code, said, _) = run(&["--data-dir", directory, "verify", "--receipts", lost.to_str().unwrap()]);
    assert!(code == 1 && said.contains("entry 42: it is missing"), "{code}: {said}");
    let torn = data.path().join("torn.json");
    std::fs::write(&torn, "[{\"format\":1,").unwrap();
    let nowhere = data.path().join("nowhere");
    for arguments in [
        &["verify", "--data-dir", directory, "--receipts", torn.to_str().unwrap()][..],
        &["verify", "--data-dir", directory, "--receipts", "/no/such/file"],
        &["verify", "--data-dir", nowhere.to_str().unwrap()],
        &["verify", "--no-such-option"],
    ] {
        let (code, said, why) = run(arguments);
        assert!(code == 2 && said.is_empty() && !why.is_empty(), "{arguments:?}: {said}{why}");
    }
    assert!(!nowhere.exists());
    assert_eq!(std::fs::read(data.path().join("interline.db")).unwrap(), before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_be_writing_meanwhile() {
    let server = Running::start().await;
    let review = server.review("damaged").await;
    let mut ann = server.client(1).await;
    ann.open("damaged", None).await;
    let directory = server.directory.path().to_owned();
    let (wrote, mut writing) = tokio::sync::oneshot::channel();
    let writer = tokio::spawn(async move {
        let receipts = write(&mut ann, &review, 1..=200).await;
        let _ = wrote.send(());
        receipts
    });
    let mut seen = 0;
    while writing.try_recv().is_err() {
        let mut said = Vec::new();
        let summary = verify(&directory, &[], &mut said).await.unwrap();
        assert_eq!(summary.problems, 0, "{}", String::from_utf8_lossy(&said));
        assert!(summary.entries >= seen && summary.entries <= 201, "{summary}");
        seen = summary.entries;
    }
    assert_eq!(writer.await.unwrap().len(), 200);
    assert!(seen > 1, "it was never looked at while it grew");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_hold_over_what_was_trimmed() {
    let mut data = Data::new().await;
    data.trim().await;
    let store = data.store().await;
    for receipt in &data.receipts {
        let head: Head =
            serde_json::from_value(json!({ "version": receipt["version"], "hash": receipt["hash"] }))
                .unwrap();
        assert!(store.holds(data.id(), head).await.unwrap());
    }
    store.close().await;
    let mut forged = data.receipts[4].clone();
    forged["hash"] = data.receipts[5]["hash"].clone();
    let forged = data.file("forged.json", &data.export(&[forged]));
    let (summary, said) = data.verify(&[forged]).await;
    assert!(summary.problems == 1 && said.contains("entry 6: it is not the one of the receipt"), "{said}");
}
