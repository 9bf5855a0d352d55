//! People at nodes, who type without a break and may not notice anything.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use interline::{Anchor, Client, Comment, ConnectionState, PresenceUpdate, Review, TextOp};
use interline_tests::{DEADLINE, until};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::cluster::Cluster;

/// How many there are.
pub(super) const PEOPLE: usize = 6;
/// The review that they are in.
pub(super) const KEY: &str = "live";

/// What goes wrong with clients, as their people would see it.
type Troubles = Arc<Mutex<Vec<ConnectionState>>>;

/// Everybody, each typing words at the end of the same comment.
pub(super) struct People {
    pub(super) typists: Vec<Typist>,
    troubles: Troubles,
}

/// Somebody at a keyboard.
pub(super) struct Typist {
    pub(super) review: Review,
    client: Client,
    name: String,
    typing: JoinHandle<Result<usize>>,
    stop: tokio::sync::watch::Sender<bool>,
}

/// Who has typed how much.
struct Finished {
    name: String,
    typed: usize,
    review: Review,
    _client: Client,
}

impl People {
    /// They come to a new review of a cluster, and begin to type.
    pub(super) async fn come(cluster: &Cluster) -> Result<People> {
        People::come_by(cluster, &cluster.balancer.url()).await
    }

    /// The same by an address of one's choice.
    pub(super) async fn come_by(cluster: &Cluster, url: &str) -> Result<People> {
        cluster.nodes[0].create_review(KEY)?;
        let mut people = People { typists: Vec::new(), troubles: Troubles::default() };
        for n in 0..PEOPLE {
            let typist = Typist::start(url, KEY, &format!("person{n}")).await?;
            if n == 0 {
                // There is one comment that everybody types into.
                typist.review.synced().await?;
            }
            let (mut states, troubles) = (Box::pin(typist.client.connections()), people.troubles.clone());
            tokio::spawn(async move {
                while let Some(state) = states.next().await {
                    if let (false, Ok(mut troubles)) = (needs_nobody(&state), troubles.lock()) {
                        troubles.push(state);
                    }
                }
            });
            people.typists.push(typist);
        }
        Ok(people)
    }

    /// They stop, and everything is durable: everybody's words are everywhere, once, and nobody had to do anything.
    /// `durable` is called once everything is durable. How many words there are.
    pub(super) async fn finish(self, cluster: &Cluster, durable: impl FnOnce()) -> Result<usize> {
        for typist in &self.typists {
            typist.stop.send_replace(true);
        }
        let mut finished: Vec<Finished> = Vec::new();
        for typist in self.typists {
            finished.push(typist.finish().await?);
        }
        durable();
        let seen: Vec<_> = self.troubles.lock().map(|troubles| troubles.clone()).unwrap_or_default();
        ensure!(seen.is_empty(), "somebody had to do something: {seen:?}");
        // A node may have to hear of the last words yet; whoever wrote them sees them.
        let same = || {
            let shown = cluster.nodes[0].review(KEY).ok()?;
            let text = shown["comments"][0]["text"].as_str()?.to_owned();
            let all = finished.iter().all(|person| first(&person.review).is_some_and(|it| it.text() == text));
            all.then_some((shown, text))
        };
        let (shown, text) = until("everybody sees the same", same).await;
        assert_eq!(shown["comments"].as_array().map(Vec::len), Some(1));
        finished.iter().try_for_each(|person| person.is_in(&text))?;
        for node in &cluster.nodes {
            let same = || node.review(KEY).ok().filter(|review| review["hash"] == shown["hash"]).map(drop);
            until("every node has the same", same).await;
        }
        Ok(finished.iter().map(|person| person.typed).sum())
    }
}

impl Typist {
    pub(super) async fn start(url: &str, key: &str, name: &str) -> Result<Typist> {
        let client = Client::builder(url).user(name, name).debounce_ms(5).connect().await?;
        let review = timeout(DEADLINE, client.open(key)).await.context("opening")??;
        let comment = match first(&review) {
            Some(comment) => comment,
            None => review.comment(Anchor::head("src/lib.rs", 3), "")?,
        };
        // The others see them from now on, whichever connection they have.
        review.update_presence(PresenceUpdate { line: Some(3), active: true, ..PresenceUpdate::default() });
        let (stop, mut stopped) = tokio::sync::watch::channel(false);
        let typist = name.to_owned();
        let typing = tokio::spawn(async move {
            let mut typed = 0;
            while timeout(Duration::from_millis(200), stopped.wait_for(|stop| *stop)).await.is_err() {
                let word = format!("<{typist} {typed}>");
                comment.apply_with(|text| {
                    let end = text.chars().count();
                    anyhow::Ok(TextOp::replace(end, end, 0, &word)?)
                })?;
                typed += 1;
            }
            Ok(typed)
        });
        Ok(Typist { client, review, name: name.to_owned(), typing, stop })
    }

    /// Waits until everything is durable.
    async fn finish(self) -> Result<Finished> {
        let typed = self.typing.await??;
        timeout(DEADLINE, self.review.synced()).await.context("everything is durable in time")??;
        ensure!(self.review.rejected().is_empty(), "{}: {}", self.name, self.review.export_rejected());
        Ok(Finished { name: self.name, typed, review: self.review, _client: self.client })
    }
}

impl Finished {
    /// Each word is in a text once.
    fn is_in(&self, text: &str) -> Result<()> {
        for n in 0..self.typed {
            let word = format!("<{} {n}>", self.name);
            let times = text.matches(&word).count();
            ensure!(times == 1, "{word} is there {times} times");
        }
        Ok(())
    }
}

/// The review's first comment.
pub(super) fn first(review: &Review) -> Option<Comment> {
    review.threads().first().and_then(|thread| review.get(thread.id).ok())
}

/// Whether a client goes on by itself.
fn needs_nobody(state: &ConnectionState) -> bool {
    match state {
        ConnectionState::Disconnected { reason, .. } => reason.is_retryable(),
        _ => true,
    }
}
