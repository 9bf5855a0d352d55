//! What a history leaves behind, as plain data: checkers look at this and at nothing else.

use std::collections::BTreeMap;

use interline_core::entry::{Answer, AnswerResult, Head};
use interline_core::id::ClientId;
use serde_json::{Value, json};

use super::client::Client;
use super::ledger::Intent;
use super::world::World;

/// Everything that a history left behind.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The store's log.
    pub log: Vec<Logged>,
    /// Every answer that was ever written to the store.
    pub answers: Vec<Answered>,
    /// The review as each server has it: where its log ends, and the review in JSON.
    pub nodes: Vec<(Place, Value)>,
    /// The clients.
    pub clients: Vec<Seen>,
}

/// A place in a log: a version and the hash there.
pub type Place = (u64, String);

/// One entry as it was stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Logged {
    /// Where.
    pub place: Place,
    /// Its bytes.
    pub payload: String,
}

/// One answer as it was stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Answered {
    /// Whose.
    pub client: String,
    /// To which batch.
    pub seq: u64,
    /// The hash of the batch and what became of it.
    pub answer: String,
    /// Whether all of it was rejected.
    pub rejected: bool,
}

/// What there is of one client.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its id.
    pub id: String,
    /// Where its log ends.
    pub place: Place,
    /// The confirmed review.
    pub review: Value,
    /// Every comment as it is shown.
    pub shown: BTreeMap<String, Value>,
    /// Threads in the order in which they are shown: the root's id, then its replies'.
    pub threads: Vec<Vec<String>>,
    /// How many changes are not durable.
    pub unsynced: usize,
    /// What was rejected and is kept.
    pub rejected: Value,
    /// Every place that it was told of.
    pub heard: Vec<Place>,
    /// Everything its user did.
    pub intents: Vec<Intent>,
}

impl Evidence {
    pub(super) fn of(world: &World) -> Evidence {
        let log = world.store.log().iter();
        let nodes = world.nodes.iter().filter_map(|node| node.sequencer.as_ref());
        Evidence {
            log: log
                .map(|entry| Logged {
                    place: (entry.version, entry.hash.to_string()),
                    payload: entry.payload.to_string(),
                })
                .collect(),
            answers: world.store.written().iter().map(|(client, answer)| answered(*client, answer)).collect(),
            nodes: nodes.map(|sequencer| (place(sequencer.head()), json!(sequencer.committed()))).collect(),
            clients: world.clients.iter().map(seen).collect(),
        }
    }
}

fn place(head: Head) -> Place {
    (head.version, head.hash.to_string())
}

fn answered(client: ClientId, answer: &Answer) -> Answered {
    let rejected = matches!(answer.result, AnswerResult::Rejected(_));
    Answered { client: client.to_string(), seq: answer.seq, answer: json!(answer).to_string(), rejected }
}

fn seen(client: &Client) -> Seen {
    let replica = &client.replica;
    let ids = replica.confirmed().comments.keys();
    let shown = ids.filter_map(|id| Some((id.to_string(), json!(replica.comment(*id)?))));
    let threads = replica.threads().into_iter().map(|thread| {
        std::iter::once(&thread.root).chain(&thread.replies).map(|comment| comment.id.to_string()).collect()
    });
    Seen {
        id: client.id.to_string(),
        place: place(replica.head().unwrap_or_default()),
        review: json!(replica.confirmed()),
        shown: shown.collect(),
        threads: threads.collect(),
        unsynced: replica.unsynced().count,
        rejected: json!(replica.rejected()),
        heard: client.heard.iter().copied().map(place).collect(),
        intents: client.ledger.intents().to_vec(),
    }
}
