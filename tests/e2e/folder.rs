//! Two processes of one user on one store: each is a client of its own, and what one of them leaves behind when it is
//! killed goes out once, under the id that it was written under.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use interline::ClientId;
use interline_tests::DEADLINE;
use interline_tests::campaign::ledger::Record;
use interline_tests::campaign::person::{Desk, Person};
use interline_tests::campaign::seed;
use interline_tests::campaign::words::Tally;
use interline_tests::database::{check_log, said_by};
use interline_tests::server::{Server, verify};
use tokio::time::{Duration, sleep};

/// How many words wait in the store of who is killed.
const PENDING: usize = 5;

fn tally(server: &Server) -> Result<Tally> {
    let shown = server.review("together")?;
    let texts: Vec<_> = shown["comments"].as_array().context("comments")?.iter().collect();
    let names = ["kim".to_owned(), "lou".to_owned()];
    Tally::of(texts.iter().filter_map(|comment| comment["text"].as_str()), &names)
}

/// The clients that the words of somebody came from.
async fn clients(server: &Server, id: &str, name: &str, words: &BTreeSet<u32>) -> Result<BTreeSet<ClientId>> {
    let mut clients = BTreeSet::new();
    for number in words {
        let said = said_by(server.data(), id, &format!("{name}{number} ")).await?;
        // It may have been said with a slip.
        let slip = said_by(server.data(), id, &format!("{name}{number}~")).await?;
        ensure!(!said.is_empty() || !slip.is_empty(), "nobody said {name}{number}");
        clients.extend(said.into_iter().chain(slip));
    }
    Ok(clients)
}

async fn left_behind(later: bool) -> Result<()> {
    let mut server = Server::start()?;
    let id = server.create_review("together")?;
    let folder = tempfile::tempdir()?;
    let desk = Desk {
        program: PathBuf::from(env!("CARGO_BIN_EXE_writer")),
        url: server.url().to_owned(),
        review: "together".to_owned(),
        folder: folder.path().to_owned(),
        eager: true,
        user: Some("ann".to_owned()),
    };
    let (mut kim, mut lou) = (Person::new("kim", desk.clone()), Person::new("lou", desk));
    let seed = seed()?;
    kim.start(seed)?;
    kim.acked_more_than(0).await?;
    if !later {
        lou.start(seed)?;
        lou.acked_more_than(0).await?;
    }

    server.kill()?;
    let end = Instant::now() + DEADLINE;
    let waits = |record: &Record| record.saved.difference(&record.acked).count();
    while waits(&kim.record()?) < PENDING {
        ensure!(Instant::now() < end, "nothing is saved");
        sleep(Duration::from_millis(5)).await;
    }
    kim.kill()?;
    let left = kim.record()?;
    server.restart()?;
    if later {
        lou.start(seed)?;
    }
    let end = Instant::now() + DEADLINE;
    loop {
        let there = tally(&server)?;
        let missing: Vec<_> = left.saved.iter().filter(|number| !there.has("kim", **number)).collect();
        if missing.is_empty() {
            break;
        }
        ensure!(Instant::now() < end, "kim had these saved, and they never came: {missing:?}");
        sleep(Duration::from_millis(20)).await;
    }
    lou.acked_more_than(0).await?;
    lou.finish().await?;
    lou.close().await?;

    let there = tally(&server)?;
    ensure!(there.doubled().is_empty(), "{:?}", there.doubled());
    let typed = |number: &u32| left.typed.contains_key(number);
    let kims: BTreeSet<u32> = there.found.keys().filter(|(name, _)| name == "kim").map(|(_, n)| *n).collect();
    ensure!(kims.iter().all(typed) && kims.is_superset(&left.saved), "{kims:?}");
    // Both before and after under one id. Who came later took that up; who was there has another.
    let kims = clients(&server, &id, "kim", &kims).await?;
    let lous = clients(&server, &id, "lou", &lou.record()?.acked).await?;
    ensure!(kims.len() == 1 && lous.len() == 1, "{kims:?} {lous:?}");
    assert_eq!(kims == lous, later);
    assert!(server.terminate()?.success());
    check_log(server.data(), &id).await?;
    let (good, said) = verify(server.data(), &[])?;
    ensure!(good, "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_finishes_what_the_other_left() -> Result<()> {
    left_behind(false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_later_finishes_what_the_other_left() -> Result<()> {
    left_behind(true).await
}
