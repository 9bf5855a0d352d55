//! What a history leaves behind, as plain data: checkers look at this and at nothing else.

use std::collections::BTreeMap;

use interline_core::entry::{Answer, AnswerResult, Head};
use interline_core::id::ClientId;
use serde_json::{Value, json};

use super::client::{Client, Held};
use super::ledger::Intent;
use super::patch_sets;
use super::world::World;

/// Everything that a history left behind.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The store's log.
    pub log: Vec<Logged>,
    /// The code under review, one patch set after the other, in JSON.
    pub code: Vec<String>,
    /// The entries that were lost when the store was set back.
    pub lost: Vec<String>,
    /// Every answer that was ever written to the store, but for those that were lost with it.
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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Answered {
    /// Whose.
    pub client: String,
    /// To which batch.
    pub seq: u64,
    /// The hash of the batch and what became of it.
    pub answer: String,
    /// The entry that it became; nothing if all of it was rejected.
    pub version: Option<u64>,
}

/// What there is of one client.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The ids that it had, oldest first.
    pub ids: Vec<String>,
    /// Whose it is.
    pub user: String,
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
    /// Every answer that it was given.
    pub told: Vec<Answered>,
    /// What of that its user has discarded.
    pub discarded: Value,
    /// What of that its user has made once more.
    pub retried: Value,
    /// In which texts what was pending here was rebased three ways, and how much its user had done by then: a
    /// comparison of texts decided on the order.
    pub rebased: BTreeMap<String, usize>,
    /// What it had when it heard that its server had lost history.
    pub held: Vec<Had>,
    /// Which client's local store it began with: its own, unless that was copied.
    pub family: usize,
    /// Whose marks are its user's.
    pub writer: u32,
    /// Everything its user did.
    pub intents: Vec<Intent>,
}

/// What a client had of what was acknowledged, when it heard that its server had lost a part of it.
#[derive(Clone, Debug, Default)]
pub struct Had {
    /// The ids that it had afterwards.
    pub later: Vec<String>,
    /// Its own marks.
    pub marks: String,
    /// What its user had written in the review's fields.
    pub fields: Vec<(String, Value)>,
    /// The tags that it had put in, and its additions of them.
    pub tags: Vec<(String, Value)>,
    /// What its user had decided: that it `said` this value, patch set and note, and its `stamp`.
    pub decision: Option<Value>,
}

impl Seen {
    /// What to call it.
    pub(crate) fn name(&self) -> &str {
        self.ids.first().map_or("", String::as_str)
    }
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
            code: code(world),
            lost: world.store.lost().iter().map(|entry| entry.payload.to_string()).collect(),
            answers: world.store.written().iter().map(|(client, answer)| answered(*client, answer)).collect(),
            nodes: nodes.map(|sequencer| (place(sequencer.head()), json!(sequencer.committed()))).collect(),
            clients: world.clients.iter().enumerate().map(seen).collect(),
        }
    }
}

fn code(world: &World) -> Vec<String> {
    let first = patch_sets::code(0).map(|code| json!(code).to_string()).unwrap_or_default();
    let others = (2..).map_while(|number| world.store.patch_set(number));
    std::iter::once(first).chain(others.map(|(code, _)| json!(**code).to_string())).collect()
}

fn place(head: Head) -> Place {
    (head.version, head.hash.to_string())
}

fn answered(client: ClientId, answer: &Answer) -> Answered {
    let version = match answer.result {
        AnswerResult::Committed { version, .. } => Some(version),
        AnswerResult::Rejected(_) | AnswerResult::Void => None,
    };
    Answered { client: client.to_string(), seq: answer.seq, answer: json!(answer).to_string(), version }
}

fn seen((number, client): (usize, &Client)) -> Seen {
    let replica = &client.replica;
    let ids = replica.confirmed().comments.keys();
    let shown = ids.filter_map(|id| Some((id.to_string(), json!(replica.comment(*id)?))));
    let threads = replica.threads().into_iter().map(|thread| {
        std::iter::once(&thread.root).chain(&thread.replies).map(|comment| comment.id.to_string()).collect()
    });
    Seen {
        ids: client.ids.iter().map(ToString::to_string).collect(),
        user: client.user.to_string(),
        place: place(replica.head().unwrap_or_default()),
        review: json!(replica.confirmed()),
        shown: shown.collect(),
        threads: threads.collect(),
        unsynced: replica.unsynced().count,
        rejected: json!(replica.rejected()),
        heard: client.heard.iter().copied().map(place).collect(),
        told: client.told.iter().map(|(id, answer)| answered(*id, answer)).collect(),
        discarded: json!(client.discarded),
        retried: json!(client.retried),
        rebased: client.rebased.iter().map(|(id, by)| (id.to_string(), *by)).collect(),
        held: client.held.iter().map(|held| had(client, held)).collect(),
        family: client.copied.unwrap_or(number),
        writer: client.pen.writer(),
        intents: client.ledger.intents().to_vec(),
    }
}

fn had(client: &Client, held: &Held) -> Had {
    let (before, after) = client.ids.split_at(held.next.min(client.ids.len()));
    Had {
        later: after.iter().filter(|id| !before.contains(id)).map(ToString::to_string).collect(),
        marks: held.marks.clone(),
        fields: held.fields.clone(),
        tags: held.tags.clone(),
        decision: held.decision.clone(),
    }
}
