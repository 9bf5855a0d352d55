//! A long queue that was filled offline goes out: its progress is told, and `synced()` means all of it.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use interline::{Anchor, Client, Event, Unsynced};
use interline_tests::proxy::Proxy;
use interline_tests::server::Server;
use interline_tests::{DEADLINE, until};
use tokio::time::timeout;

/// How many comments are written and edited offline, each a change.
const ADDED: usize = 1_500;
const EDITED: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn a_long_queue_tells_how_far_it_is() -> Result<()> {
    let server = Server::start()?;
    server.create_review("drain")?;
    let (proxy, folder) = (Proxy::start(server.url()).await?, tempfile::tempdir()?);
    let client = Client::builder(proxy.url()).user("ann", "Ann").store_dir(folder.path()).connect().await?;
    let review = client.open("drain").await?;
    let mut known = Vec::new();
    for n in 0..EDITED {
        known.push(review.comment(Anchor::head("src/lib.rs", 3), &format!("known {n}"))?);
    }
    timeout(DEADLINE, review.synced()).await??;

    proxy.down();
    until("to notice", || (!client.connection().is_connected()).then_some(())).await;
    for (n, comment) in known.iter().enumerate() {
        comment.insert(0, &format!("edited {n}, "))?;
    }
    for n in 0..ADDED {
        review.comment(Anchor::head("src/lib.rs", 1), &format!("added {n}"))?;
    }
    let all = ADDED + EDITED;
    let Unsynced { count, of, since } = review.unsynced();
    assert_eq!((count, of, since.is_some()), (all, all, true));
    assert_eq!(client.unsynced().await?.count, all);

    let told: Arc<Mutex<Vec<Unsynced>>> = Arc::default();
    let telling = Arc::clone(&told);
    let _observer = review.observe(move |event| {
        if let (Event::Unsynced(unsynced), Ok(mut told)) = (event, telling.lock()) {
            told.push(*unsynced);
        }
    });
    proxy.up();
    client.reconnect();
    timeout(DEADLINE, review.synced()).await.context("it takes too long")??;
    // At this very moment the server has all of it.
    let shown = server.review("drain")?;
    assert_eq!(review.unsynced(), Unsynced::default());
    let texts: std::collections::BTreeSet<_> = shown["comments"]
        .as_array()
        .context("comments")?
        .iter()
        .filter_map(|comment| comment["text"].as_str().map(str::to_owned))
        .collect();
    let added = (0..ADDED).map(|n| format!("added {n}"));
    let expected = added.chain((0..EDITED).map(|n| format!("edited {n}, known {n}"))).collect();
    assert_eq!(texts, expected);
    assert_eq!(shown["comments"].as_array().map(Vec::len), Some(all));

    let told = told.lock().map(|told| told.clone()).unwrap_or_default();
    let counts: Vec<_> = told.iter().map(|told| told.count).collect();
    ensure!(counts.is_sorted_by(|a, b| a >= b), "it never grows: {counts:?}");
    // A batch has 200 changes at most.
    let steps = counts.iter().filter(|count| **count > 0 && **count < all).count();
    ensure!(steps >= all / 200 - 1 && counts.last() == Some(&0), "{counts:?}");
    let (last, before) = told.split_last().context("it was told")?;
    ensure!(before.iter().all(|told| told.of == all), "{told:?}");
    assert_eq!((last.count, last.since), (0, None));
    Ok(())
}
