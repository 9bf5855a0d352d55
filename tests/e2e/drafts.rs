//! Private drafts over a real server: published once or not at all whenever it is killed, and carried on when an edit of
//! them came too late.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use futures_util::StreamExt;
use interline::store::MemoryStore;
use interline::{Anchor, Client, Drafts, Event, Events, Review, Status};
use interline_tests::proxy::Proxy;
use interline_tests::server::{Server, verify};
use interline_tests::{DEADLINE, http, until};
use tokio::time::timeout;

const ROUNDS: usize = 12;
/// How many drafts are published at once.
const TOGETHER: usize = 4;

async fn join(url: &str, name: &str, store: MemoryStore) -> Result<(Client, Review, Drafts)> {
    let client = Client::builder(url).user(name, name).debounce_ms(2).store(store).build().await?;
    client.reconnect();
    let review = timeout(DEADLINE, client.open("drafts")).await.context("it takes too long")??;
    let drafts = review.drafts().await?;
    Ok((client, review, drafts))
}

async fn synced(review: &Review) -> Result<()> {
    Ok(timeout(DEADLINE, review.synced()).await.context("it takes too long")??)
}

/// How many of a round's comments everybody sees.
fn seen(server: &Server, round: usize) -> Result<usize> {
    let review = server.review("drafts")?;
    let comments = review["comments"].as_array().context("comments")?;
    let of = format!("<{round}.");
    Ok(comments
        .iter()
        .filter(|comment| comment["text"].as_str().is_some_and(|text| text.starts_with(&of)))
        .count())
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_the_server_is_killed_a_publication_happens_once_or_not_at_all() -> Result<()> {
    let mut server = Server::start()?;
    server.create_review("drafts")?;
    let (client, review, drafts) = join(server.url(), "ann", MemoryStore::new()).await?;
    let (_b, bo, _) = join(server.url(), "bo", MemoryStore::new()).await?;
    let (mut before, mut after) = (0, 0);
    for round in 0..ROUNDS {
        for n in 0..TOGETHER {
            drafts.add(Anchor::head("src/lib.rs", 3), &format!("<{round}.{n}>"))?;
        }
        if round % 2 == 0 {
            synced(&review).await?;
        }
        let status = if round % 2 == 0 { Status::Approved } else { Status::ChangesRequested };
        drafts.publish_all(Some((status, Some(&format!("note {round}")))))?;
        // Some time between its being typed and its being acknowledged.
        tokio::time::sleep(Duration::from_micros(fastrand::u64(0..12_000))).await;
        server.kill()?;
        server.restart()?;
        // What is there now was committed before the kill, for nobody has connected yet or has been told anything.
        match seen(&server, round)? {
            0 => before += 1,
            TOGETHER => after += 1,
            // Whoever is back already may be publishing: that is all or nothing as well.
            part => anyhow::bail!("{part} of {TOGETHER} were published in round {round}"),
        }
        client.reconnect();
        synced(&review).await?;
        ensure!(seen(&server, round)? == TOGETHER, "round {round} is there, once");
        until("none is a draft", || drafts.list().is_empty().then_some(())).await;
    }
    eprintln!("killed before the commit {before} times, after it {after} times");
    ensure!(drafts.rejected().is_empty() && review.rejected().is_empty(), "nothing was refused");
    until("bo sees all of it", || (bo.comments().len() == ROUNDS * TOGETHER).then_some(())).await;
    let decisions = review.decisions();
    let note = decisions.values().next().and_then(|decision| decision.note.clone());
    ensure!(note == Some(format!("note {}", ROUNDS - 1)), "the last decision stands: {note:?}");

    let receipts = server.data().join("receipts.json");
    std::fs::write(&receipts, drafts.log().export_receipts())?;
    server.terminate()?;
    let (good, said) = verify(server.data(), &[receipts])?;
    ensure!(good, "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_another_device_goes_on_in_the_comment_and_meets_what_others_wrote() -> Result<()> {
    let server = Server::start()?;
    server.create_review("drafts")?;
    let proxy = Proxy::start(server.url()).await?;
    let store = MemoryStore::new();
    let (_d, ann, desk) = join(server.url(), "ann", MemoryStore::new()).await?;
    let (_b, bo, _) = join(server.url(), "bo", MemoryStore::new()).await?;
    let apart = desk.add(Anchor::head("src/lib.rs", 3), "rename this")?;
    let beside = desk.add(Anchor::head("src/lib.rs", 1), "and document it")?;
    synced(&ann).await?;

    let (client, _, phone) = join(&proxy.url(), "ann", store.clone()).await?;
    ensure!(phone.list().len() == 2, "both are on the phone");
    proxy.down();
    until("it is noticed", || (!client.connection().is_connected()).then_some(())).await;
    phone.get(apart.id())?.set_text("rename that")?;
    phone.get(beside.id())?.insert(15, ", please")?;
    client.closed().await?;
    desk.publish_all(None)?;
    synced(&ann).await?;
    let bos = until("bo sees both", || Some((bo.get(apart.id()).ok()?, bo.get(beside.id()).ok()?))).await;
    bos.0.set_text("rename everything")?;
    bos.1.insert(0, "Bo: ")?;
    synced(&bo).await?;

    proxy.up();
    let (_p, review, phone) = join(&proxy.url(), "ann", store).await?;
    synced(&review).await?;
    until("it goes on", || (bos.1.text() == "Bo: and document it, please").then_some(())).await;
    let conflict = until("they wrote the same words", || bo.conflicts().into_iter().next()).await;
    assert_eq!((conflict.field(), conflict.sides().len()), ("text", 2));
    until("nothing waits", || (phone.log().rejected().is_empty() && phone.list().is_empty()).then_some(()))
        .await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_opens_or_reads_them() -> Result<()> {
    let server = Server::start()?;
    let id = server.create_review("drafts")?;
    let (_a, ann, drafts) = join(server.url(), "ann", MemoryStore::new()).await?;
    drafts.add(Anchor::head("src/lib.rs", 3), "a secret")?;
    synced(&ann).await?;
    let log = drafts.log().id().to_string();
    let (client, bo, bos) = join(server.url(), "bo", MemoryStore::new()).await?;
    ensure!(bos.list().is_empty() && bo.comments().is_empty(), "bo has none");
    let refused = |error: interline::OpenError| match error {
        interline::OpenError::Server(problem) => problem.code.into_owned(),
        other => other.to_string(),
    };
    let told = client.open(&log).await.err().map(refused);
    let unknown = client.open("019a0000-0000-7000-8000-000000000000").await.err().map(refused);
    assert_eq!((told.as_deref(), unknown.as_deref()), (Some("unknown_review"), Some("unknown_review")));
    for path in ["", "/log", "/comments", "/patchsets/1", "/diff"] {
        let (status, body) = http::get(&format!("{}/api/reviews/{log}{path}", server.url()))?;
        ensure!(status == 404 && !body.to_string().contains("secret"), "{path}: {status} {body}");
    }
    for path in ["/api/reviews".to_owned(), format!("/api/reviews/{id}"), format!("/api/reviews/{id}/log")] {
        let (_, body) = http::get(&format!("{}{path}", server.url()))?;
        let body = body.to_string();
        ensure!(!body.contains("secret") && !body.contains(&log), "{path}: {body}");
    }
    Ok(())
}

/// The next thing that somebody is told of the kind that is looked for.
async fn hear<T>(told: &mut Events, wanted: impl Fn(Event) -> Option<T>) -> Result<T> {
    let found = async {
        while let Some(event) = told.next().await {
            if let Some(found) = wanted(event) {
                return Ok(found);
            }
        }
        bail!("the events ended")
    };
    timeout(DEADLINE, found).await.context("nobody says so")?
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_without_having_seen_the_others_is_told_to_both() -> Result<()> {
    let server = Server::start()?;
    let create = format!("{}/api/reviews?title=Test&key=drafts&status_policy=lww", server.url());
    let (status, _) = http::post(&create, b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-one\n+two\n")?;
    assert_eq!(status, 201);
    let proxy = Proxy::start(server.url()).await?;
    let (anns_client, ann, anns) = join(server.url(), "ann", MemoryStore::new()).await?;
    let (client, bo, bos) = join(&proxy.url(), "bo", MemoryStore::new()).await?;
    let (mut ann_told, mut bo_told) = (ann.events(), bo.events());
    proxy.down();
    until("it is noticed", || (!client.connection().is_connected()).then_some(())).await;

    let second = bos.add(Anchor::head("x", 1), "what is two?")?.id();
    bos.publish_all(Some((Status::ChangesRequested, Some("unclear"))))?;
    let first = anns.add(Anchor::head("x", 1), "why two?")?.id();
    // Bo's clock says that he was first, and he has not seen what Ann says.
    let first_at = SystemTime::now();
    let later = || first_at.elapsed().is_ok_and(|passed| passed.as_millis() > 1).then_some(());
    until("the clock has gone on", later).await;
    anns.publish_all(Some((Status::Approved, None)))?;
    synced(&ann).await?;
    proxy.up();
    client.reconnect();
    synced(&bo).await?;

    for told in [&mut ann_told, &mut bo_told] {
        let pair = hear(told, |event| match event {
            Event::SameLine { comment, other } => Some((comment, other)),
            _ => None,
        });
        assert_eq!(pair.await?, (second, first), "it may be the same remark");
    }
    assert_eq!((bo.status(), ann.status()), (Status::Approved, Status::Approved));
    let lost = hear(&mut bo_told, |event| match event {
        Event::Superseded { field, value, by, .. } => Some((field, value, by)),
        _ => None,
    });
    let by = anns_client.user().id.clone();
    assert_eq!(lost.await?, ("status".to_owned(), Status::Approved.into(), by));
    Ok(())
}
