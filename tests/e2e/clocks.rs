//! Somebody whose clock is an hour fast or slow meets others: once while both are connected and act before either has
//! heard of the other, and once having been away meanwhile.

use anyhow::{Context, Result};
use interline::{Anchor, Client, FieldValue, Review, Status};
use interline_tests::raw::Raw;
use interline_tests::server::Server;
use interline_tests::{DIFF, http, until};
use serde_json::{Value, json};
use uuid::Uuid;

const HOUR: i64 = 3_600_000;
const BASE: &str = "This needs refactoring";

/// A client of Bo's whose clock is off by so much: it opens the review, and acts on what it saw then.
struct Off {
    url: String,
    client: Uuid,
    off: i64,
    raw: Raw,
    /// What it has of the review.
    head: Value,
    review: Value,
}

fn now() -> Result<i64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(i64::try_from(now.as_millis())?)
}

impl Off {
    async fn open(url: &str, off: i64) -> Result<Off> {
        let client = Uuid::now_v7();
        let (raw, opened) = Off::connect(url, client, off, &json!({"review": "pr"})).await?;
        let (head, review) = (opened["head"].clone(), opened["review"].clone());
        Ok(Off { url: url.to_owned(), client, off, raw, head, review })
    }

    async fn connect(url: &str, client: Uuid, off: i64, open: &Value) -> Result<(Raw, Value)> {
        let mut raw = Raw::connect(url).await?;
        let user = json!({"id": "bo", "display_name": "Bo"});
        let hello = json!({"protocol": 2, "client": client, "user": user, "now": now()? + off});
        raw.send(&json!({"hello": hello})).await?;
        raw.expect("welcome").await?;
        raw.send(&json!({"open": open})).await?;
        let opened = raw.expect("opened").await?;
        Ok((raw, opened))
    }

    /// Goes away and comes back: what it does was done in between, by its own clock.
    async fn away(&mut self) -> Result<Value> {
        let open = json!({"review": "pr", "have": self.head});
        let (raw, opened) = Off::connect(&self.url, self.client, self.off, &open).await?;
        self.raw = raw;
        Ok(opened["head"].clone())
    }

    /// Hands in what was done when the review was as first opened; says what became of it.
    async fn submit(&mut self, base: &Value, comment: Value, seen: &Value, at: i64) -> Result<Value> {
        let write = |value: &str| json!({"value": value, "seen": seen, "was": "pending", "patch_set": 1});
        let title = json!({"title": {"value": "Off by an hour", "seen": seen}});
        let at = json!({"ms": at + self.off});
        // On the text as it was, and nobody has touched the end of it.
        let authored = json!([5, "might ", 17]);
        let apart = if base == seen { json!([]) } else { json!([{"seen": seen, "authored": authored}]) };
        let op = if base == seen { authored } else { json!([5, "might ", 28]) };
        let changes = json!([
            {"decided": {"status": write("changes_requested"), "at": at}},
            {"fields_changed": {"entity": "review", "fields": title, "at": at}},
            {"text_edited": {"comment": comment, "op": op, "apart": apart, "whole": true}},
        ]);
        let batch = json!({"seq": 1, "base": base, "changes": changes});
        self.raw.send(&json!({"submit": {"review": self.review, "batch": batch}})).await?;
        loop {
            let entry = self.raw.expect("entry").await?["entry"].take();
            if entry["client"] == json!(self.client) {
                return Ok(entry);
            }
        }
    }
}

async fn ann(server: &Server) -> Result<(Client, Review)> {
    let url = format!("{}/api/reviews?title=Test&key=pr", server.url());
    assert_eq!(http::post(&url, DIFF.as_bytes())?.0, 201);
    let client = Client::builder(server.url()).user("ann", "Ann").debounce_ms(5).connect().await?;
    let review = client.open("pr").await?;
    Ok((client, review))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_an_hour_fast_or_slow_decides_nothing() -> Result<()> {
    for (off, away) in [(HOUR, false), (-HOUR, false), (HOUR, true), (-HOUR, true)] {
        let server = Server::start()?;
        let (_client, ann) = ann(&server).await?;
        let comment = ann.comment(Anchor::head("src/lib.rs", 3), BASE)?;
        ann.synced().await?;
        let mut bo = Off::open(server.url(), off).await?;
        // Ann acts; Bo has not seen it, and by true time acts a second later.
        ann.decide(Status::Approved, None)?;
        ann.set_title("Ann's")?;
        comment.set_text("This definitely needs refactoring")?;
        ann.synced().await?;
        let (seen, acted) = (bo.head["version"].clone(), now()? + 1_000);
        let base = if away { bo.away().await?["version"].clone() } else { seen.clone() };
        let entry = bo.submit(&base, json!(comment.id()), &seen, acted).await?;
        let verdicts = entry["verdicts"].as_array().context("verdicts")?;
        let met = |field: &str| verdicts.iter().any(|one| one["outcome"]["conflict"]["field"] == field);
        assert!(met("status") && met("text"), "the clock settles neither: {off} away {away} {entry}");
        until("the conflicts", || (ann.conflicts().len() == 2).then_some(())).await;
        for open in ann.conflicts() {
            let (mine, theirs) = (open.mine().context("mine")?, open.theirs().context("theirs")?);
            assert_eq!((mine.user.as_str(), theirs.user.as_str()), ("ann", "bo"));
            let base = (open.field() == "text").then(|| FieldValue::Text(BASE.into()));
            assert_eq!(open.base(), Some(&base.unwrap_or(Status::Pending.into())));
        }
        assert_eq!(ann.status(), Status::Approved, "the first stands");
        // Of concurrent titles the later one by true time wins: within the latency that a hello cannot tell.
        until("bo's title", || (ann.title() == "Off by an hour").then_some(())).await;
        let facts = entry["facts"].as_array().context("facts")?;
        let stamp = facts.iter().find_map(|fact| fact["field_set"]["stamp"]["at"]["ms"].as_i64());
        let stamp = stamp.context("the title's stamp")?;
        assert!((stamp - acted).abs() < 60_000, "the hour is taken out: {stamp} against {acted}");
    }
    Ok(())
}
