//! A database that cannot grow: edits stay queued, everything else goes on, and all is well once there is space.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use interline::{Anchor, Client, Event, Observer, PresenceUpdate, Problem, Review};
use interline_tests::database::check_log;
use interline_tests::server::Server;
use interline_tests::{DEADLINE, DIFF, http, until};
use tokio::time::{sleep, timeout};

async fn join(server: &Server, name: &str) -> Result<(Client, Review)> {
    let client = Client::builder(server.url()).user(name, name).debounce_ms(2).connect().await?;
    let review = client.open("full").await?;
    Ok((client, review))
}

/// Notes the first problem that a review is told of.
fn problem(review: &Review) -> (Observer, Arc<Mutex<Option<Problem>>>) {
    let noted = Arc::new(Mutex::new(None));
    let noting = Arc::clone(&noted);
    let observer = review.observe(move |event| {
        if let (Event::Problem(problem), Ok(mut noted)) = (event, noting.lock()) {
            noted.get_or_insert_with(|| problem.clone());
        }
    });
    (observer, noted)
}

/// The size of the largest file: the write-ahead log, which every commit grows.
fn largest(data: &Path) -> Result<u64> {
    let sizes = std::fs::read_dir(data)?.map(|file| Ok(file?.metadata()?.len()));
    sizes.collect::<Result<Vec<_>>>()?.into_iter().max().context("a file")
}

/// Types until the review is told of a problem; how many words.
async fn type_until_told(review: &Review, noted: &Mutex<Option<Problem>>) -> Result<(usize, Problem)> {
    let comment = review.get(review.threads().first().context("a thread")?.id)?;
    let end = Instant::now() + DEADLINE;
    for n in 0.. {
        if let Some(problem) = noted.lock().ok().and_then(|noted| noted.clone()) {
            return Ok((n, problem));
        }
        ensure!(Instant::now() < end, "{n} words, and no problem");
        comment.insert(comment.text().len(), &format!("<a{n}>"))?;
        sleep(Duration::from_millis(20)).await;
    }
    anyhow::bail!("no more numbers")
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_are_queued_while_the_database_cannot_grow() -> Result<()> {
    let mut server = Server::start()?;
    let id = server.create_review("full")?;
    let (_client, ann) = join(&server, "ann").await?;
    let (_other, bo) = join(&server, "bo").await?;
    let anns = ann.comment(Anchor::head("src/lib.rs", 3), "before")?;
    ann.synced().await?;
    let bos = until("the comment", || bo.get(anns.id()).ok()).await;

    server.limit_files(Some(largest(server.data())?))?;
    let (_observer, noted) = problem(&ann);
    let (words, problem) = type_until_told(&ann, &noted).await?;
    assert_eq!((problem.code.as_ref(), problem.retryable), ("store_failed", true), "{}", problem.message);
    assert!(ann.unsynced().count > 0 && ann.unsynced().since.is_some());

    // Nothing new gets in, and that is said; what is there can be read; people see each other.
    let another = format!("{}/api/reviews?title=Another", server.url());
    let (status, error) = http::post(&another, DIFF.as_bytes())?;
    assert_eq!((status, &error["code"], &error["retryable"]), (503, &"store_failed".into(), &true.into()));
    let shown = server.review("full")?;
    assert!(shown["comments"][0]["text"].as_str().is_some_and(|text| text.starts_with("before")));
    until("everybody to have it open again", || (ann.is_online() && bo.is_online()).then_some(())).await;
    bo.update_presence(PresenceUpdate { line: Some(2), active: true, ..PresenceUpdate::default() });
    let sees_bo =
        || ann.presence().iter().any(|one| one.user.id.as_str() == "bo" && one.place.line == Some(2));
    until("bo's caret", || sees_bo().then_some(())).await;
    bos.insert(0, "<bo>")?;
    ensure!(timeout(Duration::from_secs(2), bo.synced()).await.is_err(), "there was space for this");
    assert!(bo.unsynced().count > 0 && ann.unsynced().count > 0 && server.is_alive()?);

    server.limit_files(None)?;
    timeout(DEADLINE, ann.synced()).await.context("ann's edits are not taken")??;
    timeout(DEADLINE, bo.synced()).await.context("bo's edit is not taken")??;
    until("both to have everything", || (ann.version() == bo.version()).then_some(())).await;
    let shown = server.review("full")?;
    let text = shown["comments"][0]["text"].as_str().unwrap_or_default();
    assert_eq!((text, text), (&*anns.text(), &*bos.text()));
    let typed: String = (0..words).map(|n| format!("<a{n}>")).collect();
    assert_eq!(text, format!("<bo>before{typed}"));
    assert!(ann.rejected().is_empty() && bo.rejected().is_empty());

    assert!(server.terminate()?.success());
    check_log(server.data(), &id).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_are_queued_while_the_database_may_not_grow() -> Result<()> {
    let mut server = Server::start_with(&["--max-database-mb", "1"])?;
    let id = server.create_review("full")?;
    let (_client, ann) = join(&server, "ann").await?;
    let (_observer, noted) = problem(&ann);
    let mut comments = Vec::new();
    let problem = loop {
        if let Some(problem) = noted.lock().ok().and_then(|noted| noted.clone()) {
            break problem;
        }
        ensure!(comments.len() < 200, "4 MB, and no problem");
        let text = format!("{} {}", comments.len(), "x".repeat(20_000));
        comments.push(ann.comment(Anchor::head("src/lib.rs", 3), &text)?);
        // Refused or taken: either is told.
        let taken = timeout(Duration::from_millis(500), ann.synced()).await;
        ensure!(taken.is_ok() || noted.lock().is_ok_and(|noted| noted.is_some()), "nothing was told");
    };
    assert_eq!((problem.code.as_ref(), problem.retryable), ("store_failed", true), "{}", problem.message);
    assert!(ann.unsynced().count > 0);
    let file = server.data().join("interline.db").metadata()?.len();
    assert!(file <= 1 << 20, "{file} bytes");
    let stored = |server: &Server| {
        Ok::<_, anyhow::Error>(server.review("full")?["comments"].as_array().map_or(0, Vec::len))
    };
    assert!(stored(&server)? < comments.len());

    // Told that there may be more, it takes what waits.
    assert!(server.terminate()?.success());
    server.restart_with(&["--max-database-mb", "16"])?;
    timeout(DEADLINE, ann.synced()).await.context("ann's edits are not taken")??;
    assert_eq!((stored(&server)?, ann.rejected().len()), (comments.len(), 0));
    assert!(server.terminate()?.success());
    check_log(server.data(), &id).await?;
    Ok(())
}
