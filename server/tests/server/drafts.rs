//! Private drafts: nobody else's business, and published in one step.

use std::sync::Arc;

use interline_core::entry::{Answer, AnswerResult, ENTRY_FORMAT, EncodedEntry, Entry, Hash};
use interline_core::id::{ClientId, ReviewId, UserId};
use interline_core::sync::{Append, Record};
use interline_server::store::{AppendOutcome, ReviewAppend, Store};
use serde_json::{Value, json};
use uuid::Uuid;

use super::support::{Client, Running, comment, edit, error, hello, id};
use super::verify::checked;
use crate::faulty::{Fault, Faulty};

fn drafts_of(review: &str, user: u64) -> String {
    let user = UserId::new(format!("user-{user}")).unwrap();
    review.parse::<ReviewId>().unwrap().drafts_of(&user).to_string()
}

async fn open_drafts(client: &mut Client, review: &str) -> Value {
    let frame = client.ask_to_open(json!({"review": review, "drafts": true})).await;
    assert!(frame.get("opened").is_some(), "{frame}");
    frame["opened"].clone()
}

/// A second device of a user's.
async fn device(server: &Running, number: u64, user: u64) -> Client {
    let mut client = server.connect().await;
    let mut hello = hello(number);
    hello["hello"]["user"]["id"] = json!(format!("user-{user}"));
    client.send(hello).await;
    assert!(client.next().await.get("welcome").is_some());
    client
}

fn publish(seq: u64, base: u64, comments: &[u64], decision: Option<Value>) -> Value {
    let comments: Vec<String> = comments.iter().map(|number| id(*number)).collect();
    let mut change = json!({"comments": comments, "at": {"ms": 1}});
    if let Some(decision) = decision {
        change["decision"] = decision;
    }
    json!({"seq": seq, "base": base, "changes": [{"drafts_published": change}]})
}

fn approval(seen: u64) -> Value {
    json!({"status": {"value": "approved", "seen": seen, "patch_set": 1}, "note": "well done"})
}

fn reply(seq: u64, base: u64, number: u64, root: u64) -> Value {
    let added =
        json!({"comment": id(number), "place": {"reply": id(root)}, "text": "me too", "at": {"ms": 2}});
    json!({"seq": seq, "base": base, "changes": [{"comment_added": added}]})
}

fn facts(frame: &Value) -> Vec<String> {
    let facts = frame["entry"]["entry"]["facts"].as_array().unwrap_or_else(|| panic!("an entry: {frame}"));
    facts.iter().flat_map(|fact| fact.as_object().unwrap().keys().cloned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_are_nobody_elses_business() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mine = drafts_of(&review, 1);
    let (mut ann, mut phone, mut bo) =
        (server.client(1).await, device(&server, 3, 1).await, server.client(2).await);
    bo.open("pr", None).await;
    let opened = open_drafts(&mut ann, "pr").await;
    assert_eq!((opened["review"].as_str(), opened["requested"].as_str()), (Some(&*mine), Some(&*mine)));
    assert_eq!((&opened["head"]["version"], &opened["presence"]), (&json!(1), &json!([])));
    assert_eq!(opened["snapshot"]["drafts"]["owner"], "user-1");
    assert_eq!(open_drafts(&mut phone, &review).await["presence"], json!([]));
    ann.submit(&mine, &comment(1, 1, 10, "a secret thought")).await;
    assert_eq!(facts(&ann.next().await), ["comment_added"]);
    assert_eq!(phone.next().await["entry"]["entry"]["facts"][0]["comment_added"]["text"], "a secret thought");
    phone.submit(&mine, &edit(1, 2, 10, "still ", 16)).await;
    assert_eq!(facts(&ann.next().await), ["text_edited"]);
    phone.next().await;

    // Bo knows what the id must be, and hears what he would hear of any other.
    let unknown = Uuid::now_v7().to_string();
    for frame in ["open", "submit", "presence", "history", "marks", "leave"] {
        let mut heard = Vec::new();
        for review in [&mine, &unknown] {
            let body = match frame {
                "open" => json!({"review": review}),
                "submit" => json!({"review": review, "batch": comment(1, 1, 11, "x")}),
                "presence" => json!({"review": review, "update": {"active": true}}),
                "history" => json!({"review": review, "comment": id(10), "nonce": 1}),
                "marks" => json!({"review": review, "nonce": 1, "marks": {}}),
                _ => json!({"review": review}),
            };
            bo.send(json!({ frame: body })).await;
            heard.push(bo.next().await.to_string().replace(review.as_str(), "ID"));
        }
        assert_eq!(heard[0], heard[1], "{frame}");
    }
    let drafts_in_drafts = bo.ask_to_open(json!({"review": mine, "drafts": true})).await;
    assert_eq!(drafts_in_drafts["error"]["code"], "unknown_review");
    let theirs = open_drafts(&mut bo, "pr").await;
    assert_eq!(theirs["review"], drafts_of(&review, 2));
    assert_eq!(theirs["snapshot"]["comments"], json!({}));

    // So does whoever asks over HTTP, its owner too.
    for path in ["", "/log", "/conflicts", "/patchsets", "/patchsets/1", &format!("/comments/{}", id(10))] {
        let ours = server.get(&format!("/api/reviews/{mine}{path}")).await;
        let other = server.get(&format!("/api/reviews/{unknown}{path}")).await;
        assert_eq!((ours.status, other.status), (404, 404), "{path}");
        assert_eq!(ours.body.replace(&mine, "ID"), other.body.replace(&unknown, "ID"), "{path}");
    }
    let added = server.post(&format!("/api/reviews/{mine}/patchsets"), super::support::DIFF.as_bytes()).await;
    assert_eq!(added.status, 404);
    for path in ["/api/reviews", "/api/reviews/pr", "/api/reviews/pr/log", "/api/sessions"] {
        let told = server.get(path).await;
        assert_eq!(told.status, 200, "{path}");
        assert!(!told.body.contains(&mine) && !told.body.contains("thought"), "{path}: {}", told.body);
    }
    // Nor may anybody be the client that they are published under.
    let mut forger = server.connect().await;
    let mut forged = hello(2);
    forged["hello"]["client"] = json!(mine);
    forger.send(forged).await;
    assert_eq!(error(&mut forger).await, "client_taken");
    let lent = ann.ask_to_open(json!({"review": "pr", "client": mine})).await;
    assert_eq!(lent["error"]["code"], "client_taken");

    // Their owner comes back to them by their id, as to any review.
    ann.send(json!({"leave": {"review": mine}})).await;
    assert_eq!(ann.open(&mine, None).await["head"]["version"], 3);
    // Nothing of all this reached Bo: what he hears next is what is published.
    ann.submit(&mine, &publish(2, 3, &[10], None)).await;
    let entry = bo.next().await;
    assert_eq!(entry["entry"]["review"], json!(review));
    assert_eq!(entry["entry"]["entry"]["facts"][0]["comment_added"]["text"], "still a secret thought");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_how_many_drafts_are_open() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mine = drafts_of(&review, 1);
    let (mut ann, mut bo) = (server.client(1).await, server.client(2).await);
    open_drafts(&mut ann, "pr").await;
    ann.submit(&mine, &comment(1, 1, 10, "a secret thought")).await;
    assert_eq!(facts(&ann.next().await), ["comment_added"]);
    let told = async |reviews: f64| {
        assert_eq!(server.get("/healthz").await.json()["rooms"].as_f64(), Some(reviews));
        for (name, expected) in [
            ("interline_rooms", reviews),
            ("interline_opens_total", reviews),
            ("interline_resyncs_total", 0.0),
        ] {
            assert_eq!(server.metric(name).await, expected, "{name}");
        }
    };
    told(0.0).await;
    bo.open("pr", None).await;
    told(1.0).await;
    // Again from nothing: of a review that would count as well.
    ann.send(json!({"leave": {"review": mine}})).await;
    open_drafts(&mut ann, "pr").await;
    told(1.0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_whether_drafts_or_the_review_cannot_be_opened() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mine = drafts_of(&review, 1);
    let mut ann = server.client(1).await;
    for (drafts, client, code, requested) in [
        (true, Some(&mine), "client_taken", &*mine),
        (false, Some(&mine), "client_taken", "pr"),
        (true, None, "already_open", &*mine),
        (false, None, "already_open", "pr"),
    ] {
        let mut open = json!({"review": "pr", "drafts": drafts});
        match client {
            Some(client) => open["client"] = json!(client),
            None => assert_eq!(ann.ask_to_open(open.clone()).await["opened"]["requested"], requested),
        }
        let error = ann.ask_to_open(open).await["error"].clone();
        assert_eq!((&error["code"], &error["requested"]), (&json!(code), &json!(requested)));
    }
    // By its id it is known before anything is looked up.
    let known = vec![json!({"version": 1, "hash": Hash::default()}); 65];
    for (drafts, requested) in [(true, &mine), (false, &review)] {
        let open = json!({"review": review, "drafts": drafts, "known": known});
        assert_eq!(ann.ask_to_open(open).await["error"]["requested"], json!(requested));
    }
    let unknown = ann.ask_to_open(json!({"review": "other", "drafts": true})).await;
    assert_eq!(
        (&unknown["error"]["code"], &unknown["error"]["requested"]),
        (&json!("unknown_review"), &json!("other"))
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_publishes_without_being_in_the_review_has_a_name_there() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mine = drafts_of(&review, 1);
    let (mut ann, mut bo) = (server.client(1).await, server.client(2).await);
    assert_eq!(bo.open("pr", None).await["users"], json!([]));
    open_drafts(&mut ann, "pr").await;
    ann.submit(&mine, &publish(1, 1, &[], Some(approval(1)))).await;
    assert_eq!(facts(&ann.next().await), ["drafts_published"]);
    bo.next().await;
    let named = json!([{"id": "user-1", "display_name": "User 1"}]);
    assert_eq!(server.get("/api/reviews/pr").await.json()["users"], named);
    bo.send(json!({"leave": {"review": review}})).await;
    assert_eq!(bo.open("pr", None).await["users"], named);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_are_published_in_one_step() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mine = drafts_of(&review, 1);
    let (mut ann, mut bo) = (server.client(1).await, server.client(2).await);
    bo.open("pr", None).await;
    bo.submit(&review, &comment(1, 1, 20, "a question")).await;
    bo.next().await;
    open_drafts(&mut ann, "pr").await;
    // A reply to what only the review has, and one to a draft.
    for batch in [comment(1, 1, 10, "first"), reply(2, 2, 11, 20), reply(3, 3, 12, 10)] {
        ann.submit(&mine, &batch).await;
        assert_eq!(facts(&ann.next().await), ["comment_added"]);
    }
    let batch = publish(4, 4, &[12, 10, 11], Some(approval(2)));
    ann.submit(&mine, &batch).await;
    let entry = bo.next().await;
    assert_eq!(
        facts(&entry),
        ["comment_added", "comment_added", "comment_added", "decision_set", "field_set"]
    );
    let entry = &entry["entry"]["entry"];
    assert_eq!(
        (&entry["author"], &entry["client"], &entry["seq"]),
        (&json!("user-1"), &json!(mine), &json!(1))
    );
    assert_eq!(entry["facts"][3]["decision_set"]["note"], "well done");
    assert_eq!(facts(&ann.next().await), ["drafts_published"]);
    // Once more is answered as before.
    ann.submit(&mine, &batch).await;
    assert_eq!(ann.next().await["answer"]["answer"]["result"]["committed"]["version"], 5);
    // What is published is no draft any more.
    let remove = json!({"seq": 7, "base": 5, "changes": [{"comment_removed": {"comment": id(10)}}]});
    for batch in [publish(5, 5, &[10], None), edit(6, 5, 10, "late ", 5), remove] {
        ann.submit(&mine, &batch).await;
        let rejected = ann.next().await["answer"]["answer"]["result"]["rejected"][0]["outcome"].clone();
        assert_eq!(rejected, json!({"rejected": "published"}));
    }
    // Only in a batch by itself, and only where there are drafts.
    let mut mixed = publish(8, 5, &[10], None);
    mixed["changes"].as_array_mut().unwrap().push(edit(1, 1, 10, "x", 5)["changes"][0].clone());
    ann.submit(&mine, &mixed).await;
    assert_eq!(ann.next().await["refused"]["code"], "bad_batch");
    bo.submit(&review, &publish(2, 3, &[20], None)).await;
    assert_eq!(bo.next().await["refused"]["code"], "bad_batch");
    let shown = server.get("/api/reviews/pr").await.json();
    assert_eq!((&shown["version"], &shown["status"]), (&json!(3), &json!("approved")));
    assert_eq!(shown["comments"].as_array().unwrap().len(), 4);

    let directory = server.stop().await;
    checked(directory.path()).await;
    let server = Running::start_in(directory).await;
    let mut ann = device(&server, 5, 1).await;
    let opened = open_drafts(&mut ann, "pr").await;
    assert_eq!(opened["snapshot"]["comments"][id(10)]["published"], 5);
    assert_eq!(opened["snapshot"]["drafts"]["publications"], 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_review_refuses_happens_nowhere() {
    let server = Running::start().await;
    let review = server.review("pr").await;
    let mine = drafts_of(&review, 1);
    let (mut ann, mut bo) = (server.client(1).await, server.client(2).await);
    bo.open("pr", None).await;
    open_drafts(&mut ann, "pr").await;
    for batch in [comment(1, 1, 10, "good"), reply(2, 2, 11, 99)] {
        ann.submit(&mine, &batch).await;
        ann.next().await;
    }
    let reason = async |ann: &mut Client| {
        ann.next().await["answer"]["answer"]["result"]["rejected"][0]["outcome"]["rejected"].clone()
    };
    ann.submit(&mine, &publish(3, 3, &[10, 11], None)).await;
    assert_eq!(reason(&mut ann).await, "unknown_comment");
    // A decision as of a version that the review has not.
    ann.submit(&mine, &publish(4, 3, &[10], Some(approval(9)))).await;
    assert_eq!(reason(&mut ann).await, "bad_value");
    ann.submit(&mine, &publish(5, 3, &[], Some(approval(1)))).await;
    assert_eq!(facts(&bo.next().await), ["decision_set", "field_set"]);
    assert_eq!(facts(&ann.next().await), ["drafts_published"]);
    let bad = json!({"comment_added": {"comment": id(12), "text": "x", "at": {"ms": 1},
        "place": {"line": {"patch_set": 2, "file": "file.txt", "side": "head", "line": 2}}}});
    ann.submit(&mine, &json!({"seq": 6, "base": 4, "changes": [bad.clone()]})).await;
    assert_eq!(reason(&mut ann).await, "unknown_line");
    // The code that they are about is the review's newest, as soon as there is any.
    let next = super::support::DIFF.replace("+new", "+newer");
    assert_eq!(server.post("/api/reviews/pr/patchsets", next.as_bytes()).await.status, 201);
    bo.next().await;
    ann.submit(&mine, &json!({"seq": 7, "base": 4, "changes": [bad]})).await;
    assert_eq!(facts(&ann.next().await), ["comment_added"]);
    // What was written on the older one stands where that has gone.
    ann.submit(&mine, &publish(8, 5, &[10, 12], None)).await;
    let entry = bo.next().await["entry"]["entry"].clone();
    assert_eq!(entry["facts"][0]["comment_added"]["standing"]["state"], "outdated");
    assert_eq!(entry["facts"][1]["comment_added"]["place"]["line"]["patch_set"], 2);
    let directory = server.stop().await;
    checked(directory.path()).await;
}

/// Somebody else, on another node, appends an entry that says nothing.
async fn meddle(store: &Faulty, review: &str, author: &str, number: u128) {
    let row = store.find_log(review.parse().unwrap()).await.unwrap().unwrap();
    let client = ClientId(Uuid::from_u128(number));
    let (version, author) = (row.head.version + 1, UserId::new(author).unwrap());
    let (facts, verdicts) = (Vec::new(), Vec::new());
    let entry = Entry { format: ENTRY_FORMAT, version, author, client, seq: 1, at: 1, facts, verdicts };
    let entry = EncodedEntry::new(&entry, row.head.hash);
    let result = AnswerResult::Committed { version, hash: Some(entry.hash), verdicts: Vec::new() };
    let answer = Answer { seq: 1, payload: Hash::default(), result };
    let record = Record { entry: Some(entry), ..Record::new(client, answer) };
    let append = Append { expected: row.head, records: vec![record] };
    let append = ReviewAppend { review: row.id, append, summary: row.summary, linked: None };
    assert_eq!(store.append(&[append]).await.unwrap(), [AppendOutcome::Appended]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_happens_once_whatever_the_store_does() {
    let (server, store): (Running, Arc<Faulty>) = Running::faulty().await;
    let review = server.review("pr").await;
    let mine = drafts_of(&review, 1);
    let (mut ann, mut bo) = (server.client(1).await, server.client(2).await);
    bo.open("pr", None).await;
    open_drafts(&mut ann, "pr").await;
    let mut base = 1;
    let mut seq = 0;
    for (round, case) in ["full", "silent", "done", "review", "drafts", "both"].into_iter().enumerate() {
        let number = 10 + round as u64;
        seq += 1;
        ann.submit(&mine, &comment(seq, base, number, case)).await;
        assert_eq!(facts(&ann.next().await), ["comment_added"], "{case}");
        base += 1;
        seq += 1;
        let batch = publish(seq, base, &[number], Some(approval(1)));
        match case {
            "full" => store.faults.lock().unwrap().push_back(Fault::Full),
            "silent" => store.faults.lock().unwrap().push_back(Fault::Silent),
            "done" => store.faults.lock().unwrap().push_back(Fault::SilentlyDone),
            _ => {}
        }
        if ["review", "both"].contains(&case) {
            meddle(&store, &review, "user-9", 900 + round as u128).await;
        }
        if ["drafts", "both"].contains(&case) {
            meddle(&store, &mine, "user-1", 950 + round as u128).await;
            base += 1;
        }
        ann.submit(&mine, &batch).await;
        if case == "full" {
            assert_eq!(ann.next().await["refused"]["code"], "store_failed");
            ann.submit(&mine, &batch).await;
        }
        // Everybody hears of it once; entries of others come before it.
        let published = async |client: &mut Client, fact: &str| loop {
            let frame = client.next().await;
            if frame.get("entry").is_some() && facts(&frame).iter().any(|found| found == fact) {
                break;
            }
            assert!(frame.get("entry").is_some(), "{case}: {frame}");
        };
        published(&mut ann, "drafts_published").await;
        published(&mut bo, "comment_added").await;
        base += 1;
        if case == "done" {
            // The log had it already, so the batch gets the answer of one that was sent again.
            assert!(ann.next().await["answer"]["answer"]["result"]["committed"]["version"].is_u64());
        }
    }
    let shown = server.get("/api/reviews/pr").await.json();
    assert_eq!(shown["comments"].as_array().unwrap().len(), 6);
    let directory = server.stop().await;
    checked(directory.path()).await;
}
