//! What opening a review costs, by how long its history is: two reviews with the same text, one of them with many
//! times the edits, are opened in turn by clients that have no copy, and by some that lack the last few edits.
//!
//! Everything goes through a real server and the SDK. Cold means that the server was started anew right before: after
//! it had stopped in order, or after it was killed when the longer log had gone on behind its newest snapshot for about
//! as long as it ever does.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use interline::{Client, MemoryStore, Review};
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use crate::DEADLINE;
use crate::database::{copy_database, copy_folder, newest_snapshot, restore_database, sync_database};
use crate::raw::{Raw, hello};
use crate::server::Server;

/// How many write at once. More would be committed together, and told to more.
const HANDS: usize = 10;
/// What each of them inserts, to delete it in the next round.
const WORD: &str = "word ";
/// How many edits the client lacks that comes back: a round's.
const BEHIND: u64 = HANDS as u64;
/// How often one looks whether it is here.
const LOOK: Duration = Duration::from_micros(100);
/// After how many edits without a snapshot one gives up waiting for it.
const TOO_LONG: u64 = 10_000;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many edits the two reviews have: multiples of twice the number of hands.
    pub edits: [u64; 2],
    /// How long their text is, in scalars.
    pub text: usize,
    /// How often each is opened in each way.
    pub rounds: usize,
}

/// How long something took, in milliseconds, for the review with few and with many edits: medians.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// With few edits.
    pub few: f64,
    /// With many.
    pub many: f64,
}

impl Pair {
    /// How many times as long it took with many.
    pub fn ratio(&self) -> f64 {
        self.many / self.few
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ms and {:.2} ms, ratio {:.2}", self.few, self.many, self.ratio())
    }
}

/// What it took besides time, which other programs take as well: for the review with few and with many edits, medians.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// What the server sent, in bytes.
    pub sent: [f64; 2],
    /// What the server read, from files and from sockets, in bytes; nothing where the system does not say.
    pub read: Option<[f64; 2]>,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [few, many] = self.sent;
        write!(f, "{few} and {many} bytes sent")?;
        self.read.map_or(Ok(()), |[few, many]| write!(f, ", {few} and {many} read"))
    }
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// What it was made of.
    pub options: Options,
    /// Opened right after the server started, having stopped in order.
    pub cold: Pair,
    /// Opened right after the server started, having been killed.
    pub crashed: Pair,
    /// How many entries were behind the longer log's newest snapshot when it was killed, and how many there are
    /// between two.
    pub tail: [u64; 2],
    /// Opened while the server has it loaded.
    pub warm: Pair,
    /// A client that lacks ten edits has them.
    pub resume: Pair,
    /// What each of the four took besides, in their order: cold, killed, warm, resumed.
    pub work: [Work; 4],
    /// How long it took to write all edits.
    pub wrote: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { edits: [few, many], text, rounds } = self.options;
        writeln!(f, "{few} and {many} edits of one comment of {text} scalars, medians of {rounds}")?;
        writeln!(f, "written in {:.1} s", self.wrote.as_secs_f64())?;
        writeln!(f, "opened cold (the server was started anew before each): {}", self.cold)?;
        let [tail, interval] = self.tail;
        writeln!(
            f,
            "opened cold after SIGKILL, {tail} entries behind a snapshot, one every {interval}: {}",
            self.crashed
        )?;
        writeln!(f, "opened warm: {}", self.warm)?;
        writeln!(f, "resumed warm, {BEHIND} edits behind: {}", self.resume)?;
        let [cold, crashed, warm, resume] = self.work;
        write!(f, "cold: {cold}; after SIGKILL: {crashed}; warm: {warm}; resumed: {resume}")
    }
}

/// Several who write in one comment of a review, each with a bare connection.
pub struct Hands {
    review: String,
    raws: Vec<Raw>,
    comment: Uuid,
    /// The log's last version, and how long the comment's text is there.
    version: u64,
    length: usize,
    seq: u64,
}

impl Hands {
    /// Opens a review that nobody else writes in, and adds a comment to it.
    pub async fn new(server: &Server, review: &str, text: &str) -> Result<Hands> {
        let comment = Uuid::now_v7();
        let mut raws = Vec::new();
        let mut version = 0;
        for hand in 0..HANDS {
            let mut raw = Raw::connect(server.url()).await?;
            raw.send(&hello(Uuid::now_v7(), &format!("hand{hand}"))).await?;
            raw.expect("welcome").await?;
            raw.send(&json!({"open": {"review": review}})).await?;
            version = raw.expect("opened").await?["head"]["version"].as_u64().context("a version")?;
            raws.push(raw);
        }
        let length = text.chars().count();
        let mut hands = Hands { review: review.to_owned(), raws, comment, version, length, seq: 1 };
        let line = json!({"patch_set": 1, "file": "src/lib.rs", "side": "head", "line": 3});
        let add = |text: &str, comment| json!({"comment_added": {"comment": comment, "place": {"line": line}, "text": text, "at": {"ms": 1}}});
        // Everybody's first batch, so that all count alike from here on.
        hands
            .round(|hand| match hand {
                0 => add(text, comment),
                _ => add("", Uuid::now_v7()),
            })
            .await?;
        Ok(hands)
    }

    /// The log's last version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Everybody edits the comment once: they insert a word each, or delete those words again.
    pub async fn edit(&mut self, insert: bool) -> Result<()> {
        let (comment, length, word) = (self.comment, self.length, WORD.len());
        let op = |hand: usize| match insert {
            true => json!([length, WORD]),
            false => {
                // What is there now begins where the words do.
                let before = length - (HANDS - hand) * word;
                let after = (HANDS - hand - 1) * word;
                let op = [json!(before), json!(-(word as i64)), json!(after)];
                Value::Array(op.into_iter().filter(|part| *part != 0).collect())
            }
        };
        self.round(|hand| json!({"text_edited": {"comment": comment, "op": op(hand)}})).await?;
        let all = HANDS * word;
        self.length = if insert { self.length + all } else { self.length - all };
        Ok(())
    }

    /// Makes so many edits, after which the text is what it was.
    pub async fn edits(&mut self, count: u64) -> Result<()> {
        ensure!(count.is_multiple_of(2 * HANDS as u64), "{count} is no number of whole rounds");
        for round in 0..count / HANDS as u64 {
            self.edit(round.is_multiple_of(2)).await?;
        }
        Ok(())
    }

    /// Writes until the log is behind its newest snapshot for as long as it gets, but for some rounds more, after which
    /// the text is what it was. How many entries are between two snapshots.
    async fn far_behind_a_snapshot(&mut self, data: &Path) -> Result<u64> {
        const ROUNDS: u64 = 5;
        let (mut newest, mut interval) = (None, None);
        let end = self.version + TOO_LONG;
        while self.version < end {
            let now = newest_snapshot(data, &self.review).await?;
            if let (Some(before), Some(now)) = (newest, now)
                && now > before
            {
                interval = Some(now - before);
            }
            newest = now;
            if let (Some(newest), Some(interval)) = (newest, interval)
                && self.version - newest + ROUNDS * HANDS as u64 > interval
            {
                return Ok(interval);
            }
            self.edits(2 * HANDS as u64).await?;
        }
        bail!("no two snapshots among {TOO_LONG} edits")
    }

    /// Everybody hands in one change, and waits until all are durable.
    async fn round(&mut self, change: impl Fn(usize) -> Value) -> Result<()> {
        for (hand, raw) in self.raws.iter_mut().enumerate() {
            let batch = json!({"seq": self.seq, "base": self.version, "changes": [change(hand)]});
            raw.send(&json!({"submit": {"review": self.review, "batch": batch}})).await?;
        }
        let last = self.version + HANDS as u64;
        for raw in &mut self.raws {
            loop {
                let frame = raw.expect("entry").await?;
                let entry = &frame["entry"];
                ensure!(entry.get("verdicts").is_none(), "refused: {entry}");
                if entry["version"] == last {
                    break;
                }
            }
        }
        (self.version, self.seq) = (last, self.seq + 1);
        Ok(())
    }
}

struct Subject {
    id: String,
    version: u64,
    /// What a client had that lacks the last edits; each time it comes back, a client has its own copy of that.
    behind: tempfile::TempDir,
}

/// Writes two reviews and measures.
pub async fn run(options: Options) -> Result<Report> {
    let mut server = Server::start()?;
    let began = Instant::now();
    let text: String = "What stands here is the same in both. ".chars().cycle().take(options.text).collect();
    let [few, many] = options.edits;
    let (few, _) = write(&server, few, false, &text).await?;
    let (many, interval) = write(&server, many, true, &text).await?;
    let wrote = began.elapsed();
    let newest = newest_snapshot(server.data(), &many.id).await?.context("a snapshot")?;
    let tail = [many.version - newest, interval];
    server.kill()?;
    let killed = tempfile::tempdir()?;
    copy_database(server.data(), killed.path())?;
    let subjects = [few, many];
    let mut costs: [[Vec<Cost>; 2]; 4] = Default::default();
    for _ in 0..options.rounds {
        for (at, subject) in subjects.iter().enumerate() {
            restore_database(killed.path(), server.data())?;
            sync_database(server.data())?;
            server.restart()?;
            costs[0][at].push(open(&server, subject).await?);
            server.kill()?;
        }
    }
    restore_database(killed.path(), server.data())?;
    server.restart()?;
    for subject in &subjects {
        // So that stopping in order finds them loaded.
        open(&server, subject).await?;
    }
    for _ in 0..options.rounds {
        for (at, subject) in subjects.iter().enumerate() {
            ensure!(server.terminate()?.success(), "the server does not stop well");
            server.restart()?;
            costs[1][at].push(open(&server, subject).await?);
            costs[2][at].push(open(&server, subject).await?);
            costs[3][at].push(resume(&server, subject).await?);
        }
    }
    let [crashed, cold, warm, resume] = costs;
    let costs = [cold, crashed, warm, resume];
    let work = costs.each_ref().map(|pair| Work {
        sent: pair.each_ref().map(|costs| median(costs.iter().map(|cost| cost.sent))),
        read: costs_known(pair)
            .then(|| pair.each_ref().map(|costs| median(costs.iter().filter_map(|cost| cost.read)))),
    });
    let pairs = costs.map(|pair| {
        let [few, many] = pair.map(|costs| median(costs.iter().map(|cost| cost.ms)));
        Pair { few, many }
    });
    let [cold, crashed, warm, resume] = pairs;
    Ok(Report { options, cold, crashed, tail, warm, resume, work, wrote })
}

/// What one opening took.
struct Cost {
    ms: f64,
    sent: f64,
    read: Option<f64>,
}

impl Cost {
    /// What it took from a moment on until now.
    fn since(began: Instant, server: &Server, client: &Client, before: (u64, Option<u64>)) -> Cost {
        let ms = began.elapsed().as_secs_f64() * 1_000.0;
        let (sent, read) = counted(server, client);
        let read = read.zip(before.1).map(|(now, before)| now.saturating_sub(before) as f64);
        Cost { ms, sent: sent.saturating_sub(before.0) as f64, read }
    }
}

/// What a client got until now, and what a server has read, in bytes.
fn counted(server: &Server, client: &Client) -> (u64, Option<u64>) {
    // Linux counts what goes through read calls, from its own cache too.
    let told = std::fs::read_to_string(format!("/proc/{}/io", server.process())).ok();
    let read = told.and_then(|told| told.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok()));
    (client.analytics().bytes_in, read)
}

fn costs_known(pair: &[Vec<Cost>; 2]) -> bool {
    pair.iter().flatten().all(|cost| cost.read.is_some())
}

fn median(all: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<_> = all.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Writes a review, if wanted until it is far behind a snapshot; how many entries are between two then.
async fn write(server: &Server, edits: u64, far: bool, text: &str) -> Result<(Subject, u64)> {
    let id = server.create_review(&format!("edits-{edits}"))?;
    let mut hands = Hands::new(server, &id, text).await?;
    hands.edits(edits - 2 * BEHIND).await?;
    let interval = if far { hands.far_behind_a_snapshot(server.data()).await? } else { 0 };
    hands.edit(true).await?;
    let behind = tempfile::tempdir()?;
    let client = late(server, behind.path()).await?;
    let review = client.open(&id).await?;
    arrived(&review, hands.version()).await?;
    client.closed().await?;
    ensure!(review.version() == hands.version(), "it has more than that");
    hands.edit(false).await?;
    ensure!(server.review(&id)?["comments"][0]["text"] == text, "the text is another");
    Ok((Subject { version: hands.version(), id, behind }, interval))
}

/// A client on a store of its own.
async fn late(server: &Server, folder: &Path) -> Result<Client> {
    Ok(Client::builder(server.url()).user("late", "Late").store_dir(folder).connect().await?)
}

/// What it takes until a client without a copy has the review, once it is connected.
async fn open(server: &Server, subject: &Subject) -> Result<Cost> {
    let client =
        Client::builder(server.url()).user("reader", "Reader").store(MemoryStore::new()).connect().await?;
    let (began, before) = (Instant::now(), counted(server, &client));
    let review = client.open(&subject.id).await?;
    arrived(&review, subject.version).await?;
    let cost = Cost::since(began, server, &client, before);
    client.closed().await?;
    Ok(cost)
}

/// What it takes until a client that lacks the last edits has them, once it is connected.
async fn resume(server: &Server, subject: &Subject) -> Result<Cost> {
    let folder = tempfile::tempdir()?;
    copy_folder(subject.behind.path(), folder.path())?;
    let client = late(server, folder.path()).await?;
    ensure!(client.stored().await?.len() == 1, "it has no copy");
    let (began, before) = (Instant::now(), counted(server, &client));
    let review = client.open(&subject.id).await?;
    arrived(&review, subject.version).await?;
    let cost = Cost::since(began, server, &client, before);
    client.closed().await?;
    Ok(cost)
}

async fn arrived(review: &Review, version: u64) -> Result<()> {
    let end = Instant::now() + DEADLINE;
    while review.version() < version || !review.is_online() {
        ensure!(Instant::now() < end, "at version {} of {version}", review.version());
        sleep(LOOK).await;
    }
    Ok(())
}
