//! Nodes that come and go while people type.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use interline::ConnectionState;
use interline_tests::{http, until};

use crate::cluster::{Cluster, Finished, Typist, first, needs_nobody};

const PEOPLE: usize = 6;
/// How long stopping may take.
const STOP: Duration = Duration::from_secs(10);

/// What goes wrong with clients, as their people would see it.
type Troubles = Arc<Mutex<Vec<ConnectionState>>>;

async fn people(cluster: &Cluster) -> Result<(Vec<Typist>, Troubles)> {
    let troubles = Troubles::default();
    let mut typists = Vec::new();
    for n in 0..PEOPLE {
        let typist = Typist::start(&cluster.balancer.url(), "live", &format!("person{n}")).await?;
        if n == 0 {
            // There is one comment that everybody types into.
            typist.review.synced().await?;
        }
        let (mut states, noting) = (Box::pin(typist.client.connections()), troubles.clone());
        tokio::spawn(async move {
            while let Some(state) = states.next().await {
                if let (false, Ok(mut troubles)) = (needs_nobody(&state), noting.lock()) {
                    troubles.push(state);
                }
            }
        });
        typists.push(typist);
    }
    Ok((typists, troubles))
}

/// Everybody's words are everywhere, once.
async fn all_is_well(cluster: &Cluster, typists: Vec<Typist>, troubles: &Troubles) -> Result<usize> {
    let seen: Vec<_> = troubles.lock().map(|troubles| troubles.clone()).unwrap_or_default();
    ensure!(seen.is_empty(), "somebody had to do something: {seen:?}");
    let mut finished: Vec<Finished> = Vec::new();
    for typist in typists {
        finished.push(typist.finish().await?);
    }
    let id = finished[0].review.id().to_string();
    let shown = cluster.nodes[0].review(&id)?;
    let text = shown["comments"][0]["text"].as_str().context("a text")?.to_owned();
    assert_eq!(shown["comments"].as_array().map(Vec::len), Some(1));
    for person in &finished {
        person.is_in(&text)?;
        let all = || first(&person.review).filter(|comment| comment.text() == text).map(drop);
        until("everybody sees the same", all).await;
    }
    for node in &cluster.nodes {
        assert_eq!(node.review(&id)?["hash"], shown["hash"]);
    }
    Ok(finished.iter().map(|person| person.typed).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load() -> Result<()> {
    let Some(mut cluster) = Cluster::start(2).await? else { return Ok(()) };
    cluster.nodes[0].create_review("live")?;
    let (typists, troubles) = people(&cluster).await?;
    for round in 0..2 {
        for n in 0..cluster.nodes.len() {
            let began = Instant::now();
            let status = cluster.nodes[n].terminate()?;
            ensure!(status.success(), "round {round}, node {n}: {status}");
            ensure!(began.elapsed() < STOP + Duration::from_secs(1), "{:?}", began.elapsed());
            println!("node {n} stopped in {:?}", began.elapsed());
            cluster.nodes[n].restart()?;
            let version = cluster.nodes[n].review("live")?["version"].as_u64().context("a version")?;
            // Goes on only once people have gone on.
            let goes_on = || {
                let now = cluster.nodes[n].review("live").ok()?["version"].as_u64()?;
                (now > version + 10).then_some(())
            };
            until("people type on", goes_on).await;
        }
    }
    let words = all_is_well(&cluster, typists, &troubles).await?;
    println!("{words} words");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_takes_nobodys_words_along() -> Result<()> {
    let Some(mut cluster) = Cluster::start(2).await? else { return Ok(()) };
    cluster.nodes[0].create_review("live")?;
    let (typists, troubles) = people(&cluster).await?;
    for round in 0..2 {
        let n = round % 2;
        let sessions = |url: &str| -> Option<Vec<serde_json::Value>> {
            let (_, listed) = http::get(&format!("{url}/api/sessions")).ok()?;
            Some(listed["sessions"].as_array()?.clone())
        };
        let other = cluster.nodes[1 - n].url().to_owned();
        let node = http::get(&format!("{other}/healthz"))?.1["node"].clone();
        let there = sessions(&other).context("sessions")?.iter().filter(|one| one["node"] != node).count();
        cluster.nodes[n].kill()?;
        let killed = Instant::now();
        // Everybody is at the other node, and those who were at the killed one are not there any more.
        let moved = || {
            let now = sessions(&other)?;
            (now.len() == PEOPLE && now.iter().all(|one| one["node"] == node)).then_some(())
        };
        until("the killed node's sessions are gone", moved).await;
        println!("{there} sessions, gone and back after {:?}", killed.elapsed());
        ensure!(killed.elapsed() < Duration::from_secs(15), "{:?}", killed.elapsed());
        let seen = || (typists.iter().all(|typist| typist.review.presence().len() < PEOPLE)).then_some(());
        until("and so is their presence", seen).await;
        ensure!(killed.elapsed() < Duration::from_secs(15), "{:?}", killed.elapsed());
        cluster.nodes[n].restart()?;
    }
    let words = all_is_well(&cluster, typists, &troubles).await?;
    println!("{words} words");
    Ok(())
}
