//! What nodes have Redis pass on to them, as Redis counts it: each review once for each node that has it loaded.

use redis::aio::MultiplexedConnection;

use crate::set_up::{Nodes, connection, until};

/// The channel of a review, which somebody is subscribed to.
async fn channel(redis: &MultiplexedConnection, review: &str) -> String {
    let pattern = format!("*{{{review}}}*");
    let asked = redis::cmd("PUBSUB").arg("CHANNELS").arg(pattern).query_async(&mut redis.clone()).await;
    let channels: Vec<String> = asked.unwrap();
    assert_eq!(channels.len(), 1, "{channels:?}");
    channels[0].clone()
}

/// How many connections are subscribed to a channel.
async fn subscribers(redis: &MultiplexedConnection, channel: &str) -> u64 {
    let asked = redis::cmd("PUBSUB").arg("NUMSUB").arg(channel).query_async(&mut redis.clone()).await;
    let (_, count): (String, u64) = asked.unwrap();
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_subscribed_to_a_review_once_while_it_has_it_loaded() {
    let Some(nodes) = Nodes::start(2).await else { return };
    let redis = connection(&nodes.redis.url()).await;
    let [a, b] = [0, 1].map(|n| &nodes.node(n).server);
    let (review, other) = (a.review("pr").await, a.review("other").await);
    let mut at_a = Vec::new();
    for number in 1..=5 {
        let mut client = a.client(number).await;
        client.open("pr", None).await;
        client.open("other", None).await;
        at_a.push(client);
    }
    let mut at_b = b.client(6).await;
    at_b.open("pr", None).await;
    let settled = async |channel: &str, count: u64| {
        let what = format!("{count} nodes are subscribed to {channel}");
        until(&what, async || subscribers(&redis, channel).await == count).await;
    };
    until("both are told of somewhere", async || {
        let asked = redis::cmd("PUBSUB").arg("CHANNELS").arg("*:news").query_async(&mut redis.clone()).await;
        let channels: Vec<String> = asked.unwrap();
        channels.len() == 2
    })
    .await;
    let (theirs, hers) = (channel(&redis, &review).await, channel(&redis, &other).await);
    settled(&theirs, 2).await;
    settled(&hers, 1).await;
    // Nor does it become more when a connection is made anew, by a node whose people stay.
    nodes.node(0).proxy.cut();
    until("it has noticed", async || nodes.node(0).count("interline_redis_connections_total").await >= 2)
        .await;
    settled(&theirs, 2).await;
    settled(&hers, 1).await;
    // Who goes takes nothing along while others are there; with the last the subscription goes.
    drop(at_a.pop());
    drop(at_b);
    settled(&theirs, 1).await;
    assert_eq!(subscribers(&redis, &hers).await, 1);
    drop(at_a);
    settled(&theirs, 0).await;
    settled(&hers, 0).await;
}
