//! Somebody who hands in edits at a rate, and somebody who sees them come, each on a bare connection.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use interline_core::entry::Fact;
use interline_core::id::CommentId;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::DEADLINE;
use crate::raw::{Raw, hello};

/// What is typed.
const WORD: &str = "word ";
/// A text that long is left alone, and another comment begun. The server takes 32 Ki scalars.
const LONG: usize = 4_000;

/// What a frame may hold that matters here.
#[derive(Deserialize)]
struct Frame<E> {
    entry: Option<EntryFrame<E>>,
    refused: Option<Value>,
    error: Option<Value>,
    answer: Option<Value>,
    draining: Option<Value>,
}

#[derive(Deserialize)]
struct EntryFrame<E> {
    entry: E,
}

/// An entry as a writer needs it.
#[derive(Deserialize)]
struct Told {
    version: u64,
    client: Uuid,
    seq: u64,
    facts: Vec<Fact>,
    #[serde(default)]
    verdicts: Vec<Value>,
}

/// An entry as a reader needs it.
#[derive(Deserialize)]
struct Mark {
    client: Uuid,
    seq: u64,
}

impl<E> Frame<E> {
    /// An entry; anything that tells of a failure is one.
    fn entry(self) -> Result<Option<E>> {
        let Frame { entry, refused, error, answer, draining } = self;
        match refused.or(error).or(answer).or(draining) {
            Some(bad) => bail!("the server says {bad}"),
            None => Ok(entry.map(|frame| frame.entry)),
        }
    }
}

/// An edit that was handed in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) seq: u64,
    /// When it was to be handed in.
    pub(super) due: Instant,
    /// When it was: later where the one before had not been acknowledged by then.
    pub(super) at: Instant,
}

/// One who writes.
pub(super) struct Pen {
    raw: Raw,
    review: String,
    pub(super) client: Uuid,
    seq: u64,
    version: u64,
    comment: Uuid,
    length: usize,
}

/// What one who wrote has done.
#[derive(Default)]
pub(super) struct Written {
    pub(super) client: Uuid,
    pub(super) sent: Vec<Sent>,
    /// How long each took until it was acknowledged.
    pub(super) acks: Vec<Duration>,
}

impl Pen {
    /// Opens a review, and begins a comment in it unless there is one already.
    pub(super) async fn open(url: &str, review: &str, name: &str) -> Result<Pen> {
        let (mut raw, client) = (Raw::connect(url).await?, Uuid::now_v7());
        raw.send(&hello(client, name)).await?;
        raw.expect("welcome").await?;
        raw.send(&json!({"open": {"review": review}})).await?;
        let opened = raw.expect("opened").await?;
        let version = opened["head"]["version"].as_u64().context("a version")?;
        let comments = opened["snapshot"]["comments"].as_object();
        let last = comments.and_then(|all| all.iter().max_by_key(|(_, comment)| comment["added"].as_u64()));
        let found = match last {
            Some((id, comment)) => Some((id.parse()?, comment["text"].as_str().context("a text")?)),
            None => None,
        };
        let (comment, text) = found.unwrap_or_default();
        let length = text.chars().count();
        let mut pen = Pen { raw, review: review.to_owned(), client, seq: 0, version, comment, length };
        if pen.comment.is_nil() {
            let sent = pen.hand_in(Instant::now()).await?;
            while pen.take(DEADLINE).await?.is_none_or(|seq| seq != sent.seq) {}
        }
        Ok(pen)
    }

    /// Hands in an edit `every` so often, from `from` to `end`; each once the one before is acknowledged.
    pub(super) async fn write(mut self, from: Instant, every: Duration, end: Instant) -> Result<Written> {
        let mut written = Written { client: self.client, ..Written::default() };
        let mut due = from;
        let mut under_way: Option<Sent> = None;
        loop {
            // Who is behind at the end leaves it at that.
            if under_way.is_none() && due.max(Instant::now()) >= end {
                return Ok(written);
            }
            if under_way.is_none() && due <= Instant::now() {
                let sent = self.hand_in(due).await?;
                written.sent.push(sent);
                under_way = Some(sent);
                due += every;
            }
            let taken = tokio::select! {
                taken = self.take(DEADLINE) => taken?,
                () = sleep_until(due.min(end)), if under_way.is_none() => None,
            };
            if let Some(sent) = under_way.take_if(|sent| taken == Some(sent.seq)) {
                written.acks.push(sent.at.elapsed());
            }
        }
    }

    async fn hand_in(&mut self, due: Instant) -> Result<Sent> {
        let change = match self.comment.is_nil() || self.length >= LONG {
            true => {
                let line = json!({"patch_set": 1, "file": "src/lib.rs", "side": "head", "line": 3});
                let (comment, at) = (Uuid::now_v7(), json!({"ms": 1}));
                json!({"comment_added": {"comment": comment, "place": {"line": line}, "text": "", "at": at}})
            }
            false => {
                let op = if self.length > 0 { json!([self.length, WORD]) } else { json!([WORD]) };
                json!({"text_edited": {"comment": self.comment, "op": op}})
            }
        };
        self.seq += 1;
        let batch = json!({"seq": self.seq, "base": self.version, "changes": [change]});
        let frame = json!({"submit": {"review": self.review, "batch": batch}}).to_string();
        let at = Instant::now();
        self.raw.send_text(frame).await?;
        Ok(Sent { seq: self.seq, due, at })
    }

    /// Takes what comes next; which of one's own edits it is, if it is one.
    async fn take(&mut self, within: Duration) -> Result<Option<u64>> {
        let text = self.raw.text(within).await?.context("the connection was closed")?;
        let Some(told) = serde_json::from_str::<Frame<Told>>(&text)?.entry()? else { return Ok(None) };
        // What stands in the snapshot already.
        if told.version <= self.version {
            return Ok(None);
        }
        ensure!(told.version == self.version + 1, "{} comes behind {}", told.version, self.version);
        ensure!(told.verdicts.is_empty(), "{:?}", told.verdicts);
        self.version = told.version;
        for fact in &told.facts {
            match fact {
                // The newest is where everybody writes.
                Fact::CommentAdded { comment: CommentId(comment), .. } => {
                    (self.comment, self.length) = (*comment, 0);
                }
                Fact::TextEdited { comment: CommentId(comment), op, .. } if *comment == self.comment => {
                    ensure!(op.base_len() == self.length, "an op for {} of {}", op.base_len(), self.length);
                    self.length = op.target_len();
                }
                _ => {}
            }
        }
        Ok((told.client == self.client).then_some(told.seq))
    }
}

/// One who reads.
pub(super) struct Reader {
    raw: Raw,
}

/// What one who read has seen.
#[derive(Default)]
pub(super) struct Read {
    /// Whose edit it was, which, and when it came.
    pub(super) seen: Vec<(Uuid, u64, Instant)>,
    /// Bytes of all entries.
    pub(super) bytes: usize,
}

impl Reader {
    /// Opens a review.
    pub(super) async fn open(url: &str, review: &str, name: &str) -> Result<Reader> {
        let mut raw = Raw::hello(url, name).await?;
        raw.send(&json!({"open": {"review": review}})).await?;
        raw.expect("opened").await?;
        Ok(Reader { raw })
    }

    /// Reads until so many edits have come as it is told by then, or nothing comes any more.
    pub(super) async fn read(
        mut self,
        mut until: tokio::sync::watch::Receiver<Option<usize>>,
    ) -> Result<Read> {
        let mut read = Read::default();
        loop {
            let all = *until.borrow_and_update();
            if all.is_some_and(|all| read.seen.len() >= all) {
                return Ok(read);
            }
            let text = tokio::select! {
                text = self.raw.text(DEADLINE) => text,
                told = until.changed() => { told?; continue }
            };
            let came = Instant::now();
            let text = text.with_context(|| format!("{} of {all:?} edits came", read.seen.len()))?;
            let text = text.context("the connection was closed")?;
            if let Some(Mark { client, seq }) = serde_json::from_str::<Frame<Mark>>(&text)?.entry()? {
                read.seen.push((client, seq, came));
                read.bytes += text.len();
            }
        }
    }
}
