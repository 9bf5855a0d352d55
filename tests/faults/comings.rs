//! Nodes that come and go while people type.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use interline_tests::{http, until};
use serde_json::Value;

use crate::cluster::{Cluster, STOP};
use crate::people::{KEY, PEOPLE, People};

/// How soon a killed node's people are gone from all the others.
const GONE: Duration = Duration::from_secs(15);

/// Waits until people have gone on at a node.
async fn goes_on(cluster: &Cluster, n: usize) -> Result<()> {
    let version = cluster.nodes[n].review(KEY)?["version"].as_u64().context("a version")?;
    let on = || {
        let now = cluster.nodes[n].review(KEY).ok()?["version"].as_u64()?;
        (now > version + 10).then_some(())
    };
    until("people type on", on).await;
    Ok(())
}

/// What a node does not say that stops in good order: everything that it needs is there until it has ended.
const TROUBLES: [&str; 4] = ["being shutdown", "appending again", "append failed", "did not close in time"];

/// Stops a node, which has nothing to complain about, and starts it again.
async fn restart(cluster: &mut Cluster, n: usize) -> Result<()> {
    let began = Instant::now();
    let status = cluster.nodes[n].terminate()?;
    ensure!(status.success(), "node {n}: {status}");
    ensure!(began.elapsed() < STOP, "{:?}", began.elapsed());
    let mut said = cluster.nodes[n].warnings()?;
    said.retain(|line| TROUBLES.iter().any(|trouble| line.contains(trouble)));
    ensure!(said.is_empty(), "node {n} stopped with {said:#?}");
    println!("node {n} stopped in {:?}", began.elapsed());
    cluster.nodes[n].restart()?;
    goes_on(cluster, n).await
}

fn sessions(url: &str) -> Option<Vec<Value>> {
    let (_, listed) = http::get(&format!("{url}/api/sessions")).ok()?;
    Some(listed["sessions"].as_array()?.clone())
}

/// Waits until everybody sees everybody else, at the connection that they have by now, and nobody who is gone.
async fn all_see_all(url: &str, people: &People) {
    let id = |session: &Value| session["session"].as_str().map(str::to_owned);
    let seen = || {
        let here: BTreeSet<String> = sessions(url)?.iter().filter_map(id).collect();
        let all = people.typists.iter().all(|typist| {
            let seen: BTreeSet<String> =
                typist.review.presence().iter().map(|one| one.session.to_string()).collect();
            seen.len() == PEOPLE - 1 && seen.is_subset(&here)
        });
        (all && here.len() == PEOPLE).then_some(())
    };
    until("everybody sees everybody else, and nobody who is gone", seen).await;
}

/// Kills a node: everybody goes on at others, which say so, and those who were at it are gone from everywhere.
async fn kill(cluster: &mut Cluster, n: usize, others: &[usize], people: &People) -> Result<()> {
    let node = http::get(&format!("{}/healthz", cluster.nodes[n].url()))?.1["node"].clone();
    // Whoever sees nobody would see no one who is gone either.
    all_see_all(cluster.nodes[others[0]].url(), people).await;
    cluster.nodes[n].kill()?;
    let killed = Instant::now();
    for other in others {
        let url = cluster.nodes[*other].url().to_owned();
        let moved = || {
            let now = sessions(&url)?;
            (now.len() == PEOPLE && now.iter().all(|one| one["node"] != node)).then_some(())
        };
        until("the killed node's sessions are gone", moved).await;
    }
    all_see_all(cluster.nodes[others[0]].url(), people).await;
    println!("node {n} is gone from everywhere after {:?}", killed.elapsed());
    ensure!(killed.elapsed() < GONE, "{:?}", killed.elapsed());
    cluster.nodes[n].restart()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load() -> Result<()> {
    let Some(mut cluster) = Cluster::start(2).await? else { return Ok(()) };
    let people = People::come(&cluster).await?;
    for _ in 0..2 {
        for n in 0..cluster.nodes.len() {
            restart(&mut cluster, n).await?;
        }
    }
    println!("{} words", people.finish(&cluster, || {}).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_takes_nobodys_words_along() -> Result<()> {
    let Some(mut cluster) = Cluster::start(2).await? else { return Ok(()) };
    let people = People::come(&cluster).await?;
    for n in 0..2 {
        kill(&mut cluster, n, &[1 - n], &people).await?;
    }
    println!("{} words", people.finish(&cluster, || {}).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_one_after_another() -> Result<()> {
    let Some(mut cluster) = Cluster::start(3).await? else { return Ok(()) };
    let people = People::come(&cluster).await?;
    for n in 0..3 {
        restart(&mut cluster, n).await?;
    }
    // One is killed while another stops.
    cluster.nodes[0].ask_to_stop()?;
    kill(&mut cluster, 1, &[2], &people).await?;
    ensure!(cluster.nodes[0].terminate()?.success());
    cluster.nodes[0].restart()?;
    for n in 0..3 {
        goes_on(&cluster, n).await?;
    }
    println!("{} words", people.finish(&cluster, || {}).await?);
    Ok(())
}
