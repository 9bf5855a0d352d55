//! Closing a session of whichever node: all nodes are asked, and each says whether it was its own. So it is known that
//! a session is closed, and that nobody has it, without a record of it: a record may be gone while the session is not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use interline_core::id::SessionId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;
use uuid::Uuid;

use super::publisher::{Publisher, Saying};
use super::{Close, Closed};
use crate::link::{Heard, Keys, Link, LinkError, Listening};

/// How long nodes have to answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// A connection that is younger does not tell who else is there: after Redis was away not all are back yet.
const SETTLED: Duration = Duration::from_secs(2);
/// How many answers wait to be read.
const ANSWERS: usize = 256;
/// No message about closing is larger, in bytes.
const MESSAGE: usize = 512;

/// To all nodes.
#[derive(Serialize, Deserialize)]
struct Question {
    session: SessionId,
    /// Which question this is.
    number: Uuid,
    /// Who asks.
    node: Uuid,
}

/// To the node that has asked.
#[derive(Serialize, Deserialize)]
struct Answer {
    number: Uuid,
    /// Whether the session was there, and is closed.
    closed: bool,
}

type Asking = Mutex<HashMap<Uuid, mpsc::Sender<bool>>>;

/// This node's questions, and its answers to those of all nodes, its own among them.
pub(super) struct Closing {
    link: Arc<Link>,
    node: Uuid,
    /// Questions that wait for answers.
    asking: Arc<Asking>,
    _listening: [Listening; 2],
}

impl Closing {
    pub(super) fn start(link: Arc<Link>, node: Uuid, publisher: Arc<Publisher>, close: Close) -> Closing {
        let asking = Arc::<Asking>::default();
        let answerer = Answerer { keys: link.keys().clone(), publisher, close };
        let questions = link.listen(link.keys().closing(), Arc::new(answerer));
        let answers = link.listen(link.keys().answers(node), Arc::new(Reader(asking.clone())));
        Closing { link, node, asking, _listening: [questions, answers] }
    }

    /// Asks everybody to close a session.
    pub(super) async fn ask(&self, session: SessionId) -> Result<Closed, LinkError> {
        let (number, (sender, mut answers)) = (Uuid::new_v4(), mpsc::channel(ANSWERS));
        let settled = self.link.age().is_some_and(|age| age >= SETTLED);
        lock(&self.asking).insert(number, sender);
        let _asked = Waiting { asking: &self.asking, number };
        let mut question = redis::pipe();
        question.publish(self.link.keys().closing(), encode(&Question { session, number, node: self.node }));
        let (heard,): (usize,) = self.link.ask(&question).await?;
        self.link.metrics.published.increment(1);
        let all = async {
            for _ in 0..heard {
                if answers.recv().await == Some(true) {
                    return Closed::Done;
                }
            }
            // This node itself is one of those who hear, once it listens.
            if settled && heard > 0 { Closed::Nobodys } else { Closed::NotSaid }
        };
        Ok(timeout(PATIENCE, all).await.unwrap_or(Closed::NotSaid))
    }
}

/// A question waits for answers, for as long as this lives.
struct Waiting<'a> {
    asking: &'a Asking,
    number: Uuid,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(self.asking).remove(&self.number);
    }
}

/// Hears questions.
struct Answerer {
    keys: Keys,
    publisher: Arc<Publisher>,
    close: Close,
}

impl Heard for Answerer {
    fn heard(&self, message: &[u8]) {
        let Some(Question { session, number, node }) = decode(message) else { return };
        let answer = Answer { number, closed: (self.close)(session) };
        self.publisher.say(Saying::Answer(self.keys.answers(node), encode(&answer)));
    }

    fn missed(&self) {}
}

/// Hears answers.
struct Reader(Arc<Asking>);

impl Heard for Reader {
    fn heard(&self, message: &[u8]) {
        let Some(Answer { number, closed }) = decode(message) else { return };
        if let Some(question) = lock(&self.0).get(&number) {
            // One that there is no place for has not come: then it is asked again.
            let _ = question.try_send(closed);
        }
    }

    fn missed(&self) {}
}

fn lock(asking: &Asking) -> MutexGuard<'_, HashMap<Uuid, mpsc::Sender<bool>>> {
    asking.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Plain data always encodes.
fn encode(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_default()
}

/// What is no message is passed over.
fn decode<T: DeserializeOwned>(message: &[u8]) -> Option<T> {
    (message.len() <= MESSAGE).then(|| serde_json::from_slice(message).ok())?
}
